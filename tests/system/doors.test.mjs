/*
 * Bedrock's other doors: BEDROCK_API=messages, CountTokens, a second signature after expired credentials
 * or a wrong clock, and the one repair of what Bedrock refuses by name.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Anthropic from '@anthropic-ai/sdk'
import { BedrockRuntimeClient, CountTokensCommand } from '@aws-sdk/client-bedrock-runtime'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import * as A from './anthropic.mjs'
import * as B from './bedrock.mjs'
import { assert_whole_stream, headers_for, message, provider, send, text_of } from './client.mjs'
import { BESIDE, ROOT, suite, temp_folder, wait_until } from './harness.mjs'
import { Gate } from './standin.mjs'

const DOOR = '/anthropic/v1/messages'
const SONNET = 'claude-sonnet-4-5'
const weather = { name: 'weather', input_schema: { type: 'object' } }
const beta = flags => ({ 'anthropic-beta': flags })
const none = { AWS_ACCESS_KEY_ID: null, AWS_SECRET_ACCESS_KEY: null }

/* The shipped tables, with rows of rules.csv in front of the others and some taken out. */
function tables(rows, without = () => false) {
	const folder = temp_folder()
	for (const name of fs.readdirSync(path.join(ROOT, 'data')).filter(name => name.endsWith('.csv')))
		fs.copyFileSync(path.join(ROOT, 'data', name), path.join(folder, name))
	const rules = path.join(folder, 'rules.csv')
	const lines = fs.readFileSync(rules, 'utf8').split('\n').filter(line => !without(line))
	lines.splice(lines.findIndex(line => line.startsWith('place,')) + 1, 0, ...rows)
	fs.writeFileSync(rules, lines.join('\n'))
	return path.join(folder, 'models.csv')
}

const s = suite({ env: { BEDROCK_API: 'messages' } })
/* Rules from a month ago: Bedrock refuses what they still let through. */
const MODELS_FILE = tables(['beta,oauth-2025-04-20,keep,,,*', 'beta,files-api-2025-04-14,keep,,,*', 'field,speed,keep,,,*', 'tool,strict,keep,,,*',
	'cache_control,scope,keep,,,*', 'message,output_config,keep,,,*', 'role,system,keep,,,known', 'field,temperature,keep,,,known',
	'output_config,effort,keep,,,known', 'output_config,format,keep,,,known'], line => line.startsWith('system,x-anthropic-billing-header'))
const old_messages = suite({ env: { BEDROCK_API: 'messages', MODELS_FILE } })
const old_invoke = suite({ env: { MODELS_FILE } })

/* Through a bare 429 (nothing is remembered): {answer, sent}. */
async function fall_back(t, over = {}, { proxy = t.proxy, headers = {}, bedrock = t.bedrock, limit = A.rate_limited(null) } = {}) {
	t.anthropic.script(limit)
	const answer = await proxy.send({ path: `/user/${t.user}/v1/messages`, headers: headers_for(t.key, headers), body: message(over) })
	for (const record of bedrock.requests)
		assert.ok(!record.rawHeaders.some(h => h.includes(t.key)), 'the client\'s credential does not go to AWS')
	return { answer, sent: bedrock.last }
}
async function from_bedrock(...args) {
	const { answer, sent } = await fall_back(...args)
	assert.equal(provider(answer), 'bedrock', `${answer.text}\nrefused: ${JSON.stringify(sent?.refused)}`)
	assert.equal(answer.status, 200, answer.text)
	return { answer, sent }
}
/* Anthropic's 429 with every byte and the fields that a client acts on. */
function is_original(answer, { anthropic }, limit) {
	assert.equal(answer.status, 429, answer.text)
	assert.deepEqual(answer.body, anthropic.last.sentBytes())
	assert.equal(provider(answer), 'anthropic')
	for (const [name, value] of Object.entries(limit.headers))
		assert.equal(answer.headers[name], value, name)
}
const signer = record => /Credential=([^/]+)\//.exec(record.headers.authorization)[1]
const signed_fields = record => /SignedHeaders=([^,]+)/.exec(record.headers.authorization)[1].split(';')
async function using(standin, run) {
	try {
		await run(standin)
	} finally {
		await standin.close()
	}
}

/* --- the stand-in's new doors, judged by clients that other people wrote --- */

