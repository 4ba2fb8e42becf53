/*
 * The same image behind a Function URL: the Lambda Web Adapter in it turns invocations into HTTP for the web server.
 */
import { CfnOutput, Duration, Fn, RemovalPolicy, Stack, StackProps } from 'aws-cdk-lib'
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as lambda from 'aws-cdk-lib/aws-lambda'
import * as logs from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import { addAlarms, SOME_FAILURES } from './alarms'
import { containerInput } from './container'
import { proxyRights } from './rights'
import { LAMBDA_ANSWER_SECONDS, LAMBDA_SECONDS, Refusal, Settings, unlessLeftOut } from './settings'

const NAME = 'claude-proxy-api'
/*
 * An invocation's payload may have 6 MB, in which a body that is not text (a compressed one) stands as base64, a third
 * longer, and the headers beside it. Up to this size every body gets through; above it the proxy says 413 in
 * Anthropic's shape where Lambda lets the body come so far, and Lambda says 413 itself where not.
 */
const MAX_BODY_BYTES = 4_500_000
/* Of all variables, as JSON. Source: Lambda quotas (2026). */
const ENVIRONMENT_BYTES = 4096

export class LambdaStack extends Stack {
	constructor(scope: Construct, id: string, s: Settings, props: StackProps) {
		super(scope, id, props)
		const input = containerInput(this, 'lambda', s)
		const logGroup = new logs.LogGroup(this, 'Log', {
			logGroupName: `/aws/lambda/${NAME}`, retention: logs.RetentionDays.ONE_WEEK, removalPolicy: RemovalPolicy.DESTROY
		})
		const role = new iam.Role(this, 'Role', {
			roleName: `${NAME}-role`,
			assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
			managedPolicies: [iam.ManagedPolicy.fromAwsManagedPolicyName('service-role/AWSLambdaBasicExecutionRole')],
			inlinePolicies: { BedrockAndDynamoDB: proxyRights(this, s) }
		})
		const variables = {
			MAX_ANSWER_SECONDS: String(LAMBDA_ANSWER_SECONDS),
			...input.environment,
			MAX_BODY_BYTES: String(MAX_BODY_BYTES),
			STATE_DIRECTORY: '/tmp/claude-code-proxy',
			/* a sandbox serves one request at a time and is idle when it is stopped, with 2 s to end in */
			WORKERS: '1',
			DRAIN_SECONDS: '1',
			AWS_LWA_INVOKE_MODE: 'response_stream',
			AWS_LWA_PORT: input.environment.PORT,
			AWS_LWA_READINESS_CHECK_PATH: '/health'
		}
		if (JSON.stringify(this.resolve(variables)).length > ENVIRONMENT_BYTES)
			throw new Refusal(`BEDROCK_MODEL_OVERRIDES: with it the settings are longer than Lambda's environment may be (${ENVIRONMENT_BYTES} bytes); name fewer models${unlessLeftOut(s)}.`)
		/* not the construct of the library: that one puts the image's address together by itself */
		const proxy = new lambda.CfnFunction(this, 'Function', {
			functionName: NAME,
			packageType: 'Image',
			code: { imageUri: input.imageUri },
			role: role.roleArn,
			architectures: [s.lambdaArchitecture === 'arm64' ? 'arm64' : 'x86_64'],
			timeout: LAMBDA_SECONDS,
			memorySize: 1024,
			reservedConcurrentExecutions: s.reservedConcurrency,
			loggingConfig: { logGroup: logGroup.logGroupName, logFormat: 'Text' },
			environment: { variables }
		})
		const url = new lambda.CfnUrl(this, 'Url', {
			targetFunctionArn: proxy.attrArn, authType: 'NONE', invokeMode: 'RESPONSE_STREAM'
		})

		this.addPermissions(proxy).forEach(permission => url.addResourceDependency(permission))
		this.addOwnAlarms(s, logGroup)
		new CfnOutput(this, 'FunctionUrl', { value: url.attrFunctionUrl, description: 'Address of the function' })
		new CfnOutput(this, 'ServiceURL', {
			value: Fn.join('', ['https://', Fn.select(2, Fn.split('/', url.attrFunctionUrl))]), description: 'For ANTHROPIC_BASE_URL'
		})
	}

	/* Since October 2025 a public URL needs both. The second is for calls through the URL only. */
	private addPermissions(proxy: lambda.CfnFunction) {
		const base = { functionName: proxy.attrArn, principal: '*' }

		return [
			new lambda.CfnPermission(this, 'AnybodyMayCallTheUrl', {
				...base, action: 'lambda:InvokeFunctionUrl', functionUrlAuthType: 'NONE'
			}),
			new lambda.CfnPermission(this, 'TheUrlMayInvoke', {
				...base, action: 'lambda:InvokeFunction', invokedViaFunctionUrl: true
			})
		]
	}

	private addOwnAlarms(s: Settings, logGroup: logs.LogGroup) {
		const metric = (metricName: string) => new cloudwatch.Metric({
			namespace: 'AWS/Lambda', metricName, dimensionsMap: { FunctionName: NAME }, statistic: 'Sum', period: Duration.minutes(5)
		})

		addAlarms(this, s, logGroup, {
			ProxyFails: {
				metric: metric('Url5xxCount'), above: SOME_FAILURES, says: 'Answers of status 5xx, of the proxy or of Anthropic through it'
			},
			FunctionFails: { metric: metric('Errors'), above: 0, says: `An invocation failed: no answer, or one that Lambda cut after ${LAMBDA_SECONDS} s` },
			FunctionThrottled: { metric: metric('Throttles'), above: 0, says: 'Lambda refused requests: no concurrency was left' }
		})
	}
}
