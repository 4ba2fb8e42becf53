/* covers: http http_call request serve accept answer exchange exchange_anthropic exchange_relay vouch */
/* Promise 1: nothing changes for a healthy request. Routes, users, headers, bodies, errors as they come. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import * as A from './anthropic.mjs'
import { assert_whole_stream, headers_for, message, provider, raw, text_of } from './client.mjs'
import { certificate, suite, temp_folder } from './harness.mjs'
import { Gate } from './standin.mjs'

const s = suite()

s.test('/health says healthy, deep or not, and to HEAD', async ({ proxy, anthropic }) => {
	const health = await proxy.get('/health')
	assert.equal(health.status, 200)
	assert.match(health.headers['content-type'], /^application\/json/)
	assert.deepEqual(health.json(), { status: 'healthy' })
	const deep = (await proxy.get('/health?deep=1')).json()
	assert.equal(deep.status, 'healthy')
	assert.match(deep.version, /\d/)
	const head = await proxy.send({ method: 'HEAD', path: '/health' })
	assert.equal(head.status, 200)
	assert.equal(head.body.length, 0)
	assert.equal(anthropic.requests.length, 0)
})

s.test('Claude Code\'s start-up probes are answered without asking anybody', async ({ proxy, anthropic }) => {
	for (const path of ['/', '/api/hello']) {
		const answer = await proxy.send({ method: 'HEAD', path })
		assert.equal(answer.status, 200, path)
		assert.equal(answer.body.length, 0)
	}
	assert.equal(anthropic.requests.length, 0)
})

s.test('a browser finds the dashboard and its icon', async ({ proxy }) => {
	const root = await proxy.get('/')
	assert.equal(root.status, 302)
	assert.match(root.headers.location, /\/ui$/)
	const page = await proxy.get('/ui')
	assert.equal(page.status, 200)
	assert.match(page.headers['content-type'], /^text\/html/)
	const icon = await proxy.get('/favicon.ico')
	assert.equal(icon.status, 200)
	assert.match(icon.headers['content-type'], /^image\//)
	assert.equal((await proxy.get('/debug/env')).status, 404, 'only with DEBUG_ENV_ENABLED')
})

/* What the client asks for, and what Anthropic must be asked for. */
const WAYS = [
	['/v1/messages', '/v1/messages'],
	['/v1/messages?beta=true', '/v1/messages?beta=true'],
	['/user/alice/v1/messages?beta=true', '/v1/messages?beta=true'],
	['/user/%EC%95%A8%EB%A6%AC%EC%8A%A4/v1/messages', '/v1/messages'],
	['/v1/messages?claude-code-user=alice', '/v1/messages'],
	['/v1/messages?claude-code-user=alice&beta=true', '/v1/messages?beta=true'],
	['/v1/messages?beta=true&claude-code-user=alice', '/v1/messages?beta=true'],
	['/v1/messages?a=%2F%20&claude-code-user=al+ice&b=', '/v1/messages?a=%2F%20&b='],
	['/?claude-code-user=alice%2Fv1%2Fmessages%3Fbeta%3Dtrue', '/v1/messages?beta=true'],
	['/?claude-code-user=alice%2Fv1%2Fmessages', '/v1/messages'],
	['/v1/messages/count_tokens?beta=true', '/v1/messages/count_tokens?beta=true'],
	['/user/alice/v1/messages/count_tokens', '/v1/messages/count_tokens'],
	['/?claude-code-user=alice%2Fv1%2Fmessages%2Fcount_tokens%3Fbeta%3Dtrue', '/v1/messages/count_tokens?beta=true'],
]
s.test('every way to name the user reaches Anthropic without the name', async ({ proxy, anthropic, key }) => {
	for (const [asked, wanted] of WAYS) {
		const counts = asked.includes('count_tokens')
		const { max_tokens, ...count } = message()
		const answer = await proxy.send({ path: asked, headers: headers_for(key), body: counts ? count : { ...count, max_tokens } })
		assert.equal(answer.status, 200, `${asked}: ${answer.text}`)
		assert.equal(anthropic.last.url, wanted, asked)
	}
	await proxy.ask({ key, headers: { 'x-claude-code-user': 'alice' } })
	assert.ok(!anthropic.last.has('x-claude-code-user'))
})

