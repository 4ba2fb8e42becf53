/* What both ways of running the image have in common: its parameters and its environment. */
import { CfnParameter, Stack } from 'aws-cdk-lib'
import { dashboardIsOpen, Settings, StackName } from './settings'

export interface ContainerInput {
	imageUri: string
	environment: Record<string, string>
}

const organizationsOf = (stack: Stack, s: Settings) => {
	if (!s.plain)
		return s.fallbackOrganizations
	return new CfnParameter(stack, 'FallbackOrganizations', {
		description: 'anthropic-organization-id of those who may fall back to Bedrock on this account; commas between several',
		allowedPattern: '[A-Za-z0-9_-]+(,[A-Za-z0-9_-]+)*',
		constraintDescription: 'must be given: without it anybody whom Anthropic limits could spend on this AWS account'
	}).valueAsString
}

const dashboardOf = (stack: Stack, name: StackName, s: Settings) => {
	if (s.plain)
		return new CfnParameter(stack, 'DashboardEnabled', {
			description: 'true: whoever can reach the proxy can read the usage of all users, at /ui, /v1/usage and /metrics',
			default: 'false', allowedValues: ['true', 'false']
		}).valueAsString
	return String(dashboardIsOpen(name, s))
}

export const containerInput = (stack: Stack, name: StackName, s: Settings): ContainerInput => {
	/* The right to pull is for that repository; another image would fail late, long after the stack began. */
	const imageUri = new CfnParameter(stack, 'ImageUri', {
		description: `Image in the ECR repository ${s.repository} of this account and region, best by its digest`,
		allowedPattern: `[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9.-]+/${s.repository.replaceAll('.', '\\.')}(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})`
	}).valueAsString
	const organizations = organizationsOf(stack, s)
	return {
		imageUri,
		environment: {
			...s.proxy,
			...(organizations ? { FALLBACK_ORGANIZATIONS: organizations } : {}),
			DASHBOARD_ENABLED: dashboardOf(stack, name, s),
			...(s.bedrockRegion ? { BEDROCK_REGION: s.bedrockRegion } : {}),
			STORE: 'dynamodb:',
			RATE_LIMIT_TABLE_NAME: s.rateLimitTable,
			USAGE_TABLE_NAME: s.usageTable,
			LOG_FORMAT: 'json',
			PORT: '8080'
		}
	}
}
