/*
 * What one stream costs: 1,000 at once in one worker, TLS to the upstream, one event each 200 ms,
 * request bodies of 50 KB. Prints KiB a stream over idle (the promise is 72), CPU, and how late
 * events were while all of them ran. Upstream and clients are processes of their own.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { headers_for, message } from '../system/client.mjs'
import { certificate, start_proxy, temp_folder } from '../system/harness.mjs'
import { cpu_s, pss_kib, quantiles, rss_kib, show_ms } from './lib/figures.mjs'

const STREAMS = Number(process.env.STREAMS || 1000), EVERY_MS = Number(process.env.EVERY_MS || 200), BODY_BYTES = Number(process.env.BODY_BYTES || 50_000)
const MEASURE_S = Number(process.env.MEASURE_S || 10), PROMISE_KIB = 72
const here = path.dirname(fileURLToPath(import.meta.url))
const folder = temp_folder()
const tls = certificate(folder)
const upstream = fork(path.join(here, 'lib/upstream.mjs'), [JSON.stringify({ events: 1_000_000, everyMs: EVERY_MS }), path.join(folder, 'key.pem'), tls.certFile])
const [{ url }] = await once(upstream, 'message')
const proxy = await start_proxy({ env: { ANTHROPIC_API_BASE: url, SSL_CERT_FILE: tls.certFile, WORKERS: '1' } })
let crowd
try {
	const pid = proxy.pid()
	const warm = await proxy.open({ headers: headers_for('sk-ant-warm'), body: message({ stream: true }) })
	await warm.deltas(2)
	warm.leave()
	await sleep(1000)
	const idle = { pss: pss_kib(pid), rss: rss_kib(pid) }

	crowd = fork(path.join(here, 'lib/crowd.mjs'), [proxy.url, String(STREAMS), String(BODY_BYTES)])
	const [{ flowing, failed }] = await once(crowd, 'message', { signal: AbortSignal.timeout(120_000) })
	await sleep(2000)
	crowd.send('start')
	await once(crowd, 'message')
	const cpu = cpu_s(pid)
	let pss = 0, rss = 0
	for (let i = 0; i < MEASURE_S; i++) {
		await sleep(1000)
		pss = Math.max(pss, pss_kib(pid))
		rss = Math.max(rss, rss_kib(pid))
	}
	const busy = (cpu_s(pid) - cpu) / MEASURE_S
	crowd.send('report')
	const [{ delays }] = await once(crowd, 'message')
	const each = (pss - idle.pss) / flowing
	console.log(`memory: ${flowing} TLS streams (${failed} failed), ${each.toFixed(1)} KiB each over idle by PSS, ${((rss - idle.rss) / flowing).toFixed(1)} by RSS` +
		` (${idle.pss} KiB idle, ${pss} KiB loaded; promised: at most ${PROMISE_KIB})`)
	console.log(`memory: ${(busy * 100).toFixed(1)} % of one core; events ${show_ms(quantiles(delays))}`)
	crowd.disconnect()
	await sleep(3000)
	console.log(`memory: ${pss_kib(pid)} KiB three seconds after all have left`)
	process.exitCode = flowing === STREAMS ? 0 : 1
} finally {
	if (crowd?.connected)
		crowd.disconnect()
	upstream.disconnect()
	await proxy.stop()
}
