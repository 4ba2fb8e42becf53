/*
 * Starts the proxy as a user does (infra/serve, the shipped web server configuration) between the
 * two stand-ins, on a free port, with its state in a temporary folder, and ends all of it.
 *
 *   const s = suite({ env: { PING_INTERVAL_SECONDS: '1' } })
 *   s.test('what a user would miss', async ({ proxy, anthropic, bedrock, key, user }) => { … })
 *   s.test('with other settings', async t => t.with({ FORCE_RATE_LIMIT: 'true' }, async proxy => { … }))
 *
 * CCP_PROGRAMS: the folder of messages.fcgi, usage.fcgi and ui.fcgi (default build/fcgi).
 * CCP_SERVER:   lighttpd (default), apache (mod_fcgid), apache-proxy (mod_proxy_fcgi) or nginx.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { start_anthropic } from './anthropic.mjs'
import { start_bedrock } from './bedrock.mjs'
import { headers_for, message, new_key, new_user, open, send, WAIT_MAX_MS } from './client.mjs'
import { now_ms } from './standin.mjs'

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
export const SERVER = process.env.CCP_SERVER || 'lighttpd'
/* Apache itself refuses some requests, and never tells a program that a silent client has left. */
export const IS_APACHE = SERVER.startsWith('apache')
/* The programs run beside the web server, each with a process id and a log; mod_fcgid starts them itself, at leisure. */
export const BESIDE = SERVER !== 'apache'
export const NO_MASTER = !BESIDE && 'mod_fcgid starts and ends the processes itself: there is none to signal'
export const PROGRAMS = path.resolve(process.env.CCP_PROGRAMS || path.join(ROOT, 'build/fcgi'))
const START_MAX_MS = 90_000
const STOP_MAX_MS = 60_000
/* Longer than both: of a proxy that does neither the logs are wanted. */
const TEST_MAX_MS = 180_000
const LOG_TAIL_CHARS = 12_000

const folders = []
process.on('exit', () => folders.forEach(folder => fs.rmSync(folder, { recursive: true, force: true })))
/*
 * Node 20 may spin for ever in its own cleaning up, after everything is over (seen in Environment::CleanupHandles
 * after many children were killed): it ends here, behind the test runner's own exit listener.
 */
process.on('beforeExit', () => process.once('exit', code => process.reallyExit(code)))

/* Gone when this process ends. Apache, started by root, runs the programs as nobody: they must get in. */
export function temp_folder(where = os.tmpdir()) {
	const folder = fs.mkdtempSync(path.join(where, 'ccp-system-'))
	fs.chmodSync(folder, 0o755)
	folders.push(folder)
	return folder
}

/*
 * A port that is still free when somebody listens on it a moment later: the kernel gives ports from 32768 on to whoever
 * asks for any, so another test's connection or stand-in could have it by then; these it gives to nobody. Test files that
 * run at the same time begin at different ones.
 */
const PORTS = [10_000, 32_000], PORTS_OF_A_FILE = 110
let next_port = PORTS[0] + process.pid * PORTS_OF_A_FILE % (PORTS[1] - PORTS[0])
export async function free_port() {
	for (;;) {
		const port = next_port, server = net.createServer()
		next_port = port + 1 < PORTS[1] ? port + 1 : PORTS[0]
		if (!await new Promise(resolve => server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))))
			continue
		server.close()
		await once(server, 'close')
		return port
	}
}

/* Polls until condition() gives something true, and gives that. Fails after ms. */
export async function wait_until(condition, what, ms = WAIT_MAX_MS) {
	const end = now_ms() + ms
	for (;;) {
		const value = await condition()
		if (value)
			return value
		assert.ok(now_ms() < end, `not within ${ms} ms: ${what}`)
		await sleep(10)
	}
}

/* A certificate for 127.0.0.1 that only this file vouches for. */
export function certificate(folder) {
	const key = path.join(folder, 'key.pem'), cert = path.join(folder, 'cert.pem')
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
		'-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'],
	{ stdio: 'ignore' })
	return { key: fs.readFileSync(key), cert: fs.readFileSync(cert), certFile: cert }
}

const alive = pid => {
	try {
		process.kill(pid, 0)
		return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))
	} catch {
		return false
	}
}

/* What the descriptors of a process are: files, "socket:[…]", "anon_inode:[eventpoll]", '' for one that was closed meanwhile. */
export function open_files(pid) {
	const or_gone = (read, gone) => { try { return read() } catch { return gone } }
	return or_gone(() => fs.readdirSync(`/proc/${pid}/fd`), []).map(fd => or_gone(() => fs.readlinkSync(`/proc/${pid}/fd/${fd}`), ''))
}
/* How many of a kind there are. */
export const descriptors = (pid, kind) => open_files(pid).filter(one => one.startsWith(kind)).length
/* A worker of messages.fcgi that takes requests: its loop waits, and a thread that accepts. Its settings are read by then. */
export const is_worker = pid => descriptors(pid, 'anon_inode:[eventpoll]') > 1
/* usage.fcgi or ui.fcgi: it takes its signals last. */
const is_plain = pid => descriptors(pid, 'anon_inode:[signalfd]') > 0

