/*
 * A stand-in of bedrock-runtime: InvokeModel, InvokeModelWithResponseStream, CountTokens and the
 * Messages endpoint (/anthropic/v1/messages). Every signature is recomputed with AWS's own signer,
 * every stream framed with AWS's own codec, every body judged as Bedrock judges it
 * (bedrock_rules.mjs). Sources: botocore service model (2026-08-07), SigV4 reference, the AWS SDK
 * for JavaScript 3.1163.0 (its requests pass this verifier); Bedrock user guide, "Anthropic Messages
 * API" and "Monitor your token usage by counting tokens" (2026).
 *
 *   const bedrock = await start_bedrock()
 *   bedrock.script(exception('ThrottlingException'))      before the stream
 *   bedrock.script({ firstFrame: throttled_frame() })     first frame of a 200
 *   bedrock.script({ frameAfter: [3, frame] })            in mid-stream, then the end
 *   bedrock.script({ badCrcAfter: 3 })                    the 4th frame's last byte is wrong
 * The Messages endpoint refuses in Anthropic's envelope; more scripts for it:
 *   { pings: true }                                       a ping among its events
 *   { eventAfter: [3, error_event('overloaded_error')] }  an event in mid-stream (0: first), then the end
 *   { frame: event => '…' }                               other SSE framing of the same event
 *   { shape: 'aws' }                                      its refusals in AWS's shape
 * Of whom it knows (see judge_caller):
 *   bedrock.options.clock = () => ms                      its clock; then its answers carry a date
 *   bedrock.options.expired = keyId => true               ExpiredTokenException for these
 *   bedrock.options.before = async () => {}               awaited before a request is judged
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { EventStreamCodec } from '@smithy/eventstream-codec'
import { fromUtf8, toUtf8 } from '@smithy/util-utf8'
import { Standin, Writer } from './standin.mjs'
import { events_for, message_for, sse } from './answers.mjs'
import { BETAS, MODELS, judge_body } from './bedrock_rules.mjs'
import { denied, judge_signature } from './signed.mjs'

export const REGION = 'us-east-1'
export const CREDENTIALS = { accessKeyId: 'AKIDSTANDIN000000001', secretAccessKey: 'stand/in+Secret/key0000000000000000000001' }
export const SESSION = { accessKeyId: 'ASIASTANDIN000000002', secretAccessKey: 'stand/in+Secret/key0000000000000000000002',
	sessionToken: 'FwoGZXIvYXdzEBYaDStandIn/Session+Token==' }
export const BEARER = 'bedrock-api-key-c3RhbmQtaW4tYmVhcmVy'
/* An application inference profile and the model behind it. */
export const PROFILE_ARN = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6'
const PROFILES = { [PROFILE_ARN]: 'anthropic.claude-opus-5-5' }

export const TEXT = 'Hello from Bedrock. 안녕하세요 👋'
export const USAGE = { input_tokens: 1000, output_tokens: 500, cache_read_input_tokens: 2000,
	cache_creation_input_tokens: 300 }
const BODY_MAX_BYTES = 25_000_000

/* Statuses of the service model; those of the signature layer are AWS's common errors. */
const STATUS = {
	AccessDeniedException: 403, InternalServerException: 500, ModelErrorException: 424,
	ModelNotReadyException: 429, ModelStreamErrorException: 424, ModelTimeoutException: 408,
	ResourceNotFoundException: 404, ServiceQuotaExceededException: 400, ServiceUnavailableException: 503,
	ThrottlingException: 429, ValidationException: 400, InvalidSignatureException: 403,
	UnrecognizedClientException: 403, MissingAuthenticationTokenException: 403,
	IncompleteSignatureException: 400, ExpiredTokenException: 403, UnknownOperationException: 404,
	RequestEntityTooLargeException: 413,
}

/* --- who asks --- */

/* {name, message} of the refusal, or null. */
async function judge_caller(record, options) {
	const bearer = /^Bearer (.+)$/.exec(record.headers.authorization ?? '')
	if (bearer)
		return bearer[1] === options.bearer ? null
			: denied('AccessDeniedException', 'Authentication failed: Please make sure your API Key is valid.')
	return judge_signature(record, options, 'bedrock')
}

/* --- what is asked --- */

