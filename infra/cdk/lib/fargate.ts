/*
 * Internet -> load balancer (public subnets) -> tasks on Fargate (private subnets) -> NAT gateway, DynamoDB, Bedrock.
 */
import { Annotations, Aws, CfnOutput, CfnParameter, Duration, RemovalPolicy, Stack, StackProps } from 'aws-cdk-lib'
import * as ec2 from 'aws-cdk-lib/aws-ec2'
import * as ecs from 'aws-cdk-lib/aws-ecs'
import * as elb from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as logs from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import { addAlarms, SOME_FAILURES } from './alarms'
import { containerInput, ContainerInput } from './container'
import { addBedrockEndpoint, addNetwork } from './network'
import { agentRights, proxyRights } from './rights'
import { scaleService } from './scaling'
import { Settings } from './settings'

const PORT = 8080
const USER = '10001'
/* What must be writable on a read-only root. The image's VOLUME lines give them to its user. */
const VOLUMES = { state: '/var/lib/claude-code-proxy', tmp: '/tmp' }

/*
 * How long things may take, each a little longer than what it waits for.
 * Silence: the web server gives up after 720 s, so the load balancer must not before.
 * A deployment: the load balancer sends nothing new to an old task, but lets its streams go on for the deregistration
 * delay; then comes SIGTERM and the proxy's own drain, which Fargate cuts after 120 s at most.
 */
const SILENCE = Duration.seconds(900)
const DEREGISTRATION = Duration.seconds(600)
const DRAIN_SECONDS = 110
const STOP = Duration.seconds(120)

export class FargateStack extends Stack {
	constructor(scope: Construct, id: string, s: Settings, props: StackProps) {
		super(scope, id, props)
		const input = containerInput(this, 'fargate', s)
		const vpc = addNetwork(this)
		const logGroup = new logs.LogGroup(this, 'Log', {
			logGroupName: '/ecs/claude-proxy', retention: logs.RetentionDays.ONE_WEEK, removalPolicy: RemovalPolicy.DESTROY
		})
		const service = this.addService(s, input, vpc, logGroup)
		const balancer = this.addBalancer(s, vpc)
		const targets = this.addListeners(s, balancer, vpc, service)

		this.keepWayOut(service, vpc, [service, balancer], addBedrockEndpoint(vpc, s, service))
		scaleService(s, service, balancer, targets)
		addAlarms(this, s, logGroup, {
			ProxyFails: {
				metric: targets.metrics.httpCodeTarget(elb.HttpCodeTarget.TARGET_5XX_COUNT, { period: Duration.minutes(5) }),
				above: SOME_FAILURES, says: 'Answers of status 5xx, of the proxy or of Anthropic through it'
			},
			LoadBalancerFails: {
				metric: balancer.metrics.httpCodeElb(elb.HttpCodeElb.ELB_5XX_COUNT, { period: Duration.minutes(5) }),
				above: SOME_FAILURES, says: 'The load balancer answers 5xx itself: no task is healthy, or one broke off'
			}
		})
	}

	private addService(s: Settings, input: ContainerInput, vpc: ec2.Vpc, logGroup: logs.LogGroup) {
		const tasks = new iam.ServicePrincipal('ecs-tasks.amazonaws.com')
		const task = new ecs.FargateTaskDefinition(this, 'Task', {
			family: 'claude-proxy',
			cpu: 512,
			memoryLimitMiB: 1024,
			runtimePlatform: {
				operatingSystemFamily: ecs.OperatingSystemFamily.LINUX,
				cpuArchitecture: s.fargateArchitecture === 'arm64' ? ecs.CpuArchitecture.ARM64 : ecs.CpuArchitecture.X86_64
			},
			volumes: Object.keys(VOLUMES).map(name => ({ name })),
			taskRole: new iam.Role(this, 'TaskRole', {
				assumedBy: tasks, inlinePolicies: { BedrockAndDynamoDB: proxyRights(this, s) }
			}),
			/* its rights are written out: those that CDK would add are wider */
			executionRole: new iam.Role(this, 'AgentRole', {
				assumedBy: tasks, inlinePolicies: { ImageAndLog: agentRights(s, logGroup.logGroupArn) }
			}).withoutPolicyUpdates()
		})
		const container = task.addContainer('proxy', {
			image: ecs.ContainerImage.fromRegistry(input.imageUri),
			environment: {
				...input.environment,
				AWS_REGION: Aws.REGION,
				DRAIN_SECONDS: String(DRAIN_SECONDS),
				STATE_DIRECTORY: VOLUMES.state
			},
			user: USER,
			readonlyRootFilesystem: true,
			stopTimeout: STOP,
			portMappings: [{ containerPort: PORT }],
			logging: ecs.LogDrivers.awsLogs({ logGroup, streamPrefix: 'claude-proxy' })
		})
		container.addMountPoints(...Object.entries(VOLUMES).map(([sourceVolume, containerPath]) =>
			({ sourceVolume, containerPath, readOnly: false })))
		return new ecs.FargateService(this, 'Service', {
			serviceName: 'claude-proxy',
			cluster: new ecs.Cluster(this, 'Cluster', { clusterName: 'claude-proxy', vpc }),
			taskDefinition: task,
			vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
			assignPublicIp: false,
			minHealthyPercent: 100,
			maxHealthyPercent: 200,
			circuitBreaker: { rollback: true },
			healthCheckGracePeriod: Duration.seconds(60)
		})
	}

