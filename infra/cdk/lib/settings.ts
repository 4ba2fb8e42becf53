/*
 * Settings of a deployment, from the environment. What cannot be right is refused here, in one sentence that names
 * the setting; nothing else of this app reads the environment.
 */
import { isCidr, isWorld } from './cidrs'
import { readModels } from './models'
import { complaintAbout, SWITCH } from './proxy-settings'

/** A sentence for the person who deploys, not a fault of this program. */
export class Refusal extends Error {}

export type StackName = 'fargate' | 'lambda'
export type Architecture = 'amd64' | 'arm64'

export interface Settings {
	/** For those without CDK: what must be given is a parameter without a default, so CloudFormation refuses instead. */
	plain: boolean
	stacks: StackName[]
	rateLimitTable: string
	usageTable: string
	/** Of those two: what is there already, and is used as it is. */
	existingTables: string[]
	repository: string
	fargateArchitecture: Architecture
	lambdaArchitecture: Architecture
	fallbackOrganizations: string
	bedrockRegion?: string
	bedrockProfile: string
	/** Bedrock ids and ARNs that the operator named for models. */
	bedrockChoices: string[]
	bedrockGuardrail?: string
	bedrockEndpoint: boolean
	allowedCidrs: string[]
	certificateArn?: string
	minTasks: number
	maxTasks: number
	reservedConcurrency?: number
	alarmEmail?: string
	alarmTopicArn?: string
	/** Not set: open where only known networks reach it. */
	dashboard?: boolean
	debugEnv: boolean
	/** Not set: usage is not tracked, so nobody knows what is spent. */
	costAlarmUsdPerHour?: number
	/** Further settings of the proxy, handed on as they are. */
	proxy: Record<string, string>
	/** What was set, by name. */
	given: [string, string][]
}

type Environment = Record<string, string | undefined>

/** Settings of doc/settings.md that make sense here. Credentials are not among them: the role of the task has the rights. */
const HANDED_ON = ['BEDROCK_FALLBACK_ENABLED', 'FALLBACK_ON', 'RATE_LIMIT_TRACKING_ENABLED', 'RETRY_THRESHOLD_SECONDS',
	'MAX_RETRY_WAIT_SECONDS', 'USAGE_TRACKING_ENABLED', 'TRACK_ANTHROPIC_USAGE', 'ANTHROPIC_API_BASE', 'BEDROCK_API',
	'BEDROCK_PROFILE', 'BEDROCK_DEFAULT_MODEL', 'BEDROCK_MODEL_OVERRIDES', 'BEDROCK_GUARDRAIL', 'BEDROCK_SERVICE_TIER',
	'LIMIT_CACHE_SECONDS', 'PING_INTERVAL_SECONDS', 'CONNECT_TIMEOUT_SECONDS', 'FIRST_BYTE_TIMEOUT_SECONDS',
	'IDLE_TIMEOUT_SECONDS', 'MAX_ANSWER_SECONDS', 'LOG_LEVEL', 'DEBUG_ENV_ENABLED']

const WHERE_TO_FIND = 'how to find it is in doc/aws.md, "Who may spend"'

/** Ends a sentence about Lambda. */
export const unlessLeftOut = (s: Settings) => s.stacks.length > 1 ? ' (STACKS=fargate leaves Lambda out)' : ''

/** Lambda's own limit, and what the proxy needs of it to end an answer itself and to count it. */
export const LAMBDA_SECONDS = 600
export const LAMBDA_ANSWER_SECONDS = LAMBDA_SECONDS - 10

const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/
const TABLE = /^[A-Za-z0-9_.-]{3,255}$/

/** Set by infra/deploy.sh itself, or said elsewhere in its plan. */
const ITS_OWN = ['PLAIN_TEMPLATES', 'STACKS', 'EXISTING_TABLES', 'AWS_REGION', 'AWS_DEFAULT_REGION']

