/*
 * What the proxy may do in AWS: what it calls, on what it calls it, and nothing else. test/rights.test.ts compares
 * this with calls that the system tests recorded.
 */
import { Fn, Stack } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import { countedModels, targetsOf } from './models'
import { Refusal, Settings } from './settings'

const HERE = '${AWS::Region}'
const OURS = '${AWS::AccountId}'

const arn = (service: string, region: string, account: string, resource: string) =>
	`arn:\${AWS::Partition}:${service}:${region}:${account}:${resource}`

const unique = (list: string[]) => [...new Set(list)]
/* By Fn::Sub: there are many, and the usual Fn::Join is twice as long in a template, which may have 51,200 bytes. */
const written = (arns: string[]) => unique(arns).map(one => one.includes('${AWS::') ? Fn.sub(one) : one)

const allow = (sid: string, actions: string[], resources: string[], throughProfiles?: string[]) => new iam.PolicyStatement({
	sid, actions, resources: written(resources),
	conditions: throughProfiles && { ArnLike: { 'bedrock:InferenceProfileArn': written(throughProfiles) } }
})

const INVOKE = ['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream']
const isArn = (id: string) => id.startsWith('arn:')
const isModel = (id: string) => id.startsWith('anthropic.')
const isProfileArn = (id: string) => isArn(id) && id.includes('inference-profile/')
/* A global profile's model has an ARN without a region. */
const regionsOf = (prefix: string) => prefix === 'global' ? ['*', ''] : ['*']

/*
 * An inference profile is called together with its model in each of its regions, so both are needed; the condition lets
 * no model be called but through profiles of the kinds that are used.
 * Source: Amazon Bedrock User Guide, "Prerequisites for inference profiles" and "Global cross-Region inference" (2026).
 */
const bedrock = (s: Settings): iam.PolicyStatement[] => {
	const region = s.bedrockRegion ?? HERE
	const model = (where: string, id: string) => arn('bedrock', where, '', `foundation-model/${id}`)
	const profile = (id: string) => arn('bedrock', region, OURS, `inference-profile/${id}`)

	const arns = s.bedrockChoices.filter(isArn)
	const ids = [...targetsOf(s.bedrockProfile), ...s.bedrockChoices.filter(id => !isArn(id))]
	const profiles = ids.filter(id => !isModel(id)).map(id => ({ id, prefix: id.split('.')[0], model: id.slice(id.indexOf('.') + 1) }))
	const profileArns = arns.filter(isProfileArn)
	const direct = [...ids.filter(isModel).map(id => model(region, id)), ...arns.filter(id => !isProfileArn(id))]

	const statements = [
		allow('CallProfiles', INVOKE, [...profiles.map(one => profile(one.id)), ...profileArns]),
		allow('CallModelsOfProfiles', INVOKE, profiles.flatMap(one => regionsOf(one.prefix).map(where => model(where, one.model))),
			profiles.map(one => profile(`${one.prefix}.anthropic.*`))),
		allow('CountTokens', ['bedrock:CountTokens'], countedModels().map(id => model(region, id)))
	]
	/* which models are behind these only their owner knows */
	if (profileArns.length)
		statements.push(allow('CallModelsOfChosenProfiles', INVOKE, [model('*', 'anthropic.*'), model('', 'anthropic.*')], profileArns))
	if (direct.length)
		statements.push(allow('CallChosenModels', INVOKE, direct))
	if (s.bedrockGuardrail) {
		const id = s.bedrockGuardrail.replace(/(?<=^[a-z0-9]+|guardrail\/[a-z0-9]+):[A-Za-z0-9]+$/, '')
		statements.push(allow('ApplyGuardrail', ['bedrock:ApplyGuardrail'],
			[id.startsWith('arn:') ? id : arn('bedrock', region, OURS, `guardrail/${id}`)]))
	}
	return statements
}

/* Tables are named, not referred to: one that was there before has the same rights as one of ours. */
const dynamodb = (s: Settings): iam.PolicyStatement[] => {
	const table = (name: string) => arn('dynamodb', HERE, OURS, `table/${name}`)

	return [
		allow('Limits', ['dynamodb:GetItem', 'dynamodb:UpdateItem', 'dynamodb:Scan'], [table(s.rateLimitTable)]),
		allow('Usage', ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:UpdateItem', 'dynamodb:Scan',
			'dynamodb:DescribeTable'], [table(s.usageTable)]),
		/* any index with HASH date serves, whatever the one of an older table is called */
		allow('UsageOfDays', ['dynamodb:Query'], [table(`${s.usageTable}/index/*`)])
	]
}

/* Of all inline policies of a role together, without white space. Source: IAM quotas (2026). */
const POLICY_CHARACTERS = 10_240
const LONGEST: Record<string, string> = { Partition: 'aws-us-gov', Region: 'ap-southeast-1', AccountId: '123456789012' }

/** Its length when CloudFormation has put in what it alone knows. */
const lengthOf = (stack: Stack, rights: iam.PolicyDocument) =>
	JSON.stringify(stack.resolve(rights)).replace(/\{"Fn::Sub":("[^"]*")\}/g, '$1')
		.replace(/\$\{AWS::(\w+)\}/g, (_, name) => LONGEST[name]).length

export const proxyRights = (stack: Stack, s: Settings) => {
	const rights = new iam.PolicyDocument({ statements: [...bedrock(s), ...dynamodb(s)] })

	/* CloudFormation would say so after minutes, and take everything back */
	if (lengthOf(stack, rights) > POLICY_CHARACTERS)
		throw new Refusal(`BEDROCK_MODEL_OVERRIDES: the rights for so many models are longer than a role's policy may be (${POLICY_CHARACTERS} characters); name fewer.`)
	return rights
}

/** Pulling the image and writing the log: ECS's own agent, not the proxy. */
export const agentRights = (s: Settings, logGroupArn: string) => new iam.PolicyDocument({
	statements: [
		allow('LogInToRegistry', ['ecr:GetAuthorizationToken'], ['*']),
		allow('PullImage', ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
			[arn('ecr', HERE, OURS, `repository/${s.repository}`)]),
		allow('WriteLog', ['logs:CreateLogStream', 'logs:PutLogEvents'], [logGroupArn])
	]
})
