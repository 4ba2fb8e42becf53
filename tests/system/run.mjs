/*
 * Runs the system tests, or those of another folder, and says in one line how many passed, for ./check to add up.
 *   node run.mjs                       every *.test.mjs, human output
 *   node run.mjs fallback sdk          only those files
 *   node run.mjs --in ../browser       the browser tests; names may follow
 *   node run.mjs --again               every one that another web server (CCP_SERVER) can change
 *   REPORTER=tap node run.mjs          TAP
 */
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const wanted = process.argv.slice(2)
const folder = wanted[0] === '--in' ? path.resolve(here, wanted.splice(0, 2)[1]) : here
const ring = path.basename(folder)
/*
 * What --again leaves out, since two cores have to be done with four web servers in some minutes: files that start no web
 * server; and these, in which it is only the way in. mod_fcgid, which gives each request at a time a process, is another
 * life for all that processes share. Of nginx, whose file is an example, its own promises are looked at. CCP_SERVER=NAME
 * ./check system runs all of them.
 */
const ONCE = process.env.CCP_SERVER === 'nginx' ? /^(?!badinput|cancel|passthrough|reload|serve|webserver)/ : new RegExp(`^(${[
	'admin', 'aws-calls', 'credentials', 'lambda', 'store-down', 'tables', /* what is behind the programs: AWS, tables, a store that fails */
	'plain', /* a reload of usage.fcgi and ui.fcgi: reload has it too */
	'bedrock', 'doors', 'fallback', /* what Bedrock is asked, and when: how an answer travels is in all others */
	'kill', ...process.env.CCP_SERVER === 'apache' ? [] : ['limits', 'lock'], /* what processes share */
].join('|')})$`)
const starts_server = /^import \{[^}]*\b(suite|start_proxy)\b[^}]*\} from '\.\/harness\.mjs'$/m
const in_front = name => !ONCE.test(name) && starts_server.test(fs.readFileSync(path.join(folder, `${name}.test.mjs`), 'utf8'))
const again = wanted[0] === '--again' && wanted.shift()
const files = fs.readdirSync(folder).filter(f => f.endsWith('.test.mjs')).map(f => f.replace('.test.mjs', ''))
	.filter(f => again ? in_front(f) : wanted.length === 0 || wanted.includes(f)).sort()
if (!fs.existsSync(path.join(here, 'node_modules'))) {
	console.log(`${ring}: skipped, the npm packages are missing (npm ci in tests/system)`)
	process.exit(77)
}
const child = spawn(process.execPath, ['--test', '--test-concurrency=2', `--test-reporter=${process.env.REPORTER || 'spec'}`,
	'--test-reporter-destination=stdout', '--test-reporter=tap', '--test-reporter-destination=stderr',
	...files.map(f => path.join(folder, `${f}.test.mjs`))], { cwd: folder, stdio: ['inherit', 'inherit', 'pipe'] })
const counts = { pass: 0, fail: 0, cancelled: 0, skipped: 0 }
let line = ''
child.stderr.on('data', data => {
	const lines = (line + data).split('\n')
	line = lines.pop()
	for (const one of lines) {
		const found = /^# (pass|fail|cancelled|skipped) (\d+)$/.exec(one)
		if (found)
			counts[found[1]] = Number(found[2])
	}
})
for (const signal of ['SIGINT', 'SIGTERM'])
	process.on(signal, () => child.kill(signal))
child.on('close', code => {
	console.log(`${ring}: ${counts.pass} passed, ${counts.fail + counts.cancelled} failed, ${counts.skipped} skipped`)
	process.exit(code ?? 1)
})
