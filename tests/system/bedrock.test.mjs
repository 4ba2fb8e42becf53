/* covers: exchange_bedrock exchange_convert exchange_refused */
/*
 * What Bedrock gets and what the client gets from it. Every request here passes the stand-in's judge
 * (bedrock_rules.mjs) and its signature check, or the test fails.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import * as A from './anthropic.mjs'
import * as B from './bedrock.mjs'
import { assert_whole_stream, headers_for, message, provider } from './client.mjs'
import { suite, temp_folder } from './harness.mjs'
import { Gate } from './standin.mjs'

const s = suite()

/* One request through a bare 429 (nothing is remembered); gives {answer, sent}. */
async function via({ proxy, anthropic, bedrock, user, key }, body, headers = {}) {
	anthropic.script(A.rate_limited(null))
	const wanted = typeof body === 'string' ? body : message(body)
	const answer = await proxy.send({ path: `/user/${user}/v1/messages`, headers: headers_for(key, headers), body: wanted })
	assert.equal(provider(answer), 'bedrock', `${answer.text}\nto Bedrock: ${bedrock.last?.body.toString().slice(0, 800)} ${JSON.stringify(bedrock.last?.refused)}`)
	assert.equal(answer.status, 200, answer.text)
	return { answer, sent: bedrock.last, body: bedrock.last.json() }
}
const beta = flags => ({ 'anthropic-beta': flags })
const turn = (...content) => ({ messages: [{ role: 'user', content }] })

s.test('the path, the version, and nothing of the envelope', async t => {
	const one = await via(t, {})
	assert.equal(one.sent.path, '/model/global.anthropic.claude-opus-5-5/invoke')
	assert.equal(one.body.anthropic_version, 'bedrock-2023-05-31')
	assert.ok(!('model' in one.body) && !('stream' in one.body))
	assert.equal(one.sent.query, '')
	const two = await via(t, { stream: true, model: 'claude-sonnet-4-5' })
	assert.match(two.sent.path, /^\/model\/global\.anthropic\.claude-sonnet-4-5-20250929-v1(%3A|:)0\/invoke-with-response-stream$/)
	const three = await via(t, { model: 'claude-opus-5-5[1M]' }, beta('context-1m-2025-08-07'))
	assert.equal(three.sent.model, 'global.anthropic.claude-opus-5-5')
	assert.equal(three.answer.json().model, 'claude-opus-5-5[1M]')
	const four = await via(t, { model: 'claude-3-5-sonnet-20241022' })
	assert.match(four.sent.model, /^global\.anthropic\.claude-sonnet-/, 'a retired id has a living successor')
	assert.equal(four.answer.json().model, 'claude-3-5-sonnet-20241022')
})

/* Bytes that a parser would change: they stand in places that the proxy keeps. */
s.test('what is not named for change keeps its bytes', async t => {
	const input = '{"n":1e400,"big":123456789012345678901234567890,"x":0.10000000000000001,"e":"\\u0041\\/\\u00e9\\u0000","k":1,"k":2,"한":"글 😀"}'
	const schema = '{"type" : "object", "properties":{"a":{"type":"number","minimum":-0.0,"maximum":1E+30}}}'
	const { sent } = await via(t, `{ "model":"claude-opus-5-5", "max_tokens" : 1024,\n"stream":false, "messages":[{"role":"user","content":"hi"},` +
		`{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"t","input":${input}}]},` +
		`{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"ok \\ud83d\\ude00"}]}],` +
		`"tools":[{"name":"t","description":"d\\u00e9","input_schema":${schema}}]}`)
	const wire = sent.body.toString()
	for (const kept of [input, schema, '"d\\u00e9"', '"ok \\ud83d\\ude00"'])
		assert.ok(wire.includes(kept), `${kept}\nis not in\n${wire}`)
})
s.test('thinking, its signature and tool calls go up as they came down', async t => {
	const history = [{ role: 'user', content: 'x' }, { role: 'assistant', content: [
		{ type: 'thinking', thinking: 'Let me see…', signature: 'EqQBCkgIARABGAIiQAb3+/9==' }, { type: 'redacted_thinking', data: 'abc=' },
		{ type: 'text', text: 'ok' }, { type: 'tool_use', id: 'toolu_1', name: 't', input: {} }] },
	{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', is_error: true,
		content: [{ type: 'text', text: 'e' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }] }] }]
	const { body } = await via(t, { messages: history, thinking: { type: 'adaptive', display: 'omitted' }, tools: [{ name: 't', input_schema: {} }] })
	assert.deepEqual(body.messages, history)
	assert.deepEqual(body.thinking, { type: 'adaptive', display: 'omitted' })
})

