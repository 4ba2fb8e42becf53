import { strict as assert } from 'node:assert'
import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { after, test } from 'node:test'
import { root, someone } from './helpers'

interface State {
	region?: string
	credentials?: boolean
	docker?: boolean
	buildx?: boolean
	repository?: boolean
	/** That function, that role, that log group; the function of the stack when not set. */
	function?: boolean
	role?: boolean
	log?: string
	stacks?: Record<string, string>
	/** What docker builds for, a node of the builder after the other. */
	platforms?: string
	/** The tables that are there. */
	tables?: string[]
	deleting?: boolean
	/** The tables that each stack made, of stacks that were deleted too. */
	made?: Record<string, string[]>
	/** The repository's own lifecycle policy. */
	lifecycle?: string
	/** Whether what a stack made is reached by https. */
	https?: Record<string, boolean>
}

const source = path.join(root, '../..')
const IMAGE = `ImageUri=123456789012.dkr.ecr.us-east-1.amazonaws.com/claude-proxy@sha256:${'a'.repeat(64)}`
const LIMITS = 'claude-proxy-rate-limits'
const USAGE = 'claude-proxy-usage'
const BOTH = [LIMITS, USAGE]
const OURS = { ClaudeProxyTables: BOTH }
const TOOLS = ['sh', 'sed', 'id', 'dirname', 'find', 'rm', 'cat', 'tail', 'grep', 'mktemp', 'node', 'npm']

/* A source folder of its own, with the compiled app of this one, so that nothing is written here. */
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ccp-deploy-'))
after(() => fs.rmSync(folder, { recursive: true }))
const copy = (name: string) => {
	fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
	fs.copyFileSync(path.join(source, name), path.join(folder, name))
}
for (const name of ['infra/deploy.sh', 'infra/aws.sh', 'infra/common.sh', 'infra/cdk/install.sh', 'infra/cdk/package-lock.json', 'configure.ac'])
	copy(name)
fs.mkdirSync(path.join(folder, 'infra/image'))
fs.writeFileSync(path.join(folder, 'infra/image/Dockerfile'), '')
fs.mkdirSync(path.join(folder, 'infra/cdk/node_modules'))
fs.writeFileSync(path.join(folder, 'infra/cdk/node_modules/.package-lock.json'), '{}')
fs.utimesSync(path.join(folder, 'infra/cdk/package-lock.json'), 0, 0)
const { synth } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')).scripts
const compiled = synth.replace(/^tsc && /, '').replace('build/bin/app.js', path.join(root, 'build/bin/app.js'))
assert.ok(compiled !== synth && compiled.includes(root), `not understood here: ${synth}`)
fs.writeFileSync(path.join(folder, 'infra/cdk/package.json'), JSON.stringify({ private: true, scripts: { synth: compiled } }))

const has = (tool: string) => execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim()

/* Only these are in PATH: what is not named is missing. */
const bin = (name: string, tools: string[], standIns: string[]) => {
	const made = path.join(folder, name)
	fs.mkdirSync(made)
	for (const tool of tools)
		fs.symlinkSync(fs.realpathSync(has(tool)), path.join(made, tool))
	for (const program of standIns)
		fs.writeFileSync(path.join(made, program), `#!/bin/sh\nexec "${process.execPath}" "${path.join(root, 'test/aws-stand-in.js')}" ${program} "$@"\n`, { mode: 0o755 })
	return made
}
const allTools = bin('bin', TOOLS, ['aws', 'docker'])

