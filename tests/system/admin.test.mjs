/* claude-code-proxy-admin over the state of a real proxy: what an operator sees, and what it never shows. */
import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import * as A from './anthropic.mjs'
import * as B from './bedrock.mjs'
import { provider } from './client.mjs'
import { BESIDE, PROGRAMS, ROOT, free_port, open_files, suite, temp_folder, wait_until } from './harness.mjs'

const ADMIN = path.join(PROGRAMS, 'claude-code-proxy-admin')
const s = suite()
const today = () => new Date().toISOString().slice(0, 10)

/*
 * Runs the command with the proxy's settings; gives {status, out, err}. With a reply it runs on a
 * terminal (script(1) makes one), where somebody types that when asked.
 */
function admin(proxy, args, env = {}, reply = null) {
	const [file, ...rest] = reply === null ? [ADMIN, ...args] : ['script', '-qec', [ADMIN, ...args].join(' '), '/dev/null']
	const settings = { ...proxy.env, MODELS_FILE: path.join(ROOT, 'data/models.csv'),
		PRICES_FILE: path.join(ROOT, 'data/prices.csv'), TZ: 'Asia/Seoul', ...env }
	for (const [name, value] of Object.entries(settings))
		if (value === null)
			delete settings[name]
	return new Promise((resolve, reject) => {
		const child = execFile(file, rest, { env: settings, timeout: 30_000 }, (error, out, err) => {
			if (error && (error.killed || typeof error.code !== 'number'))
				return reject(error)
			const all = out + err
			for (const secret of [B.CREDENTIALS.secretAccessKey, B.SESSION.secretAccessKey, B.SESSION.sessionToken, B.BEARER])
				assert.ok(!all.includes(secret), `a secret was shown:\n${all}`)
			assert.ok(!all.includes(B.CREDENTIALS.accessKeyId), `a whole access key id was shown:\n${all}`)
			resolve({ status: error ? error.code : 0, out, err })
		})
		if (reply === null)
			return child.stdin.end()
		let seen = ''
		child.stdout.on('data', data => {
			seen += data
			if (seen.includes('[y/N] '))
				child.stdin.end(reply)
		})
	})
}
/* The line of the doctor that begins with a finding and a check. */
function found(answer, finding, check) {
	const line = answer.out.split('\n').find(l => l.startsWith(finding) && l.slice(8).trim().startsWith(check))
	assert.ok(line, `no "${finding} ${check}" in:\n${answer.out}${answer.err}`)
	return line
}
async function fall_back(t, script = A.rate_limited(null)) {
	t.anthropic.script(script)
	assert.equal(provider(await t.proxy.ask(t)), 'bedrock')
}
const counted = (t, count) => wait_until(async () =>
	(await t.proxy.usage(t.user)).summary?.total_requests === count, `${count} requests are counted`)
const calls = bedrock => bedrock.requests.filter(r => r.method === 'POST')

