/* Limits of several credentials, families and boxes, on every store. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import * as A from './anthropic.mjs'
import { new_user, provider } from './client.mjs'
import { STORES, engine_missing, on_store } from './dynamodb.mjs'
import { suite, wait_until } from './harness.mjs'

/* A table that this process does not serve within 0.3 s counts as away; until then its own limits are remembered so long. */
const CACHE_SECONDS = '60'
const OPUS = { model: 'claude-opus-5-5' }, SONNET = { model: 'claude-sonnet-5-5' }

for (const kind of STORES)
	describe(kind, { skip: engine_missing(kind) }, () => {
		const s = suite({ prepare: on_store(kind), env: { LIMIT_CACHE_SECONDS: CACHE_SECONDS } })
		/* Who answers, and how often Anthropic was asked for it. */
		const asked = async (t, over) => {
			const before = t.anthropic.requests.length
			const answer = await t.proxy.ask({ ...t, ...over })
			assert.equal(answer.status, 200, answer.text)
			return `${provider(answer)} ${t.anthropic.requests.length - before}`
		}

		s.test('a rotated token with the same reset: one question to Anthropic, then Bedrock at once', async t => {
			const reset = A.unix_now() + 3600
			t.anthropic.script(A.window_used_up(reset), A.window_used_up(reset))
			assert.equal(await asked(t), 'bedrock 1')
			assert.equal(await asked(t), 'bedrock 0')
			const rotated = { key: `${t.key}-rotated` }
			assert.equal(await asked(t, rotated), 'bedrock 1')
			assert.equal(await asked(t, rotated), 'bedrock 0')
			assert.equal(await asked(t), 'bedrock 0', 'the first one is not forgotten')
			assert.equal(await asked(t, { key: `${t.key}-third` }), 'anthropic 1')
		})
		s.test('two credentials and two families of one user do not disturb each other', async t => {
			const a = { key: `${t.key}-a` }, b = { key: `${t.key}-b` }
			t.anthropic.script(A.rate_limited(600), A.rate_limited(700))
			assert.equal(await asked(t, { ...a, body: OPUS }), 'bedrock 1')
			assert.equal(await asked(t, { ...b, body: SONNET }), 'bedrock 1')
			for (let i = 0; i < 2; i++) {
				assert.equal(await asked(t, { ...a, body: OPUS }), 'bedrock 0')
				assert.equal(await asked(t, { ...b, body: SONNET }), 'bedrock 0')
				assert.equal(await asked(t, { ...a, body: SONNET }), 'anthropic 1')
				assert.equal(await asked(t, { ...b, body: OPUS }), 'anthropic 1')
			}
			await wait_until(async () => {
				const { limit } = await t.proxy.usage(t.user)
				return limit?.remaining_seconds > 650 && limit.remaining_seconds <= 700
			}, 'the longer one is shown')
		})
		if (kind === 'sqlite')
			return

		s.test('two boxes: a limit stored by one is honoured by the other within LIMIT_CACHE_SECONDS', async t => {
			await t.with({ LIMIT_CACHE_SECONDS: '1' }, async other => {
				const there = { ...t, proxy: other }
				assert.equal(await asked(there), 'anthropic 1')
				t.anthropic.script(A.window_used_up(A.unix_now() + 3600))
				assert.equal(await asked(t), 'bedrock 1')
				const from = Date.now()
				await wait_until(async () => await asked(there) === 'bedrock 0', 'the other box goes to Bedrock')
				console.log(`# ${kind}: the other box knew after ${Date.now() - from} ms`)
				/* A box that never saw this user asks the table first; one that waited too long for it says nothing. */
				const stranger = async (tries = 3) => {
					let said
					await t.with({}, async third => { said = await asked({ ...t, proxy: third }) })
					return said !== 'bedrock 0' && tries > 1 ? stranger(tries - 1) : said
				}
				assert.equal(await stranger(), 'bedrock 0')
			})
		})
		s.test('a shorter limit never overwrites a longer one, from whichever box it comes', async t => {
			await t.with({}, async other => {
				const long = A.unix_now() + 7200
				/* A box whose first question to the table took too long does not believe that there is no limit, and learns of it. */
				const believer = async (tries = 5) => {
					const user = new_user(), there = { ...t, user, proxy: other }
					t.anthropic.reset()
					assert.equal(await asked(there), 'anthropic 1')
					t.anthropic.script(A.window_used_up(long), A.window_used_up(A.unix_now() + 60))
					assert.equal(await asked({ ...t, user }), 'bedrock 1')
					const item = async () => (await t.dynamodb.send('GetItem', { TableName: t.tables.limits, Key: { user_id: { S: user } }, ConsistentRead: true })).Item
					await wait_until(async () => (await item())?.retry_until.N === String(long), 'the limit is in the table')
					const writes = t.dynamodb.asked('UpdateItem', t.tables.limits).length
					const said = await asked(there)
					if (said === 'bedrock 0' && tries > 1)
						return believer(tries - 1)
					assert.equal(said, 'bedrock 1')
					await wait_until(() => t.dynamodb.asked('UpdateItem', t.tables.limits).filter(r => r.status).length > writes, 'the other box wrote')
					return item()
				}
				const found = await believer()
				assert.equal(found.retry_until.N, String(long))
				assert.equal(found.ttl.N, String(long + 3600))
				const untils = Object.entries(found).filter(([name]) => name.startsWith('until#'))
				assert.deepEqual(untils.map(([, value]) => value), [{ N: String(long) }])
			})
		})
		s.test('DynamoDB does not answer: Anthropic is asked, and soon', async t => {
			t.dynamodb.usual = r => r.operation === 'GetItem' || r.operation === 'UpdateItem' ? { silent: true } : {}
			assert.equal(await asked(t), 'anthropic 1')
			t.dynamodb.usual = {}
			await wait_until(async () => (await t.proxy.get('/health?deep=1')).status === 200, 'healthy again')
		})
	})