s.test('the stand-in: the official SDKs stream from its Messages endpoint and count tokens', async ({ bedrock }) => {
	const client = new Anthropic({ baseURL: `${bedrock.url}/anthropic`, authToken: B.BEARER, apiKey: null, maxRetries: 0 })
	const ask = { model: 'global.anthropic.claude-opus-5-5', max_tokens: 100, messages: [{ role: 'user', content: 'Hello' }] }
	assert.equal((await client.messages.stream(ask).finalMessage()).content[0].text, B.TEXT)
	assert.equal((await client.messages.create(ask)).model, ask.model)
	for (const [over, headers, words] of [
		[{ model: 'anthropic.claude-opus-5-5' }, {}, /on-demand throughput/],
		[{ anthropic_version: 'bedrock-2023-05-31' }, {}, /anthropic_version: Extra inputs/],
		[{ anthropic_beta: [] }, {}, /anthropic_beta: Extra inputs/],
		[{}, beta('oauth-2025-04-20'), /Unexpected value\(s\) `oauth-2025-04-20` for the `anthropic-beta` header/],
		[{ model: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0' }, { 'anthropic-version': '2026-10-21' }, /anthropic-version/],
		[{ speed: 'fast' }, {}, /speed: Extra inputs/],
	])
		await assert.rejects(client.messages.create({ ...ask, ...over }, { headers }), error => error.status === 400 && words.test(error.message), String(words))
	const aws = new BedrockRuntimeClient({ region: B.REGION, endpoint: bedrock.url, credentials: B.CREDENTIALS, maxAttempts: 1, requestHandler: new NodeHttpHandler() })
	const count = (modelId, over = {}) => aws.send(new CountTokensCommand({ modelId, input: { invokeModel: { body: Buffer.from(JSON.stringify({
		anthropic_version: 'bedrock-2023-05-31', max_tokens: 1, messages: ask.messages, ...over })) } } }))
	const id = 'anthropic.claude-sonnet-4-5-20250929-v1:0'
	assert.ok((await count(id)).inputTokens > 0)
	await assert.rejects(count(`us.${id}`), { name: 'ValidationException' })
	await assert.rejects(count('anthropic.claude-opus-5-5'), /support counting tokens/)
	await assert.rejects(count(id, { max_tokens: undefined }), /max_tokens: Field required/)
	await assert.rejects(count(id, { model: 'x' }), /model: Extra inputs/)
})

/* --- BEDROCK_API=messages --- */

s.test('a message: model and stream in the body, version and betas as headers, the client\'s model name back', async t => {
	const one = await from_bedrock(t, { model: 'claude-opus-5-5[1m]' }, { headers: beta('context-1m-2025-08-07,oauth-2025-04-20,claude-code-20250219') })
	const body = one.sent.json()
	assert.equal(one.sent.path, DOOR)
	assert.equal(body.model, 'global.anthropic.claude-opus-5-5')
	assert.ok(!('anthropic_version' in body) && !('anthropic_beta' in body))
	assert.deepEqual(one.sent.all('anthropic-version'), ['2023-06-01'])
	assert.deepEqual(one.sent.all('anthropic-beta'), ['context-1m-2025-08-07'])
	for (const name of ['host', 'content-type', 'anthropic-version', 'anthropic-beta'])
		assert.ok(signed_fields(one.sent).includes(name), name)
	assert.equal(one.answer.json().model, 'claude-opus-5-5[1m]')
	assert.equal(one.answer.json().content[0].text, B.TEXT)
	assert.equal((await from_bedrock(t)).sent.has('anthropic-beta'), false)
	const headers = { 'anthropic-version': '2026-10-21' }
	assert.deepEqual((await from_bedrock(t, {}, { headers })).sent.all('anthropic-version'), ['2026-10-21'])
	assert.deepEqual((await from_bedrock(t, { model: SONNET }, { headers })).sent.all('anthropic-version'), ['2023-06-01'])
})
s.test('a JSON answer with thinking and a tool call', async t => {
	const { answer } = await from_bedrock(t, { thinking: { type: 'adaptive' }, max_tokens: 5000, tools: [{ ...weather, strict: true }],
		messages: [{ role: 'user', content: 'use the tool' }], metadata: { user_id: '{"device_id":"a"}' } })
	const m = answer.json()
	assert.match(answer.headers['content-type'], /^application\/json/)
	assert.deepEqual(m.content.map(c => c.type), ['thinking', 'text', 'tool_use'])
	assert.deepEqual(m.content[2].input, { city: 'Seoul', note: 'a "quoted" 값' })
	assert.equal(m.stop_reason, 'tool_use')
})
s.test('a stream: the whole sequence, Bedrock\'s own pings too, and each event once', async t => {
	t.bedrock.script({ pings: true })
	const { answer, sent } = await from_bedrock(t, { stream: true, thinking: { type: 'adaptive' }, max_tokens: 5000, tools: [weather],
		messages: [{ role: 'user', content: 'use the tool' }] })
	assert.equal(sent.json().stream, true)
	assert.equal(sent.headers.accept, 'text/event-stream')
	const events = assert_whole_stream(answer).events()
	const wanted = sent.sentBytes().toString().split('\n\n').filter(Boolean).map(part => JSON.parse(part.split('data: ')[1]))
	wanted[0].message.model = 'claude-opus-5-5'
	assert.deepEqual(events.map(e => e.data), wanted)
	for (const once of ['message_start', 'message_stop', 'ping'])
		assert.equal(events.filter(e => e.event === once).length, 1, once)
})
s.test('the official SDK streams through it, tools over two turns', async t => {
	const sdk = new Anthropic({ baseURL: `${t.proxy.url}/user/${t.user}`, apiKey: t.key, maxRetries: 0 })
	const messages = [{ role: 'user', content: 'use the tool' }]
	const ask = { model: 'claude-opus-5-5', max_tokens: 4096, tools: [weather] }
	t.anthropic.script(A.rate_limited(null))
	const first = await sdk.messages.stream({ ...ask, messages }).finalMessage()
	const call = first.content.find(c => c.type === 'tool_use')
	assert.deepEqual(call.input, { city: 'Seoul', note: 'a "quoted" 값' })
	assert.equal(first.model, 'claude-opus-5-5')
	assert.equal(first.usage.output_tokens, B.USAGE.output_tokens)
	t.anthropic.script(A.rate_limited(null))
	const second = await sdk.beta.messages.stream({ ...ask, betas: ['files-api-2025-04-14', 'interleaved-thinking-2025-05-14'], messages: [...messages,
		{ role: 'assistant', content: first.content }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: '21 C' }] }] }).finalMessage()
	assert.equal(second.content[0].text, B.TEXT)
	assert.deepEqual(t.bedrock.requests.map(r => r.path), [DOOR, DOOR])
})
s.test('each event is passed on before the next one is sent', async t => {
	const gate = new Gate()
	t.anthropic.script(A.rate_limited(null))
	t.bedrock.script({ gate, events: 20 })
	gate.open(2)
	const answer = await t.proxy.stream(t)
	for (let i = 1; i <= 20; i++) {
		gate.open()
		await answer.deltas(i)
	}
	gate.open_for_good()
	assert_whole_stream(await answer.ended)
})
s.test('other framing of the same events, large ones, and a ping after the end', async t => {
	const frames = [e => `: comment\r\nevent: ${e.type}\r\ndata: ${JSON.stringify(e)}\r\n\r\n`, e => `data:${JSON.stringify(e)}\n\n`,
		e => `event: ${e.type}\ndata: ${JSON.stringify(e).replace(/,/, ',\ndata: ')}\n\n`]
	for (const frame of frames) {
		t.bedrock.script({ frame })
		assert.equal(text_of(assert_whole_stream((await from_bedrock(t, { stream: true })).answer)), B.TEXT)
	}
	t.bedrock.script({ events: 3, padding: 1_000_000 })
	assert_whole_stream((await from_bedrock(t, { stream: true })).answer)
	const usage = { input_tokens: 1, output_tokens: 1 }
	t.bedrock.script({ rawEvents: [{ type: 'message_start', message: { id: 'm', type: 'message', role: 'assistant', model: 'x', content: [], usage } },
		{ type: 'brand_new', model: 'z' }, { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage }, { type: 'message_stop' }, { type: 'ping' }] })
	const { answer } = await from_bedrock(t, { stream: true })
	assert.deepEqual(answer.events().map(e => e.event), ['message_start', 'brand_new', 'message_delta', 'message_stop'])
	assert.equal(answer.events()[1].data.model, 'z')
})
s.test('an answer and a stream are counted to the token', async t => {
	await from_bedrock(t)
	await from_bedrock(t, { stream: true })
	const { summary } = await wait_until(async () => {
		const usage = await t.proxy.usage(t.user)
		return usage.summary.total_requests === 2 && usage
	}, 'both are counted')
	assert.equal(summary.total_input_tokens, 2 * B.USAGE.input_tokens)
	assert.equal(summary.total_output_tokens, 2 * B.USAGE.output_tokens)
	assert.equal(summary.cache_read_tokens, 2 * B.USAGE.cache_read_input_tokens)
	assert.equal(summary.cache_write_tokens, 2 * B.USAGE.cache_creation_input_tokens)
	assert.equal(summary.estimated, false)
})
s.test('in silence the client gets pings', async t => {
	await t.with({ PING_INTERVAL_SECONDS: '1' }, async proxy => {
		const gate = new Gate()
		t.anthropic.script(A.rate_limited(null))
		t.bedrock.script({ gate, events: 2 })
		gate.open(3)
		const answer = await proxy.stream(t)
		await answer.until(a => a.events().filter(e => e.event === 'ping').length >= 2, 'two pings')
		gate.open_for_good()
		assert_whole_stream(await answer.ended)
	})
})
s.test('it fails before the first event: the original 429', async t => {
	for (const script of [{ eventAfter: [0, B.error_event('overloaded_error')] },
		A.failed(529, 'overloaded_error', 'Overloaded'), A.failed(500, 'api_error', 'x'), A.failed(403, 'permission_error', 'x'), A.failed(429, 'rate_limit_error', 'x'),
		B.exception('ThrottlingException'), B.exception('AccessDeniedException'), B.exception('ServiceQuotaExceededException'),
		{ cutAfterBytes: 20 }, { endAfter: 0, rawEvents: [] }, { status: 200, body: { Output: { __type: 'com.amazon.coral.service#UnknownOperationException' } } },
		{ frame: () => 'event: message_start\ndata: {"type":\n\n' }])
		for (const stream of [true, false]) {
			if (!stream && script.status === undefined)
				continue
			const limit = A.rate_limited(null, { headers: { 'x-should-retry': 'true' } })
			t.bedrock.script(script)
			const { answer } = await fall_back(t, { stream }, { limit })
			is_original(answer, t, limit)
		}
	await t.with({ FIRST_BYTE_TIMEOUT_SECONDS: '4' }, async proxy => {
		t.bedrock.script({ silent: true })
		assert.equal((await fall_back(t, { stream: true }, { proxy })).answer.status, 429)
	})
})
s.test('a refusal as the first event is a 400 in its own words, as a refusal before the stream is', async t => {
	t.bedrock.script({ eventAfter: [0, B.error_event('invalid_request_error', 'messages.0: wrong')] })
	const { answer } = await fall_back(t, { stream: true })
	assert.equal(answer.status, 400)
	assert.equal(answer.json().error.message, 'messages.0: wrong')
})
s.test('it breaks after content was sent: what came, then an error event', async t => {
	for (const [script, type] of [[{ events: 20, eventAfter: [6, B.error_event('overloaded_error')] }, 'overloaded_error'],
		[{ events: 20, cutAfter: 6 }, 'api_error'], [{ events: 20, endAfter: 6 }, 'api_error']]) {
		t.bedrock.script(script)
		const { answer } = await fall_back(t, { stream: true })
		assert.equal(answer.status, 200)
		const events = answer.events()
		assert.equal(events.length, 7, answer.text)
		assert.equal(events[6].event, 'error')
		assert.equal(events[6].data.error.type, type)
		assert.ok(!answer.broken)
	}
	await t.with({ IDLE_TIMEOUT_SECONDS: '1' }, async proxy => {
		t.bedrock.script({ events: 20, silentAfter: 6 })
		const { answer } = await fall_back(t, { stream: true }, { proxy })
		assert.equal(answer.events().at(-1).data.error.type, 'timeout_error')
	})
	const usage = await wait_until(async () => {
		const now = await t.proxy.usage(t.user)
		return now.summary.total_requests === 3 && now
	}, 'what was streamed is counted')
	assert.equal(usage.summary.estimated, true)
})
s.test('a 400: Bedrock\'s own words, from either shape', async t => {
	const wrong = { tools: [{ name: 'a b', input_schema: {} }] }
	for (const shape of ['anthropic', 'aws']) {
		t.bedrock.script({ shape })
		const { answer, sent } = await fall_back(t, wrong)
		assert.equal(answer.status, 400, answer.text)
		assert.equal(provider(answer), 'bedrock')
		assert.equal(answer.json().error.type, 'invalid_request_error')
		assert.equal(answer.json().error.message, sent.refused.message)
		assert.match(sent.refused.message, /tools\.0\.custom\.name: String should match/)
	}
	assert.equal(t.bedrock.requests.length, 2)
	for (const refusal of [A.failed(400, 'invalid_request_error', 'Input is too long for requested model.'), B.exception('ValidationException', 'Input is too long for requested model.')]) {
		t.bedrock.script(refusal)
		assert.match((await fall_back(t)).answer.json().error.message, /^prompt is too long/)
	}
	t.bedrock.script(A.failed(400, 'invalid_request_error', `${B.PROFILE_ARN} of 123456789012 is not here`))
	assert.doesNotMatch((await fall_back(t)).answer.json().error.message, /arn:aws|\d{12}/) /* a request id may have twelve digits too */
})
for (const BEDROCK_API of ['messages', 'invoke']) {
	s.test(`${BEDROCK_API}: a Bedrock API key`, async t => {
		await t.with({ ...none, BEDROCK_API, AWS_BEARER_TOKEN_BEDROCK: B.BEARER }, async proxy => {
			for (const stream of [false, true])
				assert.deepEqual((await from_bedrock(t, { stream }, { proxy })).sent.all('authorization'), [`Bearer ${B.BEARER}`])
			t.anthropic.script(A.rate_limited(null))
			const count = await proxy.send({ path: '/v1/messages/count_tokens', headers: headers_for(t.key), body: { model: SONNET, messages: message().messages } })
			assert.equal(provider(count), 'bedrock', count.text)
		})
	})
	s.test(`${BEDROCK_API}: guardrail and service tier are sent and signed`, async t => {
		const arn = 'arn:aws:bedrock:us-east-1:123456789012:guardrail/abc123'
		for (const [BEDROCK_GUARDRAIL, id, version] of [['abc123:7', 'abc123', '7'], [arn, arn, 'DRAFT'], [`${arn}:2`, arn, '2']])
			await t.with({ BEDROCK_API, BEDROCK_GUARDRAIL, BEDROCK_SERVICE_TIER: 'priority' }, async proxy => {
				for (const stream of [false, true]) {
					const { sent } = await from_bedrock(t, { stream }, { proxy })
					for (const [name, value] of [['guardrailidentifier', id], ['guardrailversion', version], ['service-tier', 'priority']]) {
						assert.deepEqual(sent.all(`x-amzn-bedrock-${name}`), [value])
						assert.ok(signed_fields(sent).includes(`x-amzn-bedrock-${name}`), name)
					}
				}
			})
		const plain = (await from_bedrock(t)).sent
		assert.ok(!plain.rawHeaders.some(h => /guardrail|service-tier/i.test(h)))
	})
}
s.test('an application inference profile, and models that the door does not know', async t => {
	await t.with({ BEDROCK_MODEL_OVERRIDES: JSON.stringify({ 'claude-opus-5-5': B.PROFILE_ARN }) }, async proxy => {
		const { answer, sent } = await from_bedrock(t, { stream: true }, { proxy })
		assert.equal(sent.json().model, B.PROFILE_ARN)
		assert.equal(assert_whole_stream(answer).events()[0].data.message.model, 'claude-opus-5-5')
		assert.doesNotMatch(answer.text, /arn:aws/)
	})
	assert.equal((await fall_back(t, { model: 'claude-tomorrow-9' })).answer.status, 429)
	assert.equal(t.bedrock.requests.length, 1)
})

