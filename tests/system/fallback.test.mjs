/* Promise 2 and 3: a limit is survived, and nobody spends the operator's money unvouched. The table, end to end. */
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import * as A from './anthropic.mjs'
import * as B from './bedrock.mjs'
import { assert_own_error, assert_whole_stream, headers_for, message, provider, send, text_of } from './client.mjs'
import { free_port, suite, wait_until } from './harness.mjs'

const s = suite()
const from_anthropic = answer => assert.equal(provider(answer), 'anthropic', answer.text)
const from_bedrock = answer => {
	assert.equal(provider(answer), 'bedrock', answer.text)
	assert.equal(answer.status, 200, answer.text)
	assert.match(answer.headers['x-claude-proxy-fallback-reason'], /\S/)
}
/* Exactly what Anthropic said: status, body, and the headers that a client acts on. */
const is_original = (answer, record, script) => {
	assert.equal(answer.status, script.status, answer.text)
	assert.deepEqual(answer.body, record.sentBytes())
	for (const [name, value] of Object.entries(script.headers))
		assert.equal(answer.headers[name], value, name)
	from_anthropic(answer)
}

s.test('retry-after 2: waited, asked again, Anthropic\'s answer', async ({ proxy, anthropic, bedrock, user, key }) => {
	anthropic.script(A.rate_limited(2), {})
	const answer = await proxy.ask({ user, key })
	from_anthropic(answer)
	assert.equal(answer.json().content[0].text, A.TEXT)
	const [first, second] = anthropic.requests
	assert.ok(second.arrivedMs - first.arrivedMs >= 1950, 'it was waited')
	assert.deepEqual(second.body, first.body)
	assert.deepEqual(second.rawHeaders, first.rawHeaders)
	assert.equal(bedrock.requests.length, 0)
	from_anthropic(await proxy.ask({ user, key }))
})
s.test('retry-after 1, and then 60: Bedrock, remembered', async ({ proxy, anthropic, bedrock, user, key }) => {
	anthropic.script(A.rate_limited(1), A.rate_limited(60))
	from_bedrock(await proxy.ask({ user, key }))
	from_bedrock(await proxy.ask({ user, key }))
	assert.equal(anthropic.requests.length, 2)
	assert.equal(bedrock.requests.length, 2)
})
s.test('retry-after 20 is waited for no longer than MAX_RETRY_WAIT_SECONDS', async t => {
	await t.with({ MAX_RETRY_WAIT_SECONDS: '1' }, async proxy => {
		t.anthropic.script(A.rate_limited(20), {})
		from_anthropic(await proxy.ask(t))
		const [first, second] = t.anthropic.requests
		assert.ok(second.arrivedMs - first.arrivedMs >= 950 && second.arrivedMs - first.arrivedMs < 15_000)
	})
})
s.test('retry-after 60: Bedrock; the next request does not ask Anthropic', async ({ proxy, anthropic, bedrock, user, key }) => {
	anthropic.script(A.rate_limited(60))
	const answer = await proxy.ask({ user, key })
	from_bedrock(answer)
	assert.equal(answer.json().content[0].text, B.TEXT)
	assert.equal(answer.json().model, 'claude-opus-5-5', 'the client\'s own name of the model')
	const next = await (await proxy.stream({ user, key })).ended
	from_bedrock(next)
	assert.equal(text_of(assert_whole_stream(next)), B.TEXT)
	assert.equal(anthropic.requests.length, 1)
	const { limit } = await proxy.usage(user)
	assert.ok(limit.remaining_seconds > 50 && limit.remaining_seconds <= 60, JSON.stringify(limit))
})
s.test('retry-after as an HTTP date', async ({ proxy, anthropic, user, key }) => {
	anthropic.script(A.rate_limited(new Date(Date.now() + 90_000).toUTCString()))
	from_bedrock(await proxy.ask({ user, key }))
	from_bedrock(await proxy.ask({ user, key }))
	const { limit } = await proxy.usage(user)
	assert.ok(limit.remaining_seconds > 60 && limit.remaining_seconds <= 91, JSON.stringify(limit))
})
s.test('RETRY_THRESHOLD_SECONDS=0 never waits; after the time has passed Anthropic is asked again', async t => {
	await t.with({ RETRY_THRESHOLD_SECONDS: '0' }, async proxy => {
		t.anthropic.script(A.rate_limited(8))
		from_bedrock(await proxy.ask(t))
		from_bedrock(await proxy.ask(t))
		assert.equal(t.anthropic.requests.length, 1)
		const answer = await wait_until(async () => {
			const one = await proxy.ask(t)
			return provider(one) === 'anthropic' && one
		}, 'the limit ends')
		assert.equal(answer.status, 200)
		assert.equal((await proxy.usage(t.user)).limit, null)
	})
})
s.test('another credential of the same user asks Anthropic first', async ({ proxy, anthropic, user, key }) => {
	anthropic.script(A.rate_limited(60))
	from_bedrock(await proxy.ask({ user, key }))
	from_anthropic(await proxy.ask({ user, key: `${key}-other` }))
	from_anthropic(await proxy.ask({ user, key: null, headers: { authorization: `Bearer ${key}-third` } }))
	from_bedrock(await proxy.ask({ user, key }))
})
s.test('a stranger who names a limited user gets nothing from Bedrock', async ({ proxy, anthropic, bedrock, user, key }) => {
	anthropic.script(A.rate_limited(600))
	from_bedrock(await proxy.ask({ user, key }))
	const before = bedrock.requests.length
	const answer = await proxy.ask({ user, key: 'sk-ant-bad-stranger' })
	assert.equal(answer.status, 401)
	from_anthropic(answer)
	assert_own_error(await proxy.ask({ user, key: null }), 401, 'authentication_error')
	assert.equal(bedrock.requests.length, before)
})
s.test('another user with the same credential asks Anthropic first', async ({ proxy, anthropic, user, key }) => {
	anthropic.script(A.rate_limited(60))
	from_bedrock(await proxy.ask({ user, key }))
	from_anthropic(await proxy.ask({ user: `${user}-b`, key }))
})
s.test('a per-minute limit holds for its model family only', async ({ proxy, anthropic, user, key }) => {
	anthropic.script(A.rate_limited(60))
	from_bedrock(await proxy.ask({ user, key }))
	from_anthropic(await proxy.ask({ user, key, body: { model: 'claude-sonnet-5-5' } }))
	from_bedrock(await proxy.ask({ user, key, body: { model: 'claude-opus-4-8' } }))
})
s.test('a used-up window: remembered until its reset, for all models', async ({ proxy, anthropic, user, key }) => {
	anthropic.script(A.window_used_up(A.unix_now() + 7200, 'five_hour'))
	from_bedrock(await proxy.ask({ user, key }))
	from_bedrock(await proxy.ask({ user, key, body: { model: 'claude-sonnet-5-5' } }))
	from_bedrock(await proxy.ask({ user, key, body: { model: 'claude-haiku-5-5' } }))
	assert.equal(anthropic.requests.length, 1)
	const { limit } = await proxy.usage(user)
	assert.ok(limit.remaining_seconds > 7100 && limit.remaining_seconds <= 7200, JSON.stringify(limit))
})
s.test('a window of one family leaves the others open', async ({ proxy, anthropic, user, key }) => {
	anthropic.script(A.window_used_up(A.unix_now() + 7200, 'seven_day_opus'))
	from_bedrock(await proxy.ask({ user, key }))
	from_anthropic(await proxy.ask({ user, key, body: { model: 'claude-sonnet-5-5' } }))
	from_bedrock(await proxy.ask({ user, key }))
})
s.test('a claim that nobody knows yet holds for the family that was asked', async ({ proxy, anthropic, user, key }) => {
	anthropic.script(A.window_used_up(A.unix_now() + 7200, 'thirty_day_moon'))
	from_bedrock(await proxy.ask({ user, key }))
	from_anthropic(await proxy.ask({ user, key, body: { model: 'claude-sonnet-5-5' } }))
})
s.test('a used-up window with a short retry-after is not waited for', async ({ proxy, anthropic, user, key }) => {
	anthropic.script(A.window_used_up(A.unix_now() + 7200, 'seven_day', { retryAfter: 3 }))
	from_bedrock(await proxy.ask({ user, key }))
	assert.equal(anthropic.requests.length, 1)
})
s.test('a window whose reset has passed is a bare 429', async ({ proxy, anthropic, user, key }) => {
	anthropic.script(A.window_used_up(A.unix_now() - 60))
	from_bedrock(await proxy.ask({ user, key }))
	from_anthropic(await proxy.ask({ user, key }))
})
s.test('a spend limit: 300 s for all models', async ({ proxy, anthropic, user, key }) => {
	anthropic.script(A.spend_limited('enforced_spend_limit_reached'))
	from_bedrock(await proxy.ask({ user, key }))
	from_bedrock(await proxy.ask({ user, key, body: { model: 'claude-haiku-5-5' } }))
	assert.equal(anthropic.requests.length, 1)
	const { limit } = await proxy.usage(user)
	assert.ok(limit.remaining_seconds > 250 && limit.remaining_seconds <= 300, JSON.stringify(limit))
})
s.test('a bare 429: Bedrock for this request, nothing remembered', async ({ proxy, anthropic, user, key }) => {
	anthropic.script(A.rate_limited(null))
	from_bedrock(await proxy.ask({ user, key }))
	assert.equal((await proxy.usage(user)).limit, null)
	from_anthropic(await proxy.ask({ user, key }))
})
s.test('a 429 that is not Anthropic\'s own is relayed and not remembered', async ({ proxy, anthropic, bedrock, user, key }) => {
	const edges = [
		{ status: 429, headers: { 'retry-after': '60', 'content-type': 'text/html' }, body: '<html>slow down</html>' },
		{ status: 429, headers: { 'retry-after': '60' }, body: { message: 'Too many requests' } },
		{ status: 429, headers: { 'retry-after': '60' }, body: A.error_body('api_error', 'x') },
		{ status: 429, headers: { 'retry-after': '60' }, body: '' },
	]
	for (const script of edges) {
		anthropic.script(script)
		is_original(await proxy.ask({ user, key }), anthropic.last, script)
	}
	from_anthropic(await proxy.ask({ user, key }))
	assert.equal(bedrock.requests.length, 0)
})
s.test('FALLBACK_ORGANIZATIONS: only their 429s open Bedrock', async t => {
	await t.with({ FALLBACK_ORGANIZATIONS: 'other-org' }, async proxy => {
		const script = A.rate_limited(60)
		t.anthropic.script(script)
		is_original(await proxy.ask(t), t.anthropic.last, script)
		from_anthropic(await proxy.ask(t))
		assert.equal(t.bedrock.requests.length, 0)
		await wait_until(() => proxy.log().includes(`429 of the organization ${A.ORGANIZATION}, which FALLBACK_ORGANIZATIONS does not name`), 'the log says which id to add')
	})
	await t.with({ FALLBACK_ORGANIZATIONS: `other-org,${A.ORGANIZATION}` }, async proxy => {
		t.anthropic.script(A.rate_limited(60))
		from_bedrock(await proxy.ask(t))
	})
})
s.test('fallback off: the 429 is relayed, remembered for people to see, and Anthropic stays in charge', async t => {
	await t.with({ BEDROCK_FALLBACK_ENABLED: 'false' }, async proxy => {
		const script = A.rate_limited(60)
		t.anthropic.script(script)
		is_original(await proxy.ask(t), t.anthropic.last, script)
		assert.ok((await proxy.usage(t.user)).limit.remaining_seconds > 50)
		from_anthropic(await proxy.ask(t))
		assert.equal(t.bedrock.requests.length, 0)
	})
})
s.test('tracking off: Bedrock, and Anthropic is asked first each time', async t => {
	await t.with({ RATE_LIMIT_TRACKING_ENABLED: 'false' }, async proxy => {
		t.anthropic.script(A.rate_limited(60), A.rate_limited(60))
		from_bedrock(await proxy.ask(t))
		from_bedrock(await proxy.ask(t))
		assert.equal(t.anthropic.requests.length, 2)
	})
})

