/*
 * Stand-ins of the services that give AWS credentials: STS, a container's endpoint (ECS, EKS Pod
 * Identity) and the instance metadata service, version 2 only. Signatures are recomputed with AWS's
 * own signer. Each judges what it is asked and answers a wrong request as AWS does.
 *
 * Sources: STS API reference (2011-06-15), AWS SDKs and Tools Reference Guide "Container credential
 * provider" (2026), EC2 User Guide "Use the Instance Metadata Service" (2026).
 *
 *   const sts = await start_sts({ gives: SESSION, knows: [CREDENTIALS] })
 *   sts.options.tokens = ['jwt-1']              web identity tokens that it takes
 *   sts.script({ status: 500, body: '' })       what the next request gets (see standin.mjs)
 */
import { randomBytes } from 'node:crypto'
import { Sha256 } from '@aws-crypto/sha256-js'
import { HttpRequest } from '@smithy/protocol-http'
import { SignatureV4 } from '@smithy/signature-v4'
import { Standin } from './standin.mjs'

const CLOCK_SKEW_MS = 5 * 60_000
const iso = at_ms => new Date(at_ms).toISOString().replace(/\.\d+Z$/, 'Z')
export const in_seconds = s => Date.now() + s * 1000

const send = (record, res, status, type, text, headers = {}) => {
	const bytes = Buffer.from(text)
	record.status = status
	record.finished = true
	res.writeHead(status, { 'content-type': type, 'content-length': bytes.length, ...headers }).end(bytes)
}

/* --- STS --- */

const escape_xml = s => s.replace(/[&<>]/g, c => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c])

function sts_error(record, res, status, code, message, headers) {
	record.refused = code
	send(record, res, status, 'text/xml', `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>${code}</Code>
    <Message>${escape_xml(message)}</Message>
  </Error>
  <RequestId>d9d47248-fd55-4686-ad7c-0fb7cd1cddd7</RequestId>
</ErrorResponse>
`, headers)
}

/* {code, message}, or the credentials that signed. */
async function judge_signature(record, options) {
	const parts = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/
		.exec(record.headers.authorization ?? '')
	if (!parts)
		return { code: 'MissingAuthenticationToken', message: 'Request is missing Authentication Token' }
	const [, id, day, region, service, list, signature] = parts
	const credentials = options.knows.find(c => c.accessKeyId === id)
	if (!credentials || record.headers['x-amz-security-token'] !== credentials.sessionToken)
		return { code: 'InvalidClientTokenId', message: 'The security token included in the request is invalid.' }
	if (region !== options.region || service !== 'sts')
		return { code: 'SignatureDoesNotMatch', message: 'Credential should be scoped to a valid region and service.' }
	const d = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(record.headers['x-amz-date'] ?? '')
	const date = d && new Date(Date.UTC(d[1], d[2] - 1, d[3], d[4], d[5], d[6]))
	if (!date || !record.headers['x-amz-date'].startsWith(day) ||
		Math.abs(date.getTime() - options.clock()) > CLOCK_SKEW_MS)
		return { code: 'SignatureDoesNotMatch', message: `Signature expired: ${record.headers['x-amz-date']} is now earlier than the allowed time` }
	const signed = list.split(';')
	for (const needed of ['content-type', 'host', 'x-amz-date'])
		if (!signed.includes(needed))
			return { code: 'SignatureDoesNotMatch', message: `${needed} must be signed` }
	const skip = ['x-amz-date', 'x-amz-security-token']
	const signer = new SignatureV4({ credentials, region, service, sha256: Sha256, applyChecksum: false })
	const ours = await signer.sign(new HttpRequest({ method: record.method, protocol: 'http:', hostname: 'stand.in', path: record.path,
		headers: Object.fromEntries(signed.filter(h => !skip.includes(h)).map(h => [h, record.headers[h]])), body: record.body }),
	{ signingDate: date, signableHeaders: new Set(signed) })
	return ours.headers.authorization.endsWith(`Signature=${signature}`) ? credentials
		: { code: 'SignatureDoesNotMatch', message: 'The request signature we calculated does not match the signature you provided.' }
}

