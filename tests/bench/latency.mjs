/*
 * How long an event is on its way through the proxy: 10 streams at once, 40 events each, 50 ms
 * apart, from the upstream's send to the client's receive, on one clock. "direct" is the same
 * without the proxy: what the measuring itself costs. Both ends are lib/probe.c: a client in node
 * needs milliseconds of its own. The promise: p99 at most 1 ms.
 */
import fs from 'node:fs'
import { rate_limited, start_anthropic } from '../system/anthropic.mjs'
import { CREDENTIALS, REGION } from '../system/bedrock.mjs'
import { free_port, start_proxy, temp_folder } from '../system/harness.mjs'
import { quantiles, show_ms } from './lib/figures.mjs'
import { Probe } from './lib/probe.mjs'

const ROUNDS = Number(process.env.ROUNDS || 3)
const folder = temp_folder(), probe = new Probe(folder)
const measure = async (what, name, upstreamPort, targetPort) =>
	console.log(`latency ${what}: ${show_ms(quantiles(await probe.delays(name, upstreamPort, targetPort, ROUNDS)))}`)

const limited = await start_anthropic()
limited.take = () => rate_limited(null)
try {
	const direct = await free_port()
	await measure('direct', 'anthropic', direct, direct)
	const upstream = await free_port(), url = `http://127.0.0.1:${upstream}`
	for (const [what, name, env] of [['Anthropic', 'anthropic', { ANTHROPIC_API_BASE: url }], ['Bedrock', 'bedrock', { ANTHROPIC_API_BASE: limited.url,
		AWS_ENDPOINT_URL_BEDROCK_RUNTIME: url, AWS_REGION: REGION, AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey }]]) {
		const proxy = await start_proxy({ env: { WORKERS: '1', ...env } })
		try {
			await measure(`through the proxy, ${what}`, name, upstream, proxy.port)
		} finally {
			await proxy.stop()
		}
	}
} finally {
	await limited.close()
	fs.rmSync(folder, { recursive: true })
}
