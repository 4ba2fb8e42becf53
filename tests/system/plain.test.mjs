/* covers: plain program */
/* SIGHUP to usage.fcgi and ui.fcgi: what is on disk takes over in place, and nobody is refused meanwhile. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { start_dynamodb } from './dynamodb.mjs'
import { NO_MASTER, PROGRAMS, ROOT, suite, temp_folder, wait_until } from './harness.mjs'

const s = suite()
const managed = { skip: NO_MASTER }

const descriptors = pid => fs.readdirSync(`/proc/${pid}/fd`).length
const inode = file => fs.statSync(file).ino
const status = async (proxy, where) => (await proxy.get(where)).status
const count = (proxy, what) => proxy.log().split(what).length - 1
/* A reload is over when this many are in the log, and the program answers. */
async function reload(proxy, program, where) {
	const before = count(proxy, 'reload: ')
	proxy.signal('SIGHUP', proxy.pid(program))
	await wait_until(() => count(proxy, 'reload: ') > before, `${program} says what became of the reload`)
	assert.equal(await status(proxy, where), 200)
}

/* The records of a FastCGI request, as a web server writes them. */
const record = (type, content) => Buffer.concat([Buffer.from([1, type, 0, 1, content.length >> 8, content.length & 255, 0, 0]), content])
/* What STDOUT records say, together. */
function output(bytes) {
	const parts = []
	for (let at = 0; at + 8 <= bytes.length; at += 8 + bytes.readUInt16BE(at + 4) + bytes[at + 6])
		if (bytes[at + 1] === 6)
			parts.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt16BE(at + 4)))
	return Buffer.concat(parts).toString('latin1')
}
const parameters = all => Buffer.concat(Object.entries(all).map(([name, value]) => Buffer.concat([Buffer.from([name.length, value.length]), Buffer.from(name + value)])))

s.test('ui.fcgi: new settings are in force, in the same process, with no descriptor more', managed, async t => {
	await t.with({ CONF: '' }, async proxy => {
		const pid = proxy.pid('ui'), before = descriptors(pid)
		assert.equal(await status(proxy, '/debug/env'), 404)
		fs.writeFileSync(proxy.conf, 'DEBUG_ENV_ENABLED=true\n')
		await reload(proxy, 'ui', '/debug/env')
		for (let i = 0; i < 5; i++)
			await reload(proxy, 'ui', '/ui')
		assert.equal(proxy.pid('ui'), pid)
		await wait_until(() => descriptors(pid) <= before, 'no descriptor more')
	})
})
s.test('usage.fcgi: the store is opened anew, in the same process, with no descriptor more', managed, async t => {
	await t.with({ CONF: '' }, async proxy => {
		const where = '/v1/usage', pid = proxy.pid('usage')
		assert.equal(await status(proxy, where), 200)
		const before = descriptors(pid), other = path.join(proxy.folder, 'other.db')
		fs.writeFileSync(proxy.conf, `STORE=sqlite:${other}\n`)
		await reload(proxy, 'usage', where)
		assert.ok(fs.existsSync(other))
		for (let i = 0; i < 5; i++)
			await reload(proxy, 'usage', where)
		assert.equal(proxy.pid('usage'), pid)
		/* the other store is a file of its own: it, its log and their index */
		await wait_until(() => descriptors(pid) <= before + 3, 'no descriptor more')
	})
})
s.test('usage.fcgi on DynamoDB: with no descriptor more, though libcurl closes none at an exec', managed, async t => {
	const dynamodb = await start_dynamodb()
	try {
		const { env } = await dynamodb.make_tables()
		await t.with(env, async proxy => {
			const where = '/v1/usage', pid = proxy.pid('usage')
			assert.equal(await status(proxy, where), 200)
			const before = descriptors(pid)
			for (let i = 0; i < 5; i++)
				await reload(proxy, 'usage', where)
			assert.equal(proxy.pid('usage'), pid)
			await wait_until(() => descriptors(pid) <= before, 'no descriptor more')
		})
	} finally {
		await dynamodb.close()
	}
})
for (const [program, where] of [['ui', '/ui'], ['usage', '/v1/usage']])
	s.test(`${program}.fcgi: settings that it would refuse are one sentence in the log, and it goes on`, managed, async t => {
		await t.with({ CONF: '' }, async proxy => {
			const pid = proxy.pid(program), started = fs.statSync(`/proc/${pid}/exe`).ino
			fs.writeFileSync(proxy.conf, 'RETRY_THRESHOLD_SECONDS=soon\n')
			await reload(proxy, program, where)
			assert.match(proxy.log(), new RegExp(`${program}\\.fcgi: .*RETRY_THRESHOLD_SECONDS: "soon" is not`))
			assert.match(proxy.log(), /reload: refused, see the line before; everything stays as it was/)
			assert.equal(proxy.pid(program), pid)
			assert.equal(inode(`/proc/${pid}/exe`), started)
		})
	})
