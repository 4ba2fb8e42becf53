/* How it looks, to whom: colours, language, phone, keyboard, screen readers, paper; and what it weighs. */
import assert from 'node:assert/strict'
import { barriers, dashboard, picture, ready } from './browser.mjs'

const s = dashboard()
const WEIGHT_MAX_BYTES = 120_000
const PHONE = { viewport: { width: 360, height: 780 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }
const LOOKS = {
	light: ['/ui?days=30'],
	dark: ['/ui?days=30', { colorScheme: 'dark' }],
	korean: ['/ui?days=30', { locale: 'ko-KR' }],
	phone: ['/ui?days=30', PHONE],
	user: ['/ui?user=alice&days=30'],
	'user-open': ['/ui?user=elif&days=7'],
	'user-phone-dark': ['/ui?user=alice', { ...PHONE, colorScheme: 'dark', locale: 'ko-KR' }],
	day: ['/ui?days=1'],
}

for (const [name, [address, options]] of Object.entries(LOOKS))
	s.test(`${name}: no barriers, nothing beside the screen; a picture`, async t => {
		const page = await t.open(address, options)
		assert.deepEqual(await barriers(page), [])
		const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
		assert.ok(content <= screen, `${content} px on ${screen}`)
		await picture(page, name, { fullPage: true })
	})
s.test('360 px: every page and language fits, also the narrowest notices', async t => {
	for (const locale of ['en-US', 'ko-KR'])
		for (const [address, phase] of [['/ui?days=90', 'ready'], ['/ui?user=ben.carter', 'ready'], [`/ui?user=${'x'.repeat(128)}`, 'empty'], [`/ui?user=${'x'.repeat(200)}`, 'failed']]) {
			const page = await t.open(address, { ...PHONE, locale, phase })
			const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
			assert.ok(content <= 360 && screen === 360, `${address} ${locale}: ${content} px on ${screen}`)
		}
})
s.test('by keyboard alone: everything that can be pressed is reached, and seen to be', async t => {
	const page = await t.open('/ui')
	const wanted = await page.$$eval('a[href], button:not(:disabled), input, summary', nodes =>
		nodes.filter(node => node.checkVisibility()).length)
	const reached = new Set()
	for (let i = 0; i < 3 * wanted; i++) {
		await page.keyboard.press('Tab')
		const found = await page.evaluate(() => {
			const node = document.activeElement
			if (node === document.body)
				return null
			node.ccpTest ??= String(Math.random())
			const { outlineStyle, outlineWidth } = getComputedStyle(node)
			return { key: node.ccpTest, control: node.matches('a, button, input, summary'), seen: outlineStyle !== 'none' && outlineWidth !== '0px', what: node.outerHTML.slice(0, 80) }
		})
		if (!found || reached.has(found.key) && reached.size >= wanted)
			break
		assert.ok(found.seen, `no outline: ${found.what}`)
		if (found.control)
			reached.add(found.key)
	}
	assert.equal(reached.size, wanted)
})
s.test('the colours are the system\'s until somebody chooses, and then stay', async t => {
	const page = await t.open('/ui')
	const theme = () => page.getAttribute('html', 'data-theme')
	assert.equal(await theme(), 'light')
	await page.emulateMedia({ colorScheme: 'dark' })
	await page.waitForFunction(() => document.documentElement.dataset.theme === 'dark')
	assert.equal(await page.getAttribute('#theme', 'aria-label'), 'Switch to light colours')
	await page.click('#theme')
	assert.equal(await theme(), 'light')
	await page.reload()
	await ready(page)
	assert.equal(await theme(), 'light')
})
s.test('on paper: light, and the whole table', async t => {
	const page = await t.open('/ui?days=30', { colorScheme: 'dark' })
	await page.emulateMedia({ media: 'print' })
	await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
	assert.equal(await page.getAttribute('html', 'data-theme'), 'light')
	assert.ok(await page.isHidden('.tools'))
	await picture(page, 'print', { fullPage: true })
	await page.evaluate(() => dispatchEvent(new Event('afterprint')))
	assert.equal(await page.getAttribute('html', 'data-theme'), 'dark')
})
for (const [what, address, locale] of [['everybody\'s', '/ui?days=90', 'en'], ['a user\'s, in Korean', '/ui?user=alice', 'ko'], ['everybody\'s, in Korean', '/ui?days=90', 'ko']])
	s.test(`${what} page weighs under 120 KB, and is painted quickly`, async t => {
		const bodies = []
		const page = await t.open(address, { locale, begin: page => page.on('response', answer => bodies.push(answer)) })
		let sum = 0, data = 0
		for (const answer of bodies)
			if (new URL(answer.url()).pathname.startsWith('/v1/'))
				data += (await answer.body()).length
			else
				sum += (await answer.body()).length
		const painted = await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime)
		const paint = await painted.jsonValue()
		console.log(`# ${address} ${locale}: ${sum} bytes in ${bodies.length} answers, ${data} of figures; first contentful paint after ${Math.round(paint)} ms`)
		assert.ok(sum > 50_000 && sum < WEIGHT_MAX_BYTES, `${sum} bytes`)
	})
s.test('the picture for the README', async t => {
	const page = await t.open('/ui?days=30', { viewport: { width: 1232, height: 962 }, deviceScaleFactor: 1.3 })
	await page.evaluate(() => document.fonts.ready)
	await picture(page, 'dashboard')
})
