/*
 * The ways to AWS credentials, each with a strict stand-in of the service that gives them. Bedrock's
 * stand-in checks every signature, so an answer means that the right credentials arrived.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { after } from 'node:test'
import { in_seconds, start_container, start_imds, start_sts } from './aws.mjs'
import * as A from './anthropic.mjs'
import * as B from './bedrock.mjs'
import { provider } from './client.mjs'
import { BESIDE, suite, temp_folder, wait_until } from './harness.mjs'

const s = suite()
const folder = temp_folder()
after(() => fs.rmSync(folder, { recursive: true, force: true }))
const file = (name, text) => {
	const where = path.join(folder, name)
	fs.writeFileSync(where, text)
	return where
}
const ROLE = 'arn:aws:iam::123456789012:role/team/bedrock+caller'
/* No keys in the environment, one cache, and one thing at a time set by the test. */
const bare = over => ({ AWS_ACCESS_KEY_ID: null, AWS_SECRET_ACCESS_KEY: null, AWS_CONFIG_FILE: path.join(folder, 'none'),
	AWS_SHARED_CREDENTIALS_FILE: path.join(folder, 'none'), WORKERS: '1', ...over })
const signer = record => /Credential=([^/]+)\//.exec(record.headers.authorization)[1]

/* One request through a bare 429; gives who signed it. */
async function ask({ anthropic, bedrock, user, key }, proxy) {
	anthropic.script(A.rate_limited(null))
	const answer = await proxy.ask({ user, key })
	assert.equal(provider(answer), 'bedrock', `${answer.text}\nrefused: ${JSON.stringify(bedrock.last?.refused)}`)
	assert.equal(answer.status, 200, answer.text)
	return signer(bedrock.last)
}
/* One that Bedrock cannot answer: Anthropic's 429 goes back; gives the log line that says why. */
async function ask_in_vain({ anthropic, bedrock, user, key }, proxy) {
	const asked = bedrock.requests.length
	anthropic.script(A.rate_limited(null))
	const answer = await proxy.ask({ user, key })
	assert.equal(answer.status, 429, answer.text)
	assert.equal(bedrock.requests.length, asked, 'nothing unsigned goes to Bedrock')
	assert.doesNotMatch(proxy.log(), /stand\/in\+Secret|jwt-|Session\+Token/, 'no secret in the log')
	return proxy.log().split('\n').findLast(line => line.includes('no AWS credentials'))
}
async function using(standin, run) {
	try {
		await run(standin)
	} finally {
		await standin.close()
	}
}

s.test('a web identity: STS, and the token read from its file each time', async t => {
	await using(await start_sts({ gives: B.SESSION, tokens: ['jwt-1'] }), async sts => {
		const token = file('token', 'jwt-1\n')
		await t.with(bare({ AWS_WEB_IDENTITY_TOKEN_FILE: token, AWS_ROLE_ARN: ROLE, AWS_ROLE_SESSION_NAME: 'claude@box',
			AWS_ENDPOINT_URL_STS: sts.url }), async proxy => {
			sts.options.expires = () => in_seconds(2)
			assert.equal(await ask(t, proxy), B.SESSION.accessKeyId)
			assert.deepEqual(sts.last.form, { Action: 'AssumeRoleWithWebIdentity', Version: '2011-06-15', RoleArn: ROLE,
				RoleSessionName: 'claude@box', WebIdentityToken: 'jwt-1' })
			assert.ok(!sts.last.has('authorization'))
			file('token', 'jwt-2')
			sts.options.tokens = ['jwt-2']
			sts.options.expires = () => in_seconds(3600)
			await wait_until(async () => {
				assert.equal(await ask(t, proxy), B.SESSION.accessKeyId)
				return sts.requests.length > 1
			}, 'the two seconds end')
			assert.equal(sts.last.form.WebIdentityToken, 'jwt-2')
			assert.equal(await ask(t, proxy), B.SESSION.accessKeyId)
			assert.equal(sts.requests.length, 2)
		})
	})
})
/* Under mod_fcgid each process has credentials of its own. */
const shared = { skip: !BESIDE }