s.test('ui.fcgi: a request that is under way is answered whole first', managed, async t => {
	await t.with({ CONF: '' }, async proxy => {
		const pid = proxy.pid('ui'), idle = descriptors(pid)
		const socket = net.connect(path.join(proxy.sockets, 'ui.sock')), got = []
		socket.on('data', part => got.push(part))
		await once(socket, 'connect')
		const params = record(4, parameters({ REQUEST_METHOD: 'GET', REQUEST_URI: '/ui/main.js' }))
		socket.write(Buffer.concat([record(1, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0])), params.subarray(0, 20)]))
		await wait_until(() => descriptors(pid) > idle, 'it has taken the connection')
		proxy.signal('SIGHUP', pid)
		socket.write(Buffer.concat([params.subarray(20), record(4, Buffer.alloc(0)), record(5, Buffer.alloc(0))]))
		await once(socket, 'end')
		const text = output(Buffer.concat(got))
		assert.match(text, /^Status: 200\r\n/)
		assert.ok(text.endsWith(fs.readFileSync(path.join(ROOT, 'html/main.js'), 'latin1')))
		await wait_until(() => proxy.log().includes('starts anew'), 'then it reloads')
	})
})
s.test('a hundred requests over several reloads: every one is answered', managed, async t => {
	await t.with({}, async proxy => {
		let over = false, answered = 0
		const ask = async where => {
			while (!over) {
				assert.equal(await status(proxy, where), 200)
				answered++
			}
		}
		const askers = ['/ui', '/ui/main.js', '/v1/usage', '/metrics'].map(ask)
		for (let i = 0; i < 10 || answered < 100; i++)
			for (const [program, where] of [['ui', '/ui'], ['usage', '/v1/usage']])
				await reload(proxy, program, where)
		over = true
		await Promise.all(askers)
	})
})
s.test('who starts them may ignore SIGCHLD: they reload all the same, and a worker that dies comes back', managed, async t => {
	const programs = temp_folder()
	for (const name of fs.readdirSync(PROGRAMS).filter(one => one.endsWith('.fcgi')))
		fs.writeFileSync(path.join(programs, name), `#!/bin/sh\nexec env --ignore-signal=CHLD '${path.join(PROGRAMS, name)}' "$@"\n`, { mode: 0o755 })
	await t.with({ CCP_PROGRAMS: programs }, async proxy => {
		await reload(proxy, 'ui', '/ui')
		assert.match(proxy.log(), /reload: \S+ui\.fcgi starts anew/)
		const old = proxy.children()
		proxy.signal('SIGKILL', old[0])
		await wait_until(() => !proxy.children().includes(old[0]) && proxy.children().length === old.length, 'another worker is there')
		proxy.signal('SIGHUP')
		await wait_until(() => proxy.children().length === old.length && !proxy.children().includes(old[1]), 'new workers')
		assert.doesNotMatch(proxy.log(), /reload: refused|--check took longer than 10 s/)
	})
})
s.test('a SIGTERM that comes with SIGHUPs still ends it', managed, async t => {
	await t.with({}, async proxy => {
		const pid = proxy.pid('ui')
		for (const name of ['SIGHUP', 'SIGTERM', 'SIGHUP'])
			proxy.signal(name, pid)
		await proxy.gone(pid)
	})
})
s.test('a new version on disk takes over; one that does not start is refused', managed, async t => {
	const programs = temp_folder()
	for (const name of fs.readdirSync(PROGRAMS).filter(one => one.endsWith('.fcgi')))
		fs.copyFileSync(path.join(PROGRAMS, name), path.join(programs, name))
	await t.with({ CCP_PROGRAMS: programs }, async proxy => {
		const pid = proxy.pid('ui'), file = path.join(programs, 'ui.fcgi')
		const put = (from, mode) => { fs.writeFileSync(`${file}.new`, from, { mode }); fs.renameSync(`${file}.new`, file) }
		const first = inode(`/proc/${pid}/exe`)
		for (const [mode, broken] of [[0o755, '#!/bin/sh\necho "ui.fcgi: not today" >&2\nexit 1\n'], [0o644, 'not a program']]) {
			put(broken, mode)
			await reload(proxy, 'ui', '/ui')
			assert.equal(inode(`/proc/${pid}/exe`), first)
		}
		assert.match(proxy.log(), /ui\.fcgi: not today/)
		put(fs.readFileSync(path.join(PROGRAMS, 'ui.fcgi')), 0o755)
		await reload(proxy, 'ui', '/ui')
		assert.equal(inode(`/proc/${pid}/exe`), inode(file))
	})
})
