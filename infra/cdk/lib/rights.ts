/*
 * What the proxy may do in AWS: what it calls, on what it calls it, and nothing else. test/rights.test.ts compares
 * this with calls that the system tests recorded.
 */
import { Aws } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import { profilesUsed } from './models'
import { Settings } from './settings'

const arn = (service: string, region: string, account: string, resource: string) =>
	`arn:${Aws.PARTITION}:${service}:${region}:${account}:${resource}`

const allow = (sid: string, actions: string[], resources: string[], conditions?: Record<string, unknown>) =>
	new iam.PolicyStatement({ sid, actions, resources, conditions: conditions as Record<string, string> | undefined })

const INVOKE = ['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream']

/*
 * An inference profile is called together with the models in its regions, so both are needed; the condition lets no
 * model be called but through those profiles. A global profile's model has an ARN without a region.
 * Source: Amazon Bedrock User Guide, "Prerequisites for inference profiles" and "Global cross-Region inference" (2026).
 */
const bedrock = (s: Settings): iam.PolicyStatement[] => {
	const region = s.bedrockRegion ?? Aws.REGION
	const isProfile = (id: string) => id.includes('inference-profile/')
	const arns = s.bedrockChoices.filter(id => id.startsWith('arn:'))
	const ids = s.bedrockChoices.filter(id => !id.startsWith('arn:'))
	const profiles = [
		...profilesUsed(s.bedrockProfile).map(prefix => arn('bedrock', region, Aws.ACCOUNT_ID, `inference-profile/${prefix}.anthropic.*`)),
		...ids.filter(id => !id.startsWith('anthropic.')).map(id => arn('bedrock', region, Aws.ACCOUNT_ID, `inference-profile/${id}`)),
		...arns.filter(isProfile)
	]
	const direct = [
		...ids.filter(id => id.startsWith('anthropic.')).map(id => arn('bedrock', region, '', `foundation-model/${id}`)),
		...arns.filter(id => !isProfile(id))
	]
	const statements = [
		allow('CallProfiles', INVOKE, profiles),
		allow('CallModelsOfProfiles', INVOKE,
			[arn('bedrock', '*', '', 'foundation-model/anthropic.*'), arn('bedrock', '', '', 'foundation-model/anthropic.*')],
			{ ArnLike: { 'bedrock:InferenceProfileArn': profiles } }),
		allow('CountTokens', ['bedrock:CountTokens'], [arn('bedrock', region, '', 'foundation-model/anthropic.*')])
	]
	if (direct.length)
		statements.push(allow('CallChosenModels', INVOKE, direct))
	if (s.bedrockGuardrail) {
		const id = s.bedrockGuardrail.replace(/(?<=^[a-z0-9]+|guardrail\/[a-z0-9]+):[A-Za-z0-9]+$/, '')
		statements.push(allow('ApplyGuardrail', ['bedrock:ApplyGuardrail'],
			[id.startsWith('arn:') ? id : arn('bedrock', region, Aws.ACCOUNT_ID, `guardrail/${id}`)]))
	}
	return statements
}

/* Tables are named, not referred to: one that was there before has the same rights as one of ours. */
const dynamodb = (s: Settings): iam.PolicyStatement[] => {
	const table = (name: string) => arn('dynamodb', Aws.REGION, Aws.ACCOUNT_ID, `table/${name}`)

	return [
		allow('Limits', ['dynamodb:GetItem', 'dynamodb:UpdateItem', 'dynamodb:Scan'], [table(s.rateLimitTable)]),
		allow('Usage', ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:UpdateItem', 'dynamodb:Scan',
			'dynamodb:DescribeTable'], [table(s.usageTable)]),
		/* any index with HASH date serves, whatever the one of an older table is called */
		allow('UsageOfDays', ['dynamodb:Query'], [table(`${s.usageTable}/index/*`)])
	]
}

export const proxyRights = (s: Settings) => new iam.PolicyDocument({ statements: [...bedrock(s), ...dynamodb(s)] })

/** Pulling the image and writing the log: ECS's own agent, not the proxy. */
export const agentRights = (s: Settings, logGroupArn: string) => new iam.PolicyDocument({
	statements: [
		allow('LogInToRegistry', ['ecr:GetAuthorizationToken'], ['*']),
		allow('PullImage', ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
			[arn('ecr', Aws.REGION, Aws.ACCOUNT_ID, `repository/${s.repository}`)]),
		allow('WriteLog', ['logs:CreateLogStream', 'logs:PutLogEvents'], [logGroupArn])
	]
})
