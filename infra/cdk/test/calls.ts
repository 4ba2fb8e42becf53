/*
 * What the programs really called, one JSON object a line:
 *   {"service":"dynamodb","operation":"Query","resource":"claude-proxy-usage/index/date-index"}
 *   {"service":"bedrock","operation":"InvokeModelWithResponseStream","resource":"global.anthropic.claude-opus-5"}
 * resource is the table with its index, or the model id or ARN, as they stand in the request; tables under their
 * default names. Only messages.fcgi, usage.fcgi and ui.fcgi: the admin command runs with its operator's rights.
 * CCP_AWS_CALLS names another file than calls.jsonl.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { targetsOf } from '../lib/models'
import { Environment, root } from './helpers'
import { Request } from './iam'

export interface Call {
	service: 'dynamodb' | 'bedrock'
	operation: string
	resource: string
}

const ACCOUNT = '123456789012'
const REGION = 'us-east-1'

export const readCalls = (file = process.env.CCP_AWS_CALLS ?? path.join(root, 'test/calls.jsonl')): Call[] => {
	const lines = fs.readFileSync(file, 'utf8').split('\n').filter(Boolean)
	return [...new Set(lines)].map(line => JSON.parse(line))
}

/* Where a geographic profile leads to, for example; a global one leads to the model of no region. */
const REGIONS: Record<string, string[]> = {
	global: ['', REGION], us: [REGION, 'us-east-2', 'us-west-2'], eu: ['eu-central-1', 'eu-north-1'],
	jp: ['ap-northeast-1', 'ap-northeast-3'], au: ['ap-southeast-2', 'ap-southeast-4'], apac: ['ap-northeast-2'], in: ['ap-south-1']
}

/** The setting that made the program call this, if it is not the default. */
export const settingsOf = ({ service, operation, resource }: Call): Environment => {
	const [prefix] = resource.split('.')

	if (service === 'dynamodb' || operation === 'CountTokens' || targetsOf('global').includes(resource))
		return {}
	if (resource.startsWith('arn:') || prefix === 'anthropic')
		return { BEDROCK_DEFAULT_MODEL: resource }
	return { BEDROCK_PROFILE: prefix === 'apac' ? 'jp' : prefix }
}

/** What IAM is asked for a call. An inference profile is asked for itself and for each model behind it. */
export const requestsOf = ({ service, operation, resource }: Call): Request[] => {
	const action = `${service}:${operation}`
	const [prefix, ...rest] = resource.split('.')

	if (service === 'dynamodb')
		return [{ action, resource: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${resource}` }]
	if (service !== 'bedrock')
		throw new Error(`no rights are known for ${service}`)
	if (resource.startsWith('arn:'))
		return [{ action, resource }]
	if (prefix === 'anthropic')
		return [{ action, resource: `arn:aws:bedrock:${REGION}::foundation-model/${resource}` }]
	const profile = `arn:aws:bedrock:${REGION}:${ACCOUNT}:inference-profile/${resource}`
	return [
		{ action, resource: profile },
		...(REGIONS[prefix] ?? [REGION]).map(region => ({
			action,
			resource: `arn:aws:bedrock:${region}::foundation-model/${rest.join('.')}`,
			context: { 'bedrock:InferenceProfileArn': profile }
		}))
	]
}
