/* covers: exchange_book exchange_count plain */
/* What Bedrock answered is counted, under the right name, and shown in the shape of the user's documents. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import * as A from './anthropic.mjs'
import * as B from './bedrock.mjs'
import { assert_own_error, headers_for, message, provider } from './client.mjs'
import { IS_APACHE, NO_MASTER, suite, temp_folder, wait_until } from './harness.mjs'
import { Gate } from './standin.mjs'

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

s.test('DASHBOARD_ENABLED=false: what shows all users is closed, /v1/usage/me is open', async t => {
	await t.with({ DASHBOARD_ENABLED: 'false' }, async proxy => {
		for (const target of ['/ui', '/ui/', '/ui?user=alice', '/v1/usage', '/v1/usage?days=30', '/metrics']) {
			const answer = await proxy.get(target)
			assert_own_error(answer, 403, 'permission_error')
			assert.match(answer.text, /DASHBOARD_ENABLED/, target)
		}
		await fall_back({ ...t, proxy })
		assert.equal((await counted(proxy, t.user, 1)).user_id, t.user)
	})
})
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
s.test('LOG_FORMAT=json: what an answer used and cost is numbers of its line', async t => {
	await t.with({ LOG_FORMAT: 'json' }, async proxy => {
		t.anthropic.script(A.rate_limited(null))
		assert.equal(provider(await proxy.ask(t)), 'bedrock')
		const line = await wait_until(() => proxy.log().split('\n').find(text => text.includes('📊 bedrock') && text.startsWith('{')), 'the line')
		const { cost_microusd, input_tokens, output_tokens, message } = JSON.parse(line)
		assert.deepEqual([input_tokens, output_tokens], [B.USAGE.input_tokens, B.USAGE.output_tokens])
		assert.equal(Number(/microusd=(\d+)/.exec(message)[1]), cost_microusd)
		assert.ok(cost_microusd > 0)
	})
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
s.test('HEAD answers as GET does, without the body; a date says more than days', async ({ proxy }) => {
	for (const path of ['/v1/usage', '/v1/usage/me', '/metrics']) {
		const get = await proxy.get(path), head = await proxy.send({ method: 'HEAD', path })
		assert.equal(head.status, 200)
		assert.equal(head.text, '')
		assert.equal(head.headers['content-type'], get.headers['content-type'])
		assert.equal(get.headers['cache-control'], 'no-store')
	}
	const both = (await proxy.get(`/v1/usage?days=7&date=${today()}`)).json()
	assert.equal(both.date, today())
	assert.equal(both.period_days, undefined)
})
s.test('a store that cannot be read is a 503 in words, and a figure; once it can, usage is there', async t => {
	const file = path.join(temp_folder(), 'not-a-folder')
	fs.chmodSync(path.dirname(file), 0o777) /* mod_fcgid may run the programs as nobody */
	fs.writeFileSync(file, '')
	await t.with({ STORE: `sqlite:${file}/usage.db` }, async proxy => {
		for (const where of ['/v1/usage', '/v1/usage/me'])
			assert.match(assert_own_error(await proxy.get(where), 503, 'api_error').error.message, /^the store of usage cannot be read now$/)
		assert.match((await proxy.get('/metrics')).text, /^claude_code_proxy_store_up 0$/m)
		fs.unlinkSync(file)
		await wait_until(async () => (await proxy.get('/v1/usage')).status === 200, 'the store is read again')
		assert.match((await proxy.get('/metrics')).text, /^claude_code_proxy_store_up 1$/m)
	})
})
s.test('bad input is 400 and names the parameter', async ({ proxy }) => {
	for (const [query, name] of [['days=0', 'days'], ['days=91', 'days'], ['days=x', 'days'], ['days=1.5', 'days'], ['date=2026-13-01', 'date'],
		['date=2026-02-30', 'date'], ['date=yesterday', 'date'], ['request_type=openai', 'request_type'], ['days=', 'days'], ['days=-1', 'days'],
		['days=1e9', 'days'], ['days=1000000000', 'days'], ['days=7&date=', 'date'], ['request_type=', 'request_type'], ['days=%00', 'days']])
		for (const path of ['/v1/usage', '/v1/usage/me']) {
			const answer = await proxy.get(`${path}?${query}`)
			const body = assert_own_error(answer, 400, 'invalid_request_error')
			assert.match(body.error.message, new RegExp(name), query)
		}
	for (const user of ['a%23b', '', '%FF', '..', 'x'.repeat(129)])
		assert.match(assert_own_error(await proxy.get(`/v1/usage/me?claude-code-user=${user}`), 400, 'invalid_request_error').error.message, /claude-code-user/)
	for (const top of ['0', '1001', 'all'])
		assert.match(assert_own_error(await proxy.get(`/v1/usage?top=${top}`), 400, 'invalid_request_error').error.message, /top/)
	const wrong = await proxy.send({ path: '/v1/usage', body: {}, headers: { 'content-type': 'application/json' } })
	assert_own_error(wrong, 405, 'invalid_request_error')
	assert.match(wrong.headers.allow, /GET/)
})
s.test('cache writes of 5 minutes and an hour have their own price; counts of message_delta replace, they do not add', async t => {
	const usage = { input_tokens: 1000, output_tokens: 500, cache_read_input_tokens: 2000, cache_creation_input_tokens: 700,
		cache_creation: { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 400 } }
	const delta = counts => ({ type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: counts })
	t.bedrock.script({ usage, rawEvents: [
		{ type: 'message_start', message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-opus-5-5', content: [],
			stop_reason: null, stop_sequence: null, usage: { ...usage, output_tokens: 3 } } },
		{ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
		{ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hi' } },
		{ type: 'content_block_stop', index: 0 },
		delta({ output_tokens: 200 }),
		delta({ input_tokens: 1000, cache_read_input_tokens: 2000, cache_creation_input_tokens: 700, output_tokens: 500 }),
		{ type: 'message_stop' },
	] })
	await fall_back(t, { stream: true })
	const { summary } = await counted(t.proxy, t.user, 1)
	assert.equal(summary.total_input_tokens, 1000)
	assert.equal(summary.total_output_tokens, 500)
	assert.equal(summary.cache_read_tokens, 2000)
	assert.equal(summary.cache_write_tokens, 700)
	assert.equal(summary.estimated, false)
	/* Opus 5.5, global: 4 / 20 / 5 (5 minutes) / 8 (an hour) / 0.2 dollars a million. */
	assert.equal(summary.cost_usd, (1000 * 4 + 500 * 20 + 300 * 5 + 400 * 8 + 2000 * 0.2) / 1e6)
})
s.test('a prompt of Haiku 5.5 over 100,000 tokens costs the long tier, whole', async t => {
	const usage = { input_tokens: 90_001, output_tokens: 1000, cache_read_input_tokens: 10_000 }
	t.bedrock.script({ usage }, { usage: { ...usage, input_tokens: 90_000 } })
	await fall_back({ ...t, user: `${t.user}-long` }, { body: { model: 'claude-haiku-5-5' } })
	await fall_back({ ...t, user: `${t.user}-short` }, { body: { model: 'claude-haiku-5-5' } })
	const long = (await counted(t.proxy, `${t.user}-long`, 1)).summary
	const short = (await counted(t.proxy, `${t.user}-short`, 1)).summary
	/* 0.1 / 0.5 / 0.01 dollars a million; 0.5 / 2.5 / 0.05 above the threshold. */
	assert.equal(short.cost_usd, Math.round(90_000 * 0.1 + 1000 * 0.5 + 10_000 * 0.01) / 1e6)
	assert.equal(long.cost_usd, Math.round(90_001 * 0.5 + 1000 * 2.5 + 10_000 * 0.05) / 1e6)
})
s.test('a client that leaves in mid-stream of Bedrock: what was seen is counted, as an estimate', async t => {
	t.anthropic.script(A.rate_limited(null))
	t.bedrock.script({ events: 10_000, everyMs: 5, padding: 400 })
	const answer = await t.proxy.stream({ ...t, split: true })
	assert.equal(provider(answer), 'bedrock')
	await answer.deltas(10)
	answer.leave()
	const { summary } = await counted(t.proxy, t.user, 1)
	assert.equal(summary.estimated, true)
	assert.equal(summary.total_input_tokens, B.USAGE.input_tokens)
	/* message_start said 1; four characters a token of ten deltas with 400 each is 1000 at least */
	assert.ok(summary.total_output_tokens >= 1000, `${summary.total_output_tokens}`)
	assert.ok(summary.cost_usd > 0)
})
s.test('names that clients invent do not get into the books: what answered does', async t => {
	await t.with({ BEDROCK_DEFAULT_MODEL: B.PROFILE_ARN }, async proxy => {
		for (const model of ['claude-invented-1', 'claude-invented-2'])
			await fall_back({ ...t, proxy }, { body: { model } })
		await counted(proxy, t.user, 2)
		const metrics = (await proxy.get('/metrics')).text
		assert.deepEqual([...metrics.matchAll(/requests_today\{request_type="bedrock",model="([^"]*)"\} (\d+)/g)].map(m => m.slice(1)), [['a1b2c3d4e5f6', '2']])
	})
})

/* --- TRACK_ANTHROPIC_USAGE --- */

const both = suite({ env: { TRACK_ANTHROPIC_USAGE: 'true', LOG_LEVEL: 'debug' } })
const SPLIT = { input_tokens: 21, output_tokens: 34, cache_read_input_tokens: 5000, cache_creation_input_tokens: 700,
	cache_creation: { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 400 } }
const of_type = async (proxy, user, type) => (await proxy.usage(user, `&request_type=${type}`)).summary
const answered_by_anthropic = (answer, t) => {
	assert.equal(answer.status, 200)
	assert.equal(provider(answer), 'anthropic')
	assert.deepEqual(answer.body, t.anthropic.last.sentBytes())
}

both.test('answers of Anthropic are request_type=anthropic, to the token; Bedrock\'s stay bedrock', async t => {
	await t.with({ TRACK_ANTHROPIC_USAGE: 'true' }, async proxy => {
		t.anthropic.script({ usage: SPLIT }, { usage: SPLIT })
		answered_by_anthropic(await proxy.ask({ ...t, body: { model: 'claude-opus-5-5[1m]' } }), t)
		answered_by_anthropic(await (await proxy.stream(t)).ended, t)
		await fall_back({ ...t, proxy })
		await counted(proxy, t.user, 3)
		const mine = await of_type(proxy, t.user, 'anthropic')
		assert.equal(mine.total_requests, 2)
		assert.equal(mine.total_input_tokens, 2 * 21)
		assert.equal(mine.total_output_tokens, 2 * 34)
		assert.equal(mine.cache_read_tokens, 2 * 5000)
		assert.equal(mine.cache_write_tokens, 2 * 700)
		assert.equal(mine.estimated, false)
		assert.equal(mine.cost_usd, 0, 'not on the AWS bill')
		const theirs = await of_type(proxy, t.user, 'bedrock')
		assert.equal(theirs.total_requests, 1)
		assert.equal(theirs.total_input_tokens, B.USAGE.input_tokens)
		assert.equal(theirs.total_output_tokens, B.USAGE.output_tokens)
		const metrics = (await proxy.get('/metrics')).text
		const figure = kind => Number(new RegExp(`tokens_today\\{request_type="anthropic",model="claude-opus-5-5",kind="${kind}"\\} (\\d+)`).exec(metrics)?.[1])
		assert.equal(figure('cache_write_5m'), 2 * 300)
		assert.equal(figure('cache_write_1h'), 2 * 400)
	})
})
both.test('a counted stream leaves event by event, message_stop too, while Anthropic\'s connection stays open', async t => {
	const gate = new Gate()
	/* message_start, block start, 3 deltas, block stop, message_delta, message_stop; then silence */
	t.anthropic.script({ gate, events: 3, usage: SPLIT, silentAfter: 8 })
	gate.open()
	const answer = await t.proxy.stream({ ...t, split: true })
	for (let n = 2; n <= 8; n++) {
		gate.open()
		await answer.until(a => a.events().length === n, `event ${n}`)
	}
	assert.deepEqual(answer.body, t.anthropic.last.sentBytes())
	const before = await counted(t.proxy, t.user, 1)
	assert.equal(before.summary.estimated, false)
	answer.leave()
	if (!IS_APACHE) /* it never tells a program that a silent client has left */
		await wait_until(() => t.anthropic.last.goneMs !== null, 'the upstream call ends')
	await t.proxy.ask(t) /* whatever would be counted twice, would be by now */
	const { summary } = await counted(t.proxy, t.user, 2)
	assert.equal(summary.total_output_tokens, 34 + A.USAGE.output_tokens)
})
both.test('what follows message_stop is passed on as well', async t => {
	const text = frames => frames.map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join('')
	const body = text([['message_start', { type: 'message_start', message: { type: 'message', usage: { input_tokens: 7, output_tokens: 1 } } }],
		['message_delta', { type: 'message_delta', delta: {}, usage: { output_tokens: 9 } }], ['message_stop', { type: 'message_stop' }],
		['ping', { type: 'ping', filler: 'x'.repeat(100_000) }], ['message_stop', { type: 'message_stop' }]]) + ': the end\n'
	t.anthropic.script({ status: 200, headers: { 'content-type': 'text/event-stream' }, body })
	const answer = await (await t.proxy.stream(t)).ended
	assert.ok(answer.text === body, answer.text.slice(-300))
	const { summary } = await counted(t.proxy, t.user, 1)
	assert.deepEqual([summary.total_input_tokens, summary.total_output_tokens, summary.estimated], [7, 9, false])
})
both.test('a client that leaves in mid-stream of Anthropic, and a stream that Anthropic cuts: what was seen, as an estimate', async t => {
	t.anthropic.script({ events: 10_000, everyMs: 5, padding: 400, usage: SPLIT })
	const answer = await t.proxy.stream({ ...t, split: true })
	await answer.deltas(10)
	answer.leave()
	await counted(t.proxy, t.user, 1)
	const left = await of_type(t.proxy, t.user, 'anthropic')
	assert.equal(left.estimated, true)
	assert.equal(left.total_input_tokens, 21)
	assert.ok(left.total_output_tokens >= 1000, `${left.total_output_tokens}`)

	const other = { ...t, user: `${t.user}-cut` }
	t.anthropic.script({ events: 10, padding: 400, usage: SPLIT, cutAfter: 7 })
	const cut = await (await t.proxy.stream(other)).ended
	assert.equal(cut.events().at(-1).event, 'error')
	assert.equal(cut.events().filter(e => e.event === 'error').length, 1)
	const { summary } = await counted(t.proxy, other.user, 1)
	assert.equal(summary.estimated, true)
	assert.ok(summary.total_output_tokens >= 500)
})
both.test('a JSON answer that is cut counts nothing, one with its end does; a long one arrives as it was', async t => {
	const content = [{ type: 'text', text: '긴 답 '.repeat(300_000) }]
	t.anthropic.script({ content, usage: SPLIT })
	answered_by_anthropic(await t.proxy.ask(t), t)
	await counted(t.proxy, t.user, 1)
	const whole = JSON.stringify({ type: 'message', content, usage: { input_tokens: 1, output_tokens: 1 } })
	t.anthropic.script({ status: 200, body: whole, cutAfterBytes: 1_000_000 })
	const cut = await t.proxy.ask(t)
	assert.ok(cut.broken)
	const sent = t.anthropic.last.sentBytes() /* behind it Apache puts an error of its own */
	const came = Math.min(sent.length, cut.body.length)
	assert.ok(came > 0 && cut.body.subarray(0, came).equals(sent.subarray(0, came)))
	t.anthropic.script({ usage: SPLIT })
	await t.proxy.ask(t)
	const { summary } = await counted(t.proxy, t.user, 2)
	assert.equal(summary.total_output_tokens, 2 * 34)
	assert.equal(summary.estimated, false)
})
both.test('errors, played limits, counting and compressed answers are not counted', async t => {
	t.anthropic.script(A.failed(400, 'invalid_request_error', 'no'), A.overloaded(), A.first_event_error('api_error', 'no'))
	assert.equal((await t.proxy.ask(t)).status, 400)
	assert.equal((await t.proxy.ask(t)).status, 529)
	assert.equal((await (await t.proxy.stream(t)).ended).status, 200)
	const packed = gzipSync(JSON.stringify({ type: 'message', usage: { input_tokens: 1, output_tokens: 1 } }))
	t.anthropic.script({ status: 200, headers: { 'content-encoding': 'gzip' }, body: packed })
	assert.deepEqual((await t.proxy.ask(t)).body, packed)
	assert.match(t.proxy.log(), /warning req_\S+ a compressed answer is not counted/)
	const count = await t.proxy.send({ path: `/user/${t.user}/v1/messages/count_tokens`, headers: headers_for(t.key),
		body: { model: 'claude-opus-5-5', messages: [{ role: 'user', content: 'Hello' }] } })
	assert.equal(count.status, 200)
	t.anthropic.script(A.rate_limited('x'))
	t.bedrock.script(B.exception('ThrottlingException'))
	assert.equal((await t.proxy.ask(t)).status, 429)
	await t.proxy.ask(t)
	await counted(t.proxy, t.user, 1)
	await t.with({ TRACK_ANTHROPIC_USAGE: 'true', FORCE_RATE_LIMIT: 'true', BEDROCK_FALLBACK_ENABLED: 'false' }, async proxy => {
		assert.equal((await proxy.ask(t)).status, 429)
		assert.equal((await proxy.usage(t.user)).summary.total_requests, 0)
	})
})
both.test('a JSON answer too long to count arrives as it was, with a warning in the log', async t => {
	t.anthropic.script({ content: [{ type: 'text', text: 'x'.repeat(34_000_000) }], usage: SPLIT })
	answered_by_anthropic(await t.proxy.ask(t), t)
	assert.match(t.proxy.log(), /warning req_\S+ an answer of more than 33554432 bytes is not counted/)
	assert.equal((await t.proxy.usage(t.user)).summary.total_requests, 0)
})
both.test('USAGE_TRACKING_ENABLED=false counts nothing of Anthropic\'s either', async t => {
	await t.with({ TRACK_ANTHROPIC_USAGE: 'true', USAGE_TRACKING_ENABLED: 'false' }, async proxy => {
		answered_by_anthropic(await proxy.ask(t), t)
		answered_by_anthropic(await (await proxy.stream(t)).ended, t)
		assert.equal((await proxy.usage(t.user)).summary?.total_requests ?? 0, 0)
	})
})
/* mod_fcgid manages processes itself: there is none to signal. */
both.test('a drain that ends counts what Anthropic streamed', { skip: NO_MASTER }, async t => {
	await t.with({ TRACK_ANTHROPIC_USAGE: 'true', DRAIN_SECONDS: '1', WORKERS: '1' }, async proxy => {
		const gate = new Gate()
		t.anthropic.script({ gate, events: 10, padding: 400, usage: SPLIT })
		gate.open(6)
		const answer = await proxy.stream(t)
		await answer.deltas(4)
		const pid = proxy.pid()
		proxy.signal('SIGTERM', pid)
		const cut = await answer.ended
		assert.equal(cut.events().at(-1).event, 'error')
		await proxy.gone(pid)
		await wait_until(async () => (await proxy.get('/health')).status === 200, 'the next life serves')
		const { summary } = await counted(proxy, t.user, 1)
		assert.equal(summary.estimated, true)
		assert.ok(summary.total_output_tokens >= 400)
	})
})