s.test('one asks STS, however many requests need credentials', shared, async t => {
	await using(await start_sts({ gives: B.SESSION, tokens: ['jwt-1'] }), async sts => {
		await t.with(bare({ AWS_WEB_IDENTITY_TOKEN_FILE: file('token', 'jwt-1'), AWS_ROLE_ARN: ROLE, AWS_ENDPOINT_URL_STS: sts.url }),
			async proxy => {
				sts.script({ delayMs: 300 })
				const all = await Promise.all(Array.from({ length: 20 }, () => ask(t, proxy)))
				assert.deepEqual(new Set(all), new Set([B.SESSION.accessKeyId]))
				assert.equal(sts.requests.length, 1)
			})
	})
})
s.test('a profile: its role, signed with its source\'s keys; region and endpoints of the profile', async t => {
	await using(await start_sts({ gives: B.SESSION, knows: [B.CREDENTIALS], externalId: 'a b&c' }), async sts => {
		const config = file('config', `[profile work]\nregion = us-east-1\nservices = here\nrole_arn = ${ROLE}\nsource_profile = base\nexternal_id = a b&c
[services here]\nsts =\n  endpoint_url = ${sts.url}\nbedrock_runtime =\n  endpoint_url = ${t.bedrock.url}/\n`)
		const credentials = file('credentials', `[base]\naws_access_key_id = ${B.CREDENTIALS.accessKeyId}\naws_secret_access_key = ${B.CREDENTIALS.secretAccessKey}\n`)
		await t.with(bare({ AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: credentials, AWS_PROFILE: 'work', AWS_REGION: null,
			AWS_ENDPOINT_URL_BEDROCK_RUNTIME: null }), async proxy => {
			/* STS has a bad moment first */
			sts.script({ status: 503, body: '' })
			assert.equal(await ask(t, proxy), B.SESSION.accessKeyId)
			assert.equal(sts.requests.length, 2)
			assert.equal(sts.last.signer, B.CREDENTIALS.accessKeyId)
			assert.match(sts.last.form.RoleSessionName, /^claude-code-proxy-\d+$/)
		})
	})
})
s.test('roles in a row: each is assumed with the one before', async t => {
	const middle = { accessKeyId: 'ASIAMIDDLE0000000003', secretAccessKey: 'stand/in+Secret/middle', sessionToken: 'Session+Token/middle==' }
	const gives = form => form.RoleArn.endsWith('/first') ? middle : B.SESSION
	await using(await start_sts({ gives, knows: [B.CREDENTIALS, middle] }), async sts => {
		const config = file('config', `[default]\nrole_arn = ${ROLE}\nsource_profile = b\n[profile b]\nrole_arn = arn:aws:iam::123456789012:role/first\nsource_profile = c
[profile c]\naws_access_key_id = ${B.CREDENTIALS.accessKeyId}\naws_secret_access_key = ${B.CREDENTIALS.secretAccessKey}\n`)
		await t.with(bare({ AWS_CONFIG_FILE: config, AWS_ENDPOINT_URL_STS: sts.url }), async proxy => {
			assert.equal(await ask(t, proxy), B.SESSION.accessKeyId)
			assert.deepEqual(sts.requests.map(r => r.signer), [B.CREDENTIALS.accessKeyId, middle.accessKeyId])
		})
	})
})
s.test('a clock that is an hour off: AssumeRole is signed once more by AWS\'s', async t => {
	await using(await start_sts({ gives: B.SESSION, knows: [B.CREDENTIALS], clock: () => in_seconds(3600), expires: () => in_seconds(7200) }), async sts => {
		const config = file('config', `[default]\nrole_arn = ${ROLE}\nsource_profile = default
aws_access_key_id = ${B.CREDENTIALS.accessKeyId}\naws_secret_access_key = ${B.CREDENTIALS.secretAccessKey}\n`)
		await t.with(bare({ AWS_CONFIG_FILE: config, AWS_ENDPOINT_URL_STS: sts.url }), async proxy => {
			t.anthropic.script(A.rate_limited(null))
			await proxy.ask(t)
			assert.deepEqual(sts.requests.map(r => r.refused ?? 'ok'), ['SignatureDoesNotMatch', 'ok'])
		})
	})
})
s.test('credential_process, asked again when its credentials end', async t => {
	const answer = (keys, s) => file('answer.json', JSON.stringify({ Version: 1, AccessKeyId: keys.accessKeyId, SecretAccessKey: keys.secretAccessKey,
		SessionToken: keys.sessionToken ?? null, Expiration: new Date(in_seconds(s)).toISOString() }))
	const config = file('config', `[default]\ncredential_process = cat "${folder}/answer.json" | cat && test ! -t 0\n`)
	answer(B.SESSION, 60)
	await t.with(bare({ AWS_CONFIG_FILE: config }), async proxy => {
		answer(B.SESSION, 8) /* now: a start may take longer than they live */
		assert.equal(await ask(t, proxy), B.SESSION.accessKeyId)
		answer(B.CREDENTIALS, 3600)
		await wait_until(async () => await ask(t, proxy) === B.CREDENTIALS.accessKeyId, 'the eight seconds end')
	})
})
s.test('EKS Pod Identity: the token in its file, read each time', async t => {
	let token = 'jwt-1'
	await using(await start_container({ authorization: () => token, gives: () => B.SESSION, expires: () => in_seconds(2) }), async container => {
		const where = file('pod-token', 'jwt-1\r\n')
		await t.with(bare({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${container.url}/v1/credentials`, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: where,
			HTTPS_PROXY: 'http://127.0.0.1:1' }), async proxy => {
			container.script({ status: 500, body: '' }) /* a second later it is asked again */
			assert.equal(await ask(t, proxy), B.SESSION.accessKeyId)
			const asked = container.requests.length
			assert.ok(asked >= 2)
			file('pod-token', 'jwt-2')
			token = 'jwt-2'
			await wait_until(async () => {
				assert.equal(await ask(t, proxy), B.SESSION.accessKeyId)
				return container.requests.length > asked
			}, 'the two seconds end')
			assert.equal(container.last.headers.authorization, 'jwt-2')
		})
	})
})
s.test('an instance: IMDS version 2, and a new session when the old one is not taken', shared, async t => {
	await using(await start_imds({ gives: () => B.SESSION, expires: () => in_seconds(2) }), async imds => {
		await t.with(bare({ AWS_EC2_METADATA_DISABLED: null, AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url,
			AWS_METADATA_SERVICE_TIMEOUT: '20' }), async proxy => {
			assert.equal(await ask(t, proxy), B.SESSION.accessKeyId)
			assert.deepEqual(imds.requests.map(r => `${r.method} ${r.url.split('/').at(-1)}`),
				['PUT token', 'GET ', 'GET my-instance-role'])
			imds.options.sessions.clear()
			await wait_until(async () => {
				assert.equal(await ask(t, proxy), B.SESSION.accessKeyId, 'the old ones go on until there are new ones')
				return imds.requests.length >= 7
			}, 'the two seconds end')
			assert.deepEqual(imds.requests.slice(3, 7).map(r => `${r.status} ${r.method} ${r.url.split('/').at(-1)}`),
				['401 GET ', '200 PUT token', '200 GET ', '200 GET my-instance-role'])
		})
	})
})
s.test('AWS_EC2_METADATA_DISABLED, and a sentence with every source', async t => {
	await using(await start_imds({ gives: () => B.SESSION }), async imds => {
		await t.with(bare({ AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url }), async proxy => {
			const line = await ask_in_vain(t, proxy)
			for (const word of ['environment: not set', 'web identity: not set', 'profile: "default" is neither in', 'container: not set',
				'IMDS: AWS_EC2_METADATA_DISABLED'])
				assert.ok(line.includes(word), `${word}\nis not in\n${line}`)
			assert.equal(imds.requests.length, 0)
		})
	})
})
s.test('a source that is set up and fails ends the search, and says why', async t => {
	await using(await start_sts({ gives: B.SESSION, tokens: [] }), async sts => {
		await using(await start_imds({ gives: () => B.SESSION }), async imds => {
			await t.with(bare({ AWS_EC2_METADATA_DISABLED: null, AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url, AWS_ENDPOINT_URL_STS: sts.url,
				AWS_WEB_IDENTITY_TOKEN_FILE: file('token', 'jwt-wrong'), AWS_ROLE_ARN: ROLE }), async proxy => {
				const line = await ask_in_vain(t, proxy)
				assert.match(line, /web identity: STS says 400 InvalidIdentityToken: No OpenIDConnect provider found in your account for <this>/)
				await ask_in_vain(t, proxy)
				assert.equal(sts.requests.length, 1, 'a failure is not asked for again by each request')
				assert.equal(imds.requests.length, 0)
			})
		})
	})
})
s.test('redirects are not followed, and a machine that is not ours is not asked by plain http', async t => {
	await using(await start_container({ gives: () => B.SESSION }), async container => {
		await t.with(bare({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${container.url}/v1/credentials` }), async proxy => {
			container.script({ status: 302, headers: { location: `${container.url}/v1/elsewhere` }, body: '' })
			assert.match(await ask_in_vain(t, proxy), /container: the endpoint says 302/)
			assert.ok(container.requests.every(r => r.url === '/v1/credentials'))
		})
		await t.with(bare({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://localhost.example:${container.port}/v1/credentials` }), async proxy => {
			assert.match(await ask_in_vain(t, proxy), /container: AWS_CONTAINER_CREDENTIALS_FULL_URI is plain http/)
		})
	})
})
