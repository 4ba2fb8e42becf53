import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Environment, ofType, only, resolve, someone, synth } from './helpers'

const json = (env: Environment = {}) => synth({ ...someone, ...env }).ClaudeProxyLambda
const proxy = (env: Environment = {}) => only(json(env), 'AWS::Lambda::Function').Properties
const variables = (env: Environment = {}) =>
	Object.fromEntries(Object.entries(proxy(env).Environment.Variables).map(([name, value]) => [name, resolve(value)]))

/* What a synchronous invocation may carry. Lambda quotas (2026). */
const PAYLOAD_BYTES = 6 * 1024 * 1024

test('the function: the image, 600 s, 1 GB, arm64, under the documents’ names', () => {
	const { FunctionName, PackageType, Code, Timeout, MemorySize, Architectures, ReservedConcurrentExecutions } = proxy()

	assert.deepEqual({ FunctionName, PackageType, Code, Timeout, MemorySize, Architectures, ReservedConcurrentExecutions }, {
		FunctionName: 'claude-proxy-api', PackageType: 'Image', Code: { ImageUri: { Ref: 'ImageUri' } }, Timeout: 600, MemorySize: 1024,
		Architectures: ['arm64'], ReservedConcurrentExecutions: undefined
	})
	assert.equal(proxy({ RESERVED_CONCURRENCY: '20' }).ReservedConcurrentExecutions, 20)
	assert.deepEqual(proxy({ LAMBDA_ARCHITECTURE: 'amd64' }).Architectures, ['x86_64'])
})

test('environment: the adapter streams, the state lies in /tmp, the store is DynamoDB', () => {
	const { MAX_BODY_BYTES, MAX_ANSWER_SECONDS, ...others } = variables({ RETRY_THRESHOLD_SECONDS: '20' })

	assert.deepEqual(others, {
		AWS_LWA_INVOKE_MODE: 'response_stream',
		AWS_LWA_PORT: '8080',
		AWS_LWA_READINESS_CHECK_PATH: '/health',
		DASHBOARD_ENABLED: 'false',
		DRAIN_SECONDS: '1',
		FALLBACK_ORGANIZATIONS: someone.FALLBACK_ORGANIZATIONS,
		LOG_FORMAT: 'json',
		PORT: '8080',
		RATE_LIMIT_TABLE_NAME: 'claude-proxy-rate-limits',
		RETRY_THRESHOLD_SECONDS: '20',
		STATE_DIRECTORY: '/tmp/claude-code-proxy',
		STORE: 'dynamodb:',
		USAGE_TABLE_NAME: 'claude-proxy-usage',
		WORKERS: '1'
	})
	/* a reserved name makes the whole deployment fail */
	assert.ok(!Object.keys(variables()).some(name => name === 'AWS_REGION' || name.startsWith('AWS_LAMBDA_')))
	assert.ok(Number(MAX_BODY_BYTES) > 4_000_000)
})

test('settings that are longer than Lambda takes are refused', () => {
	const overrides = JSON.stringify(Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`a-model-with-a-long-name-${i}`, 'claude-opus-5-5'])))

	assert.throws(() => json({ BEDROCK_MODEL_OVERRIDES: overrides }), /BEDROCK_MODEL_OVERRIDES: .*Lambda/)
})

test('the longest body fits into a payload, as base64 and with its headers', () => {
	const base64 = Math.ceil(Number(variables().MAX_BODY_BYTES) / 3) * 4

	assert.ok(base64 + 64 * 1024 < PAYLOAD_BYTES)
})

test('the proxy ends an answer before Lambda does, with time to count it', () => {
	assert.ok(Number(variables().MAX_ANSWER_SECONDS) <= proxy().Timeout - 10)
	assert.ok(Number(variables().MAX_ANSWER_SECONDS) > proxy().Timeout - 30)
	assert.equal(variables({ MAX_ANSWER_SECONDS: '120' }).MAX_ANSWER_SECONDS, '120')
})

test('the dashboard is closed, strangers can come, unless somebody opens it', () => {
	assert.equal(variables().DASHBOARD_ENABLED, 'false')
	assert.equal(variables({ DASHBOARD_ENABLED: 'true' }).DASHBOARD_ENABLED, 'true')
})

test('the URL streams and is public, with both permissions and no more', () => {
	const url = only(json(), 'AWS::Lambda::Url')
	const permissions = ofType(json(), 'AWS::Lambda::Permission').map(p => p.Properties)

	assert.equal(url.Properties.AuthType, 'NONE')
	assert.equal(url.Properties.InvokeMode, 'RESPONSE_STREAM')
	assert.deepEqual(permissions.map(({ FunctionName, ...p }) => p), [
		{ Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'NONE', Principal: '*' },
		{ Action: 'lambda:InvokeFunction', InvokedViaFunctionUrl: true, Principal: '*' }
	])
})

test('the role has the documents’ name, policy and managed policy, which their delete commands name', () => {
	const role = only(json(), 'AWS::IAM::Role').Properties

	assert.equal(role.RoleName, 'claude-proxy-api-role')
	assert.deepEqual(role.Policies.map((p: any) => p.PolicyName), ['BedrockAndDynamoDB'])
	assert.deepEqual(role.ManagedPolicyArns.map(resolve), ['arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole'])
	assert.deepEqual(role.AssumeRolePolicyDocument.Statement[0].Principal, { Service: 'lambda.amazonaws.com' })
})

test('log: a week, where aws logs tail of the documents looks', () => {
	const log = only(json(), 'AWS::Logs::LogGroup')

	assert.equal(log.Properties.LogGroupName, '/aws/lambda/claude-proxy-api')
	assert.equal(log.Properties.RetentionInDays, 7)
	assert.equal(log.DeletionPolicy, 'Delete')
})

test('alarms: 5xx, errors, throttles of all three services, cost', () => {
	const alarms = ofType(json(), 'AWS::CloudWatch::Alarm').map(a => a.Properties)

	assert.deepEqual(alarms.map(a => a.MetricName).filter(Boolean).sort(),
		['BedrockCost', 'Errors', 'InvocationThrottles', 'Throttles', 'Url5xxCount'])
	assert.equal(alarms.length, 7)
})

test('ServiceURL has no slash at its end, to put a path behind it', () => {
	assert.deepEqual(Object.keys(json().Outputs ?? {}), ['FunctionUrl', 'ServiceURL'])
	const [separator, parts] = json().Outputs?.ServiceURL.Value['Fn::Join']
	assert.equal(separator, '')
	assert.equal(parts[0], 'https://')
	assert.deepEqual(Object.keys(parts[1]), ['Fn::Select'])
	assert.equal(parts.length, 2)
})
