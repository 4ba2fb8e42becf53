/* What stands on the page is what the API says, for every period, for everybody and for one user. */
import assert from 'node:assert/strict'
import { assert_figure, dashboard, figures, open_chart_table, read_number, ready } from './browser.mjs'
import { day } from './fill.mjs'

const s = dashboard()
const COLUMNS = ['cost_usd', 'requests', 'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens']
const CARDS = { cost: 'cost_usd', requests: 'total_requests', users: 'total_users', input: 'total_input_tokens',
	output: 'total_output_tokens', cache_read: 'cache_read_tokens', cache_write: 'cache_write_tokens' }
const PERIODS = ['days=1', 'days=7', 'days=30', 'days=90', `date=${day(3)}`]
const by_cost = sums => Object.entries(sums).sort(([, a], [, b]) => b.cost_usd - a.cost_usd)
const texts = (page, selector) => page.$$eval(selector, nodes => nodes.map(node => node.textContent))
const close = (text, expected, what) => {
	const [number, off] = read_number(text)
	assert.ok(Math.abs(number - expected) <= off, `${what}: ${text} for ${expected}`)
}

/* The change against the period before: its direction, its size in percent, and the figure before in full. */
async function assert_delta(page, word, now, before) {
	const [node] = await page.$$eval(`[data-figure=${word}] .delta`, nodes => nodes.map(one =>
		({ hidden: one.hidden, text: one.textContent, way: one.dataset.way, title: one.title })))
	assert.equal(node.hidden, before === undefined, word)
	if (before === undefined)
		return
	close(node.title.replace(' in the period before', ''), before, `${word} before`)
	if (now === before) {
		assert.equal(node.text, 'no change')
		return
	}
	assert.equal(node.way, now > before ? 'up' : 'down', word)
	const percent = Math.abs(100 * (now - before) / before)
	assert.match(node.text, /^[\d,.]+%$/)
	assert.ok(Math.abs(parseFloat(node.text.replaceAll(',', '')) - percent) <= (percent < 10 ? 0.051 : 0.51), `${word}: ${node.text} for ${percent}`)
}

async function assert_cards(page, report) {
	for (const [word, key] of Object.entries(CARDS)) {
		if (report.summary[key] === undefined)
			continue
		const [figure] = await figures(page, `[data-figure=${word}] .figure`)
		assert_figure(figure, report.summary[key], word)
		await assert_delta(page, word, report.summary[key], report.previous?.[key])
	}
}

async function assert_share(page, report, anthropic) {
	const share = (a, b) => 100 * a / (a + b)
	const expected = share(report.summary.total_requests, anthropic.summary.total_requests)
	const card = page.locator('[data-figure=share]')
	assert.ok(Math.abs(parseFloat(await card.locator('.figure').textContent()) - expected) <= 0.51, 'share')
	close((await card.locator('.note').textContent()).replace(/^of | requests$/g, ''),
		report.summary.total_requests + anthropic.summary.total_requests, 'all requests')
	if (!report.previous)
		return
	const by = expected - share(report.previous.total_requests, anthropic.previous.total_requests)
	const delta = card.locator('.delta')
	if (by === 0)
		return assert.equal(await delta.textContent(), 'no change')
	assert.ok(Math.abs(parseFloat(await delta.textContent()) - Math.abs(by)) <= 0.051, `${await delta.textContent()} for ${by}`)
	assert.equal(await delta.getAttribute('data-way'), by > 0 ? 'up' : 'down')
}

async function assert_limits(page, limits) {
	const expected = [...limits].sort((a, b) => a.retry_until - b.retry_until)
	assert.deepEqual(await texts(page, '#limits-list .name'), expected.map(limit => limit.user))
	assert.deepEqual(await page.$$eval('#limits-list li', nodes => nodes.map(node => Number(node.dataset.until))),
		expected.map(limit => limit.retry_until))
	assert.equal(await page.textContent('#limits-count'), String(limits.length))
	/* the page is in UTC here */
	const clock = at_s => new Date(at_s * 1000).toISOString().slice(11, 16)
	for (const [i, text] of (await texts(page, '#limits-list .span')).entries())
		assert.match(text, new RegExp(`^Since .*${clock(expected[i].since)} – until .*${clock(expected[i].retry_until)}$`))
	assert.deepEqual((await texts(page, '#limits-list .reason')).sort(), ['5-hour limit', 'Rate limit', 'Spend limit', 'Weekly limit'])
}

