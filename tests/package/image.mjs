/*
 * The container image as its users run it: read-only root, user 10001, two volumes; and as Lambda does. Stand-ins of
 * Anthropic and DynamoDB are outside of it, on 127.0.0.1, which is the same inside.
 *
 *   unshare --net --pid --fork --kill-child --mount-proc sh -c 'ip link set lo up && exec node tests/package/image.mjs'
 *
 * CCP_IMAGE: the image's root file system. CCP_IMAGE_CONFIG: its configuration, what buildah inspect says.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import * as A from '../system/anthropic.mjs'
import { assert_error_shape, assert_whole_stream, headers_for, message, new_key, new_user, open, provider, send } from '../system/client.mjs'
import { start_bedrock } from '../system/bedrock.mjs'
import { start_dynamodb } from '../system/dynamodb.mjs'
import { wait_until } from '../system/harness.mjs'
import { Gate, now_ms } from '../system/standin.mjs'

const ROOT = process.env.CCP_IMAGE
const { Entrypoint, Env, User, Volumes } = JSON.parse(fs.readFileSync(process.env.CCP_IMAGE_CONFIG, 'utf8')).OCIv1.config
const CONTAINER = path.join(import.meta.dirname, 'container.sh')
const URL = 'http://127.0.0.1:8080'
const STATE = '/var/lib/claude-code-proxy'
const PROGRAMS = ['messages', 'usage', 'ui']
const LAMBDA_UID = 993
const SECRET = 'a-secret-that-no-file-may-hold'

const get = (where, over = {}) => send(URL, { method: 'GET', path: where, ...over })
const refuses = () => get('/health').then(() => false, error => error.code === 'ECONNREFUSED')
/* A file of /proc; empty when the process is gone meanwhile. */
const proc = (pid, name) => {
	try {
		return fs.readFileSync(`/proc/${pid}/${name}`, 'utf8')
	} catch {
		return ''
	}
}
const usage_of = async user => (await get(`/v1/usage/me?claude-code-user=${user}`)).json().summary

let anthropic, work, containers = 0
before(async () => {
	anthropic = await A.start_anthropic()
	work = fs.mkdtempSync(path.join(os.tmpdir(), 'ccp-image.'))
})
after(async () => {
	await anthropic.close()
	fs.rmSync(work, { recursive: true })
})