/* Requests that Bedrock could not answer as Anthropic would. */
const UNCONVERTIBLE = {
	'a server tool': { tools: [{ type: 'web_search_20250305', name: 'web_search', max_uses: 5 }] },
	'a url source': { messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }] }] },
	'a file source': { messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'file', file_id: 'file_1' } }] }] },
	'a model without a home on Bedrock': { model: 'claude-imaginary-9' },
	'an MCP connector': { mcp_servers: [{ type: 'url', url: 'https://example.com', name: 'x' }] },
}
s.test('what cannot be converted never falls back: the 429 is relayed', async ({ proxy, anthropic, bedrock, key, user }) => {
	for (const [i, [what, body]] of Object.entries(UNCONVERTIBLE).entries()) {
		const script = A.rate_limited(60)
		anthropic.script(script)
		is_original(await proxy.ask({ user: `${user}-${i}`, key, body }), anthropic.last, script)
		assert.equal(bedrock.requests.length, 0, what)
	}
	const script = A.rate_limited(60)
	anthropic.script(script)
	const body = gzipSync(JSON.stringify(message()))
	is_original(await proxy.send({ headers: headers_for(`${key}z`, { 'content-encoding': 'gzip' }), body }), anthropic.last, script)
	assert.equal(bedrock.requests.length, 0)
	assert.match(proxy.log(), /web_search/, 'the log says why')
})
s.test('while limited, what cannot be converted goes to Anthropic', async ({ proxy, anthropic, user, key }) => {
	anthropic.script(A.rate_limited(60))
	from_bedrock(await proxy.ask({ user, key }))
	from_anthropic(await proxy.ask({ user, key, body: UNCONVERTIBLE['a server tool'] }))
})

