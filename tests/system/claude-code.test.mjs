/*
 * Requests as Claude Code really sent them (recordings kept outside this repository, in
 * ../shared/data/claude-code; skipped without them): each through a 429, and Bedrock must take it;
 * then each again for every model of models.csv, as if the user had chosen that one.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import * as A from './anthropic.mjs'
import * as B from './bedrock.mjs'
import { assert_whole_stream, provider, text_of } from './client.mjs'
import { ROOT, suite } from './harness.mjs'

const folder = path.resolve(ROOT, '../shared/data/claude-code')
const files = fs.existsSync(folder) ? fs.readdirSync(folder).filter(f => /^a-.*\.json$/.test(f)) : []
const KEPT = ['accept', 'content-type', 'user-agent', 'anthropic-beta', 'anthropic-version', 'x-app', 'authorization', 'accept-encoding']

const read = file => JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8'))
const headers_of = (recorded, key) => ({
	...Object.fromEntries(Object.entries(recorded.headers).filter(([name]) => KEPT.includes(name) || /^x-(stainless|claude-code)-/.test(name))),
	'x-api-key': key })
/* Ids of models.csv that have a home on Bedrock, by themselves or by their successor. */
const models = () => {
	const rows = fs.readFileSync(path.join(ROOT, 'data/models.csv'), 'utf8').split('\n')
		.filter(line => line && !line.startsWith('#')).map(line => line.split(','))
	const [head, ...body] = rows
	const [bedrock_id, successor] = ['bedrock_id', 'successor'].map(name => head.indexOf(name))
	return body.filter(row => row[bedrock_id] || row[successor]).map(row => row[0])
}

if (files.length === 0)
	test('recordings of Claude Code', { skip: `no recordings in ${folder}` }, () => {})
else {
	const s = suite()
	for (const file of files) {
		const recorded = read(file)
		const body = typeof recorded.body === 'string' ? recorded.body : JSON.stringify(recorded.body)
		const counts = recorded.url.includes('count_tokens')
		s.test(`${file}: byte for byte to Anthropic, and Bedrock takes it`, async ({ proxy, anthropic, bedrock, key }) => {
			const headers = headers_of(recorded, key)
			const go = () => proxy.send({ path: recorded.url, headers, body })
			const plain = await go()
			assert.equal(provider(plain), 'anthropic', plain.text)
			assert.equal(plain.status, 200, plain.text)
			assert.equal(anthropic.last.body.toString(), body)
			if (counts)
				return
			anthropic.script(A.rate_limited(null))
			const answer = await go()
			assert.equal(provider(answer), 'bedrock', `${bedrock.last?.refused?.message}\n${answer.text}`)
			assert.equal(bedrock.requests.length, 1, `at the first try: ${bedrock.requests[0].refused?.message}`)
			if (recorded.body.stream) {
				assert.equal(text_of(assert_whole_stream(answer)), B.TEXT)
				assert.equal(answer.events()[0].data.message.model, recorded.body.model)
			} else {
				assert.equal(answer.json().content.at(-1).text, B.TEXT)
				assert.equal(answer.json().model, recorded.body.model)
			}
		})
	}
	const messages = files.map(file => ({ file, ...read(file) })).filter(({ url }) => !url.includes('count_tokens'))
	for (const model of models())
		s.test(`every recorded request for ${model}: Bedrock takes it at the first try`, async ({ proxy, anthropic, bedrock, key }) => {
			for (const { file, url, headers, body } of messages) {
				const before = bedrock.requests.length
				anthropic.script(A.rate_limited(null))
				const answer = await proxy.send({ path: url, headers: headers_of({ headers }, key), body: JSON.stringify({ ...body, model }) })
				assert.equal(provider(answer), 'bedrock', `${file}: ${bedrock.last?.refused?.message}\n${answer.text}`)
				assert.equal(bedrock.requests.length, before + 1, `${file}: ${bedrock.requests[before].refused?.message}`)
			}
		})
}