class Proxy {
	constructor(server, folder, port, env) {
		this.server = server
		this.folder = folder
		this.port = port
		this.url = `http://127.0.0.1:${port}`
		this.state = path.join(folder, 'state')
		this.conf = path.join(folder, 'claude-code-proxy.conf')
		this.env = env
		this.output = ''
	}
	async start() {
		fs.mkdirSync(this.state, { recursive: true })
		if (!fs.existsSync(this.conf))
			fs.writeFileSync(this.conf, '')
		this.child = spawn(path.join(ROOT, 'infra/serve'), [this.server], { cwd: ROOT, detached: true, env: this.env })
		this.child.stdout.on('data', d => { this.output += d })
		this.child.stderr.on('data', d => { this.output += d })
		this.exited = new Promise(resolve => {
			this.child.on('exit', (code, signal) => { this.exit = { code, signal }; resolve(this.exit) })
			this.child.on('error', error => { this.exit = { error }; resolve(this.exit) })
		})
		await wait_until(async () => {
			assert.equal(this.exit, undefined, `infra/serve ended at once: ${JSON.stringify(this.exit)}\n${this.output}`)
			try {
				/* before it says that it is ready, infra/serve takes a program that was killed for one that refuses to start */
				return (await send(this.url, { method: 'GET', path: '/health' })).status === 200 && fs.existsSync(path.join(this.state, 'run/ready')) &&
					(!BESIDE || this.is_whole())
			} catch {
				return false
			}
		}, 'GET /health answers 200, infra/serve is ready, and all programs are', START_MAX_MS)
		return this
	}
	/* Health is answered by the first worker; on a busy machine the others and the other programs come later. */
	is_whole() {
		const pid = this.pid(), wanted = Number(this.env.WORKERS) || 1
		return ['usage', 'ui'].every(name => is_plain(this.pid(name))) && (is_worker(pid) || this.children(pid).filter(is_worker).length >= wanted)
	}
	/* Process ids: of a program's first process, and of what it forked. */
	pid(program = 'messages') {
		return Number(fs.readFileSync(path.join(this.state, 'run', `${program}.pid`), 'utf8'))
	}
	/* The folder of the programs' sockets: as root run/ is closed to the web server's user, who gets one of its own. */
	get sockets() { return fs.readFileSync(path.join(this.state, 'run/sockets'), 'utf8').trim() }
	children(pid = this.pid()) {
		try {
			return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
		} catch {
			return []
		}
	}
	signal(name, pid = this.pid()) {
		try {
			process.kill(pid, name)
		} catch (error) {
			if (name !== 'SIGKILL' || error.code !== 'ESRCH') /* that one may have ended a moment before */
				throw error
		}
	}
	gone(pid, ms) { return wait_until(() => !alive(pid), `process ${pid} ends`, ms) }
	open(options) { return open(this.url, options) }
	send(options) { return send(this.url, options) }
	get(where) { return send(this.url, { method: 'GET', path: where }) }
	/* POST /v1/messages for a user with a credential. */
	ask({ user, key, body = {}, headers = {}, query = '' }) {
		return this.send({ path: `${user ? `/user/${encodeURIComponent(user)}` : ''}/v1/messages${query}`,
			headers: headers_for(key, headers), body: Buffer.isBuffer(body) || typeof body === 'string' ? body : message(body) })
	}
	stream({ user, key, body = {}, headers = {}, split = false }) {
		return this.open({ path: `${user ? `/user/${encodeURIComponent(user)}` : ''}/v1/messages`,
			headers: headers_for(key, headers), body: message({ stream: true, ...body }), split })
	}
	async usage(user, query = '') {
		return (await this.get(`/v1/usage/me?claude-code-user=${encodeURIComponent(user)}${query}`)).json()
	}
	log() {
		const folder = path.join(this.state, 'log')
		const files = fs.existsSync(folder) ? fs.readdirSync(folder) : []
		return [this.output, ...files.map(f => fs.readFileSync(path.join(folder, f), 'utf8'))].join('\n')
	}
	print_logs() {
		const folder = path.join(this.state, 'log')
		const files = fs.existsSync(folder) ? fs.readdirSync(folder) : []
		console.error(`--- infra/serve ${this.server}, ${this.url}\n${this.output.slice(-LOG_TAIL_CHARS)}`)
		for (const file of files)
			console.error(`--- ${file}\n${fs.readFileSync(path.join(folder, file), 'utf8').slice(-LOG_TAIL_CHARS)}`)
	}
	async stop() {
		if (!this.exit) {
			this.child.kill('SIGTERM')
			await Promise.race([this.exited, sleep(STOP_MAX_MS, null, { ref: false })])
		}
		const late = !this.exit
		try {
			process.kill(-this.child.pid, 'SIGKILL') /* its own process group: nothing else is in it */
		} catch { /* all gone, as it should be */ }
		await this.exited
		fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 })
		assert.ok(!late, `infra/serve was still there ${STOP_MAX_MS} ms after SIGTERM`)
	}
}

