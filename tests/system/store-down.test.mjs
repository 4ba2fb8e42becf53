/* A store that fails: requests go on, usage waits, the log says it once, and nothing is lost. */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { describe } from 'node:test'
import * as A from './anthropic.mjs'
import { assert_whole_stream, provider } from './client.mjs'
import { engine_missing, failed, on_store, start_dynamodb } from './dynamodb.mjs'
import { BESIDE, PROGRAMS, ROOT, free_port, start_proxy, suite, temp_folder, wait_until } from './harness.mjs'

const today = () => new Date().toISOString().slice(0, 10)
/*
 * Lines of the programs' logs (the terminal has them once more). A store that is down is told once by all processes of a
 * box, state.db once by each.
 */
const about = (proxy, pattern) => (BESIDE ? ['messages', 'usage'] : ['apache'])
	.flatMap(name => fs.readFileSync(path.join(proxy.state, 'log', `${name}.log`), 'utf8').split('\n')).filter(line => pattern.test(line))
/* mod_fcgid starts as many processes as it likes */
const PROCESSES = BESIDE ? 2 : 20
const DOWN = /the store is down/, BACK = /the store works again/, STATE_DOWN = /the state of this machine cannot be used/
const deep = proxy => proxy.get('/health?deep=1')
/* An answer of the health serves for a second. */
const healthy = proxy => wait_until(async () => (await deep(proxy)).status === 200, 'healthy')
async function served(t, proxy, count) {
	for (let i = 0; i < count; i++) {
		t.anthropic.script(A.rate_limited(null))
		const answer = i % 2 ? assert_whole_stream(await (await proxy.stream(t)).ended) : await proxy.ask(t)
		assert.equal(provider(answer), 'bedrock', answer.text)
		assert.equal((await proxy.ask(t)).status, 200)
	}
}
const counted = (t, proxy, count, ms = 15_000) => wait_until(async () => {
	const usage = await proxy.usage(t.user)
	return usage.summary?.total_requests === count && usage
}, `${count} requests are counted`, ms)

