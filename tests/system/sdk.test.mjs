/* The newest official SDK through the proxy: from Anthropic, and the same from Bedrock after a 429. */
import assert from 'node:assert/strict'
import * as E from '@anthropic-ai/sdk'
import Anthropic from '@anthropic-ai/sdk'
import * as A from './anthropic.mjs'
import * as B from './bedrock.mjs'
import { suite, wait_until } from './harness.mjs'

const s = suite()
const sdk = ({ proxy, user, key }, over = {}) => new Anthropic({ baseURL: `${proxy.url}/user/${user}`, apiKey: key, maxRetries: 0, ...over })
const ask = over => ({ model: 'claude-opus-5-5', max_tokens: 4096, messages: [{ role: 'user', content: 'Hello' }], ...over })
const weather = { name: 'weather', description: 'd', input_schema: { type: 'object', properties: { city: { type: 'string' } } } }

/* Each case runs twice; limit() makes the next request go to Bedrock. */
for (const [from, text, usage, limit] of [
	['Anthropic', A.TEXT, A.USAGE, () => {}],
	['Bedrock', B.TEXT, B.USAGE, t => t.anthropic.script(A.rate_limited(null))],
]) {
	s.test(`${from}: a message`, async t => {
		limit(t)
		const { data, response } = await sdk(t).messages.create(ask()).withResponse()
		assert.equal(data.content[0].text, text)
		assert.equal(data.model, 'claude-opus-5-5')
		assert.equal(data.usage.output_tokens, usage.output_tokens)
		assert.equal(response.headers.get('x-claude-proxy-provider'), from.toLowerCase())
	})
	s.test(`${from}: a stream, by its helper and by its events`, async t => {
		limit(t)
		const heard = []
		const stream = sdk(t).messages.stream(ask()).on('text', part => heard.push(part))
		const final = await stream.finalMessage()
		assert.equal(final.content[0].text, text)
		assert.equal(heard.join(''), text)
		assert.equal(final.stop_reason, 'end_turn')
		assert.equal(final.usage.output_tokens, usage.output_tokens)
		limit(t)
		const types = []
		for await (const event of await sdk(t).messages.create(ask({ stream: true })))
			types.push(event.type)
		assert.equal(types[0], 'message_start')
		assert.equal(types.at(-1), 'message_stop')
	})
	s.test(`${from}: tools over two turns`, async t => {
		limit(t)
		const messages = [{ role: 'user', content: 'use the tool' }]
		const first = await sdk(t).messages.stream(ask({ tools: [weather], messages })).finalMessage()
		assert.equal(first.stop_reason, 'tool_use')
		const call = first.content.find(c => c.type === 'tool_use')
		assert.deepEqual(call.input, { city: 'Seoul', note: 'a "quoted" 값' })
		limit(t)
		const second = await sdk(t).messages.create(ask({ tools: [weather], messages: [...messages, { role: 'assistant', content: first.content },
			{ role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: '21 C' }] }] }))
		assert.equal(second.content[0].text, text)
	})
	s.test(`${from}: thinking, and its blocks go back`, async t => {
		limit(t)
		const thinking = { type: 'adaptive' }
		const first = await sdk(t).messages.stream(ask({ thinking })).finalMessage()
		assert.equal(first.content[0].type, 'thinking')
		assert.match(first.content[0].thinking, /생각합니다/)
		limit(t)
		const second = await sdk(t).messages.create(ask({ thinking, messages: [{ role: 'user', content: 'a' },
			{ role: 'assistant', content: first.content }, { role: 'user', content: 'b' }] }))
		assert.equal(second.content[0].signature, first.content[0].signature)
	})
	s.test(`${from}: beta.messages with several betas`, async t => {
		limit(t)
		const stream = sdk(t).beta.messages.stream(ask({ betas: ['context-1m-2025-08-07', 'interleaved-thinking-2025-05-14', 'files-api-2025-04-14'] }))
		assert.equal((await stream.finalMessage()).content[0].text, text)
	})
	s.test(`${from}: abort ends the upstream call`, async t => {
		limit(t)
		const upstream = t[from.toLowerCase()]
		upstream.script({ events: 1000, everyMs: 20 })
		const stream = sdk(t).messages.stream(ask())
		await new Promise(resolve => stream.once('text', resolve))
		stream.abort()
		await assert.rejects(stream.finalMessage(), E.APIUserAbortError)
		await wait_until(() => upstream.last.goneMs, 'the upstream call is cancelled', 15_000)
	})
}

