/* covers: exchange_book plain */
/* What Bedrock answered is counted, under the right name, and shown in the shape of the user's documents. */
import assert from 'node:assert/strict'
import * as A from './anthropic.mjs'
import * as B from './bedrock.mjs'
import { assert_own_error, headers_for, message, provider } from './client.mjs'
import { suite, wait_until } from './harness.mjs'

const s = suite()
const today = () => new Date().toISOString().slice(0, 10)
const counted = (proxy, user, count) => wait_until(async () => {
	const usage = await proxy.usage(user)
	return usage.summary?.total_requests === count && usage
}, `${count} requests are counted for ${user}`)
async function fall_back(t, over = {}) {
	t.anthropic.script(A.rate_limited(null))
	const answer = await (over.stream ? (await t.proxy.stream(t)).ended : t.proxy.ask({ ...t, ...over }))
	assert.equal(provider(answer), 'bedrock', answer.text)
	return answer
}

s.test('/v1/usage/me: one answer and one stream, to the token', async t => {
	const empty = await t.proxy.usage(t.user)
	assert.equal(empty.summary.total_requests, 0)
	assert.deepEqual(empty.daily_stats, {})
	await fall_back(t)
	await fall_back(t, { stream: true })
	const usage = await counted(t.proxy, t.user, 2)
	assert.equal(usage.user_id, t.user)
	assert.equal(usage.request_type, 'all')
	assert.equal(usage.period_days, 7)
	const { input_tokens, output_tokens } = B.USAGE
	const { total_input_tokens, total_output_tokens, total_tokens, cache_read_tokens, cache_write_tokens } = usage.summary
	assert.deepEqual({ total_input_tokens, total_output_tokens, total_tokens }, { total_input_tokens: 2 * input_tokens,
		total_output_tokens: 2 * output_tokens, total_tokens: 2 * (input_tokens + output_tokens) })
	assert.equal(cache_read_tokens, 2 * B.USAGE.cache_read_input_tokens)
	assert.equal(cache_write_tokens, 2 * B.USAGE.cache_creation_input_tokens)
	assert.deepEqual(Object.keys(usage.daily_stats), [today()])
	const day = usage.daily_stats[today()]
	assert.equal(day.input_tokens, 2 * input_tokens)
	assert.equal(day.output_tokens, 2 * output_tokens)
	assert.equal(day.total_tokens, 2 * (input_tokens + output_tokens))
	assert.equal(day.requests, 2)
	assert.equal(usage.limit, null)
	const dated = await t.proxy.usage(t.user, `&date=${today()}`)
	assert.equal(dated.date, today())
	assert.equal(dated.summary.total_requests, 2)
	assert.equal((await t.proxy.usage(t.user, '&date=2020-01-01')).summary.total_requests, 0)
	assert.equal((await t.proxy.usage(t.user, '&days=90')).period_days, 90)
})
s.test('the cost of an answer, to the micro-dollar', async t => {
	await fall_back(t)
	const usage = await counted(t.proxy, t.user, 1)
	/* Opus 5.5, global profile: 4 / 20 / 5 (5-minute cache write) / 0.2 (cache read) dollars a million. */
	const { input_tokens: i, output_tokens: o, cache_read_input_tokens: r, cache_creation_input_tokens: w } = B.USAGE
	assert.equal(usage.summary.cost_usd, Math.round(i * 4 + o * 20 + w * 5 + r * 0.2) / 1e6)
})
s.test('/v1/usage: every user, with the sum', async t => {
	await fall_back(t)
	await counted(t.proxy, t.user, 1)
	const all = (await t.proxy.get('/v1/usage')).json()
	assert.equal(all.request_type, 'bedrock')
	assert.equal(all.period_days, 7)
	const mine = all.users[t.user]
	assert.equal(mine.input_tokens, B.USAGE.input_tokens)
	assert.equal(mine.output_tokens, B.USAGE.output_tokens)
	assert.equal(mine.total_tokens, B.USAGE.input_tokens + B.USAGE.output_tokens)
	assert.equal(mine.requests, 1)
	assert.equal(all.summary.total_users, Object.keys(all.users).length)
	assert.equal(all.summary.total_requests, Object.values(all.users).reduce((n, u) => n + u.requests, 0))
	assert.deepEqual((await t.proxy.get('/v1/usage?date=2020-01-01')).json().users, {})
})
s.test('all four ways to name the user count for that name; none counts for "default"', async t => {
	const { proxy, key, user, anthropic } = t
	const ways = [
		[`${user}-path`, u => ({ path: `/user/${u}/v1/messages` })],
		[`${user}-query`, u => ({ path: `/v1/messages?beta=true&claude-code-user=${u}` })],
		[`${user}-header`, u => ({ headers: { 'x-claude-code-user': u } })],
		[`${user}-base`, u => ({ path: `/?claude-code-user=${u}%2Fv1%2Fmessages%3Fbeta%3Dtrue` })],
		[`홍길동-${user}`, u => ({ path: `/user/${encodeURIComponent(u)}/v1/messages` })],
		[`a+b@c-${user}`, u => ({ path: `/user/${u}/v1/messages` })],
	]
	for (const [name, way] of ways) {
		const { path, headers } = way(name)
		anthropic.script(A.rate_limited(null))
		const answer = await proxy.send({ path, headers: headers_for(key, headers), body: message() })
		assert.equal(provider(answer), 'bedrock', name)
		await counted(proxy, name, 1)
	}
	const before = (await proxy.usage('default')).summary.total_requests
	await fall_back({ ...t, user: null })
	await counted(proxy, 'default', before + 1)
	/* Path before query before header. */
	anthropic.script(A.rate_limited(null), A.rate_limited(null))
	await proxy.send({ path: `/user/${user}-1/v1/messages?claude-code-user=${user}-2`, headers: headers_for(key, { 'x-claude-code-user': `${user}-3` }), body: message() })
	await proxy.send({ path: `/v1/messages?claude-code-user=${user}-2`, headers: headers_for(key, { 'x-claude-code-user': `${user}-3` }), body: message() })
	await counted(proxy, `${user}-1`, 1)
	await counted(proxy, `${user}-2`, 1)
	assert.equal((await proxy.usage(`${user}-3`)).summary.total_requests, 0)
})
s.test('Anthropic\'s own answers and failures are not counted', async t => {
	await t.proxy.ask(t)
	t.anthropic.script(A.rate_limited(null))
	t.bedrock.script(B.exception('ThrottlingException'))
	await t.proxy.ask(t)
	await fall_back(t)
	await counted(t.proxy, t.user, 1)
})
s.test('USAGE_TRACKING_ENABLED=false counts nothing', async t => {
	await t.with({ USAGE_TRACKING_ENABLED: 'false' }, async proxy => {
		await fall_back({ ...t, proxy })
		await fall_back({ ...t, proxy })
		assert.equal((await proxy.usage(t.user)).summary?.total_requests ?? 0, 0)
	})
})
s.test('a hundred answers at once are a hundred', async t => {
	t.anthropic.script(A.rate_limited(600))
	assert.equal(provider(await t.proxy.ask(t)), 'bedrock')
	await Promise.all(Array.from({ length: 99 }, async () => (await t.proxy.stream(t)).ended))
	const usage = await counted(t.proxy, t.user, 100)
	assert.equal(usage.summary.total_output_tokens, 100 * B.USAGE.output_tokens)
})
s.test('bad input is 400 and names the parameter', async ({ proxy }) => {
	for (const [query, name] of [['days=0', 'days'], ['days=91', 'days'], ['days=x', 'days'], ['days=1.5', 'days'], ['date=2026-13-01', 'date'],
		['date=2026-02-30', 'date'], ['date=yesterday', 'date'], ['request_type=openai', 'request_type']])
		for (const path of ['/v1/usage', '/v1/usage/me']) {
			const answer = await proxy.get(`${path}?${query}`)
			const body = assert_own_error(answer, 400, 'invalid_request_error')
			assert.match(body.error.message, new RegExp(name), query)
		}
	assert_own_error(await proxy.get('/v1/usage/me?claude-code-user=a%23b'), 400, 'invalid_request_error')
	const wrong = await proxy.send({ path: '/v1/usage', body: {}, headers: { 'content-type': 'application/json' } })
	assert_own_error(wrong, 405, 'invalid_request_error')
	assert.match(wrong.headers.allow, /GET/)
})
