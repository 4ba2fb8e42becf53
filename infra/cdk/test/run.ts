/*
 * Runs the tests, or those named, and says in one line how many passed, as tests/system/run.mjs does.
 * CDK's check of every template takes seconds and is a test of its own.
 */
import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'

const wanted = process.argv.slice(2)
const files = fs.readdirSync(__dirname).filter(file => file.endsWith('.test.js'))
	.filter(file => wanted.length === 0 || wanted.includes(file.replace('.test.js', ''))).sort()
const child = spawn(process.execPath, ['--test', '--test-concurrency=2', `--test-reporter=${process.env.REPORTER || 'spec'}`,
	'--test-reporter-destination=stdout', '--test-reporter=tap', '--test-reporter-destination=stderr',
	...files.map(file => path.join(__dirname, file))], { stdio: ['ignore', 'inherit', 'pipe'], env: { ...process.env, CDK_VALIDATION: 'false' } })
const counts: Record<string, number> = { pass: 0, fail: 0, cancelled: 0, skipped: 0 }
let line = ''

child.stderr.on('data', data => {
	const lines = (line + data).split('\n')
	line = lines.pop() ?? ''
	for (const one of lines) {
		const found = /^# (pass|fail|cancelled|skipped) (\d+)$/.exec(one)
		if (found)
			counts[found[1]] = Number(found[2])
	}
})
for (const signal of ['SIGINT', 'SIGTERM'] as const)
	process.on(signal, () => child.kill(signal))
child.on('close', code => {
	console.log(`cdk: ${counts.pass} passed, ${counts.fail + counts.cancelled} failed, ${counts.skipped} skipped`)
	process.exit(code ?? 1)
})
