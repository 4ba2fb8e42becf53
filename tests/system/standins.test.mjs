/*
 * The stand-ins judged by clients that other people wrote: what the official SDKs can not talk to
 * is no stand-in, and what accepts everything proves nothing.
 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import AnthropicBedrock from '@anthropic-ai/bedrock-sdk'
import { DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { BedrockRuntimeClient, InvokeModelCommand, InvokeModelWithResponseStreamCommand } from '@aws-sdk/client-bedrock-runtime'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import * as A from './anthropic.mjs'
import * as B from './bedrock.mjs'
import { MODELS, judge_body } from './bedrock_rules.mjs'
import { message, open, send, headers_for } from './client.mjs'
import { engine_missing, failed, start_dynamodb, throttled } from './dynamodb.mjs'
import { Gate } from './standin.mjs'

const PROFILE = 'us.anthropic.claude-opus-5-5'
let anthropic, bedrock, sdk, aws
before(async () => {
	anthropic = await A.start_anthropic()
	bedrock = await B.start_bedrock()
	sdk = new Anthropic({ baseURL: anthropic.url, apiKey: 'sk-ant-api03-x', maxRetries: 0 })
	aws = client(B.CREDENTIALS)
})
beforeEach(() => { anthropic.reset(); bedrock.reset() })
after(async () => { await anthropic.close(); await bedrock.close() })

/* The AWS SDK prefers HTTP/2 to Bedrock; the proxy speaks HTTP/1.1, and so does this handler. */
const client = credentials => new BedrockRuntimeClient({ region: B.REGION, endpoint: bedrock.url, credentials,
	maxAttempts: 1, requestHandler: new NodeHttpHandler() })
const body = over => ({ anthropic_version: 'bedrock-2023-05-31', max_tokens: 100,
	messages: [{ role: 'user', content: 'Hello' }], ...over })
const invoke = (b, modelId = PROFILE, who = aws) => who.send(new InvokeModelCommand({ modelId,
	contentType: 'application/json', accept: 'application/json', body: JSON.stringify(b) }))
async function stream(b, modelId = PROFILE, who = aws) {
	const answer = await who.send(new InvokeModelWithResponseStreamCommand({ modelId, contentType: 'application/json', body: JSON.stringify(b) }))
	const events = []
	for await (const part of answer.body)
		events.push(JSON.parse(Buffer.from(part.chunk.bytes).toString()))
	return events
}

test('the Anthropic SDK streams text, thinking and a tool call', async () => {
	const s = sdk.messages.stream({ model: 'claude-opus-5-5', max_tokens: 5000, thinking: { type: 'adaptive' },
		messages: [{ role: 'user', content: 'use the tool' }],
		tools: [{ name: 'weather', input_schema: { type: 'object' } }] })
	const final = await s.finalMessage()
	assert.deepEqual(final.content.map(c => c.type), ['thinking', 'text', 'tool_use'])
	assert.equal(final.content[2].input.city, 'Seoul')
	assert.equal(final.usage.output_tokens, A.USAGE.output_tokens)
})
test('the Anthropic SDK reads JSON, counts tokens, lists models and batches', async () => {
	const m = await sdk.messages.create({ model: 'claude-opus-5-5', max_tokens: 5, messages: [{ role: 'user', content: 'x' }] })
	assert.equal(m.content[0].text, A.TEXT)
	assert.match(m._request_id, /^req_/)
	assert.ok((await sdk.messages.countTokens({ model: 'claude-opus-5-5', messages: [{ role: 'user', content: 'x' }] })).input_tokens > 0)
	assert.deepEqual((await sdk.models.list()).data.map(x => x.id), A.MODELS)
	assert.equal((await sdk.models.retrieve('claude-opus-5-5')).id, 'claude-opus-5-5')
	assert.equal((await sdk.messages.batches.list()).data.length, 1)
})
test('Anthropic refuses what the real one refuses', async () => {
	const status = async o => (await send(anthropic.url, { body: message(), headers: headers_for('sk-ant-x'), ...o })).status
	assert.equal(await status({ headers: { 'anthropic-version': '2023-06-01' } }), 401)
	assert.equal(await status({ headers: headers_for('sk-ant-bad') }), 401)
	assert.equal(await status({ headers: { 'x-api-key': 'k' } }), 400)
	assert.equal(await status({ path: '/v1/nothing' }), 404)
	assert.equal(await status({ method: 'GET', body: null }), 405)
	assert.equal(await status({ body: '{' }), 400)
	assert.equal(await status({ body: message({ what: 1 }) }), 400)
	assert.equal(await status({ body: message({ model: 'gpt' }) }), 404)
	assert.equal(await status({}), 200)
})
test('Anthropic: 429, 529, HTML 413, an empty body, a first event error', async () => {
	anthropic.script(A.rate_limited(60), A.overloaded(), A.html_413(), A.empty_body(500),
		A.first_event_error('overloaded_error', 'Overloaded'))
	const go = (stream = false) => send(anthropic.url, { body: message({ stream }), headers: headers_for('k') })
	const limited = await go()
	assert.equal(limited.headers['retry-after'], '60')
	assert.equal(limited.json().error.type, 'rate_limit_error')
	assert.equal((await go()).status, 529)
	assert.match((await go()).text, /^<html>/)
	assert.equal((await go()).body.length, 0)
	const error = await go(true)
	assert.equal(error.status, 200)
	assert.equal(error.events()[0].event, 'error')
})
test('a gate holds an event back, and going away is seen', async () => {
	const gate = new Gate()
	anthropic.script({ gate, events: 5 })
	gate.open(3)
	const answer = await open(anthropic.url, { body: message({ stream: true }), headers: headers_for('k') })
	await answer.deltas(1)
	assert.equal(answer.events().length, 3)
	answer.leave()
	await anthropic.last.closed
	assert.ok(anthropic.last.goneMs > 0)
})
test('a cut is a broken connection, not an end', async () => {
	anthropic.script({ cutAfterBytes: 100 })
	const answer = await send(anthropic.url, { body: message({ stream: true }), headers: headers_for('k') })
	assert.equal(answer.body.length, 100)
	assert.ok(answer.broken)
})