let runs = 0
const run = (args: string[], state: State = {}, env: Record<string, string> = {}, PATH = allTools) => {
	const standIn = path.join(folder, `run-${++runs}`)
	fs.mkdirSync(standIn)
	fs.writeFileSync(path.join(standIn, 'state.json'), JSON.stringify({
		region: 'us-east-1', credentials: true, docker: true, buildx: true, platforms: 'linux/amd64, linux/arm64, linux/386', repository: false,
		stacks: {}, tables: [], made: {}, lifecycle: '', https: {}, ...state
	}))
	const { status, stdout, stderr } = spawnSync(path.join(folder, 'infra/deploy.sh'), args, {
		encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { PATH, HOME: standIn, STAND_IN: standIn, CDK_VALIDATION: 'false', ...env }
	})
	const read = (name: string) => fs.existsSync(path.join(standIn, name)) ? fs.readFileSync(path.join(standIn, name), 'utf8').split('\n').filter(Boolean) : []

	assert.deepEqual(read('unknown'), [], 'a command that the stand-ins do not know')
	return { status, stdout, stderr, calls: read('calls'), left: JSON.parse(read('state.json').join('')) }
}
/* What changes something, or costs. */
const changes = (calls: string[]) => calls.filter(call => !/^(aws configure|aws sts|aws \S+ (describe|get-function|get-account-settings|get-role)|docker info|docker buildx (version|inspect))/.test(call))
const names = (calls: string[]) => calls.map(call => call.split(' ').slice(0, 3).join(' '))

/* What the plan may say about who reaches it. */
const WORLD = /^ {4}(The load balancer|This function) is reachable by anybody who knows its address$/m
const CLOSED = /dashboard and the usage of all users are closed; to look: doc\/aws\.md, "Who may look"$/m
const READABLE = /the usage of all users is readable by anybody who knows the address/
const UNENCRYPTED = /credentials travel unencrypted/
const says = (plan: string, these: RegExp[], not: RegExp[]) => {
	these.forEach(one => assert.match(plan, one))
	not.forEach(one => assert.doesNotMatch(plan, one))
}

test('each missing thing has its sentence, and nothing is done', () => {
	const without = (tool: string) => bin(`without-${tool}`, TOOLS.filter(one => one !== tool), ['aws', 'docker'].filter(one => one !== tool))

	for (const [why, state, PATH] of [
		[/^deploy: node is not installed/m, {}, without('node')],
		[/^deploy: npm is not installed/m, {}, without('npm')],
		[/^deploy: the AWS CLI \(aws\) is not installed/m, {}, without('aws')],
		[/^deploy: docker is not installed/m, {}, without('docker')],
		[/^deploy: docker is installed, but its daemon does not answer/m, { docker: false }, allTools],
		[/^deploy: docker has no buildx/m, { buildx: false }, allTools],
		[/^deploy: AWS does not accept your credentials; log in.*ExpiredToken\) when calling GetCallerIdentity/ms, { credentials: false }, allTools],
		[/^deploy: no region is set; set AWS_REGION/m, { region: '' }, allTools]
	] as [RegExp, State, string][]) {
		const { status, stderr, calls } = run(['fargate', '--yes'], state, someone, PATH)

		assert.equal(status, 1)
		assert.match(stderr, why)
		assert.deepEqual(changes(calls), [])
	}
})

test('an old node is refused', () => {
	const old = bin('old-node', TOOLS.filter(tool => tool !== 'node'), ['aws', 'docker'])
	fs.writeFileSync(path.join(old, 'node'), '#!/bin/sh\necho v18.20.4\n', { mode: 0o755 })

	assert.match(run(['lambda', '--yes'], {}, someone, old).stderr, /^deploy: node is v18.20.4; version 20 or newer is needed/m)
})