s.test('usage: what Bedrock answered is in the table, and --json is /v1/usage', async t => {
	await fall_back(t)
	await fall_back(t)
	await counted(t, 2)
	const all = await admin(t.proxy, ['usage', '--json'])
	assert.equal(all.status, 0, all.err)
	assert.deepEqual(JSON.parse(all.out), (await t.proxy.get('/v1/usage')).json())
	const mine = await admin(t.proxy, ['--json', 'usage', t.user, '--days=3'])
	assert.deepEqual(JSON.parse(mine.out), await t.proxy.usage(t.user, '&days=3'))
	const dated = await admin(t.proxy, ['--date', today(), 'usage', '--json'])
	assert.deepEqual(JSON.parse(dated.out), (await t.proxy.get(`/v1/usage?date=${today()}`)).json())

	const cells = (out, first) => out.split('\n').find(l => l.startsWith(first))?.split(/\s+/)
	const cost = (await t.proxy.usage(t.user)).summary.cost_usd.toFixed(6)
	const row = ['claude-opus-5-5', '2', '2,000', '1,000', '4,000', '600', cost]
	const everybody = await admin(t.proxy, ['usage'])
	assert.deepEqual(cells(everybody.out, `${t.user} `).slice(1, 8), row)
	const one = await admin(t.proxy, ['usage', t.user, '--date', today()])
	assert.deepEqual(cells(one.out, `${today()} `).slice(1, 8), row)
	assert.deepEqual(cells(one.out, 'total ').slice(1, 7), row.slice(1))
	const none = await admin(t.proxy, ['usage', '--date', '2020-01-01'])
	assert.deepEqual(cells(none.out, 'total ').slice(1, 7), ['0', '0', '0', '0', '0', '0.000000'])
})
s.test('usage: estimated figures carry a star, and only they', async t => {
	await fall_back(t)
	await counted(t, 1)
	assert.ok(!/\*/.test((await admin(t.proxy, ['usage', t.user])).out))
	t.anthropic.script(A.rate_limited(null))
	t.bedrock.script({ cutAfter: 3 })
	await (await t.proxy.stream(t)).ended
	await counted(t, 2)
	const starred = (await admin(t.proxy, ['usage', t.user])).out
	assert.match(starred, /\*$/m)
	assert.match(starred, /^\* partly estimated/m)
})
s.test('limits: list says who, until when and why; after clear Anthropic is asked again', async t => {
	await fall_back(t, A.rate_limited(8000))
	assert.equal(provider(await t.proxy.ask(t)), 'bedrock')
	assert.equal(t.anthropic.requests.length, 1)

	const listed = await admin(t.proxy, ['limits', 'list'])
	assert.equal(listed.status, 0, listed.err)
	const line = listed.out.split('\n').find(l => l.startsWith(t.user))
	assert.match(line, /\d{4}-\d\d-\d\d \d\d:\d\d KST {2}2 h 1[23] min {2}opus {4}[0-9a-f]{8} {4}retry_after$/)
	const { limits } = JSON.parse((await admin(t.proxy, ['limits', 'list', t.user, '--json'])).out)
	assert.equal(limits.length, 1)
	assert.equal(limits[0].user, t.user)
	assert.equal(limits[0].credential.length, 8)
	assert.equal(limits[0].retry_until - limits[0].since, 8000)
	assert.deepEqual(JSON.parse((await admin(t.proxy, ['limits', 'list', 'nobody', '--json'])).out), { limits: [] })

	const cleared = await admin(t.proxy, ['limits', 'clear', t.user])
	assert.equal(cleared.status, 0, cleared.err)
	assert.match(cleared.out, new RegExp(`^Cleared 1 limit of ${t.user}:`))
	assert.match(cleared.out, /opus/)
	assert.equal(provider(await t.proxy.ask(t)), 'anthropic')
	const again = await admin(t.proxy, ['limits', 'clear', t.user])
	assert.deepEqual([again.status, again.err], [0, ''])
	assert.match((await admin(t.proxy, ['limits', 'list', t.user])).out, /no limits/)
})
s.test('what stands in the store cannot steer a terminal', async t => {
	await fall_back(t, A.rate_limited(8000))
	execFileSync('sqlite3', ['-cmd', '.timeout 10000', path.join(t.proxy.state, 'state.db'),
		`UPDATE limits SET reason = char(27) || '[2J' || char(8238) || '안녕' || char(155, 10) WHERE user_id = '${t.user}'`])
	const { out } = await admin(t.proxy, ['limits', 'list', t.user])
	assert.ok(out.includes('\\x1b[2J\\u202e안녕\\u009b\\x0a'), out)
	assert.doesNotMatch(out, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/)
	await admin(t.proxy, ['limits', 'clear', t.user])
})
s.test('tables: SQLite needs none', async t => {
	for (const word of ['create', 'check']) {
		const answer = await admin(t.proxy, ['tables', word])
		assert.equal(answer.status, 0)
		assert.match(answer.out, /SQLite, which needs no tables/)
	}
})
s.test('a store that is not there is said, and not made', async t => {
	const folder = temp_folder()
	for (const args of [['usage'], ['limits', 'list'], ['limits', 'clear', 'alice']]) {
		const answer = await admin(t.proxy, args, { STATE_DIRECTORY: folder })
		assert.equal(answer.status, 1)
		assert.match(answer.err, /STATE_DIRECTORY and STORE/)
	}
	assert.equal((await admin(t.proxy, ['doctor'], { STATE_DIRECTORY: folder })).status, 0)
	assert.deepEqual(fs.readdirSync(folder), [])
})

