/* covers: master */
/* Stop, reload, crash, and clients that get in each other's way. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as A from './anthropic.mjs'
import { assert_whole_stream, headers_for, message, provider } from './client.mjs'
import { BESIDE, descriptors, is_worker, NO_MASTER, PROGRAMS, ROOT, SERVER, suite, temp_folder, wait_until } from './harness.mjs'
import { Gate } from './standin.mjs'

const s = suite()
const managed = { skip: NO_MASTER }
/* Less than the 20 s that the suite's other proxies drain, and more than a busy machine takes. */
const SOON_MS = 15_000

/* Whether no such signal waits for the process to take it (proc(5)). */
const taken = (signal, pid) => !(BigInt(`0x${/^ShdPnd:\s*(\w+)$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]}`) >> BigInt(os.constants.signals[signal] - 1) & 1n)

async function running(t, proxy, script = {}) {
	const gate = new Gate()
	t.anthropic.script({ gate, events: 10, ...script })
	gate.open(4)
	const answer = await proxy.stream(t)
	await answer.deltas(2)
	return { gate, answer }
}

/* The master's children are also its questions with --check, and old workers without a stream are gone at once. */
const new_worker = (proxy, first) => wait_until(() => proxy.children().some(pid => !first.includes(pid) && is_worker(pid)), 'a new worker')