test('fargate: repository, image, tables, stack, in this order, by the image’s digest', () => {
	const { status, stdout, stderr, calls, left } = run(['fargate', '--yes'], {}, { ...someone, AWS_REGION: 'us-east-1' })

	assert.equal(status, 0, stderr)
	assert.deepEqual(names(changes(calls)), ['aws ecr create-repository', 'aws ecr put-lifecycle-policy', 'aws ecr get-login-password', 'docker login --username',
		'docker buildx build', 'aws cloudformation deploy', 'aws cloudformation deploy'])
	const [tables, proxy] = calls.filter(call => call.startsWith('aws cloudformation deploy'))
	assert.match(tables, /--stack-name ClaudeProxyTables .*ClaudeProxyTables\.template\.json/)
	assert.match(proxy, /--stack-name ClaudeProxyFargate .*--capabilities CAPABILITY_NAMED_IAM/)
	assert.ok(proxy.endsWith(`--parameter-overrides ${IMAGE}`))
	const build = calls.find(call => call.startsWith('docker buildx build')) ?? ''
	assert.match(build, /--platform linux\/amd64 --provenance=false --sbom=false -f .*-t \S+claude-proxy:[0-9.]+-amd64 -t \S+claude-proxy:fargate --push/)
	assert.match(stdout, /account 123456789012, region us-east-1/)
	assert.match(stdout, /USD a month/)
	says(stdout, [WORLD, CLOSED, UNENCRYPTED], [READABLE])
	assert.deepEqual(JSON.parse(left.lifecycle).rules.map((rule: any) => [rule.selection, rule.action.type]),
		[[{ tagStatus: 'untagged', countType: 'imageCountMoreThan', countNumber: 10 }, 'expire']])
	assert.deepEqual(left.tables, BOTH)
	assert.match(stdout, /^ {4}ClaudeProxyTables, DynamoDB: two tables: claude-proxy-rate-limits and claude-proxy-usage\n {4}ClaudeProxyFargate is made$/m)
	assert.match(stdout, /^ {4}settings: FALLBACK_ORGANIZATIONS=11111111-2222-3333-4444-555555555555; all others have their defaults$/m)
	assert.match(stdout, /\tClaudeProxyFargate\.example\n {4}ServiceURL\thttp:.*\nClaude Code: {2}export ANTHROPIC_BASE_URL=http:\/\/ClaudeProxyFargate\.example\/user\/\$USER\n$/)
	/* what would be noise above the plan: npm, tsc, cdk */
	assert.match(stdout, /^making the templates\nIn account /)
	assert.equal(stderr, '')
	assert.doesNotMatch(stdout + stderr, /password-of-the-registry/)
})

test('lambda: for arm64; tables that no stack has are taken over as they are, and so is a policy for images', () => {
	const { status, stdout, stderr, calls } = run(['lambda', '--yes'], {
		repository: true, lifecycle: '{}', tables: BOTH,
		/* CloudFormation still knows of a stack that was deleted */
		made: OURS,
		/* what is left of a change set that failed; deploying goes on from there */
		stacks: { ClaudeProxyLambda: 'REVIEW_IN_PROGRESS' }
	}, { ...someone, ALLOWED_CIDRS: '203.0.113.0/24', DEBIAN_IMAGE: 'debian@sha256:1', LAMBDA_ADAPTER_IMAGE: 'adapter@sha256:2' })

	assert.equal(status, 0, stderr)
	assert.deepEqual(names(changes(calls)), ['aws ecr get-login-password', 'docker login --username', 'docker buildx build', 'aws cloudformation deploy'])
	assert.match(calls.find(call => call.startsWith('docker buildx build')) ?? '', /linux\/arm64 .* --build-arg DEBIAN=debian@sha256:1 --build-arg LAMBDA_ADAPTER=adapter@sha256:2 -f /)
	says(stdout, [WORLD, CLOSED], [READABLE, UNENCRYPTED])
	assert.match(stdout, /taken over as it is: claude-proxy-rate-limits,claude-proxy-usage/)
	assert.ok(!fs.existsSync(path.join(folder, 'infra/cdk/cdk.out/ClaudeProxyTables.template.json')))
})

