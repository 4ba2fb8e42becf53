/* AWS Lambda freezes the machine, or takes it away, when an answer is out: by then the table must have it. */
import assert from 'node:assert/strict'
import * as A from './anthropic.mjs'
import { assert_own_error, assert_whole_stream, provider } from './client.mjs'
import { failed, on_store } from './dynamodb.mjs'
import { suite, wait_until } from './harness.mjs'

/* The table is slow: what does not wait for it is seen. */
const SLOW_MS = 700
const s = suite({ prepare: on_store('dynalite'),
	env: { AWS_LAMBDA_FUNCTION_NAME: 'claude-proxy-api', WORKERS: '1', TRACK_ANTHROPIC_USAGE: 'true' } })
const slow = (t, table) => t.dynamodb.script({ on: 'UpdateItem', table, delayMs: SLOW_MS })
const items = async (t, table) => (await t.dynamodb.items(table)).filter(item => item.user_id.S === t.user)
const counts = async t => (await items(t, t.tables.usage)).map(item => [item.request_type.S, item.request_count.N])

s.test('the end of an answer comes when its usage is in the table: stream, JSON, Anthropic\'s own', async t => {
	for (const stream of [true, false]) {
		const count = stream ? '1' : '2'
		t.anthropic.script(A.rate_limited(null))
		slow(t, t.tables.usage)
		const answer = stream ? assert_whole_stream(await (await t.proxy.stream(t)).ended) : await t.proxy.ask(t)
		assert.equal(provider(answer), 'bedrock')
		assert.deepEqual(await counts(t), [['bedrock', count]])
	}
	slow(t, t.tables.usage)
	assert.equal(provider(assert_whole_stream(await (await t.proxy.stream(t)).ended)), 'anthropic')
	assert.deepEqual((await counts(t)).sort(), [['anthropic', '1'], ['bedrock', '2']])
})
s.test('a 429 that is relayed comes when its limit is in the table', async t => {
	t.anthropic.script(A.rate_limited(600))
	slow(t, t.tables.limits)
	/* a server tool: Bedrock cannot take it */
	const answer = await t.proxy.ask({ ...t, body: { tools: [{ type: 'web_search_20250305', name: 'web_search' }] } })
	assert.equal(answer.status, 429)
	assert.equal((await items(t, t.tables.limits)).length, 1)
})
s.test('a table that refuses for a while is asked again until it has the usage, before the answer\'s end', async t => {
	t.anthropic.script(A.rate_limited(null))
	t.dynamodb.script(...Array.from({ length: 4 }, () => ({ on: 'UpdateItem', table: t.tables.usage, ...failed('AccessDeniedException') })))
	assert.equal(provider(await t.proxy.ask(t)), 'bedrock')
	assert.deepEqual(await counts(t), [['bedrock', '1']])
	assert.equal(t.dynamodb.unused, 0)
})
s.test('a limit that its table refuses holds no usage back', async t => {
	t.anthropic.script(A.rate_limited(600))
	t.dynamodb.script(...Array.from({ length: 100 }, () => ({ on: 'UpdateItem', table: t.tables.limits, ...failed('AccessDeniedException') })))
	assert.equal(provider(await t.proxy.ask(t)), 'bedrock')
	assert.deepEqual(await counts(t), [['bedrock', '1']])
	t.dynamodb.reset()
	await wait_until(async () => (await items(t, t.tables.limits)).length === 1, 'the limit is stored, when it can be')
})
s.test('an answer that Lambda would cut is ended before, with a word, and counted', async t => {
	await t.with({ MAX_ANSWER_SECONDS: '5' }, async proxy => {
		const slowly = { events: 1000, everyMs: 50 }
		for (const name of ['anthropic', 'bedrock']) {
			if (name === 'bedrock')
				t.anthropic.script(A.rate_limited(null))
			t[name].script(slowly)
			slow(t, t.tables.usage)
			const answer = await (await proxy.stream(t)).ended
			assert.equal(provider(answer), name)
			assert.equal((await counts(t)).length, name === 'anthropic' ? 1 : 2, 'it is in the table when Lambda may stop')
			assert.ok(!answer.broken)
			assert.equal(answer.events().at(-1).data.error.type, 'timeout_error')
			assert.match(answer.events().at(-1).data.error.message, /MAX_ANSWER_SECONDS/)
			await wait_until(() => t[name].last.goneMs !== null, 'the upstream call ends')
		}
		t.anthropic.script({ silent: true })
		assert_own_error(await proxy.ask(t), 504, 'timeout_error')
		t.anthropic.script(A.rate_limited(null))
		t.bedrock.script({ silent: true })
		const refused = await proxy.ask(t)
		assert.deepEqual([refused.status, provider(refused)], [429, 'anthropic'], 'Bedrock is silent: Anthropic\'s own words')
		t.anthropic.script({ events: 3, silentAfter: 8 })
		assert_whole_stream(await (await proxy.stream(t)).ended) /* whose connection stays open */
	})
	assert_whole_stream(await (await t.proxy.stream(t)).ended)
})
s.test('a table that is away holds no answer up for ever, and gets it later', async t => {
	t.anthropic.script(A.rate_limited(null))
	await t.dynamodb.kill()
	assert_whole_stream(await (await t.proxy.stream(t)).ended)
	await t.dynamodb.start()
	await wait_until(async () => (await counts(t)).length === 1, 'it is in the table')
})
