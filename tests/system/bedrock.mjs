/*
 * A stand-in of bedrock-runtime: InvokeModel and InvokeModelWithResponseStream. Every signature is
 * recomputed with AWS's own signer, every stream framed with AWS's own codec, every body judged as
 * Bedrock judges it (bedrock_rules.mjs). Sources: botocore service model (2026-08-07), SigV4
 * reference, the AWS SDK for JavaScript 3.1163.0 (its requests pass this verifier).
 *
 *   const bedrock = await start_bedrock()
 *   bedrock.script(exception('ThrottlingException'))      before the stream
 *   bedrock.script({ firstFrame: throttled_frame() })     first frame of a 200
 *   bedrock.script({ frameAfter: [3, frame] })            in mid-stream, then the end
 *   bedrock.script({ badCrcAfter: 3 })                    the 4th frame's last byte is wrong
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { Sha256 } from '@aws-crypto/sha256-js'
import { EventStreamCodec } from '@smithy/eventstream-codec'
import { HttpRequest } from '@smithy/protocol-http'
import { SignatureV4 } from '@smithy/signature-v4'
import { fromUtf8, toUtf8 } from '@smithy/util-utf8'
import { Standin, Writer } from './standin.mjs'
import { events_for, message_for } from './answers.mjs'
import { MODELS, judge_body } from './bedrock_rules.mjs'

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
const CLOCK_SKEW_MS = 5 * 60_000

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

const sha256_hex = bytes => createHash('sha256').update(bytes).digest('hex')
const denied = (name, message) => ({ name, message })

/* {name, message} of the refusal, or null. */
async function judge_signature(record, options) {
	const given = record.headers.authorization
	if (!given)
		return denied('MissingAuthenticationTokenException', 'Missing Authentication Token')
	const bearer = /^Bearer (.+)$/.exec(given)
	if (bearer)
		return bearer[1] === options.bearer ? null
			: denied('AccessDeniedException', 'Authentication failed: Please make sure your API Key is valid.')
	const parts = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(given)
	if (!parts)
		return denied('IncompleteSignatureException', `Authorization header is not as AWS Signature Version 4 wants it. Authorization=${sha256_hex(given)}`)
	const [, keyId, day, region, service, signedList, signature] = parts
	const credentials = options.credentials.find(c => c.accessKeyId === keyId)
	if (!credentials || (record.headers['x-amz-security-token'] ?? undefined) !== credentials.sessionToken)
		return denied('UnrecognizedClientException', 'The security token included in the request is invalid.')
	if (region !== options.region)
		return denied('InvalidSignatureException', `Credential should be scoped to a valid region. `)
	if (service !== 'bedrock')
		return denied('InvalidSignatureException', `Credential should be scoped to correct service: 'bedrock'.`)
	const date = read_date(record.headers['x-amz-date'])
	if (!date || !record.headers['x-amz-date'].startsWith(day))
		return denied('InvalidSignatureException', 'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP')
	if (Math.abs(Date.now() - date.getTime()) > CLOCK_SKEW_MS)
		return denied('InvalidSignatureException', `Signature expired: ${record.headers['x-amz-date']} is now earlier than the allowed time`)
	return compare_signature(record, { credentials, region, date, signed: signedList.split(';'), signature })
}

function read_date(text) {
	const p = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text ?? '')
	return p ? new Date(Date.UTC(p[1], p[2] - 1, p[3], p[4], p[5], p[6])) : null
}

async function compare_signature(record, { credentials, region, date, signed, signature }) {
	if (!signed.includes('host'))
		return denied('InvalidSignatureException', `'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.`)
	if (signed.join(';') !== [...signed].sort().join(';'))
		return denied('IncompleteSignatureException', 'SignedHeaders must be sorted')
	const unsigned = Object.keys(record.headers).filter(h => h.startsWith('x-amz-') && !signed.includes(h))
	if (unsigned.length > 0)
		return denied('InvalidSignatureException', `There were headers present in the request which were not signed: ${unsigned}`)
	const hash = record.headers['x-amz-content-sha256']
	if (hash !== undefined && hash !== sha256_hex(record.body))
		return denied('InvalidSignatureException', 'The provided \'x-amz-content-sha256\' header does not match what was computed.')
	const missing = signed.filter(h => record.headers[h] === undefined)
	if (missing.length > 0)
		return denied('InvalidSignatureException', `Signed headers are absent: ${missing}`)
	const skip = ['x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256']
	const headers = Object.fromEntries(signed.filter(h => !skip.includes(h)).map(h => [h, record.all(h).join(',')]))
	const query = {}
	for (const [name, value] of new URLSearchParams(record.query))
		query[name] = name in query ? [query[name], value].flat() : value
	const signer = new SignatureV4({ credentials, region, service: 'bedrock', sha256: Sha256,
		applyChecksum: signed.includes('x-amz-content-sha256') })
	/* The signer encodes the wire path once more: "%3A" is signed as "%253A". */
	const request = new HttpRequest({ method: record.method, protocol: 'http:', hostname: 'stand.in',
		path: record.path, query, headers, body: record.body })
	const ours = await signer.sign(request, { signingDate: date, signableHeaders: new Set(signed) })
	return ours.headers.authorization.endsWith(`Signature=${signature}`) ? null
		: denied('InvalidSignatureException', 'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.')
}

