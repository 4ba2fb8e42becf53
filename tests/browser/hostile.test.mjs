/* Names and models that want to be markup, formulas or properties: they stay text. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { wait_until } from '../system/harness.mjs'
import { barriers, dashboard, open_chart_table, ready } from './browser.mjs'
import { day, run_sql } from './fill.mjs'

const s = dashboard({ rows: null })
const NAMES = ['<img src=x onerror=alert(1)>', '"><script>alert(1)</script>', "'-alert(1)-'", 'javascript:alert(1)', '=HYPERLINK("http://evil.example","x")',
	'+1+1', '-2+3', '@SUM(A1:A9)', '\tTAB', '＝1+1', 'comma, "quote"', 'line\nbreak', '__proto__', 'constructor', 'toString', '{user}{count}', '$&$1',
	'\u202Egnp.exe', '123', '&lt;b&gt;', 'a+b@c', '홍길동', 'x'.repeat(128)]
const MODELS = ['<b>bold</b>', '__proto__', 'others', 'm4', 'm5', 'm6', 'm7']
const quoted = text => `'${text.replaceAll("'", "''")}'`

function put(t) {
	const rows = NAMES.flatMap((name, i) => MODELS.slice(0, 1 + i % MODELS.length).map((model, j) =>
		`(${quoted(name)}, '${day(0)}', ${quoted(model)}, 'bedrock', ${100 + i}, ${10 + j}, 5, 3, 0, 1, ${1000 * (50 - i) + j}, 0, '')`))
	const limits = NAMES.slice(0, 6).map((name, i) => `(${quoted(name)}, '${'b'.repeat(31)}${i}', 'all', unixepoch() + 900, 900, unixepoch(), ${quoted(i ? NAMES[0] : 'constructor')}, 1)`)
	run_sql(t.database, `DELETE FROM usage; DELETE FROM limits;
		INSERT INTO usage (user_id, date, model, request_type, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens,
		cache_write_1h_tokens, request_count, cost_microusd, estimated, last_updated_at) VALUES ${rows};
		INSERT INTO limits (user_id, credential_sha256, scope, retry_until, retry_after_seconds, created_at, reason, sent_at) VALUES ${limits};`)
}
const texts = (page, selector) => page.$$eval(selector, nodes => nodes.map(node => node.textContent))

/* RFC 4180, as spreadsheets read it. */
function read_csv(text) {
	const rows = [[]]
	for (const [, quote, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
		rows.at(-1).push(quote === undefined ? plain : quote.replaceAll('""', '"'))
		if (end === '\r\n')
			rows.push([])
		else if (end === '')
			break
	}
	return rows.filter(row => row.length > 1)
}
async function csv(page) {
	const [download] = await Promise.all([page.waitForEvent('download'), page.click('.csv:visible')])
	const text = fs.readFileSync(await download.path(), 'utf8')
	assert.equal(text[0], '\ufeff')
	return { name: download.suggestedFilename(), rows: read_csv(text.slice(1)) }
}

s.test('through the API such a name is refused', async t => {
	for (const name of NAMES.slice(0, 3)) {
		const answer = await t.proxy.ask({ ...t, user: name })
		assert.equal(answer.status, 400, name)
		assert.equal((await t.proxy.get(`/v1/usage/me?claude-code-user=${encodeURIComponent(name)}`)).status, 400)
	}
	assert.equal(t.anthropic.requests.length, 0)
})
s.test('placed in the tables by hand, names and models are text, everywhere on the page', async t => {
	put(t)
	const page = await t.open('/ui?days=30')
	assert.deepEqual((await texts(page, '#users tbody th a')).sort(), [...NAMES].sort())
	assert.deepEqual((await texts(page, '#limits-list .name')).sort(), NAMES.slice(0, 6).sort())
	assert.ok((await texts(page, '#limits-list .reason')).includes(NAMES[0]))
	const { users } = await t.api('/v1/usage?days=30')
	const by_cost = Object.keys(users).sort((a, b) => users[b].cost_usd - users[a].cost_usd)
	assert.deepEqual(await texts(page, '#top .name'), by_cost.slice(0, 8))
	await open_chart_table(page)
	const head = await texts(page, '#chart-table thead th')
	assert.ok(head.includes('<b>bold</b>') && head.includes('__proto__'), head.join())
	assert.deepEqual(await page.$$eval('main :is(img, script, b, iframe)', nodes => nodes.filter(node => !node.closest('.tip')).length), 0)
	const box = await page.locator('.u-over').boundingBox()
	await page.mouse.move(box.x + box.width * 29.5 / 30, box.y + box.height / 2)
	assert.ok((await texts(page, '.tip span')).includes('<b>bold</b>'))
	assert.deepEqual(await page.$$eval('main a[href]', nodes => nodes.filter(node => new URL(node.href).pathname !== '/ui').map(node => node.href)), [])
	/* what refreshes does not double anybody, nor a model that is called as the rest is */
	const legend = await texts(page, '#legend .name')
	for (let i = 0; i < 2; i++) {
		await page.click('#refresh')
		await ready(page)
	}
	assert.deepEqual(await texts(page, '#legend .name'), legend)
	assert.equal(await page.locator('#users tbody tr').count(), NAMES.length)
	const { summary } = await t.api('/v1/usage?days=30')
	const values = await page.$$eval('#legend data', nodes => nodes.map(node => Number(node.value)))
	assert.ok(Math.abs(values.reduce((a, b) => a + b, 0) - summary.cost_usd) < 1e-9, 'the rest is in "others"')
	assert.deepEqual(await barriers(page), [])
	for (const text of ['<IMG', '__proto__', '{user}']) {
		await page.fill('#filter', text)
		assert.equal(await page.locator('#users tbody tr').count(), 1, text)
	}
	await page.fill('#filter', '<script>nobody')
	assert.equal(await page.textContent('#no-match'), 'No name contains “<script>nobody”.')
})
s.test('in the address: text or refused, never run', async t => {
	put(t)
	for (const name of ['__proto__', '홍길동']) {
		const page = await t.open(`/ui?user=${encodeURIComponent(name)}&days=1`)
		assert.equal(await page.textContent('#heading'), `All users / ${name}`)
		assert.equal(await page.title(), `${name} · claude-code-proxy`)
	}
	/* a '+' is a plus, as the API has it */
	assert.equal(await (await t.open('/ui?user=a+b@c&days=1')).textContent('#heading'), 'All users / a+b@c')
	for (const name of NAMES.slice(0, 1)) {
		const page = await t.open(`/ui?user=${encodeURIComponent(name)}`, { phase: 'failed' })
		assert.equal(await page.textContent('#heading'), `All users / ${name}`)
		assert.match(await page.textContent('#notice-body'), /asks for something that the proxy does not know/)
	}
	const page = await t.open('/ui?find=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&days=1')
	assert.deepEqual(await texts(page, '#users tbody th a'), [NAMES[0]])
	/* what is to be pasted into a shell holds nothing that a shell would do */
	const empty = await t.open(`/ui?user=${encodeURIComponent('$(id)`x`!;|~*')}&days=1`, { phase: 'empty' })
	assert.match(await empty.textContent('#notice code'), /^export ANTHROPIC_BASE_URL=http:\/\/127\.0\.0\.1:\d+\/user\/[\w%.~-]+\nclaude$/)
})
s.test('CSV: every user and figure, nothing that a spreadsheet would calculate', async t => {
	put(t)
	const page = await t.open('/ui?days=7')
	const { users } = await t.api('/v1/usage?days=7')
	const { name, rows: [head, ...rows] } = await csv(page)
	assert.equal(name, `claude-code-proxy_${day(6)}_${day(0)}.csv`)
	assert.deepEqual(head, ['user', 'requests', 'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'total_tokens', 'cost_usd', 'estimated'])
	assert.equal(rows.length, NAMES.length)
	for (const [shown, ...cells] of rows) {
		assert.doesNotMatch(shown, /^[=+\-@\t\r\n＝＋－＠]/)
		const user = shown.startsWith("'") && !(shown in users) ? shown.slice(1) : shown
		assert.deepEqual(cells, head.slice(1).map(key => String(users[user][key])), user)
	}
	for (const name of NAMES.filter(name => /^[=+\-@\t＝]/.test(name)))
		assert.ok(rows.some(row => row[0] === `'${name}`), name)
	await page.fill('#filter', 'proto')
	assert.deepEqual((await csv(page)).rows.slice(1).map(row => row[0]), ['__proto__'])
	const mine = await t.open('/ui?user=123&days=30')
	const days = await csv(mine)
	assert.deepEqual(days.rows.map(row => row[0]), ['date', day(0)])
	assert.equal(days.rows[1][7], String(users['123'].cost_usd))
})
s.test('the page carries its policy, and the guard of these tests sees what breaks it', async t => {
	const answer = await t.proxy.get('/ui')
	const policy = answer.headers['content-security-policy']
	for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"])
		assert.ok(policy.split(/; ?/).includes(part), part)
	assert.equal(answer.headers['cache-control'], 'no-store')
	assert.equal(answer.headers['x-content-type-options'], 'nosniff')
	assert.doesNotMatch(answer.text, /@\w+@/)
	/* whatever the browser says about languages comes to nothing on the page */
	const odd = await t.proxy.send({ method: 'GET', path: '/ui', headers: { 'accept-language': '"><script>alert(1)</script>' } })
	assert.match(odd.text, /^<!DOCTYPE html>\n<html lang="en" /)
	const page = await t.open('/ui', { phase: 'ready' })
	await page.evaluate(() => {
		document.body.append(Object.assign(document.createElement('script'), { textContent: 'alert(1)' }))
		document.body.insertAdjacentHTML('beforeend', '<p style="color: red" onclick="alert(2)"></p><img src="http://127.0.0.2:9/x.png">')
	})
	page.ccp_seen.wanted = true
	for (const one of [/CSP: script-src-elem inline/, /CSP: style-src-attr inline/, /CSP: img-src http:\/\/127\.0\.0\.2/])
		await wait_until(() => page.ccp_seen.some(what => one.test(what)), `it sees ${one}`)
	assert.doesNotMatch(page.ccp_seen.join('\n'), /dialog/)
})