s.test('first event error: a rate limit goes to Bedrock, an overload is relayed as it came', async ({ proxy, anthropic, bedrock, user, key }) => {
	anthropic.script(A.first_event_error('rate_limit_error', 'limited'))
	const limited = await (await proxy.stream({ user, key })).ended
	from_bedrock(limited)
	assert.equal(text_of(assert_whole_stream(limited)), B.TEXT)
	assert.equal((await proxy.usage(user)).limit, null, 'a bare 429 is not remembered')
	for (const type of ['overloaded_error', 'api_error']) {
		anthropic.script(A.first_event_error(type, 'x'))
		const answer = await (await proxy.stream({ user, key })).ended
		assert.equal(answer.status, 200)
		from_anthropic(answer)
		assert.deepEqual(answer.body, anthropic.last.sentBytes())
	}
	assert.equal(bedrock.requests.length, 1)
})
s.test('FALLBACK_ON: 529, 5xx and spend caps go to Bedrock for a credential that Anthropic knows', async t => {
	await t.with({ FALLBACK_ON: '429,529,5xx,spend' }, async proxy => {
		const scripts = {
			529: A.overloaded(),
			500: A.failed(500, 'api_error', 'Internal server error'),
			'400 spend': A.failed(400, 'invalid_request_error', 'You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.'),
			'402 spend': { status: 402, headers: {}, body: A.error_body('billing_error', 'Your organization has reached its spend limit',
				{ details: { error_code: 'linked_organization_spend_limit_reached' } }) },
			'first event': A.first_event_error('overloaded_error', 'Overloaded'),
		}
		for (const [i, [what, script]] of Object.entries(scripts).entries()) {
			const who = { user: t.user, key: `${t.key}-${i}` }
			const stream = what === 'first event'
			const ask = async () => stream ? (await proxy.stream(who)).ended : proxy.ask(who)
			if (!stream) { /* the 200 of an error event has vouched already */
				t.anthropic.script(script)
				from_anthropic(await ask()) /* unvouched: relayed */
			}
			from_anthropic(await ask()) /* a 2xx: now it is vouched */
			/* Soon, not at once: that note is written beside the answer, and read by another worker. */
			from_bedrock(await wait_until(async () => {
				t.anthropic.script(script)
				const answer = await ask()
				return provider(answer) === 'bedrock' && answer
			}, `${what} goes to Bedrock`))
			from_anthropic(await ask())
		}
		t.anthropic.script(A.failed(400, 'invalid_request_error', 'messages: wrong'))
		from_anthropic(await proxy.ask({ user: t.user, key: `${t.key}-0` }))
	})
})
s.test('FALLBACK_ON=connect: Anthropic unreachable goes to Bedrock for a credential it knew', async t => {
	await t.with({ FALLBACK_ON: '429,connect' }, async proxy => {
		t.anthropic.dead = true
		assert.equal((await proxy.ask(t)).status, 502)
		t.anthropic.dead = false
		from_anthropic(await proxy.ask(t))
		t.anthropic.dead = true
		from_bedrock(await wait_until(async () => {
			const answer = await proxy.ask(t)
			return answer.status === 200 && answer
		}, 'it goes to Bedrock'))
	})
})
s.test('a stream of Anthropic\'s that breaks is ended with an error event; Bedrock is not asked', async ({ proxy, anthropic, bedrock, user, key }) => {
	for (const cut of [{ cutAfter: 5 }, { cutAfterBytes: 700 }, { endAfter: 4 }]) {
		anthropic.script({ events: 10, ...cut })
		const answer = await (await proxy.stream({ user, key })).ended
		assert.equal(answer.status, 200)
		const sent = anthropic.last.sentBytes().toString()
		const whole = sent.slice(0, sent.lastIndexOf('\n\n') + 2)
		assert.ok(answer.text.startsWith(whole), 'what came is passed on')
		const last = answer.text.slice(answer.text.lastIndexOf('event: '))
		assert.match(last, /^event: error\ndata: \{.*\}\n\n$/)
		assert.equal(JSON.parse(last.split('data: ')[1]).type, 'error')
		assert.equal(answer.text.match(/message_start/g).length, 2, 'one event: its name and its type')
	}
	assert.equal(bedrock.requests.length, 0)
})

