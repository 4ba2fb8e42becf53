import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { targetsOf } from '../lib/models'
import { readSettings, Refusal } from '../lib/settings'
import { someone } from './helpers'

const closed = { STACKS: 'fargate', ALLOWED_CIDRS: '203.0.113.0/24' }
const refused = (env: Record<string, string | undefined>) => {
	try {
		readSettings(env)
	} catch (error) {
		assert.ok(error instanceof Refusal, String(error))
		/* one sentence that begins with the setting */
		assert.match(error.message, /^[A-Z_]+(, [A-Z_]+)*: .+\.$/)
		assert.doesNotMatch(error.message, /\n/)
		return error.message
	}
	assert.fail(`${JSON.stringify(env)} was not refused`)
}

test('a load balancer open to the world needs FALLBACK_ORGANIZATIONS', () => {
	for (const cidrs of [undefined, '', '0.0.0.0/0', '203.0.113.0/24,0.0.0.0/0', '::/0', '0::/0'])
		assert.match(refused({ STACKS: 'fargate', ...(cidrs === undefined ? {} : { ALLOWED_CIDRS: cidrs }) }), /^FALLBACK_ORGANIZATIONS: the load balancer/)
	readSettings({ STACKS: 'fargate', ...someone })
	readSettings(closed)
})

test('a Function URL always does', () => {
	assert.match(refused({ STACKS: 'lambda', ALLOWED_CIDRS: '203.0.113.0/24' }), /^FALLBACK_ORGANIZATIONS: a Function URL/)
	assert.match(refused({ ...closed, STACKS: 'fargate,lambda' }), /^FALLBACK_ORGANIZATIONS: a Function URL/)
	assert.match(refused({ STACKS: 'lambda', FALLBACK_ORGANIZATIONS: ' , ' }), /^FALLBACK_ORGANIZATIONS/)
	readSettings({ STACKS: 'lambda', ...someone })
})

test('the refusal says where an organization’s id is found, and leaves Lambda out only where another way is left', () => {
	for (const env of [{ STACKS: 'fargate' }, { STACKS: 'lambda' }, { ...closed, STACKS: 'fargate,lambda' }, { FALLBACK_ORGANIZATIONS: 'my organization' }])
		assert.match(refused(env), /; how to find it is in doc\/aws\.md, "Who may spend"\.$/)
	const answer = { ...someone, MAX_ANSWER_SECONDS: '900' }
	for (const both of [refused({ ...closed, STACKS: 'fargate,lambda' }), refused(answer)])
		assert.match(both, /\(STACKS=fargate leaves Lambda out\)/)
	for (const lambda of [refused({ STACKS: 'lambda' }), refused({ ...answer, STACKS: 'lambda' })])
		assert.doesNotMatch(lambda, /STACKS/)
})

test('a certificate of another region serves no load balancer', () => {
	const env = { ...someone, STACKS: 'fargate', CERTIFICATE_ARN: 'arn:aws:acm:eu-central-1:123456789012:certificate/1' }

	assert.match(refused({ ...env, AWS_REGION: 'us-east-1', AWS_DEFAULT_REGION: 'eu-central-1' }), /^CERTIFICATE_ARN: .* eu-central-1, .* us-east-1 /)
	assert.match(refused({ ...env, AWS_DEFAULT_REGION: 'us-east-1' }), /^CERTIFICATE_ARN/)
	for (const fits of [{}, { AWS_REGION: 'eu-central-1' }, { AWS_REGION: 'us-east-1', STACKS: 'lambda' }, { AWS_REGION: 'us-east-1', PLAIN_TEMPLATES: 'true' }])
		readSettings({ ...env, ...fits })
})

