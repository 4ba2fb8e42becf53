/* covers: refusal */
/* What is refused, and how: Anthropic's shape, with a request_id, and without asking Anthropic. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import * as A from './anthropic.mjs'
import { assert_error_shape, assert_own_error, headers_for, message, raw } from './client.mjs'
import { SERVER, certificate, free_port, suite, temp_folder } from './harness.mjs'

const s = suite()

s.test('an unknown route is 404', async ({ proxy, anthropic, key }) => {
	for (const path of ['/nothing', '/v2/messages', '/user/alice', '/user/alice/v2/messages', '/users', '/v1'])
		assert_own_error(await proxy.send({ method: 'GET', path, headers: headers_for(key) }), 404, 'not_found_error')
	assert_own_error(await proxy.send({ path: '/nothing', headers: headers_for(key), body: {} }), 404, 'not_found_error')
	assert.equal(anthropic.requests.length, 0)
})
s.test('a known route with another method is 405 and says which', async ({ proxy, anthropic, key }) => {
	const wrong = async (method, path, allow) => {
		const answer = await proxy.send({ method, path, headers: headers_for(key), body: method === 'GET' ? null : '{}' })
		assert_own_error(answer, 405, 'invalid_request_error')
		assert.match(answer.headers.allow, allow, `${method} ${path}`)
	}
	await wrong('GET', '/v1/messages', /POST/)
	await wrong('DELETE', '/user/alice/v1/messages', /POST/)
	await wrong('PUT', '/v1/messages/count_tokens', /POST/)
	await wrong('POST', '/health', /GET/)
	assert.equal(anthropic.requests.length, 0)
})

const BAD_USERS = ['%20', 'a%20b', 'a%2Fb', 'a%23b', 'a%3Fb', 'a%25b', 'a%5Cb', 'a%22b', 'a%27b', 'a%3Cb', 'a%3Eb', 'a%26b', 'a%00b', 'a%0Ab',
	'a%7F', '%FF', '%ED%A0%80', '%C0%AF', 'x'.repeat(129), '%zz', '%4']
/* These Apache and nginx refuse themselves, before any program can put a request_id into the answer. */
const UNREADABLE = SERVER === 'lighttpd' ? [] : ['a%00b', '%zz', '%4']
s.test('a bad user id is 400 everywhere a user can be named', async ({ proxy, anthropic, key }) => {
	for (const id of BAD_USERS) {
		const answer = await proxy.send({ path: `/user/${id}/v1/messages`, headers: headers_for(key), body: message() })
		if (UNREADABLE.includes(id))
			assert.ok([400, 404].includes(answer.status) && assert_error_shape(answer), id)
		else
			assert_own_error(answer, 400, 'invalid_request_error')
	}
	for (const id of ['a%20b', 'a%23b', '', '.', '..'])
		assert_own_error(await proxy.send({ path: `/v1/messages?claude-code-user=${id}`, headers: headers_for(key), body: message() }), 400, 'invalid_request_error')
	for (const id of ['a b', 'a#b', 'a/b', '..'])
		assert_own_error(await proxy.send({ headers: headers_for(key, { 'x-claude-code-user': id }), body: message() }), 400, 'invalid_request_error')
	assert.equal(anthropic.requests.length, 0)
})
s.test('good user ids are taken', async ({ proxy, key }) => {
	for (const id of ['a', 'alice@example.com', 'a+b', 'a.b', '...', '%ED%99%8D%EA%B8%B8%EB%8F%99', 'x'.repeat(128), 'a%2Bb', 'a:b', 'a~b'])
		assert.equal((await proxy.send({ path: `/user/${id}/v1/messages`, headers: headers_for(key), body: message() })).status, 200, id)
})
/* What a web server may decode, merge or resolve before it chooses who answers. */
const CROOKED = ['/user/../v1/messages', '/user/./v1/messages', '/user/%2e%2e/v1/messages', '/user/%2E/v1/messages', '/user/.%2e/v1/messages',
	'/user/a/../v1/messages', '/user/a/%2e%2e/v1/messages', '/user/a%2F..%2Fb/v1/messages', '/user/a%252Fb/v1/messages', '/user/%252e%252e/v1/messages',
	'/user//v1/messages', '/user/a//v1/messages', '//user/a/v1/messages', '/user/a%2Fv1/messages', '/user%2Fa/v1/messages', '//v1/messages',
	'/v1/../v1/messages', '/v1/models/../../x', '/v1/%2e%2e/health', '/ui/../v1/messages', '/ui/%2e%2e/v1/messages', '/ui/..%2Fv1/messages',
	'/ui/vendor/../../v1/messages', '/v1/usage/../messages', '/v1/usage/%2e%2e/messages', '/metrics/../v1/messages']