s.test('count_tokens, models, batches', async t => {
	const client = sdk(t)
	assert.ok((await client.messages.countTokens({ model: 'claude-opus-5-5', messages: [{ role: 'user', content: 'x' }] })).input_tokens > 0)
	assert.deepEqual((await client.models.list({ limit: 1000 })).data.map(m => m.id), A.MODELS)
	assert.equal((await client.models.retrieve('claude-sonnet-5-5')).id, 'claude-sonnet-5-5')
	assert.equal((await client.messages.batches.retrieve('msgbatch_01')).processing_status, 'in_progress')
})
s.test('an auth token instead of a key', async t => {
	const client = new Anthropic({ baseURL: t.proxy.url, authToken: 'sk-ant-oat01-x', apiKey: null, maxRetries: 0, defaultHeaders: { 'anthropic-beta': 'oauth-2025-04-20' } })
	assert.equal((await client.messages.create(ask())).content[0].text, A.TEXT)
})

/* Every error class of the SDK, made from what Anthropic sent. */
const CLASSES = [
	[400, 'invalid_request_error', E.BadRequestError], [401, 'authentication_error', E.AuthenticationError],
	[402, 'billing_error', E.PaymentRequiredError], [403, 'permission_error', E.PermissionDeniedError],
	[404, 'not_found_error', E.NotFoundError], [408, 'timeout_error', E.RequestTimeoutError],
	[409, 'conflict_error', E.ConflictError], [413, 'request_too_large', E.ContentTooLargeError],
	[422, 'invalid_request_error', E.UnprocessableEntityError], [429, 'rate_limit_error', E.RateLimitError],
	[500, 'api_error', E.InternalServerError], [503, 'api_error', E.ServiceUnavailableError],
	[504, 'timeout_error', E.GatewayTimeoutError], [529, 'overloaded_error', E.OverloadedError],
]
s.test('every error class, with its request id', async t => {
	for (const [status, type, Class] of CLASSES) {
		t.anthropic.script(A.failed(status, type, `the ${type}`))
		const body = status === 429 ? { tools: [{ type: 'web_search_20250305', name: 'web_search' }] } : {}
		await assert.rejects(sdk(t).messages.create(ask(body)), error => {
			assert.ok(error instanceof Class, `${status}: ${error.constructor.name}`)
			assert.equal(error.status, status)
			assert.equal(error.error.error.type, type)
			assert.match(error.requestID, /^req_/)
			return true
		})
	}
	await assert.rejects(sdk({ ...t, key: 'sk-ant-bad' }).messages.create(ask()), E.AuthenticationError)
	await assert.rejects(sdk({ ...t, user: 'a%23b' }).messages.create(ask()), E.BadRequestError)
})
s.test('a first event error and a cut stream are errors to the SDK, not short answers', async t => {
	t.anthropic.script(A.first_event_error('overloaded_error', 'Overloaded'))
	await assert.rejects(sdk(t).messages.stream(ask()).finalMessage(), /overloaded_error/)
	for (const cut of [{ cutAfter: 6 }, { endAfter: 6 }]) {
		t.anthropic.script({ events: 20, ...cut })
		await assert.rejects(sdk(t).messages.stream(ask()).finalMessage())
		t.anthropic.script(A.rate_limited(null))
		t.bedrock.script({ events: 20, ...cut })
		await assert.rejects(sdk(t).messages.stream(ask()).finalMessage())
	}
})
s.test('the SDK\'s own retries work through the proxy', async t => {
	t.anthropic.script(A.failed(500, 'api_error', 'x', { 'retry-after': '0' }), {})
	const m = await sdk(t, { maxRetries: 2 }).messages.create(ask())
	assert.equal(m.content[0].text, A.TEXT)
	assert.equal(t.anthropic.last.headers['x-stainless-retry-count'], '1')
	t.anthropic.script(A.failed(500, 'api_error', 'x', { 'x-should-retry': 'false' }))
	await assert.rejects(sdk(t, { maxRetries: 2 }).messages.create(ask()))
	assert.equal(t.anthropic.requests.length, 3)
})