/*
 * env: settings of the proxy over the defaults here. Nothing of this process's environment gets
 * through but what a build needs: a developer's own AWS keys must never be in play. server: another than SERVER.
 */
export async function start_proxy({ anthropic, bedrock, env = {}, conf = '', start = true, server = SERVER }) {
	const folder = temp_folder()
	const port = await free_port()
	const passed = Object.fromEntries(['ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS', 'LANG']
		.filter(name => process.env[name]).map(name => [name, process.env[name]]))
	const proxy = new Proxy(server, folder, port, {
		...passed,
		PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
		HOME: folder,
		CCP_PROGRAMS: PROGRAMS,
		PORT: String(port),
		LISTEN: '127.0.0.1',
		STATE_DIRECTORY: path.join(folder, 'state'),
		CLAUDE_CODE_PROXY_CONF: path.join(folder, 'claude-code-proxy.conf'),
		AWS_EC2_METADATA_DISABLED: 'true',
		WORKERS: '2',
		DRAIN_SECONDS: '20',
		...(anthropic ? { ANTHROPIC_API_BASE: anthropic.url } : {}),
		...(bedrock?.environment ?? {}),
		...env,
	})
	for (const [name, value] of Object.entries(proxy.env))
		if (value === null)
			delete proxy.env[name]
	fs.writeFileSync(proxy.conf, conf)
	if (!start)
		return proxy
	try {
		return await proxy.start()
	} catch (error) {
		proxy.print_logs()
		await proxy.stop().catch(() => {})
		throw error
	}
}

/* Tests know of which day figures are (UTC): none begins in the last moments of one. */
const DAY_MS = 86_400_000, DAY_END_MS = 20_000
async function same_day() {
	const left = DAY_MS - Date.now() % DAY_MS
	if (left < DAY_END_MS)
		await sleep(left + 10)
}

/*
 * One proxy and one pair of stand-ins for a file (or a describe()); every test gets a user and a credential of its own.
 * prepare(s), awaited first, gives more settings; it may start one more stand-in, s.dynamodb.
 */
export function suite({ env = {}, conf = '', prepare = () => ({}) } = {}) {
	const s = {}
	before(async () => {
		s.anthropic = await start_anthropic()
		s.bedrock = await start_bedrock()
		env = { ...env, ...await prepare(s) }
		s.proxy = await start_proxy({ ...s, env, conf })
	})
	after(async () => {
		await s.proxy?.stop()
		await s.anthropic?.close()
		await s.bedrock?.close()
		await s.dynamodb?.close()
	})
	s.test = (name, ...rest) => {
		const run = rest.pop()
		register(name, { timeout: TEST_MAX_MS, ...rest[0] }, run)
	}
	const register = (name, options, run) => test(name, options, async t => {
		await same_day()
		const used = [s.proxy]
		const context = { ...s, t, key: new_key(), user: new_user() }
		s.anthropic.reset()
		s.bedrock.reset()
		s.dynamodb?.reset()
		context.with = async (settings, inner) => {
			const { CONF: own_conf, ...own_env } = settings
			const proxy = await start_proxy({ anthropic: s.anthropic, bedrock: s.bedrock, env: { ...env, ...own_env }, conf: own_conf ?? conf })
			used.push(proxy)
			try {
				await inner(proxy)
			} catch (error) {
				proxy.print_logs()
				throw error
			} finally {
				await proxy.stop()
			}
		}
		try {
			await run(context)
			assert.equal(s.anthropic.unused, 0, 'Anthropic was asked less often than the test prepared for')
			assert.equal(s.bedrock.unused, 0, 'Bedrock was asked less often than the test prepared for')
			for (const r of [...s.anthropic.requests, ...s.bedrock.requests])
				assert.equal(r.failure, undefined)
			assert.equal(s.dynamodb?.unused ?? 0, 0, 'DynamoDB was asked less often than the test prepared for')
			assert.deepEqual(s.dynamodb?.refused.map(r => r.refused) ?? [], [], 'what DynamoDB refused')
		} catch (error) {
			console.error(`*** ${name}\n  to Anthropic: ${s.anthropic.requests.map(r => `${r.method} ${r.url}`).join(', ')}\n  to Bedrock: ${s.bedrock.requests.map(r =>
				`${r.url}${r.refused ? ` refused: ${r.refused.message}` : ''}`).join(', ')}`)
			used[0]?.print_logs()
			throw error
		}
	})
	return s
}
