import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { readModels, targetsOf } from '../lib/models'
import { Call, readCalls, requestsOf, settingsOf } from './calls'
import { Environment, ofType, resolve, someone, synth } from './helpers'
import { allows, Request, Statement, statementsOf } from './iam'

/* Allowed on purpose without being called by the suite: the action, and why. */
const NOT_CALLED: Record<string, string> = {}

const policiesOf = (stack: string, name: string, env: Environment = {}) =>
	ofType(synth({ ...someone, ...env })[stack], 'AWS::IAM::Role').flatMap(role => role.Properties.Policies ?? [])
		.filter((policy: any) => policy.PolicyName === name).map((policy: any) => statementsOf(policy.PolicyDocument))
const rightsOf = (stack: string, env: Environment = {}): Statement[] => {
	const [statements, ...others] = policiesOf(stack, 'BedrockAndDynamoDB', env)
	assert.equal(others.length, 0)
	return statements
}
const may = (statements: Statement[], request: Request) => statements.some(statement => allows(statement, request))
/** A profile is called when it and every model behind it may be. */
const mayCall = (statements: Statement[], call: Call) => requestsOf(call).every(request => may(statements, request))
const model = (region: string, id: string) => `arn:aws:bedrock:${region}::foundation-model/${id}`
const HAIKU = 'anthropic.claude-haiku-4-5-20251001-v1:0'

for (const stack of ['ClaudeProxyFargate', 'ClaudeProxyLambda']) {
	test(`${stack}: nothing that the programs call is refused`, () => {
		const calls = readCalls()
		const refused = calls.filter(call => !mayCall(rightsOf(stack, settingsOf(call)), call))

		assert.ok(calls.length > 0)
		assert.deepEqual(refused, [])
	})

	test(`${stack}: nothing is allowed that they never call`, () => {
		const requests = readCalls().flatMap(requestsOf)
		const pairs = rightsOf(stack).flatMap(statement => statement.actions.map(action => ({ ...statement, actions: [action] })))
		const never = pairs.filter(pair => !(pair.actions[0] in NOT_CALLED) && !requests.some(request => allows(pair, request)))

		assert.deepEqual(never.map(pair => `${pair.sid}: ${pair.actions[0]}`), [])
	})

	test(`${stack}: no role but the documents’ managed policy has a right beyond those`, () => {
		const roles = ofType(synth(someone)[stack], 'AWS::IAM::Role').map(role => role.Properties)

		assert.equal(ofType(synth(someone)[stack], 'AWS::IAM::Policy').length, 0)
		assert.deepEqual(roles.flatMap(role => role.ManagedPolicyArns ?? []).map(resolve),
			stack === 'ClaudeProxyLambda' ? ['arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole'] : [])
		assert.deepEqual(roles.flatMap(role => (role.Policies ?? []).map((policy: any) => policy.PolicyName)),
			stack === 'ClaudeProxyLambda' ? ['BedrockAndDynamoDB'] : ['BedrockAndDynamoDB', 'ImageAndLog'])
	})
}

test('no wildcard for an action or a whole resource', () => {
	for (const statement of rightsOf('ClaudeProxyFargate')) {
		assert.ok(statement.actions.every(action => !action.includes('*')))
		assert.ok(statement.resources.every(resource => /^arn:aws:(bedrock|dynamodb):/.test(resource) && !/(:|\/)\*$/.test(resource.replace('/index/*', ''))))
	}
})

test('the agent of ECS pulls one repository and writes one log', () => {
	const [statements] = policiesOf('ClaudeProxyFargate', 'ImageAndLog')

	assert.deepEqual(statements.map((s: Statement) => [s.actions.join(), s.resources.join()]), [
		['ecr:GetAuthorizationToken', '*'], /* has no resource to name */
		['ecr:BatchCheckLayerAvailability,ecr:GetDownloadUrlForLayer,ecr:BatchGetImage', 'arn:aws:ecr:us-east-1:123456789012:repository/claude-proxy'],
		['logs:CreateLogStream,logs:PutLogEvents', statements[2].resources[0]]
	])
	assert.match(statements[2].resources[0], /^<Log[0-9A-F]+\.Arn>$/)
})

test('other tables, models and accounts are closed', () => {
	const rights = rightsOf('ClaudeProxyLambda')
	const closed: Request[] = [
		{ action: 'dynamodb:GetItem', resource: 'arn:aws:dynamodb:us-east-1:123456789012:table/claude-proxy-usage-of-others' },
		{ action: 'dynamodb:GetItem', resource: 'arn:aws:dynamodb:us-east-1:999999999999:table/claude-proxy-usage' },
		{ action: 'dynamodb:DeleteTable', resource: 'arn:aws:dynamodb:us-east-1:123456789012:table/claude-proxy-usage' },
		{ action: 'dynamodb:DeleteItem', resource: 'arn:aws:dynamodb:us-east-1:123456789012:table/claude-proxy-rate-limits' },
		{ action: 'bedrock:InvokeModel', resource: model('us-east-1', 'amazon.nova-pro-v1:0') },
		/* Anthropic's, but not through a profile */
		{ action: 'bedrock:InvokeModel', resource: model('us-east-1', HAIKU) },
		{ action: 'bedrock:InvokeModel', resource: 'arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-opus-5' },
		{ action: 'bedrock:InvokeModel', resource: model('eu-west-1', HAIKU),
			context: { 'bedrock:InferenceProfileArn': 'arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.x' } },
		{ action: 'bedrock:InvokeModel', resource: model('eu-west-1', HAIKU),
			context: { 'bedrock:InferenceProfileArn': 'arn:aws:bedrock:us-east-1:999999999999:inference-profile/global.anthropic.x' } }
	]

	for (const request of closed)
		assert.equal(may(rights, request), false, `${request.action} ${request.resource}`)
})

