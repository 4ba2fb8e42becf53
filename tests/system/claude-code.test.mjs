/*
 * Requests as Claude Code really sent them (recordings kept outside this repository, in
 * ../shared/data/claude-code; skipped without them): each through a 429, and Bedrock must take it.
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

if (files.length === 0)
	test('recordings of Claude Code', { skip: `no recordings in ${folder}` }, () => {})
else {
	const s = suite()
	for (const file of files) {
		const recorded = JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8'))
		const body = typeof recorded.body === 'string' ? recorded.body : JSON.stringify(recorded.body)
		const counts = recorded.url.includes('count_tokens')
		s.test(`${file}: byte for byte to Anthropic, and Bedrock takes it`, async ({ proxy, anthropic, bedrock, key }) => {
			const headers = { ...Object.fromEntries(Object.entries(recorded.headers).filter(([name]) => KEPT.includes(name) || /^x-(stainless|claude-code)-/.test(name))),
				'x-api-key': key }
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
}
