/* covers: remember */
/* Another process holds the write lock of state.db: nobody waits for it longer than a moment, and nothing is lost. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import * as A from './anthropic.mjs'
import { assert_whole_stream, depart, headers_for, message, provider } from './client.mjs'
import { NO_MASTER, suite, wait_until } from './harness.mjs'
import { now_ms } from './standin.mjs'

const s = suite({ env: { TRACK_ANTHROPIC_USAGE: 'true', WORKERS: '1' } })
/* The proxy waits a second, and for the lock itself ten. */
const FEW_SECONDS_MS = 8000
/* mod_fcgid starts processes when it likes, and one that starts under the lock waits for it to open the file. */
const managed = { skip: NO_MASTER }
const USAGE = { input_tokens: 21, output_tokens: 34 }

/* The function it gives lets go of the lock. */
async function lock(proxy) {
	const child = spawn('sqlite3', ['-cmd', '.timeout 10000', path.join(proxy.state, 'state.db')], { stdio: ['pipe', 'pipe', 'inherit'] })
	child.stdin.write('BEGIN IMMEDIATE; SELECT \'held\';\n')
	assert.match(String(await once(child.stdout, 'data')), /held/)
	return async () => {
		child.stdin.end('COMMIT;\n')
		if (child.exitCode === null)
			await once(child, 'exit')
	}
}
/* Runs under the lock. The lock goes whatever happens: nothing else could stop the proxy. */
async function locked(proxy, run) {
	await proxy.usage('nobody') /* usage.fcgi has the file open, for which it would wait under the lock */
	const free = await lock(proxy)
	try {
		return await run()
	} finally {
		await free()
	}
}
async function timed(t, what, run) {
	const from = now_ms()
	const result = await run()
	t.t.diagnostic(`${what}: ${Math.round(now_ms() - from)} ms`)
	return [now_ms() - from, result]
}
const requests = async (proxy, user) => (await proxy.usage(user)).summary?.total_requests
const counted = (proxy, user, count) => wait_until(async () => await requests(proxy, user) === count, `${count} requests of ${user} are counted`)
/* Each once: the terminal repeats what the programs' files have. */
const lines = (proxy, pattern) => [...new Set(proxy.log().split('\n').filter(line => pattern.test(line)))]

for (const name of ['anthropic', 'bedrock']) {
	const script = t => t.anthropic.script(name === 'bedrock' ? A.rate_limited(null) : { usage: USAGE })
	/* Its end was held until the proxy waited no longer, which it says just before; and the lock is there still. */
	const held = (proxy, answers, ms) => {
		assert.equal(lines(proxy, /booking takes long: the answer ends before it/).length, answers)
		assert.ok(ms < FEW_SECONDS_MS, `${ms} ms`)
	}

	s.test(`${name}: the end of an answer is held for a second and no longer; each answer is counted once, also of a client that left`, managed, async t => {
		await t.with({}, async proxy => {
			await locked(proxy, async () => {
				script(t)
				const answer = await proxy.stream({ ...t, split: true })
				await answer.until(a => a.events().some(e => e.event === 'message_delta'), 'all but the end comes at once')
				const [stream_ms, whole] = await timed(t, `${name}, message_stop`, () => answer.ended)
				held(proxy, 1, stream_ms)
				assert.equal(provider(assert_whole_stream(whole)), name)

				script(t)
				const [json_ms, json] = await timed(t, `${name}, JSON`, () => proxy.ask(t))
				held(proxy, 2, json_ms)
				assert.equal(json.json().type, 'message')
				assert.equal(provider(json), name)

				script(t)
				const left = await proxy.stream({ ...t, split: true })
				await left.until(a => a.events().some(e => e.event === 'message_delta'), 'all but the end')
				left.leave()
				assert.equal(await requests(proxy, t.user), 0)
			})
			await counted(proxy, t.user, 3)
			script(t)
			assert.equal((await proxy.ask(t)).status, 200) /* what would be counted twice is, before this one */
			await counted(proxy, t.user, 4)
			const { summary } = await proxy.usage(t.user)
			assert.equal(summary.estimated, false)
			if (name === 'anthropic')
				assert.deepEqual([summary.total_input_tokens, summary.total_output_tokens],
					[3 * USAGE.input_tokens + USAGE.input_tokens, 4 * USAGE.output_tokens])
		})
	})
}

