/*
 * Who signed a request, by AWS's own package: what the stand-ins of Bedrock and DynamoDB share.
 * Source: SigV4 reference (2026); the words are those of AWS's endpoints.
 */
import { createHash } from 'node:crypto'
import { Sha256 } from '@aws-crypto/sha256-js'
import { HttpRequest } from '@smithy/protocol-http'
import { SignatureV4 } from '@smithy/signature-v4'

const CLOCK_SKEW_MS = 5 * 60_000
const sha256_hex = bytes => createHash('sha256').update(bytes).digest('hex')
export const denied = (name, message) => ({ name, message })

/*
 * {name, message} of the refusal, or null; own: the service as it is signed.
 * options: region, credentials (array), clock() in ms, expired(keyId).
 */
export async function judge_signature(record, options, own) {
	const given = record.headers.authorization
	if (!given)
		return denied('MissingAuthenticationTokenException', 'Missing Authentication Token')
	const parts = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(given)
	if (!parts)
		return denied('IncompleteSignatureException', `Authorization header is not as AWS Signature Version 4 wants it. Authorization=${sha256_hex(given)}`)
	const now = options.clock()
	const [, keyId, day, region, service, signedList, signature] = parts
	const credentials = options.credentials.find(c => c.accessKeyId === keyId)
	if (!credentials || (record.headers['x-amz-security-token'] ?? undefined) !== credentials.sessionToken)
		return denied('UnrecognizedClientException', 'The security token included in the request is invalid.')
	if (options.expired(keyId))
		return denied('ExpiredTokenException', 'The security token included in the request is expired')
	if (region !== options.region)
		return denied('InvalidSignatureException', 'Credential should be scoped to a valid region. ')
	if (service !== own)
		return denied('InvalidSignatureException', `Credential should be scoped to correct service: '${own}'.`)
	const date = read_date(record.headers['x-amz-date'])
	if (!date || !record.headers['x-amz-date'].startsWith(day))
		return denied('InvalidSignatureException', 'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP')
	if (date.getTime() < now - CLOCK_SKEW_MS)
		return denied('InvalidSignatureException', `Signature expired: ${record.headers['x-amz-date']} is now earlier than ${basic(now - CLOCK_SKEW_MS)} (${basic(now)} - 5 min.)`)
	if (date.getTime() > now + CLOCK_SKEW_MS)
		return denied('InvalidSignatureException', `Signature not yet current: ${record.headers['x-amz-date']} is still later than ${basic(now + CLOCK_SKEW_MS)} (${basic(now)} + 5 min.)`)
	return compare_signature(record, { credentials, region, service, date, signed: signedList.split(';'), signature })
}

/* 20261122T010203Z */
const basic = ms => new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '')
function read_date(text) {
	const p = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text ?? '')
	return p ? new Date(Date.UTC(p[1], p[2] - 1, p[3], p[4], p[5], p[6])) : null
}

async function compare_signature(record, { credentials, region, service, date, signed, signature }) {
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
	const signer = new SignatureV4({ credentials, region, service, sha256: Sha256,
		applyChecksum: signed.includes('x-amz-content-sha256') })
	/* The signer encodes the wire path once more: "%3A" is signed as "%253A". */
	const request = new HttpRequest({ method: record.method, protocol: 'http:', hostname: 'stand.in',
		path: record.path, query, headers, body: record.body })
	const ours = await signer.sign(request, { signingDate: date, signableHeaders: new Set(signed) })
	return ours.headers.authorization.endsWith(`Signature=${signature}`) ? null
		: denied('InvalidSignatureException', 'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.')
}