test('words and addresses that the program takes are taken', () => {
	const fits = {
		LOG_LEVEL: 'DEBUG', BEDROCK_API: 'messages', BEDROCK_SERVICE_TIER: 'reserved', FALLBACK_ON: '429, 529,5XX,connect spend',
		ANTHROPIC_API_BASE: 'https://gateway.example:8443/anthropic'
	}
	const { proxy } = readSettings({ ...someone, ...fits })

	for (const [name, value] of Object.entries(fits))
		assert.equal(proxy[name], value)
	assert.doesNotMatch(refused({ ...someone, ANTHROPIC_API_BASE: 'https://me:password@gateway.example' }), /password/)
})

test('what does not parse is refused by name', () => {
	for (const [name, ...values] of [
		['ALLOWED_CIDRS', '203.0.113.0', '203.0.113.5/24', '256.0.0.0/8', '10.0.0.0/33', 'everybody', '11.0.0.0/8/8', ':::/0', '2001:db8::/129'],
		['STACKS', 'ec2'],
		['BEDROCK_REGION', 'Virginia', 'us-east'],
		['BEDROCK_PROFILE', 'US', 'us.'],
		['CERTIFICATE_ARN', 'my-certificate', 'arn:aws:iam::123456789012:server-certificate/x'],
		['MIN_TASKS', '0', '1.5', 'many', '5'],
		['MAX_TASKS', '101'],
		['RESERVED_CONCURRENCY', '0', '-1'],
		['COST_ALARM_USD_PER_HOUR', '0', 'ten', '1e3'],
		['ALARM_EMAIL', 'ops'],
		['ALARM_TOPIC_ARN', 'ops'],
		['RATE_LIMIT_TABLE_NAME', 'a b', 'claude-proxy-usage'],
		['EXISTING_TABLES', 'another-table'],
		['ECR_REPOSITORY', 'Upper'],
		['FARGATE_ARCHITECTURE', 'x86'],
		['LAMBDA_ARCHITECTURE', 'arm'],
		['BEDROCK_VPC_ENDPOINT', 'perhaps'],
		['DASHBOARD_ENABLED', 'perhaps'],
		['USAGE_TRACKING_ENABLED', 'perhaps'],
		['BEDROCK_GUARDRAIL', 'arn:aws:s3:::x'],
		['BEDROCK_MODEL_OVERRIDES', '{', '[]', '{"a":1}', '{"*":"gpt"}'],
		['BEDROCK_DEFAULT_MODEL', 'gpt'],
		['FALLBACK_ORGANIZATIONS', 'an organization'],
		['FORCE_RATE_LIMIT', 'true'],
		['LOG_LEVEL', 'loud', 'warning', 'error', 'Warning'],
		['BEDROCK_API', 'converse', 'which Bedrock API: invoke'],
		['BEDROCK_SERVICE_TIER', 'cheap', 'flex or reserved'],
		['FALLBACK_ON', '430', '429,5', '429 sometimes', ','],
		['ANTHROPIC_API_BASE', 'api.anthropic.com', 'ftp://api.anthropic.com', 'http://gateway.example', 'https://', 'https://host/?a=b'],
		['DEBUG_ENV_ENABLED', 'perhaps', 'true', 'TRUE', '1', 'yes', 'on'],
		['MAX_ANSWER_SECONDS', '0', '591', '86400', 'long', '100.5'],
		['RETRY_THRESHOLD_SECONDS', 'abc', '-1', '86401'],
		['PING_INTERVAL_SECONDS', '0'],
		['BEDROCK_FALLBACK_ENABLED', 'perhaps']
	])
		for (const value of values)
			assert.ok(refused({ ...someone, [name]: value }).includes(name), `${name}=${value}`)
})

