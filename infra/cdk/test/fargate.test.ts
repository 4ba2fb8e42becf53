import { Match } from 'aws-cdk-lib/assertions'
import { strict as assert } from 'node:assert'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { test } from 'node:test'
import { Environment, ofType, only, resolve, root, someone, synth, templateOf } from './helpers'

const NAME = 'ClaudeProxyFargate'
const CERTIFICATE = 'arn:aws:acm:us-east-1:123456789012:certificate/abc-1'
const json = (env: Environment = {}) => synth({ ...someone, ...env })[NAME]
const template = (env: Environment = {}) => templateOf(NAME, { ...someone, ...env })
const container = (env: Environment = {}) => only(json(env), 'AWS::ECS::TaskDefinition').Properties.ContainerDefinitions[0]
const environment = (env: Environment = {}) =>
	Object.fromEntries(container(env).Environment.map((e: any) => [e.Name, resolve(e.Value)]))
const attributes = (resource: any, key: string) =>
	Object.fromEntries(resource.Properties[key].map((a: any) => [a.Key, a.Value]))
const idsOf = (type: string, env: Environment = {}) =>
	Object.entries(json(env).Resources).filter(([, r]) => r.Type === type).map(([id]) => id)

test('network: two zones, public and private, one NAT gateway, DynamoDB by its own free way', () => {
	const t = template()
	const subnets = ofType(json(), 'AWS::EC2::Subnet').map(s => s.Properties)

	assert.equal(subnets.length, 4)
	assert.equal(new Set(subnets.map(s => JSON.stringify(s.AvailabilityZone))).size, 2)
	assert.equal(subnets.filter(s => s.MapPublicIpOnLaunch).length, 2)
	t.resourceCountIs('AWS::EC2::NatGateway', 1)
	t.resourceCountIs('AWS::EC2::VPCEndpoint', 1)
	const endpoint = only(json(), 'AWS::EC2::VPCEndpoint').Properties
	assert.equal(endpoint.VpcEndpointType, 'Gateway')
	assert.equal(resolve(endpoint.ServiceName), 'com.amazonaws.us-east-1.dynamodb')
})

test('Bedrock has an endpoint in the network when one is asked for, for the tasks only', () => {
	const endpoints = ofType(json({ BEDROCK_VPC_ENDPOINT: 'true' }), 'AWS::EC2::VPCEndpoint').map(e => e.Properties)
	const bedrock = endpoints.find(e => e.VpcEndpointType === 'Interface')

	assert.equal(resolve(bedrock?.ServiceName), 'com.amazonaws.us-east-1.bedrock-runtime')
	assert.equal(bedrock?.PrivateDnsEnabled, true)
	assert.equal(bedrock?.SubnetIds.length, 2)
	template({ BEDROCK_VPC_ENDPOINT: 'true' }).hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
		FromPort: 443, ToPort: 443, SourceSecurityGroupId: Match.anyValue()
	})
})

test('task: half a vCPU, 1 GB, not root, nothing writable but two volumes', () => {
	const task = only(json(), 'AWS::ECS::TaskDefinition').Properties

	assert.equal(task.Cpu, '512')
	assert.equal(task.Memory, '1024')
	assert.deepEqual(task.RequiresCompatibilities, ['FARGATE'])
	assert.equal(task.RuntimePlatform.CpuArchitecture, 'X86_64')
	assert.equal(container().User, '10001')
	assert.equal(container().ReadonlyRootFilesystem, true)
	assert.equal(container().Privileged, undefined)
	assert.deepEqual(container().MountPoints.map((m: any) => m.ContainerPath), ['/var/lib/claude-code-proxy', '/tmp'])
	assert.deepEqual(container().PortMappings.map((p: any) => p.ContainerPort), [8080])
	assert.equal(container().Image.Ref, 'ImageUri')
	assert.equal(only(json({ FARGATE_ARCHITECTURE: 'arm64' }), 'AWS::ECS::TaskDefinition').Properties.RuntimePlatform.CpuArchitecture, 'ARM64')
})

test('environment: the store, the region, and the settings that were given', () => {
	assert.deepEqual(environment({ BEDROCK_PROFILE: 'eu', FALLBACK_ON: '429,529', BEDROCK_REGION: 'eu-west-1' }), {
		FALLBACK_ORGANIZATIONS: someone.FALLBACK_ORGANIZATIONS,
		BEDROCK_PROFILE: 'eu',
		BEDROCK_REGION: 'eu-west-1',
		FALLBACK_ON: '429,529',
		AWS_REGION: 'us-east-1',
		DASHBOARD_ENABLED: 'false',
		DRAIN_SECONDS: '110',
		LOG_FORMAT: 'json',
		PORT: '8080',
		RATE_LIMIT_TABLE_NAME: 'claude-proxy-rate-limits',
		STATE_DIRECTORY: '/var/lib/claude-code-proxy',
		STORE: 'dynamodb:',
		USAGE_TABLE_NAME: 'claude-proxy-usage'
	})
})