/* --- count_tokens --- */

const count = (t, over = {}, { proxy = t.proxy, headers } = {}) => proxy.send({ path: `/user/${t.user}/v1/messages/count_tokens`,
	headers: headers_for(t.key, headers), body: { model: SONNET, messages: [{ role: 'user', content: 'Hello' }], ...over } })
for (const [name, door] of [['invoke', old_invoke], ['messages', s]])
	door.test(`count_tokens (BEDROCK_API=${name}): Anthropic's 429, Bedrock's count, nothing remembered, nothing booked`, async t => {
		t.anthropic.script(A.rate_limited(60))
		t.bedrock.script({ inputTokens: 4711 })
		const answer = await count(t, { system: [{ type: 'text', text: 'x-anthropic-billing-header: a' }, { type: 'text', text: 's', cache_control: { type: 'ephemeral' } }].slice(name === 'invoke' ? 1 : 0),
			tools: [weather], thinking: { type: 'enabled', budget_tokens: 2000 } }, { headers: beta('token-counting-2024-11-01,interleaved-thinking-2025-05-14') })
		assert.equal(answer.status, 200, `${answer.text} ${JSON.stringify(t.bedrock.last?.refused)}`)
		assert.equal(answer.text, '{"input_tokens":4711}')
		assert.equal(provider(answer), 'bedrock')
		assert.match(answer.headers['content-type'], /^application\/json/)
		assert.equal(t.bedrock.last.model, 'anthropic.claude-sonnet-4-5-20250929-v1:0')
		const { counted } = t.bedrock.last
		assert.equal(counted.anthropic_version, 'bedrock-2023-05-31')
		assert.deepEqual(counted.tools, [weather])
		assert.deepEqual(counted.system, [{ type: 'text', text: 's', cache_control: { type: 'ephemeral' } }])
		assert.equal(provider(await t.proxy.ask({ ...t, body: { model: SONNET } })), 'anthropic', 'no limit is remembered')
		const usage = await t.proxy.usage(t.user)
		assert.equal(usage.summary.total_requests, 0)
		assert.equal(usage.limit, null)
	})
