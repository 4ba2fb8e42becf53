/* IAM's answer for the policies here: Allow statements with wildcards and one condition. Anything else is a fault. */
import { resolve } from './helpers'

export interface Request {
	action: string
	resource: string
	context?: Record<string, string>
}
export interface Statement {
	sid: string
	actions: string[]
	resources: string[]
	conditions: { key: string, patterns: string[] }[]
}

const list = (value: any): any[] => Array.isArray(value) ? value : [value]

export const statementsOf = (document: any): Statement[] => list(document.Statement).map(statement => {
	const { Sid, Effect, Action, Resource, Condition = {}, ...rest } = statement
	if (Effect !== 'Allow' || Object.keys(rest).length || Object.keys(Condition).some(operator => operator !== 'ArnLike'))
		throw new Error(`this statement is more than is understood here: ${JSON.stringify(statement)}`)
	return {
		sid: Sid,
		actions: list(Action),
		resources: list(Resource).map(resolve),
		conditions: Object.entries(Condition.ArnLike ?? {}).map(([key, value]) => ({ key, patterns: list(value).map(resolve) }))
	}
})

const like = (pattern: string, text: string) =>
	new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(text)

/** Field by field, as for ARNs: a wildcard in the region says nothing of the account. */
const likeArn = (pattern: string, arn: string) => {
	if (pattern === '*')
		return true
	const fields = (text: string) => [...text.split(':', 5), text.split(':').slice(5).join(':')]
	const [wanted, given] = [fields(pattern), fields(arn)]
	return wanted.every((field, i) => like(field, given[i] ?? ''))
}

export const allows = (statement: Statement, { action, resource, context = {} }: Request) =>
	statement.actions.some(one => like(one.toLowerCase(), action.toLowerCase())) &&
	statement.resources.some(one => likeArn(one, resource)) &&
	statement.conditions.every(({ key, patterns }) => key in context && patterns.some(one => likeArn(one, context[key])))
