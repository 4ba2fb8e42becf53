/*
 * The same proxy behind each web server, as a table (doc/operations.md): how long an event is on its way (10 streams, 40
 * events each, 50 ms apart), small requests that are no streams against nginx proxy_pass in the same run, and how long
 * 200 streams that come at once to a proxy that has just started wait for their first event. SERVERS names some of them.
 */
import fs from 'node:fs'
import { start_anthropic } from '../system/anthropic.mjs'
import { headers_for, message, open } from '../system/client.mjs'
import { free_port, start_proxy, temp_folder } from '../system/harness.mjs'
import { now_ms } from '../system/standin.mjs'
import { quantiles } from './lib/figures.mjs'
import { can_load, start_load } from './lib/load.mjs'
import { Probe } from './lib/probe.mjs'

const SERVERS = (process.env.SERVERS || 'lighttpd,apache,apache-proxy,nginx').split(',')
const NAMES = { lighttpd: 'lighttpd', apache: 'Apache, mod_fcgid', 'apache-proxy': 'Apache, mod_proxy_fcgi', nginx: 'nginx' }
const ROUNDS = Number(process.env.ROUNDS || 3), COUNT = Number(process.env.COUNT || 20_000), COLD = 200
const CONCURRENCY = [1, 16, 64]

const folder = temp_folder(), probe = new Probe(folder)
const load = can_load ? await start_load() : null
if (!load)
	console.log('servers: throughput is not measured, it needs nginx and ab (apache2-utils)')
const anthropic = await start_anthropic()

async function with_proxy(server, env, use) {
	const proxy = await start_proxy({ server, env: { WORKERS: '0', LOG_LEVEL: 'warning', ...env } })
	try {
		return await use(proxy)
	} finally {
		await proxy.stop()
	}
}
async function delays(server) {
	const upstream = await free_port()
	return with_proxy(server, { ANTHROPIC_API_BASE: `http://127.0.0.1:${upstream}` }, async proxy =>
		quantiles(await probe.delays('anthropic', upstream, proxy.port, ROUNDS)))
}
/* Ours against proxy_pass, at each number of requests at once. */
const ratios = server => with_proxy(server, { ANTHROPIC_API_BASE: `http://127.0.0.1:${load.origin}` }, async proxy => {
	for (const port of [load.plain, proxy.port])
		load.measure(port, Math.max(...CONCURRENCY), COUNT / 10) /* whatever has to be started first, is */
	return CONCURRENCY.map(concurrency => load.measure(proxy.port, concurrency, COUNT).rps / load.measure(load.plain, concurrency, COUNT).rps)
})
const cold = server => with_proxy(server, { ANTHROPIC_API_BASE: anthropic.url }, async proxy => {
	return quantiles(await Promise.all(Array.from({ length: COLD }, async (_, i) => {
		const from = now_ms()
		const answer = await open(proxy.url, { headers: headers_for(`sk-ant-cold-${i}`), body: message({ stream: true }) })
		if (answer.status !== 200)
			throw new Error(`${server}: ${answer.status} for one of ${COLD} cold streams`)
		await answer.ended
		return answer.chunks[0].ms - from
	})))
})

try {
	console.log(`| web server | events: p50 ms | p99 ms | requests/s against proxy_pass, ${CONCURRENCY.join(' / ')} at once | ${COLD} cold streams: first event p50 ms | p99 ms |`)
	console.log('| --- | --- | --- | --- | --- | --- |')
	for (const server of SERVERS) {
		const late = await delays(server), ratio = load ? await ratios(server) : null, first = await cold(server)
		console.log(`| ${NAMES[server]} | ${late.p50.toFixed(2)} | ${late.p99.toFixed(2)} | ${ratio?.map(r => r.toFixed(2)).join(' / ') ?? '-'} | ${first.p50.toFixed(0)} | ${first.p99.toFixed(0)} |`)
	}
} finally {
	load?.stop()
	await anthropic.close()
	fs.rmSync(folder, { recursive: true })
}
