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