s.test('count_tokens: Anthropic is asked first, also while a limit holds', async t => {
	await from_bedrock(t, { model: SONNET }, { limit: A.rate_limited(600) })
	const answer = await count(t)
	assert.equal(provider(answer), 'anthropic')
	assert.ok(answer.json().input_tokens > 0)
	assert.equal(t.bedrock.requests.length, 1)
})
s.test('count_tokens: models and requests that Bedrock cannot count get the 429 as it came', async t => {
	for (const over of [{ model: 'claude-opus-5-5' }, { model: 'claude-tomorrow-9' }, { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }]) {
		const limit = A.rate_limited(60, { headers: { 'x-should-retry': 'true' } })
		t.anthropic.script(limit)
		is_original(await count(t, over), t, limit)
	}
	assert.equal(t.bedrock.requests.length, 0)
})
s.test('count_tokens: Bedrock fails, too: the 429 as it came', async t => {
	for (const script of [B.exception('ThrottlingException'), B.exception('AccessDeniedException'), B.exception('InternalServerException'),
		{ status: 200, body: '{"inputTokens":"many"}' }, { status: 200, body: '<html>' }, { status: 200, body: null }]) {
		const limit = A.rate_limited(60)
		t.anthropic.script(limit)
		t.bedrock.script(script)
		is_original(await count(t), t, limit)
	}
	assert.equal((await t.proxy.usage(t.user)).limit, null)
})
s.test('count_tokens: a model that Bedrock does not count after all: the 429 as it came', async t => {
	const limit = A.rate_limited(60)
	t.anthropic.script(limit)
	t.bedrock.script(B.exception('ValidationException', 'The provided model doesn\'t support counting tokens.'))
	is_original(await count(t, { model: 'claude-opus-4-6' }), t, limit)
})
s.test('count_tokens: with the fallback off, or a 429 that is not Anthropic\'s, Bedrock is not asked', async t => {
	for (const off of [{ BEDROCK_FALLBACK_ENABLED: 'false' }, { FALLBACK_ON: '529' }])
		await t.with(off, async proxy => {
			const limit = A.rate_limited(60)
			t.anthropic.script(limit)
			is_original(await count(t, {}, { proxy }), t, limit)
		})
	const edge = { status: 429, headers: { 'content-type': 'text/html' }, body: '<html>' }
	t.anthropic.script(edge)
	is_original(await count(t), t, edge)
	assert.equal(t.bedrock.requests.length, 0)
})

