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
/* An answer of several values, as --output text prints it. */
const text = values => values.join('\t')
const noStack = what => fail(254, `ValidationError) when calling the DescribeStacks operation: ${what} does not exist`)
const noTable = () => fail(254, 'ResourceNotFoundException) when calling the DescribeTable operation: Requested resource not found')
const registry = '123456789012.dkr.ecr.us-east-1.amazonaws.com/claude-proxy'

/*
 * As CloudFormation: a stack is made anew, or what its template says differently from its last one is done. What became
 * of a table besides, it does not look at. It makes no table that is there; one that the template no longer names stays.
 */
const deployStack = (name, template) => {
	const before = state.stacks[name]
	if (before && !/^(REVIEW_IN_PROGRESS|(CREATE|UPDATE|UPDATE_ROLLBACK)_COMPLETE)$/.test(before))
		fail(254, `ValidationError) when calling CreateChangeSet: ${name} is in ${before} state and can not be updated`)
	const isNew = !before || before === 'REVIEW_IN_PROGRESS'
	const named = Object.values(template.Resources).filter(one => one.Type === 'AWS::DynamoDB::Table').map(one => one.Properties.TableName)
	for (const table of named.filter(one => isNew || !(state.made[name] ?? []).includes(one))) {
		if (state.tables.includes(table))
			fail(255, `AlreadyExists): table ${table} already exists in another way`)
		state.tables.push(table)
	}
	state.made[name] = named
	state.https[name] = name !== 'ClaudeProxyFargate' || JSON.stringify(template).includes('"Certificates"')
	state.stacks[name] = isNew ? 'CREATE_COMPLETE' : 'UPDATE_COMPLETE'
}

const outputsOf = name => [...(name === 'ClaudeProxyFargate' ? [`LoadBalancerDNS\t${name}.example`] : []),
	`ServiceURL\thttp${state.https[name] === false ? '' : 's'}://${name}.example`].join('\n')

const ANSWERS = {
	'aws configure get': () => state.region || process.exit(1),
	'aws sts get-caller-identity': () => state.credentials ? '123456789012' : fail(255, 'ExpiredToken) when calling GetCallerIdentity'),
	'aws cloudformation describe-stacks': () => {
		const status = state.stacks[option('--stack-name')] ?? noStack(`Stack with id ${option('--stack-name')}`)
		return status === 'DENIED' ? fail(254, 'AccessDenied) when calling the DescribeStacks operation: not authorized')
			: option('--query').includes('Outputs') ? outputsOf(option('--stack-name')) : status
	},
	/* Asked by a table's name it tells of deleted stacks too, for 90 days; asked by a stack's name of living ones only. */
	'aws cloudformation describe-stack-resources': () => {
		if (args.includes('--physical-resource-id'))
			return Object.keys(state.made).find(stack => state.made[stack].includes(option('--physical-resource-id'))) ??
				noStack(`Stack for ${option('--physical-resource-id')}`)
		return option('--stack-name') in state.stacks ? text(state.made[option('--stack-name')] ?? []) : noStack(`Stack with id ${option('--stack-name')}`)
	},
	'aws cloudformation deploy': () => deployStack(option('--stack-name'), JSON.parse(fs.readFileSync(option('--template-file'), 'utf8'))),
	/* its tables stay: DeletionPolicy Retain */
	'aws cloudformation delete-stack': () => { delete state.stacks[option('--stack-name')] },
	'aws cloudformation wait': () => args[2] === 'stack-delete-complete' || fail(2, 'usage'),
	'aws dynamodb describe-table': () => !state.tables.includes(option('--table-name')) ? noTable() : state.deleting ? 'DELETING' : 'ACTIVE',
	'aws dynamodb delete-table': () => { state.tables = state.tables.filter(one => one !== option('--table-name')) },
	'aws dynamodb wait': () => args[2] === 'table-not-exists' || fail(2, 'usage'),
	'aws lambda get-account-settings': () => '10',
	'aws iam get-role': () => state.role ? `arn:aws:iam::123456789012:role/${option('--role-name')}` : fail(254, 'NoSuchEntity) when calling the GetRole operation'),
	'aws lambda get-function': () => state.function ?? /_COMPLETE$/.test(state.stacks.ClaudeProxyLambda) ? 'Active' : fail(254, 'ResourceNotFoundException) when calling the GetFunction operation'),
	'aws ecr describe-repositories': () => state.repository ? registry : fail(254, 'RepositoryNotFoundException) when calling DescribeRepositories'),
	'aws ecr create-repository': () => { state.repository = true; return registry },
	'aws ecr put-lifecycle-policy': () => { state.lifecycle = JSON.stringify(JSON.parse(option('--lifecycle-policy-text'))) },
	'aws ecr get-login-password': () => 'password-of-the-registry',
	'aws ecr describe-images': () => `sha256:${'a'.repeat(64)}`,
	'aws ecr delete-repository': () => { state.repository = false },
	'aws logs describe-log-groups': () => state.log === option('--log-group-name-prefix') ? state.log : '',
	'aws logs tail': () => 'a line of the log',
	'docker info': () => state.docker || process.exit(1),
	'docker buildx version': () => state.buildx || process.exit(1),
	'docker buildx inspect': () => state.platforms === '' ? fail(1, 'ERROR: no builder') : `Name: default\nDriver: docker\n\nNodes:\n${
		state.platforms.split(';').map(one => `Name:      default\nEndpoint:  default\nStatus:    running\nPlatforms: ${one}`).join('\n\n')}`,
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