s.test('models, batches, files and whatever comes next are passed on as they are', async ({ proxy, anthropic, key }) => {
	const go = (method, path, body = null) => proxy.send({ method, path, headers: headers_for(key), body })
	const models = await go('GET', '/v1/models?limit=1000')
	assert.deepEqual(models.json().data.map(m => m.id), A.MODELS)
	assert.equal(anthropic.last.url, '/v1/models?limit=1000')
	assert.equal((await go('GET', '/user/alice/v1/models/claude-opus-5-5')).json().id, 'claude-opus-5-5')
	assert.equal((await go('GET', '/v1/models/claude-none')).status, 404)
	assert.equal((await go('POST', '/v1/messages/batches', { requests: [] })).json().type, 'message_batch')
	assert.equal((await go('GET', '/user/alice/v1/messages/batches/msgbatch_7')).json().id, 'msgbatch_7')
	assert.equal((await go('DELETE', '/v1/messages/batches/msgbatch_7')).status, 200)
	assert.equal(anthropic.last.method, 'DELETE')
	assert.equal((await go('GET', '/v1/files')).status, 200)
	const unknown = await go('POST', '/v1/something/new?x=%2F1', { a: 1 })
	assert.equal(unknown.status, 404)
	assert.match(unknown.headers['request-id'], /^req_011/, 'Anthropic\'s own 404')
	assert.equal(anthropic.last.url, '/v1/something/new?x=%2F1')
	assert.equal(anthropic.last.body.toString(), '{"a":1}')
	assert.equal(provider(unknown), 'anthropic')
})

const FORWARDED = {
	'accept': 'application/json', 'user-agent': 'claude-cli/2.1.330 (external, cli)',
	'authorization': 'Bearer sk-ant-oat01-abc', 'anthropic-version': '2023-06-01',
	'anthropic-workspace-id': 'wrkspc_01', 'anthropic-user-profile-id': 'prof_1',
	'anthropic-dangerous-direct-browser-access': 'true', 'anthropic-made-up-tomorrow': 'Ünïcödé',
	'x-app': 'cli', 'x-claude-code-session-id': '577616f3-8907', 'x-claude-code-agent-id': 'a/b;c="d"',
	'x-stainless-lang': 'js', 'x-stainless-retry-count': '0', 'x-stainless-timeout': '600',
	'traceparent': '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'tracestate': 'a=b,c=d', 'baggage': 'k=v',
	'content-type': 'application/json; charset=utf-8',
}
const WITHHELD = {
	'accept-encoding': 'gzip, deflate, br, zstd', 'cookie': 'a=b', 'x-proxy-key': 'secret', 'x-forwarded-for': '10.0.0.1',
	'x-forwarded-host': 'evil', 'x-forwarded-proto': 'https', 'x-claude-code-user': 'bob', 'x-other': 'y', 'te': 'trailers',
}
s.test('the headers that Anthropic needs arrive unchanged, all others stay here', async ({ proxy, anthropic, key }) => {
	const answer = await proxy.send({ body: message(), headers: { ...FORWARDED, ...WITHHELD, 'x-api-key': key } })
	assert.equal(answer.status, 200, answer.text)
	const { last } = anthropic
	for (const [name, value] of Object.entries(FORWARDED))
		assert.deepEqual(last.all(name), [value], name)
	assert.deepEqual(last.all('x-api-key'), [key], 'both credentials, when both are there')
	for (const name of Object.keys(WITHHELD))
		assert.ok(!last.has(name), `${name} must not be sent on`)
	assert.equal(last.headers.host, new URL(anthropic.url).host)
	const known = [...Object.keys(FORWARDED), 'x-api-key', 'host', 'content-length', 'connection']
	assert.deepEqual(last.rawHeaders.filter((h, i) => i % 2 === 0 && !known.includes(h.toLowerCase())), [])
})
s.test('several anthropic-beta lines arrive with every flag, in order', async ({ proxy, anthropic, key }) => {
	await proxy.send({ body: message(), headers: [...Object.entries(headers_for(key)).flat(),
		'anthropic-beta', 'interleaved-thinking-2025-05-14', 'anthropic-beta', 'b2, b3,b4'] })
	const flags = anthropic.last.all('anthropic-beta').join(',').split(',').map(f => f.trim())
	assert.deepEqual(flags, ['interleaved-thinking-2025-05-14', 'b2', 'b3', 'b4'])
})
s.test('a subscription token with its beta flag passes', async ({ proxy }) => {
	const answer = await proxy.send({ body: message(), headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01',
		'authorization': 'Bearer sk-ant-oat01-token', 'anthropic-beta': 'oauth-2025-04-20,claude-code-20250219' } })
	assert.equal(answer.status, 200)
})