test('the dashboard is closed where strangers can come, and open in networks of one’s own', () => {
	const ours = { ALLOWED_CIDRS: '203.0.113.0/24' }
	const dashboard = (env: Environment) => environment(env).DASHBOARD_ENABLED

	assert.equal(dashboard({}), 'false')
	assert.equal(dashboard({ ALLOWED_CIDRS: '203.0.113.0/24,::/0' }), 'false')
	assert.equal(dashboard({ DASHBOARD_ENABLED: 'true' }), 'true')
	assert.equal(dashboard(ours), 'true')
	assert.equal(dashboard({ ...ours, DASHBOARD_ENABLED: 'no' }), 'false')
})

test('no credential of the one who deploys comes into a template', () => {
	const secrets = {
		ANTHROPIC_API_KEY: 'secret-1', ANTHROPIC_AUTH_TOKEN: 'secret-2', AWS_ACCESS_KEY_ID: 'secret-3', AWS_SECRET_ACCESS_KEY: 'secret-4',
		AWS_SESSION_TOKEN: 'secret-5', AWS_BEARER_TOKEN_BEDROCK: 'secret-6'
	}
	assert.doesNotMatch(JSON.stringify(synth({ ...someone, ...secrets })), /secret-|ANTHROPIC_API_KEY|ACCESS_KEY|BEARER/)
})

test('service: one task at least all the time, a bad deployment goes back by itself', () => {
	template().hasResourceProperties('AWS::ECS::Service', {
		ServiceName: 'claude-proxy',
		LaunchType: 'FARGATE',
		HealthCheckGracePeriodSeconds: 60,
		NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } },
		DeploymentConfiguration: {
			MinimumHealthyPercent: 100, MaximumPercent: 200, DeploymentCircuitBreaker: { Enable: true, Rollback: true }
		}
	})
	const { Subnets } = only(json(), 'AWS::ECS::Service').Properties.NetworkConfiguration.AwsvpcConfiguration
	assert.deepEqual(Subnets.map((s: any) => json().Resources[s.Ref].Properties.MapPublicIpOnLaunch), [false, false])
	/* autoscaling says how many; a number here would undo that at every update */
	assert.equal(only(json(), 'AWS::ECS::Service').Properties.DesiredCount, undefined)
})

test('load balancer: public, patient with silent streams, in the public subnets', () => {
	const balancer = only(json(), 'AWS::ElasticLoadBalancingV2::LoadBalancer')

	assert.equal(balancer.Properties.Scheme, 'internet-facing')
	assert.equal(balancer.Properties.Type, 'application')
	const idle = Number(attributes(balancer, 'LoadBalancerAttributes')['idle_timeout.timeout_seconds'])
	/* the web server gives up after 720 s (doc/settings.md); a load balancer takes 4000 at most */
	assert.ok(idle > 720 && idle <= 4000)
	assert.deepEqual(balancer.Properties.Subnets.map((s: any) => json().Resources[s.Ref].Properties.MapPublicIpOnLaunch), [true, true])
})

test('a connection that the load balancer still keeps is not closed by the web server in the container first', () => {
	const entrypoint = fs.readFileSync(path.join(root, '../image/entrypoint'), 'utf8')
	const [, keepAlive] = /^readonly KEEP_ALIVE_SECONDS=(\d+)/m.exec(entrypoint) ?? []
	const idle = attributes(only(json(), 'AWS::ElasticLoadBalancingV2::LoadBalancer'), 'LoadBalancerAttributes')['idle_timeout.timeout_seconds']

	assert.ok(Number(keepAlive) > Number(idle), `${keepAlive} > ${idle}`)
})

test('health check as the original had it', () => {
	template().hasResourceProperties('AWS::ElasticLoadBalancingV2::TargetGroup', {
		HealthCheckPath: '/health', HealthCheckIntervalSeconds: 30, HealthCheckTimeoutSeconds: 5,
		HealthyThresholdCount: 2, UnhealthyThresholdCount: 3, Port: 8080, Protocol: 'HTTP', TargetType: 'ip'
	})
})

