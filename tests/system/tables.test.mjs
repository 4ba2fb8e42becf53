/*
 * The two tables: what we write is what the Python original's readers find, what it wrote is read by us, and
 * `claude-code-proxy-admin tables` makes and mends them. Names and types: DESIGN of the original's documents.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { describe } from 'node:test'
import * as A from './anthropic.mjs'
import * as B from './bedrock.mjs'
import { provider } from './client.mjs'
import { engine_missing, on_store } from './dynamodb.mjs'
import { PROGRAMS, suite, temp_folder, wait_until } from './harness.mjs'

const today = () => new Date().toISOString().slice(0, 10)
const DAY_S = 86400
const types = item => Object.fromEntries(Object.entries(item).map(([name, value]) => [name, Object.keys(value)[0]]))

/* In its own process, beside this one, which is the DynamoDB that it asks. */
function admin(env, ...args) {
	return new Promise(resolve => execFile(path.join(PROGRAMS, 'claude-code-proxy-admin'), args, { timeout: 60_000,
		env: { PATH: process.env.PATH, STATE_DIRECTORY: temp_folder(), AWS_EC2_METADATA_DISABLED: 'true', ...env } },
	(error, stdout, stderr) => resolve({ status: error?.code ?? 0, text: stdout + stderr })))
}

