/*
 * A stand-in of api.anthropic.com that is as strict as the real one where it matters to a proxy.
 * Sources: Messages API reference (2026-08-21), @anthropic-ai/sdk 1.12.0 (2026-11-20), recordings
 * of rate-limit headers published by users (2026).
 *
 *   const anthropic = await start_anthropic()             http://127.0.0.1:PORT
 *   const anthropic = await start_anthropic({ key, cert }) https
 *   anthropic.script(rate_limited(60))                    the next POST /v1/messages gets this
 *   anthropic.requests, anthropic.last                    what came, byte for byte
 *
 * Only POST /v1/messages and …/count_tokens take scripts, unless the script names another `path`.
 */
import { randomBytes } from 'node:crypto'
import { Standin, Writer, now_ms } from './standin.mjs'
import { events_for, message_for, sse } from './answers.mjs'

export const ORGANIZATION = 'b7f5c1de-0000-4000-8000-00000000beef'
export const TEXT = 'Hello from Anthropic. 안녕하세요 👋'
export const USAGE = { input_tokens: 25, output_tokens: 15 }
const BODY_MAX_BYTES = 32 * 1024 * 1024
const VERSIONS = ['2023-01-01', '2023-06-01', '2026-10-21']

const FIELDS = new Set(['model', 'max_tokens', 'messages', 'cache_control', 'container', 'diagnostics',
	'inference_geo', 'metadata', 'output_config', 'service_tier', 'speed', 'stop_sequences', 'stream',
	'system', 'thinking', 'tool_choice', 'tools', 'temperature', 'top_p', 'top_k', 'billing_policy',
	'compaction', 'context_management', 'fallback_credit_token', 'fallbacks', 'mcp_servers',
	'output_format', 'thread', 'safeguards'])
const COUNT_FIELDS = new Set(['model', 'messages', 'cache_control', 'output_config', 'speed', 'system',
	'thinking', 'tool_choice', 'tools', 'billing_policy', 'compaction', 'context_management',
	'mcp_servers', 'output_format'])

export const MODELS = ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5', 'claude-sonnet-4-5-20250929']

/* Routes beside the two that answer as the model: path, methods, answer. */
const ROUTES = [
	[/^\/v1\/messages\/batches$/, { POST: batch_created, GET: () => page([batch('msgbatch_01')]) }],
	[/^\/v1\/messages\/batches\/([^/]+)$/, { GET: (q, m) => batch(m[1]),
		DELETE: (q, m) => ({ id: m[1], type: 'message_batch_deleted' }) }],
	[/^\/v1\/messages\/batches\/([^/]+)\/cancel$/, { POST: (q, m) => batch(m[1], 'canceling') }],
	[/^\/v1\/models$/, { GET: () => page(MODELS.map(model)) }],
	[/^\/v1\/models\/([^/]+)$/, { GET: (q, m) => MODELS.includes(decodeURIComponent(m[1]))
		? model(decodeURIComponent(m[1])) : refusal(404, 'not_found_error', `model: ${m[1]}`) }],
	[/^\/v1\/files$/, { GET: () => page([]), POST: () => ({ type: 'file', id: 'file_01' }) }],
]

const model = id => ({ type: 'model', id, display_name: id.replace('claude-', 'Claude '),
	created_at: '2026-09-01T00:00:00Z', max_input_tokens: 1000000, max_tokens: 128000 })
const page = data => ({ data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null })
const batch = (id, processing_status = 'in_progress') => ({ id, type: 'message_batch', processing_status,
	request_counts: { processing: 1, succeeded: 0, errored: 0, canceled: 0, expired: 0 },
	created_at: '2026-11-22T00:00:00Z', expires_at: '2026-11-23T00:00:00Z', ended_at: null,
	archived_at: null, cancel_initiated_at: null, results_url: null })
function batch_created(request) {
	return Array.isArray(request?.requests) ? batch('msgbatch_01')
		: refusal(400, 'invalid_request_error', 'requests: Field required')
}

class Refusal {
	constructor(status, type, message) { Object.assign(this, { status, type, message }) }
}
const refusal = (status, type, message) => new Refusal(status, type, message)
const bad = message => refusal(400, 'invalid_request_error', message)

export const error_body = (type, message, { details, requestId = null } = {}) =>
	({ type: 'error', error: { type, message, ...(details ? { details } : {}) }, request_id: requestId })