s.test('Anthropic\'s headers come back; hop-by-hop, cookies, server and date do not', async ({ proxy, anthropic, key }) => {
	const answer = await proxy.ask({ key })
	assert.match(answer.headers['request-id'], /^req_011/)
	assert.equal(answer.headers['anthropic-organization-id'], A.ORGANIZATION)
	for (const name of ['anthropic-ratelimit-requests-limit', 'anthropic-ratelimit-requests-reset', 'cf-ray',
		'strict-transport-security', 'x-robots-tag', 'content-type'])
		assert.ok(answer.headers[name], name)
	assert.equal(answer.headers['set-cookie'], undefined)
	assert.notEqual(answer.headers.server, 'cloudflare')
	assert.equal(provider(answer), 'anthropic')
	assert.match(answer.headers['x-claude-proxy-request-id'], /\S/)
	assert.notEqual(answer.headers['x-claude-proxy-request-id'], answer.headers['request-id'])
	assert.equal(answer.headers['x-claude-proxy-fallback-reason'], undefined)
	assert.equal(answer.headers['content-length'] ?? String(answer.body.length), String(answer.body.length))
	anthropic.script({ status: 200, body: '{}', headers: ['x-twice', 'a', 'x-twice', 'b', 'connection', 'x-hop', 'x-hop', '1',
		'x-should-retry', 'false', 'retry-after', '7'] })
	const odd = await proxy.ask({ key })
	assert.equal(odd.headers['x-twice'], 'a, b')
	assert.equal(odd.headers['x-should-retry'], 'false')
	assert.equal(odd.headers['x-hop'], undefined, 'what Connection names is hop-by-hop too')
})

