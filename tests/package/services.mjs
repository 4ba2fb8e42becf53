/*
 * What an administrator does with the services, in a system that boot.sh has booted: start, reload, kill, stop,
 * wrong settings, other places. Stand-ins of Anthropic and Bedrock are on 127.0.0.1, which is the same inside.
 *
 *   tests/package/boot.sh ROOT node tests/package/services.mjs
 *
 * ROOT has the programs, the units and a web server with the shipped configuration. CCP_URL: where that serves
 * (default http://127.0.0.1:8080). CCP_STREAMS: how many run during a reload (default 200).
 */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import * as A from '../system/anthropic.mjs'
import { start_bedrock } from '../system/bedrock.mjs'
import { assert_whole_stream, headers_for, message, new_key, open, provider, send } from '../system/client.mjs'
import { wait_until } from '../system/harness.mjs'
import { Gate, now_ms } from '../system/standin.mjs'

const ROOT = process.env.CCP_ROOT, INSIDE = process.env.CCP_INSIDE
const URL = process.env.CCP_URL || 'http://127.0.0.1:8080'
const STREAMS = Number(process.env.CCP_STREAMS || 200)
const PROGRAMS = ['messages', 'usage', 'ui']
const PATHS = { messages: '/health', usage: '/v1/usage', ui: '/ui' }
const TARGET = 'claude-code-proxy.target'
const unit = program => `claude-code-proxy-${program}.service`
const SERVICES = PROGRAMS.map(unit)
const CONF = path.join(ROOT, 'etc/claude-code-proxy/claude-code-proxy.conf')
const DROP_IN = path.join(ROOT, 'etc/systemd/system/claude-code-proxy-.service.d/test.conf')

