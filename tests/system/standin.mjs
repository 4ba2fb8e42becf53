/*
 * What both stand-ins share: a server that records every request byte for byte, knows when the
 * other side went away, and answers each request by a script that the test put in line.
 *
 * A script is an object; every field is optional:
 *   status, headers, body      answer exactly this (headers: object or flat array; body: string,
 *                              Buffer or object for JSON; null = no body and content-length 0)
 *   lax: true                  do not judge the request's body first
 *   delayMs                    wait before the answer's first byte
 *   silent: true               never answer (until the other side goes)
 *   reset: true                reset the connection instead of answering (libcurl asks again when the
 *                              connection was used before; to fail for good: standin.dead = true)
 *   content, usage, stopReason what the model says (see answers.mjs)
 *   events, everyMs            a text stream of so many deltas, one each everyMs, each with the
 *                              time of its sending in it (see stamp())
 *   gate                       a Gate: one event leaves each time the test opens it
 *   silentAfter: n             after n events: nothing more, the connection stays open
 *   pauseAfter: [n, ms]        after n events: a pause
 *   cutAfter: n                after n events: the connection is reset
 *   cutAfterBytes: n           after n bytes of the answer's body: the same
 *   endAfter: n                after n events: the answer ends as if it were whole
 * A function instead of an object is called with the record and gives the script. Requests that find no
 * script in line get standin.usual (another such function), which is {} unless a test sets it.
 */
import http from 'node:http'
import https from 'node:https'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

/* Nanoseconds of CLOCK_MONOTONIC: the same clock in every process of the machine. */
export const now_ns = () => process.hrtime.bigint()
export const now_ms = () => Number(now_ns()) / 1e6

/* The time of sending, carried inside an event's text: "@123456789@". */
export const stamp = () => `@${now_ns()}@`
export const read_stamp = text => {
	const found = /@(\d+)@/.exec(text)
	return found ? BigInt(found[1]) : null
}

