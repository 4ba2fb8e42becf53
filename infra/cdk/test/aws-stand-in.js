/*
 * Stands in for aws and docker in the tests of infra/deploy.sh: writes down each call, answers as those commands would
 * from a small account in $STAND_IN/state.json, and refuses what they do not know.
 */
const fs = require('node:fs')
const path = require('node:path')

const folder = process.env.STAND_IN
const file = path.join(folder, 'state.json')
const state = JSON.parse(fs.readFileSync(file, 'utf8'))
const [program, ...args] = process.argv.slice(2)
const option = name => args[args.indexOf(name) + 1]
const fail = (code, said) => {
	process.stderr.write(`\nAn error occurred (${said}\n`)
	process.exit(code)
}
const noStack = what => fail(254, `ValidationError) when calling the DescribeStacks operation: ${what} does not exist`)
const noTable = () => fail(254, 'ResourceNotFoundException) when calling the DescribeTable operation: Requested resource not found')
const registry = '123456789012.dkr.ecr.us-east-1.amazonaws.com/claude-proxy'

const ANSWERS = {
	'aws configure get': () => state.region || process.exit(1),
	'aws sts get-caller-identity': () => state.credentials ? '123456789012' : fail(255, 'ExpiredToken) when calling GetCallerIdentity'),
	'aws cloudformation describe-stacks': () => {
		const status = state.stacks[option('--stack-name')] ?? noStack(`Stack with id ${option('--stack-name')}`)
		return status === 'DENIED' ? fail(254, 'AccessDenied) when calling the DescribeStacks operation: not authorized')
			: option('--query').includes('Outputs') ? `ServiceURL\thttps://${option('--stack-name')}.example` : status
	},
	'aws cloudformation describe-stack-resources': () => state.tables[option('--physical-resource-id')] || noStack(`Stack for ${option('--physical-resource-id')}`),
	'aws cloudformation deploy': () => {
		JSON.parse(fs.readFileSync(option('--template-file'), 'utf8'))
		state.stacks[option('--stack-name')] = 'CREATE_COMPLETE'
	},
	'aws cloudformation delete-stack': () => { delete state.stacks[option('--stack-name')] },
	'aws cloudformation wait': () => args[2] === 'stack-delete-complete' || fail(2, 'usage'),
	'aws dynamodb describe-table': () => option('--table-name') in state.tables ? 'ACTIVE' : noTable(),
	'aws dynamodb delete-table': () => { delete state.tables[option('--table-name')] },
	'aws dynamodb wait': () => args[2] === 'table-not-exists' || fail(2, 'usage'),
	'aws lambda get-function': () => state.function ? 'Active' : fail(254, 'ResourceNotFoundException) when calling the GetFunction operation'),
	'aws ecr describe-repositories': () => state.repository ? registry : fail(254, 'RepositoryNotFoundException) when calling DescribeRepositories'),
	'aws ecr create-repository': () => { state.repository = true; return registry },
	'aws ecr get-login-password': () => 'password-of-the-registry',
	'aws ecr describe-images': () => `sha256:${'a'.repeat(64)}`,
	'aws ecr delete-repository': () => { state.repository = false },
	'aws logs tail': () => 'a line of the log',
	'docker info': () => state.docker || process.exit(1),
	'docker buildx version': () => state.buildx || process.exit(1),
	'docker buildx build': () => fs.existsSync(option('-f')) || fail(1, 'no Dockerfile'),
	'docker login --username': () => {
		const given = fs.readFileSync(0, 'utf8').trim()
		return given === 'password-of-the-registry' ? 'Login Succeeded' : fail(1, 'no password')
	}
}
const name = Object.keys(ANSWERS).find(known => `${program} ${args.join(' ')} `.startsWith(`${known} `))

fs.appendFileSync(path.join(folder, 'calls'), `${program} ${args.join(' ')}\n`)
if (!name) {
	fs.appendFileSync(path.join(folder, 'unknown'), `${program} ${args.join(' ')}\n`)
	process.exit(2)
}
const answer = ANSWERS[name]()
fs.writeFileSync(file, JSON.stringify(state))
if (typeof answer === 'string')
	console.log(answer)