s.test('metadata that Bedrock would refuse does not go there', async t => {
	const { body } = await via(t, { metadata: { user_id: '{"device_id":"a66217","account_uuid":"","session_id":"dfe9e63d"}' } })
	assert.doesNotMatch(JSON.stringify(body.metadata ?? {}), /device_id/)
})
s.test('betas: allowed ones in the body, renamed, the rest dropped', async t => {
	const { body, sent } = await via(t, { tools: [{ name: 't', input_schema: {}, defer_loading: true }] },
		beta('claude-code-20250219,interleaved-thinking-2025-05-14, oauth-2025-04-20,advanced-tool-use-2025-11-20,prompt-caching-scope-2026-01-05,per-turn-control-2026-07-01,made-up-2027-01-01'))
	assert.ok(body.anthropic_beta.includes('tool-search-tool-2025-10-19'))
	assert.ok(!body.anthropic_beta.includes('advanced-tool-use-2025-11-20'))
	assert.equal(body.tools[0].defer_loading, true)
	assert.ok(!sent.has('anthropic-beta'))
	assert.equal(new Set(body.anthropic_beta).size, body.anthropic_beta.length)
	const without = await via(t, { tools: [{ name: 't', input_schema: {}, defer_loading: true, eager_input_streaming: true, strict: true }] })
	assert.deepEqual(Object.keys(without.body.tools[0]).sort(), ['input_schema', 'name'])
})
s.test('context_management goes along only with its beta', async t => {
	const edits = { context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] }, thinking: { type: 'adaptive' } }
	const kept = await via(t, edits, beta('context-management-2025-06-27'))
	assert.equal('context_management' in kept.body, kept.body.anthropic_beta?.includes('context-management-2025-06-27') ?? false)
	assert.equal((await via(t, edits)).body.context_management, undefined)
})
s.test('cache_control: scope goes, type and ttl stay', async t => {
	const cache = { type: 'ephemeral', ttl: '1h', scope: 'global' }
	const { body } = await via(t, { system: [{ type: 'text', text: 's', cache_control: cache }], ...turn({ type: 'text', text: 'x', cache_control: cache }),
		tools: [{ name: 't', input_schema: {}, cache_control: cache }] })
	for (const block of [body.system[0], body.messages[0].content[0], body.tools[0]])
		assert.deepEqual(block.cache_control, { type: 'ephemeral', ttl: '1h' })
})
s.test('the billing block goes, the rest of the system prompt stays', async t => {
	const { body } = await via(t, { system: [{ type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.330' },
		{ type: 'text', text: 'You are Claude Code', cache_control: { type: 'ephemeral' } }] })
	assert.deepEqual(body.system, [{ type: 'text', text: 'You are Claude Code', cache_control: { type: 'ephemeral' } }])
	await via(t, { system: [{ type: 'text', text: 'x-anthropic-billing-header: a' }] })
})
s.test('a system turn in mid-conversation: kept where the model has it, else a user text', async t => {
	const talk = { messages: [{ role: 'user', content: 'hi' }, { role: 'system', content: 'be brief', output_config: { effort: 'low' } }] }
	const opus = await via(t, talk)
	assert.equal(opus.body.messages[1].role, 'system')
	const old = await via(t, { ...talk, model: 'claude-sonnet-4-5' })
	assert.ok(old.body.messages.every(m => ['user', 'assistant'].includes(m.role)))
	assert.match(JSON.stringify(old.body.messages), /be brief/)
})
s.test('what a model refuses is left out or bent to fit', async t => {
	const sampled = { temperature: 0.5, top_p: 0.9, top_k: 5 }
	const opus = await via(t, sampled)
	for (const field of Object.keys(sampled))
		assert.ok(!(field in opus.body), field)
	assert.equal((await via(t, { temperature: 0.5, model: 'claude-sonnet-4-5' })).body.temperature, 0.5)
	assert.ok((await via(t, { max_tokens: 200000 })).body.max_tokens <= 128000)
	assert.ok((await via(t, { max_tokens: 64001, model: 'claude-haiku-4-5' })).body.max_tokens <= 64000)
	const format = { type: 'json_schema', schema: {} }
	assert.deepEqual((await via(t, { output_config: { effort: 'high', format } })).body.output_config, { effort: 'high' })
	await via(t, { output_config: { effort: 'high', format }, model: 'claude-sonnet-4-5' })
	await via(t, { model: 'claude-sonnet-4-5', max_tokens: 32000, thinking: { type: 'enabled', budget_tokens: 31999, display: 'omitted' } })
	await via(t, { model: 'claude-sonnet-4-5', max_tokens: 32000, thinking: { type: 'adaptive' } })
	await via(t, { max_tokens: 32000, thinking: { type: 'enabled', budget_tokens: 20000 } })
	await via(t, { model: 'claude-opus-4-6', thinking: { type: 'adaptive', display: 'omitted' } })
	await via(t, { thinking: { type: 'adaptive', display: 'updates' } }, beta('thinking-display-updates-2026-08-18'))
	await via(t, { thinking: { type: 'adaptive', display: 'updates' } })
	await via(t, { inference_geo: 'us', speed: 'fast', service_tier: 'auto', fallbacks: [], thread: {}, diagnostics: {}, billing_policy: {},
		fallback_credit_token: 'x' })
	await via(t, { cache_control: { type: 'ephemeral' }, model: 'claude-sonnet-4-5' })
	await via(t, { safeguards: [{ type: 'dangerous_tool_use' }] })
	await via(t, { safeguards: [{ type: 'dangerous_tool_use' }] }, beta('dangerous-tool-use-2026-09-03'))
})
s.test('empty texts are dropped, and nothing else with them', async t => {
	const { body } = await via(t, { system: [{ type: 'text', text: '' }, { type: 'text', text: 's' }],
		...turn({ type: 'text', text: '' }, { type: 'text', text: 'hi' }) })
	assert.deepEqual(body.messages[0].content, [{ type: 'text', text: 'hi' }])
	assert.deepEqual(body.system, [{ type: 'text', text: 's' }])
})
s.test('a new client\'s anthropic-version 2026-10-21 works for new and old models', async t => {
	for (const model of ['claude-opus-5-5', 'claude-sonnet-4-5'])
		await via(t, { model }, { 'anthropic-version': '2026-10-21' })
})
s.test('a body with two million characters', async t => {
	const text = '글 '.repeat(1_000_000)
	const { body } = await via(t, turn({ type: 'text', text }))
	assert.equal(body.messages[0].content[0].text, text)
})

s.test('the answer: Anthropic\'s shape, the client\'s model name, no trace of AWS', async t => {
	const { answer } = await via(t, { thinking: { type: 'adaptive' }, max_tokens: 5000, tools: [{ name: 'weather', input_schema: {} }],
		messages: [{ role: 'user', content: 'use the tool' }] })
	const m = answer.json()
	assert.match(answer.headers['content-type'], /^application\/json/)
	assert.equal(m.model, 'claude-opus-5-5')
	assert.deepEqual(m.content.map(c => c.type), ['thinking', 'text', 'tool_use'])
	assert.deepEqual(m.content[2].input, { city: 'Seoul', note: 'a "quoted" 값' })
	assert.equal(m.usage.cache_read_input_tokens, B.USAGE.cache_read_input_tokens)
	assert.equal(answer.headers['x-amzn-bedrock-input-token-count'], undefined)
	assert.match(answer.headers['request-id'] ?? answer.headers['x-claude-proxy-request-id'], /\S/)
})
s.test('the stream: the whole SSE sequence, without Bedrock\'s metrics', async t => {
	const { answer } = await via(t, { stream: true, thinking: { type: 'adaptive' }, max_tokens: 5000, tools: [{ name: 'weather', input_schema: {} }],
		messages: [{ role: 'user', content: 'use the tool' }] })
	assert_whole_stream(answer)
	const events = answer.events()
	assert.equal(events[0].data.message.model, 'claude-opus-5-5')
	const signature = events.find(e => e.data.delta?.type === 'signature_delta').data.delta.signature
	assert.ok(signature.length > 100)
	const json = events.filter(e => e.data.delta?.type === 'input_json_delta').map(e => e.data.delta.partial_json).join('')
	assert.deepEqual(JSON.parse(json), { city: 'Seoul', note: 'a "quoted" 값' })
	assert.doesNotMatch(answer.text, /amazon-bedrock|invocationMetrics|"p":/)
})
s.test('each event is passed on before the next one is sent', async ({ proxy, anthropic, bedrock, user, key }) => {
	const gate = new Gate()
	anthropic.script(A.rate_limited(null))
	bedrock.script({ gate, events: 20 })
	gate.open(2)
	const answer = await proxy.stream({ user, key })
	for (let i = 1; i <= 20; i++) {
		gate.open()
		await answer.deltas(i)
	}
	gate.open_for_good()
	assert_whole_stream(await answer.ended)
})
s.test('frames cut anywhere between packets, and large ones', async t => {
	t.bedrock.script({ events: 300, padding: 5000 })
	const { answer } = await via(t, { stream: true })
	assert.equal(answer.events().filter(e => e.event === 'content_block_delta').length, 300)
	t.bedrock.script({ events: 3, padding: 1_000_000 })
	assert_whole_stream((await via(t, { stream: true })).answer)
})
s.test('events and fields of tomorrow are passed on', async t => {
	const start = { type: 'message_start', message: { id: 'msg_bdrk_1', type: 'message', role: 'assistant', model: 'x', content: [], tomorrow: { model: 'y' }, usage: { input_tokens: 1, output_tokens: 1 } } }
	t.bedrock.script({ rawEvents: [start, { type: 'brand_new', model: 'z', v: [1, 'é\u2028'] }, { no: 'type' },
		{ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } }, { type: 'message_stop' }] })
	const { answer } = await via(t, { stream: true })
	const events = answer.events()
	assert.deepEqual(events.map(e => e.event), ['message_start', 'brand_new', 'message_delta', 'message_stop'])
	assert.deepEqual(events[0].data.message, { ...start.message, model: 'claude-opus-5-5' })
	assert.deepEqual(events[1].data, { type: 'brand_new', model: 'z', v: [1, 'é\u2028'] })
})
s.test('an error event of Anthropic\'s inside a chunk', async t => {
	const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }
	t.bedrock.script({ rawEvents: [{ type: 'message_start', message: { model: 'x', usage: {} } }, error] })
	const { answer } = await via(t, { stream: true })
	assert.equal(answer.events().at(-1).data.error.type, 'overloaded_error')
	assert.equal(answer.events().length, 2)
})
s.test('while Bedrock is silent the client gets pings', async t => {
	await t.with({ PING_INTERVAL_SECONDS: '1' }, async proxy => {
		const gate = new Gate()
		t.anthropic.script(A.rate_limited(null))
		t.bedrock.script({ gate, events: 2 })
		gate.open(3)
		const answer = await proxy.stream(t)
		await answer.until(a => a.events().filter(e => e.event === 'ping').length >= 2, 'two pings')
		gate.open_for_good()
		const whole = assert_whole_stream(await answer.ended)
		assert.deepEqual(whole.events().find(e => e.event === 'ping').data, { type: 'ping' })
	})
})