const MESSAGES = '/anthropic/v1/messages'
const ROUTE = /^\/model\/([^/]+)\/(invoke|invoke-with-response-stream|count-tokens)$/
const UNKNOWN_OPERATION = { Output: { __type: 'com.amazon.coral.service#UnknownOperationException' }, Version: '1.0' }

/* {row, name} of MODELS, or the refusal. */
function find_model(id) {
	const tail = /^arn:aws:bedrock:[a-z0-9-]+:\d{12}:inference-profile\/(.+)$/.exec(id)?.[1] ?? id
	const behind = PROFILES[id]
	if (behind)
		return { row: MODELS[behind], name: behind }
	if (MODELS[tail])
		return denied('ValidationException', `Invocation of model ID ${id} with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model.`)
	const [, prefix, name] = /^([a-z-]+)\.(anthropic\..+)$/.exec(tail) ?? []
	const row = MODELS[name]
	if (!row || !row.profiles.includes(prefix))
		return denied('ValidationException', 'The provided model identifier is invalid.')
	if (row.gone)
		return denied('ResourceNotFoundException', 'This model version has reached the end of its life. Please refer to the AWS documentation for more details.')
	return { row, name }
}

/* Counting has base ids only, of models before 4.7. */
function find_counted_model(id) {
	const row = MODELS[id]
	if (!row || row.gone)
		return denied('ValidationException', 'The provided model identifier is invalid.')
	return row.new ? denied('ValidationException', 'The provided model doesn\'t support counting tokens.') : { row, name: id }
}

/* Header values and what they may be (service model; the "x-amzn-bedrock-" is left out). */
const FIELDS = {
	'guardrailidentifier': /^([a-z0-9]{1,64}|arn:aws(-[a-z]+)*:bedrock:[a-z0-9-]{1,20}:\d{12}:guardrail\/[a-z0-9]+)$/,
	'guardrailversion': /^([1-9]\d{0,7}|DRAFT)$/,
	'service-tier': /^(priority|default|flex|reserved)$/,
	'accept': /^application\/json$/,
}
function judge_fields(record) {
	const given = Object.entries(record.headers).filter(([name]) => name.startsWith('x-amzn-bedrock-'))
	for (const [name, value] of given)
		if (!FIELDS[name.slice('x-amzn-bedrock-'.length)]?.test(value))
			return denied('ValidationException', `Value '${value}' at '${name}' failed to satisfy constraint`)
	if (record.has('x-amzn-bedrock-guardrailidentifier') !== record.has('x-amzn-bedrock-guardrailversion'))
		return denied('ValidationException', 'guardrailIdentifier and guardrailVersion must be given together')
	return null
}

function judge_request(record) {
	if (record.headers['content-type'] !== 'application/json')
		return denied('ValidationException', 'The provided Content Type is invalid or not supported for this model')
	if (record.body.length > BODY_MAX_BYTES)
		return denied('RequestEntityTooLargeException', 'Request body too large')
	return parse(record.body)
}
function parse(bytes) {
	try {
		return { body: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) }
	} catch {
		return denied('ValidationException', 'The provided request is not valid')
	}
}

const unexpected_betas = flags =>
	denied('ValidationException', `Unexpected value(s) ${flags.map(f => `\`${f}\``).join(', ')} for the \`anthropic-beta\` header.`)

/* What InvokeModel gets: {body, row, name}, or the refusal. */
function judge_invoke(record, id, script) {
	const model = find_model(id)
	const request = model.message ? model : judge_request(record)
	if (request.message)
		return request
	if (record.has('anthropic-beta'))
		return unexpected_betas([record.headers['anthropic-beta']])
	const wrong = judge_body(request.body, model.row, model.name)
	return wrong && !script.lax ? denied('ValidationException', wrong) : { ...model, body: request.body }
}

/* The Messages endpoint: the model in the body, version and betas in headers. */
function judge_message(record, script) {
	const request = judge_request(record)
	if (request.message)
		return request
	if (typeof request.body?.model !== 'string')
		return denied('ValidationException', 'model: Field required')
	record.model = request.body.model
	const model = find_model(request.body.model)
	if (model.message)
		return model
	if (!record.has('anthropic-version'))
		return denied('ValidationException', 'anthropic-version: header is required')
	const version = record.headers['anthropic-version']
	if (version !== '2023-06-01' && !(model.row.new && version === '2026-10-21'))
		return denied('ValidationException', `anthropic-version: "${version}" is not a valid version`)
	const betas = (record.headers['anthropic-beta'] ?? '').split(',').map(f => f.trim()).filter(Boolean)
	const unknown = betas.filter(f => !BETAS.has(f))
	if (unknown.length > 0 || (record.has('anthropic-beta') && betas.length === 0))
		return unexpected_betas(unknown)
	const wrong = judge_body(request.body, model.row, model.name, new Set(betas))
	return wrong && !script.lax ? denied('ValidationException', wrong) : { ...model, body: request.body }
}