describe('DynamoDB', () => {
	const s = suite({ prepare: on_store('dynalite'), env: { WORKERS: '1', LIMIT_CACHE_SECONDS: '1' } })

	s.test('gone and back: one line each in a log, usage waits and arrives', async t => {
		await t.with({}, async proxy => {
			const { dynamodb, tables, user } = t
			await served(t, proxy, 1)
			await counted(t, proxy, 1)
			await dynamodb.kill()
			await served(t, proxy, 3)
			const sick = await wait_until(async () => {
				const answer = await deep(proxy)
				return answer.status === 503 && answer
			}, 'unhealthy')
			assert.equal(sick.json().status, 'unhealthy')
			assert.match(sick.text, /DynamoDB|UpdateItem|GetItem|127\.0\.0\.1/)
			assert.doesNotMatch(sick.text, /AKIDSTANDIN|Signature=/)
			assert.equal((await proxy.get('/health')).status, 200)
			assert.equal((await proxy.get('/v1/usage/me')).status, 503)
			await served(t, proxy, 2)
			await dynamodb.start()
			await wait_until(async () => (await deep(proxy)).status === 200, 'healthy again')
			const item = await wait_until(async () => {
				const [found] = (await dynamodb.items(tables.usage)).filter(i => i.user_id.S === user)
				return found.request_count.N === '6' && found
			}, 'all six are in the table')
			assert.equal(item.date.S, today())
			await counted(t, proxy, 6)
			await wait_until(() => about(proxy, BACK).length > 0 && about(proxy, BACK).length === about(proxy, DOWN).length, 'it says so, as often as it said the other')
			for (const which of [DOWN, BACK]) /* a question that was under way when this machine had other things to do may be one more */
				assert.ok([1, 2, 3].includes(about(proxy, which).length), about(proxy, which).join('\n'))
			assert.deepEqual(about(proxy, /limits unknown|health:/), [], 'no line for each request')
		})
	})
	s.test('a limit that this box learned while the table is away holds, for that credential', async t => {
		await t.with({}, async proxy => {
			await t.dynamodb.kill()
			t.anthropic.script(A.rate_limited(600))
			for (let i = 0; i < 3; i++)
				assert.equal(provider(await proxy.ask(t)), 'bedrock')
			assert.equal(provider(await proxy.ask({ ...t, key: `${t.key}-other` })), 'anthropic')
			await t.dynamodb.start()
			await wait_until(async () => (await proxy.usage(t.user)).limit?.remaining_seconds > 500, 'the table has it')
		})
	})
	s.test('an item that the table does not take waits alone: those of others arrive, one line in the log', async t => {
		await t.with({}, async proxy => {
			const { dynamodb } = t
			const other = { ...t, user: `${t.user}-b` }
			dynamodb.usual = r => r.operation === 'UpdateItem' && r.body.includes(`${t.user}#`) ?
				failed('ValidationException', 'Item size to update has exceeded the maximum allowed size') : {}
			await served(t, proxy, 2)
			for (let i = 1; i < 4; i++) {
				await served(other, proxy, 1)
				await counted(other, proxy, i)
			}
			assert.equal(about(proxy, /does not take the usage of/).length, 1)
			assert.equal((await proxy.usage(t.user)).summary.total_requests, 0)
			dynamodb.usual = {}
			if (!BESIDE)
				return /* mod_fcgid knows the process, and tells nobody */
			proxy.signal('SIGKILL') /* a new process tries at once */
			await counted(t, proxy, 2)
		})
	})
	s.test('silent: a report and the metrics say so in some seconds, then at once', async t => {
		await t.with({}, async proxy => {
			await served(t, proxy, 1)
			await counted(t, proxy, 1)
			t.dynamodb.usual = { silent: true }
			await proxy.get('/metrics')
			const answers = await Promise.all([proxy.get('/metrics'), proxy.get('/v1/usage'), proxy.get('/v1/usage/me')])
			assert.match(answers[0].text, /claude_code_proxy_store_up 0/)
			assert.deepEqual(answers.map(a => a.status), [200, 503, 503])
			t.dynamodb.usual = {}
			await wait_until(async () => (await proxy.get('/v1/usage')).status === 200, 'reports again')
		})
	})
	s.test('no table: goes on, and the log says what to do; then the table comes', async t => {
		const names = t.dynamodb.names(`late${process.pid}`)
		await t.with(names.env, async proxy => {
			await served(t, proxy, 2)
			assert.match(proxy.log(), /claude-code-proxy-admin tables create/)
			assert.match((await deep(proxy)).text, /claude-code-proxy-admin tables create/)
			await t.dynamodb.make_tables({ prefix: `late${process.pid}` })
			await counted(t, proxy, 2, 30_000)
		})
	})
	async function wrong_tables(t, prefix) {
		const names = t.dynamodb.names(prefix)
		const key = name => ({ BillingMode: 'PAY_PER_REQUEST', AttributeDefinitions: [{ AttributeName: name, AttributeType: 'S' }],
			KeySchema: [{ AttributeName: name, KeyType: 'HASH' }] })
		await t.dynamodb.send('CreateTable', { TableName: names.limits, ...key('user_id') })
		await t.dynamodb.send('CreateTable', { TableName: names.usage, ...key('id') })
		await Promise.all([names.limits, names.usage].map(name => t.dynamodb.active(name)))
		return names
	}
	for (const WORKERS of ['1', '2'])
		s.test(`a table with other keys is refused at start, in one sentence that names it, WORKERS=${WORKERS}`, async t => {
			const names = await wrong_tables(t, `wrong${WORKERS}-${process.pid}`)
			const proxy = await start_proxy({ ...t, env: { ...names.env, WORKERS }, start: false })
			try {
				await assert.rejects(proxy.start(), new RegExp(names.usage))
				assert.equal(proxy.exit?.code, 1)
				if (/--check took longer/.test(proxy.log()))
					return t.t.skip('the question at start took too long: the workers refused')
				assert.doesNotMatch(proxy.log(), /starting another/)
				if (BESIDE)
					assert.equal(fs.readFileSync(path.join(proxy.state, 'log/messages.log'), 'utf8').trim().split('\n').length, 1, proxy.log())
			} finally {
				await proxy.stop()
			}
		})
	s.test('messages.fcgi --check: other keys are refused, a DynamoDB that is down is not, and nothing is made', async t => {
		const names = await wrong_tables(t, `check${process.pid}`)
		const state = temp_folder()
		const check = env => new Promise(resolve => execFile(path.join(PROGRAMS, 'messages.fcgi'), ['--check'], { timeout: 20_000,
			env: { ...s.proxy.env, ...env, STATE_DIRECTORY: state, MODELS_FILE: path.join(ROOT, 'data/models.csv'),
				PRICES_FILE: path.join(ROOT, 'data/prices.csv') } },
		(error, stdout, stderr) => resolve({ code: error ? error.code : 0, text: stdout + stderr })))
		const wrong = await check(names.env)
		assert.equal(wrong.code, 1, wrong.text)
		assert.match(wrong.text, new RegExp(names.usage))
		assert.deepEqual(await check({}), { code: 0, text: '' })
		assert.deepEqual(await check({ AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${await free_port()}` }), { code: 0, text: '' })
		assert.deepEqual(fs.readdirSync(state), [])
	})
	s.test('a DynamoDB that says nothing: many who ask for the deep health hold up nobody else\'s message', async t => {
		const silent = net.createServer().listen(0, '127.0.0.1')
		let calls = 0
		silent.on('connection', socket => { calls++; socket.on('error', () => {}) })
		await once(silent, 'listening')
		try {
			await t.with({ AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${silent.address().port}` }, async proxy => {
				await proxy.ask(t)
				/* Whether the message was there before the last of them: they end together, after two seconds. */
				const before_them = async round => {
					calls = 0
					let answered = 0
					const asked = Array.from({ length: 64 }, async () => {
						const answer = await deep(proxy)
						answered++
						return answer.status
					})
					await wait_until(() => calls > 0, 'DynamoDB is asked')
					assert.equal((await proxy.ask({ ...t, user: `${t.user}-${round}` })).status, 200)
					const was_before = answered < asked.length
					const statuses = new Set(await Promise.all(asked))
					assert.deepEqual([...statuses], [503])
					if (BESIDE) /* which has a process, and so a check, for each few of them */
						assert.ok(calls < 16, `${calls} connections to DynamoDB`)
					return was_before
				}
				let round = 1
				while (!await before_them(round))
					assert.ok(++round <= 3, 'a message waits for them')
			})
		} finally {
			silent.close()
		}
	})
	s.test('credentials that are not allowed: goes on, the log names the operation, no secret', async t => {
		t.dynamodb.options.expired = () => true
		await t.with({}, async proxy => {
			await served(t, proxy, 1)
			await wait_until(async () => (await deep(proxy)).status === 503, 'unhealthy')
			assert.match(proxy.log(), /ExpiredToken|expired/)
			t.dynamodb.options.expired = () => false
			await counted(t, proxy, 1, 30_000)
		})
		assert.ok(t.dynamodb.refused.every(r => r.refused.name === 'ExpiredTokenException'))
		t.dynamodb.refused = []
	})
})

