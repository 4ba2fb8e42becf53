/*
 * What the web server in front owes us, whichever it is: it loses nothing, holds nothing back, closes nothing early, and
 * what it has to say itself it says as Anthropic would. More of it under every server: passthrough (each event at once,
 * bodies, headers, statuses), badinput (crooked paths, early 413), process, cancel, reload.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { assert_error_shape, assert_whole_stream, headers_for, message, open, raw, text_of } from './client.mjs'
import { BESIDE, IS_APACHE, PROGRAMS, ROOT, SERVER, suite, wait_until } from './harness.mjs'
import { Gate, now_ms } from './standin.mjs'

const s = suite()
const MIB = 1024 * 1024

/* mod_proxy_fcgi leaves a header over 16 KB out (2.4.71, "our limit"): there it is refused, so that nothing is lost unseen. */
const HEADER_MAX_BYTES = SERVER === 'apache-proxy' ? 16_000 : 60 * 1024
s.test(`a header of ${HEADER_MAX_BYTES} bytes arrives whole, and so does a query of 8 KB`, async ({ proxy, anthropic, key }) => {
	const list = Array.from({ length: 2000 }, (_, i) => `a-beta-of-tomorrow-2027-01-${i}`).join(',')
	assert.ok(list.length > 60 * 1024)
	const flags = list.slice(0, HEADER_MAX_BYTES)
	const answer = await proxy.ask({ key, headers: { 'anthropic-beta': flags } })
	assert.equal(answer.status, 200, answer.text)
	assert.deepEqual(anthropic.last.all('anthropic-beta'), [flags])
	const token = `Bearer sk-ant-oat01-${'t'.repeat(HEADER_MAX_BYTES / 2)}`
	const long = await proxy.ask({ headers: { authorization: token, 'anthropic-beta': 'oauth-2025-04-20' }, query: `?x=${'y'.repeat(8000)}` })
	assert.equal(long.status, 200, long.text)
	assert.deepEqual(anthropic.last.all('authorization'), [token])
	assert.equal(anthropic.last.query, `x=${'y'.repeat(8000)}`)
})
s.test('a longer header is refused', async ({ proxy, anthropic, key }) => {
	const own = Object.entries(headers_for(key, { host: '127.0.0.1' })).flat()
	const [wide, narrow] = [200_000, 17_000].map(size => ['anthropic-beta', 'x'.repeat(size)])
	const thrice = name => Array(3).fill([name, 'x'.repeat(7000)]).flat() /* Apache makes one of them */
	for (const headers of [wide, ...SERVER === 'apache-proxy' ? [narrow, ['authorization', `Bearer ${narrow[1]}`], ['x-stainless-os', narrow[1]],
		thrice('anthropic-beta'), thrice('anthropic-version'), thrice('x-claude-code-user')] : []]) {
		const answer = await proxy.send({ headers: [...own, ...headers], body: message() })
		assert.ok([400, 413, 431].includes(answer.status), String(answer.status))
		assert_error_shape(answer)
	}
	assert.equal(anthropic.requests.length, 0)
})

s.test('a long query arrives whole or is refused', async ({ proxy, anthropic, key }) => {
	const query = 'y'.repeat(17_000)
	const answer = await proxy.ask({ key, query: `?x=${query}` })
	if (SERVER === 'apache-proxy') {
		assert.equal(answer.status, 414, answer.text)
		assert_error_shape(answer)
		return
	}
	assert.equal(answer.status, 200, answer.text)
	assert.equal(anthropic.last.query, `x=${query}`)
})