	/*
	 * CloudFormation knows only what the service names: without this, tasks could start before they can fetch their image,
	 * and at the end lose their way to DynamoDB and to their clients while they still drain.
	 */
	private keepWayOut(service: ecs.FargateService, vpc: ec2.Vpc, ways: ec2.IConnectable[], endpoints: ec2.InterfaceVpcEndpoint[]) {
		const rules = [...ways, ...endpoints].flatMap(one => one.connections.securityGroups).flatMap(group => group.node.findAll())
			.filter(one => one instanceof ec2.CfnSecurityGroupIngress || one instanceof ec2.CfnSecurityGroupEgress)

		service.node.findChild('Service').node.addDependency(vpc.node.findChild('DynamoDb'), ...endpoints, ...rules,
			...vpc.privateSubnets.map(subnet => subnet.internetConnectivityEstablished))
	}

	private addBalancer(s: Settings, vpc: ec2.Vpc) {
		const securityGroup = new ec2.SecurityGroup(this, 'BalancerGroup', {
			vpc, description: 'Clients of claude-proxy', allowAllOutbound: false
		})
		for (const cidr of this.cidrs(s))
			for (const port of this.certificate(s) ? [80, 443] : [80])
				securityGroup.addIngressRule(cidr.includes(':') ? ec2.Peer.ipv6(cidr) : ec2.Peer.ipv4(cidr), ec2.Port.tcp(port))
		return new elb.ApplicationLoadBalancer(this, 'Balancer', {
			vpc, internetFacing: true, securityGroup, idleTimeout: SILENCE, dropInvalidHeaderFields: true,
			vpcSubnets: { subnetType: ec2.SubnetType.PUBLIC }
		})
	}

	private addListeners(s: Settings, balancer: elb.ApplicationLoadBalancer, vpc: ec2.Vpc, service: ecs.FargateService) {
		const targets = new elb.ApplicationTargetGroup(this, 'Tasks', {
			vpc, port: PORT, protocol: elb.ApplicationProtocol.HTTP, targets: [service], deregistrationDelay: DEREGISTRATION,
			healthCheck: {
				path: '/health', interval: Duration.seconds(30), timeout: Duration.seconds(5),
				healthyThresholdCount: 2, unhealthyThresholdCount: 3
			}
		})
		const arn = this.certificate(s)
		const host = balancer.loadBalancerDnsName

		/* whom the listeners serve is said by the security group */
		if (arn) {
			balancer.addListener('Https', {
				port: 443, open: false, certificates: [elb.ListenerCertificate.fromArn(arn)],
				sslPolicy: elb.SslPolicy.RECOMMENDED_TLS, defaultTargetGroups: [targets]
			})
			balancer.addListener('Http', {
				port: 80, open: false,
				defaultAction: elb.ListenerAction.redirect({ protocol: 'HTTPS', port: '443', permanent: true })
			})
		} else {
			Annotations.of(this).addWarningV2('claude-proxy:plain-http',
				'Without CERTIFICATE_ARN clients send their Anthropic credentials unencrypted.')
			balancer.addListener('Http', { port: 80, open: false, defaultTargetGroups: [targets] })
		}
		new CfnOutput(this, 'LoadBalancerDNS', { value: host, description: 'Name of the load balancer' })
		new CfnOutput(this, 'ServiceURL', {
			value: `${arn ? 'https' : 'http'}://${host}`,
			description: arn ? 'With a certificate: give its name a CNAME (or alias) to LoadBalancerDNS and use that' : 'For ANTHROPIC_BASE_URL'
		})
		return targets
	}

	/* Asked for as parameters where nobody could set them at synth. */
	private cidrs(s: Settings) {
		return s.plain ? [this.parameter('AllowedCidr', {
			description: 'Network that may reach the load balancer', default: '0.0.0.0/0', allowedPattern: '[0-9.]{7,15}/[0-9]{1,2}'
		})] : s.allowedCidrs
	}

	private certificate(s: Settings) {
		return s.plain ? this.parameter('CertificateArn', {
			description: 'ACM certificate of the name under which clients reach the load balancer',
			allowedPattern: 'arn:aws[a-z-]*:acm:.+'
		}) : s.certificateArn
	}

	private parameter(id: string, props: ConstructorParameters<typeof CfnParameter>[2]) {
		const there = this.node.tryFindChild(id) as CfnParameter | undefined
		return (there ?? new CfnParameter(this, id, props)).valueAsString
	}
}
