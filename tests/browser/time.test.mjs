/* What happens by itself: countdowns, the refresh of every minute, and nothing while nobody looks. */
import assert from 'node:assert/strict'
import { wait_until } from '../system/harness.mjs'
import { dashboard, figures, ready } from './browser.mjs'
import { day, run_sql } from './fill.mjs'

const s = dashboard({ rows: { users: 12, days: 8 } })
const seconds = text => text.split(':').reduce((all, part) => all * 60 + Number(part), 0)
const left_of = (page, user) => page.textContent(`#limits-list li:has(.name:text-is("${user}")) .left`)
const limit = (t, user, left_s) => run_sql(t.database, `INSERT OR REPLACE INTO limits (user_id, credential_sha256, scope, retry_until,
	retry_after_seconds, created_at, reason, sent_at) VALUES ('${user}', '${'a'.repeat(32)}', 'all', unixepoch() + ${left_s}, ${left_s}, unixepoch(),
	'retry_after', unixepoch());`)
/* Every question to the API, as it is asked. */
function questions(page) {
	const asked = []
	page.on('request', request => request.url().includes('/v1/usage') && asked.push(request.url()))
	return asked
}

s.test('a countdown goes down, and a limit that ends goes away by itself', async t => {
	limit(t, 'elif', 300)
	const page = await t.open('/ui')
	const before = await page.locator('#limits-list li').count()
	const from = seconds(await left_of(page, 'elif'))
	assert.ok(from > 240 && from <= 301, String(from))
	await wait_until(async () => seconds(await left_of(page, 'elif')) < from, 'it goes down')
	const alice = seconds(await left_of(page, 'alice'))
	limit(t, 'elif', 4)
	await page.click('#refresh')
	await page.waitForFunction(count => document.querySelectorAll('#limits-list li').length === count, before - 1)
	assert.equal(await page.locator('#limits-list .name:text-is("elif")').count(), 0)
	assert.ok(seconds(await left_of(page, 'alice')) < alice)
	assert.equal(await page.textContent('#announce'), `${before - 1} limited`)
})
s.test('a user\'s page: until when, how long, and open again', async t => {
	limit(t, 'elif', 300)
	const page = await t.open('/ui?user=elif')
	assert.match(await page.textContent('#verdict-says'), /^elif is on Bedrock until \d\d:\d\d$/)
	assert.match(await page.textContent('#verdict-left'), /^0[45]:\d\d$/)
	limit(t, 'elif', 4)
	await page.click('#refresh')
	/* well before the next minute's question */
	await page.waitForFunction(() => document.getElementById('verdict-says').textContent === 'elif is on Anthropic')
})
s.test('the time left is the server\'s, whatever the reader\'s clock says', async t => {
	limit(t, 'elif', 600)
	const page = await t.open('/ui', { begin: page => page.clock.install({ time: Date.now() - 3_600_000 }) })
	const left = seconds(await left_of(page, 'elif'))
	assert.ok(left > 570 && left <= 601, String(left))
	run_sql(t.database, 'DELETE FROM limits WHERE user_id = \'elif\';')
})
s.test('every minute it asks anew; focus, selection and scroll stay, also when the order changes', async t => {
	const page = await t.open('/ui', { viewport: { width: 1280, height: 500 }, begin: page => page.clock.install() })
	const last = page.locator('#users tbody tr').last()
	const name = await last.locator('th a').textContent()
	await last.locator('th a').focus()
	const scroll = await page.evaluate(() => scrollY)
	assert.ok(scroll > 300)
	const updated = await page.textContent('#updated')
	const asked = questions(page)
	run_sql(t.database, `UPDATE usage SET cost_microusd = cost_microusd + 900000000 WHERE user_id = '${name}' AND date = '${day(0)}'
		AND request_type = 'bedrock'; INSERT OR IGNORE INTO usage SELECT '${name}', '${day(0)}', 'claude-opus-5-5', 'bedrock', 1, 1, 1, 1, 0, 1, 900000000,
		0, last_updated_at FROM usage LIMIT 1;`)
	await page.clock.runFor(45_000) /* and what passed since the page was opened */
	assert.equal(asked.length, 0)
	await page.clock.runFor(16_000)
	await page.waitForFunction(name => document.querySelector('#users tbody th a').textContent === name, name)
	await ready(page)
	assert.equal(asked.length, 2, asked.join('\n'))
	assert.notEqual(await page.textContent('#updated'), updated)
	assert.equal(await page.evaluate(() => document.activeElement.textContent), name)
	assert.equal(await page.evaluate(() => scrollY), scroll)
	const expected = (await t.api('/v1/usage')).users[name].cost_usd
	assert.equal(Number((await figures(page, '#users tbody data'))[0].value), expected)
	/* and it goes on, one question of each kind a minute */
	await page.clock.runFor(60_500)
	await wait_until(() => asked.length === 4, 'the next minute')
	await ready(page)
})
s.test('typing in the filter is not disturbed by a refresh', async t => {
	const page = await t.open('/ui', { begin: page => page.clock.install() })
	await page.locator('#filter').pressSequentially('chiar')
	await page.evaluate(() => document.getElementById('filter').setSelectionRange(2, 4))
	const asked = questions(page)
	await page.clock.runFor(61_000)
	await wait_until(() => asked.length === 2, 'it asked')
	await ready(page)
	assert.deepEqual(await page.evaluate(() => [document.activeElement.id, document.activeElement.value,
		document.activeElement.selectionStart, document.activeElement.selectionEnd]), ['filter', 'chiar', 2, 4])
})
s.test('a tab that nobody sees asks nothing; seen again it asks at once', async t => {
	const page = await t.open('/ui', { begin: page => page.clock.install() })
	const asked = questions(page)
	const show = hidden => page.evaluate(hidden => {
		Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden })
		document.dispatchEvent(new Event('visibilitychange'))
	}, hidden)
	await show(true)
	await page.clock.runFor(10 * 60_000)
	assert.deepEqual(asked, [])
	await show(false)
	await wait_until(() => asked.length === 2, 'it asks')
	await ready(page)
})
s.test('over midnight (UTC) the figures keep the days that they are of', async t => {
	const page = await t.open('/ui?days=7', { begin: page => page.clock.install() })
	const period = await page.textContent('#period'), chart = await page.getAttribute('#chart', 'aria-label')
	/* the next day has begun, by the clock of the page, but not for these figures */
	await page.evaluate(() => {
		const now = Date.now
		Date.now = () => now() + 86_400_000
	})
	await page.click('[data-sort=requests]')
	assert.equal(await page.textContent('#period'), period)
	assert.equal(await page.getAttribute('#chart', 'aria-label'), chart)
})