/* What a proxy that parses and writes JSON again would change. */
const text = JSON.stringify(message()).slice(1, -1)
const BODIES = {
	'numbers keep every digit': `{${text},"metadata":{"a":1e400,"b":0.1000000000000000055511151231257827,"c":123456789012345678901234567890,"d":-0,"e":1E+2}}`,
	'duplicate keys': `{${text},"max_tokens":1,"max_tokens":2}`,
	'spaces, tabs and line ends': ` \t\r\n{ ${text.replaceAll(',', ' ,\n\t')} }\r\n `,
	'escapes that need none': `{${text},"metadata":{"x":"\\u0041\\/\\u00e9\\uD83D\\uDE00\\u0000\\ud800"}}`,
	'raw Unicode': `{${text},"metadata":{"x":"한국어 😀 \u2028 \u007f é"}}`,
	'not JSON at all': 'hello {{{',
	'bytes that are no UTF-8': Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0x80, 0x7d]),
	'one byte': 'x',
	'nothing': '',
}
s.test('request bodies arrive byte for byte', async ({ proxy, anthropic, key }) => {
	for (const [what, body] of Object.entries(BODIES)) {
		anthropic.script({ lax: true, status: 200, body: '{"ok":true}' })
		const answer = await proxy.send({ headers: headers_for(key), body })
		assert.equal(answer.status, 200, `${what}: ${answer.text}`)
		assert.deepEqual(anthropic.last.body, Buffer.from(body), what)
	}
})
s.test('what Anthropic says to a body that is not JSON is the answer', async ({ proxy, anthropic, key }) => {
	const answer = await proxy.send({ headers: headers_for(key), body: '{"model":' })
	assert.equal(answer.status, 400)
	assert.deepEqual(answer.body, anthropic.last.sentBytes())
	assert.match(answer.json().error.message, /not valid JSON/)
})
s.test('5 MiB and 32 MiB, the longest body there is, arrive byte for byte, both ways', async ({ proxy, anthropic, key }) => {
	for (const size of [5, 32]) {
		const filler = Buffer.alloc(size * 1024 * 1024)
		for (let i = 0; i < filler.length; i++)
			filler[i] = 0x20 + (i * 7919 + (i >> 8)) % 95
		anthropic.script({ lax: true, status: 200, body: filler })
		const answer = await proxy.send({ headers: headers_for(key), body: filler })
		assert.equal(answer.status, 200, answer.text.slice(0, 500))
		assert.equal(anthropic.last.body.length, filler.length)
		assert.ok(anthropic.last.body.equals(filler), `${size} MiB up`)
		assert.ok(answer.body.equals(filler), `${size} MiB down`)
	}
})
s.test('answers come back byte for byte', async ({ proxy, anthropic, key }) => {
	for (const body of Object.values(BODIES)) {
		anthropic.script({ status: 200, body: Buffer.from(body), headers: { 'content-type': 'application/json' } })
		const answer = await proxy.ask({ key })
		assert.deepEqual(answer.body, Buffer.from(body))
	}
})
s.test('an encoded body goes up untouched', async ({ proxy, anthropic, key }) => {
	const body = gzipSync(JSON.stringify(message()))
	await proxy.send({ headers: headers_for(key, { 'content-encoding': 'gzip' }), body })
	assert.deepEqual(anthropic.last.body, body)
	assert.equal(anthropic.last.headers['content-encoding'], 'gzip')
})
s.test('a chunked upload and Expect: 100-continue work', async ({ proxy, anthropic, key }) => {
	const body = JSON.stringify(message({ metadata: { user_id: 'x'.repeat(300_000) } }))
	const chunked = await proxy.send({ headers: headers_for(key), body, chunked: true })
	assert.equal(chunked.status, 200, chunked.text)
	assert.equal(anthropic.last.body.toString(), body)
	const expect = await proxy.send({ headers: headers_for(key, { expect: '100-continue' }), body })
	assert.equal(expect.status, 200)
	assert.ok(!anthropic.last.has('expect'))
})

s.test('a stream is the same bytes, with event lines and pings', async ({ proxy, anthropic, key }) => {
	const answer = await (await proxy.stream({ key, body: { thinking: { type: 'adaptive' } } })).ended
	assert_whole_stream(answer)
	assert.deepEqual(answer.body, anthropic.last.sentBytes())
	assert.equal(text_of(answer), A.TEXT)
	assert.ok(answer.events().some(e => e.event === 'ping'))
})
s.test('each event is passed on before the next one is sent, from the first to the last', async ({ proxy, anthropic, key }) => {
	const gate = new Gate()
	anthropic.script({ gate, events: 20 })
	gate.open()
	const answer = await proxy.stream({ key })
	/* message_start, block start, 20 deltas, block stop, message_delta, message_stop */
	for (let i = 1; i <= 24; i++) {
		await answer.until(a => a.events().length === i, `event ${i}`)
		gate.open()
	}
	assert_whole_stream(await answer.ended)
	assert.equal(answer.events().length, 25)
})
s.test('events cut anywhere between packets arrive as they were', async ({ proxy, anthropic, key }) => {
	anthropic.script({ events: 300, padding: 5000 })
	const answer = await (await proxy.stream({ key })).ended
	assert.deepEqual(answer.body, anthropic.last.sentBytes())
})

