/*
 * More tasks when these have too much to do. A stream costs hardly any CPU and lasts minutes, so requests a minute
 * say nothing: what counts is how many connections are open, and CPU for everything else (TLS to upstream, bursts).
 */
import { Duration, Stack } from 'aws-cdk-lib'
import * as aas from 'aws-cdk-lib/aws-applicationautoscaling'
import * as ecs from 'aws-cdk-lib/aws-ecs'
import * as elb from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { Settings } from './settings'

const CPU_PERCENT = 60
/* Of the load balancer, a task: each stream is two, from the client and to the task. */
const CONNECTIONS = 400

/* Fewer tasks means that one is drained, and a stream of more than 12 minutes cut: not in a hurry. */
const cooldown = { scaleInCooldown: Duration.minutes(15), scaleOutCooldown: Duration.minutes(2) }

export const scaleService = (s: Settings, service: ecs.FargateService, balancer: elb.ApplicationLoadBalancer, targets: elb.ApplicationTargetGroup) => {
	const scaling = service.autoScaleTaskCount({ minCapacity: s.minTasks, maxCapacity: s.maxTasks })
	const metric = (id: string, metricName: string, stat: string, dimensions: { name: string, value: string }[]) => ({
		id, returnData: false, metricStat: { metric: { namespace: 'AWS/ApplicationELB', metricName, dimensions }, stat }
	})
	const ofBalancer = { name: 'LoadBalancer', value: balancer.loadBalancerFullName }
	const ofTargets = { name: 'TargetGroup', value: targets.targetGroupFullName }

	scaling.scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: CPU_PERCENT, ...cooldown })
	new aas.CfnScalingPolicy(Stack.of(service), 'Connections', {
		policyName: 'claude-proxy-connections',
		policyType: 'TargetTrackingScaling',
		scalingTargetId: (scaling.node.findChild('Target') as aas.ScalableTarget).scalableTargetId,
		targetTrackingScalingPolicyConfiguration: {
			targetValue: CONNECTIONS,
			scaleInCooldown: cooldown.scaleInCooldown.toSeconds(),
			scaleOutCooldown: cooldown.scaleOutCooldown.toSeconds(),
			customizedMetricSpecification: {
				metrics: [
					metric('connections', 'ActiveConnectionCount', 'Sum', [ofBalancer]),
					metric('tasks', 'HealthyHostCount', 'Average', [ofTargets, ofBalancer]),
					{ id: 'a_task', expression: 'connections / tasks', label: 'Connections a task', returnData: true }
				]
			}
		}
	})
}