test('a table of ours that somebody deleted is made again; the other is taken over', () => {
	const { status, stdout, stderr, calls, left } = run(['lambda', '--yes'], {
		repository: true, tables: [USAGE], made: OURS, stacks: { ClaudeProxyTables: 'CREATE_COMPLETE', ClaudeProxyLambda: 'CREATE_COMPLETE' }
	}, someone)

	assert.equal(status, 0, stderr)
	assert.deepEqual(left.tables.sort(), BOTH)
	assert.deepEqual(left.made.ClaudeProxyTables, [LIMITS])
	assert.match(stdout, /ClaudeProxyTables made claude-proxy-rate-limits, which somebody deleted: so this stack is deleted first/)
	assert.match(stdout, /taken over as it is: claude-proxy-usage$/m)
	assert.match(stdout, /^ {4}ClaudeProxyTables, DynamoDB: makes claude-proxy-rate-limits$/m)
	assert.deepEqual(changes(calls).filter(call => call.startsWith('aws cloudformation')).map(call => call.split(' ').slice(2, 5).join(' ')), [
		'delete-stack --stack-name ClaudeProxyTables', 'wait stack-delete-complete --stack-name',
		'deploy --stack-name ClaudeProxyTables', 'deploy --stack-name ClaudeProxyLambda'])
})

test('an update leaves the tables and their stack as they are', () => {
	const { status, stdout, stderr, left } = run(['lambda', '--yes'], {
		repository: true, tables: BOTH, made: OURS, stacks: { ClaudeProxyTables: 'UPDATE_ROLLBACK_COMPLETE', ClaudeProxyLambda: 'CREATE_COMPLETE' }
	}, someone)

	assert.equal(status, 0, stderr)
	assert.deepEqual([left.tables, left.made.ClaudeProxyTables], [BOTH, BOTH])
	assert.doesNotMatch(stdout, /taken over|somebody deleted/)
	assert.match(stdout, /^ {4}ClaudeProxyTables, DynamoDB: unchanged\n {4}ClaudeProxyLambda is there and is updated$/m)
	assert.match(stdout, /^Claude Code: {2}export ANTHROPIC_BASE_URL=https:\/\/ClaudeProxyLambda\.example\/user\/\$USER$/m)
})

