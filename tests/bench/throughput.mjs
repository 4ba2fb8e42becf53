/*
 * Small requests that are not streams, through the proxy and through nginx as a plain reverse
 * proxy, both in front of the same nginx that answers from memory. Load: ab (apache2-utils).
 */
import { start_proxy } from '../system/harness.mjs'
import { can_load, start_load } from './lib/load.mjs'

const COUNT = process.env.COUNT || '20000', CONCURRENCY = (process.env.CONCURRENCY || '1,16,64').split(',')
if (!can_load) {
	console.log('throughput: skipped, it needs nginx and ab (apache2-utils)')
	process.exit(0)
}

const load = await start_load()
let proxy
try {
	proxy = await start_proxy({ env: { ANTHROPIC_API_BASE: `http://127.0.0.1:${load.origin}`, WORKERS: '0', LOG_LEVEL: 'warning' } })
	for (const concurrency of CONCURRENCY) {
		const theirs = load.measure(load.plain, concurrency, COUNT), ours = load.measure(proxy.port, concurrency, COUNT)
		console.log(`throughput at ${concurrency} at once: ours ${ours.rps.toFixed(0)}/s (p99 ${ours.p99} ms), nginx proxy_pass ${theirs.rps.toFixed(0)}/s (p99 ${theirs.p99} ms), ratio ${(ours.rps / theirs.rps).toFixed(2)}`)
	}
} finally {
	load.stop()
	await proxy?.stop()
}