/* As they come: status, body and headers. */
const AS_THEY_COME = {
	'529': A.failed(529, 'overloaded_error', 'Overloaded', { 'x-should-retry': 'true', 'retry-after': '7', 'anthropic-ratelimit-unified-status': 'allowed' }),
	'413 with an HTML body': A.html_413(),
	'500 without a body': A.empty_body(500),
	'502 of an edge': { status: 502, headers: { 'content-type': 'text/html' }, body: '<html>bad gateway</html>' },
	'400': A.failed(400, 'invalid_request_error', 'messages.1.content.0: Invalid `signature` in `thinking` block'),
	'402': A.failed(402, 'billing_error', 'pay'),
	'403': A.failed(403, 'permission_error', 'no'),
	'404': A.failed(404, 'not_found_error', 'model: x'),
	'408 without a body': A.empty_body(408),
	'504': A.failed(504, 'timeout_error', 'late', { 'x-should-retry': 'true' }),
	'a 200 with a rejected window (paid overage)': { status: 200, headers: { 'anthropic-ratelimit-unified-status': 'rejected' }, body: { type: 'message' } },
}
s.test('errors come as they come', async ({ proxy, anthropic, bedrock, key }) => {
	for (const [what, script] of Object.entries(AS_THEY_COME)) {
		anthropic.script(script)
		const answer = await proxy.ask({ key })
		assert.equal(answer.status, script.status, what)
		assert.deepEqual(answer.body, anthropic.last.sentBytes(), what)
		for (const [name, value] of Object.entries(script.headers ?? {}))
			assert.equal(answer.headers[name], value, `${what}: ${name}`)
		assert.equal(provider(answer), 'anthropic', what)
	}
	assert.equal(bedrock.requests.length, 0)
})
s.test('count_tokens, limited: relayed, never answered by Bedrock, nothing remembered', async ({ proxy, anthropic, bedrock, key, user }) => {
	anthropic.script(A.rate_limited(60))
	const { max_tokens, ...count } = message()
	const answer = await proxy.send({ path: `/user/${user}/v1/messages/count_tokens`, headers: headers_for(key), body: count })
	assert.equal(answer.status, 429)
	assert.equal(answer.headers['retry-after'], '60')
	assert.equal((await proxy.ask({ user, key })).status, 200)
	assert.equal(provider(await proxy.ask({ user, key })), 'anthropic')
	assert.equal(bedrock.requests.length, 0)
})

s.test('HTTP/1.0 and pipelined keep-alive clients are served', async ({ proxy, key }) => {
	const body = JSON.stringify(message())
	const one = `POST /v1/messages HTTP/1.0\r\nhost: 127.0.0.1\r\nx-api-key: ${key}\r\nanthropic-version: 2023-06-01\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
	assert.match(await raw(proxy.url, one), /^HTTP\/1\.[01] 200/)
})
s.test('over TLS, with the operator\'s own CA: in a file, and by name in a folder', async t => {
	const tls = certificate(temp_folder())
	const folder = path.join(path.dirname(tls.certFile), 'certs')
	const hash = execFileSync('openssl', ['x509', '-hash', '-noout', '-in', tls.certFile], { encoding: 'utf8' }).trim()
	fs.mkdirSync(folder)
	fs.copyFileSync(tls.certFile, path.join(folder, `${hash}.0`))
	const secure = await A.start_anthropic(tls)
	try {
		for (const trust of [{ SSL_CERT_FILE: tls.certFile }, { SSL_CERT_DIR: folder }])
			await t.with({ ANTHROPIC_API_BASE: secure.url, ...trust }, async proxy => {
				assert_whole_stream(await (await proxy.stream({ key: t.key })).ended)
			})
		await t.with({ ANTHROPIC_API_BASE: secure.url }, async proxy => {
			assert.equal((await proxy.ask({ key: t.key })).status, 502, 'who is not known is not trusted')
		})
	} finally {
		await secure.close()
	}
})
