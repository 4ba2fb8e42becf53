import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { ofType, Resource, someone, synth } from './helpers'

const tables = (env: Record<string, string> = {}): Record<string, Resource> => {
	const template = synth({ ...someone, ...env }).ClaudeProxyTables
	return template && Object.fromEntries(ofType(template, 'AWS::DynamoDB::Table').map(t => [t.Properties.TableName, t]))
}

test('both tables: by request, with TTL, kept', () => {
	const both = tables()

	assert.deepEqual(Object.keys(both), ['claude-proxy-rate-limits', 'claude-proxy-usage'])
	for (const table of Object.values<Resource>(both)) {
		assert.equal(table.Properties.BillingMode, 'PAY_PER_REQUEST')
		assert.deepEqual(table.Properties.TimeToLiveSpecification, { AttributeName: 'ttl', Enabled: true })
		assert.equal(table.DeletionPolicy, 'Retain')
		assert.equal(table.UpdateReplacePolicy, 'Retain')
	}
})

test('keys and index are those of the original and of claude-code-proxy-admin', () => {
	const both = tables()
	const limits = both['claude-proxy-rate-limits'].Properties
	const usage = both['claude-proxy-usage'].Properties

	assert.deepEqual(limits.KeySchema, [{ AttributeName: 'user_id', KeyType: 'HASH' }])
	assert.equal(limits.GlobalSecondaryIndexes, undefined)
	assert.deepEqual(usage.KeySchema, [{ AttributeName: 'user_period', KeyType: 'HASH' }])
	assert.deepEqual(usage.GlobalSecondaryIndexes, [{
		IndexName: 'date-index',
		KeySchema: [{ AttributeName: 'date', KeyType: 'HASH' }, { AttributeName: 'user_id', KeyType: 'RANGE' }],
		Projection: { ProjectionType: 'ALL' }
	}])
	assert.deepEqual(usage.AttributeDefinitions.map((a: any) => a.AttributeType), ['S', 'S', 'S'])
})

test('what was spent can be restored, limits need not be', () => {
	const both = tables()

	assert.equal(both['claude-proxy-usage'].Properties.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled, true)
	assert.equal(both['claude-proxy-rate-limits'].Properties.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled, false)
})

test('a table that is there already is not made', () => {
	assert.deepEqual(Object.keys(tables({ EXISTING_TABLES: 'claude-proxy-rate-limits' })), ['claude-proxy-usage'])
})

test('with both tables there, no stack of tables is; the others name them', () => {
	const env = { ...someone, EXISTING_TABLES: 'our-limits,our-usage', RATE_LIMIT_TABLE_NAME: 'our-limits', USAGE_TABLE_NAME: 'our-usage' }
	const stacks = synth(env)

	assert.deepEqual(Object.keys(stacks), ['ClaudeProxyFargate', 'ClaudeProxyLambda'])
	for (const stack of Object.values(stacks)) {
		const text = JSON.stringify(stack)
		assert.match(text, /table\/our-limits/)
		assert.match(text, /table\/our-usage\/index\/\*/)
		assert.doesNotMatch(text, /claude-proxy-rate-limits/)
	}
})
