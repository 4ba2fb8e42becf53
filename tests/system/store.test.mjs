/* The suite of the store, tests/unit/test_store.c, on DynamoDB. On SQLite `make check` runs it. */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { engine_missing, start_dynamodb } from './dynamodb.mjs'
import { PROGRAMS, temp_folder } from './harness.mjs'

const BUILD = path.resolve(PROGRAMS, '..')
const program = path.join(BUILD, 'tests/unit/test_store')

/* {code, out} of the program; on the store that the settings name. */
function run(env) {
	const settings = path.join(temp_folder(), 'settings')
	fs.writeFileSync(settings, Object.entries(env).map(([name, value]) => `${name}=${value}\n`).join(''))
	return new Promise(resolve => execFile(program, { maxBuffer: 1 << 24, env: { PATH: process.env.PATH,
		ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? 'handle_segv=2', CMOCKA_MESSAGE_OUTPUT: 'TAP', CCP_TEST_STORE_ENV: settings } },
	(error, stdout, stderr) => resolve({ code: error ? error.code ?? error.signal : 0, out: stdout + stderr })))
}

for (const engine of ['dynalite', 'local'])
	describe(engine, { skip: engine_missing(engine) }, () => {
		let dynamodb
		before(async () => {
			execFileSync('make', ['-s', '-C', BUILD, 'tests/unit/test_store'])
			dynamodb = await start_dynamodb({ engine })
		})
		after(() => dynamodb.close())
		for (const original of [false, true])
			test(`the store's own tests, ${original ? 'tables of the original, without an index' : 'with date-index'}`, { timeout: 120_000 }, async () => {
				dynamodb.reset()
				const tables = await dynamodb.make_tables({ original })
				const { code, out } = await run({ ...tables.env, AWS_EC2_METADATA_DISABLED: 'true' })
				assert.equal(code, 0, out)
				const passed = out.match(/^ok /gm)?.length ?? 0
				assert.ok(passed >= 8, out)
				assert.doesNotMatch(out, /# skip/i)
				assert.deepEqual(dynamodb.refused.map(r => r.refused), [], 'every signature was right')
				for (const operation of ['GetItem', 'UpdateItem', original ? 'Scan' : 'Query'])
					assert.ok(dynamodb.asked(operation).length > 0, operation)
				console.log(`# ${engine}: ${passed} tests, ${dynamodb.requests.length} requests, all signed rightly`)
			})
	})