/* Rows of a table: names in this order, and every cell. */
async function assert_table(page, id, rows) {
	assert.deepEqual(await texts(page, `#${id} tbody th a`), rows.map(([name]) => name))
	const cells = await figures(page, `#${id} tbody data`)
	assert.equal(cells.length, rows.length * COLUMNS.length)
	rows.forEach(([name, sums], row) => COLUMNS.forEach((key, i) =>
		assert_figure(cells[row * COLUMNS.length + i], sums[key], `${name} ${key}`)))
}

async function assert_list(page, selector, expected) {
	const shown = await page.$$eval(`${selector} li`, nodes => nodes.map(node => node.querySelector('.name').textContent))
	const values = await figures(page, `${selector} data`)
	assert.deepEqual(Object.fromEntries(shown.map((name, i) => [name, Number(values[i].value)])), Object.fromEntries(expected))
	expected.forEach(([name, value]) => assert_figure(values[shown.indexOf(name)], value, name))
}

/* The chart's words and its table; they are all that a screen reader has of it. */
async function assert_chart(page, report, key, words) {
	const days = Object.entries(report.daily_stats)
	const label = await page.getAttribute('#chart', 'aria-label')
	const [, sum, most] = new RegExp(`^${words} per day, .*: (\\S+) in all, most on .* with (\\S+)\\.$`).exec(label)
	close(sum, days.reduce((all, [, sums]) => all + sums[key], 0), 'the sum of the chart')
	close(most, Math.max(...days.map(([, sums]) => sums[key])), 'the largest day')
	await open_chart_table(page)
	const head = await texts(page, '#chart-table thead th')
	const rows = await page.$$eval('#chart-table tbody tr', nodes => nodes.map(node => [...node.children].map(cell => cell.textContent)))
	assert.equal(rows.length, report.period_days)
	const place = new Map(rows.map(row => [new Date(`${row[0]} UTC`).toISOString().slice(0, 10), row]))
	for (const [name, sums] of days) {
		const row = place.get(name)
		head.slice(1, -1).forEach((model, i) => close(row[i + 1], sums.models[model]?.[key] ?? 0, `${name} ${model}`))
		close(row.at(-1), sums[key], `${name}, sum`)
	}
	assert.ok([...place].every(([name, row]) => name in report.daily_stats || read_number(row.at(-1))[0] === 0))
}

for (const period of PERIODS)
	s.test(`everybody, ${period}: each figure is the API's`, async t => {
		const page = await t.open(`/ui?${period}`)
		const report = await t.api(`/v1/usage?${period}&request_type=bedrock`)
		assert.equal(Boolean(report.previous), period !== 'days=90')
		await assert_cards(page, report)
		await assert_share(page, report, await t.api(`/v1/usage?${period}&request_type=anthropic`))
		await assert_limits(page, report.limits)
		await assert_table(page, 'users', by_cost(report.users))
		for (const [metric, key, words] of [['cost', 'cost_usd', 'Cost'], ['tokens', 'total_tokens', 'Tokens']]) {
			await page.click(`[data-metric=${metric}]`)
			const of = sums => Object.entries(sums).map(([name, one]) => [name, one[key]]).sort(([, a], [, b]) => b - a)
			await assert_list(page, '#top', of(report.users).slice(0, 8))
			if (report.period_days > 1) {
				await assert_list(page, '#legend', of(report.summary.models))
				await assert_chart(page, report, key, words)
			} else {
				assert.ok(await page.isHidden('#chart'))
				await assert_list(page, '#models', of(report.summary.models))
			}
		}
	})
for (const period of ['days=1', 'days=30', `date=${day(3)}`])
	s.test(`one user, ${period}: each figure is the API's`, async t => {
		const page = await t.open(`/ui?user=alice&${period}`)
		const report = await t.api(`/v1/usage/me?claude-code-user=alice&${period}&request_type=bedrock`)
		assert.equal(await page.title(), 'alice · claude-code-proxy')
		await assert_cards(page, report)
		await assert_share(page, report, await t.api(`/v1/usage/me?claude-code-user=alice&${period}&request_type=anthropic`))
		await assert_table(page, 'days', Object.entries(report.daily_stats).sort(([a], [b]) => (a < b ? 1 : -1)))
		const models = Object.entries(report.summary.models).map(([name, sums]) => [name, sums.cost_usd])
		await assert_list(page, report.period_days > 1 ? '#top' : '#models', models)
		if (report.period_days > 1)
			await assert_chart(page, report, 'cost_usd', 'Cost')
		const until = new Date(report.limit.retry_until * 1000).toISOString().slice(11, 16)
		assert.match(await page.textContent('#verdict-says'), new RegExp(`^alice is on Bedrock until .*${until}$`))
		assert.match(await page.textContent('#verdict-left'), /^[12]:\d\d:\d\d$/)
	})
