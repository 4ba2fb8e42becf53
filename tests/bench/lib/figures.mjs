/* Figures of a run, and the rest that the benchmarks share. */
import fs from 'node:fs'

export function quantiles(values) {
	const sorted = Float64Array.from(values).sort()
	const at = q => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]
	return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) }
}
export const show_ms = ({ count, p50, p99, max }) =>
	`p50 ${p50.toFixed(3)} ms, p99 ${p99.toFixed(3)} ms, max ${max.toFixed(3)} ms (${count} events)`

/* What a process really costs: its proportional share of every page, in KiB. */
export const pss_kib = pid => Number(/^Pss:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1])
export const rss_kib = pid => Number(/^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
/* CPU seconds used so far, user and system. */
export function cpu_s(pid) {
	const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
	return (Number(fields[11]) + Number(fields[12])) / 100 /* USER_HZ */
}

/* Delays in ms from an event's stamp (its sending) to the arrival of the chunk that holds its end. */
export function delays_of(chunks, from = 0) {
	const delays = []
	let rest = ''
	for (const { data, ns } of chunks) {
		const parts = (rest + data.toString('latin1')).split('\n\n')
		rest = parts.pop()
		for (const part of parts) {
			const found = /@(\d+)@/.exec(part)
			if (found && ns >= from)
				delays.push(Number(ns - BigInt(found[1])) / 1e6)
		}
	}
	return delays
}