s.test('dot segments, encoded or doubled slashes never lead anywhere', async ({ proxy, anthropic, key }) => {
	for (const path of CROOKED)
		for (const [method, body] of [['POST', message()], ['GET', null]]) {
			const answer = await proxy.send({ method, path, headers: headers_for(key), body })
			assert.ok(answer.status >= 400 && answer.status < 500, `${method} ${path}: ${answer.status}`)
			assert_error_shape(answer)
		}
	assert.deepEqual(anthropic.requests.map(r => r.url), [])
})

s.test('no credential: 401, and Anthropic is not asked', async ({ proxy, anthropic }) => {
	assert_own_error(await proxy.ask({ key: null }), 401, 'authentication_error')
	assert.equal(anthropic.requests.length, 0)
})
s.test('the operator\'s key serves loopback clients only', async t => {
	await t.with({ ANTHROPIC_API_KEY: 'sk-ant-operator' }, async proxy => {
		assert.equal((await proxy.ask({ key: null })).status, 200)
		assert.deepEqual(t.anthropic.last.all('x-api-key'), ['sk-ant-operator'])
		assert.equal((await proxy.ask({ key: t.key })).status, 200)
		assert.deepEqual(t.anthropic.last.all('x-api-key'), [t.key], 'the client\'s own comes first')
		const local = { host: `localhost:${proxy.port}`, origin: `http://localhost:${proxy.port}` }
		assert.equal((await proxy.ask({ key: null, headers: local })).status, 200)
		for (const headers of [{ 'x-forwarded-for': '10.0.0.1' }, { forwarded: 'for=10.0.0.1' }, { 'x-forwarded-host': 'a' },
			{ origin: 'https://evil.example' }, { host: 'evil.example' }, { host: '127.0.0.1.evil.example' }])
			assert_own_error(await proxy.ask({ key: null, headers }), 401, 'authentication_error')
		/* What a web server would not pass on, since it is too long, counts all the same; or it is refused. */
		const flat = [...Object.entries(headers_for(null)), ['host', '127.0.0.1']].flat()
		t.anthropic.requests.length = 0
		for (const name of ['X-Forwarded-For', 'Forwarded', 'X-Real-IP', 'Via', 'X-Forwarded-Host', 'Origin'])
			for (const fields of [[name, `for=${'x'.repeat(17_000)}`], Array(3).fill([name, `for=${'x'.repeat(7000)}`]).flat()])
				for (const more of [[], ['X-Forwarded-Proto', ''], ['Via', '']]) {
					const answer = await proxy.send({ headers: [...flat, ...fields, ...more], body: message() })
					assert.ok(answer.status === 401 || SERVER === 'apache-proxy' && answer.status === 400, `${name}: ${answer.status}`)
					assert_error_shape(answer)
				}
		assert.equal(t.anthropic.requests.length, 0)
	})
	await t.with({ ANTHROPIC_AUTH_TOKEN: 'token-of-the-operator' }, async proxy => {
		assert.equal((await proxy.ask({ key: null })).status, 200)
		assert.deepEqual(t.anthropic.last.all('authorization'), ['Bearer token-of-the-operator'])
	})
})