test('the settings are not shown where strangers are', () => {
	assert.match(refused({ ...someone, STACKS: 'fargate', DEBUG_ENV_ENABLED: 'true' }), /^DEBUG_ENV_ENABLED: the load balancer/)
	assert.match(refused({ ...someone, STACKS: 'lambda', DEBUG_ENV_ENABLED: 'true' }), /^DEBUG_ENV_ENABLED: a Function URL/)
	assert.match(refused({ ...someone, ...closed, STACKS: 'fargate,lambda', DEBUG_ENV_ENABLED: 'true' }), /^DEBUG_ENV_ENABLED: a Function URL/)
	assert.equal(readSettings({ ...closed, DEBUG_ENV_ENABLED: 'true' }).proxy.DEBUG_ENV_ENABLED, 'true')
	assert.equal(readSettings({ ...someone, DEBUG_ENV_ENABLED: 'off' }).proxy.DEBUG_ENV_ENABLED, 'off')
})

test('more networks than a security group takes are refused', () => {
	const networks = (count: number) => Array.from({ length: count }, (_, i) => `203.0.113.${i}/32`).join()
	const CERTIFICATE_ARN = 'arn:aws:acm:us-east-1:123456789012:certificate/1'

	readSettings({ STACKS: 'fargate', ALLOWED_CIDRS: networks(60) })
	assert.match(refused({ STACKS: 'fargate', ALLOWED_CIDRS: networks(61) }), /^ALLOWED_CIDRS: these are 61 networks, .* takes 60;/)
	assert.match(refused({ STACKS: 'fargate', ALLOWED_CIDRS: networks(31), CERTIFICATE_ARN }), /takes 30;/)
})

test('half of the world is strangers too', () => {
	assert.match(refused({ STACKS: 'fargate', ALLOWED_CIDRS: '0.0.0.0/1,128.0.0.0/1' }), /^FALLBACK_ORGANIZATIONS: the load balancer/)
	readSettings({ STACKS: 'fargate', ALLOWED_CIDRS: '11.0.0.0/8' })
})

test('how long an answer takes is limited on Lambda only', () => {
	assert.equal(readSettings({ ...closed, MAX_ANSWER_SECONDS: '3600' }).proxy.MAX_ANSWER_SECONDS, '3600')
	readSettings({ ...someone, MAX_ANSWER_SECONDS: '590' })
})

test('a quiet log is refused for the cost alarm only', () => {
	readSettings({ ...someone, LOG_LEVEL: 'warning', USAGE_TRACKING_ENABLED: 'false' })
})

test('an endpoint for Bedrock does not go with another region', () => {
	assert.match(refused({ ...someone, BEDROCK_VPC_ENDPOINT: 'true', BEDROCK_REGION: 'us-west-2' }), /^BEDROCK_VPC_ENDPOINT/)
})

test('blank is not set', () => {
	const s = readSettings({ ...someone, BEDROCK_REGION: ' ', MIN_TASKS: '', CERTIFICATE_ARN: '' })

	assert.deepEqual([s.bedrockRegion, s.minTasks, s.certificateArn], [undefined, 1, undefined])
})

test('the ids that are called are those of the proxy’s own rule', () => {
	const of = (profile: string, word: string) => targetsOf(profile).filter(id => id.includes(word))

	assert.deepEqual(of('us', 'opus-5-5'), ['us.anthropic.claude-opus-5-5'])
	/* in the us profile only, in global only */
	for (const profile of ['global', 'us', 'eu', 'jp'])
		assert.deepEqual([...of(profile, 'opus-4-1'), ...of(profile, 'mythos-5-1')],
			['us.anthropic.claude-opus-4-1-20250805-v1:0', 'global.anthropic.claude-mythos-5-1'])
	/* Asia: what is older than the profile of its own */
	assert.deepEqual(of('jp', 'sonnet-4-'), ['jp.anthropic.claude-sonnet-4-6', 'jp.anthropic.claude-sonnet-4-5-20250929-v1:0', 'apac.anthropic.claude-sonnet-4-20250514-v1:0'])
	/* retired, and not on Bedrock at all */
	assert.deepEqual(of('global', 'claude-3'), [])
	assert.deepEqual(of('global', 'mythos-5-2'), [])
	/* two names of one model */
	assert.equal(new Set(targetsOf('eu')).size, targetsOf('eu').length)
})