/* CountTokens: {"input":{"invokeModel":{"body":"<base64>"}}} and nothing else. */
function judge_count(record, id, script) {
	const model = find_counted_model(id)
	const request = model.message ? model : judge_request(record)
	if (request.message)
		return request
	const only = (object, name) => Object.keys(object ?? {}).join() === name ? object[name] : undefined
	const text = only(only(only(request.body, 'input'), 'invokeModel'), 'body')
	const bytes = Buffer.from(typeof text === 'string' ? text : '', 'base64')
	if (bytes.length === 0 || bytes.toString('base64') !== text)
		return denied('ValidationException', 'The provided request is not valid')
	const inner = parse(bytes)
	if (inner.message)
		return inner
	record.counted = inner.body
	const wrong = judge_body(inner.body, model.row, model.name)
	return wrong && !script.lax ? denied('ValidationException', wrong) : { ...model, body: inner.body }
}

/* --- answers --- */

export const codec = new EventStreamCodec(toUtf8, fromUtf8)
const text = value => ({ type: 'string', value })

/* A frame as Bedrock sends it: the event in base64, and padding of no fixed length. */
export function chunk_frame(event) {
	const p = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'.slice(0, 2 + randomBytes(1)[0] % 60)
	const payload = { bytes: Buffer.from(JSON.stringify(event)).toString('base64'), p }
	return Buffer.from(codec.encode({ headers: { ':event-type': text('chunk'),
		':content-type': text('application/json'), ':message-type': text('event') },
		body: fromUtf8(JSON.stringify(payload)) }))
}
/* name in lower camel, as on the wire: throttlingException. */
export const exception_frame = (name, message, extra = {}) => Buffer.from(codec.encode({ headers: {
	':exception-type': text(name), ':content-type': text('application/json'), ':message-type': text('exception') },
	body: fromUtf8(JSON.stringify({ message, ...extra })) }))
export const error_frame = (code, message) => Buffer.from(codec.encode({ headers: {
	':error-code': text(code), ':error-message': text(message), ':message-type': text('error') },
	body: new Uint8Array() }))
/* An event in mid-stream of the Messages endpoint. */
export const error_event = (type, message = 'Overloaded') => ({ type: 'error', error: { type, message } })
export const throttled_frame = () => exception_frame('throttlingException', TOO_MANY)
const TOO_MANY = 'Too many tokens, please wait before trying again.'

