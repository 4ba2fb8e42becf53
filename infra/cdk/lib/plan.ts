/* What whoever says yes to a deployment should know of it: infra/deploy.sh shows these lines before it asks. */
import { isPrivate } from './cidrs'
import { Architecture, dashboardIsOpen, isOpen, Settings, StackName } from './settings'

/* Of us-east-1, a month; doc/aws.md has the arithmetic and the sources. */
const TASK_USD: Record<Architecture, number> = { amd64: 18.02, arm64: 14.42 }
const NETWORK_USD = { 'NAT gateway': 32.85, 'load balancer': 16.43, 'public addresses': 10.95, alarms: 1 }
const ENDPOINT_USD = { 'Bedrock endpoint': 14.60 }
/* For 1000 minutes of streams. */
const STREAMS_USD: Record<Architecture, number> = { amd64: 1.00, arm64: 0.80 }

const costs: Record<StackName, (s: Settings) => string> = {
	fargate: s => {
		const tasks = { [s.minTasks === 1 ? 'task' : `${s.minTasks} tasks`]: s.minTasks * TASK_USD[s.fargateArchitecture] }
		const parts = Object.entries({ ...tasks, ...NETWORK_USD, ...(s.bedrockEndpoint ? ENDPOINT_USD : {}) })
		const sum = parts.reduce((all, [, usd]) => all + usd, 0)
		const more = s.maxTasks > s.minTasks ? `, and under load up to ${s.maxTasks} tasks` : ''

		return `costs about ${Math.round(sum)} USD a month in us-east-1 when idle (${
			parts.map(([what, usd]) => `${what} ${usd.toFixed(2)}`).join(', ')}), traffic besides${more}`
	},
	lambda: s => `costs nothing when idle; ${STREAMS_USD[s.lambdaArchitecture].toFixed(2)} USD in us-east-1 for 1000 minutes of streams, traffic besides`
}

const ADDRESSED: Record<StackName, string> = { fargate: 'The load balancer', lambda: 'This function' }

const exposure = (stack: StackName, s: Settings) => {
	const anybody = isOpen(stack, s)
	const says = [`${ADDRESSED[stack]} is reachable ${anybody ? 'by anybody who knows its address' : `from ${s.allowedCidrs.join(', ')}`}`]

	if (stack === 'fargate')
		says.push(...s.allowedCidrs.filter(isPrivate).map(cidr =>
			`nobody arrives there from the private network ${cidr}: give public addresses (curl https://checkip.amazonaws.com shows yours)`))
	if (stack === 'fargate' && s.allowedCidrs.every(cidr => cidr.includes(':')))
		says.push('nobody arrives there by IPv6: the load balancer has IPv4 only')
	if (dashboardIsOpen(stack, s))
		says.push(`the usage of all users is readable by ${anybody ? 'anybody who knows the address' : 'whoever is there'}`)
	else
		says.push('its dashboard and the usage of all users are closed; to look: doc/aws.md, "Who may look"')
	if (stack === 'fargate' && !s.certificateArn)
		says.push('no HTTPS: credentials travel unencrypted; CERTIFICATE_ARN gives it')
	return says
}

/* No secret is among them: none is read. */
const settingsLine = ({ given }: Settings) => given.length
	? `settings: ${given.map(([name, value]) => `${name}=${value.replace(/\s+/g, ' ')}`).join(', ')}; all others have their defaults`
	: 'settings: all have their defaults'

export const planOf = (s: Settings): string[] => [...s.stacks.flatMap(stack => [costs[stack](s), ...exposure(stack, s)]), settingsLine(s)]