describe('state.db', () => {
	const s = suite({ env: { WORKERS: '1' } })
	const file = proxy => path.join(proxy.state, 'state.db')
	const remove = proxy => ['', '-wal', '-shm'].forEach(end => fs.rmSync(file(proxy) + end, { force: true }))

	s.test('deleted while running: noticed, made anew, counts on', async t => {
		await t.with({}, async proxy => {
			await served(t, proxy, 1)
			await counted(t, proxy, 1)
			remove(proxy)
			await wait_until(async () => (await deep(proxy)).status === 200 && fs.existsSync(file(proxy)), 'there is a new one')
			await served(t, proxy, 3)
			await counted(t, proxy, 3) /* what was in the file is gone with it */
		})
	})
	s.test('in the way while running: a log line, requests go on; out of it, what waited in memory is counted', async t => {
		await t.with({}, async proxy => {
			await served(t, proxy, 1)
			await counted(t, proxy, 1)
			remove(proxy)
			fs.writeFileSync(file(proxy), Buffer.alloc(256 * 1024, 'not a database '))
			await wait_until(async () => (await deep(proxy)).status === 503, 'unhealthy')
			await served(t, proxy, 5)
			assert.match((await deep(proxy)).text, /state\.db/)
			assert.ok(about(proxy, STATE_DOWN).length >= 1)
			assert.ok(about(proxy, STATE_DOWN).length <= PROCESSES, about(proxy, STATE_DOWN).join('\n'))
			remove(proxy)
			await counted(t, proxy, 5, 30_000)
			await healthy(proxy)
		})
	})
	s.test('pages of it overwritten while running: nothing crashes, requests go on', async t => {
		await t.with({}, async proxy => {
			await served(t, proxy, 2)
			await counted(t, proxy, 2)
			const pid = BESIDE ? proxy.pid() : 0
			const fd = fs.openSync(file(proxy), 'r+')
			for (let at = 0; at < fs.fstatSync(fd).size; at += 4096)
				fs.writeSync(fd, Buffer.alloc(4096, 0x5a), 0, 4096, at)
			fs.closeSync(fd)
			await served(t, proxy, 6)
			await deep(proxy)
			await proxy.get('/v1/usage')
			assert.equal(BESIDE ? proxy.pid() : 0, pid)
			remove(proxy)
			await wait_until(async () => (await deep(proxy)).status === 200 && fs.existsSync(file(proxy)), 'healthy with a new one')
			const before = (await proxy.usage(t.user)).summary.total_requests
			await served(t, proxy, 2)
			await wait_until(async () => (await proxy.usage(t.user)).summary?.total_requests >= before + 2, 'it counts again')
		})
	})
	s.test('corrupt from the start: requests go on, the log says which file; mended, all is counted', async t => {
		const proxy = await start_proxy({ ...t, env: { WORKERS: '1' }, start: false })
		try {
			fs.mkdirSync(proxy.state, { recursive: true })
			fs.writeFileSync(file(proxy), Buffer.alloc(65536, 'not a database '))
			await proxy.start()
			await served(t, proxy, 2)
			const sick = await deep(proxy)
			assert.equal(sick.status, 503)
			assert.match(sick.text, /state\.db/)
			assert.match(about(proxy, STATE_DOWN).join('\n'), /state\.db/)
			fs.rmSync(file(proxy))
			await counted(t, proxy, 2, 30_000)
		} catch (error) {
			proxy.print_logs()
			throw error
		} finally {
			await proxy.stop()
		}
	})

	/* Small disks of their own. */
	const mounted = []
	process.on('exit', () => mounted.reverse().forEach(unmount))
	function mount(folder, ...options) {
		fs.mkdirSync(folder, { recursive: true })
		execFileSync('mount', [...options, folder], { stdio: 'ignore' })
		mounted.push(folder)
		return folder
	}
	const small = (folder, size) => mount(folder, '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs')
	function unmount(folder) {
		try {
			execFileSync('umount', ['-l', folder], { stdio: 'ignore' })
		} catch { /* gone before */ }
	}
	function may_mount() {
		try {
			unmount(small(temp_folder(), '64k'))
			return BESIDE
		} catch {
			return false
		}
	}
	const disks = { skip: may_mount() ? false : 'only root may mount a small disk, and under mod_fcgid the programs are nobody' }
	function fill(file) {
		const fd = fs.openSync(file, 'w')
		try {
			for (;;)
				fs.writeSync(fd, Buffer.alloc(4096))
		} catch (error) {
			assert.equal(error.code, 'ENOSPC')
		} finally {
			fs.closeSync(fd)
		}
	}
	async function with_disk(t, env, prepare, run) {
		const proxy = await start_proxy({ ...t, env: { WORKERS: '1', ...env }, start: false })
		try {
			prepare(proxy)
			await proxy.start()
			await run(proxy)
		} catch (error) {
			proxy.print_logs()
			throw error
		} finally {
			mounted.splice(0).reverse().forEach(unmount)
			await proxy.stop()
		}
	}
	s.test('a full disk: requests go on, the log says so; with room again everything is counted', disks, async t => {
		const prepare = proxy => {
			small(proxy.state, '16m')
			small(path.join(proxy.state, 'log'), '16m')
		}
		await with_disk(t, {}, prepare, async proxy => {
			await served(t, proxy, 1)
			await counted(t, proxy, 1)
			fill(path.join(proxy.state, 'filler'))
			await served(t, proxy, 20)
			const lines = about(proxy, STATE_DOWN)
			/* a small write may find room now and then; but not a line for each request */
			assert.ok(lines.length >= 1 && lines.length <= 3, lines.join('\n'))
			assert.match(lines[0], /full/)
			assert.equal((await deep(proxy)).status, 503)
			fs.rmSync(path.join(proxy.state, 'filler'))
			await counted(t, proxy, 21, 30_000)
			await healthy(proxy)
		})
	})
	s.test('a file of STORE on a read-only disk: usage waits in the journal, one log line; writable again, everything is counted', disks, async t => {
		const disk = temp_folder()
		await with_disk(t, { STORE: `sqlite:${disk}/usage.db` }, () => small(disk, '16m'), async proxy => {
			await served(t, proxy, 1)
			await counted(t, proxy, 1)
			/* what has it open for writing keeps a mount writable: the next life of the program finds it read-only */
			mount(disk, '--bind', disk)
			execFileSync('mount', ['-o', 'remount,ro,bind', disk])
			const pid = proxy.pid()
			proxy.signal('SIGTERM', pid)
			await proxy.gone(pid)
			await wait_until(async () => (await proxy.get('/health')).status === 200, 'the next life')
			await served(t, proxy, 3)
			await wait_until(async () => (await deep(proxy)).status === 503, 'unhealthy')
			assert.match((await deep(proxy)).text, /usage\.db.*answers wait in the journal/)
			assert.equal(about(proxy, DOWN).length, 1, about(proxy, DOWN).join('\n'))
			assert.match(about(proxy, DOWN)[0], /usage\.db/)
			unmount(disk)
			await counted(t, proxy, 4, 30_000)
			await healthy(proxy)
			assert.equal(about(proxy, BACK).length, 1, about(proxy, BACK).join('\n'))
		})
	})
})