const inside = (...command) => execFileSync(INSIDE, command, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const systemctl = (...command) => inside('systemctl', ...command)
const later = (...command) => promisify(execFile)(INSIDE, ['systemctl', ...command])
const property = (program, name) => systemctl('show', '-P', name, unit(program)).trim()
const main_pid = program => property(program, 'MainPID')
const journal = () => inside('journalctl', '-o', 'cat', '-u', 'claude-code-proxy-*', '--no-pager')
const ask = (over = {}) => send(URL, { headers: headers_for(new_key()), body: message(), ...over })
const stream = () => open(URL, { headers: headers_for(new_key()), body: message({ stream: true }) })
const status = async where => (await send(URL, { method: 'GET', path: where })).status
const serves = async () => (await Promise.all(Object.values(PATHS).map(status))).every(one => one === 200)

let anthropic, bedrock, settings, shipped
/* The settings file: what the package ships, the stand-ins, and this. At once: a worker may be reading it. */
function set(more = '') {
	const { uid, gid, mode } = fs.statSync(CONF)
	fs.writeFileSync(`${CONF}.new`, `${shipped}\n${settings}${more}`, { mode })
	fs.chownSync(`${CONF}.new`, uid, gid)
	fs.renameSync(`${CONF}.new`, CONF)
}
const workers = () => inside('sh', '-c', `cat /proc/${main_pid('messages')}/task/*/children`).trim().split(/\s+/)
/* New workers read the settings file after systemctl is back: only when they serve may a test change it again. */
async function reload() {
	const old = workers()
	systemctl('reload', ...SERVICES)
	await wait_until(() => !workers().some(pid => old.includes(pid)), 'the old workers have ended')
	await wait_until(serves, 'the new ones serve')
}
/* What a program said comes into the journal, and so into its status, a moment later. */
const status_says = (program, words) => wait_until(() => {
	try {
		return systemctl('status', '--no-pager', unit(program)).includes(words)
	} catch (error) { /* it does not run, and the status says so, too */
		return error.stdout.includes(words)
	}
}, `the status of ${program} says: ${words}`)
/* A stream that stands still until its gate opens. */
async function running(events = 10) {
	const gate = new Gate()
	anthropic.script({ gate, events })
	gate.open(4)
	const answer = await stream()
	await answer.deltas(2)
	return { gate, answer }
}

before(async () => {
	anthropic = await A.start_anthropic()
	bedrock = await start_bedrock()
	shipped = fs.existsSync(CONF) ? fs.readFileSync(CONF, 'utf8') : null
	if (shipped === null) {
		fs.mkdirSync(path.dirname(CONF), { recursive: true })
		fs.writeFileSync(CONF, '', { mode: 0o640 })
		inside('chown', 'root:claude-code-proxy', '/etc/claude-code-proxy/claude-code-proxy.conf')
		shipped = 'WORKERS=0\n'
	}
	/* a name, not a number: the sandbox must let it be looked up */
	const base = anthropic.url.replace('127.0.0.1', 'localhost')
	settings = Object.entries({ ANTHROPIC_API_BASE: base, AWS_EC2_METADATA_DISABLED: 'true', ...bedrock.environment })
		.map(one => `${one.join('=')}\n`).join('')
	set()
	systemctl('restart', TARGET)
	await wait_until(serves, 'all three serve')
})
after(async () => {
	fs.writeFileSync(CONF, shipped)
	fs.rmSync(path.dirname(DROP_IN), { recursive: true, force: true })
	await anthropic.close()
	await bedrock.close()
})
const timed = (name, run) => test(name, { timeout: 120_000 }, async t => {
	anthropic.reset()
	bedrock.reset()
	try {
		await run(t)
	} catch (error) {
		console.error(journal().slice(-6000))
		throw error
	}
})

timed('a streamed message through the web server, and one from Bedrock when Anthropic is limited', async () => {
	assert_whole_stream(await (await stream()).ended)
	anthropic.script(A.rate_limited(600))
	const answer = await ask()
	assert.equal(answer.status, 200, answer.text)
	assert.equal(provider(answer), 'bedrock')
	assert.equal(await status('/v1/usage'), 200)
})
timed('the programs run as their own user, who may not do much', () => {
	for (const program of PROGRAMS) {
		const about = fs.readFileSync(`/proc/${host_pid(program)}/status`, 'utf8')
		assert.match(about, /^NoNewPrivs:\t1$/m)
		assert.match(about, /^Seccomp:\t2$/m)
		assert.match(about, /^CapBnd:\t0+$/m)
		assert.doesNotMatch(about, /^Uid:\t0\t/m)
		assert.equal(property(program, 'User'), 'claude-code-proxy')
	}
	assert.doesNotMatch(inside('cat', `/proc/${main_pid('messages')}/environ`), /STATE_DIRECTORY/)
})
/* The number on this machine of a process inside: its own is the last of NSpid. */
function host_pid(program) {
	const wanted = main_pid(program)
	return fs.readdirSync('/proc').filter(name => /^\d+$/.test(name)).find(name => {
		try {
			const about = fs.readFileSync(`/proc/${name}/status`, 'utf8')
			return new RegExp(`^Name:\t${program}\\.fcgi$`, 'm').test(about) && new RegExp(`^NSpid:\t\\d+\t${wanted}$`, 'm').test(about)
		} catch {
			return false
		}
	})
}
timed(`systemctl reload under ${STREAMS} streams: none is cut, none refused, new settings are in force`, async t => {
	const gates = Array.from({ length: STREAMS }, () => new Gate())
	for (const gate of gates) {
		gate.open(4)
		anthropic.script({ gate, events: 10 })
	}
	const streams = await Promise.all(gates.map(stream))
	await Promise.all(streams.map(one => one.deltas(2)))
	const pids = PROGRAMS.map(main_pid)
	let over = false, asked = 0
	const askers = Object.values(PATHS).map(async where => {
		for (; !over; asked++)
			assert.equal(await status(where), 200, where)
	})
	const newcomers = (async () => {
		for (; !over; asked++)
			assert_whole_stream(await (await stream()).ended)
	})()
	set('DEBUG_ENV_ENABLED=true\n')
	for (let i = 0; i < 3; i++)
		await later('reload', ...SERVICES)
	await wait_until(async () => (await status('/debug/env')) === 200, 'the new setting is in force')
	gates.forEach(gate => gate.open_for_good())
	for (const one of streams)
		assert_whole_stream(await one.ended)
	over = true
	await Promise.all([...askers, newcomers])
	assert.deepEqual(PROGRAMS.map(main_pid), pids)
	t.diagnostic(`${asked} requests meanwhile`)
	set()
	await reload()
})
timed('systemctl reload with a wrong setting fails, says why, and changes nothing', async () => {
	set('RETRY_THRESHOLD_SECONDS=soon\n')
	for (const program of PROGRAMS) {
		assert.throws(() => systemctl('reload', unit(program)))
		await status_says(program, 'RETRY_THRESHOLD_SECONDS: "soon" is not a whole number')
	}
	assert.ok(await serves())
	set()
	await reload()
})
for (const program of PROGRAMS)
	timed(`kill -9 of ${program}.fcgi: it is back within a second, and nobody is refused`, async t => {
		const one = program === 'messages' ? await running() : null
		const pid = main_pid(program), began = now_ms()
		inside('kill', '-9', pid) /* first: what it has in hand at its end is lost */
		const refused = (async () => {
			for (const end = now_ms() + 1000; now_ms() < end;)
				if (await status(PATHS[program]) !== 200)
					return true
			return false
		})()
		await wait_until(() => !['0', pid].includes(main_pid(program)), 'the next one runs')
		t.diagnostic(`the next one ran after ${Math.round(now_ms() - began)} ms`)
		assert.equal(await refused, false)
		if (one) {
			one.gate.open_for_good()
			assert_whole_stream(await one.answer.ended)
		}
	})
timed('a worker that is killed is started again by its master', async () => {
	const pid = main_pid('messages')
	inside('sh', '-c', `kill -9 $(cat /proc/${pid}/task/${pid}/children)`)
	await wait_until(serves, 'it serves')
	assert.equal(main_pid('messages'), pid)
})
timed('systemctl stop: running streams end first; the web server says 503 as JSON; start serves again', async () => {
	const { gate, answer } = await running()
	let stopped = false
	const stop = later('stop', TARGET).then(() => { stopped = true })
	await wait_until(() => property('messages', 'ActiveState') === 'deactivating', 'it is being stopped')
	gate.open(2)
	await answer.deltas(4)
	assert.ok(!stopped)
	gate.open_for_good()
	assert_whole_stream(await answer.ended)
	await stop
	for (const program of PROGRAMS)
		assert.ok(!inside('ls', '/run/claude-code-proxy').includes(program), 'its socket is gone')
	const refused = await ask()
	assert.equal(refused.status, 503)
	assert.equal(refused.json().type, 'error')
	systemctl('start', TARGET)
	await wait_until(serves, 'all three serve')
	assert_whole_stream(await (await stream()).ended)
})
timed('systemctl kill while it stops: it ends now, and the stream does not look whole', async () => {
	const { gate, answer } = await running()
	const stop = later('stop', TARGET)
	await wait_until(() => property('messages', 'ActiveState') === 'deactivating', 'it is being stopped')
	systemctl('kill', unit('messages'))
	await stop
	gate.open_for_good()
	const cut = await answer.ended
	assert.ok(cut.broken || cut.events().at(-1).event === 'error')
	systemctl('start', TARGET)
	await wait_until(serves, 'all three serve')
})
timed('a wrong setting at start: the status says so, calmly; put right, it comes by itself, and who waited is answered', async t => {
	set('RETRY_THRESHOLD_SECONDS=soon\n')
	await later('restart', ...SERVICES).catch(() => {}) /* fails, when systemd has seen the end before its own answer */
	for (const program of PROGRAMS)
		await status_says(program, 'RETRY_THRESHOLD_SECONDS: "soon" is not')
	const waiting = ask()
	const restarts = () => Number(property('messages', 'NRestarts')), began = now_ms(), first = restarts()
	await wait_until(() => restarts() >= first + 2, 'it is tried again and again')
	assert.ok(now_ms() - began > 4000, 'but not as fast as the machine can')
	set()
	assert.equal((await waiting).status, 200)
	t.diagnostic('put right, it served by itself')
	await wait_until(serves, 'all three serve')
})
timed('a program that cannot be started at all is tried calmly, too', async () => {
	fs.mkdirSync(path.dirname(DROP_IN), { recursive: true })
	fs.writeFileSync(DROP_IN, '[Service]\nExecStart=\nExecStart=/nowhere\n')
	systemctl('daemon-reload')
	await later('restart', ...SERVICES).catch(() => {})
	const tries = () => PROGRAMS.map(program => Number(property(program, 'NRestarts'))), began = now_ms(), first = tries()
	await new Promise(resolve => { setTimeout(resolve, 4000) })
	const last = tries(), ms = now_ms() - began
	for (const [i, count] of last.entries()) /* 5.1 s between two */
		assert.ok(count <= first[i] + 1 + Math.floor(ms / 5100), `${PROGRAMS[i]}: ${count} restarts, ${first[i]} ${Math.round(ms)} ms before`)
	fs.rmSync(DROP_IN)
	systemctl('daemon-reload')
	systemctl('restart', ...SERVICES)
	await wait_until(serves, 'all three serve')
})
timed('~/.aws of the user: a profile whose credentials come from a program', async () => {
	const home = path.join(ROOT, 'var/lib/claude-code-proxy/.aws')
	const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = bedrock.environment
	fs.mkdirSync(home, { recursive: true })
	fs.writeFileSync(path.join(home, 'get'), `#!/bin/sh\nexec printf '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"%s"}' '${id}' '${secret}'\n`, { mode: 0o755 })
	fs.writeFileSync(path.join(home, 'config'), '[profile mine]\ncredential_process = /var/lib/claude-code-proxy/.aws/get\n')
	inside('chown', '-R', 'claude-code-proxy:', '/var/lib/claude-code-proxy/.aws')
	const keyed = settings
	settings = settings.split('\n').filter(line => !/^AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)=/.test(line)).join('\n')
	set('AWS_PROFILE=mine\n')
	await reload()
	await wait_until(async () => {
		anthropic.script(A.rate_limited(600))
		return provider(await ask()) === 'bedrock'
	}, 'Bedrock answers')
	settings = keyed
	set()
	await reload()
	fs.rmSync(home, { recursive: true })
})
timed('another state directory: the setting, and ReadWritePaths= for all services in one drop-in', async () => {
	inside('install', '-d', '-o', 'claude-code-proxy', '-m', '700', '/srv/claude-code-proxy')
	fs.mkdirSync(path.dirname(DROP_IN), { recursive: true })
	fs.writeFileSync(DROP_IN, '[Service]\nReadWritePaths=/srv/claude-code-proxy\n')
	set('STATE_DIRECTORY=/srv/claude-code-proxy\n')
	systemctl('daemon-reload')
	systemctl('restart', ...SERVICES)
	assert.equal((await ask()).status, 200)
	await wait_until(() => fs.existsSync(path.join(ROOT, 'srv/claude-code-proxy/state.db')), 'its state.db')
	assert.ok(await serves())
	assert.equal(await status('/health?deep=1'), 200)
	fs.rmSync(DROP_IN)
	fs.rmdirSync(path.dirname(DROP_IN))
	set()
	systemctl('daemon-reload')
	systemctl('restart', ...SERVICES)
	await wait_until(serves, 'all three serve')
	fs.rmSync(path.join(ROOT, 'srv/claude-code-proxy'), { recursive: true })
})
timed('nobody but the web server may open the sockets', () => {
	assert.match(inside('stat', '-c', '%U:%G %a', '/run/claude-code-proxy/messages.sock'), /^claude-code-proxy:www-data 660$/m)
	assert.throws(() => inside('runuser', '-u', 'nobody', '--', 'test', '-w', '/run/claude-code-proxy/messages.sock'))
})