const bedrock = (operation: string, resource: string): Call => ({ service: 'bedrock', operation, resource })

test('of Anthropic’s models those are open that the proxy can call with this profile, and no other one', () => {
	for (const profile of ['global', 'us', 'eu', 'jp', 'au', 'in']) {
		const rights = rightsOf('ClaudeProxyFargate', { BEDROCK_PROFILE: profile })
		const called = targetsOf(profile)
		const others = ['global', 'us', 'eu', 'jp', 'au', 'in'].flatMap(targetsOf).filter(id => !called.includes(id))
		const unknown = [`${profile}.anthropic.claude-3-haiku-20240307-v1:0`, `${profile}.anthropic.claude-opus-9`, `${profile}.anthropic.claude-opus-5-5-v2`]

		for (const operation of ['InvokeModel', 'InvokeModelWithResponseStream']) {
			assert.deepEqual(called.filter(id => !mayCall(rights, bedrock(operation, id))), [], profile)
			assert.deepEqual([...others, ...unknown].filter(id => mayCall(rights, bedrock(operation, id))), [], profile)
		}
		/* nor by themselves: one of the two alone opens nothing, and neither is wider than the other */
		for (const id of unknown)
			assert.deepEqual(requestsOf(bedrock('InvokeModel', id)).filter(request => may(rights, request)), [], id)
	}
})

test('tokens are counted on models that have the operation', () => {
	const rights = rightsOf('ClaudeProxyFargate')
	const models = [...new Set(readModels().map(one => one.bedrockId).filter(Boolean))]
	const counted = models.filter(id => mayCall(rights, bedrock('CountTokens', id)))

	assert.deepEqual(counted.filter(id => !readModels().some(one => one.bedrockId === id && one.countTokens)), [])
	assert.ok(counted.includes(HAIKU) && counted.length < models.length)
	assert.equal(mayCall(rights, bedrock('CountTokens', 'anthropic.claude-3-haiku-20240307-v1:0')), false)
})

/* IAM quotas (2026): all inline policies of a role, white space not counted. */
const ROLE_CHARACTERS = 10_240
const chosen = (n: number) => JSON.stringify(Object.fromEntries([...Array(n).keys()].map(i =>
	[`model-${i}`, `arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghij${i}`])))

test('the rights of a role are not longer than IAM takes, with models of one’s own too', () => {
	const profile = { BEDROCK_REGION: 'ap-southeast-1', BEDROCK_PROFILE: 'global', RATE_LIMIT_TABLE_NAME: 'l'.repeat(60), USAGE_TABLE_NAME: 'u'.repeat(60) }
	const length = (stack: string, env: Environment) => Math.max(...ofType(synth({ ...someone, ...env })[stack], 'AWS::IAM::Role').map(role =>
		JSON.stringify((role.Properties.Policies ?? []).map((policy: any) => policy.PolicyDocument), (_, value) =>
			value !== null && typeof value === 'object' && ('Fn::Sub' in value || 'Fn::Join' in value) ? resolve(value) : value).length))

	for (const stack of ['ClaudeProxyFargate', 'ClaudeProxyLambda'])
		for (const env of [{}, profile, { ...profile, BEDROCK_MODEL_OVERRIDES: chosen(8) }])
			assert.ok(length(stack, env) < ROLE_CHARACTERS, `${stack}: ${length(stack, env)}`)
	assert.throws(() => synth({ ...someone, BEDROCK_MODEL_OVERRIDES: chosen(100) }), /BEDROCK_MODEL_OVERRIDES: the rights .*name fewer\.$/)
})

test('settings that name models, a region or a guardrail bring the right for them', () => {
	const own = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123'
	const rights = rightsOf('ClaudeProxyFargate', {
		BEDROCK_REGION: 'eu-west-1', BEDROCK_PROFILE: 'eu', BEDROCK_GUARDRAIL: 'gr1:3',
		BEDROCK_DEFAULT_MODEL: 'anthropic.claude-sonnet-4-6', BEDROCK_MODEL_OVERRIDES: `{"*":"${own}"}`
	})
	const open: Request[] = [
		{ action: 'bedrock:InvokeModel', resource: 'arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-opus-5' },
		{ action: 'bedrock:InvokeModel', resource: model('eu-west-1', 'anthropic.claude-sonnet-4-6') },
		{ action: 'bedrock:InvokeModelWithResponseStream', resource: own },
		{ action: 'bedrock:InvokeModelWithResponseStream', resource: model('us-west-2', HAIKU), context: { 'bedrock:InferenceProfileArn': own } },
		{ action: 'bedrock:ApplyGuardrail', resource: 'arn:aws:bedrock:eu-west-1:123456789012:guardrail/gr1' }
	]

	for (const request of open)
		assert.equal(may(rights, request), true, `${request.action} ${request.resource}`)
	assert.equal(may(rights, { action: 'bedrock:InvokeModel', resource: 'arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.x' }), false)
	const byArn = 'arn:aws:bedrock:us-east-1:123456789012:guardrail/gr2'
	for (const guardrail of [byArn, `${byArn}:DRAFT`])
		assert.equal(may(rightsOf('ClaudeProxyFargate', { BEDROCK_GUARDRAIL: guardrail }), { action: 'bedrock:ApplyGuardrail', resource: byArn }), true)
})