for (const WORKERS of ['2', '1'])
	test(`WORKERS=${WORKERS} without a listening socket: one sentence, status 1, no more tries`, () => {
		const env = { ...process.env, WORKERS, STATE_DIRECTORY: temp_folder(), CLAUDE_CODE_PROXY_CONF: '/dev/null',
			MODELS_FILE: path.join(ROOT, 'data/models.csv'), PRICES_FILE: path.join(ROOT, 'data/prices.csv') }
		const { status, stderr } = spawnSync(path.join(PROGRAMS, 'messages.fcgi'), { env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8', timeout: 10_000 })
		assert.equal(status, 1)
		assert.equal(stderr.match(/standard input is not a listening socket/g).length, 1, stderr)
	})
for (const WORKERS of ['2', '1', '0'])
	s.test(`SIGTERM with WORKERS=${WORKERS}: a stream in progress completes, then the process ends`, managed, async t => {
		await t.with({ WORKERS }, async proxy => {
			const { gate, answer } = await running(t, proxy)
			const pid = proxy.pid()
			const all = [pid, ...proxy.children(pid)]
			proxy.signal('SIGTERM', pid)
			gate.open(3)
			await answer.deltas(5)
			gate.open_for_good()
			const whole = assert_whole_stream(await answer.ended)
			assert.equal(whole.events().filter(e => e.event === 'content_block_delta').length, 10)
			for (const one of all)
				await proxy.gone(one, SOON_MS)
			assert.equal((await proxy.ask(t)).status, 200, 'the next life serves')
		})
	})
/* A cut stream must not look like a whole one. nginx ends the answer as usual: what tells is that message_stop is missing. */
function assert_cut(answer) {
	assert.ok(SERVER === 'nginx' || answer.broken || answer.events().at(-1).event === 'error')
	assert.doesNotMatch(answer.text, /message_stop/)
}
s.test('a second SIGTERM ends it now, and the client sees that the stream is not whole', managed, async t => {
	await t.with({}, async proxy => {
		const { answer } = await running(t, proxy)
		const pid = proxy.pid()
		const all = [pid, ...proxy.children(pid)]
		proxy.signal('SIGTERM', pid)
		await wait_until(() => taken('SIGTERM', pid), 'it has taken the first one: two that wait are one')
		proxy.signal('SIGTERM', pid)
		for (const one of all)
			await proxy.gone(one, SOON_MS)
		const cut = await answer.ended
		assert_cut(cut)
	})
})
/* What reaches workers besides the master's own order: a second reload, a supervisor that signals the whole group. */
const REPEATED = {
	'SIGHUP twice': async proxy => {
		const first = proxy.children()
		proxy.signal('SIGHUP')
		await new_worker(proxy, first)
		proxy.signal('SIGHUP')
	},
	'SIGHUP, then SIGTERM': async proxy => {
		const first = proxy.children()
		proxy.signal('SIGHUP')
		await new_worker(proxy, first)
		proxy.signal('SIGTERM')
	},
	'SIGTERM to the master and to every worker': async proxy => {
		for (const pid of [...proxy.children(), proxy.pid()])
			proxy.signal('SIGTERM', pid)
	},
}
for (const [what, order] of Object.entries(REPEATED))
	s.test(`${what}: a running stream is not cut`, managed, async t => {
		await t.with({ WORKERS: '2' }, async proxy => {
			const { gate, answer } = await running(t, proxy)
			await order(proxy)
			await sleep(300)
			gate.open_for_good()
			assert_whole_stream(await answer.ended)
		})
	})
s.test('when DRAIN_SECONDS are over a stream of Bedrock gets an end, and what it cost is counted', managed, async t => {
	await t.with({ DRAIN_SECONDS: '1' }, async proxy => {
		const gate = new Gate()
		t.anthropic.script(A.rate_limited(null))
		t.bedrock.script({ gate, events: 10 })
		gate.open(4)
		const answer = await proxy.stream(t)
		await answer.deltas(2)
		const pid = proxy.pid()
		proxy.signal('SIGTERM', pid)
		const cut = await answer.ended
		assert.equal(cut.events().at(-1).event, 'error')
		await proxy.gone(pid, SOON_MS)
		await wait_until(async () => (await proxy.get('/health')).status === 200, 'the next life serves')
		const { summary } = await wait_until(async () => {
			const usage = await proxy.usage(t.user)
			return usage.summary?.total_requests === 1 && usage
		}, 'it is counted')
		assert.equal(summary.estimated, true)
	})
})
s.test('DRAIN_SECONDS is the longest that a stop takes', managed, async t => {
	await t.with({ DRAIN_SECONDS: '1' }, async proxy => {
		const { answer } = await running(t, proxy)
		const pid = proxy.pid()
		proxy.signal('SIGTERM', pid)
		await proxy.gone(pid, SOON_MS)
		const cut = await answer.ended
		assert_cut(cut)
	})
})
s.test('SIGHUP: new settings for new requests, a running stream goes on', managed, async t => {
	await t.with({ CONF: 'BEDROCK_FALLBACK_ENABLED=false\n' }, async proxy => {
		t.anthropic.script(A.rate_limited(null))
		assert.equal((await proxy.ask(t)).status, 429)
		const { gate, answer } = await running(t, proxy)
		const old = proxy.children()
		fs.writeFileSync(proxy.conf, 'BEDROCK_FALLBACK_ENABLED=true\n')
		proxy.signal('SIGHUP')
		const fresh = await wait_until(async () => {
			t.anthropic.script(A.rate_limited(null))
			return provider(await proxy.ask(t)) === 'bedrock'
		}, 'the new setting is in force')
		assert.ok(fresh)
		gate.open(2)
		await answer.deltas(4)
		gate.open_for_good()
		assert_whole_stream(await answer.ended)
		for (const pid of old)
			await proxy.gone(pid, SOON_MS)
		assert.ok(proxy.children().length >= 2)
	})
})
s.test('SIGHUP with settings that do not parse changes nothing, and says so', managed, async t => {
	await t.with({ CONF: '' }, async proxy => {
		const before = proxy.children()
		fs.writeFileSync(proxy.conf, 'RETRY_THRESHOLD_SECONDS=soon\n')
		proxy.signal('SIGHUP')
		await wait_until(() => proxy.log().includes('RETRY_THRESHOLD_SECONDS'), 'the log names the setting')
		assert.equal((await proxy.ask(t)).status, 200)
		await wait_until(() => String(proxy.children()) === String(before), 'the workers are those from before')
	})
})
for (const WORKERS of ['2', '1'])
	s.test(`SIGHUP with WORKERS=${WORKERS}: a new models file`, managed, async t => {
		const shipped = fs.readFileSync(path.join(ROOT, 'data/models.csv'), 'utf8')
		const folder = fs.mkdtempSync(path.join(s.proxy.folder, 'models-'))
		const file = path.join(folder, 'models.csv')
		for (const name of fs.readdirSync(path.join(ROOT, 'data')))
			fs.copyFileSync(path.join(ROOT, 'data', name), path.join(folder, name))
		fs.writeFileSync(file, shipped.split('\n').filter(l => !l.startsWith('claude-opus-5-5,')).join('\n'))
		await t.with({ WORKERS, MODELS_FILE: file }, async proxy => {
			t.anthropic.script(A.rate_limited(null))
			assert.equal((await proxy.ask(t)).status, 429, 'the model has no home on Bedrock yet')
			fs.writeFileSync(file, shipped)
			proxy.signal('SIGHUP')
			await wait_until(async () => {
				t.anthropic.script(A.rate_limited(null))
				return provider(await proxy.ask(t)) === 'bedrock'
			}, 'the new row is known')
		})
	})
for (const WORKERS of ['2', '1'])
	s.test(`SIGHUP with WORKERS=${WORKERS}: a rules.csv with a mistake is refused with line and reason, the old rules stay`, managed, async t => {
		const folder = fs.mkdtempSync(path.join(s.proxy.folder, 'rules-'))
		for (const name of fs.readdirSync(path.join(ROOT, 'data')))
			fs.copyFileSync(path.join(ROOT, 'data', name), path.join(folder, name))
		const rules = path.join(folder, 'rules.csv')
		const shipped = fs.readFileSync(rules, 'utf8').trimEnd()
		const fresh = shipped.replace('field,stop_sequences,keep', 'field,stop_sequences,drop')
		const line = shipped.split('\n').length + 1
		await t.with({ WORKERS, MODELS_FILE: path.join(folder, 'models.csv') }, async proxy => {
			const keeps = async () => {
				t.anthropic.script(A.rate_limited(null))
				const answer = await proxy.ask({ ...t, body: { stop_sequences: ['x'] } })
				assert.equal(provider(answer), 'bedrock', answer.text)
				return 'stop_sequences' in t.bedrock.last.json()
			}
			assert.ok(await keeps())
			const before = String(proxy.children())
			const refusals = () => proxy.log().split(/reload:? refused/).length - 1
			for (const [row, reason] of [['beta,tomorrow-2027-01-01,perhaps,,,*', '"perhaps" is no verdict for a beta'],
				['field,thread,keep,,no-such-flag,*', 'needs something that is not known: "no-such-flag"'],
				['nowhere,x,drop,,,*', 'no such place: "nowhere"'], ['field,thread,keep,,,claudius', 'models: "claudius" is no id or family of models.csv'],
				['field,thread,keep', '3 fields instead of 6']]) {
				const refused = refusals()
				fs.writeFileSync(rules, `${fresh}\n${row}\n`)
				proxy.signal('SIGHUP')
				await wait_until(() => refusals() > refused, 'the reload is refused')
				const said = await wait_until(() => proxy.log().split('\n').find(one => one.includes(reason)), `the log says: ${reason}`)
				assert.match(said, new RegExp(`rules\\.csv line ${line}: `))
				assert.ok(await keeps(), 'the old rules are in force')
			}
			await wait_until(() => String(proxy.children()) === before, 'the workers are those from before')
			fs.writeFileSync(rules, `${fresh}\n`)
			proxy.signal('SIGHUP')
			await wait_until(async () => !await keeps(), 'the new rules are in force')
		})
	})
s.test('two workers share many streams', managed, async t => {
	await t.with({ WORKERS: '2' }, async proxy => {
		const both = proxy.children(), gates = Array.from({ length: 40 }, () => new Gate()), answers = []
		/* its loop waits, and at least the usual four threads that accept */
		await wait_until(() => both.every(pid => descriptors(pid, 'anon_inode:[eventpoll]') > 4), 'all threads are there')
		const sockets = () => both.map(pid => descriptors(pid, 'socket:')), before = sockets()
		t.anthropic.script(...gates.map(gate => ({ gate, events: 10 })))
		for (const gate of gates) {
			gate.open(4)
			answers.push(await proxy.stream(t))
		}
		const [one, other] = sockets().map((count, i) => count - before[i])
		assert.ok(3 * Math.min(one, other) > Math.max(one, other), `${one} and ${other}`)
		gates.forEach(gate => gate.open_for_good())
		await Promise.all(answers.map(answer => answer.ended))
	})
})
s.test('a worker that is killed comes back, and the others do not notice', managed, async t => {
	await t.with({ WORKERS: '2' }, async proxy => {
		const before = proxy.children()
		proxy.signal('SIGKILL', before[0])
		await wait_until(() => {
			const now = proxy.children()
			return now.length === 2 && !now.includes(before[0])
		}, 'a new worker')
		for (let i = 0; i < 20; i++)
			assert.equal((await proxy.ask(t)).status, 200)
	})
})
s.test('every worker killed under streams: the clients see a break, the next ones are served', managed, async t => {
	await t.with({ WORKERS: '2' }, async proxy => {
		const { answer } = await running(t, proxy)
		for (const pid of proxy.children())
			proxy.signal('SIGKILL', pid)
		const cut = await answer.ended
		assert_cut(cut)
		await wait_until(async () => (await proxy.get('/health')).status === 200, 'it serves again')
		assert.equal((await proxy.ask(t)).status, 200)
	})
})
s.test('a remembered limit outlives the process', managed, async t => {
	await t.with({}, async proxy => {
		t.anthropic.script(A.rate_limited(600))
		assert.equal(provider(await proxy.ask(t)), 'bedrock')
		const killed = [proxy.pid(), ...proxy.children()]
		for (const pid of killed)
			proxy.signal('SIGKILL', pid)
		for (const pid of killed)
			await proxy.gone(pid)
		await wait_until(async () => (await proxy.get('/health')).status === 200, 'it serves again')
		assert.equal(provider(await proxy.ask(t)), 'bedrock')
		assert.equal(t.anthropic.requests.length, 1)
	})
})

s.test('a client that does not read stalls nobody else', async t => {
	const body = JSON.stringify(message({ stream: true }))
	t.anthropic.script({ events: 4000, padding: 8000 }) /* 32 MB: more than all buffers on the way */
	const slow = net.connect(t.proxy.port, '127.0.0.1')
	slow.on('error', () => {})
	slow.pause()
	slow.write(`POST /user/${t.user}/v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\n${Object.entries(headers_for(t.key)).map(h => h.join(': ')).join('\r\n')}\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
	await wait_until(() => t.anthropic.last?.sentBytes().length > 100_000, 'the big answer flows')
	for (let i = 0; i < 10; i++)
		assert_whole_stream(await (await t.proxy.stream(t)).ended)
	let got = 0
	const first = t.anthropic.requests[0]
	slow.on('data', part => { got += part.length })
	slow.resume()
	await wait_until(() => first.finished && got >= first.sentBytes().length, 'when it reads again it gets all of it')
	slow.destroy()
})
/* mod_proxy_fcgi passes an upload on as it comes: each holds one of the 64 threads that a worker takes requests with. */
s.test('a client that does not finish its request stalls nobody else', async t => {
	const stuck = Array.from({ length: SERVER === 'apache-proxy' ? 80 : 200 }, () => {
		const socket = net.connect(t.proxy.port, '127.0.0.1')
		socket.on('error', () => {})
		socket.write(`POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n{"model"`)
		return socket
	})
	await sleep(200)
	for (let i = 0; i < 5; i++)
		assert.equal((await t.proxy.ask(t)).status, 200)
	stuck.forEach(socket => socket.destroy())
})
s.test('the web server\'s own 503 is JSON in Anthropic\'s shape', managed, async t => {
	await t.with({ WORKERS: '1' }, async proxy => {
		const pid = proxy.pid()
		const supervisor = Number(/^PPid:\t(\d+)$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
		for (const one of [supervisor, pid, ...proxy.children(pid)])
			proxy.signal('SIGKILL', one)
		await proxy.gone(pid)
		await proxy.gone(supervisor) /* it holds the socket too */
		const answer = await proxy.ask(t)
		assert.ok([500, 502, 503].includes(answer.status), String(answer.status))
		assert.match(answer.headers['content-type'], /^application\/json/)
		assert.equal(answer.json().type, 'error')
		assert.match(answer.json().error.type, /^(api|overloaded)_error$/)
	})
})
s.test('infra/serve leaves no process behind', async t => {
	let pids
	await t.with({}, async proxy => {
		pids = [...proxy.children(proxy.child.pid), ...(BESIDE ? [proxy.pid(), ...proxy.children(), proxy.pid('usage'), proxy.pid('ui')] : [])]
		assert.ok(pids.length > 0)
		proxy.child.kill('SIGTERM')
		await proxy.exited
		for (const pid of pids)
			await proxy.gone(pid, 5000)
	})
})