/* Lets a test decide when the next event leaves: no clock is needed to see that nothing is held. */
export class Gate {
	#open = 0
	#waiting = []
	open(count = 1) {
		for (; count > 0; count--) {
			const next = this.#waiting.shift()
			if (next)
				next()
			else
				this.#open++
		}
	}
	open_for_good() { this.#open = Infinity; this.#waiting.splice(0).forEach(next => next()) }
	async pass() {
		if (this.#open > 0) {
			this.#open--
			return
		}
		await new Promise(resolve => this.#waiting.push(resolve))
	}
}

/* One request as it came. Times are now_ms(). */
class Recorded {
	constructor(req) {
		this.method = req.method
		this.url = req.url
		this.httpVersion = req.httpVersion
		this.rawHeaders = req.rawHeaders
		this.headers = req.headers
		this.body = Buffer.alloc(0)
		this.sent = [] /* the answer's body, as written */
		this.arrivedMs = now_ms()
		this.goneMs = null /* when the other side left before the answer was whole */
		this.finished = false
		this.closed = new Promise(resolve => { this.markClosed = resolve })
	}
	get path() { return this.url.split('?')[0] }
	get query() { return this.url.includes('?') ? this.url.slice(this.url.indexOf('?') + 1) : '' }
	json() { return JSON.parse(this.body.toString('utf8')) }
	sentBytes() { return Buffer.concat(this.sent) }
	/* Every value of a header, in order, as bytes came. */
	all(name) {
		const found = []
		for (let i = 0; i < this.rawHeaders.length; i += 2)
			if (this.rawHeaders[i].toLowerCase() === name.toLowerCase())
				found.push(this.rawHeaders[i + 1])
		return found
	}
	has(name) { return this.all(name).length > 0 }
}

/* The other side is gone or the script cut the connection: ends an answer quietly. */
export class Gone extends Error {}

/* Writes one answer: counts bytes and events, obeys the script's cuts and pauses. */
export class Writer {
	constructor(res, record, script) {
		this.res = res
		this.record = record
		this.script = script
		this.bytes = 0
		this.events = 0
	}
	head(status, headers) {
		this.res.writeHead(status, headers)
		this.res.flushHeaders()
	}
	async raw(data) {
		let chunk = Buffer.isBuffer(data) ? data : Buffer.from(data, 'utf8')
		const cut = this.script.cutAfterBytes
		if (this.res.destroyed || this.record.goneMs !== null)
			throw new Gone()
		const cutHere = cut !== undefined && this.bytes + chunk.length >= cut
		if (cutHere)
			chunk = chunk.subarray(0, cut - this.bytes)
		this.bytes += chunk.length
		this.record.sent.push(chunk)
		const flowing = this.res.write(chunk)
		if (cutHere)
			await this.cut()
		if (!flowing)
			await Promise.race([once(this.res, 'drain'), this.record.closed])
	}
	/* frame() is called at the last moment, so that a stamp in it is the time of sending. */
	async event(frame) {
		const s = this.script
		if (s.gate)
			await Promise.race([s.gate.pass(), this.record.closed])
		else if (s.everyMs && this.events > 0)
			await sleep(s.everyMs)
		await this.raw(frame())
		this.events++
		if (s.cutAfter === this.events)
			await this.cut()
		if (s.silentAfter === this.events)
			await this.silence()
		if (s.endAfter === this.events) {
			this.end()
			throw new Gone()
		}
		if (s.pauseAfter?.[0] === this.events)
			await sleep(s.pauseAfter[1])
	}
	async silence() {
		await this.record.closed
		throw new Gone()
	}
	/* What was written is on the wire first; then the connection breaks. */
	async cut() {
		await new Promise(resolve => setImmediate(resolve))
		await sleep(5)
		this.res.socket?.destroy()
		throw new Gone()
	}
	end() { this.record.finished = true; this.res.end() }
}

export class Standin {
	#line = []
	#server
	#answer
	#sockets = new Set()
	requests = []
	usual = {}
	dead = false /* every connection is reset once a request is there */

	/* answer(standin, record, writer, script) does one request; tls: {key, cert} or null. */
	constructor(answer, tls) {
		this.#answer = answer
		const options = { keepAliveTimeout: 120_000, requestTimeout: 0, maxHeaderSize: 262_144 }
		const handler = (req, res) => this.#serve(req, res)
		this.#server = tls ? https.createServer({ ...options, ...tls }, handler)
			: http.createServer(options, handler)
		this.#server.on('connection', socket => {
			socket.setNoDelay(true)
			this.#sockets.add(socket)
			socket.on('close', () => this.#sockets.delete(socket))
			socket.on('error', () => {})
		})
		this.#server.on('secureConnection', socket => {
			socket.setNoDelay(true)
			socket.on('error', () => {})
		})
		this.#server.on('tlsClientError', () => { this.refusedHandshakes++ })
		this.refusedHandshakes = 0
		this.scheme = tls ? 'https' : 'http'
	}
	async listen(port = 0, backlog = 4096) {
		this.#server.listen({ port, host: '127.0.0.1', backlog })
		await once(this.#server, 'listening')
		this.port = this.#server.address().port
		this.url = `${this.scheme}://127.0.0.1:${this.port}`
		return this
	}
	/* The next request that counts takes this script; several wait in line. */
	script(...scripts) { this.#line.push(...scripts) }
	/* Scripts that nobody took: a test that leaves some was wrong about what would be asked. */
	get unused() { return this.#line.length }
	reset() { this.#line = []; this.requests = []; this.usual = {}; this.dead = false }
	get last() { return this.requests.at(-1) }
	take(record) {
		const next = this.#line.shift() ?? this.usual
		return typeof next === 'function' ? next(record) ?? {} : next
	}
	async close() {
		const closed = new Promise(resolve => this.#server.close(resolve))
		for (const socket of this.#sockets)
			socket.destroy()
		await closed
	}

	async #serve(req, res) {
		const record = new Recorded(req)
		this.requests.push(record)
		res.on('error', () => {})
		res.on('close', () => {
			if (!res.writableFinished && record.goneMs === null)
				record.goneMs = now_ms()
			record.markClosed()
		})
		try {
			const parts = []
			for await (const part of req)
				parts.push(part)
			record.body = Buffer.concat(parts)
			if (this.dead) {
				res.socket.resetAndDestroy()
				throw new Gone()
			}
			await this.#answer(this, record, res)
		} catch (error) {
			if (!(error instanceof Gone) && error.code !== 'ECONNRESET') {
				record.failure = error
				console.error('stand-in failed:', error)
			}
			if (!record.finished)
				res.destroy()
		}
	}

	/* Plays what the script says of the answer as a whole; true when that was all. */
	async play(record, res, script, headers) {
		if (script.reset) {
			res.socket.resetAndDestroy()
			throw new Gone()
		}
		if (script.silent)
			await new Writer(res, record, script).silence()
		if (script.delayMs)
			await Promise.race([sleep(script.delayMs), record.closed])
		if (script.status === undefined)
			return false
		const writer = new Writer(res, record, script)
		const body = as_bytes(script.body)
		const own = Array.isArray(script.headers) ? script.headers : Object.entries(script.headers ?? {}).flat()
		const has = name => own.some((h, i) => i % 2 === 0 && h.toLowerCase() === name)
		const flat = Object.entries(headers).filter(([name]) => !has(name)).flat()
		if (!has('content-type') && body.length > 0)
			flat.push('content-type', 'application/json')
		writer.head(script.status, [...flat, ...own, 'content-length', String(body.length)])
		if (body.length > 0)
			await writer.raw(body)
		writer.end()
		return true
	}
}

function as_bytes(body) {
	if (body === null || body === undefined)
		return Buffer.alloc(0)
	if (Buffer.isBuffer(body))
		return body
	return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body), 'utf8')
}