/* --- what is asked --- */

const ROUTE = /^\/model\/([^/]+)\/(invoke|invoke-with-response-stream)$/

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

function judge_request(record, stream) {
	if (record.headers['content-type'] !== 'application/json')
		return denied('ValidationException', 'The provided Content Type is invalid or not supported for this model')
	if (record.has('anthropic-beta'))
		return denied('ValidationException', `Unexpected value(s) \`${record.headers['anthropic-beta']}\` for the \`anthropic-beta\` header.`)
	if (record.body.length > BODY_MAX_BYTES)
		return denied('RequestEntityTooLargeException', 'Request body too large')
	try {
		return { body: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(record.body)) }
	} catch {
		return denied('ValidationException', 'The provided request is not valid')
	}
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

async function answer(standin, record, res) {
	const requestId = randomUUID()
	const headers = { 'x-amzn-requestid': requestId, 'connection': 'keep-alive' }
	const refuse = ({ name, message }) => {
		record.refused = { name, message }
		record.finished = true
		const bytes = Buffer.from(JSON.stringify({ message }))
		res.writeHead(STATUS[name], { ...headers, 'content-type': 'application/json',
			'x-amzn-errortype': `${name}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
			'content-length': bytes.length }).end(bytes)
	}

	if (standin.options.verify) {
		const who = await judge_signature(record, standin.options)
		if (who)
			return refuse(who)
	}
	const route = ROUTE.exec(record.path)
	if (!route || record.method !== 'POST')
		return refuse(denied('UnknownOperationException', 'Unknown operation'))
	record.model = decodeURIComponent(route[1])
	const stream = route[2] === 'invoke-with-response-stream'
	const model = find_model(record.model)
	if (model.message)
		return refuse(model)
	const request = judge_request(record, stream)
	if (request.message)
		return refuse(request)
	const script = standin.take(record)
	const wrong = judge_body(request.body, model.row, model.name)
	if (wrong && !script.lax)
		return refuse(denied('ValidationException', wrong))
	if (await standin.play(record, res, script, headers))
		return

	const usage = script.usage ?? USAGE
	const message = message_for(request.body, script, { idPrefix: 'msg_bdrk_01',
		model: model.name.replace('anthropic.', ''), text: script.text ?? TEXT, usage })
	if (!stream) {
		const bytes = Buffer.from(JSON.stringify(message))
		record.finished = true
		res.writeHead(200, { ...headers, 'content-type': 'application/json', 'content-length': bytes.length,
			'x-amzn-bedrock-input-token-count': usage.input_tokens,
			'x-amzn-bedrock-output-token-count': usage.output_tokens,
			'x-amzn-bedrock-cache-read-input-token-count': usage.cache_read_input_tokens ?? 0,
			'x-amzn-bedrock-cache-write-input-token-count': usage.cache_creation_input_tokens ?? 0,
			'x-amzn-bedrock-invocation-latency': 1234 }).end(bytes)
		return
	}
	await stream_frames(res, record, script, headers, message, usage)
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
 * options: verify (true), region, credentials (array), bearer. What the proxy needs to reach it:
 * bedrock.environment.
 */
export async function start_bedrock(options = {}, tls = null) {
	const standin = new Standin(answer, tls)
	standin.options = { verify: true, region: REGION, credentials: [CREDENTIALS, SESSION], bearer: BEARER, ...options }
	await standin.listen()
	standin.environment = {
		AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standin.url, AWS_REGION: standin.options.region,
		AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
	}
	return standin
}
