/* probe.c, compiled, with the bytes that it needs: streams as Anthropic and Bedrock write them, each event as one HTTP chunk. */
import { execFile, execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { events_for, message_for, sse } from '../../system/answers.mjs'
import { chunk_frame } from '../../system/bedrock.mjs'
import { headers_for, message } from '../../system/client.mjs'

export const STREAMS = Number(process.env.STREAMS || 10), EVENTS = Number(process.env.EVENTS || 40), EVERY_MS = Number(process.env.EVERY_MS || 50)
const here = path.dirname(fileURLToPath(import.meta.url))
const frames = { anthropic: ['text/event-stream', event => Buffer.from(sse(event))], bedrock: ['application/vnd.amazon.eventstream', chunk_frame] }

/* In folder: the program, and a folder of bytes for each kind of upstream. */
export class Probe {
	constructor(folder) {
		this.folder = folder
		this.program = path.join(folder, 'probe')
		execFileSync('cc', ['-O2', '-D_GNU_SOURCE', '-o', this.program, path.join(here, 'probe.c'), '-lpthread'], { stdio: 'inherit' })
		for (const [name, [type, frame]] of Object.entries(frames))
			write_stream(path.join(folder, name), type, frame)
	}
	/* Delays in ms. Throws where an event is missing. */
	async delays(name, upstreamPort, targetPort, rounds) {
		const { stdout } = await promisify(execFile)(this.program, [path.join(this.folder, name), upstreamPort, targetPort, STREAMS, EVENTS, EVERY_MS, rounds].map(String),
			{ maxBuffer: 1 << 26 })
		const delays = stdout.trim().split('\n').map(ns => Number(ns) / 1e6)
		if (delays.length !== rounds * STREAMS * EVENTS || delays.some(ms => ms < 0))
			throw new Error(`${delays.length} events instead of ${rounds * STREAMS * EVENTS}, the earliest after ${Math.min(...delays)} ms`)
		return delays
	}
}

function write_stream(dir, type, frame) {
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
}