test('ending: streams go on after deregistration, then the drain ends before Fargate kills', () => {
	const delay = Number(attributes(only(json(), 'AWS::ElasticLoadBalancingV2::TargetGroup'), 'TargetGroupAttributes')['deregistration_delay.timeout_seconds'])

	assert.equal(container().StopTimeout, 120)
	assert.ok(Number(environment().DRAIN_SECONDS) < container().StopTimeout)
	assert.ok(delay >= Number(environment().DRAIN_SECONDS) && delay <= 3600)
})

test('without a certificate: plain HTTP, from the given networks only', () => {
	const env = { ALLOWED_CIDRS: '203.0.113.0/24, 2001:db8::/32' }
	const ingress = ofType(json(env), 'AWS::EC2::SecurityGroup').flatMap(g => g.Properties.SecurityGroupIngress ?? [])

	assert.deepEqual(ofType(json(env), 'AWS::ElasticLoadBalancingV2::Listener').map(l => l.Properties.Port), [80])
	assert.deepEqual(ingress.map(i => [i.CidrIp ?? i.CidrIpv6, i.FromPort, i.ToPort]),
		[['203.0.113.0/24', 80, 80], ['2001:db8::/32', 80, 80]])
})

test('with a certificate: HTTPS, and HTTP only leads there', () => {
	const listeners = ofType(json({ CERTIFICATE_ARN: CERTIFICATE }), 'AWS::ElasticLoadBalancingV2::Listener').map(l => l.Properties)
	const https = listeners.find(l => l.Port === 443)
	const http = listeners.find(l => l.Port === 80)

	assert.equal(https?.Protocol, 'HTTPS')
	assert.deepEqual(https?.Certificates, [{ CertificateArn: CERTIFICATE }])
	assert.match(https?.SslPolicy, /TLS13/)
	assert.equal(https?.DefaultActions[0].Type, 'forward')
	assert.deepEqual(http?.DefaultActions, [{ Type: 'redirect', RedirectConfig: { Port: '443', Protocol: 'HTTPS', StatusCode: 'HTTP_301' } }])
})

test('tasks are reached from the load balancer only', () => {
	const toTasks = ofType(json(), 'AWS::EC2::SecurityGroupIngress').map(i => i.Properties)

	assert.deepEqual(toTasks.map(i => [i.FromPort, i.ToPort, i.CidrIp]), [[8080, 8080, undefined]])
	assert.ok(toTasks[0].SourceSecurityGroupId['Fn::GetAtt'][0].startsWith('BalancerGroup'))
})

test('scaling: by CPU, and by the connections that are open, since streams are long', () => {
	const policies = ofType(json({ MIN_TASKS: '2', MAX_TASKS: '8' }), 'AWS::ApplicationAutoScaling::ScalingPolicy')
		.map(p => p.Properties.TargetTrackingScalingPolicyConfiguration)
	const byConnections = policies.find(p => p.CustomizedMetricSpecification)

	template({ MIN_TASKS: '2', MAX_TASKS: '8' }).hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', { MinCapacity: 2, MaxCapacity: 8 })
	assert.equal(policies.length, 2)
	assert.equal(policies.find(p => p.PredefinedMetricSpecification)?.PredefinedMetricSpecification.PredefinedMetricType, 'ECSServiceAverageCPUUtilization')
	assert.deepEqual(byConnections?.CustomizedMetricSpecification.Metrics.map((m: any) => m.Expression ?? m.MetricStat.Metric.MetricName),
		['ActiveConnectionCount', 'HealthyHostCount', 'connections / tasks'])
	assert.deepEqual(byConnections?.CustomizedMetricSpecification.Metrics.filter((m: any) => m.ReturnData).length, 1)
	for (const policy of policies)
		assert.ok(policy.ScaleInCooldown >= 600)
})

test('log: a week, under the name claude-proxy', () => {
	const log = only(json(), 'AWS::Logs::LogGroup')

	assert.equal(log.Properties.RetentionInDays, 7)
	assert.equal(log.Properties.LogGroupName, '/ecs/claude-proxy')
	assert.equal(log.DeletionPolicy, 'Delete')
	assert.equal(container().LogConfiguration.Options['awslogs-stream-prefix'], 'claude-proxy')
})