/* --- a second signature --- */

const profile = (file, keys) => fs.writeFileSync(file, `[default]\naws_access_key_id = ${keys.accessKeyId}\naws_secret_access_key = ${keys.secretAccessKey}\n${
	keys.sessionToken ? `aws_session_token = ${keys.sessionToken}\n` : ''}`)
const one_worker = (bedrock, over) => ({ WORKERS: '1', AWS_ENDPOINT_URL_BEDROCK_RUNTIME: bedrock.url, ...over })
const EXPIRED = 'ExpiredTokenException'
const judged = bedrock => bedrock.requests.map(r => r.refused?.name ?? 'ok')

s.test('expired credentials of the environment: one more try, then the original 429', async t => {
	for (const BEDROCK_API of ['messages', 'invoke'])
		await using(await B.start_bedrock({ expired: () => true }), async bedrock => {
			await t.with(one_worker(bedrock, { BEDROCK_API }), async proxy => {
				const limit = A.rate_limited(60)
				const { answer } = await fall_back(t, { stream: true }, { proxy, bedrock, limit })
				is_original(answer, t, limit)
				assert.deepEqual(judged(bedrock), [EXPIRED, EXPIRED])
				/* the limit is remembered: Bedrock at once, and when it fails Anthropic answers for itself */
				assert.equal(provider(await proxy.ask(t)), 'anthropic')
				assert.deepEqual(judged(bedrock), [EXPIRED, EXPIRED, EXPIRED, EXPIRED])
			})
		})
})
s.test('a session that AWS ends early: the profile\'s new keys, one more try, the answer', async t => {
	const file = path.join(temp_folder(), 'credentials')
	const expired = id => {
		if (id !== B.CREDENTIALS.accessKeyId)
			return false
		profile(file, B.SESSION)
		return true
	}
	for (const [BEDROCK_API, stream] of [['messages', true], ['invoke', true], ['messages', false]])
		await using(await B.start_bedrock({ expired }), async bedrock => {
			profile(file, B.CREDENTIALS)
			await t.with(one_worker(bedrock, { ...none, BEDROCK_API, AWS_SHARED_CREDENTIALS_FILE: file }), async proxy => {
				const { answer } = await from_bedrock(t, { stream }, { proxy, bedrock })
				assert.deepEqual(judged(bedrock), [EXPIRED, 'ok'])
				assert.deepEqual(bedrock.requests.map(signer), [B.CREDENTIALS.accessKeyId, B.SESSION.accessKeyId])
				if (stream)
					assert_whole_stream(answer)
				await from_bedrock(t, {}, { proxy, bedrock })
				assert.equal(bedrock.requests.length, 3)
			})
		})
})
/* credential_process with keys that have no end, and how often it ran. */
function process_source() {
	const folder = temp_folder(), config = path.join(folder, 'config')
	fs.chmodSync(folder, 0o777) /* it may run as somebody else */
	fs.writeFileSync(config, `[default]\ncredential_process = echo >> ${folder}/runs; cat ${folder}/keys.json\n`)
	const gives = keys => {
		fs.writeFileSync(path.join(folder, 'new.json'), JSON.stringify({ Version: 1, AccessKeyId: keys.accessKeyId,
			SecretAccessKey: keys.secretAccessKey, SessionToken: keys.sessionToken }))
		fs.renameSync(path.join(folder, 'new.json'), path.join(folder, 'keys.json'))
	}
	return { config, gives, runs: () => fs.readFileSync(path.join(folder, 'runs'), 'utf8').length }
}
s.test('credentials without an end that AWS calls expired: their source is asked again, once', async t => {
	const { config, gives, runs } = process_source()
	let over = false
	await using(await B.start_bedrock({ expired: id => over && id === B.CREDENTIALS.accessKeyId }), async bedrock => {
		gives(B.CREDENTIALS)
		await t.with(one_worker(bedrock, { ...none, AWS_CONFIG_FILE: config }), async proxy => {
			await from_bedrock(t, {}, { proxy, bedrock })
			over = true
			gives(B.SESSION)
			await from_bedrock(t, {}, { proxy, bedrock })
			await from_bedrock(t, {}, { proxy, bedrock })
			assert.deepEqual(judged(bedrock), ['ok', EXPIRED, 'ok', 'ok'])
			assert.equal(runs(), 2)
		})
	})
})
s.test('a clock ten minutes off: corrected once by AWS\'s date, then right at the first try', async t => {
	for (const [BEDROCK_API, seconds] of [['messages', 600], ['invoke', -600]]) {
		let off = seconds * 1000
		await using(await B.start_bedrock({ clock: () => Date.now() + off }), async bedrock => {
			await t.with(one_worker(bedrock, { BEDROCK_API }), async proxy => {
				const ask = stream => from_bedrock(t, { stream }, { proxy, bedrock })
				await ask(true)
				assert.deepEqual(judged(bedrock), ['InvalidSignatureException', 'ok'])
				await ask(false)
				await ask(true)
				assert.deepEqual(judged(bedrock).slice(2), ['ok', 'ok'])
				off = 0 /* somebody set the clock right */
				await ask(false)
				await ask(false)
				assert.deepEqual(judged(bedrock).slice(4), ['InvalidSignatureException', 'ok', 'ok'])
			})
		})
	}
})
/* Twelve requests at once, all refused before the first of them is told so. */
const many = (t, proxy, bedrock) => Promise.all(Array.from({ length: 12 }, () => from_bedrock(t, {}, { proxy, bedrock })))
function together() {
	let come = 0, all
	const twelve = new Promise(resolve => { all = resolve })
	return async () => {
		if (++come === 12)
			all()
		await twelve
	}
}
s.test('many requests meet a wrong clock at once: each is signed again', async t => {
	await using(await B.start_bedrock({ clock: () => Date.now() + 600_000, before: together() }), async bedrock => {
		await t.with(one_worker(bedrock), async proxy => {
			await many(t, proxy, bedrock)
			assert.equal(bedrock.requests.length, 24)
		})
	})
})
s.test('many requests meet expired credentials at once: each is signed again, the source is asked again once', {
	skip: !BESIDE && 'under mod_fcgid each process has credentials of its own' }, async t => {
	const { config, gives, runs } = process_source()
	const meet = together()
	let told = 0
	const before = async () => {
		await meet()
		gives(B.SESSION)
		await sleep(20 * told++) /* the last hears of it when the new keys are long there */
	}
	await using(await B.start_bedrock({ expired: id => id === B.CREDENTIALS.accessKeyId, before }), async bedrock => {
		gives(B.CREDENTIALS)
		await t.with(one_worker(bedrock, { ...none, AWS_CONFIG_FILE: config }), async proxy => {
			await many(t, proxy, bedrock)
			assert.equal(bedrock.requests.length, 24)
			assert.equal(runs(), 2)
		})
	})
})
s.test('a wrong secret is no wrong clock: asked once, the original 429', async t => {
	await t.with({ WORKERS: '1', AWS_SECRET_ACCESS_KEY: 'wrong' }, async proxy => {
		const limit = A.rate_limited(null)
		is_original((await fall_back(t, {}, { proxy, limit })).answer, t, limit)
		assert.deepEqual(judged(t.bedrock), ['InvalidSignatureException'])
	})
})