test('the AWS SDK invokes and streams; colons and ARNs in the path verify', async () => {
	const answer = JSON.parse(Buffer.from((await invoke(body())).body).toString())
	assert.equal(answer.content[0].text, B.TEXT)
	const events = await stream(body())
	assert.equal(events[0].type, 'message_start')
	assert.ok(events.at(-1)['amazon-bedrock-invocationMetrics'])
	await invoke(body(), 'us.anthropic.claude-sonnet-4-5-20250929-v1:0')
	await invoke(body(), B.PROFILE_ARN)
	await invoke(body(), 'arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0')
	assert.equal(bedrock.last.model, 'arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0')
})
test('session tokens and API keys are taken, wrong ones not', async () => {
	await invoke(body(), PROFILE, client(B.SESSION))
	await assert.rejects(invoke(body(), PROFILE, client({ ...B.SESSION, sessionToken: 'other' })), { name: 'UnrecognizedClientException' })
	await assert.rejects(invoke(body(), PROFILE, client({ ...B.CREDENTIALS, secretAccessKey: 'x' })), { name: 'InvalidSignatureException' })
	await assert.rejects(invoke(body(), PROFILE, client({ ...B.CREDENTIALS, accessKeyId: 'AKIDNOBODY' })), { name: 'UnrecognizedClientException' })
	const bearer = key => send(bedrock.url, { path: `/model/${PROFILE}/invoke`, body: body(),
		headers: { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) } })
	assert.equal((await bearer(B.BEARER)).status, 200)
	assert.equal((await bearer('wrong')).status, 403)
	assert.equal((await bearer(null)).status, 403)
})
test('Anthropic\'s own Bedrock client is taken, with its raw colon', async () => {
	const own = new AnthropicBedrock({ baseURL: bedrock.url, awsRegion: B.REGION, awsAccessKey: B.CREDENTIALS.accessKeyId,
		awsSecretKey: B.CREDENTIALS.secretAccessKey, maxRetries: 0 })
	const ask = { max_tokens: 100, messages: [{ role: 'user', content: 'Hello' }] }
	assert.equal((await own.messages.create({ model: PROFILE, ...ask })).content[0].text, B.TEXT)
	const parts = []
	for await (const event of await own.messages.create({ model: PROFILE, stream: true, ...ask }))
		parts.push(event.type)
	assert.equal(parts.at(-1), 'message_stop')
	await own.messages.create({ model: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', ...ask },
		{ headers: { 'anthropic-version': 'bedrock-2023-05-31' } })
	assert.match(bedrock.last.path, /v1:0\/invoke$/)
})
test('exceptions: before the stream, as its first frame, in the middle; a bad CRC', async () => {
	bedrock.script(B.exception('ThrottlingException'), { firstFrame: B.throttled_frame() },
		{ frameAfter: [3, B.exception_frame('modelStreamErrorException', 'boom', { originalStatusCode: 500 })] }, { badCrcAfter: 2 })
	await assert.rejects(stream(body()), { name: 'ThrottlingException' })
	await assert.rejects(stream(body()), { name: 'ThrottlingException' })
	await assert.rejects(stream(body()), { name: 'ModelStreamErrorException' })
	await assert.rejects(stream(body()), /CRC|checksum/i)
})
test('a reset and a cut break the connection', async () => {
	bedrock.script({ reset: true }, { cutAfter: 3 })
	await assert.rejects(stream(body()))
	await assert.rejects(stream(body()))
})

/* Bodies and what Bedrock says to them; null = taken. */
const opus = MODELS['anthropic.claude-opus-5-5'], sonnet45 = MODELS['anthropic.claude-sonnet-4-5-20250929-v1:0']
const sonnet4 = MODELS['anthropic.claude-sonnet-4-20250514-v1:0']
const tool = over => ({ tools: [{ name: 't', input_schema: {}, ...over }] })
const turn = block => ({ messages: [{ role: 'user', content: [block] }] })
const refusals = [
	[opus, { model: 'x' }, 'model: Extra inputs are not permitted'],
	[opus, { stream: true }, 'stream: Extra inputs are not permitted'],
	[opus, { anthropic_version: undefined }, 'anthropic_version: Field required'],
	[opus, { anthropic_version: '2026-10-21' }, null],
	[sonnet45, { anthropic_version: '2026-10-21' }, /^anthropic_version: /],
	[opus, { anthropic_beta: ['oauth-2025-04-20'] }, 'invalid beta flag'],
	[opus, { anthropic_beta: ['interleaved-thinking-2025-05-14'] }, null],
	[opus, { metadata: { user_id: '{"device_id":"a"}' } }, /regular expression/],
	[opus, { metadata: { user_id: 'abc_123' } }, null],
	[opus, { output_config: { effort: 'high' } }, null],
	[opus, { output_config: { format: {} } }, 'output_config.format: Extra inputs are not permitted'],
	[sonnet45, { output_config: { effort: 'high' } }, 'This model does not support the effort parameter.'],
	[sonnet45, { output_config: { format: {} } }, null],
	[sonnet4, { output_config: { format: {} } }, 'output_config: Extra inputs are not permitted'],
	[opus, { context_management: { edits: [] } }, 'context_management: Extra inputs are not permitted'],
	[opus, { temperature: 1 }, '`temperature` is deprecated for this model.'],
	[sonnet45, { temperature: 1 }, null],
	[opus, { thinking: { type: 'enabled', budget_tokens: 2000 } }, /thinking.type.enabled/],
	[sonnet45, { thinking: { type: 'adaptive' } }, /Input tag 'adaptive'/],
	[sonnet45, { max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000, display: 'omitted' } }, 'thinking.enabled.display: Extra inputs are not permitted'],
	[opus, { max_tokens: 128001 }, /^max_tokens: 128001 > 128000/],
	[opus, tool({ strict: true }), 'tools.0.custom.strict: Extra inputs are not permitted'],
	[opus, tool({ defer_loading: true }), 'tools.0.custom.defer_loading: Extra inputs are not permitted'],
	[opus, { ...tool({ defer_loading: true }), anthropic_beta: ['tool-search-tool-2025-10-19'] }, null],
	[opus, tool({ eager_input_streaming: true }), /eager_input_streaming/],
	[opus, { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, /Input tag 'web_search_20250305'/],
	[opus, turn({ type: 'text', text: '' }), 'messages: text content blocks must be non-empty'],
	[opus, turn({ type: 'text', text: 'a', cache_control: { type: 'ephemeral', ttl: '1h' } }), null],
	[opus, turn({ type: 'text', text: 'a', cache_control: { type: 'ephemeral', scope: 'global' } }), /cache_control.ephemeral.scope: Extra/],
	[opus, turn({ type: 'image', source: { type: 'url', url: 'https://x' } }), /Input tag 'url'/],
	[opus, { system: [{ type: 'text', text: 'x-anthropic-billing-header: a' }] }, /reserved keyword/],
	[opus, { messages: [...body().messages, { role: 'system', content: 'be kind' }] }, null],
	[sonnet45, { messages: [...body().messages, { role: 'system', content: 'be kind' }] }, `messages.1.role: Input should be 'user' or 'assistant'`],
	[opus, { messages: [...body().messages, { role: 'system', content: 'x', output_config: {} }] }, 'messages.1.output_config: Extra inputs are not permitted'],
]
test('Bedrock judges bodies in its own words', () => {
	for (const [model, over, wanted] of refusals) {
		const said = judge_body(JSON.parse(JSON.stringify(body(over))), model, 'name')
		if (wanted instanceof RegExp)
			assert.match(String(said), wanted, JSON.stringify(over))
		else
			assert.equal(said, wanted, JSON.stringify(over))
	}
})
test('Bedrock refuses models and headers it does not take', async () => {
	await assert.rejects(invoke(body(), 'anthropic.claude-opus-5-5'), /on-demand throughput/)
	await assert.rejects(invoke(body(), 'us.anthropic.claude-nothing'), /model identifier is invalid/)
	await assert.rejects(invoke(body(), 'us.anthropic.claude-3-5-haiku-20241022-v1:0'), { name: 'ResourceNotFoundException' })
	await assert.rejects(invoke(body({ stream: true })), { name: 'ValidationException' })
	const beta = await send(bedrock.url, { path: `/model/${PROFILE}/invoke`, body: body(), headers: {
		'content-type': 'application/json', 'anthropic-beta': 'interleaved-thinking-2025-05-14', authorization: `Bearer ${B.BEARER}` } })
	assert.equal(beta.status, 400)
})

/* DynamoDB, with AWS's own client. */
for (const engine of ['dynalite', 'local'])
	test(`DynamoDB in front of ${engine}: signatures, faults, what it knows survives kill -9`, { skip: engine_missing(engine) }, async () => {
		const dynamodb = await start_dynamodb({ engine })
		const client = (credentials, over) => new DynamoDBClient({ region: B.REGION, endpoint: dynamodb.url, credentials, maxAttempts: 1, ...over })
		try {
			const { usage } = await dynamodb.make_tables()
			const Key = { user_period: { S: 'a#2026-11-22' } }
			const add = (who = client(B.SESSION)) => who.send(new UpdateItemCommand({ TableName: usage, Key, UpdateExpression: 'ADD request_count :one',
				ExpressionAttributeValues: { ':one': { N: '1' } } }))
			const count = async () => Number((await dynamodb.send('GetItem', { TableName: usage, Key, ConsistentRead: true })).Item.request_count.N)
			await add()
			assert.equal(dynamodb.refused.length, 0)
			for (const [credentials, name, over] of [[{ ...B.CREDENTIALS, secretAccessKey: 'x' }, 'InvalidSignatureException'],
				[{ ...B.CREDENTIALS, accessKeyId: 'AKIDNOBODY' }, 'UnrecognizedClientException'], [B.CREDENTIALS, 'InvalidSignatureException', { region: 'eu-west-1' }],
				[{ ...B.SESSION, sessionToken: 'other' }, 'UnrecognizedClientException']])
				await assert.rejects(add(client(credentials, over)), { name })
			dynamodb.options.clock = () => Date.now() + 6 * 60_000
			await assert.rejects(add(), { name: 'InvalidSignatureException' })
			dynamodb.options.clock = () => Date.now()
			dynamodb.options.expired = id => id === B.SESSION.accessKeyId
			await assert.rejects(add(), { name: 'ExpiredTokenException' })
			dynamodb.options.expired = () => false
			const bare = await send(dynamodb.url, { path: '/', body: {}, headers: { 'content-type': 'application/x-amz-json-1.0' } })
			assert.match(bare.text, /#MissingAuthenticationTokenException/)
			assert.equal(dynamodb.refused.length, 7)
			dynamodb.script(throttled({ on: 'UpdateItem' }), failed('InternalServerError'), { badCrc: true }, { lost: true })
			await assert.rejects(add(), { name: 'ProvisionedThroughputExceededException' })
			await assert.rejects(add(), { name: 'InternalServerError' })
			assert.equal(dynamodb.unused, 2)
			await add() /* this client does not look at the checksum */
			assert.notEqual(dynamodb.last.answer, undefined)
			await assert.rejects(add())
			assert.equal(await count(), 3) /* the lost one was done */
			if (engine === 'dynalite') { /* the other one takes seconds to start */
				await dynamodb.kill()
				await assert.rejects(add())
				await dynamodb.start()
				assert.equal(await count(), 3)
			}
			for (const user of ['b', 'c'])
				await dynamodb.send('UpdateItem', { TableName: usage, Key: { user_period: { S: `${user}#2026-11-22` } } })
			dynamodb.script({ on: 'Scan', limit: 2 }, { on: 'BatchGetItem', unprocessed: 1 })
			assert.equal((await dynamodb.items(usage)).length, 3)
			assert.equal(dynamodb.asked('Scan', usage).length, 2)
			const some = await dynamodb.send('BatchGetItem', { RequestItems: { [usage]: { Keys: ['a', 'b'].map(u => ({ user_period: { S: `${u}#2026-11-22` } })) } } })
			assert.equal(some.Responses[usage].length, 1)
			assert.equal(some.UnprocessedKeys[usage].Keys.length, 1)
		} finally {
			await dynamodb.close()
		}
	})
