/*
 * Believable usage and limits for looking at the dashboard: writes them into a state.db that the programs have made.
 *   node tests/browser/fill.mjs build/state/state.db                  12 users, 90 days
 *   node tests/browser/fill.mjs build/state/state.db --users 10000 --days 7
 *   node tests/browser/fill.mjs build/state/state.db --users 0        empties it again
 * Always the same figures for the same day; dates count back from today (UTC). Needs sqlite3 on the PATH.
 */
import { spawnSync } from 'node:child_process'
import { pathToFileURL } from 'node:url'

const NAMES = ['alice', 'ben.carter', 'chiara', '김민준', 'dmitri', 'elif', 'fatou', 'grace', '이서연', 'henrik', 'ingrid', 'ci-runner']

/* What a million tokens cost (input, output, cache write for 5 minutes, cache read), and how much it is asked. */
const MODELS = [
	{ id: 'claude-opus-5-5', price: [4, 20, 5, 0.2], share: 0.45 },
	{ id: 'claude-sonnet-5-5', price: [2.5, 12.5, 3.125, 0.25], share: 0.8 },
	{ id: 'claude-haiku-5-5', price: [1, 5, 1.25, 0.1], share: 0.6 },
]

/* Fractions from 0 to 1, the same for the same seed (mulberry32). */
export function fractions(seed) {
	let state = seed >>> 0
	return () => {
		state = (state + 0x6d2b79f5) >>> 0
		let t = Math.imul(state ^ (state >>> 15), state | 1)
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296
	}
}

export const day = (back, now = Date.now()) => new Date(now - back * 86400000).toISOString().slice(0, 10)
export const names = count => Array.from({ length: count }, (_, i) =>
	NAMES[i] ?? `user-${String(i + 1).padStart(5, '0')}`)
const text = value => `'${String(value).replaceAll("'", "''")}'`

/* One row of the table usage. */
function row(user, date, model, type, requests, next) {
	const input = Math.round(requests * (300 + next() * 2200))
	const output = Math.round(requests * (350 + next() * 1400))
	const read = Math.round(requests * (18000 + next() * 60000))
	const write = Math.round(requests * (1200 + next() * 5200))
	const [i, o, w, r] = model.price
	const cost = type === 'bedrock' ? Math.round(input * i + output * o + write * w + read * r) : 0
	return `(${[text(user), text(date), text(model.id), text(type), input, output, read, write, 0, requests, cost,
		next() < 0.002 ? 1 : 0, text(`${date}T12:00:00Z`)].join()})`
}

/* Rows of users over days; anthropic: Anthropic's own answers too, as TRACK_ANTHROPIC_USAGE counts them. */
export function usage_rows({ users = 12, days = 90, anthropic = true } = {}) {
	const rows = []
	names(users).forEach((user, u) => {
		const next = fractions(u + 1)
		const keen = 0.15 + next() ** 2
		for (let back = days - 1; back >= 0; back--) {
			const date = day(back)
			const weekend = [0, 6].includes(new Date(`${date}T00:00:00Z`).getUTCDay())
			const growth = 0.6 + 0.4 * (1 - back / Math.max(days, 90))
			for (const model of MODELS) {
				const busy = keen * growth * (weekend ? 0.15 : 0.6 + next() * 0.8) * model.share
				if (next() < 0.25)
					continue
				const requests = Math.max(1, Math.round(busy * 70))
				rows.push(row(user, date, model, 'bedrock', requests, next))
				if (anthropic)
					rows.push(row(user, date, model, 'anthropic', Math.round(requests * (3 + next() * 3)), next))
			}
		}
	})
	return rows
}

/* The first, third, fifth and eighth user are limited, each in another way. */
function limit_rows(users, now_s) {
	const kinds = [[0, 'five_hour', 'all', 4000, 7800], [2, 'retry_after', 'opus', 40, 9500],
		[4, 'seven_day', 'all', 90000, 200000], [7, 'enforced_spend_limit_reached', 'all', 120, 18000]]
	return names(users).flatMap((user, i) => kinds.filter(([at]) => at === i).map(([, reason, scope, ago, left]) =>
		`(${[text(user), text('0'.repeat(31) + i), text(scope), now_s + left, left, now_s - ago, text(reason), now_s].join()})`))
}

export function run_sql(database, sql) {
	const done = spawnSync('sqlite3', ['-cmd', '.timeout 10000', database], { input: sql, encoding: 'utf8' })
	if (done.status !== 0 || done.stderr)
		throw new Error(`sqlite3 ${database}: ${done.stderr || done.error}`)
	return done.stdout
}

/* Puts these users in place of whatever was there; users 0 leaves it empty. */
export function fill(database, { users = 12, days = 90, anthropic = true, limits = true } = {}) {
	const rows = usage_rows({ users, days, anthropic })
	const limited = limits ? limit_rows(users, Math.floor(Date.now() / 1000)) : []
	const sql = ['BEGIN;', 'DELETE FROM usage;', 'DELETE FROM limits;']
	for (let i = 0; i < rows.length; i += 500)
		sql.push(`INSERT INTO usage (user_id, date, model, request_type, input_tokens, output_tokens, cache_read_tokens,
			cache_write_5m_tokens, cache_write_1h_tokens, request_count, cost_microusd, estimated, last_updated_at)
			VALUES ${rows.slice(i, i + 500).join(',\n')};`)
	if (limited.length)
		sql.push(`INSERT INTO limits (user_id, credential_sha256, scope, retry_until, retry_after_seconds, created_at,
			reason, sent_at) VALUES ${limited.join(',\n')};`)
	sql.push('COMMIT;')
	run_sql(database, sql.join('\n'))
	return rows.length
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
	const [database, ...rest] = process.argv.slice(2)
	const option = (name, or) => (rest.includes(name) ? Number(rest[rest.indexOf(name) + 1]) : or)
	if (!database) {
		console.error('usage: node tests/browser/fill.mjs STATE.DB [--users N] [--days N]')
		process.exit(2)
	}
	console.log(`${fill(database, { users: option('--users', 12), days: option('--days', 90) })} rows`)
}