test('a task has its way to image, table and clients from its start to its end', () => {
	for (const [env, count] of [[{}, 5], [{ BEDROCK_VPC_ENDPOINT: 'true' }, 7]] as [Environment, number][]) {
		const { DependsOn } = only(json(env), 'AWS::ECS::Service')
		const needed = [...idsOf('AWS::EC2::Route', env).filter(id => id.includes('private')), ...idsOf('AWS::EC2::VPCEndpoint', env),
			...idsOf('AWS::EC2::SecurityGroupIngress', env), ...idsOf('AWS::EC2::SecurityGroupEgress', env)]

		assert.equal(needed.length, count)
		for (const id of needed)
			assert.ok(DependsOn.includes(id), id)
	}
})

test('alarms: 5xx, throttles, cost', () => {
	const t = template({ COST_ALARM_USD_PER_HOUR: '2.5' })

	assert.deepEqual(idsOf('AWS::CloudWatch::Alarm').map(id => id.replace(/[0-9A-F]{8}$/, '')).sort(),
		['BedrockThrottled', 'CostPerHour', 'LoadBalancerFails', 'ProxyFails', 'RateLimitsThrottled', 'UsageThrottled'])
	for (const [MetricName, Namespace] of [['HTTPCode_Target_5XX_Count', 'AWS/ApplicationELB'],
		['HTTPCode_ELB_5XX_Count', 'AWS/ApplicationELB'], ['InvocationThrottles', 'AWS/Bedrock']])
		t.hasResourceProperties('AWS::CloudWatch::Alarm', { MetricName, Namespace, TreatMissingData: 'notBreaching' })
	t.hasResourceProperties('AWS::CloudWatch::Alarm', { MetricName: 'BedrockCost', Threshold: 2_500_000, Period: 3600, Statistic: 'Sum' })
	t.hasResourceProperties('AWS::Logs::MetricFilter', {
		FilterPattern: '{ $.cost_microusd > 0 }',
		MetricTransformations: [{ MetricName: 'BedrockCost', MetricValue: '$.cost_microusd', MetricNamespace: `ClaudeProxy/${NAME}` }]
	})
	/* figures that come late are seen all the same */
	for (const alarm of ofType(json(), 'AWS::CloudWatch::Alarm').map(a => a.Properties))
		assert.deepEqual([alarm.EvaluationPeriods, alarm.DatapointsToAlarm], [alarm.Metrics ? 3 : 1, 1])
	const throttles = ofType(json(), 'AWS::CloudWatch::Alarm').map(a => a.Properties)
		.flatMap(a => a.Metrics ?? []).filter(m => m.MetricStat).map(m => m.MetricStat.Metric)
	assert.deepEqual(throttles.map(m => `${m.MetricName} ${m.Dimensions[0].Value}`).sort(), [
		'ReadThrottleEvents claude-proxy-rate-limits', 'ReadThrottleEvents claude-proxy-usage',
		'WriteThrottleEvents claude-proxy-rate-limits', 'WriteThrottleEvents claude-proxy-usage'])
})

test('no alarm on a cost that nobody counts', () => {
	for (const off of ['false', '0', 'No']) {
		const t = json({ USAGE_TRACKING_ENABLED: off })

		assert.equal(ofType(t, 'AWS::CloudWatch::Alarm').length, 5)
		assert.deepEqual(ofType(t, 'AWS::Logs::MetricFilter'), [])
	}
})

test('alarms reach somebody when a topic or an address is given', () => {
	const topic = 'arn:aws:sns:us-east-1:123456789012:ops'
	const actions = (env: Environment) => ofType(json(env), 'AWS::CloudWatch::Alarm').map(a => a.Properties.AlarmActions)

	assert.deepEqual(actions({}), Array(6).fill(undefined))
	assert.deepEqual(actions({ ALARM_TOPIC_ARN: topic }), Array(6).fill([topic]))
	template({ ALARM_EMAIL: 'ops@example.com' }).hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'ops@example.com' })
	assert.equal(actions({ ALARM_EMAIL: 'ops@example.com' }).filter(Boolean).length, 6)
})

test('Bedrock in another region: its throttles cannot be seen from here, so there is no alarm that never rings', () => {
	const bedrock = Object.entries(json({ BEDROCK_REGION: 'eu-west-1' }).Resources).find(([id]) => id.startsWith('BedrockThrottled'))

	assert.equal(bedrock?.[1].Condition, 'BedrockIsHere')
})

test('outputs as the original named them', () => {
	assert.deepEqual(Object.keys(json().Outputs ?? {}), ['LoadBalancerDNS', 'ServiceURL'])
	assert.equal(resolve(json().Outputs?.ServiceURL.Value).slice(0, 8), 'http://<')
	assert.equal(resolve(json({ CERTIFICATE_ARN: CERTIFICATE }).Outputs?.ServiceURL.Value).slice(0, 9), 'https://<')
})