s.test('a body over MAX_BODY_BYTES is refused early, as JSON', async t => {
	await t.with({ MAX_BODY_BYTES: '1048576' }, async proxy => {
		const fine = message({ metadata: { user_id: 'x'.repeat(900_000) } })
		assert.equal((await proxy.send({ headers: headers_for(t.key), body: fine })).status, 200)
		t.anthropic.reset()
		/* Says 50 MB and sends 100 KB: who waits for the rest has not refused early. */
		const head = `POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: k\r\ncontent-type: application/json\r\ncontent-length: 52428800\r\n\r\n`
		const answer = await raw(proxy.url, head + 'x'.repeat(100_000), 3000)
		assert.match(answer, /^HTTP\/1\.1 413/)
		assert.match(answer, /content-type: application\/json/i)
		const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4).replace(/^[0-9a-f]+\r\n/, '').replace(/\r\n0\r\n\r\n$/, ''))
		assert.equal(body.type, 'error')
		assert.equal(body.error.type, 'request_too_large')
		assert.equal(t.anthropic.requests.length, 0)
	})
})

s.test('Anthropic unreachable: 502', async t => {
	await t.with({ ANTHROPIC_API_BASE: `http://127.0.0.1:${await free_port()}` }, async proxy => {
		assert_own_error(await proxy.ask({ key: t.key }), 502, 'api_error')
		assert_own_error(await proxy.send({ method: 'GET', path: '/v1/models', headers: headers_for(t.key) }), 502, 'api_error')
	})
})
s.test('Anthropic resets the connection: 502', async ({ proxy, anthropic, key }) => {
	anthropic.dead = true
	assert_own_error(await proxy.ask({ key }), 502, 'api_error')
	anthropic.dead = false
	assert.equal((await proxy.ask({ key })).status, 200)
})
s.test('Anthropic silent: 504, and the call is given up', async t => {
	await t.with({ FIRST_BYTE_TIMEOUT_SECONDS: '1' }, async proxy => {
		t.anthropic.script({ silent: true })
		assert_own_error(await proxy.ask({ key: t.key }), 504, 'timeout_error')
		await t.anthropic.last.closed
	})
})
s.test('a stream that falls silent ends with an error event, not with a hang', async t => {
	await t.with({ IDLE_TIMEOUT_SECONDS: '4' }, async proxy => {
		t.anthropic.script({ events: 10, silentAfter: 5 })
		const answer = await (await proxy.stream({ key: t.key })).ended
		const events = answer.events()
		assert.equal(events.at(-1).event, 'error')
		assert.equal(events.at(-1).data.error.type, 'timeout_error')
		assert.equal(events.length, 6)
	})
})
s.test('a certificate that nobody vouches for: 502', async t => {
	const tls = certificate(temp_folder())
	const secure = await A.start_anthropic(tls)
	try {
		await t.with({ ANTHROPIC_API_BASE: secure.url }, async proxy => {
			const body = assert_own_error(await proxy.ask({ key: t.key }), 502, 'api_error')
			assert.match(body.error.message, /certificate/i)
			assert.equal(secure.requests.length, 0, 'not a byte of the request went to a stranger')
		})
	} finally {
		await secure.close()
	}
})
s.test('not HTTP at all from Anthropic: 502', async t => {
	const server = net.createServer(socket => { socket.on('error', () => {}); socket.end('SSH-2.0-OpenSSH_9.2\r\n') }).listen(0, '127.0.0.1')
	await once(server, 'listening')
	try {
		await t.with({ ANTHROPIC_API_BASE: `http://127.0.0.1:${server.address().port}` }, async proxy =>
			assert_own_error(await proxy.ask({ key: t.key }), 502, 'api_error'))
	} finally {
		server.close()
	}
})
s.test('a setting that does not parse stops the start, with one sentence that names it', async t => {
	for (const [name, value] of [['RETRY_THRESHOLD_SECONDS', 'soon'], ['ANTHROPIC_API_BASE', 'http://api.example.com'], ['STORE', 'mongo:x']])
		await assert.rejects(t.with({ [name]: value }, async () => {}), error => {
			assert.match(error.message, new RegExp(`infra/serve ended at once[^]*${name}`), `${name}=${value}`)
			return true
		})
})