class Container {
	/* lambda: as Lambda does. state: a volume that another one has used. */
	constructor({ env = {}, lambda = false, state = null }) {
		const folder = path.join(work, String(++containers))
		fs.mkdirSync(folder)
		/* An empty volume gets what the image has there: owner and mode. */
		const volume = (where, name) => {
			assert.ok(where in Volumes, `VOLUME ${where}`)
			execFileSync('cp', ['-a', path.join(ROOT, where), path.join(folder, name)])
			return path.join(folder, name)
		}
		this.tmp = volume('/tmp', 'tmp')
		this.state = lambda ? path.join(this.tmp, 'claude-code-proxy') : state ?? volume(STATE, 'state')
		const uid = lambda ? LAMBDA_UID : User.split(':')[0]
		const values = { ...Object.fromEntries(Env.map(one => one.split(/=(.*)/s))), ANTHROPIC_API_BASE: anthropic.url,
			AWS_EC2_METADATA_DISABLED: 'true', TRACK_ANTHROPIC_USAGE: 'true', ...env }
		const limits = lambda ? ['prlimit', '--nofile=1024:1024'] : []
		const [command, ...rest] = [...limits, CONTAINER, ROOT, String(uid), lambda ? '-' : this.state, this.tmp, ...Entrypoint]
		this.output = ''
		this.child = spawn(command, rest, { env: values, stdio: ['ignore', 'pipe', 'pipe'] })
		for (const stream of [this.child.stdout, this.child.stderr])
			stream.setEncoding('utf8').on('data', text => { this.output += text })
		this.ended = new Promise(resolve => this.child.on('close', status => resolve(this.status = status)))
	}
	get lines() { return this.output.trimEnd().split('\n') }
	/* Every line, whoever wrote it. */
	get log() { return this.lines.map(line => JSON.parse(line)) }
	/* Its process 1, as this machine numbers it; and what runs under a name. */
	get init() { return this.children(this.child.pid)[0] }
	children(of = this.init) {
		return fs.readFileSync(`/proc/${of}/task/${of}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
	}
	pid(name) {
		return this.children().find(pid => proc(pid, 'comm').trim() === name)
	}
	kill(signal) { process.kill(this.init, signal) }
	async up() {
		await wait_until(async () => {
			assert.equal(this.status, undefined, `it ended\n${this.output}`)
			return await get('/health').then(answer => answer.status === 200, () => false)
		}, 'it serves')
		return this
	}
	/* What it left in its volume for uploads. */
	get left() { return fs.readdirSync(this.tmp) }
}

/* A test with a container; it is gone at the end, whatever happened. */
const container = (name, how, run) => test(name, { timeout: 120_000 }, async t => {
	anthropic.reset()
	const all = [], start = over => {
		const one = new Container({ ...how, ...over })
		all.push(one)
		return one
	}
	try {
		await run(start, t)
	} catch (error) {
		console.error(all.map(one => one.output).join('\n---\n'))
		throw error
	} finally {
		for (const one of all) {
			if (one.status === undefined && one.init)
				one.kill('SIGKILL')
			await one.ended
		}
	}
})
const stream = (over = {}) => open(URL, { headers: headers_for(new_key()), body: message({ stream: true }), ...over })
/* A stream that stands still after two deltas, until its gate opens. */
async function running(over) {
	const gate = new Gate()
	anthropic.script({ gate, events: 10 })
	gate.open(4)
	const answer = await stream(over)
	await answer.deltas(2)
	return { gate, answer }
}
async function finish({ gate, answer }) {
	gate.open(1)
	await answer.deltas(3) /* each event at once: the next comes when this one is here */
	gate.open_for_good()
	assert_whole_stream(await answer.ended)
}
const files_under = folder => execFileSync('find', [folder, '-type', 'f'], { encoding: 'utf8' }).split('\n').filter(Boolean)

container('a streamed message with each event at once, usage, dashboard, JSON log lines; no secret in a file', {
	env: { AWS_SECRET_ACCESS_KEY: SECRET, AWS_ACCESS_KEY_ID: 'AKID', ANTHROPIC_API_KEY: SECRET }
}, async start => {
	const one = await start().up(), user = new_user()
	await finish(await running({ path: `/user/${user}/v1/messages` }))
	await wait_until(async () => (await usage_of(user)).total_output_tokens > 0, 'the usage is booked')
	assert.match((await get('/ui')).headers['content-type'], /^text\/html/)
	assert.match((await get('/ui/main.js')).headers['content-type'], /^text\/javascript/)

	assert.ok(one.log.some(line => line.level === 'info' && line.output_tokens > 0), 'the log has the tokens')
	for (const line of one.log)
		assert.deepEqual(['time', 'level', 'request_id', 'message'].filter(name => !(name in line)), [])
	assert.ok(files_under(one.state).length > 0)
	for (const file of [...files_under(one.state), ...files_under(one.tmp)])
		assert.ok(!fs.readFileSync(file).includes(SECRET), file)
	assert.ok(!one.output.includes(SECRET))

	const about = fs.readFileSync(`/proc/${one.init}/status`, 'utf8')
	assert.match(about, /^Uid:\t10001\t/m)
	assert.match(fs.readFileSync(`/proc/${one.init}/limits`, 'utf8'), /^Max core file size +0 /m)
	one.kill('SIGTERM')
	assert.equal(await one.ended, 0)
	assert.deepEqual(one.left, [])
})
container('orphans are reaped', {}, async start => {
	const one = await start().up()
	execFileSync('nsenter', ['-t', String(one.init), '-p', 'sh', '-c', 'sleep 3 >/dev/null 2>&1 & sleep 3 >/dev/null 2>&1 & echo'])
	const sleeping = () => one.children().filter(pid => proc(pid, 'comm').trim() === 'sleep').length
	await wait_until(() => sleeping() === 2, 'they are children of process 1 now')
	await wait_until(() => sleeping() === 0, 'they are gone, as zombies, too')
})
container('SIGTERM: streams finish, nobody new is let in, usage is in DynamoDB before the end', {
	env: { DRAIN_SECONDS: '110' }
}, async (start, t) => {
	const dynamodb = await start_dynamodb()
	try {
		const tables = await dynamodb.make_tables(), user = new_user()
		const one = await start({ env: { DRAIN_SECONDS: '110', ...tables.env } }).up()
		const held = await running({ path: `/user/${user}/v1/messages` })
		one.kill('SIGTERM')
		await wait_until(refuses, 'new connections are refused')
		assert.equal(one.status, undefined)
		await finish(held)
		const began = now_ms()
		assert.equal(await one.ended, 0)
		t.diagnostic(`it ended ${Math.round(now_ms() - began)} ms after its last stream`)
		assert.ok((await dynamodb.items(tables.usage)).some(item => item.user_id?.S === user), 'the usage is in the table')
		assert.deepEqual(one.left, [])
		assert.ok(one.log.length)
	} finally {
		await dynamodb.close()
	}
})
container('a second SIGTERM ends it now', {}, async start => {
	const one = await start().up(), { answer } = await running()
	one.kill('SIGTERM')
	await wait_until(refuses, 'new connections are refused')
	one.kill('SIGTERM')
	const began = now_ms()
	assert.equal(await one.ended, 1)
	assert.ok(now_ms() - began < 30_000, 'not DRAIN_SECONDS, 600')
	assert.ok((await answer.ended).broken)
	assert.deepEqual(one.left, [])
	assert.ok(one.log.length)
})
for (const seconds of [0, 2])
	container(`DRAIN_SECONDS=${seconds} under a stream that stands still: it ends all the same`, { env: { DRAIN_SECONDS: String(seconds) } }, async (start, t) => {
		const one = await start().up(), { answer } = await running()
		const began = now_ms()
		one.kill('SIGTERM')
		assert.equal(await one.ended, 0)
		const took_ms = now_ms() - began
		t.diagnostic(`${Math.round(took_ms)} ms`)
		assert.ok(took_ms < seconds * 1000 + 9000, `${took_ms} ms`) /* Fargate leaves 10 s */
		const cut = await answer.ended
		assert.ok(cut.broken || cut.events().at(-1).event === 'error')
		assert.deepEqual(one.left, [])
		assert.ok(one.log.length)
	})
container('usage.fcgi and ui.fcgi that die are started again', {}, async start => {
	const one = await start().up()
	for (const [name, where] of [['usage', '/v1/usage'], ['ui', '/ui'], ['usage', '/v1/usage']]) {
		const pid = await wait_until(() => one.pid(`${name}.fcgi`), `${name}.fcgi runs`)
		process.kill(pid, 'SIGKILL')
		await wait_until(() => ![undefined, pid].includes(one.pid(`${name}.fcgi`)), 'the next one runs')
		await wait_until(async () => (await get(where)).status === 200, 'it serves')
	}
	assert.equal(one.log.filter(line => /(usage|ui)\.fcgi ended with status 137; it is started again/.test(line.message)).length, 3)
})
for (const name of ['lighttpd', 'messages.fcgi'])
	container(`${name} dies: the container ends with status 1 and says why`, {}, async start => {
		const one = await start().up()
		process.kill(one.pid(name), 'SIGKILL')
		assert.equal(await one.ended, 1)
		assert.ok(one.log.some(line => line.level === 'error' && line.message === `${name} ended with status 137`))
		assert.deepEqual(one.left, [])
	})
const WRONG = [
	[{ RETRY_THRESHOLD_SECONDS: 'soon' }, /^RETRY_THRESHOLD_SECONDS: "soon" is not a whole number/],
	[{ PORT: '99999' }, /^PORT: "99999" is not/],
	[{ LOG_FORMAT: 'xml' }, /^LOG_FORMAT: "xml" is not text or json$/],
	[{ MODELS_FILE: '/no/models.csv' }, /models\.csv/],
	[{ STATE_DIRECTORY: '/srv/"state"' }, /^STATE_DIRECTORY=\/srv\/"state" cannot be written by user 10001: give it a volume/],
]
container('a setting that cannot be right: one sentence, status 1', {}, async start => {
	for (const [env, says] of WRONG) {
		const one = start({ env })
		assert.equal(await one.ended, 1)
		assert.equal(one.lines.length, 1, one.output)
		const text = 'LOG_FORMAT' in env ? one.lines[0].replace(/^\S+ error - /, '') : one.log[0].message
		assert.match(text, says)
		assert.deepEqual(one.left, [])
	}
})
container('LOG_FORMAT=text; settings from a file that is mounted', { env: { CLAUDE_CODE_PROXY_CONF: `${STATE}/settings` } }, async start => {
	const first = await start({ env: { LOG_FORMAT: 'text' } }).up()
	first.kill('SIGTERM')
	assert.equal(await first.ended, 0)
	const { state } = first
	fs.writeFileSync(path.join(state, 'settings'), 'LOG_FORMAT=text\nDEBUG_ENV_ENABLED=true\nMAX_BODY_BYTES=2048\n', { mode: 0o644 })
	const one = await start({ state }).up()
	assert.equal((await get('/debug/env')).status, 200)
	assert.equal((await send(URL, { headers: headers_for(new_key()), body: 'x'.repeat(4000) })).status, 413)
	one.kill('SIGTERM')
	assert.equal(await one.ended, 0)
	for (const line of [...first.lines, ...one.lines])
		assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (info|warning|error) \S+ /)
})
/* No setting is given: what a public URL needs is the image's own. */
container('as on Lambda: another user, only /tmp, 1024 files, a body limit of its own, it ends by itself', {
	lambda: true, env: { AWS_LAMBDA_FUNCTION_NAME: 'claude-proxy-api' }
}, async (start, t) => {
	const began = now_ms(), one = await start().up(), user = new_user()
	t.diagnostic(`it served after ${Math.round(now_ms() - began)} ms`)
	await finish(await running({ path: `/user/${user}/v1/messages` }))
	assert.ok((await usage_of(user)).total_output_tokens > 0, 'the usage was booked before the last bytes')
	for (const [limit, status] of [[4_600_000, 413], [4_400_000, 400]]) { /* as a whole no JSON */
		const large = await send(URL, { headers: headers_for(new_key()), body: Buffer.alloc(limit, 'x') })
		assert.equal(large.status, status)
		assert_error_shape(large)
	}
	for (const where of ['/ui', '/v1/usage', '/metrics'])
		assert.equal((await get(where)).status, 403)
	anthropic.script(A.rate_limited(60))
	assert.equal((await send(URL, { headers: headers_for(new_key()), body: message() })).status, 429)
	assert.ok(one.log.some(line => line.level === 'error' && line.message.startsWith('FALLBACK_ORGANIZATIONS is not set')))
	assert.equal(one.children(one.pid('messages.fcgi')).length, 0, 'WORKERS=1')
	assert.match(fs.readFileSync(`/proc/${one.init}/status`, 'utf8'), new RegExp(`^Uid:\t${LAMBDA_UID}\t`, 'm'))
	const asked = now_ms()
	one.kill('SIGTERM')
	assert.equal(await one.ended, 0)
	t.diagnostic(`it ended after ${Math.round(now_ms() - asked)} ms, of 2000 that Lambda gives`)
	assert.deepEqual(one.left, ['claude-code-proxy'])
})
container('as on Lambda, with FALLBACK_ORGANIZATIONS: Bedrock answers its people, nobody else', { lambda: true }, async start => {
	const bedrock = await start_bedrock()
	const env = { AWS_LAMBDA_FUNCTION_NAME: 'claude-proxy-api', DASHBOARD_ENABLED: 'true', ...bedrock.environment }
	const ask = () => {
		anthropic.script(A.rate_limited(60))
		return send(URL, { headers: headers_for(new_key()), body: message({ stream: true }) })
	}
	try {
		let one = await start({ env: { ...env, FALLBACK_ORGANIZATIONS: A.ORGANIZATION } }).up()
		const answer = await ask()
		assert.equal(provider(answer), 'bedrock', answer.text)
		assert_whole_stream(answer)
		assert.equal((await get('/ui')).status, 200)
		assert.ok(!one.log.some(line => line.level === 'error'))
		one.kill('SIGTERM')
		await one.ended
		one = await start({ env: { ...env, FALLBACK_ORGANIZATIONS: 'another' } }).up()
		assert.equal((await ask()).status, 429)
		assert.ok(one.log.some(line => line.message.includes(`organization ${A.ORGANIZATION}, which FALLBACK_ORGANIZATIONS does not name`)), one.output)
		assert.equal(bedrock.requests.length, 1)
	} finally {
		await bedrock.close()
	}
})
