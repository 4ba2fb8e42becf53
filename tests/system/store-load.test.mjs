/* Eight processes of 64 threads add to one counter: the total is exact, whatever the network does. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { engine_missing, failed, on_store, throttled } from './dynamodb.mjs'
import { PROGRAMS, temp_folder } from './harness.mjs'
import { now_ms } from './standin.mjs'

const PROCESSES = 8, THREADS = 64, ADDS = 12
const BUILD = path.resolve(PROGRAMS, '..')
const program = path.join(BUILD, 'tests/system/store-load')

/* What a program printed; every line of its log is an error here. */
function run(env, ...args) {
	const child = spawn(program, args, { env: { ...env, PATH: process.env.PATH, AWS_EC2_METADATA_DISABLED: 'true' } })
	let out = '', log = ''
	child.stdout.on('data', d => { out += d })
	child.stderr.on('data', d => { log += d })
	return new Promise((resolve, reject) => child.on('close', code =>
		code === 0 ? resolve(out) : reject(new Error(`store-load ${args}: status ${code}\n${log.slice(-3000)}`))))
}

/* Of six writes two are done and their answer is lost, one is throttled, one fails, one is answered with a wrong checksum. */
const TROUBLE = [{ lost: true }, throttled(), { lost: true }, failed('InternalServerError'), { badCrc: true }, {}]
const rough = () => {
	let n = 0
	return record => record.operation === 'UpdateItem' ? TROUBLE[n++ % TROUBLE.length] : {}
}

for (const [kind, boxes] of [['sqlite', 1], ['dynalite', 2], ['local', 2]])
	test(`${kind}: ${PROCESSES} processes of ${THREADS} threads, ${boxes} box${boxes > 1 ? 'es' : ''}, one counter`,
		{ skip: engine_missing(kind), timeout: 120_000 }, async () => {
			execFileSync('make', ['-s', '-C', BUILD, 'tests/system/store-load'])
			const s = {}
			try {
				const env = await on_store(kind)(s)
				const folders = Array.from({ length: boxes }, temp_folder)
				const of_box = i => ({ ...env, STATE_DIRECTORY: folders[i % boxes] })
				if (s.dynamodb)
					s.dynamodb.usual = rough()
				const from = now_ms()
				await Promise.all(Array.from({ length: PROCESSES }, (_, i) => run(of_box(i), 'add', 'one', String(THREADS), String(ADDS))))
				const ms = now_ms() - from
				let total
				for (const i of folders.keys()) /* each box delivers what it still has */
					total = JSON.parse(await run(of_box(i), 'total', 'one'))
				const n = PROCESSES * THREADS * ADDS
				console.log(`# ${kind}: ${n} records in ${ms.toFixed(0)} ms${s.dynamodb ? `, ${s.dynamodb.asked('UpdateItem').length} writes` : ''}`)
				assert.deepEqual(total, { requests: n, input: n, output: 2 * n, read: 3 * n, write_5m: 4 * n, write_1h: 5 * n, cost: 6 * n })
				if (s.dynamodb) {
					assert.deepEqual(s.dynamodb.refused.map(r => r.refused), [])
					assert.ok(s.dynamodb.asked('UpdateItem').filter(r => r.done && !r.finished).length > 0, 'an answer was lost')
					const [item] = await s.dynamodb.items(s.tables.usage)
					assert.equal(item.request_count.N, String(n))
					assert.equal(item.total_tokens.N, String(3 * n))
				}
			} finally {
				await s.dynamodb?.close()
			}
		})