/** Blank counts as not set, as in the proxy. */
const reader = (env: Environment) => {
	const given = new Map<string, string>()
	const text = (name: string) => {
		const value = env[name]?.trim() || undefined
		if (value !== undefined && !ITS_OWN.includes(name))
			given.set(name, value)
		return value
	}
	const matching = (name: string, pattern: RegExp, what: string) => {
		const value = text(name)
		if (value !== undefined && !pattern.test(value))
			throw new Refusal(`${name}: "${value}" is not ${what}.`)
		return value
	}
	const list = (name: string) => text(name)?.split(',').map(one => one.trim()).filter(Boolean) ?? []
	const flag = (name: string, otherwise = false) => {
		const value = matching(name, SWITCH, 'true or false')
		return value === undefined ? otherwise : /^(true|1|yes|on)$/i.test(value)
	}
	const number = (name: string, least: number, most: number, whole = true) => {
		const value = text(name)
		if (value === undefined)
			return undefined
		const n = Number(value)
		if (!/^\d+(\.\d+)?$/.test(value) || n < least || n > most || (whole && !Number.isInteger(n)))
			throw new Refusal(`${name}: "${value}" is not a ${whole ? 'whole ' : ''}number from ${least} to ${most}.`)
		return n
	}
	const choice = <T extends string>(name: string, choices: readonly T[]) => {
		const value = text(name)
		if (value !== undefined && !choices.includes(value as T))
			throw new Refusal(`${name}: "${value}" is not ${choices.join(' or ')}.`)
		return value as T | undefined
	}
	return { given, text, matching, list, flag, number, choice }
}

/** Whether anybody on the Internet can reach it. */
export const isOpen = (stack: StackName, s: Settings) => stack === 'lambda' || s.allowedCidrs.some(isWorld)

/** Closed where strangers come unless somebody opens it: it shows the usage of all users. */
export const dashboardIsOpen = (stack: StackName, s: Settings) => s.dashboard ?? !isOpen(stack, s)

const readCidrs = (cidrs: string[]) => {
	for (const cidr of cidrs)
		if (!isCidr(cidr))
			throw new Refusal(`ALLOWED_CIDRS: "${cidr}" is not a network such as 203.0.113.0/24.`)
	return cidrs.length ? cidrs : ['0.0.0.0/0']
}

const readStacks = (names: string[]): StackName[] => {
	for (const name of names)
		if (name !== 'fargate' && name !== 'lambda')
			throw new Refusal(`STACKS: "${name}" is not fargate or lambda.`)
	return names.length ? names as StackName[] : ['fargate', 'lambda']
}

const readOverrides = (json: string | undefined): string[] => {
	if (json === undefined)
		return []
	let parsed: unknown
	try {
		parsed = JSON.parse(json)
	} catch {
		throw new Refusal('BEDROCK_MODEL_OVERRIDES: this is not JSON.')
	}
	if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed) || !Object.values(parsed).every(v => typeof v === 'string'))
		throw new Refusal('BEDROCK_MODEL_OVERRIDES: this is not a JSON object of strings.')
	return Object.values(parsed)
}

/** An id of the proxy's own table leads to its profiles; anything else must be recognisable, to have a right for it. */
const readChoices = (ids: string[]) => {
	const known = new Set(readModels().map(model => model.anthropicId))
	const choices = ids.filter(id => !known.has(id))
	for (const id of choices)
		if (!/^arn:aws[a-z-]*:bedrock:[a-z0-9-]+:\d*:[a-z-]+\/.+$/.test(id) && !/^([a-z-]+\.)?anthropic\.[A-Za-z0-9:._-]+$/.test(id))
			throw new Refusal(`BEDROCK_DEFAULT_MODEL, BEDROCK_MODEL_OVERRIDES: "${id}" is neither a model of the proxy's table, nor a Bedrock id of Anthropic's, nor a Bedrock ARN.`)
	return [...new Set(choices)]
}