/* Bedrock fails after Anthropic's 429: the client gets that 429, with its headers, never a second shape. */
const BEDROCK_FAILS = {
	'throttled': B.exception('ThrottlingException'),
	'throttled in the first frame': { firstFrame: B.throttled_frame() },
	'an error frame first': { firstFrame: B.error_frame('InternalError', 'x') },
	'500': B.exception('InternalServerException', 'x'),
	'503': B.exception('ServiceUnavailableException', 'x'),
	'model not ready': B.exception('ModelNotReadyException', 'x'),
	'model timeout': B.exception('ModelTimeoutException', 'x'),
	'model error': B.exception('ModelErrorException', 'x'),
	'over quota': B.exception('ServiceQuotaExceededException', 'x'),
	'no access': B.exception('AccessDeniedException', 'You don\'t have access to the model with the specified model ID.'),
	'not there': B.exception('ResourceNotFoundException', 'x'),
	'HTML of a proxy in between': { status: 502, headers: { 'content-type': 'text/html' }, body: '<html>' },
	'reset': 'dead',
	'a bad CRC at once': { badCrcAfter: 0 },
	'cut in the first frame': { cutAfterBytes: 20 },
	'an end without an event': { status: 200, headers: { 'content-type': 'application/vnd.amazon.eventstream' }, body: '' },
	'200 that is not an event stream': { status: 200, headers: { 'content-type': 'application/json' }, body: '{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"}}' },
}
s.test('Bedrock fails after a 429: the original 429 with its headers', async ({ proxy, anthropic, bedrock, user, key }) => {
	for (const [what, failure] of Object.entries(BEDROCK_FAILS)) {
		const script = A.rate_limited(null, { message: `for ${what}`, headers: { 'x-should-retry': 'true' } })
		anthropic.script(script)
		bedrock.dead = failure === 'dead'
		if (!bedrock.dead)
			bedrock.script(failure)
		const answer = await (await proxy.stream({ user, key })).ended
		bedrock.dead = false
		try {
			is_original(answer, anthropic.last, script)
		} catch (error) {
			error.message = `${what}: ${error.message}`
			throw error
		}
		assert.equal(bedrock.unused, 0, what)
	}
	for (const what of ['throttled', 'no access', '500']) {
		const script = A.rate_limited(null)
		anthropic.script(script)
		bedrock.script(BEDROCK_FAILS[what])
		is_original(await proxy.ask({ user, key }), anthropic.last, script)
	}
})
s.test('Bedrock unreachable or silent: the original 429', async t => {
	await t.with({ AWS_ENDPOINT_URL_BEDROCK_RUNTIME: `http://127.0.0.1:${await free_port()}` }, async proxy => {
		const script = A.rate_limited(60)
		t.anthropic.script(script)
		is_original(await proxy.ask(t), t.anthropic.last, script)
	})
	await t.with({ FIRST_BYTE_TIMEOUT_SECONDS: '4', IDLE_TIMEOUT_SECONDS: '4' }, async proxy => {
		for (const silence of [{ silent: true }, { events: 5, gate: { pass: () => new Promise(() => {}) } }]) {
			const script = A.rate_limited(null)
			t.anthropic.script(script)
			t.bedrock.script(silence)
			is_original(await (await proxy.stream(t)).ended, t.anthropic.last, script)
		}
	})
})
s.test('no AWS credentials at all: the original 429', async t => {
	await t.with({ AWS_ACCESS_KEY_ID: null, AWS_SECRET_ACCESS_KEY: null }, async proxy => {
		const script = A.rate_limited(60)
		t.anthropic.script(script)
		is_original(await proxy.ask(t), t.anthropic.last, script)
		assert.equal(t.bedrock.requests.length, 0)
	})
})
s.test('the stored limit led straight to Bedrock, which fails: Anthropic is asked and relayed', async ({ proxy, anthropic, bedrock, user, key }) => {
	anthropic.script(A.rate_limited(60))
	from_bedrock(await proxy.ask({ user, key }))
	bedrock.script(B.exception('ThrottlingException'))
	const answer = await proxy.ask({ user, key })
	from_anthropic(answer)
	assert.equal(answer.status, 200)
	assert.equal(answer.json().content[0].text, A.TEXT)
	const still = A.rate_limited(45)
	anthropic.script(still)
	bedrock.script({ firstFrame: B.throttled_frame() })
	is_original(await (await proxy.stream({ user, key })).ended, anthropic.last, still)
})
s.test('Bedrock\'s 400 is the answer, in its words, without ARNs and account ids', async ({ proxy, anthropic, bedrock, user, key }) => {
	const text = 'messages.3.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_01'
	anthropic.script(A.rate_limited(null))
	bedrock.script(B.exception('ValidationException', text))
	const answer = await proxy.ask({ user, key })
	assert.equal(answer.status, 400)
	assert.equal(provider(answer), 'bedrock')
	assert.equal(answer.json().error.type, 'invalid_request_error')
	assert.equal(answer.json().error.message, text)
	assert.match(answer.json().request_id, /\S/)
	anthropic.script(A.rate_limited(null))
	bedrock.script({ firstFrame: B.exception_frame('validationException',
		'User: arn:aws:sts::123456789012:assumed-role/proxy/i-0abc is wrong about arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x, account 123456789012') })
	const masked = await (await proxy.stream({ user, key })).ended
	assert.equal(masked.status, 400)
	assert.match(masked.json().error.message, /is wrong about/)
	assert.doesNotMatch(masked.text, /123456789012|assumed-role|arn:aws/)
})
s.test('a prompt that is too long is said in the words that make Claude Code compact', async ({ proxy, anthropic, bedrock, user, key }) => {
	anthropic.script(A.rate_limited(null))
	bedrock.script(B.exception('ValidationException', 'Input is too long for requested model.'))
	const answer = await proxy.ask({ user, key })
	assert.equal(answer.status, 400)
	assert.equal(answer.json().error.type, 'invalid_request_error')
	assert.match(answer.json().error.message, /^prompt is too long/)
})
s.test('a 400 that names a beta flag or an extra input is tried once more without it', async ({ proxy, anthropic, bedrock, user, key }) => {
	anthropic.script(A.rate_limited(null))
	bedrock.script(B.exception('ValidationException', 'invalid beta flag'), {})
	from_bedrock(await proxy.ask({ user, key, headers: { 'anthropic-beta': 'interleaved-thinking-2025-05-14' } }))
	assert.deepEqual(bedrock.requests[0].json().anthropic_beta, ['interleaved-thinking-2025-05-14'])
	assert.equal((bedrock.requests[1].json().anthropic_beta ?? []).length, 0)
	anthropic.script(A.rate_limited(null))
	bedrock.script(B.exception('ValidationException', 'output_config: Extra inputs are not permitted'), {})
	from_bedrock(await proxy.ask({ user, key, body: { output_config: { effort: 'low' } } }))
	assert.deepEqual(bedrock.requests[2].json().output_config, { effort: 'low' })
	assert.equal(bedrock.last.json().output_config, undefined)
	anthropic.script(A.rate_limited(null))
	bedrock.script(B.exception('ValidationException', 'invalid beta flag'), B.exception('ValidationException', 'invalid beta flag'))
	const twice = await proxy.ask({ user, key, headers: { 'anthropic-beta': 'interleaved-thinking-2025-05-14' } })
	assert.equal(twice.status, 400, 'once, not for ever')
	assert.match(twice.json().error.message, /invalid beta flag/)
})

