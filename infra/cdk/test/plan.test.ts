import { strict as assert } from 'node:assert'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { test } from 'node:test'
import { planOf } from '../lib/plan'
import { readTable } from '../lib/proxy-settings'
import { readSettings } from '../lib/settings'
import { Environment, root, someone } from './helpers'

const plan = (env: Environment) => planOf(readSettings({ ...someone, ...env }))
const aws = fs.readFileSync(path.join(root, '../../doc/aws.md'), 'utf8')

test('costs follow the settings', () => {
	for (const [env, says] of [
		[{ STACKS: 'fargate' }, /^costs about 79 USD a month .*\(task 18\.02, NAT gateway 32\.85, .*, and under load up to 4 tasks$/],
		[{ STACKS: 'fargate', FARGATE_ARCHITECTURE: 'arm64' }, /^costs about 76 USD a month .*\(task 14\.42,/],
		[{ STACKS: 'fargate', MIN_TASKS: '3', MAX_TASKS: '3' }, /^costs about 115 USD a month .*\(3 tasks 54\.06, .*, traffic besides$/],
		[{ STACKS: 'fargate', BEDROCK_VPC_ENDPOINT: 'true' }, /^costs about 94 USD a month .*, Bedrock endpoint 14\.60\)/],
		[{ STACKS: 'lambda' }, /^costs nothing when idle; 0\.80 USD in us-east-1 for 1000 minutes/],
		[{ STACKS: 'lambda', LAMBDA_ARCHITECTURE: 'amd64' }, /^costs nothing when idle; 1\.00 USD in us-east-1 for 1000 minutes/]
	] as [Environment, RegExp][])
		assert.match(plan(env)[0], says)
})

test('and are those of doc/aws.md', () => {
	const figures = ([{}, { FARGATE_ARCHITECTURE: 'arm64', BEDROCK_VPC_ENDPOINT: 'true', LAMBDA_ARCHITECTURE: 'amd64' }] as Environment[])
		.flatMap(env => plan(env).join().match(/\d+\.\d\d/g) ?? []).filter(figure => figure !== '1.00')

	assert.ok(new Set(figures).size >= 7)
	for (const figure of figures)
		assert.ok(aws.includes(figure === '0.80' ? '0.0008' : figure), `${figure} is not in doc/aws.md`)
})

test('networks from which nobody comes to a public load balancer are named', () => {
	const warns = (cidr: string) => plan({ STACKS: 'fargate', ALLOWED_CIDRS: `203.0.113.0/24,${cidr}` }).filter(line => line.includes('nobody arrives'))

	for (const cidr of ['10.0.0.0/8', '10.20.0.0/16', '172.16.0.0/12', '172.31.255.255/32', '192.168.1.0/24', '100.64.0.0/10', '127.0.0.1/32', '169.254.0.0/16', 'fd12::/48'])
		assert.match(warns(cidr).join(), new RegExp(`^nobody arrives there from the private network ${cidr}: .*checkip\\.amazonaws\\.com`))
	for (const cidr of ['11.0.0.0/8', '172.15.0.0/16', '172.32.0.0/16', '192.0.0.0/8', '2001:db8::/32'])
		assert.deepEqual(warns(cidr), [])
	assert.ok(plan({ STACKS: 'fargate', ALLOWED_CIDRS: '2001:db8::/32' }).some(line => /IPv4 only/.test(line)))
})

test('what was set is shown, and nothing that could be secret', () => {
	const secrets = [...readTable()].filter(([, { type }]) => type === 'secret').map(([name]) => name)
	const env = { ...Object.fromEntries(secrets.map(name => [name, 'hidden'])), LOG_LEVEL: ' debug ', MIN_TASKS: '', DEBIAN_IMAGE: 'debian@sha256:1', STACKS: 'lambda' }

	assert.ok(secrets.length > 5)
	assert.equal(plan(env).at(-1), `settings: DEBIAN_IMAGE=debian@sha256:1, FALLBACK_ORGANIZATIONS=${someone.FALLBACK_ORGANIZATIONS}, LOG_LEVEL=debug; all others have their defaults`)
	assert.equal(planOf(readSettings({ PLAIN_TEMPLATES: 'true' })).at(-1), 'settings: all have their defaults')
})

test('doc/aws.md names the settings that are not taken', () => {
	const asked = new Set<string>()
	readSettings(new Proxy(someone, { get: (env, name) => { asked.add(String(name)); return env[String(name)] } }))
	const [, listed] = aws.match(/\*\*Not taken\*\*([^]*?)\n\n/) ?? []
	const named = [...(listed ?? '').matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name)
	const expected = [...readTable().keys()].filter(name => !asked.has(name) || name === 'FORCE_RATE_LIMIT')
	const others = (list: string[]) => list.filter(name => !name.startsWith('AWS_')).sort()

	assert.deepEqual(others(named), others(expected))
})
