/*
 * How long an event is on its way through the proxy: 10 streams at once, 40 events each, 50 ms
 * apart, from the upstream's send to the client's receive, on one clock. "direct" is the same
 * without the proxy: what the measuring itself costs. Both ends are lib/probe.c: a client in node
 * needs milliseconds of its own. The promise: p99 at most 1 ms.
 */
import { execFile, execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { rate_limited, start_anthropic } from '../system/anthropic.mjs'
import { events_for, message_for, sse } from '../system/answers.mjs'
import { CREDENTIALS, REGION, chunk_frame } from '../system/bedrock.mjs'
import { headers_for, message } from '../system/client.mjs'
import { free_port, start_proxy, temp_folder } from '../system/harness.mjs'
import { promisify } from 'node:util'
import { quantiles, show_ms } from './lib/figures.mjs'

const STREAMS = Number(process.env.STREAMS || 10), EVENTS = Number(process.env.EVENTS || 40), EVERY_MS = Number(process.env.EVERY_MS || 50)
const ROUNDS = Number(process.env.ROUNDS || 3)
const here = path.dirname(fileURLToPath(import.meta.url))
const folder = temp_folder(), probe = path.join(folder, 'probe')
execFileSync('cc', ['-O2', '-D_GNU_SOURCE', '-o', probe, path.join(here, 'lib/probe.c'), '-lpthread'], { stdio: 'inherit' })

/* The bytes of one stream, each event as one HTTP chunk. */
function write_stream(name, type, frame) {
	const dir = path.join(folder, name)
	fs.mkdirSync(dir)
	const chunk = bytes => Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
	const body = JSON.stringify(message({ stream: true, messages: [{ role: 'user', content: 'stream-00' }] }))
	const whole = message_for({}, {}, { idPrefix: 'msg_', model: 'claude-opus-5-5', text: '', usage: { input_tokens: 1, output_tokens: 1 } })
	const all = [...events_for(whole, { events: EVENTS }, {})].map(event => event())
	const deltas = all.filter(event => event.type === 'content_block_delta')
	const at = all.indexOf(deltas[0])
	deltas.forEach((event, i) => { event.delta.text = `<<${i}>> ` })
	const bytes = events => Buffer.concat(events.map(event => chunk(frame(event))))
	const put = (file, data) => fs.writeFileSync(path.join(dir, file), data)
	put('request', `POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\n${Object.entries(headers_for('sk-ant-probe')).map(h => h.join(': ')).join('\r\n')}\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
	put('head', Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`), bytes(all.slice(0, at))]))
	deltas.forEach((event, i) => put(`event-${i}`, bytes([event])))
	put('tail', Buffer.concat([bytes(all.slice(at + EVENTS)), Buffer.from('0\r\n\r\n')]))
	return dir
}
const anthropicStream = write_stream('anthropic', 'text/event-stream', event => Buffer.from(sse(event)))
const bedrockStream = write_stream('bedrock', 'application/vnd.amazon.eventstream', chunk_frame)

async function measure(what, dir, upstreamPort, targetPort) {
	const { stdout } = await promisify(execFile)(probe, [dir, upstreamPort, targetPort, STREAMS, EVENTS, EVERY_MS, ROUNDS].map(String), { maxBuffer: 1 << 26 })
	const delays = stdout.trim().split('\n').map(ns => Number(ns) / 1e6)
	if (delays.length !== ROUNDS * STREAMS * EVENTS || delays.some(ms => ms < 0))
		throw new Error(`${what}: ${delays.length} events instead of ${ROUNDS * STREAMS * EVENTS}, the earliest after ${Math.min(...delays)} ms`)
	console.log(`latency ${what}: ${show_ms(quantiles(delays))}`)
}

const limited = await start_anthropic()
limited.take = () => rate_limited(null)
try {
	const direct = await free_port()
	await measure('direct', anthropicStream, direct, direct)
	const upstream = await free_port(), url = `http://127.0.0.1:${upstream}`
	for (const [what, dir, env] of [['Anthropic', anthropicStream, { ANTHROPIC_API_BASE: url }], ['Bedrock', bedrockStream, { ANTHROPIC_API_BASE: limited.url,
		AWS_ENDPOINT_URL_BEDROCK_RUNTIME: url, AWS_REGION: REGION, AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey }]]) {
		const proxy = await start_proxy({ env: { WORKERS: '1', ...env } })
		try {
			await measure(`through the proxy, ${what}`, dir, upstream, proxy.port)
		} finally {
			await proxy.stop()
		}
	}
} finally {
	await limited.close()
	fs.rmSync(folder, { recursive: true })
}