/* --- one repair --- */

const text = over => ({ messages: [{ role: 'user', content: [{ type: 'text', text: 'x', ...over }] }] })
const thought = (block, ...rest) => ({ messages: [{ role: 'user', content: 'a' }, { role: 'assistant', content: [{ type: 'thinking', thinking: 't', ...block },
	{ type: 'text', text: 'b' }] }, { role: 'user', content: 'c' }, ...rest], thinking: { type: 'adaptive' } })
const cached = { cache_control: { type: 'ephemeral', scope: 'global' } }
const system_turn = { messages: [{ role: 'user', content: 'a' }, { role: 'system', content: 'b' }] }
/* What part lacks of whole is left out; all else is the same, in the same order. */
function is_part(part, whole) {
	if (typeof part !== 'object' || part === null)
		return part === whole
	if (!Array.isArray(part))
		return Object.keys(part).every(key => key in whole && is_part(part[key], whole[key]))
	let at = 0
	return part.every(one => {
		while (at < whole.length && !is_part(one, whole[at]))
			at++
		return at++ < whole.length
	})
}
const flags_of = record => record.has('anthropic-beta') ? record.headers['anthropic-beta'].split(',') : record.json().anthropic_beta ?? []

/* What is asked, what Bedrock says to it, what the log says was left out. */
const REPAIRS = [
	['a field', { speed: 'fast' }, {}, 'speed: Extra inputs are not permitted', 'field speed'],
	['a member of thinking', { thinking: { type: 'adaptive', tomorrow: 1 } }, {}, 'thinking.adaptive.tomorrow: Extra inputs are not permitted', 'member thinking.tomorrow'],
	['a member of output_config', { output_config: { effort: 'low', format: {} } }, {}, 'output_config.format: Extra inputs are not permitted', 'member output_config.format'],
	['a tool\'s member', { tools: [weather, { ...weather, name: 'b', strict: true }] }, {}, 'tools.1.custom.strict: Extra inputs are not permitted', 'of every tool, member strict'],
	['cache_control of a text', text(cached), {}, 'messages.0.content.0.text.cache_control.ephemeral.scope: Extra inputs are not permitted', 'of every cache_control, member scope'],
	['cache_control of a tool and of the system prompt', { tools: [{ ...weather, ...cached }], system: [{ type: 'text', text: 's', ...cached }] }, {},
		'tools.0.custom.cache_control.ephemeral.scope: Extra inputs are not permitted', 'of every cache_control, member scope'],
	['a message\'s member', { messages: [...message().messages, { role: 'system', content: 'x', output_config: { effort: 'low' } }] }, {},
		'messages.1.output_config: Extra inputs are not permitted', 'of every message, member output_config'],
	['a block\'s member', text({ tomorrow: { text: 1 } }), {}, 'messages.0.content.0.text.tomorrow: Extra inputs are not permitted', 'of every block, member text.tomorrow'],
	['a member of a block in a tool\'s result', { messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'x', tomorrow: 1 }] }] }] }, {},
		'messages.0.content.0.tool_result.content.0.text.tomorrow: Extra inputs are not permitted', 'of every block, member text.tomorrow'],
	['a block\'s member in the system prompt', { system: [{ type: 'text', text: 's', tomorrow: 1 }] }, {}, 'system.0.text.tomorrow: Extra inputs are not permitted', 'of every block, member text.tomorrow'],
	['the billing header', { system: [{ type: 'text', text: 'x-anthropic-billing-header: cc_version=2' }, { type: 'text', text: 's' }] }, {},
		'x-anthropic-billing-header is a reserved keyword and may not be used in the system prompt.', 'the billing header'],
	['a thinking signature of somebody else\'s', thought({ signature: '?' }), {}, 'messages.1.content.0: Invalid `signature` in `thinking` block', 'thinking blocks of earlier turns'],
	['no thinking signature', thought({ signature: '' }), {}, 'messages.1.content.0.thinking.signature: Field required', 'thinking blocks of earlier turns'],
	['role system', { model: SONNET, ...system_turn }, {}, 'messages.1.role: Input should be \'user\' or \'assistant\'', 'role system inside messages'],
	['effort', { model: SONNET, output_config: { effort: 'low' } }, {}, 'This model does not support the effort parameter.', 'member output_config.effort'],
	['temperature', { temperature: 0.5 }, {}, '`temperature` is deprecated for this model.', 'field temperature'],
]
const BETAS = 'oauth-2025-04-20,interleaved-thinking-2025-05-14'
const DOORS = [
	['messages', old_messages, [...REPAIRS, ['a beta that is named', {}, beta(BETAS), 'Unexpected value(s) `oauth-2025-04-20` for the `anthropic-beta` header.', 'beta flag oauth-2025-04-20']]],
	['invoke', old_invoke, [...REPAIRS, ['a beta that is not named', {}, beta(BETAS), 'invalid beta flag', 'beta flag *']]],
]
for (const [name, door, repairs] of DOORS) {
	for (const [what, over, headers, sentence, without] of repairs)
		door.test(`${name}: refused for ${what}: once more without it`, async t => {
			const { answer, sent } = await from_bedrock(t, { max_tokens: 5000, ...over, stream: true }, { headers })
			assert_whole_stream(answer)
			assert.deepEqual(t.bedrock.requests.map(r => r.refused?.message ?? 'ok'), [sentence, 'ok'])
			assert.equal(t.anthropic.requests.length, 1)
			await wait_until(() => t.proxy.log().includes(`bedrock 400 (${sentence}): once more without ${without}\n`), 'the log says what')
			if (headers['anthropic-beta'])
				assert.deepEqual(flags_of(sent), name === 'messages' ? ['interleaved-thinking-2025-05-14'] : [])
			/* the same for a whole answer; nothing is in the second request that was not in the first */
			t.bedrock.requests.length = 0
			await from_bedrock(t, { max_tokens: 5000, ...over }, { headers })
			const [first, second] = t.bedrock.requests.map(r => r.json())
			assert.deepEqual(judged(t.bedrock), ['ValidationException', 'ok'])
			if (what !== 'role system')
				assert.ok(is_part(second, first), JSON.stringify(second))
			assert.match(JSON.stringify(second.messages), /Hello|"x"|"b"/)
		})
	door.test(`${name}: a beta that is named goes with the fields that need it`, async t => {
		const flag = 'tool-search-tool-2025-10-19'
		const picky = record => flags_of(record).includes(flag) ? B.exception('ValidationException', `Unexpected value(s) \`${flag}\` for the \`anthropic-beta\` header. Try again without it.`) : {}
		t.bedrock.script(picky, picky)
		const { sent } = await from_bedrock(t, { tools: [{ ...weather, defer_loading: true }] }, { headers: beta(`advanced-tool-use-2025-11-20,interleaved-thinking-2025-05-14`) })
		assert.deepEqual(flags_of(sent), ['interleaved-thinking-2025-05-14'])
		assert.deepEqual(sent.json().tools, [weather])
	})
	door.test(`${name}: a second 400 goes to the client, in Bedrock's words`, async t => {
		const { answer } = await fall_back(t, { speed: 'fast', tools: [{ ...weather, strict: true }] })
		assert.equal(answer.status, 400)
		assert.equal(provider(answer), 'bedrock')
		assert.equal(answer.json().error.message, 'tools.0.custom.strict: Extra inputs are not permitted')
		assert.deepEqual(t.bedrock.requests.map(r => r.refused?.message), ['speed: Extra inputs are not permitted', 'tools.0.custom.strict: Extra inputs are not permitted'])
	})
	door.test(`${name}: after a repair other failures are as ever`, async t => {
		const limit = A.rate_limited(60)
		t.bedrock.script({}, B.exception('ThrottlingException'))
		is_original((await fall_back(t, { speed: 'fast' }, { limit })).answer, t, limit)
		const before = t.bedrock.requests.length
		t.bedrock.script({}, { eventAfter: [0, B.error_event('overloaded_error')], firstFrame: B.throttled_frame() })
		const answer = await (await t.proxy.stream({ ...t, body: { speed: 'fast' } })).ended
		assert.equal(provider(answer), 'anthropic', 'the limit holds; Bedrock fails; Anthropic answers for itself')
		assert.equal(t.bedrock.requests.length, before + 2)
	})
}
old_messages.test('messages: every beta that one refusal names is left out', async t => {
	const { sent } = await from_bedrock(t, {}, { headers: beta('oauth-2025-04-20,interleaved-thinking-2025-05-14,files-api-2025-04-14') })
	assert.deepEqual(flags_of(sent), ['interleaved-thinking-2025-05-14'])
	assert.equal(t.bedrock.requests[0].refused.message, 'Unexpected value(s) `oauth-2025-04-20`, `files-api-2025-04-14` for the `anthropic-beta` header.')
})
old_invoke.test('what a refusal names but no request can be without is not left out', async t => {
	for (const sentence of ['messages.0.content: Extra inputs are not permitted', 'max_tokens: Extra inputs are not permitted', 'max_tokens: 9 > 8, which is the maximum']) {
		t.bedrock.requests.length = 0
		t.bedrock.script(B.exception('ValidationException', sentence))
		const { answer } = await fall_back(t)
		assert.equal(answer.json().error.message, sentence)
		assert.equal(t.bedrock.requests.length, 1)
	}
})
old_invoke.test('a count that is refused by name is repaired, too', async t => {
	t.anthropic.script(A.rate_limited(null))
	const answer = await count(t, { tools: [{ ...weather, strict: true }] })
	assert.equal(answer.status, 200, answer.text)
	assert.ok(answer.json().input_tokens > 0)
	assert.deepEqual(judged(t.bedrock), ['ValidationException', 'ok'])
	assert.deepEqual(t.bedrock.last.counted.tools, [weather])
})
