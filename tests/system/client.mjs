/*
 * A client that hides nothing: raw headers out, raw bytes in, each chunk with its time of arrival.
 * The SDK is for what users do; this is for what they must not notice.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { now_ms, now_ns } from './standin.mjs'

/* It closes what is idle before a server does, which would break the request that comes in that moment. */
const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity, timeout: 4000 })
/* What works takes not nearly so long; but a machine that has other things to do may keep it waiting for seconds. */
export const WAIT_MAX_MS = 30_000

/* A Messages request as a client of today writes it. */
export const message = (over = {}) => ({ model: 'claude-opus-5-5', max_tokens: 1024,
	messages: [{ role: 'user', content: 'Hello' }], ...over })

/* A credential of its own: limits remembered for one test do not reach the next. */
let keys = 0
export const new_key = () => `sk-ant-api03-${process.pid}-${++keys}-${Date.now().toString(36)}`
let users = 0
export const new_user = () => `user-${process.pid}-${++users}`

export const headers_for = (key, over = {}) => ({ 'content-type': 'application/json',
	'anthropic-version': '2023-06-01', ...(key ? { 'x-api-key': key } : {}), ...over })

/* An answer in progress. */
class Answer {
	constructor(req, res) {
		this.req = req
		this.res = res
		this.status = res.statusCode
		this.headers = res.headers
		this.rawHeaders = res.rawHeaders
		this.chunks = [] /* {data, ms, ns} */
		this.broken = false
		this.#waiters = []
		this.ended = new Promise(resolve => {
			res.on('data', data => { this.chunks.push({ data, ms: now_ms(), ns: now_ns() }); this.#wake() })
			res.on('error', () => {})
			res.on('aborted', () => { this.broken = true })
			res.on('close', () => { this.closed = true; this.#wake(); resolve(this) })
		})
	}
	#waiters
	#wake() { this.#waiters.splice(0).forEach(wake => wake()) }
	get body() { return Buffer.concat(this.chunks.map(c => c.data)) }
	get text() { return this.body.toString('utf8') }
	json() { return JSON.parse(this.text) }
	/* Whole events so far. Throws where the stream is not framed as Anthropic frames it. */
	events() { return parse_sse(this.text) }
	/* Waits until condition(this) holds; fails when the answer ends before. */
	async until(condition, what, ms = WAIT_MAX_MS) {
		const timer = setTimeout(() => this.#wake(), ms)
		const end = now_ms() + ms
		try {
			while (!condition(this)) {
				assert.ok(!this.closed, `the answer ended before: ${what}\n${this.text.slice(-500)}`)
				assert.ok(now_ms() < end, `not within ${ms} ms: ${what}\n${this.text.slice(-500)}`)
				await new Promise(resolve => this.#waiters.push(resolve))
			}
		} finally {
			clearTimeout(timer)
		}
		return this
	}
	deltas(count) {
		return this.until(a => (a.text.match(/"type":"text_delta"/g) ?? []).length >= count, `${count} deltas`)
	}
	leave() { this.req.destroy() }
}

/* A split request's body follows its headers after so long, and not before the server has read those. */
const SPLIT_MS = 5

/*
 * Opens a request; resolves when the answer's headers are there. body: string, Buffer, object
 * (as JSON) or null. headers: an object, or a flat array to send as it is. split: the body follows
 * when the headers have been read. through: an agent of the test's own.
 */
export function open(base, { method = 'POST', path = '/v1/messages', headers = {}, body = null, ca, chunked = false, split = false, through = agent } = {}) {
	const url = new URL(base)
	/* A Buffer always: node writes headers in the encoding of a string that follows them. */
	const data = body === null || Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
	const flat = Array.isArray(headers) ? [...headers] : Object.entries(headers).flat()
	const has = name => flat.some((h, i) => i % 2 === 0 && h.toLowerCase() === name)
	if (!has('host'))
		flat.push('host', url.host)
	if (data !== null && !has('content-length') && !chunked)
		flat.push('content-length', String(data.length))
	else if (chunked)
		flat.push('transfer-encoding', 'chunked')
	return new Promise((resolve, reject) => {
		const req = (url.protocol === 'https:' ? https : http).request({ hostname: url.hostname, port: url.port,
			method, path, headers: flat, ca, agent: url.protocol === 'https:' ? undefined : through })
		req.setNoDelay(true)
		req.on('response', res => { req.answered = true; resolve(new Answer(req, res)) })
		req.on('error', error => { if (!req.answered) reject(Object.assign(error, { reusedSocket: req.reusedSocket })) }) /* one that is kept may be closed at any moment */
		finish(req, data, split)
	})
}

/* The whole answer. */
export const send = async (base, options) => (await open(base, options)).ended

/*
 * IPv4 connections at the port of a server on this machine, as the kernel lists them (proc(5)): each client's port,
 * whether it is established, and how many bytes wait for the server to read.
 */
export const connections = port => fs.readFileSync('/proc/net/tcp', 'utf8').split('\n')
	.map(line => line.match(/: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]{2}) [0-9A-F]+:([0-9A-F]+) /)?.slice(1).map(hex => parseInt(hex, 16)))
	.filter(found => found?.[0] === port).map(([, client, state, waiting]) => ({ client, established: state === 1, waiting }))

/* A busy server accepts so late that a body sent a fixed time after the headers comes with them. */
const is_read = socket => connections(socket.remotePort).some(one => one.client === socket.localPort && one.established && one.waiting === 0)

function finish(req, data, split) {
	if (!split)
		return req.end(data)
	const end = now_ms() + WAIT_MAX_MS
	const body = () => setTimeout(() => {
		if (is_read(req.socket) || now_ms() > end)
			req.end(data)
		else if (!req.destroyed)
			body()
	}, SPLIT_MS)
	req.flushHeaders()
	req.on('socket', socket => socket.connecting ? socket.once('connect', body) : body())
}

/* A request that may be left before its answer begins. */
export function depart(base, { path = '/v1/messages', headers, body, split = true }) {
	const url = new URL(base)
	const data = JSON.stringify(body)
	const req = http.request({ hostname: url.hostname, port: url.port, method: 'POST', path, agent: false,
		headers: { ...headers, 'content-length': Buffer.byteLength(data) } })
	req.setNoDelay(true)
	req.on('error', () => {})
	req.on('response', res => res.resume())
	finish(req, data, split)
	return req
}

/* Sends bytes as they are and gives what comes back until the other side closes, or nothing more comes for ms. */
export function raw(base, bytes, ms = 5000) {
	const url = new URL(base)
	return new Promise(resolve => {
		const parts = []
		const socket = net.connect(Number(url.port), url.hostname, () => socket.write(bytes))
		const done = () => { clearTimeout(timer); socket.destroy(); resolve(Buffer.concat(parts).toString('latin1')) }
		let timer = setTimeout(done, WAIT_MAX_MS)
		socket.on('data', part => {
			parts.push(part)
			clearTimeout(timer)
			timer = setTimeout(done, ms)
		})
		socket.on('error', done)
		socket.on('close', done)
	})
}

/*
 * [{event, data}] of whole events. Every event must be "event: NAME\ndata: JSON\n\n" with the
 * name equal to the JSON's type: what every SDK and Claude Code rely on.
 */
export function parse_sse(text) {
	const parts = text.split('\n\n')
	parts.pop()
	return parts.map(part => {
		const lines = part.split('\n').filter(line => !line.startsWith(':'))
		assert.equal(lines.length, 2, `an event must be two lines: ${JSON.stringify(part)}`)
		assert.match(lines[0], /^event: \w+$/)
		assert.ok(lines[1].startsWith('data: '), `no data line: ${part}`)
		const data = JSON.parse(lines[1].slice(6))
		const event = lines[0].slice(7)
		assert.equal(data.type, event)
		return { event, data }
	})
}

/* The order that clients rely on, whatever is said; "ping" may stand anywhere. */
export function assert_whole_stream(answer) {
	assert.equal(answer.status, 200)
	assert.match(answer.headers['content-type'], /^text\/event-stream/)
	assert.ok(answer.text.endsWith('\n\n'), 'the stream is cut inside an event')
	const names = answer.events().map(e => e.event).filter(name => name !== 'ping')
	assert.equal(names[0], 'message_start')
	assert.equal(names.at(-1), 'message_stop')
	assert.equal(names.at(-2), 'message_delta')
	assert.equal(names.filter(n => n === 'message_start').length, 1, 'two answers glued together')
	assert.equal(names.filter(n => n === 'content_block_start').length, names.filter(n => n === 'content_block_stop').length)
	return answer
}

export const text_of = answer => answer.events().filter(e => e.data.delta?.type === 'text_delta')
	.map(e => e.data.delta.text).join('')

/* Anthropic's shape of an error, whoever says it: a web server has no request_id to give. */
export function assert_error_shape(answer) {
	const said = `${answer.status} ${answer.headers['content-type']}: ${answer.text.slice(0, 500)}`
	assert.ok(answer.status >= 400, said)
	assert.match(answer.headers['content-type'] ?? '', /^application\/json/, said)
	const body = answer.json()
	assert.equal(body.type, 'error', said)
	assert.match(body.error.type, /^[a-z_]+_error$|^request_too_large$/, said)
	assert.equal(typeof body.error.message, 'string', said)
	assert.ok(body.error.message.length > 0, said)
	assert.ok('request_id' in body, said)
	return body
}

/* An error of the proxy's own: Anthropic's shape, and an id that the headers repeat. */
export function assert_own_error(answer, status, type) {
	assert.equal(answer.status, status, answer.text)
	const body = assert_error_shape(answer)
	assert.equal(body.error.type, type)
	assert.match(body.request_id, /\S/)
	assert.equal(answer.headers['request-id'], body.request_id)
	return body
}

export const provider = answer => answer.headers['x-claude-proxy-provider']
