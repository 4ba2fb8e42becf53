/*
 * How long an event is on its way through the proxy: 10 streams at once, 40 events each, 50 ms
 * apart, from the upstream's send to the client's receive, on one clock. "direct" is the same
 * without the proxy: what the measuring itself costs.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { headers_for, message, new_key, open, provider } from '../system/client.mjs'
import { start_proxy } from '../system/harness.mjs'
import { delays_of, quantiles, show_ms } from './lib/figures.mjs'

const STREAMS = Number(process.env.STREAMS || 10), EVENTS = Number(process.env.EVENTS || 40), EVERY_MS = Number(process.env.EVERY_MS || 50)
const ROUNDS = Number(process.env.ROUNDS || 3)
const here = path.dirname(fileURLToPath(import.meta.url))
const upstream = fork(path.join(here, 'lib/upstream.mjs'), [JSON.stringify({ events: EVENTS, everyMs: EVERY_MS })])
const [urls] = await once(upstream, 'message')

async function measure(what, base, from) {
	const delays = []
	for (let round = 0; round < ROUNDS; round++) {
		const running = []
		for (let i = 0; i < STREAMS; i++) {
			running.push(open(base, { headers: headers_for(new_key()), body: message({ stream: true }) }).then(a => a.ended))
			await sleep(EVERY_MS / STREAMS)
		}
		for (const answer of await Promise.all(running)) {
			if (answer.status !== 200 || provider(answer) !== from)
				throw new Error(`${what}: ${answer.status} from ${provider(answer)}: ${answer.text.slice(0, 500)}`)
			delays.push(...delays_of(answer.chunks))
		}
	}
	if (delays.length !== ROUNDS * STREAMS * EVENTS)
		throw new Error(`${what}: ${delays.length} events instead of ${ROUNDS * STREAMS * EVENTS}`)
	if (what)
		console.log(`latency ${what}: ${show_ms(quantiles(delays))}`)
}

try {
	await measure('', urls.answering) /* the two node processes warm up */
	await measure('direct', urls.answering)
	for (const [what, env] of [['anthropic', { ANTHROPIC_API_BASE: urls.answering }], ['bedrock', { ANTHROPIC_API_BASE: urls.limited, ...urls.bedrock }]]) {
		const proxy = await start_proxy({ env: { WORKERS: '1', ...env } })
		try {
			await measure(`through the proxy, ${what}`, proxy.url, what)
		} finally {
			await proxy.stop()
		}
	}
} finally {
	upstream.disconnect()
}