/* Bedrock breaks off after content was sent. */
const BREAKS = {
	'throttled': { frameAfter: [3, B.throttled_frame()] },
	'model stream error': { frameAfter: [3, B.exception_frame('modelStreamErrorException', 'boom', { originalStatusCode: 500, originalMessage: 'x' })] },
	'internal server': { frameAfter: [3, B.exception_frame('internalServerException', 'boom')] },
	'unavailable': { frameAfter: [3, B.exception_frame('serviceUnavailableException', 'boom')] },
	'model timeout': { frameAfter: [3, B.exception_frame('modelTimeoutException', 'boom')] },
	'an error frame': { frameAfter: [3, B.error_frame('InternalError', 'boom')] },
	'a bad CRC': { badCrcAfter: 3 },
	'cut after three events': { cutAfter: 3 },
	'ended after three events': { endAfter: 3 },
}
const TYPES = { throttled: 'rate_limit_error', unavailable: 'overloaded_error', 'model timeout': 'timeout_error' }
s.test('Bedrock breaks in mid-stream: what came, then one error event', async ({ proxy, anthropic, bedrock, user, key }) => {
	for (const [what, script] of Object.entries(BREAKS)) {
		anthropic.script(A.rate_limited(null))
		bedrock.script({ events: 10, ...script })
		const answer = await (await proxy.stream({ user, key })).ended
		assert.equal(provider(answer), 'bedrock', what)
		const events = answer.events()
		assert.deepEqual(events.map(e => e.event), ['message_start', 'content_block_start', 'content_block_delta', 'error'], what)
		assert.equal(events[3].data.error.type, TYPES[what] ?? 'api_error', what)
		assert.ok(answer.text.endsWith('\n\n'), what)
		assert.ok(!answer.broken, `${what}: the answer itself ends cleanly`)
	}
	assert.equal(anthropic.requests.length, Object.keys(BREAKS).length, 'Anthropic is not asked again')
})