const check = (s: Settings) => {
	if (s.minTasks > s.maxTasks)
		throw new Refusal(`MIN_TASKS: ${s.minTasks} is more than MAX_TASKS (${s.maxTasks}).`)
	if (s.rateLimitTable === s.usageTable)
		throw new Refusal('RATE_LIMIT_TABLE_NAME, USAGE_TABLE_NAME: these are two tables, with different keys.')
	for (const name of s.existingTables)
		if (name !== s.rateLimitTable && name !== s.usageTable)
			throw new Refusal(`EXISTING_TABLES: "${name}" is neither RATE_LIMIT_TABLE_NAME nor USAGE_TABLE_NAME.`)
	for (const [name, value] of Object.entries(s.proxy)) {
		const complaint = complaintAbout(name, value)
		if (complaint)
			throw new Refusal(`${name}: ${complaint}.`)
	}
	if (s.costAlarmUsdPerHour !== undefined && /^(error|warning)$/i.test(s.proxy.LOG_LEVEL))
		throw new Refusal(`LOG_LEVEL: at ${s.proxy.LOG_LEVEL} the log has no line of an answer's cost, which the cost alarm reads; set info or debug.`)
	const longest = Number(s.proxy.MAX_ANSWER_SECONDS ?? LAMBDA_ANSWER_SECONDS)
	if (s.stacks.includes('lambda') && !(longest >= 1 && longest <= LAMBDA_ANSWER_SECONDS))
		throw new Refusal(`MAX_ANSWER_SECONDS: Lambda cuts an answer after ${LAMBDA_SECONDS} s, so the proxy must end and count it before: set 1 to ${LAMBDA_ANSWER_SECONDS}${unlessLeftOut(s)}.`)
	if (s.bedrockEndpoint && s.bedrockRegion)
		throw new Refusal('BEDROCK_VPC_ENDPOINT: an endpoint leads to Bedrock in the region of the stack only, so BEDROCK_REGION must not be set.')
	checkOpen(s)
}

/* A rule for each network and port, and so many in a security group. Source: Amazon VPC quotas (2026). */
const RULES = 60
const checkNetworks = (s: Settings) => {
	const ports = s.certificateArn ? 2 : 1

	if (s.allowedCidrs.length * ports > RULES)
		throw new Refusal(`ALLOWED_CIDRS: these are ${s.allowedCidrs.length} networks, and the load balancer's security group takes ${RULES / ports}; join some.`)
}

const checkRegion = (s: Settings, region: string | undefined) => {
	const [, , , ofCertificate] = s.certificateArn?.split(':') ?? []

	if (!s.plain && s.stacks.includes('fargate') && region && (ofCertificate ?? region) !== region)
		throw new Refusal(`CERTIFICATE_ARN: this certificate is in ${ofCertificate}, and the load balancer in ${region} can use only one of its own region; make one there in ACM.`)
}

/* What must not be where strangers are. Plain templates ask for FALLBACK_ORGANIZATIONS themselves. */
const checkOpen = (s: Settings) => {
	const [fargate, lambda] = (['fargate', 'lambda'] as const).map(stack => s.stacks.includes(stack) && isOpen(stack, s))

	if (s.debugEnv && fargate)
		throw new Refusal('DEBUG_ENV_ENABLED: the load balancer would be open to the world (ALLOWED_CIDRS), so anybody could read the settings at /debug/env; set it to false, or ALLOWED_CIDRS to your networks.')
	if (s.debugEnv && lambda)
		throw new Refusal('DEBUG_ENV_ENABLED: a Function URL is open to the world, so anybody could read the settings at /debug/env; set it to false (the AWS console shows them too).')
	if (s.plain || s.fallbackOrganizations)
		return
	if (fargate)
		throw new Refusal(`FALLBACK_ORGANIZATIONS: the load balancer would be open to the world (ALLOWED_CIDRS), so anybody whom Anthropic limits could spend on your AWS account; set it to your anthropic-organization-id, or ALLOWED_CIDRS to your networks; ${WHERE_TO_FIND}.`)
	if (lambda)
		throw new Refusal(`FALLBACK_ORGANIZATIONS: a Function URL is open to the world, so anybody whom Anthropic limits could spend on your AWS account; set it to your anthropic-organization-id${unlessLeftOut(s)}; ${WHERE_TO_FIND}.`)
}

