/*
 * What a report on everybody costs: GET /v1/usage?days=90 over USERS x DAYS, every second user with two
 * models. Prints time, size of the text, and how far usage.fcgi grew meanwhile, in bytes a user (the promise
 * is 256; with few users, what does not depend on them is most of it: pieces, a page of DynamoDB). SQLite always; DynamoDB when CCP_DYNAMODB_URL
 * names a running DynamoDB Local, with and without date-index (DYNAMODB_USERS and DYNAMODB_DAYS: it is slow to fill).
 */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { start_proxy } from '../system/harness.mjs'
import { cpu_s, rss_kib } from './lib/figures.mjs'

const USERS = Number(process.env.USERS || 10_000), DAYS = Number(process.env.DAYS || 90), PROMISE_BYTES = 256
const DYNAMODB = process.env.CCP_DYNAMODB_URL
const DYNAMODB_USERS = Number(process.env.DYNAMODB_USERS || process.env.USERS || 1000), DYNAMODB_DAYS = Number(process.env.DYNAMODB_DAYS || DAYS)
const MODELS = ['claude-opus-5-5', 'claude-sonnet-5']
const user_name = n => `person-${String(n).padStart(9, '0')}` /* 16 bytes */
const day = ago => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10)
const peak_kib = pid => Number(/^VmHWM:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1])

/* One report: its time, its size, the memory it took. */
async function ask(proxy, query) {
	const pid = proxy.pid('usage')
	fs.writeFileSync(`/proc/${pid}/clear_refs`, '5') /* the peak starts anew */
	const idle = rss_kib(pid), cpu = cpu_s(pid), began = performance.now()
	const answer = await fetch(`${proxy.url}/v1/usage?${query}`)
	const text = await answer.text(), ms = performance.now() - began
	if (answer.status !== 200)
		throw new Error(`${answer.status} ${text}`)
	return { ms, cpu: cpu_s(pid) - cpu, bytes: text.length, report: JSON.parse(text), idle, peak: peak_kib(pid) }
}
async function measure(what, proxy, users, days) {
	/* of no type that was counted: reads everything, so that the store's own caches are not in the figures */
	await ask(proxy, 'days=90&request_type=anthropic')
	for (const query of ['days=90', 'days=90&top=20', 'days=7', `date=${day(0)}`]) {
		const { ms, cpu, bytes, report, idle, peak } = await ask(proxy, query)
		if (report.summary.total_users !== users)
			throw new Error(`${what}: ${report.summary.total_users} users instead of ${users}`)
		console.log(`usage ${what}, ${users} users x ${days} days, ${query}: ${(ms / 1000).toFixed(2)} s (${cpu.toFixed(2)} s of CPU in usage.fcgi), ${(bytes / 1e6).toFixed(2)} MB;` +
			` ${((peak - idle) * 1024 / users).toFixed(0)} bytes a user over idle (${idle} KiB idle, ${peak} KiB at its highest; promised: at most ${PROMISE_BYTES})`)
	}
}

async function sqlite() {
	const proxy = await start_proxy({})
	try {
		await ask(proxy, 'days=1') /* the file is made by now */
		execFileSync('sqlite3', ['-cmd', '.timeout 10000', path.join(proxy.state, 'state.db'), `
			WITH RECURSIVE users(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM users WHERE n + 1 < ${USERS}),
				days(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM days WHERE n + 1 < ${DAYS}),
				models(n, name) AS (VALUES (0, '${MODELS[0]}'), (1, '${MODELS[1]}'))
			INSERT INTO usage (user_id, date, model, request_type, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens,
				cache_write_1h_tokens, request_count, cost_microusd, estimated, last_updated_at)
			SELECT printf('person-%09d', users.n), date('now', -days.n || ' days'), name, 'bedrock', 1000, 200, 30000, 400, 0, 7, 12345, 0, '-'
			FROM users JOIN models ON models.n <= users.n % 2 JOIN days ORDER BY users.n, days.n DESC;`])
		await measure('SQLite', proxy, USERS, DAYS)
	} finally {
		await proxy.stop()
	}
}

