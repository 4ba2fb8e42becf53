/*
 * kill -9 at random moments under load: workers, the master, usage.fcgi, the database. Every answer that a client
 * received whole is counted exactly once, one that was cut at most once, none twice.
 *
 * CCP_KILLS: rounds, one kill each (12). CCP_KILLS=200 ./check system kill takes some ten minutes.
 */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as A from './anthropic.mjs'
import * as B from './bedrock.mjs'
import { headers_for, message, new_key, open, provider } from './client.mjs'
import { STORES, on_store } from './dynamodb.mjs'
import { BESIDE, start_proxy, wait_until } from './harness.mjs'

const KILLS = Number(process.env.CCP_KILLS || 12)
const CLIENTS = 8, USERS = 4
const ANSWER_MAX_MS = 60_000
const pick = list => list[randomInt(list.length)]

/* A user's requests: how many were received whole, by kind of answer, and what happened to the others. */
class Ledger {
	whole = 0
	cut = 0
	refused = 0
	constructor(user) { this.user = user; this.key = new_key() }
	async ask(proxy) {
		const stream = randomInt(2) === 1
		const body = message({ stream, messages: [{ role: 'user', content: `I am ${this.user}.` }] })
		try {
			const answer = await open(proxy.url, { path: `/user/${this.user}/v1/messages`, headers: headers_for(this.key), body })
			await Promise.race([answer.ended, sleep(ANSWER_MAX_MS, null, { ref: false })])
			assert.ok(answer.closed, 'an answer that never ends')
			if (provider(answer) !== 'bedrock' || answer.status !== 200)
				this.refused++
			else if (!answer.broken && (stream ? /event: message_stop\ndata: .*\n\n$/.test(answer.text) : answer.json().type === 'message'))
				this.whole++
			else
				this.cut++
		} catch (error) {
			if (error.name === 'AssertionError')
				throw error
			this.cut++
		}
	}
}

/* Kills something, and waits until it is there again. Gives what it was. */
async function kill_something(s) {
	const { proxy, dynamodb } = s
	const what = pick(['worker', 'worker', 'workers', 'master', dynamodb ? 'database' : 'usage', dynamodb ? 'database' : 'worker'])
	const serving = () => wait_until(async () => (await proxy.get('/health').catch(() => null))?.status === 200, `/health after the end of ${what}`, 30_000)
	const first = program => wait_until(() => {
		try {
			return proxy.pid(program)
		} catch {
			return 0
		}
	}, `${program} runs`, 30_000)
	if (what === 'database') {
		await dynamodb.kill()
		await sleep(randomInt(300))
		await dynamodb.start()
		return what
	}
	if (what === 'usage') {
		proxy.signal('SIGKILL', await first('usage'))
		return what
	}
	const master = await first('messages')
	const victims = what === 'master' ? [master] : await wait_until(() => {
		const all = proxy.children(master)
		return all.length > 0 && all
	}, 'there are workers', 30_000)
	for (const pid of what === 'worker' ? [pick(victims)] : victims)
		proxy.signal('SIGKILL', pid)
	await serving()
	return what
}

for (const kind of STORES.filter(one => one !== 'local'))
	test(`${kind}: ${KILLS} kills under load`, { skip: BESIDE ? false : 'mod_fcgid starts processes itself', timeout: 60_000 + KILLS * 10_000 }, async () => {
		const s = { anthropic: await A.start_anthropic(), bedrock: await B.start_bedrock() }
		try {
			const env = await on_store(kind)(s)
			s.anthropic.usual = A.window_used_up(A.unix_now() + 86400)
			s.bedrock.usual = () => ({ events: 1 + randomInt(12), everyMs: randomInt(12), delayMs: randomInt(20) })
			if (s.dynamodb) /* and what was written is not always known */
				s.dynamodb.usual = record => record.operation === 'UpdateItem' && randomInt(5) === 0 ? { lost: true } : {}
			s.proxy = await start_proxy({ ...s, env: { WORKERS: '2', LOG_LEVEL: 'warning', ...env } })
			const ledgers = Array.from({ length: USERS }, (_, i) => new Ledger(`kill-${i}-${process.pid}`))
			let over = false
			const clients = Array.from({ length: CLIENTS }, async (_, i) => {
				while (!over) {
					await ledgers[i % USERS].ask(s.proxy)
					await sleep(5) /* the machine has other things to do as well */
				}
			})
			const kills = {}
			for (let i = 0; i < KILLS; i++) {
				await sleep(randomInt(400))
				const what = await kill_something(s)
				kills[what] = (kills[what] ?? 0) + 1
			}
			over = true
			await Promise.all(clients)
			await audit(s, kind, ledgers, kills)
		} catch (error) {
			s.proxy?.print_logs()
			throw error
		} finally {
			await s.proxy?.stop()
			for (const one of [s.anthropic, s.bedrock, s.dynamodb])
				await one?.close()
		}
	})

async function audit(s, kind, ledgers, kills) {
	const begun = user => s.bedrock.requests.filter(r => r.body.includes(`I am ${user}.`)).length
	const totals = async () => Promise.all(ledgers.map(async l => (await s.proxy.usage(l.user)).summary))
	/* What was given whole after a second without a booking, as it says, may be lost when the process is killed then. */
	const late = new Set(s.proxy.log().match(/.*booking takes long.*/g)).size
	let before = null
	/* all is in, and nothing more comes */
	const sums = await wait_until(async () => {
		const now = await totals()
		const settled = now.every((sum, i) => sum?.total_requests >= ledgers[i].whole - late) && JSON.stringify(now) === before
		before = JSON.stringify(now)
		await sleep(500)
		return settled && now
	}, 'every whole answer is counted').catch(async error => {
		const now = await totals()
		throw new Error(`${error.message}\n${ledgers.map((l, i) => `${l.user}: whole ${l.whole}, cut ${l.cut}, begun ${begun(l.user)}, counted ${JSON.stringify(now[i])}`).join('\n')}`)
	})
	let whole = 0, cut = 0, counted = 0
	for (const [i, l] of ledgers.entries()) {
		const n = sums[i].total_requests, at_most = begun(l.user)
		const said = `${l.user}: whole ${l.whole}, cut ${l.cut}, begun at Bedrock ${at_most}, counted ${n}`
		const least = l.whole - late
		assert.ok(least <= n && n <= at_most, said)
		const { input_tokens, output_tokens } = B.USAGE
		assert.ok(sums[i].total_output_tokens >= least * output_tokens && sums[i].total_output_tokens <= n * output_tokens, `${said}, ${sums[i].total_output_tokens} output tokens`)
		assert.ok(sums[i].total_input_tokens >= least * input_tokens && sums[i].total_input_tokens <= n * input_tokens, `${said}, ${sums[i].total_input_tokens} input tokens`)
		whole += l.whole
		cut += l.cut
		counted += n
	}
	assert.ok(whole > KILLS, 'there was load')
	assert.ok(counted >= whole - late, `of ${whole} answers ${counted} are counted`)
	assert.deepEqual(s.dynamodb?.refused.map(r => r.refused) ?? [], [])
	console.log(`# ${kind}: killed ${JSON.stringify(kills)}; ${whole} answers whole, ${cut} cut, ${counted} counted${late ? `, ${late} given before they were` : ''}`)
}