async function answer_sts(standin, record, res) {
	const o = standin.options
	const date = { date: new Date(o.clock()).toUTCString() }
	const wrong = (code, message, status = 400) => sts_error(record, res, status, code, message, date)
	if (record.method !== 'POST' || record.path !== '/' || record.headers['content-type'] !== 'application/x-www-form-urlencoded')
		return wrong('InvalidAction', 'Could not find operation', 404)
	/* "+" would be a blank: AWS's clients send %20, and so must we */
	if (record.body.includes('+'))
		return wrong('ValidationError', 'plus sign in the form')
	const form = Object.fromEntries(new URLSearchParams(record.body.toString()))
	record.form = form
	if (await standin.play(record, res, standin.take(record), {}))
		return
	if (form.Version !== '2011-06-15')
		return wrong('NoSuchVersion', 'The requested version is not valid')
	if (!/^arn:aws:iam::\d{12}:role\/.+$/.test(form.RoleArn ?? ''))
		return wrong('ValidationError', `${form.RoleArn} is invalid`)
	if (!/^[\w+=,.@-]{2,64}$/.test(form.RoleSessionName ?? ''))
		return wrong('ValidationError', 'Value at \'roleSessionName\' failed to satisfy constraint')
	if (form.Action === 'AssumeRoleWithWebIdentity') {
		if (record.headers.authorization)
			return wrong('ValidationError', 'signed')
		if (!o.tokens.includes(form.WebIdentityToken))
			return wrong('InvalidIdentityToken', 'No OpenIDConnect provider found in your account for <this>')
	} else if (form.Action === 'AssumeRole') {
		const who = await judge_signature(record, o)
		if (who.code)
			return wrong(who.code, who.message, 403)
		record.signer = who.accessKeyId
		if (form.ExternalId !== o.externalId)
			return wrong('AccessDenied', `User: ${who.accessKeyId} is not authorized to perform: sts:AssumeRole on resource: ${form.RoleArn}`, 403)
	} else {
		return wrong('InvalidAction', `Could not find operation ${form.Action}`)
	}
	const gives = typeof o.gives === 'function' ? o.gives(form) : o.gives
	send(record, res, 200, 'text/xml', `<${form.Action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <${form.Action}Result>
    <AssumedRoleUser><AssumedRoleId>AROATEST:${form.RoleSessionName}</AssumedRoleId><Arn>${form.RoleArn}</Arn></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>${gives.accessKeyId}</AccessKeyId>
      <SecretAccessKey>${escape_xml(gives.secretAccessKey)}</SecretAccessKey>
      <SessionToken>${escape_xml(gives.sessionToken)}</SessionToken>
      <Expiration>${iso(o.expires())}</Expiration>
    </Credentials>
  </${form.Action}Result>
</${form.Action}Response>
`, date)
}

async function start(answer, options) {
	const standin = new Standin(answer, null)
	standin.options = { expires: () => in_seconds(3600), ...options }
	return standin.listen()
}

export const start_sts = options => start(answer_sts, { region: 'us-east-1', tokens: [], knows: [], clock: () => Date.now(), ...options })

/* --- a container's endpoint --- */

const keys_json = (gives, expires) => JSON.stringify({ RoleArn: 'arn:aws:iam::123456789012:role/task', AccessKeyId: gives.accessKeyId,
	SecretAccessKey: gives.secretAccessKey, Token: gives.sessionToken, Expiration: iso(expires) })

async function answer_container(standin, record, res) {
	const o = standin.options
	const wrong = (status, Code, Message) => {
		record.refused = Code
		send(record, res, status, 'application/json', JSON.stringify({ Code, Message }))
	}
	if (await standin.play(record, res, standin.take(record), {}))
		return
	if (record.method !== 'GET' || record.url !== o.path)
		return wrong(404, 'NotFound', 'no such path')
	if (o.authorization() !== record.headers.authorization)
		return wrong(401, 'AccessDenied', 'the token is not known')
	send(record, res, 200, 'application/json', keys_json(o.gives(), o.expires()))
}

/* options: gives(), expires(), authorization() (undefined: none wanted), path */
export const start_container = options => start(answer_container, { path: '/v1/credentials', authorization: () => undefined, ...options })

/* --- IMDSv2 --- */

async function answer_imds(standin, record, res) {
	const o = standin.options
	const plain = (status, text, headers) => send(record, res, status, 'text/plain', text, headers)
	const base = '/latest/meta-data/iam/security-credentials/'
	if (await standin.play(record, res, standin.take(record), {}))
		return
	if (record.headers['x-forwarded-for'])
		return plain(403, '')
	if (record.method === 'PUT' && record.url === '/latest/api/token') {
		const ttl = Number(record.headers['x-aws-ec2-metadata-token-ttl-seconds'])
		if (!(ttl >= 1 && ttl <= 21600))
			return plain(400, '')
		const token = randomBytes(42).toString('base64')
		o.sessions.add(token)
		return plain(200, token, { 'x-aws-ec2-metadata-token-ttl-seconds': String(ttl) })
	}
	/* version 1 is off, as on every instance that is set up well */
	if (record.method !== 'GET' || !o.sessions.has(record.headers['x-aws-ec2-metadata-token']))
		return plain(401, '')
	if (record.url === base)
		return o.role ? plain(200, o.role) : plain(404, '')
	if (record.url === base + o.role)
		return plain(200, JSON.stringify({ Code: 'Success', LastUpdated: iso(Date.now()), Type: 'AWS-HMAC',
			...JSON.parse(keys_json(o.gives(), o.expires())) }))
	plain(404, '')
}

/* options: gives(), expires(), role; options.sessions.clear() ends every session token */
export const start_imds = options => start(answer_imds, { role: 'my-instance-role', sessions: new Set(), ...options })