export const readSettings = (env: Environment): Settings => {
	const { given, text, matching, list, flag, number, choice } = reader(env)
	const architectures = ['amd64', 'arm64'] as const

	if (flag('FORCE_RATE_LIMIT'))
		throw new Refusal('FORCE_RATE_LIMIT: this test is for clients on the same machine, of which there are none on AWS.')
	const costAlarm = number('COST_ALARM_USD_PER_HOUR', 0.01, 1_000_000, false) ?? 10
	const organizations = list('FALLBACK_ORGANIZATIONS')
	for (const one of organizations)
		if (!/^[A-Za-z0-9_-]+$/.test(one))
			throw new Refusal(`FALLBACK_ORGANIZATIONS: "${one}" is not an anthropic-organization-id; ${WHERE_TO_FIND}.`)
	const defaultModel = text('BEDROCK_DEFAULT_MODEL')
	const settings: Settings = {
		plain: flag('PLAIN_TEMPLATES'),
		stacks: readStacks(list('STACKS')),
		rateLimitTable: matching('RATE_LIMIT_TABLE_NAME', TABLE, "a table's name") ?? 'claude-proxy-rate-limits',
		usageTable: matching('USAGE_TABLE_NAME', TABLE, "a table's name") ?? 'claude-proxy-usage',
		existingTables: list('EXISTING_TABLES'),
		repository: matching('ECR_REPOSITORY', /^[a-z0-9]+([._/-][a-z0-9]+)*$/, "an ECR repository's name") ?? 'claude-proxy',
		fargateArchitecture: choice('FARGATE_ARCHITECTURE', architectures) ?? 'amd64',
		lambdaArchitecture: choice('LAMBDA_ARCHITECTURE', architectures) ?? 'arm64',
		fallbackOrganizations: organizations.join(','),
		bedrockRegion: matching('BEDROCK_REGION', REGION, "a region's name"),
		bedrockProfile: matching('BEDROCK_PROFILE', /^[a-z][a-z-]*$/, 'an inference profile such as global, us or eu') ?? 'global',
		bedrockChoices: readChoices([...(defaultModel ? [defaultModel] : []), ...readOverrides(text('BEDROCK_MODEL_OVERRIDES'))]),
		bedrockGuardrail: matching('BEDROCK_GUARDRAIL', /^([a-z0-9]+|arn:aws[a-z-]*:bedrock:[a-z0-9-]+:\d{12}:guardrail\/[a-z0-9]+)(:[A-Za-z0-9]+)?$/, "a guardrail's id or ARN"),
		bedrockEndpoint: flag('BEDROCK_VPC_ENDPOINT'),
		allowedCidrs: readCidrs(list('ALLOWED_CIDRS')),
		certificateArn: matching('CERTIFICATE_ARN', /^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate\/[A-Za-z0-9-]+$/, "an ACM certificate's ARN"),
		minTasks: number('MIN_TASKS', 1, 100) ?? 1,
		maxTasks: number('MAX_TASKS', 1, 100) ?? 4,
		reservedConcurrency: number('RESERVED_CONCURRENCY', 1, 10_000),
		alarmEmail: matching('ALARM_EMAIL', /^[^\s@]+@[^\s@]+$/, 'an e-mail address'),
		alarmTopicArn: matching('ALARM_TOPIC_ARN', /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+$/, "an SNS topic's ARN"),
		dashboard: text('DASHBOARD_ENABLED') === undefined ? undefined : flag('DASHBOARD_ENABLED'),
		debugEnv: flag('DEBUG_ENV_ENABLED'),
		costAlarmUsdPerHour: flag('USAGE_TRACKING_ENABLED', true) ? costAlarm : undefined,
		proxy: Object.fromEntries(HANDED_ON.map(name => [name, text(name)]).filter((pair): pair is [string, string] => pair[1] !== undefined)),
		given: []
	}
	/* these two infra/deploy.sh hands to docker; read here to be shown with the others */
	for (const name of ['DEBIAN_IMAGE', 'LAMBDA_ADAPTER_IMAGE'])
		text(name)
	settings.given = [...given].sort(([a], [b]) => a < b ? -1 : 1)
	check(settings)
	checkNetworks(settings)
	checkRegion(settings, text('AWS_REGION') ?? text('AWS_DEFAULT_REGION'))
	return settings
}
