/*
 * What the three programs ask of AWS, as a list: infra/cdk gives a deployed proxy the rights for exactly this, and its tests hold
 * the two together. CCP_RECORD=1 writes the list anew.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import * as A from './anthropic.mjs'
import { headers_for, message, provider } from './client.mjs'
import { on_store } from './dynamodb.mjs'
import { ROOT, suite, wait_until } from './harness.mjs'

const LIST = path.join(ROOT, 'infra/cdk/test/calls.jsonl')
const BEDROCK = { 'invoke': 'InvokeModel', 'invoke-with-response-stream': 'InvokeModelWithResponseStream', 'count-tokens': 'CountTokens' }
const s = suite({ prepare: on_store('dynalite'), env: { LIMIT_CACHE_SECONDS: '0' } })

const bedrock_call = record => {
	const [, id, operation] = /^\/model\/([^/]+)\/([a-z-]+)$/.exec(record.path)
	return { service: 'bedrock', operation: BEDROCK[operation], resource: decodeURIComponent(id) }
}
/* Under the tables' default names. */
const dynamodb_call = (record, { limits, usage }) => {
	const table = record.table ?? Object.keys(record.input.RequestItems)[0]
	const name = { [limits]: 'claude-proxy-rate-limits', [usage]: 'claude-proxy-usage' }[table]
	return { service: 'dynamodb', operation: record.operation, resource: record.input.IndexName ? `${name}/index/${record.input.IndexName}` : name }
}

/* Everything that a user, a dashboard and a load balancer may set off. */
async function a_day(t, proxy) {
	const limited = () => t.anthropic.script(A.rate_limited(null))
	for (const model of ['claude-haiku-4-5-20251001', 'claude-opus-4-1-20250805']) {
		limited()
		assert.equal(provider(await proxy.ask({ ...t, body: { model } })), 'bedrock')
		limited()
		assert.equal(provider(await (await proxy.stream({ ...t, body: { model } })).ended), 'bedrock')
	}
	t.anthropic.script({ ...A.rate_limited(600), path: '/v1/messages/count_tokens' })
	const counted = await proxy.send({ path: '/v1/messages/count_tokens', headers: headers_for(t.key),
		body: { model: 'claude-haiku-4-5-20251001', messages: message().messages } })
	assert.equal(provider(counted), 'bedrock')
	t.anthropic.script(A.rate_limited(600))
	assert.equal(provider(await proxy.ask(t)), 'bedrock')
	await wait_until(async () => (await proxy.usage(t.user)).summary?.total_requests === 5, 'counted')
	await wait_until(async () => (await proxy.get('/v1/usage?days=90')).json().limits.length > 0, 'the limit is in the table')
	for (const where of ['/v1/usage/me?days=90', '/v1/usage?days=90', '/v1/usage?date=2026-11-22', '/metrics', '/health?deep=1', '/ui'])
		assert.equal((await proxy.get(where)).status, 200)
}

s.test('the programs ask AWS for what the list says, and for nothing else', async t => {
	const calls = new Set()
	const original = await t.dynamodb.make_tables({ original: true })
	for (const tables of [t.tables, original]) {
		t.dynamodb.requests.length = 0
		t.bedrock.requests.length = 0
		await t.with(tables.env, async proxy => {
			await a_day(t, proxy)
			for (const record of t.dynamodb.requests)
				if (!/aws-sdk/.test(record.headers['user-agent']))
					calls.add(JSON.stringify(dynamodb_call(record, tables)))
			for (const record of t.bedrock.requests)
				calls.add(JSON.stringify(bedrock_call(record)))
		})
	}
	const list = [...calls].sort().join('\n') + '\n'
	if (process.env.CCP_RECORD)
		fs.writeFileSync(LIST, list)
	assert.equal(list, fs.readFileSync(LIST, 'utf8'), 'CCP_RECORD=1 node tests/system/run.mjs aws-calls writes the list anew')
})