s.test('Expect: 100-continue: the body is asked for, and not before that', async ({ proxy, anthropic, key }) => {
	const body = JSON.stringify(message({ metadata: { user_id: 'x'.repeat(MIB) } }))
	const req = http.request({ hostname: '127.0.0.1', port: proxy.port, method: 'POST', path: '/v1/messages', agent: false,
		headers: headers_for(key, { expect: '100-continue', 'content-length': String(body.length) }) })
	req.on('continue', () => req.end(body))
	const answer = await new Promise((resolve, reject) => { req.on('response', resolve); req.on('error', reject) })
	answer.resume()
	assert.equal(answer.statusCode, 200)
	assert.equal(anthropic.last.body.toString(), body)
})
s.test('a body without a length that is too long in the end: 413, and Anthropic is not asked', async t => {
	await t.with({ MAX_BODY_BYTES: String(MIB) }, async proxy => {
		const fine = Buffer.from(JSON.stringify(message({ metadata: { user_id: 'x'.repeat(900_000) } })))
		assert.equal((await proxy.open({ headers: headers_for(t.key), body: fine, chunked: true })).status, 200)
		assert.deepEqual(t.anthropic.last.body, fine)
		t.anthropic.requests.length = 0
		const answer = await proxy.send({ headers: headers_for(t.key), body: Buffer.alloc(MIB + 100, 0x20), chunked: true })
		assert.equal(answer.status, 413)
		assert.equal(assert_error_shape(answer).error.type, 'request_too_large')
		assert.equal(t.anthropic.requests.length, 0)
	})
})

/* Apache closes after a stream, so that one that is cut is seen to be, and after any 400; node itself after a HEAD without a length. */
s.test('one connection serves many requests', async ({ proxy, key }) => {
	const through = new http.Agent({ keepAlive: true, maxSockets: 1 })
	const sockets = new Set()
	try {
		for (let round = 0; round < 3; round++)
			for (const [status, options] of [[200, { body: message() }], [404, { method: 'GET', path: '/nothing' }], [405, { method: 'GET' }],
				[200, { method: 'GET', path: '/ui' }], [200, { method: 'HEAD', path: '/ui/main.js' }], [200, { method: 'GET', path: '/v1/usage' }],
				...IS_APACHE ? [] : [[200, { body: message({ stream: true }) }]]]) {
				const answer = await (await open(proxy.url, { headers: headers_for(key), through, ...options })).ended
				assert.equal(answer.status, status, answer.text)
				sockets.add(answer.req.socket)
			}
		assert.equal(sockets.size, 1, `${sockets.size} connections`)
	} finally {
		through.destroy()
	}
})
s.test('HEAD: no body, and the next request of the connection is answered', async ({ proxy, key }) => {
	const own = `host: 127.0.0.1\r\nx-api-key: ${key}\r\nanthropic-version: 2023-06-01\r\n`
	const paths = ['/health', '/', '/api/hello', '/ui', '/ui/main.js', '/v1/usage', '/v1/models']
	const said = await raw(proxy.url, `${paths.map(where => `HEAD ${where} HTTP/1.1\r\n${own}\r\n`).join('')}GET /health HTTP/1.1\r\n${own}connection: close\r\n\r\n`, 20_000)
	const parts = said.split(/(?=HTTP\/1\.1 )/)
	assert.deepEqual(parts.map(part => /^HTTP\/1\.1 (\d+)/.exec(part)?.[1]), Array(paths.length + 1).fill('200'), said)
	for (const [i, part] of parts.slice(0, -1).entries())
		assert.ok(part.endsWith('\r\n\r\n') && part.indexOf('\r\n\r\n') === part.length - 4, `${paths[i]}: ${part}`)
	assert.match(parts.at(-1), /healthy/)
})

/*
 * mod_fcgid starts a process for each, and says 503 to who has waited for a minute: programs with sanitizers, which start
 * slowly, would be measured, not the server. CCP_PLAIN_PROGRAMS names the folder of others (./check does).
 */
