import { Template } from 'aws-cdk-lib/assertions'
import * as path from 'node:path'
import { readSettings } from '../lib/settings'
import { templatesOf } from '../lib/templates'

export type Environment = Record<string, string>
export type Resource = { Type: string, Properties: Record<string, any>, [more: string]: any }
export type TemplateJson = { Resources: Record<string, Resource>, Parameters?: Record<string, any>, Outputs?: Record<string, any> }

/** From build/test/ as node runs it. */
export const root = path.join(__dirname, '../..')
/** The least that is not refused. */
export const someone: Environment = { FALLBACK_ORGANIZATIONS: '11111111-2222-3333-4444-555555555555' }

const made = new Map<string, Record<string, TemplateJson>>()

/** The templates of all stacks by name, as `cdk synth` with this environment writes them. */
export const synth = (env: Environment) => {
	const key = JSON.stringify(env)
	if (!made.has(key))
		made.set(key, templatesOf(readSettings(env)) as Record<string, TemplateJson>)
	return made.get(key) as Record<string, TemplateJson>
}

export const templateOf = (name: string, env: Environment) => Template.fromJSON(synth(env)[name])
export const ofType = (template: TemplateJson, type: string) => Object.values(template.Resources).filter(r => r.Type === type)
export const only = (template: TemplateJson, type: string) => {
	const found = ofType(template, type)
	if (found.length !== 1)
		throw new Error(`${found.length} resources of type ${type}`)
	return found[0]
}

const PSEUDO: Record<string, string> = {
	'AWS::Partition': 'aws', 'AWS::Region': 'us-east-1', 'AWS::AccountId': '123456789012', 'AWS::URLSuffix': 'amazonaws.com'
}

/** What CloudFormation makes of a value that is a string in the end; attributes become "<Resource.Attribute>". */
export const resolve = (value: any): string => {
	if (typeof value !== 'object' || value === null)
		return String(value)
	if ('Ref' in value)
		return PSEUDO[value.Ref] ?? `<${value.Ref}>`
	if ('Fn::GetAtt' in value)
		return `<${value['Fn::GetAtt'].join('.')}>`
	if ('Fn::Sub' in value)
		return value['Fn::Sub'].replace(/\$\{(.*?)\}/g, (_: string, Ref: string) => resolve({ Ref }))
	if ('Fn::Join' in value)
		return value['Fn::Join'][1].map(resolve).join(value['Fn::Join'][0])
	throw new Error(`not resolved here: ${JSON.stringify(value)}`)
}