const new_id = () => 'req_011' + randomBytes(10).toString('hex')

/* Headers of every answer; server, date, set-cookie and the like are what the edge in front adds. */
function usual_headers(requestId) {
	const reset = new Date(Date.now() + 60_000).toISOString().replace(/\.\d+Z/, 'Z')
	return {
		'request-id': requestId,
		'anthropic-organization-id': ORGANIZATION,
		'anthropic-ratelimit-requests-limit': '4000',
		'anthropic-ratelimit-requests-remaining': '3999',
		'anthropic-ratelimit-requests-reset': reset,
		'anthropic-ratelimit-input-tokens-limit': '2000000',
		'anthropic-ratelimit-input-tokens-remaining': '1999000',
		'anthropic-ratelimit-input-tokens-reset': reset,
		'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
		'cf-ray': '9a1b2c3d4e5f6071-ICN',
		'x-robots-tag': 'none',
		'server': 'cloudflare',
		'set-cookie': '__cf_bm=abcdef; path=/; HttpOnly; Secure',
	}
}

/* Who asks: null when fine. */
function judge_credential(record) {
	const key = record.headers['x-api-key']
	const bearer = /^Bearer (.+)$/.exec(record.headers.authorization ?? '')?.[1]
	if (!key && !bearer)
		return refusal(401, 'authentication_error', 'x-api-key header is required')
	if ((key ?? bearer).startsWith('sk-ant-bad'))
		return refusal(401, 'authentication_error', key ? 'invalid x-api-key' : 'Invalid bearer token')
	if (!key && bearer.startsWith('sk-ant-oat') && !beta_list(record).includes('oauth-2025-04-20'))
		return refusal(401, 'authentication_error', 'OAuth authentication is currently not supported.')
	return null
}

const beta_list = record => record.all('anthropic-beta').flatMap(v => v.split(',')).map(v => v.trim())

function judge_version(record) {
	const version = record.headers['anthropic-version']
	if (!version)
		return bad('anthropic-version: header is required')
	return VERSIONS.includes(version) ? null : bad(`anthropic-version: "${version}" is not a valid version`)
}

function parse(record) {
	if ((record.headers['content-encoding'] ?? 'identity') !== 'identity')
		return {}
	try {
		return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(record.body))
	} catch (error) {
		return bad(`The request body is not valid JSON: ${error.message}`)
	}
}

function judge_message(request, fields, headers) {
	if (typeof request !== 'object' || request === null || Array.isArray(request))
		return bad('Input should be an object')
	for (const field of Object.keys(request))
		if (!fields.has(field))
			return bad(`${field}: Extra inputs are not permitted`)
	if (headers['anthropic-version'] === '2026-10-21')
		for (const field of ['temperature', 'top_p', 'top_k'])
			if (field in request)
				return bad(`${field}: Extra inputs are not permitted`)
	if (typeof request.model !== 'string')
		return bad('model: Field required')
	if (fields === FIELDS && !Number.isInteger(request.max_tokens))
		return bad('max_tokens: Field required')
	if (!Array.isArray(request.messages) || request.messages.length === 0)
		return bad('messages: at least one message is required')
	for (const [i, m] of request.messages.entries())
		if (!['user', 'assistant', 'system'].includes(m?.role))
			return bad(`messages.${i}.role: Input should be 'user', 'assistant' or 'system'`)
	return request.model.startsWith('claude-') ? null
		: refusal(404, 'not_found_error', `model: ${request.model}`)
}