/* A script: AWS's error before any stream. */
export const exception = (name, message = TOO_MANY, extra = {}) => ({
	status: STATUS[name], headers: { 'x-amzn-errortype': `${name}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
		...extra.headers }, body: { message } })

function end_metrics(event, usage) {
	return event.type !== 'message_stop' ? event : { ...event, 'amazon-bedrock-invocationMetrics': {
		inputTokenCount: usage.input_tokens, outputTokenCount: usage.output_tokens,
		invocationLatency: 1234, firstByteLatency: 321,
		cacheReadInputTokenCount: usage.cache_read_input_tokens ?? 0,
		cacheWriteInputTokenCount: usage.cache_creation_input_tokens ?? 0 } }
}

/* Anthropic's error.type for a refusal of the Messages endpoint. */
const TYPES = { 400: 'invalid_request_error', 404: 'not_found_error', 413: 'request_too_large', 429: 'rate_limit_error' }

function refuse(record, res, headers, { name, message }, envelope) {
	const status = STATUS[name]
	const type = TYPES[status] ?? 'api_error'
	const body = envelope ? { type: 'error', error: { type, message }, request_id: null } : { message }
	const bytes = Buffer.from(JSON.stringify(body))
	record.refused = { name, message }
	record.finished = true
	res.writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': bytes.length,
		...(envelope ? {} : { 'x-amzn-errortype': `${name}:http://internal.amazon.com/coral/com.amazon.bedrock/` }) }).end(bytes)
}
function reply(record, res, headers, body) {
	const bytes = Buffer.from(JSON.stringify(body))
	record.finished = true
	res.writeHead(200, { ...headers, 'content-type': 'application/json', 'content-length': bytes.length }).end(bytes)
}

async function answer(standin, record, res) {
	const headers = { 'x-amzn-requestid': randomUUID(), 'connection': 'keep-alive',
		'date': new Date(standin.options.clock()).toUTCString() }
	const messages = record.path === MESSAGES
	await standin.options.before()
	const [, id, operation] = ROUTE.exec(record.path) ?? []
	const who = standin.options.verify ? await judge_caller(record, standin.options) : null
	if (who)
		return refuse(record, res, headers, who)
	if (record.path.startsWith(`${MESSAGES}/`))
		return reply(record, res, headers, UNKNOWN_OPERATION)
	if ((!messages && !operation) || record.method !== 'POST')
		return refuse(record, res, headers, denied('UnknownOperationException', 'Unknown operation'))
	const script = standin.take(record)
	if (operation)
		record.model = decodeURIComponent(id)
	const counts = operation === 'count-tokens'
	const request = judge_fields(record) ?? (messages ? judge_message(record, script)
		: counts ? judge_count(record, record.model, script) : judge_invoke(record, record.model, script))
	if (request.message)
		return refuse(record, res, headers, request, messages && script.shape !== 'aws')
	if (await standin.play(record, res, script, headers))
		return
	if (counts)
		return reply(record, res, headers, { inputTokens: script.inputTokens ?? Math.ceil(JSON.stringify(request.body).length / 4) })
	const usage = script.usage ?? USAGE
	const message = message_for(request.body, script, { idPrefix: 'msg_bdrk_01',
		model: messages ? request.body.model : request.name.replace('anthropic.', ''), text: script.text ?? TEXT, usage })
	if (messages)
		return request.body.stream ? stream_events(res, record, script, headers, message) : reply(record, res, headers, message)
	if (operation === 'invoke-with-response-stream')
		return stream_frames(res, record, script, headers, message, usage)
	reply(record, res, { ...headers,
		'x-amzn-bedrock-input-token-count': usage.input_tokens,
		'x-amzn-bedrock-output-token-count': usage.output_tokens,
		'x-amzn-bedrock-cache-read-input-token-count': usage.cache_read_input_tokens ?? 0,
		'x-amzn-bedrock-cache-write-input-token-count': usage.cache_creation_input_tokens ?? 0,
		'x-amzn-bedrock-invocation-latency': 1234 }, message)
}

async function stream_events(res, record, script, headers, message) {
	const writer = new Writer(res, record, script)
	const frame = script.frame ?? sse
	writer.head(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
	for (const event of script.rawEvents ?? events_for(message, script, { ping: script.pings ?? false })) {
		if (script.eventAfter?.[0] === writer.events) {
			await writer.event(() => frame(script.eventAfter[1]))
			return writer.end()
		}
		await writer.event(() => frame(typeof event === 'function' ? event() : event))
	}
	writer.end()
}

async function stream_frames(res, record, script, headers, message, usage) {
	const writer = new Writer(res, record, script)
	writer.head(200, { ...headers, 'content-type': 'application/vnd.amazon.eventstream',
		'x-amzn-bedrock-content-type': 'application/json' })
	if (script.firstFrame) {
		await writer.event(() => script.firstFrame)
		return writer.end()
	}
	for (const event of script.rawEvents ?? events_for(message, script, { ping: false })) {
		const at = writer.events
		if (script.frameAfter?.[0] === at) {
			await writer.event(() => script.frameAfter[1])
			return writer.end()
		}
		await writer.event(() => {
			const body = typeof event === 'function' ? event() : event
			const frame = chunk_frame(end_metrics(body, usage))
			if (script.badCrcAfter === at)
				frame[frame.length - 1] ^= 0xff
			return frame
		})
	}
	writer.end()
}

/*
 * options: verify (true), region, credentials (array), bearer, clock, expired, before. What the proxy needs
 * to reach it: bedrock.environment.
 */
export async function start_bedrock(options = {}, tls = null) {
	const standin = new Standin(answer, tls)
	standin.options = { verify: true, region: REGION, credentials: [CREDENTIALS, SESSION], bearer: BEARER,
		clock: () => Date.now(), expired: () => false, before: () => {}, ...options }
	await standin.listen()
	standin.environment = {
		AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standin.url, AWS_REGION: standin.options.region,
		AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
	}
	return standin
}
