import { App, LegacyStackSynthesizer, StackProps } from 'aws-cdk-lib'
import { FargateStack } from './fargate'
import { LambdaStack } from './lambda'
import { Settings } from './settings'
import { TablesStack } from './tables'

/* CDK's own check of templates against AWS's resource schemas: what it finds ends the synthesis. CDK_VALIDATION=false skips it. */
const STRICT = { '@aws-cdk/core:validateAgainstDefaultRules': true }

/**
 * The stacks that were asked for. They know neither account nor region, have no assets, and so need no bootstrap:
 * their templates can be deployed as they are.
 */
export const makeApp = (s: Settings, outdir?: string) => {
	const app = new App({ outdir, analyticsReporting: false, treeMetadata: false, context: STRICT })
	const props = (description: string): StackProps => ({
		description, synthesizer: new LegacyStackSynthesizer(), suppressTemplateIndentation: true /* CloudFormation takes 51,200 bytes */
	})
	const tables = TablesStack.isNeeded(s)
		? new TablesStack(app, 'ClaudeProxyTables', s, props('claude-code-proxy: DynamoDB tables of limits and usage; kept when this stack is deleted'))
		: undefined
	const add = (stack: FargateStack | LambdaStack) => tables && stack.addStackDependency(tables)

	if (s.stacks.includes('fargate'))
		add(new FargateStack(app, 'ClaudeProxyFargate', s, props('claude-code-proxy on Fargate behind a load balancer')))
	if (s.stacks.includes('lambda'))
		add(new LambdaStack(app, 'ClaudeProxyLambda', s, props('claude-code-proxy behind a Lambda Function URL')))
	return app
}