async function answer(standin, record, res) {
	const requestId = new_id()
	const headers = usual_headers(requestId)
	const reply = (status, body, extra) => {
		record.finished = true
		const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
		record.sent.push(bytes)
		res.writeHead(status, { 'content-type': 'application/json', ...headers,
			'content-length': bytes.length, ...extra })
		res.end(record.method === 'HEAD' ? undefined : bytes)
	}
	const refuse = ({ status, type, message }) => reply(status, error_body(type, message, { requestId }))

	const models = record.path === '/v1/messages'
	const counts = record.path === '/v1/messages/count_tokens'
	if (models || counts)
		if (record.method !== 'POST')
			return refuse(refusal(405, 'invalid_request_error', 'Method Not Allowed'))
	if (record.body.length > BODY_MAX_BYTES)
		return reply(413, HTML_413, { 'content-type': 'text/html' })

	const unknown = judge_credential(record) ?? judge_version(record)
	if (unknown)
		return refuse(unknown)
	if (!models && !counts)
		return other_route(record, refuse, reply)

	const script = standin.take(record)
	const request = parse(record)
	const wrong = request instanceof Refusal ? request
		: record.headers['content-encoding'] ? null
		: judge_message(request, models ? FIELDS : COUNT_FIELDS, record.headers)
	if (wrong && !script.lax)
		return refuse(wrong)
	if (await standin.play(record, res, script, headers))
		return
	if (counts)
		return reply(200, { input_tokens: Math.ceil(record.body.length / 4) })

	const message = message_for(request, script, { idPrefix: 'msg_01', model: request.model ?? 'claude-opus-5-5',
		text: script.text ?? TEXT, usage: script.usage ?? USAGE })
	const own = Object.fromEntries(Object.entries(script.extraHeaders ?? {}))
	if (request.stream !== true && !script.stream)
		return reply(200, message, own)

	const writer = new Writer(res, record, script)
	writer.head(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8',
		'cache-control': 'no-cache', ...own })
	if (script.firstEventError) {
		await writer.event(() => `event: error\ndata: ${JSON.stringify(script.firstEventError)}\n\n`)
		return writer.end()
	}
	for (const event of events_for(message, script, { ping: true }))
		await writer.event(() => sse(event()))
	writer.end()
}

function other_route(record, refuse, reply) {
	const route = ROUTES.map(([pattern, methods]) => [pattern.exec(record.path), methods]).find(([m]) => m)
	if (!route)
		return refuse(refusal(404, 'not_found_error', 'Not found'))
	const handler = route[1][record.method] ?? (record.method === 'HEAD' ? route[1].GET : null)
	if (!handler)
		return refuse(refusal(405, 'invalid_request_error', 'Method Not Allowed'))
	const request = record.body.length ? parse(record) : null
	const result = request instanceof Refusal ? request : handler(request, route[0])
	return result instanceof Refusal ? refuse(result) : reply(200, result)
}

export const start_anthropic = async (tls = null) => new Standin(answer, tls).listen()

/* --- scripts for what Anthropic does when it does not answer --- */

const HTML_413 = '<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n' +
	'<center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n'

/* 429 with a retry-after: seconds, an HTTP date, or null for none. */
export const rate_limited = (retryAfter, { message, details, headers = {} } = {}) => ({
	status: 429,
	headers: { ...(retryAfter === null ? {} : { 'retry-after': String(retryAfter) }), ...headers },
	body: error_body('rate_limit_error',
		message ?? 'This request would exceed your organization\'s rate limit of 4,000 requests per minute',
		{ details, requestId: new_id() }),
})

/* 429 of a subscription whose window is used up until reset (Unix seconds). */
export const window_used_up = (reset, claim = 'five_hour', { retryAfter = null } = {}) => rate_limited(retryAfter, {
	message: 'This request would exceed your account\'s rate limit. Please try again later.',
	headers: {
		'anthropic-ratelimit-unified-status': 'rejected',
		'anthropic-ratelimit-unified-reset': String(reset),
		'anthropic-ratelimit-unified-representative-claim': claim,
		'anthropic-ratelimit-unified-5h-status': 'rejected',
		'anthropic-ratelimit-unified-5h-utilization': '1.0',
		'anthropic-ratelimit-unified-5h-reset': String(reset),
		'anthropic-ratelimit-unified-overage-status': 'rejected',
		'x-should-retry': 'false',
	},
})

export const spend_limited = code => rate_limited(null, { message: 'You have reached your spend limit.',
	details: { error_code: code }, headers: { 'x-should-retry': 'false' } })

export const failed = (status, type, message, headers = {}) => ({ status, headers,
	body: error_body(type, message, { requestId: new_id() }) })
export const overloaded = () => failed(529, 'overloaded_error', 'Overloaded', { 'x-should-retry': 'true' })
export const html_413 = () => ({ status: 413, headers: { 'content-type': 'text/html' }, body: HTML_413 })
export const empty_body = status => ({ status, body: null })
export const first_event_error = (type, message) => ({ firstEventError:
	{ type: 'error', error: { type, message }, request_id: new_id() } })
export const unix_now = () => Math.floor(Date.now() / 1000)
export { now_ms }
