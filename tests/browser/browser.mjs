/*
 * The dashboard in a real Chromium, behind the web server as it ships. Like suite() of ../system/harness.mjs:
 *
 *   const s = dashboard({ rows: { users: 12, days: 90 } })        what fill.mjs puts into state.db
 *   s.test('what a reader would miss', async t => {
 *       const page = await t.open('/ui?days=30', { locale: 'ko-KR' })    ready: its figures are there
 *   })
 *
 * Every page of every test is watched: a violation of the CSP, a request to another host, a script's error or a
 * dialog fails the test. CHROMIUM: the browser (default /usr/bin/chromium). Pictures go to build/screenshots/.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { after } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { ROOT, suite } from '../system/harness.mjs'
import { fill } from './fill.mjs'

/* The packages are those of ../system. */
const packages = createRequire(new URL('../system/package.json', import.meta.url))
const { chromium } = packages('playwright-core')
const AXE = fs.readFileSync(packages.resolve('axe-core/axe.min.js'), 'utf8')

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
	'--disable-background-networking', '--disable-component-update', '--disable-sync']
const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium'
const PICTURES = path.join(ROOT, 'build/screenshots')
const WAIT_MS = 30_000

/* What must not happen on a page, noted as it happens. */
async function watch(context, origin) {
	const seen = []
	await context.exposeBinding('ccp_violation', (_, what) => { seen.push(`CSP: ${what}`) })
	await context.addInitScript(() => addEventListener('securitypolicyviolation',
		e => globalThis.ccp_violation(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`)))
	context.on('request', request => {
		if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith(`blob:${origin}/`))
			seen.push(`request to ${request.url()}`)
	})
	context.on('weberror', error => seen.push(`script error: ${error.error().stack}`))
	context.on('dialog', dialog => {
		seen.push(`dialog: ${dialog.message()}`)
		dialog.dismiss()
	})
	context.on('console', line => {
		if (/Content Security Policy|Refused to /.test(line.text()))
			seen.push(`console: ${line.text()}`)
	})
	return seen
}

/* The page has what it asked for. phase: ready, empty or failed; the words of the latter two come a moment later. */
export const ready = (page, phase = 'ready') =>
	page.waitForFunction(wanted => document.documentElement.dataset.phase === wanted
		&& !document.documentElement.classList.contains('busy')
		&& (wanted === 'ready' || document.getElementById('notice-title').textContent !== ''), phase, { timeout: WAIT_MS })

/* Opens the chart's table, whose code is loaded only then, and waits for its rows. */
export async function open_chart_table(page) {
	if (!await page.$eval('#chart-table', node => node.open))
		await page.click('#chart-table summary')
	await page.waitForSelector('#chart-table tbody tr', { state: 'attached', timeout: WAIT_MS })
}

/* env, prepare: see suite(). rows: for fill(), or null. */
export function dashboard({ rows = { users: 12, days: 90 }, env = {}, prepare } = {}) {
	const s = suite({ env: { TRACK_ANTHROPIC_USAGE: 'true', ...env }, ...(prepare ? { prepare } : {}) })
	let browser
	after(() => browser?.close())
	const test = s.test
	s.test = (name, run) => test(name, async t => {
		const opened = []
		if (!browser) {
			browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
			if (rows)
				fill(path.join(t.proxy.state, 'state.db'), rows)
			/* filling took its time: the harness may notice now which of its connections the server has closed */
			for (let i = 0; i < 3; i++)
				await setImmediate()
		}
		t.database = path.join(t.proxy.state, 'state.db')
		t.api = async query => {
			const answer = await t.proxy.get(query)
			assert.equal(answer.status, 200, answer.text)
			return answer.json()
		}
		/* options: of playwright's newContext(); phase: what the page comes to; begin(page): before it is asked for. */
		t.open = async (address, { phase = 'ready', begin = () => {}, ...options } = {}) => {
			const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-US',
				timezoneId: 'UTC', colorScheme: 'light', ...options })
			context.setDefaultTimeout(WAIT_MS)
			const seen = await watch(context, t.proxy.url)
			opened.push({ context, seen })
			const page = await context.newPage()
			page.ccp_seen = seen
			await begin(page)
			await page.goto(t.proxy.url + address)
			await ready(page, phase)
			return page
		}
		try {
			await run(t)
		} finally {
			for (const { context } of opened)
				await context.close()
		}
		for (const { seen } of opened)
			if (!seen.wanted) /* by the test itself */
				assert.deepEqual(seen, [])
	})
	return s
}

export async function picture(page, name, options = {}) {
	fs.mkdirSync(PICTURES, { recursive: true })
	await page.screenshot({ path: path.join(PICTURES, `${name}.png`), animations: 'disabled', ...options })
}

/* What axe-core finds that keeps people out. */
export async function barriers(page) {
	await page.evaluate(AXE)
	const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document))
	assert.ok(passes.length > 10, 'axe-core has looked')
	return violations.filter(found => ['serious', 'critical'].includes(found.impact))
		.flatMap(found => found.nodes.map(node => `${found.id}: ${node.target} ${node.failureSummary}`))
}

/* --- what is written on the page, as numbers --- */

/* [{ value, shown }] of every figure that the selector finds: the exact one, and what people read. */
export const figures = (page, selector) => page.$$eval(selector, nodes =>
	nodes.map(node => ({ value: node.getAttribute('value'), shown: node.textContent })))

const UNITS = { '': 1, K: 1e3, M: 1e6, B: 1e9, T: 1e12 }

/* "≈ $1,234.56", "12.4M" as [number, how far it may be off by rounding]. */
export function read_number(text) {
	const found = /^(?:≈ ?)?\$?([\d,]+(?:\.(\d+))?)([KMBT]?)$/.exec(text)
	assert.ok(found, `no figure: ${text}`)
	const [, digits, fraction = '', unit] = found
	const size = UNITS[unit]
	/* three digits where it is shortened: 524M has none behind the point */
	return [Number(digits.replaceAll(',', '')) * size, 0.5 * size * 10 ** -fraction.length * 1.000001]
}

/* Both are this value, the one that people read as far as it is written out. */
export function assert_figure({ value, shown }, expected, what) {
	assert.equal(Number(value), expected, what)
	const [number, off] = read_number(shown)
	assert.ok(Math.abs(number - expected) <= off, `${what}: ${shown} for ${expected}`)
}
