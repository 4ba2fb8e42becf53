/*
 * Alarms, the same for both ways of running. Each costs a few cents a month; with ALARM_EMAIL or ALARM_TOPIC_ARN
 * somebody hears of them.
 */
import { Aws, CfnCondition, Duration, Fn, Stack } from 'aws-cdk-lib'
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import * as logs from 'aws-cdk-lib/aws-logs'
import * as sns from 'aws-cdk-lib/aws-sns'
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions'
import { Settings } from './settings'

export interface AlarmOf {
	metric: cloudwatch.IMetric
	above: number
	says: string
	/** In any of the last so many periods; 1 when not set. */
	within?: number
}

/** In five minutes; one failed answer is no alarm. */
export const SOME_FAILURES = 5

/* DynamoDB's figures come late, and until then FILL says 0: a look at the newest period alone could never ring. */
const FILLED_PERIODS = 3

const dynamodbThrottles = (tableName: string) => {
	const events = (metricName: string) => new cloudwatch.Metric({
		namespace: 'AWS/DynamoDB', metricName, dimensionsMap: { TableName: tableName }, statistic: 'Sum', period: Duration.minutes(5)
	})

	return new cloudwatch.MathExpression({
		expression: 'FILL(reads, 0) + FILL(writes, 0)',
		usingMetrics: { reads: events('ReadThrottleEvents'), writes: events('WriteThrottleEvents') },
		period: Duration.minutes(5)
	})
}

/* With LOG_FORMAT=json the line of a counted answer has its cost as a number, in millionths of a dollar. */
const costMetric = (logGroup: logs.ILogGroup, namespace: string) =>
	new logs.MetricFilter(logGroup.stack, 'Cost', {
		logGroup,
		filterPattern: logs.FilterPattern.literal('{ $.cost_microusd > 0 }'),
		metricNamespace: namespace,
		metricName: 'BedrockCost',
		metricValue: '$.cost_microusd'
	}).metric({ statistic: 'Sum', period: Duration.hours(1), unit: undefined })

const topicOf = (stack: Stack, s: Settings) => {
	if (s.alarmTopicArn)
		return sns.Topic.fromTopicArn(stack, 'AlarmTopic', s.alarmTopicArn)
	if (!s.alarmEmail)
		return undefined
	const topic = new sns.Topic(stack, 'AlarmTopic')
	topic.addSubscription(new EmailSubscription(s.alarmEmail))
	return topic
}

export const addAlarms = (stack: Stack, s: Settings, logGroup: logs.ILogGroup, own: Record<string, AlarmOf>) => {
	const topic = topicOf(stack, s)
	const add = (id: string, { metric, above, says, within }: AlarmOf) => {
		const alarm = new cloudwatch.Alarm(stack, id, {
			metric, threshold: above, evaluationPeriods: within ?? 1, datapointsToAlarm: 1, alarmDescription: says,
			comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
			treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING
		})
		if (topic)
			alarm.addAlarmAction(new SnsAction(topic))
		return alarm
	}

	for (const [id, alarm] of Object.entries(own))
		add(id, alarm)
	add('RateLimitsThrottled', {
		metric: dynamodbThrottles(s.rateLimitTable), within: FILLED_PERIODS, above: 0, says: `DynamoDB throttles ${s.rateLimitTable}: limits are learned late`
	})
	add('UsageThrottled', {
		metric: dynamodbThrottles(s.usageTable), within: FILLED_PERIODS, above: 0, says: `DynamoDB throttles ${s.usageTable}: usage waits in the journal`
	})
	/* without tracking no line has a cost, and an alarm that can never ring is worse than none */
	if (s.costAlarmUsdPerHour !== undefined)
		add('CostPerHour', {
			metric: costMetric(logGroup, `ClaudeProxy/${stack.stackName}`), above: Math.round(s.costAlarmUsdPerHour * 1_000_000),
			says: `Bedrock cost more than ${s.costAlarmUsdPerHour} USD within an hour`
		})
	const bedrock = add('BedrockThrottled', {
		metric: new cloudwatch.Metric({
			namespace: 'AWS/Bedrock', metricName: 'InvocationThrottles', statistic: 'Sum', period: Duration.minutes(5)
		}),
		above: 0, says: 'Bedrock throttles this account: clients get Anthropic’s 429 back'
	})
	/* an alarm sees the metrics of its own region only */
	if (s.bedrockRegion)
		(bedrock.node.defaultChild as cloudwatch.CfnAlarm).cfnOptions.condition = new CfnCondition(stack, 'BedrockIsHere', {
			expression: Fn.conditionEquals(Aws.REGION, s.bedrockRegion)
		})
}