/* DynamoDB Local keeps a database for each key and region, and checks no signature. */
const KEY = { AWS_ACCESS_KEY_ID: 'bench', AWS_SECRET_ACCESS_KEY: 'bench', AWS_REGION: 'us-east-1' }
async function call(operation, body) {
	const answer = await fetch(DYNAMODB, { method: 'POST', body: JSON.stringify(body), headers: {
		'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `DynamoDB_20120810.${operation}`, 'x-amz-date': '20261122T000000Z',
		authorization: `AWS4-HMAC-SHA256 Credential=${KEY.AWS_ACCESS_KEY_ID}/20261122/${KEY.AWS_REGION}/dynamodb/aws4_request, SignedHeaders=host;x-amz-date, Signature=0` } })
	if (!answer.ok)
		throw new Error(`${operation}: ${answer.status} ${await answer.text()}`)
	return answer.json()
}
const make_table = (name, key, index) => call('CreateTable', { TableName: name, BillingMode: 'PAY_PER_REQUEST',
	KeySchema: [{ AttributeName: key, KeyType: 'HASH' }],
	AttributeDefinitions: [key, ...index ? ['date', 'user_id'] : []].map(AttributeName => ({ AttributeName, AttributeType: 'S' })),
	...index && { GlobalSecondaryIndexes: [{ IndexName: 'date-index', Projection: { ProjectionType: 'ALL' },
		KeySchema: [{ AttributeName: 'date', KeyType: 'HASH' }, { AttributeName: 'user_id', KeyType: 'RANGE' }] }] } })

/* A user's day as the program writes it. */
function item_of(n, ago) {
	const counters = { input_tokens: 1000, output_tokens: 200, cache_read_tokens: 30000, cache_write_5m_tokens: 400, cache_write_1h_tokens: 0, request_count: 7, cost_microusd: 12345 }
	const models = MODELS.slice(0, 1 + n % 2), user = user_name(n), date = day(ago)
	const numbers = { total_tokens: 1200 * models.length, ttl: Math.floor(Date.now() / 1000) + (90 - ago) * 86_400 + 86_400 }
	for (const [name, value] of Object.entries(counters)) {
		numbers[name] = value * models.length
		for (const model of models)
			numbers[`${name}#${model}`] = value
	}
	return { user_period: { S: `${user}#${date}` }, user_id: { S: user }, date: { S: date }, model: { S: models.at(-1) }, request_type: { S: 'bedrock' },
		period_type: { S: 'daily' }, last_updated_at: { S: `${date}T10:00:00Z` },
		...Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, { N: String(value) }])) }
}
async function fill(table) {
	let next = 0
	const count = DYNAMODB_USERS * DYNAMODB_DAYS
	await Promise.all(Array.from({ length: 8 }, async () => {
		while (next < count) {
			let puts = []
			for (; next < count && puts.length < 25; next++)
				puts.push({ PutRequest: { Item: item_of(Math.floor(next / DYNAMODB_DAYS), next % DYNAMODB_DAYS) } })
			while (puts?.length)
				puts = (await call('BatchWriteItem', { RequestItems: { [table]: puts } })).UnprocessedItems?.[table]
		}
	}))
}
async function dynamodb(index) {
	const usage = `bench-usage-${process.pid}-${index}`, limits = `bench-limits-${process.pid}-${index}`
	await make_table(usage, 'user_period', index)
	await make_table(limits, 'user_id', false)
	let proxy
	try {
		await fill(usage)
		proxy = await start_proxy({ env: { STORE: 'dynamodb:', USAGE_TABLE_NAME: usage, RATE_LIMIT_TABLE_NAME: limits, AWS_ENDPOINT_URL_DYNAMODB: DYNAMODB, ...KEY } })
		await measure(index ? 'DynamoDB with date-index' : 'DynamoDB by Scan', proxy, DYNAMODB_USERS, DYNAMODB_DAYS)
	} finally {
		await proxy?.stop()
		for (const TableName of [usage, limits])
			await call('DeleteTable', { TableName })
	}
}

await sqlite()
if (DYNAMODB)
	for (const index of [false, true])
		await dynamodb(index)
else
	console.log('usage DynamoDB: not measured; CCP_DYNAMODB_URL=http://127.0.0.1:PORT names a running DynamoDB Local')