/* Takes deliver-….lock from the proxy's couriers; gives a function that lets it go. */
async function hold_delivery(proxy, t) {
	const name = await wait_until(() => fs.readdirSync(proxy.state).find(f => f.startsWith('deliver-')), 'a courier has the lock')
	const lock = path.join(proxy.state, name), own = `${lock}.test`
	const holder = spawn('flock', ['-n', own, 'sh', '-c', 'echo held; cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
	t.after(() => holder.stdin.destroy()) /* whatever fails: then it ends */
	await once(holder.stdout, 'data')
	fs.renameSync(own, lock)
	const delivers = pid => open_files(pid).some(file => file.endsWith(`${path.basename(lock)} (deleted)`))
	await wait_until(() => ![proxy.pid(), ...proxy.children()].some(delivers), 'no courier has the old lock')
	return async () => {
		holder.stdin.end()
		await once(holder, 'exit')
	}
}
s.test('what a killed proxy has counted and not delivered: doctor says it waits, usage brings it in', {
	skip: !BESIDE && 'mod_fcgid knows the programs\' process ids, and tells nobody' }, async t => {
	await t.with({}, async proxy => {
		const release = await hold_delivery(proxy, t.t)
		t.anthropic.script(A.rate_limited(null))
		assert.equal(provider(await proxy.ask(t)), 'bedrock')
		const workers = [proxy.pid(), ...proxy.children()]
		process.kill(-proxy.child.pid, 'SIGKILL')
		await Promise.all(workers.map(pid => proxy.gone(pid)))
		assert.match(found(await admin(proxy, ['doctor']), 'warning', 'journal'), /1 counted answer is not in the store/)
		await release()
		const mine = await admin(proxy, ['usage', t.user, '--json'])
		assert.equal(JSON.parse(mine.out).summary.total_requests, 1)
		found(await admin(proxy, ['doctor']), 'ok', 'journal')
	})
})
s.test('root leaves nothing behind that the proxy\'s user cannot write', { skip: process.getuid() !== 0 }, async t => {
	const state = path.join(temp_folder(), 'state'), nobody = 65534
	await fall_back(t, A.rate_limited(8000))
	fs.mkdirSync(state)
	execFileSync('sqlite3', [path.join(t.proxy.state, 'state.db'), `VACUUM INTO '${path.join(state, 'state.db')}'`])
	fs.chownSync(state, nobody, nobody)
	fs.chownSync(path.join(state, 'state.db'), nobody, nobody)
	for (const args of [['usage'], ['limits', 'list'], ['limits', 'clear', t.user], ['doctor']])
		assert.equal((await admin(t.proxy, args, { STATE_DIRECTORY: state })).status, 0)
	const files = fs.readdirSync(state)
	assert.ok(files.some(f => f.startsWith('deliver-')), files.join())
	for (const file of files)
		assert.equal(fs.statSync(path.join(state, file)).uid, nobody, file)
})

s.test('doctor: all is well, and nothing is paid for', async t => {
	const answer = await admin(t.proxy, ['doctor'])
	assert.equal(answer.status, 0, answer.out + answer.err)
	for (const check of ['settings', 'models, prices', 'state directory', 'state.db', 'AWS credentials', 'Anthropic', 'Bedrock', 'clock', 'store', 'journal'])
		found(answer, 'ok', check)
	assert.match(found(answer, 'ok', 'AWS credentials'), /from the settings, key …0001$/)
	assert.match(found(answer, 'skipped', 'model access'), /no terminal.*--yes.*about \$0\.0001/)
	assert.match(answer.out, /10 ok, 0 warnings, 0 failed, 1 skipped/)
	assert.equal(calls(t.bedrock).length, 0)
	for (const r of [...t.anthropic.requests, ...t.bedrock.requests])
		assert.ok(!r.has('authorization') && !r.has('x-api-key'), 'whether somebody is there is asked without a credential')
})
s.test('doctor --yes asks Bedrock once, for one token of the cheapest Haiku', async t => {
	const answer = await admin(t.proxy, ['--yes', 'doctor'])
	assert.equal(answer.status, 0, answer.out)
	found(answer, 'ok', 'model access')
	assert.equal(calls(t.bedrock).length, 1)
	assert.equal(calls(t.bedrock)[0].model, 'global.anthropic.claude-haiku-5-5')
	assert.equal(calls(t.bedrock)[0].json().max_tokens, 1)
})
s.test('doctor asks at a terminal, with the price; only yes is yes', async t => {
	for (const [reply, count] of [['\n', 0], ['n\n', 0], ['y\n', 1]]) {
		t.bedrock.reset()
		const answer = await admin(t.proxy, ['doctor'], {}, reply)
		assert.match(answer.out, /Ask claude-haiku-5-5 on Bedrock for one word \(about \$0\.0001\)\? \[y\/N\]/)
		assert.equal(calls(t.bedrock).length, count, answer.out)
	}
})
s.test('doctor: wrong AWS credentials', async t => {
	const wrong = await admin(t.proxy, ['doctor', '--yes'], { AWS_SECRET_ACCESS_KEY: 'not+the/Secret' })
	assert.equal(wrong.status, 1)
	assert.match(found(wrong, 'FAILED', 'model access'), /InvalidSignatureException.*does not know these credentials/)
	assert.ok(!wrong.out.includes('not+the/Secret'))
	const none = await admin(t.proxy, ['doctor', '--yes'], { AWS_ACCESS_KEY_ID: null, AWS_SECRET_ACCESS_KEY: null })
	assert.equal(none.status, 1)
	assert.match(found(none, 'FAILED', 'AWS credentials'), /no AWS credentials: .*Set AWS_ACCESS_KEY_ID/)
	found(none, 'skipped', 'model access')
})
s.test('doctor: credentials of a profile, a session, a Bedrock API key', async t => {
	const folder = temp_folder()
	fs.mkdirSync(path.join(folder, '.aws'))
	fs.writeFileSync(path.join(folder, '.aws/credentials'), `[work]\naws_access_key_id = ${B.SESSION.accessKeyId}\n` +
		`aws_secret_access_key = ${B.SESSION.secretAccessKey}\naws_session_token = ${B.SESSION.sessionToken}\n`)
	const bare = { AWS_ACCESS_KEY_ID: null, AWS_SECRET_ACCESS_KEY: null }
	const profile = await admin(t.proxy, ['doctor', '--yes'], { ...bare, HOME: folder, AWS_PROFILE: 'work' })
	assert.equal(profile.status, 0, profile.out)
	assert.match(found(profile, 'ok', 'AWS credentials'), /from profile work, key …0002, temporary$/)
	const bearer = await admin(t.proxy, ['doctor', '--yes'], { ...bare, AWS_BEARER_TOKEN_BEDROCK: B.BEARER })
	assert.equal(bearer.status, 0, bearer.out)
	assert.match(found(bearer, 'ok', 'AWS credentials'), /AWS_BEARER_TOKEN_BEDROCK is set/)
	assert.equal(calls(t.bedrock).length, 2)
})
s.test('doctor: nobody answers', async t => {
	const closed = `http://127.0.0.1:${await free_port()}`
	const bedrock = await admin(t.proxy, ['doctor', '--yes'], { AWS_ENDPOINT_URL_BEDROCK_RUNTIME: closed })
	assert.equal(bedrock.status, 1)
	assert.match(found(bedrock, 'FAILED', 'Bedrock'), /AWS_REGION/)
	assert.match(found(bedrock, 'ok', 'clock'), /Anthropic/)
	found(bedrock, 'skipped', 'model access')
	const anthropic = await admin(t.proxy, ['doctor'], { ANTHROPIC_API_BASE: closed })
	assert.equal(anthropic.status, 1)
	assert.match(found(anthropic, 'FAILED', 'Anthropic'), /ANTHROPIC_API_BASE/)
})
s.test('doctor: a clock that is off; Bedrock is asked by its own, as the proxy does', async t => {
	t.bedrock.options.clock = () => Date.now() + 600_000
	try {
		const slow = await admin(t.proxy, ['doctor', '--yes'])
		assert.equal(slow.status, 1)
		assert.match(found(slow, 'FAILED', 'clock'), /(9|10) min behind Bedrock.*NTP/)
		found(slow, 'ok', 'model access')
		t.bedrock.options.clock = () => Date.now() - 120_000
		const fast = await admin(t.proxy, ['doctor'])
		assert.equal(fast.status, 0)
		assert.match(found(fast, 'warning', 'clock'), /[12] min ahead of Bedrock/)
	} finally {
		t.bedrock.options.clock = () => Date.now()
	}
})
s.test('doctor: a state directory that cannot be written, a state.db that is none', async t => {
	const folder = temp_folder()
	fs.writeFileSync(path.join(folder, 'file'), '')
	/* root writes everywhere but here */
	for (const directory of ['/proc', path.join(folder, 'file'), path.join(folder, 'file/state')]) {
		const answer = await admin(t.proxy, ['doctor'], { STATE_DIRECTORY: directory })
		assert.equal(answer.status, 1, answer.out)
		assert.match(found(answer, 'FAILED', 'state directory'), /STATE_DIRECTORY/)
	}
	fs.writeFileSync(path.join(folder, 'state.db'), 'this is not a database, and long enough for one\n'.repeat(100))
	const answer = await admin(t.proxy, ['doctor'], { STATE_DIRECTORY: folder })
	assert.equal(answer.status, 1)
	assert.match(found(answer, 'FAILED', 'state.db'), /not a database/)
})
s.test('doctor: settings and files that are wrong', async t => {
	const settings = await admin(t.proxy, ['doctor'], { RETRY_THRESHOLD_SECONDS: 'soon' })
	assert.equal(settings.status, 1)
	assert.match(found(settings, 'FAILED', 'settings'), /RETRY_THRESHOLD_SECONDS/)
	const usage = await admin(t.proxy, ['usage'], { RETRY_THRESHOLD_SECONDS: 'soon' })
	assert.equal(usage.status, 1)
	assert.match(usage.err, /RETRY_THRESHOLD_SECONDS/)
	const models = await admin(t.proxy, ['doctor', '--yes'], { MODELS_FILE: '/nowhere/models.csv' })
	assert.equal(models.status, 1)
	assert.match(found(models, 'FAILED', 'models, prices'), /\/nowhere\/models\.csv.*MODELS_FILE/)
	assert.equal(calls(t.bedrock).length, 0)
})
s.test('doctor: what is refused is said in Bedrock\'s words, with what to do', async t => {
	t.bedrock.script(B.exception('AccessDeniedException',
		'User: arn:aws:iam::123456789012:user/x is not authorized to perform: bedrock:InvokeModel'))
	const denied = await admin(t.proxy, ['doctor', '--yes'])
	assert.equal(denied.status, 1)
	assert.match(found(denied, 'FAILED', 'model access'), /AccessDeniedException.*allow bedrock:InvokeModel/)
	assert.doesNotMatch(denied.out, /123456789012/)
	t.bedrock.script(B.exception('ThrottlingException'))
	const busy = await admin(t.proxy, ['doctor', '--yes'])
	assert.equal(busy.status, 0)
	found(busy, 'warning', 'model access')
})

s.test('wrong use: exit status 2, and what was wrong', async t => {
	for (const [args, said] of [
		[[], /^Usage: claude-code-proxy-admin/], [['limits'], /second word.*"limits"/], [['limit', 'list'], /"limit"/], [['limits', 'show'], /"show"/],
		[['limits', 'clear'], /user is missing/], [['limits', 'clear', 'a/b'], /128 bytes.*"a\/b"/], [['usage', 'a', 'b'], /"b"/],
		[['usage', '--frob'], /"--frob"/], [['limits', 'list', '--days', '3'], /"--days"/], [['usage', '--days'], /"--days"/],
		[['usage', '--days', '91'], /1 to 90/], [['usage', '--date', '2026-02-30'], /--date/], [['usage', '--date', today(), '--days', '1'], /not both/],
		[['doctor', '--json'], /"--json"/], [['usage', '--json=yes'], /"--json=yes"/], [['nothing', '--help'], /"nothing"/],
		[['usage', '--', '--json'], null], [['usage', '\x1b[31m'], /\\x1b/],
	]) {
		const answer = await admin(t.proxy, args)
		if (said === null) { /* behind -- it is a user, of a strange name */
			assert.equal(answer.status, 0, answer.err)
			continue
		}
		assert.equal(answer.status, 2, `${args.join(' ')}: ${answer.out}${answer.err}`)
		assert.match(answer.err, said)
		assert.equal(answer.out, '')
	}
})
const help_of = (program, ...words) => execFileSync(path.join(PROGRAMS, program), [...words, '--help'], { encoding: 'utf8' })
const page_of = name => fs.readFileSync(path.join(ROOT, 'doc', name), 'utf8')
const synopsis_of = page => page.slice(page.indexOf('.Sh SYNOPSIS'), page.indexOf('.Sh DESCRIPTION'))
const sorted = list => [...new Set(list)].sort()
for (const [program, name] of [['claude-code-proxy-admin', 'claude-code-proxy-admin.1'], ['messages.fcgi', 'claude-code-proxy-messages.8'],
	['usage.fcgi', 'claude-code-proxy-usage.8'], ['ui.fcgi', 'claude-code-proxy-ui.8']])
	test(`every option of ${program} --help is in ${name}, and none else; its environment is settings`, () => {
		const page = page_of(name)
		const options = sorted([...help_of(program).matchAll(/--[a-z-]+/g)].map(m => m[0]))
		assert.ok(options.length >= 2)
		assert.deepEqual(sorted([...page.matchAll(/^\.It Fl Fl ([a-z-]+)/gm)].map(m => `--${m[1]}`)), options)
		assert.deepEqual(sorted([...synopsis_of(page).matchAll(/Fl Fl ([a-z-]+)/g)].map(m => `--${m[1]}`)), options)
		const settings = page_of('settings.md')
		for (const [, variable] of page.matchAll(/Ev ((?!CCP_HTML)[A-Z_]{3,})/g))
			assert.ok(settings.includes(`\`${variable}\``), `${variable} of the man page is no setting`)
	})
test('every command of claude-code-proxy-admin --help is in its man page, and none else', () => {
	const help = help_of('claude-code-proxy-admin'), page = page_of('claude-code-proxy-admin.1'), synopsis = synopsis_of(page)
	const commands = help.slice(help.indexOf('Commands:'), help.indexOf('Options')).matchAll(/^ {2}([a-z]+(?: [a-z]+)?)(?= )/gm)
	const words = text => text.split(/ Op | Ar /)[0].replaceAll('Cm ', '').trim()
	const named = sorted([...synopsis.matchAll(/^\.(Cm .*)$/gm)].map(m => words(m[1])))
	assert.deepEqual(named, sorted([...commands].map(m => m[1])))
	assert.deepEqual(sorted([...page.matchAll(/^\.It (Cm .*)$/gm)].map(m => words(m[1]))), named)
	for (const command of ['', 'tables', 'limits clear', 'usage', 'doctor'])
		assert.match(help_of('claude-code-proxy-admin', ...command.split(' ').filter(Boolean)), new RegExp(`^ {2}${command}`, 'm'))
})