s.test('from the table to a user and back; a user who is not limited is on Anthropic', async t => {
	const page = await t.open('/ui?days=30')
	await page.click('#users tbody a:text-is("ben.carter")')
	await ready(page)
	assert.equal(new URL(page.url()).search, '?user=ben.carter&days=30')
	assert.equal(await page.textContent('#verdict-says'), 'ben.carter is on Anthropic')
	assert.ok(await page.isHidden('#verdict-left'))
	await page.click('#heading a')
	await ready(page)
	assert.equal(new URL(page.url()).search, '?days=30')
})
s.test('the period stays in the address: by button, by date, after a reload, and back again', async t => {
	const page = await t.open('/ui')
	const pressed = () => page.getAttribute('#ranges [aria-pressed=true]', 'data-days').catch(() => null)
	const requests = () => figures(page, '[data-figure=requests] .figure').then(([figure]) => Number(figure.value))
	assert.equal(await pressed(), '7')
	for (const days of [1, 90, 30, 7]) {
		await page.click(`[data-days="${days}"]`)
		await ready(page)
		const query = days === 7 ? '' : `?days=${days}`
		assert.equal(new URL(page.url()).search, query)
		await page.reload()
		await ready(page)
		assert.equal(await pressed(), String(days))
		assert.equal(await requests(), (await t.api(`/v1/usage?days=${days}`)).summary.total_requests)
	}
	await page.fill('#date', day(2))
	await page.waitForURL(`**/ui?date=${day(2)}`)
	await page.reload()
	await ready(page)
	assert.equal(await page.inputValue('#date'), day(2))
	assert.equal(await page.locator('#ranges [aria-pressed=true]').count(), 0)
	assert.equal(await requests(), (await t.api(`/v1/usage?date=${day(2)}`)).summary.total_requests)
	await page.goBack()
	await ready(page)
	assert.equal(await pressed(), '7')
	assert.equal(await requests(), (await t.api('/v1/usage')).summary.total_requests)
})
s.test('addresses that mean nothing show the last seven days', async t => {
	for (const query of ['days=8', 'date=2026-02-30', 'sort=__proto__.up&show=%3Cb%3E']) {
		const page = await t.open(`/ui?${query}`)
		assert.equal(await page.getAttribute('#ranges [aria-pressed=true]', 'data-days'), '7', query)
	}
})
s.test('pointing at a day of the chart shows its models and their sum', async t => {
	const page = await t.open('/ui?days=7')
	const report = await t.api('/v1/usage?days=7')
	const [name, sums] = Object.entries(report.daily_stats).sort().at(-1)
	const box = await page.locator('.u-over').boundingBox()
	const place = (Array.from({ length: 7 }, (_, i) => day(6 - i)).indexOf(name) + 0.5) / 7
	await page.mouse.move(box.x + box.width * place, box.y + box.height / 2)
	const lines = await texts(page, '.tip div b')
	assert.equal(await page.textContent('.tip p'), new Intl.DateTimeFormat('en-US', { weekday: 'short', month: 'short',
		day: 'numeric', year: 'numeric', timeZone: 'UTC' }).format(new Date(name)))
	close(lines.at(-1), sums.cost_usd, 'sum')
	assert.equal(lines.length, Object.keys(sums.models).length + 1)
})
s.test('the language is the browser\'s, or the one that was chosen', async t => {
	const page = await t.open('/ui', { locale: 'ko-KR' })
	assert.equal(await page.getAttribute('html', 'lang'), 'ko')
	assert.equal(await page.textContent('#heading'), '사용량')
	await page.click('#language')
	await page.waitForFunction(() => document.documentElement.lang === 'en')
	assert.equal(await page.textContent('#heading'), 'Usage')
	assert.equal(await page.textContent('[data-figure=cost] dt'), 'Cost')
	await page.reload()
	await ready(page)
	assert.equal(await page.textContent('#heading'), 'Usage')
	assert.equal(await page.getAttribute('html', 'lang'), 'en')
	await page.click('#language')
	await page.waitForFunction(() => document.documentElement.lang === 'ko')
	await page.goto(`${t.proxy.url}/ui?user=alice`)
	await ready(page)
	assert.match(await page.textContent('#verdict-says'), /^alice 님은 .* Bedrock을 씁니다$/)
	for (const [locale, lang] of [['fr-FR', 'en'], ['ko', 'ko']])
		assert.equal(await (await t.open('/ui', { locale })).getAttribute('html', 'lang'), lang)
})
