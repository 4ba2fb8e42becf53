/* The units of systemd, as systemd itself judges them. What they do is in ../package/services.mjs. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { PROGRAMS, ROOT, temp_folder } from './harness.mjs'

const FOLDER = path.join(ROOT, 'infra/systemd')
const run = (...command) => spawnSync('systemd-analyze', command, { encoding: 'utf8', env: { ...process.env, SYSTEMD_COLORS: '0' } })
const options = { skip: run('--version').error ? 'systemd-analyze is not installed' : false }
/* What systemd 252 says, and a little: it counts up to 10, and up to 2 is its "OK". */
const EXPOSURE_MAX = { messages: 1.2, usage: 1.2, ui: 0.5 }

/* As make writes them, for the programs that are tested. */
const units = temp_folder()
for (const name of fs.readdirSync(FOLDER).filter(one => /\.(service|socket|target)\.in$/.test(one)))
	fs.writeFileSync(path.join(units, name.slice(0, -3)), fs.readFileSync(path.join(FOLDER, name), 'utf8')
		.replaceAll('@fcgibindir@', PROGRAMS).replaceAll('@user@', 'claude-code-proxy').replaceAll('@webgroup@', 'www-data'))
const files = fs.readdirSync(units).map(name => path.join(units, name))

test('systemd understands every line of the units', options, () => {
	assert.equal(files.length, 7)
	for (const file of files)
		assert.doesNotMatch(fs.readFileSync(file, 'utf8'), /@\w+@/, file)
	const said = run('verify', '--man=no', ...files)
	/* it looks at the units of this machine that ours name, too */
	const ours = (said.stdout + said.stderr).split('\n').filter(line => line.includes('claude-code-proxy'))
	assert.deepEqual(ours, [])
})
for (const [program, most] of Object.entries(EXPOSURE_MAX))
	test(`${program}: little is exposed, as systemd-analyze security counts`, options, t => {
		const said = run('security', '--offline=true', '--no-pager', path.join(units, `claude-code-proxy-${program}.service`))
		const line = /Overall exposure level for \S+ (\d+\.\d+) .*/.exec(said.stdout)
		if (!line && /unrecognized option/.test(said.stderr))
			return t.skip('this systemd-analyze cannot judge a file')
		assert.ok(line, said.stdout + said.stderr)
		t.diagnostic(line[0])
		assert.ok(Number(line[1]) <= most, said.stdout.split('\n').filter(one => one.includes('✗')).join('\n'))
	})