s.test('a 429 with a limit: Bedrock answers all the same, however many of them wait; the limits are stored later', managed, async t => {
	await t.with({}, async proxy => {
		const users = Array.from({ length: 8 }, (_, i) => `${t.user}-${i}`)
		await locked(proxy, async () => {
			t.anthropic.script(...users.map(() => A.rate_limited(600)))
			const [ms, answers] = await timed(t, 'eight limited users', () => Promise.all(users.map(user => proxy.ask({ ...t, user }))))
			assert.ok(ms < FEW_SECONDS_MS, `${ms} ms`)
			for (const answer of answers)
				assert.equal(provider(answer), 'bedrock', answer.text)
			assert.ok(lines(proxy, /storing the limit takes long/).length > 0)
		})
		for (const user of users)
			await wait_until(async () => (await proxy.usage(user)).limit, `the limit of ${user} is stored`)
		const asked = t.anthropic.requests.length
		for (const user of users)
			assert.equal(provider(await proxy.ask({ ...t, user })), 'bedrock')
		assert.equal(t.anthropic.requests.length, asked, 'Anthropic is not asked before the limits are over')
		for (const user of users)
			await counted(proxy, user, 2)
	})
})
s.test('a 429 with a limit that goes back to the client does so', managed, async t => {
	await t.with({}, async proxy => {
		await locked(proxy, async () => {
			t.anthropic.script(A.rate_limited(600))
			const [ms, answer] = await timed(t, 'a refusal', () => proxy.ask({ ...t, body: { model: 'claude-2.1' } }))
			assert.ok(ms < FEW_SECONDS_MS, `${ms} ms`)
			assert.equal(answer.status, 429)
		})
	})
})
s.test('a client that leaves while its limit is stored: it is stored all the same', managed, async t => {
	await t.with({}, async proxy => {
		const pid = proxy.pid()
		await locked(proxy, async () => {
			t.anthropic.script(A.rate_limited(600))
			const req = depart(proxy.url, { path: `/user/${t.user}/v1/messages`, headers: headers_for(t.key), body: message() })
			await wait_until(() => lines(proxy, /Bedrock/).length > 0, 'it is decided')
			req.destroy()
			assert.equal((await proxy.ask({ ...t, user: `${t.user}-other` })).status, 200) /* takes a second too: its booking */
		})
		await wait_until(async () => (await proxy.usage(t.user)).limit, 'the limit is stored')
		assert.equal(proxy.pid(), pid)
		assert.doesNotMatch(proxy.log(), /Sanitizer/)
	})
})
s.test('a limit that cannot be stored keeps the process no longer than DRAIN_SECONDS and a moment, and it says so', managed, async t => {
	await t.with({ DRAIN_SECONDS: '1' }, async proxy => {
		await locked(proxy, async () => {
			t.anthropic.script(A.rate_limited(600))
			assert.equal((await proxy.ask({ ...t, body: { model: 'claude-2.1' } })).status, 429)
			const pid = proxy.pid()
			proxy.signal('SIGTERM', pid)
			await proxy.gone(pid, FEW_SECONDS_MS)
			assert.ok(lines(proxy, /ending with 1 limits or vouched credentials not stored yet|the limit was not stored/).length > 0)
		})
	})
})
s.test('a drain that ends before a booking says how many answers may be uncounted', managed, async t => {
	await t.with({ DRAIN_SECONDS: '1' }, async proxy => {
		await locked(proxy, async () => {
			t.anthropic.script({ usage: USAGE })
			assert_whole_stream(await (await proxy.stream(t)).ended)
			const pid = proxy.pid()
			proxy.signal('SIGTERM', pid)
			await proxy.gone(pid, FEW_SECONDS_MS)
			assert.ok(lines(proxy, /ending with 1 requests still running: as many answers may be uncounted|the usage of 1 answers is lost/).length > 0)
		})
	})
})
