import { CfnResource } from 'aws-cdk-lib'
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { test } from 'node:test'
import { makeApp } from '../lib/app'
import { readSettings } from '../lib/settings'
import { plainTemplates, templatesOf } from '../lib/templates'
import { root, someone, synth } from './helpers'

/* What CloudFormation takes without a bucket. */
const TEMPLATE_BYTES = 51_200
/* Every optional resource, and every other way that a property can take. */
const EVERYTHING = {
	...someone, ALLOWED_CIDRS: '203.0.113.0/24,2001:db8::/32', CERTIFICATE_ARN: 'arn:aws:acm:us-east-1:123456789012:certificate/abc-1',
	BEDROCK_VPC_ENDPOINT: 'true', BEDROCK_GUARDRAIL: 'gr1', ALARM_EMAIL: 'ops@example.com', RESERVED_CONCURRENCY: '5', FARGATE_ARCHITECTURE: 'arm64',
	BEDROCK_DEFAULT_MODEL: 'anthropic.claude-sonnet-4-6'
}
const committed = () => Object.fromEntries(fs.readdirSync(path.join(root, 'templates'))
	.map(name => [name, fs.readFileSync(path.join(root, 'templates', name), 'utf8')]))

test('the committed templates are what the app makes; "npm run templates" renews them', () => {
	assert.deepEqual(Object.keys(committed()), Object.keys(plainTemplates()).sort())
	for (const [name, text] of Object.entries(plainTemplates()))
		assert.ok(committed()[name] === text, `${name} is stale: npm run templates`)
})

test('they can be deployed as they are: small, without files of CDK’s, with what must be given as parameters', () => {
	for (const [name, text] of Object.entries(committed())) {
		assert.ok(text.length < TEMPLATE_BYTES, name)
		assert.doesNotMatch(text, /AssetParameters|cdk-hnb659fds|BootstrapVersion|Custom::|Fn::ImportValue/, name)
	}
	const asked = (name: string) => Object.entries(JSON.parse(committed()[name]).Parameters as Record<string, any>)
		.filter(([, p]) => p.Default === undefined).map(([id]) => id)
	assert.deepEqual(asked('ClaudeProxyFargate.json'), ['ImageUri', 'FallbackOrganizations', 'CertificateArn'])
	assert.deepEqual(asked('ClaudeProxyLambda.json'), ['ImageUri', 'FallbackOrganizations'])
	for (const name of ['ClaudeProxyFargate.json', 'ClaudeProxyLambda.json']) {
		const { Default, AllowedValues } = JSON.parse(committed()[name]).Parameters.DashboardEnabled
		assert.deepEqual([Default, AllowedValues], ['false', ['true', 'false']])
		assert.match(committed()[name].replace(/\s/g, ''), /DASHBOARD_ENABLED":\{"Ref":"DashboardEnabled"|"DASHBOARD_ENABLED","Value":\{"Ref":"DashboardEnabled"/)
	}
	const { AllowedPattern } = JSON.parse(committed()['ClaudeProxyLambda.json']).Parameters.FallbackOrganizations
	assert.doesNotMatch('', new RegExp(`^(${AllowedPattern})$`))
})

/* CDK_VALIDATION is false for the other tests, since this takes seconds. */
const validating = (make: () => unknown) => {
	process.env.CDK_VALIDATION = 'true'
	try {
		make()
	} finally {
		process.env.CDK_VALIDATION = 'false'
	}
}

test('templates agree with AWS’s resource schemas', () => {
	for (const env of [{ PLAIN_TEMPLATES: 'true' }, someone, EVERYTHING])
		validating(() => templatesOf(readSettings(env)))
})

test('and synth fails when they do not', () => {
	const out = fs.mkdtempSync(path.join(os.tmpdir(), 'ccp-synth-'))
	const app = makeApp(readSettings({ ...someone, STACKS: 'lambda' }), out)
	const url = app.node.findChild('ClaudeProxyLambda').node.findChild('Url') as CfnResource
	url.addPropertyOverride('InvokeMode', 'RESPONSE_STREEM')
	url.addPropertyOverride('Bogus', true)
	const { exitCode } = process

	try {
		assert.throws(() => validating(() => app.synth()), /Validation failed/)
		assert.match(fs.readFileSync(path.join(out, 'validation-report.json'), 'utf8'), /'Bogus' was unexpected/)
	} finally {
		process.exitCode = exitCode
		fs.rmSync(out, { recursive: true })
	}
})

test('ImageUri: an ECR image of the repository, by tag or digest', () => {
	const pattern = new RegExp(`^(${synth(someone).ClaudeProxyLambda.Parameters?.ImageUri.AllowedPattern})$`)
	const registry = '123456789012.dkr.ecr.us-east-1.amazonaws.com'

	assert.match(`${registry}/claude-proxy:0.1.0-arm64`, pattern)
	assert.match(`${registry}/claude-proxy@sha256:${'a'.repeat(64)}`, pattern)
	for (const wrong of ['claude-proxy:latest', `${registry}/other:1`, `${registry}/claude-proxy`, `${registry}/claude-proxy-2:1`])
		assert.doesNotMatch(wrong, pattern)
})

const lint = spawnSync('cfn-lint', ['--version']).status === 0
test('cfn-lint has nothing to say', { skip: lint ? false : 'cfn-lint is not installed here' }, () => {
	const out = fs.mkdtempSync(path.join(os.tmpdir(), 'ccp-lint-'))
	const files = Object.entries(synth(EVERYTHING)).map(([name, template]) => {
		const file = path.join(out, `${name}.json`)
		fs.writeFileSync(file, JSON.stringify(template))
		return file
	})
	const { status, stdout, stderr } = spawnSync('cfn-lint', [...files, ...Object.keys(committed()).map(name => path.join(root, 'templates', name))], { encoding: 'utf8' })

	fs.rmSync(out, { recursive: true })
	assert.equal(status, 0, stdout + stderr)
})

/* cdk by itself, as a person calls it; what would leave this machine would meet a closed port. */
const cdk = (env: Record<string, string>, out: string) => spawnSync(process.execPath,
	[path.join(root, 'node_modules/aws-cdk/bin/cdk'), 'synth', '--quiet', '--app', 'node build/bin/app.js', '--output', out], {
		cwd: root, encoding: 'utf8',
		env: { PATH: process.env.PATH, HOME: out, HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9', AWS_EC2_METADATA_DISABLED: 'true', ...env }
	})

test('cdk synth: no account, no network', () => {
	const out = fs.mkdtempSync(path.join(os.tmpdir(), 'ccp-synth-'))
	const { status, stderr } = cdk(someone, out)
	const made = fs.readdirSync(out).filter(name => name.endsWith('.template.json')).sort()

	fs.rmSync(out, { recursive: true })
	assert.equal(status, 0, stderr)
	assert.deepEqual(made, ['ClaudeProxyFargate.template.json', 'ClaudeProxyLambda.template.json', 'ClaudeProxyTables.template.json'])
	assert.doesNotMatch(stderr, /notice|telemetry/i)
})

test('cdk synth refuses in a sentence, without a stack trace', () => {
	const out = fs.mkdtempSync(path.join(os.tmpdir(), 'ccp-synth-'))
	const { status, stderr } = cdk({ STACKS: 'fargate' }, out)

	fs.rmSync(out, { recursive: true })
	assert.notEqual(status, 0)
	assert.match(stderr, /^FALLBACK_ORGANIZATIONS: the load balancer would be open to the world/m)
	assert.doesNotMatch(stderr, /\n\s+at /)
})