/* Ways to say who pays. */
const answered = async (t, proxy) => {
	t.anthropic.script(A.rate_limited(null))
	const answer = await proxy.ask(t)
	assert.equal(provider(answer), 'bedrock', `${answer.text} ${JSON.stringify(t.bedrock.last?.refused)}`)
	return t.bedrock.last
}
const none = { AWS_ACCESS_KEY_ID: null, AWS_SECRET_ACCESS_KEY: null }
s.test('temporary credentials: the session token is sent and signed', async t => {
	await t.with({ AWS_ACCESS_KEY_ID: B.SESSION.accessKeyId, AWS_SECRET_ACCESS_KEY: B.SESSION.secretAccessKey, AWS_SESSION_TOKEN: B.SESSION.sessionToken },
		async proxy => assert.equal((await answered(t, proxy)).headers['x-amz-security-token'], B.SESSION.sessionToken))
})
s.test('a Bedrock API key instead of a signature', async t => {
	await t.with({ ...none, AWS_BEARER_TOKEN_BEDROCK: B.BEARER }, async proxy =>
		assert.equal((await answered(t, proxy)).headers.authorization, `Bearer ${B.BEARER}`))
})
s.test('a profile from the files, and its region', async t => {
	const folder = temp_folder()
	const credentials = path.join(folder, 'credentials'), config = path.join(folder, 'config')
	fs.writeFileSync(credentials, `[default]\naws_access_key_id = AKIDWRONG\naws_secret_access_key = x\n\n[work]\naws_access_key_id=${B.CREDENTIALS.accessKeyId}\naws_secret_access_key = ${B.CREDENTIALS.secretAccessKey}\n`)
	fs.writeFileSync(config, '[profile work]\nregion = us-east-1\n')
	await t.with({ ...none, AWS_REGION: null, AWS_PROFILE: 'work', AWS_SHARED_CREDENTIALS_FILE: credentials, AWS_CONFIG_FILE: config },
		async proxy => assert.match((await answered(t, proxy)).headers.authorization, /us-east-1\/bedrock/))
})
s.test('another region is in the signature\'s scope', async t => {
	const tokyo = await B.start_bedrock({ region: 'ap-northeast-1' })
	try {
		await t.with({ AWS_ENDPOINT_URL_BEDROCK_RUNTIME: tokyo.url, BEDROCK_REGION: 'ap-northeast-1', BEDROCK_PROFILE: 'jp' }, async proxy => {
			t.anthropic.script(A.rate_limited(null))
			assert.equal(provider(await proxy.ask(t)), 'bedrock')
			assert.equal(tokyo.last.model, 'jp.anthropic.claude-opus-5-5')
		})
	} finally {
		await tokyo.close()
	}
})
s.test('BEDROCK_PROFILE, and a model that does not have it', async t => {
	await t.with({ BEDROCK_PROFILE: 'us' }, async proxy => {
		assert.equal((await answered(t, proxy)).model, 'us.anthropic.claude-opus-5-5')
		t.anthropic.script(A.rate_limited(null))
		assert.equal(provider(await proxy.ask({ ...t, body: { model: 'claude-opus-4-1-20250805' } })), 'bedrock')
		assert.equal(t.bedrock.last.model, 'us.anthropic.claude-opus-4-1-20250805-v1:0')
	})
})
s.test('an application inference profile (ARN) by BEDROCK_MODEL_OVERRIDES', async t => {
	await t.with({ BEDROCK_MODEL_OVERRIDES: JSON.stringify({ 'claude-opus-5-5': B.PROFILE_ARN }) }, async proxy => {
		assert.equal((await answered(t, proxy)).model, B.PROFILE_ARN)
		t.anthropic.script(A.rate_limited(null))
		const answer = await proxy.stream(t)
		assert_whole_stream(await answer.ended)
	})
})