s.test('FORCE_RATE_LIMIT plays a 429 without asking Anthropic, and stores no limit', async t => {
	await t.with({ FORCE_RATE_LIMIT: 'true' }, async proxy => {
		from_bedrock(await proxy.ask(t))
		from_bedrock(await (await proxy.stream(t)).ended)
		assert.equal(t.anthropic.requests.length, 0)
		const usage = await wait_until(async () => {
			const u = await proxy.usage(t.user)
			return u.summary.total_requests === 2 && u
		}, 'both answers are counted')
		assert.equal(usage.limit, null)
		assert_own_error(await proxy.ask({ user: t.user, key: null }), 401, 'authentication_error')
		const { max_tokens, ...count } = message()
		from_anthropic(await proxy.send({ path: '/v1/messages/count_tokens', headers: headers_for(t.key), body: count }))
		const before = t.bedrock.requests.length
		from_anthropic(await proxy.ask({ ...t, headers: { 'x-forwarded-for': '10.0.0.1' } }))
		from_anthropic(await proxy.ask({ ...t, headers: { host: 'proxy.example' } }))
		assert.equal(t.bedrock.requests.length, before, 'only for loopback requests')
	})
})
s.test('FORCE_RATE_LIMIT, and Bedrock fails: a 429 in Anthropic\'s shape', async t => {
	await t.with({ FORCE_RATE_LIMIT: 'true' }, async proxy => {
		t.bedrock.script(B.exception('ThrottlingException'))
		const answer = await proxy.ask(t)
		assert.equal(answer.status, 429)
		assert.equal(answer.json().error.type, 'rate_limit_error')
		assert.equal(answer.headers['retry-after'], '60')
	})
})
s.test('no credential ever reaches Bedrock or the logs', async ({ proxy, anthropic, bedrock, user, key }) => {
	const token = `sk-ant-oat01-${key}`
	anthropic.script(A.rate_limited(60))
	from_bedrock(await proxy.ask({ user, key, headers: { authorization: `Bearer ${token}`, 'anthropic-beta': 'oauth-2025-04-20' } }))
	const wire = bedrock.last.rawHeaders.join('\n') + bedrock.last.body.toString()
	assert.ok(!wire.includes(key))
	for (const name of ['x-api-key', 'anthropic-version', 'anthropic-beta', 'x-claude-code-session-id', 'cookie'])
		assert.ok(!bedrock.last.has(name), name)
	const log = proxy.log()
	assert.ok(!log.includes(key))
	assert.ok(!log.includes(B.CREDENTIALS.secretAccessKey))
})