test('where docker cannot build for the other processor, that is said before anything is spent', () => {
	/* what stands at the platform: set by hand; each node of a builder has a line */
	for (const platforms of ['linux/amd64*, linux/386;linux/arm64*, linux/arm/v7', 'linux/arm64', 'linux/amd64, linux/arm64'])
		assert.equal(run(['lambda', '--yes'], { platforms }, someone).status, 0)
	for (const [command, platforms, why] of [
		['lambda', 'linux/amd64, linux/amd64/v2, linux/386', /linux\/arm64 here; .*binfmt --install arm64 .*, LAMBDA_ARCHITECTURE=amd64 needs none/],
		['lambda', 'linux/amd64;linux/arm/v7', /linux\/arm64 here/],
		['fargate', 'linux/arm64', /linux\/amd64 here; .*binfmt --install amd64 .*, FARGATE_ARCHITECTURE=arm64 needs none/],
		['fargate', '', /^deploy: docker's builder does not start: .*no builder/s]
	] as [string, string, RegExp][]) {
		const { status, stderr, calls } = run([command, '--yes'], { platforms }, someone)

		assert.equal(status, 1)
		assert.match(stderr, why)
		assert.deepEqual(changes(calls), [])
	}
})

test('the plan says who can reach it, and what they see', () => {
	const CERTIFICATE_ARN = 'arn:aws:acm:us-east-1:123456789012:certificate/1'

	for (const [command, env, these, not] of [
		['lambda', { DASHBOARD_ENABLED: 'Yes' }, [WORLD, READABLE, /at most 10 streams at once/], [CLOSED]],
		['fargate', { ALLOWED_CIDRS: '203.0.113.0/24, ::/0', CERTIFICATE_ARN }, [WORLD, CLOSED], [UNENCRYPTED]],
		['fargate', { ALLOWED_CIDRS: '203.0.113.0/24,198.51.100.0/24', DASHBOARD_ENABLED: 'true' },
			[/The load balancer is reachable from 203\.0\.113\.0\/24, 198\.51\.100\.0\/24\n    the usage of all users is readable by whoever is there\n/, UNENCRYPTED], [WORLD, READABLE, CLOSED]]
	] as [string, Record<string, string>, RegExp[], RegExp[]][])
		says(run([command, '--yes'], { repository: true, lifecycle: '{}', tables: BOTH }, { ...someone, ...env }).stdout, these, not)
})

test('settings that synth refuses: exactly its sentence, docker is asked for nothing slow, and nothing is done', () => {
	const { status, stderr, calls } = run(['fargate', '--yes'], {}, {})

	assert.equal(status, 1)
	assert.match(stderr, /^FALLBACK_ORGANIZATIONS: the load balancer would be open to the world [^\n]*\.\n$/)
	assert.deepEqual(changes(calls), [])
	assert.ok(!calls.some(call => call.startsWith('docker buildx inspect')))
})

test('templates that disagree with AWS’s resource schemas end it before anything is done', () => {
	const spoil = path.join(folder, 'spoil.js')
	fs.writeFileSync(spoil, `if (process.argv[1].endsWith('bin/app.js')) {
		const app = require(${JSON.stringify(path.join(root, 'build/lib/app.js'))}), { makeApp } = app
		app.makeApp = (...args) => {
			const made = makeApp(...args)
			made.node.findChild('ClaudeProxyLambda').node.findChild('Url').addPropertyOverride('Bogus', true)
			return made
		}
	}`)
	const { status, stderr, calls } = run(['lambda', '--yes'], {}, { ...someone, CDK_VALIDATION: 'true', NODE_OPTIONS: `--require ${spoil}` })

	assert.equal(status, 1)
	assert.match(stderr, /'Bogus' was unexpected[^]*\ndeploy: the templates could not be made, see above; nothing was done\n$/)
	assert.deepEqual(changes(calls), [])
})

test('with a certificate clients use its name, which leads to the load balancer', () => {
	const CERTIFICATE_ARN = 'arn:aws:acm:us-east-1:123456789012:certificate/1'

	assert.match(run(['fargate', '--yes'], {}, { ...someone, CERTIFICATE_ARN }).stdout,
		/\nPoint your certificate's name \(CNAME or alias\) to ClaudeProxyFargate\.example\nClaude Code: {2}export ANTHROPIC_BASE_URL=https:\/\/THAT-NAME\/user\/\$USER\n$/)
})

test('without a terminal and --yes nothing is spent, and nothing deleted', () => {
	for (const [args, state] of [
		[['lambda'], { tables: BOTH, made: OURS, stacks: { ClaudeProxyTables: 'CREATE_COMPLETE' } }],
		[['destroy', '--tables'], { repository: true, tables: BOTH, stacks: { ClaudeProxyLambda: 'CREATE_COMPLETE' } }]
	] as [string[], State][]) {
		const { status, stderr, calls } = run(args, state, someone)

		assert.equal(status, 1)
		assert.match(stderr, /^deploy: nobody can be asked here, there is no terminal; --yes/m)
		assert.deepEqual(changes(calls), [])
	}
})

test('what stands in the way is named before anything is done', () => {
	const cannot = (stack: string, state: string, remedy: string): [RegExp, State] =>
		[new RegExp(`^deploy: the stack ${stack} is in the state ${state} and cannot be updated; first: aws cloudformation ${remedy} --stack-name ${stack}$`, 'm'), { stacks: { [stack]: state } }]

	for (const [why, state] of [
		[/there is something already .* delete it first: the function claude-proxy-api \(aws lambda delete-function --function-name claude-proxy-api\)$/m, { function: true }],
		[/delete it first: the role claude-proxy-api-role \(.*\), the log group \/aws\/lambda\/claude-proxy-api \(aws logs delete-log-group --log-group-name \/aws\/lambda\/claude-proxy-api\)$/m,
			{ role: true, log: '/aws/lambda/claude-proxy-api' }],
		[/somebody deleted the function claude-proxy-api .*; first: aws cloudformation delete-stack --stack-name ClaudeProxyLambda$/m,
			{ stacks: { ClaudeProxyLambda: 'CREATE_COMPLETE' }, function: false }],
		...['ROLLBACK_COMPLETE', 'CREATE_FAILED', 'ROLLBACK_FAILED', 'DELETE_FAILED'].map(one => cannot('ClaudeProxyLambda', one, 'delete-stack')),
		cannot('ClaudeProxyLambda', 'UPDATE_FAILED', 'rollback-stack'),
		cannot('ClaudeProxyLambda', 'UPDATE_ROLLBACK_FAILED', 'continue-update-rollback'),
		cannot('ClaudeProxyTables', 'ROLLBACK_COMPLETE', 'delete-stack'),
		cannot('ClaudeProxyTables', 'UPDATE_ROLLBACK_FAILED', 'continue-update-rollback'),
		[/is being changed at this moment \(UPDATE_IN_PROGRESS\)/, { stacks: { ClaudeProxyLambda: 'UPDATE_IN_PROGRESS' } }],
		[/ClaudeProxyTables is being changed at this moment \(DELETE_IN_PROGRESS\)/, { stacks: { ClaudeProxyTables: 'DELETE_IN_PROGRESS' } }],
		[/the table claude-proxy-rate-limits is being deleted at this moment/, { tables: BOTH, deleting: true }],
		[/aws cloudformation describe-stacks failed: .*not authorized/s, { stacks: { ClaudeProxyLambda: 'DENIED' } }]
	] as [RegExp, State][]) {
		const { status, stderr, calls } = run(['lambda', '--yes'], state, someone)

		assert.equal(status, 1)
		assert.match(stderr, why)
		assert.deepEqual(changes(calls), [])
	}
})

test('destroy: both ways and the images go, the tables stay and are named', () => {
	const stacks = { ClaudeProxyFargate: 'UPDATE_COMPLETE', ClaudeProxyLambda: 'CREATE_COMPLETE', ClaudeProxyTables: 'CREATE_COMPLETE' }
	const { status, stdout, stderr, calls, left } = run(['destroy', '--yes'], { repository: true, tables: BOTH, stacks })

	assert.equal(status, 0, stderr)
	assert.deepEqual(changes(calls), [
		'aws cloudformation delete-stack --stack-name ClaudeProxyLambda', 'aws cloudformation wait stack-delete-complete --stack-name ClaudeProxyLambda',
		'aws cloudformation delete-stack --stack-name ClaudeProxyFargate', 'aws cloudformation wait stack-delete-complete --stack-name ClaudeProxyFargate',
		'aws ecr delete-repository --repository-name claude-proxy --force'])
	assert.deepEqual(left.tables, BOTH)
	assert.match(stdout, /What remains: tables claude-proxy-rate-limits claude-proxy-usage/)
})

test('destroy with a name: only that; the repository goes with the last', () => {
	const stacks = { ClaudeProxyFargate: 'ROLLBACK_COMPLETE', ClaudeProxyLambda: 'CREATE_COMPLETE', ClaudeProxyTables: 'CREATE_COMPLETE' }
	const one = run(['destroy', 'fargate', '--yes'], { repository: true, tables: BOTH, stacks })

	assert.equal(one.status, 0, one.stderr)
	assert.deepEqual(changes(one.calls), [
		'aws cloudformation delete-stack --stack-name ClaudeProxyFargate', 'aws cloudformation wait stack-delete-complete --stack-name ClaudeProxyFargate'])
	assert.match(one.stdout, /^ClaudeProxyLambda stays, and the ECR repository claude-proxy with it/m)

	const last = run(['destroy', 'lambda', '--yes'], one.left)
	assert.deepEqual(names(changes(last.calls)), ['aws cloudformation delete-stack', 'aws cloudformation wait', 'aws ecr delete-repository'])
	assert.deepEqual(last.left.tables, BOTH)

	const both = run(['destroy', 'fargate', '--tables', '--yes'], { repository: true, tables: BOTH, stacks })
	assert.match(both.stderr, /^deploy: ClaudeProxyLambda is there and needs the tables/m)
	assert.deepEqual(changes(both.calls), [])
})

test('destroy --tables: those too, after their stack, which keeps them', () => {
	const { status, stdout, calls, left } = run(['destroy', '--tables', '--yes'], { tables: BOTH, stacks: { ClaudeProxyTables: 'CREATE_COMPLETE' } })

	assert.equal(status, 0)
	assert.deepEqual(changes(calls), [
		'aws cloudformation delete-stack --stack-name ClaudeProxyTables', 'aws cloudformation wait stack-delete-complete --stack-name ClaudeProxyTables',
		'aws dynamodb delete-table --table-name claude-proxy-rate-limits', 'aws dynamodb wait table-not-exists --table-name claude-proxy-rate-limits',
		'aws dynamodb delete-table --table-name claude-proxy-usage', 'aws dynamodb wait table-not-exists --table-name claude-proxy-usage'])
	assert.deepEqual(left.tables, [])
	assert.match(stdout, /Nothing of that remains/)
	assert.match(stdout, /^ {4}table claude-proxy-usage with all that is in it, which no stack of ours made$/m)
})

test('destroy --tables: not those of other names than at the deployment', () => {
	const state: State = { tables: [...BOTH, 'team-usage'], made: { ClaudeProxyTables: ['team-usage'] }, stacks: { ClaudeProxyTables: 'CREATE_COMPLETE' } }
	const { status, stderr, calls } = run(['destroy', '--tables', '--yes'], state)

	assert.equal(status, 1)
	assert.match(stderr, /^deploy: ClaudeProxyTables made team-usage, which neither RATE_LIMIT_TABLE_NAME nor USAGE_TABLE_NAME names/m)
	assert.deepEqual(changes(calls), [])
	assert.equal(run(['destroy', '--tables', '--yes'], state, { USAGE_TABLE_NAME: 'team-usage' }).status, 0)
})

test('destroy where nothing is says so, and needs no answer', () => {
	const { status, stdout, calls } = run(['destroy'])

	assert.equal(status, 0)
	assert.match(stdout, /^Nothing to delete in account 123456789012, region us-east-1\.$/m)
	assert.deepEqual(changes(calls), [])
})

test('status and logs change nothing; logs finds the way that is there', () => {
	const state: State = { tables: BOTH, stacks: { ClaudeProxyLambda: 'CREATE_COMPLETE' } }
	const { status, stdout, calls } = run(['status'], state)

	assert.equal(status, 0)
	assert.match(stdout, /^ClaudeProxyFargate: not there$/m)
	assert.match(stdout, /^ClaudeProxyLambda: CREATE_COMPLETE\n {4}ServiceURL\thttps/m)
	assert.match(stdout, /^table claude-proxy-usage: there$/m)
	assert.deepEqual(changes(calls), [])
	assert.equal(run(['logs'], state).calls.at(-1), 'aws logs tail /aws/lambda/claude-proxy-api --follow')
	assert.equal(run(['logs'], { stacks: { ClaudeProxyFargate: 'CREATE_COMPLETE' } }).calls.at(-1), 'aws logs tail /ecs/claude-proxy --follow')
	assert.match(run(['logs', 'fargate'], state).stderr, /ClaudeProxyFargate is not there/)
})

test('--help explains, anything unknown is refused', () => {
	assert.match(run(['--help']).stdout, /^usage: infra\/deploy\.sh fargate\|lambda/)
	for (const args of [[], ['ec2'], ['fargate', 'lambda'], ['destroy', '--force'], ['status', 'lambda'], ['destroy', 'lambda', 'fargate'], ['status', '--tables'], ['lambda', '--tables']]) {
		const { status, calls } = run(args)
		assert.equal(status, 2)
		assert.deepEqual(calls, [])
	}
})