const COLD = 200, COLD_MS = BESIDE ? 60_000 : 120_000
const PLAIN = BESIDE ? PROGRAMS : process.env.CCP_PLAIN_PROGRAMS || PROGRAMS
const sanitized = () => fs.readFileSync(path.join(PLAIN, 'messages.fcgi')).includes('__asan_init')
s.test(`${COLD} streams at once to a proxy that has just started: each its own, and none refused`,
	{ timeout: COLD_MS, skip: !BESIDE && sanitized() && 'mod_fcgid would wait for the sanitizers: CCP_PLAIN_PROGRAMS names no programs without' }, async t => {
	await t.with({ CCP_PROGRAMS: PLAIN, LOG_LEVEL: 'warning' }, async proxy => {
		const gates = Array.from({ length: COLD }, () => new Gate()), from = now_ms()
		t.anthropic.script(...gates.map((gate, i) => ({ gate, text: `answer ${i}` })))
		const first = Promise.all(gates.map(async () => {
			const answer = await proxy.stream({ key: t.key })
			assert.equal(answer.status, 200, answer.text)
			return answer.until(a => a.events().length === 1, 'its first event', COLD_MS)
		}))
		/* Nobody gets a second event before everybody has the first one. */
		await Promise.race([first, wait_until(() => t.anthropic.requests.length === COLD, 'all are at Anthropic', COLD_MS)])
		gates.forEach(gate => gate.open())
		await first
		t.t.diagnostic(`${SERVER}: all ${COLD} had their first event after ${(now_ms() - from).toFixed(0)} ms`)
		gates.forEach(gate => gate.open_for_good())
		const answers = await Promise.all((await first).map(a => a.ended))
		assert.equal(new Set(answers.map(a => text_of(assert_whole_stream(a)))).size, COLD)
	})
})

const TYPES = { '.html': /^text\/html; ?charset=utf-8$/i, '.css': /^text\/css(; ?charset=utf-8)?$/i, '.js': /^text\/javascript(; ?charset=utf-8)?$/i,
	'.svg': /^image\/svg\+xml/ }
s.test('the dashboard\'s files: whole, of the right type, asked for again after an update', async ({ proxy }) => {
	const html = path.join(ROOT, 'html')
	const files = fs.readdirSync(html, { recursive: true }).filter(name => path.extname(name) in TYPES)
	assert.ok(files.length > 20)
	for (const name of files) {
		const answer = await proxy.get(`/ui/${name}`)
		assert.equal(answer.status, 200, name)
		assert.match(answer.headers['content-type'], TYPES[path.extname(name)], name)
		assert.equal(answer.headers['x-content-type-options'], 'nosniff', name)
		assert.equal(answer.headers['cache-control'], 'no-cache', name)
		assert.ok(answer.body.equals(fs.readFileSync(path.join(html, name))), name)
	}
	const page = await proxy.get('/ui')
	assert.match(page.headers['content-type'], TYPES['.html'])
	assert.match(page.headers['content-security-policy'], /default-src 'none'/)
})
s.test('what is no file of the dashboard is 404 in Anthropic\'s shape, and no folder is listed', async ({ proxy }) => {
	/* lighttpd says 301 to a folder that is there, and 404 where that leads */
	for (const name of ['/ui/nothing.js', ...SERVER === 'lighttpd' ? [] : ['/ui/vendor'], '/ui/vendor/', '/ui/Makefile', '/ui/.htaccess']) {
		const answer = await proxy.get(name)
		assert.ok([403, 404].includes(answer.status), `${name}: ${answer.status}`)
		assert_error_shape(answer)
	}
})
s.test('what is wrong with a request for a file of the dashboard is said in Anthropic\'s shape, too', async ({ proxy }) => {
	const host = 'host: 127.0.0.1\r\n'
	for (const request of ['GET /ui/main.js HTTP/1.1\r\n\r\n', `POST /ui/main.js HTTP/1.1\r\n${host}content-length: 50000000\r\n\r\n`,
		`GET /ui/main.js HTTP/1.1\r\n${host}content-length: x\r\n\r\n`]) {
		const said = await raw(proxy.url, request, 2000)
		assert.match(said, /^HTTP\/1\.1 4\d\d /)
		assert.match(said, /^content-type: application\/json/im, said)
	}
})
s.test('methods that no program knows are refused in Anthropic\'s shape', async ({ proxy, anthropic, key }) => {
	for (const method of ['OPTIONS', 'TRACE', 'PROPFIND'])
		for (const where of ['/v1/messages', '/ui', '/v1/usage']) {
			const answer = await proxy.send({ method, path: where, headers: headers_for(key) })
			assert.ok([400, 405, 501].includes(answer.status), `${method} ${where}: ${answer.status} ${answer.text}`)
			assert_error_shape(answer)
		}
	assert.equal(anthropic.requests.length, 0)
})
