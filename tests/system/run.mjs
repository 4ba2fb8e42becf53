/*
 * Runs the system tests, or those of another folder, and says in one line how many passed, for ./check to add up.
 *   node run.mjs                       every *.test.mjs, human output
 *   node run.mjs fallback sdk          only those files
 *   node run.mjs --in ../browser       the browser tests; names may follow
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
const files = fs.readdirSync(folder).filter(f => f.endsWith('.test.mjs'))
	.filter(f => wanted.length === 0 || wanted.includes(f.replace('.test.mjs', ''))).sort()
if (!fs.existsSync(path.join(here, 'node_modules'))) {
	console.log(`${ring}: skipped, the npm packages are missing (npm ci in tests/system)`)
	process.exit(77)
}
const child = spawn(process.execPath, ['--test', '--test-concurrency=2', `--test-reporter=${process.env.REPORTER || 'spec'}`,
	'--test-reporter-destination=stdout', '--test-reporter=tap', '--test-reporter-destination=stderr',
	...files.map(f => path.join(folder, f))], { cwd: folder, stdio: ['inherit', 'inherit', 'pipe'] })
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
