/* Our signatures, against those of AWS's own package: 1,000 requests that nobody chose. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, randomBytes, randomInt } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { PROGRAMS, temp_folder } from './harness.mjs'

const REQUESTS = 1000
const BODY_MAX_BYTES = 25 * 1024 * 1024
const pick = list => list[randomInt(list.length)]
const word = (letters, max) => Array.from({ length: 1 + randomInt(max) }, () => pick(letters)).join('')
const PLAIN = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~']

const ids = [
	() => `us.anthropic.claude-${word(PLAIN, 20)}-v1:0`,
	() => encodeURIComponent(`us.anthropic.claude-${word(PLAIN, 20)}-v1:0`),
	() => encodeURIComponent(`arn:aws:bedrock:us-east-1:${randomInt(1e11, 1e12)}:application-inference-profile/${word(PLAIN, 12)}`),
	() => `arn:aws:bedrock:eu-west-1:${randomInt(1e11, 1e12)}:inference-profile%2F${word(PLAIN, 12)}`,
	() => `m${word([...PLAIN, ':', '%3A', '%2F', '%20', '%ED%99%8D'], 40)}`, /* no segment of dots: AWS's package takes those away, ours leaves that to its callers */
]
const parameter = () => [word(PLAIN, 8), word([...PLAIN, ' ', '/', ':', '+', '&', '=', '홍'], 10)]

function request() {
	const query = randomInt(3) ? {} : Object.fromEntries(Array.from({ length: 1 + randomInt(4) }, parameter))
	return {
		method: pick(['POST', 'GET', 'PUT']), query,
		path: `/model/${pick(ids)()}/${pick(['invoke', 'invoke-with-response-stream', 'count-tokens'])}`,
		host: pick(['bedrock-runtime.us-east-1.amazonaws.com', '127.0.0.1:8123']), region: pick(['us-east-1', 'ap-northeast-2', 'us-gov-west-1']),
		service: pick(['bedrock', 'dynamodb', 'sts']), time: 1_600_000_000 + randomInt(400_000_000),
		keyId: `AKIA${word([...'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'], 16)}`, secret: word([...PLAIN, '/', '+', '='], 40),
		token: randomInt(2) ? word([...PLAIN, '/', '+', '='], 900) : '',
		bytes: randomInt(50) ? randomInt(100_000) : randomInt(BODY_MAX_BYTES + 1),
	}
}

async function by_aws(r, body) {
	const signer = new SignatureV4({ service: r.service, region: r.region, sha256: Sha256,
		credentials: { accessKeyId: r.keyId, secretAccessKey: r.secret, sessionToken: r.token || undefined } })
	const [hostname, port] = r.host.split(':')
	const signed = await signer.sign({ method: r.method, protocol: 'https:', hostname, port: port && Number(port), path: r.path, query: r.query,
		headers: { host: r.host, 'content-type': 'application/json',
			'x-amz-content-sha256': createHash('sha256').update(body.subarray(0, r.bytes)).digest('hex') } },
	{ signingDate: new Date(r.time * 1000) })
	return signed.headers.authorization
}

test(`${REQUESTS} random requests are signed as AWS's package signs them`, async () => {
	const build = path.resolve(PROGRAMS, '..')
	execFileSync('make', ['-s', '-C', build, 'tests/system/sign'])
	const folder = temp_folder(), file = path.join(folder, 'body')
	const body = randomBytes(BODY_MAX_BYTES)
	fs.writeFileSync(file, body)
	const requests = Array.from({ length: REQUESTS }, request)
	const escape = text => encodeURIComponent(text).replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
	const lines = requests.map(r => [r.method, r.path, Object.entries(r.query).map(p => p.map(escape).join('=')).join('&'),
		r.host, r.region, r.service, r.time, r.keyId, r.secret, r.token, r.bytes].join('\x1f'))
	const ours = spawnSync(path.join(build, 'tests/system/sign'), [file], { input: lines.join('\n'), maxBuffer: 1 << 26 })
	fs.rmSync(folder, { recursive: true })
	assert.equal(ours.status, 0, ours.stderr.toString())
	const signatures = ours.stdout.toString().trim().split('\n')
	for (const [i, r] of requests.entries())
		assert.equal(signatures[i], await by_aws(r, body), JSON.stringify(r))
})