for (const kind of ['dynalite', 'local'])
	describe(kind, { skip: engine_missing(kind) }, () => {
		const s = suite({ prepare: on_store(kind), env: { LIMIT_CACHE_SECONDS: '60' } })
		const read = async (t, table, Key) => (await t.dynamodb.send('GetItem', { TableName: table, Key, ConsistentRead: true })).Item

		s.test('items have the names and types of the original, and more', async t => {
			const until = A.unix_now() + 3600
			t.anthropic.script(A.window_used_up(until))
			assert.equal(provider(await t.proxy.ask(t)), 'bedrock')
			assert.equal(provider(await t.proxy.ask({ ...t, body: { model: 'claude-sonnet-5-5' } })), 'bedrock')
			const limit = await wait_until(() => read(t, t.tables.limits, { user_id: { S: t.user } }), 'the limit is stored')
			const [until_name] = Object.keys(limit).filter(name => name.startsWith('until#'))
			assert.match(until_name, /^until#[0-9a-f]{32}#all$/)
			assert.deepEqual(types(limit), { user_id: 'S', retry_until: 'N', retry_after_seconds: 'N', ttl: 'N', created_at: 'N', reason: 'S',
				credential_sha256: 'S', scope: 'S', [until_name]: 'N' })
			/* as the original looks: limited while retry_until is ahead */
			assert.equal(Number(limit.retry_until.N), until)
			assert.equal(Number(limit.ttl.N), until + 3600)
			assert.equal(limit[until_name].N, String(until))
			assert.equal(limit.credential_sha256.S, until_name.split('#')[1])
			assert.equal(limit.scope.S, 'all')
			assert.equal(limit.reason.S, 'five_hour')
			assert.doesNotMatch(JSON.stringify(limit), new RegExp(t.key))

			const day = today()
			const usage = await wait_until(async () => {
				const item = await read(t, t.tables.usage, { user_period: { S: `${t.user}#${day}` } })
				return item?.request_count?.N === '2' && item
			}, 'both answers are counted')
			const { input_tokens: i, output_tokens: o, cache_read_input_tokens: r, cache_creation_input_tokens: w } = B.USAGE
			const plain = Object.fromEntries(Object.entries(usage).filter(([name]) => !name.includes('#')))
			assert.deepEqual({ ...plain, last_updated_at: 0, ttl: 0, cost_microusd: 0 }, {
				user_period: { S: `${t.user}#${day}` }, user_id: { S: t.user }, date: { S: day }, period_type: { S: 'daily' }, request_type: { S: 'bedrock' },
				model: { S: 'claude-sonnet-5-5' }, input_tokens: { N: String(2 * i) }, output_tokens: { N: String(2 * o) },
				total_tokens: { N: String(2 * (i + o)) }, request_count: { N: '2' }, cache_read_tokens: { N: String(2 * r) },
				cache_write_5m_tokens: { N: String(2 * w) }, cache_write_1h_tokens: { N: '0' }, last_updated_at: 0, ttl: 0, cost_microusd: 0 })
			assert.match(usage.last_updated_at.S, new RegExp(`^${day}T\\d\\d:\\d\\d:\\d\\d`))
			const days = Number(usage.ttl.N) - A.unix_now()
			assert.ok(days > 89 * DAY_S && days <= 91 * DAY_S, `ttl in ${days} s`)
			for (const model of ['claude-opus-5-5', 'claude-sonnet-5-5']) {
				assert.equal(usage[`input_tokens#${model}`].N, String(i))
				assert.equal(usage[`output_tokens#${model}`].N, String(o))
				assert.equal(usage[`request_count#${model}`].N, '1')
			}
			const sums = ['claude-opus-5-5', 'claude-sonnet-5-5'].reduce((n, model) => n + Number(usage[`cost_microusd#${model}`].N), 0)
			assert.equal(usage.cost_microusd.N, String(sums))
			assert.equal(Object.keys(usage).filter(name => /^seq#[0-9a-f]{16}$/.test(name)).length, 1)
		})

		/* What the original wrote, in tables that it made. */
		const of_the_original = (t, tables, until) => Promise.all([
			t.dynamodb.send('PutItem', { TableName: tables.limits, Item: { user_id: { S: t.user }, retry_until: { N: String(until) },
				retry_after_seconds: { N: '600' }, ttl: { N: String(until + 3600) }, created_at: { N: String(until - 600) } } }),
			t.dynamodb.send('PutItem', { TableName: tables.usage, Item: { user_period: { S: `${t.user}#${today()}` }, input_tokens: { N: '1000000' },
				output_tokens: { N: '100000' }, total_tokens: { N: '1100000' }, request_count: { N: '7' }, model: { S: 'claude-3-5-sonnet-20241022' },
				request_type: { S: 'bedrock' }, period_type: { S: 'daily' }, user_id: { S: t.user }, last_updated_at: { S: `${today()}T01:02:03.000004` },
				ttl: { N: String(A.unix_now() + 90 * DAY_S) } } }),
		])
		async function shows_the_original(t, proxy, until) {
			const mine = await proxy.usage(t.user)
			assert.equal(mine.limit.retry_until, until)
			assert.equal(mine.summary.total_requests, 7)
			assert.equal(mine.summary.total_tokens, 1100000)
			assert.equal(mine.summary.cost_usd, 1.5, 'as Haiku 4.5: 1 and 5 dollars a million')
			assert.equal(mine.summary.estimated, true)
			const all = (await proxy.get('/v1/usage')).json()
			assert.equal(all.users[t.user].requests, 7)
			assert.equal(all.users[t.user].cost_usd, 1.5)
			assert.deepEqual(all.limits.filter(l => l.user === t.user).map(l => l.retry_until), [until])
		}
		s.test('tables of the original: shown, priced as Haiku 4.5, and nobody spends for it; then mended by the admin', async t => {
			const tables = await t.dynamodb.make_tables({ original: true })
			const until = A.unix_now() + 600
			await of_the_original(t, tables, until)
			await t.with(tables.env, async proxy => {
				assert.equal(provider(await proxy.ask(t)), 'anthropic', 'a limit without a credential opens Bedrock for nobody')
				assert.equal(t.bedrock.requests.length, 0)
				await shows_the_original(t, proxy, until)
				assert.ok(t.dynamodb.asked('Scan', tables.usage).length > 0, 'no index: a Scan')
				const before = await admin(tables.env, 'tables', 'check')
				assert.equal(before.status, 1, before.text)
				assert.match(before.text, /date/)
				const created = await admin(tables.env, 'tables', 'create')
				if (kind === 'dynalite') /* it cannot add an index to a table: the admin must not say that all is well */
					return assert.equal(created.status, 1, created.text)
				assert.equal(created.status, 0, created.text)
				const after = await admin(tables.env, 'tables', 'check')
				assert.equal(after.status, 0, after.text)
				assert.deepEqual((await read(t, tables.usage, { user_period: { S: `${t.user}#${today()}` } })).date, { S: today() })
			})
			if (kind === 'dynalite')
				return
			await t.with(tables.env, async proxy => {
				t.dynamodb.requests = []
				await shows_the_original(t, proxy, until)
				assert.equal(t.dynamodb.asked('Scan', tables.usage).length, 0, 'with the index: no Scan')
				/* ours is added to the same item: the old part stays estimated, the sum is right */
				t.anthropic.script(A.rate_limited(null))
				assert.equal(provider(await proxy.ask(t)), 'bedrock')
				const both = await wait_until(async () => {
					const usage = await proxy.usage(t.user)
					return usage.summary.total_requests === 8 && usage
				}, 'eight requests')
				assert.equal(both.summary.total_input_tokens, 1000000 + B.USAGE.input_tokens)
				assert.equal(both.summary.estimated, true)
				const { input_tokens: i, output_tokens: o, cache_read_input_tokens: r, cache_creation_input_tokens: w } = B.USAGE
				assert.equal(both.summary.cost_usd, Math.round(1.5e6 + i * 4 + o * 20 + w * 5 + r * 0.2) / 1e6)
			})
		})
		s.test('tables create: from nothing, twice; check says what is missing', async t => {
			const names = t.dynamodb.names(`new${process.pid}`)
			const missing = await admin(names.env, 'tables', 'check')
			assert.equal(missing.status, 1, missing.text)
			assert.match(missing.text, new RegExp(names.limits))
			assert.match(missing.text, new RegExp(names.usage))
			for (let i = 0; i < 2; i++) {
				const made = await admin(names.env, 'tables', 'create')
				assert.equal(made.status, 0, made.text)
			}
			assert.equal(t.dynamodb.asked('CreateTable').length, 2)
			assert.equal((await admin(names.env, 'tables', 'check')).status, 0)
			const { Table } = await t.dynamodb.send('DescribeTable', { TableName: names.usage })
			assert.equal(Table.BillingModeSummary?.BillingMode, 'PAY_PER_REQUEST')
			const index = Table.GlobalSecondaryIndexes.find(i => i.IndexName === 'date-index')
			assert.deepEqual(index.KeySchema.map(k => [k.AttributeName, k.KeyType]), [['date', 'HASH'], ['user_id', 'RANGE']])
			assert.equal(index.Projection.ProjectionType, 'ALL')
			if (kind === 'local')
				for (const table of [names.limits, names.usage])
					assert.equal((await t.dynamodb.send('DescribeTimeToLive', { TableName: table })).TimeToLiveDescription.AttributeName, 'ttl')
		})
		s.test('pages, throttles, lost answers and a wrong checksum change no figure', async t => {
			t.anthropic.usual = A.rate_limited(null)
			for (let i = 0; i < 3; i++)
				assert.equal(provider(await t.proxy.ask({ ...t, user: `${t.user}-${i}` })), 'bedrock')
			const mine = async () => {
				const answer = await t.proxy.get('/v1/usage')
				return answer.status === 200 ? Object.entries(answer.json().users).filter(([name]) => name.startsWith(`${t.user}-`)) : []
			}
			const users = await wait_until(async () => {
				const found = await mine()
				return found.length === 3 && found
			}, 'three users')
			t.dynamodb.usual = r => r.operation === 'Query' || r.operation === 'Scan' ? { limit: 1 } : r.operation === 'BatchGetItem' ? { unprocessed: 1 } : {}
			assert.deepEqual(await mine(), users)
			let n = 0
			t.dynamodb.usual = r => r.operation === 'Query' && ++n % 3 === 0 ? [{ badCrc: true }, { lost: true }][n % 2] : {}
			assert.deepEqual(await mine(), users)
			assert.ok(n > 3)
		})
	})
