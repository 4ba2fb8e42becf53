/* The table of users: every column both ways, the filter, and pages, with 10,000 of them. */
import assert from 'node:assert/strict'
import { assert_figure, dashboard, figures, picture, ready } from './browser.mjs'

const COUNT = 10_000, PAGE = 25
const s = dashboard({ rows: { users: COUNT, days: 2, anthropic: false } })
const SORTS = ['user', 'cost_usd', 'requests', 'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens']
const names = page => page.$$eval('#users tbody th a', nodes => nodes.map(node => node.textContent))
const rows_shown = page => page.textContent('#rows')
/* Milliseconds that an action takes until condition(argument) holds on the page: printed, not judged. */
async function timed(page, what, action, condition, argument) {
	const from = performance.now()
	await action()
	await page.waitForFunction(condition, argument)
	console.log(`# ${COUNT} users, ${what}: ${Math.round(performance.now() - from)} ms`)
}
const rows_say = text => document.getElementById('rows').textContent === text && !document.documentElement.classList.contains('busy')

/* The API's users in the order that is asked for; equal ones by name. */
function in_order(users, by, down) {
	const collator = new Intl.Collator('en', { numeric: true })
	const by_name = (a, b) => collator.compare(a, b)
	return Object.keys(users).sort((a, b) => (down ? -1 : 1) * (by === 'user' ? by_name(a, b) : users[a][by] - users[b][by]) || by_name(a, b))
}

s.test('each column sorts both ways, by click and by keyboard, and the address keeps it', async t => {
	const { users } = await t.api('/v1/usage?days=1')
	const page = await t.open('/ui?days=1')
	for (const by of SORTS) {
		const head = page.locator(`[data-sort=${by}]`)
		const seen = []
		for (const press of [() => head.click(), async () => { await head.focus(); await page.keyboard.press('Enter') }]) {
			await press()
			await ready(page)
			const sort = await head.locator('xpath=..').getAttribute('aria-sort')
			seen.push(sort)
			assert.deepEqual(await names(page), in_order(users, by, sort === 'descending').slice(0, PAGE), `${by} ${sort}`)
			assert.equal(await page.locator('[aria-sort]').count(), 1)
		}
		assert.deepEqual(seen.sort(), ['ascending', 'descending'], by)
	}
	await page.click('[data-sort=requests]')
	await page.reload()
	await ready(page)
	assert.equal(await page.getAttribute('th:has([data-sort=requests])', 'aria-sort'), 'descending')
	await page.keyboard.press('Tab')
	assert.equal(await page.evaluate(() => document.activeElement.className), 'skip')
})
s.test('pages through 10,000 users, to the last', async t => {
	const { users, summary } = await t.api('/v1/usage?days=1')
	const count = Object.keys(users).length
	assert.equal(summary.total_users, count)
	assert.ok(count > 9000)
	const text = n => new Intl.NumberFormat('en').format(n)
	const page = await t.open('/ui?days=1')
	assert.equal(await rows_shown(page), `1–25 of ${text(count)}`)
	assert.ok(await page.isDisabled('#previous'))
	await picture(page, '10000-users', { fullPage: true })
	const order = in_order(users, 'cost_usd', true)
	for (let at = PAGE; at < 250; at += PAGE) {
		await page.click('#next')
		assert.deepEqual(await names(page), order.slice(at, at + PAGE))
	}
	await timed(page, 'next page', () => page.click('#next'), rows_say, `251–275 of ${text(count)}`)
	await timed(page, 'the first page again, by sorting (all of them are fetched)', () => page.click('[data-sort=user]'), rows_say, `1–25 of ${text(count)}`)
	assert.deepEqual(await names(page), in_order(users, 'user', false).slice(0, PAGE))
	await timed(page, 'sorting', () => page.click('[data-sort=input_tokens]'), () => document.querySelector('[aria-sort] [data-sort=input_tokens]'))
	const pages = Math.ceil(count / PAGE)
	await timed(page, `${pages - 1} pages`, () => page.evaluate(() => {
		while (!document.getElementById('next').disabled)
			document.getElementById('next').click()
	}), rows_say, `${text((pages - 1) * PAGE + 1)}–${text(count)} of ${text(count)}`)
	const last = in_order(users, 'input_tokens', true).slice((pages - 1) * PAGE)
	assert.deepEqual(await names(page), last)
	const cells = await figures(page, '#users tbody data')
	last.forEach((name, i) => assert_figure(cells[i * 6 + 2], users[name].input_tokens, name))
})
s.test('the page after the largest 500 comes whole, never as if there were nobody', async t => {
	const { users } = await t.api('/v1/usage?days=1')
	const page = await t.open('/ui?days=1')
	await page.evaluate(() => {
		for (let i = 0; i < 20; i++)
			document.getElementById('next').click()
	})
	assert.doesNotMatch(await page.textContent('#no-match'), /No name/)
	await ready(page)
	assert.match(await rows_shown(page), /^501–525 of /)
	assert.deepEqual(await names(page), in_order(users, 'cost_usd', true).slice(500, 525))
})
s.test('the filter finds a user far below, as it is typed; it counts, and stays in the address', async t => {
	const { users } = await t.api('/v1/usage?days=1')
	const page = await t.open('/ui?days=1')
	const expected = in_order(users, 'cost_usd', true).filter(name => name.includes('user-0951'))
	await timed(page, 'first filter (all of them are fetched)', () => page.locator('#filter').pressSequentially('USER-0951'),
		count => document.querySelectorAll('#users tbody tr').length === count, expected.length)
	await ready(page)
	assert.deepEqual(await names(page), expected)
	assert.equal(await page.textContent('#announce'), `Users: ${expected.length}`)
	assert.ok(await page.isHidden('#pager'))
	assert.equal(await page.evaluate(() => document.activeElement.id), 'filter')
	await page.reload()
	await ready(page)
	assert.equal(await page.inputValue('#filter'), 'USER-0951')
	await page.waitForFunction(count => document.querySelectorAll('#users tbody tr').length === count, expected.length)
	assert.deepEqual(await names(page), expected)
	await page.fill('#filter', '김민')
	assert.deepEqual(await names(page), ['김민준'].filter(name => name in users))
	await page.fill('#filter', 'nobody at all')
	assert.equal(await page.textContent('#no-match'), 'No name contains “nobody at all”.')
	await timed(page, 'taking the filter away', () => page.fill('#filter', ''), () => document.querySelectorAll('#users tbody tr').length === 25)
	assert.equal(new URL(page.url()).search, '?days=1')
})