s.test('a stream cut inside an event: whole events, then an error event that can be read', async ({ proxy, anthropic, user, key }) => {
	for (const bytes of [700, 705, 731]) {
		anthropic.script({ events: 10, cutAfterBytes: bytes })
		const answer = await (await proxy.stream({ user, key })).ended
		for (const event of answer.text.split('\n\n').filter(Boolean))
			assert.match(event, /^event: \w+\ndata: \{.*\}$/)
		assert.equal(answer.events().at(-1).event, 'error')
	}
})
s.test('a 429 that is cut is no answer: 502', async ({ proxy, anthropic, user, key }) => {
	anthropic.script({ ...A.rate_limited(60), cutAfterBytes: 10 })
	const answer = await proxy.ask({ user, key })
	assert.equal(answer.status, 502)
	assert.equal(answer.json().error.type, 'api_error')
})
s.test('FALLBACK_ON=5xx means 529 too; models that were listed vouch as well', async t => {
	await t.with({ FALLBACK_ON: '429,5xx' }, async proxy => {
		const who = { user: t.user, key: t.key }
		assert.equal((await send(proxy.url, { method: 'GET', path: '/v1/models', headers: headers_for(t.key) })).status, 200)
		await wait_until(async () => {
			t.anthropic.script(A.overloaded())
			return provider(await proxy.ask(who)) === 'bedrock'
		}, 'vouched')
	})
})
s.test('a played limit vouches for nobody, and never asks Anthropic', async t => {
	await t.with({ FORCE_RATE_LIMIT: 'true', FALLBACK_ON: '429,529', RETRY_THRESHOLD_SECONDS: '120', FALLBACK_ORGANIZATIONS: 'org-of-ours' }, async proxy => {
		const who = { user: t.user, key: t.key }
		from_bedrock(await proxy.ask(who))
		assert.equal(t.anthropic.requests.length, 0)
		t.anthropic.script(A.overloaded())
		const stranger = await proxy.ask({ ...who, headers: { 'x-forwarded-for': '203.0.113.9' } })
		assert.equal(stranger.status, 529, 'not loopback: Anthropic is asked, and nobody vouched for this key')
	})
})
