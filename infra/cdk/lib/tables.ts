/*
 * The two tables, as the Python original and claude-code-proxy-admin make them. They outlive the stack: deleting it
 * leaves them, and the next deployment takes them over by name (EXISTING_TABLES).
 */
import { RemovalPolicy, Stack, StackProps } from 'aws-cdk-lib'
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb'
import { Construct } from 'constructs'
import { Settings } from './settings'

export class TablesStack extends Stack {
	constructor(scope: Construct, id: string, s: Settings, props: StackProps) {
		super(scope, id, props)
		const table = (name: string, tableName: string, key: string, restorable: boolean) => {
			if (s.existingTables.includes(tableName))
				return undefined
			return new dynamodb.Table(this, name, {
				tableName,
				partitionKey: { name: key, type: dynamodb.AttributeType.STRING },
				billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
				timeToLiveAttribute: 'ttl',
				/* limits are forgotten within hours anyway; what was spent is worth keeping */
				pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: restorable },
				removalPolicy: RemovalPolicy.RETAIN
			})
		}

		table('RateLimits', s.rateLimitTable, 'user_id', false)
		table('Usage', s.usageTable, 'user_period', true)?.addGlobalSecondaryIndex({
			indexName: 'date-index',
			partitionKey: { name: 'date', type: dynamodb.AttributeType.STRING },
			sortKey: { name: 'user_id', type: dynamodb.AttributeType.STRING },
			projectionType: dynamodb.ProjectionType.ALL
		})
	}

	/** A stack without a resource cannot be. */
	static isNeeded(s: Settings) {
		return [s.rateLimitTable, s.usageTable].some(name => !s.existingTables.includes(name))
	}
}
