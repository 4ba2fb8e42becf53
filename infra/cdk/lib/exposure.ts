/* What whoever says yes to a deployment should have thought of: infra/deploy.sh shows it before it asks. */
import { dashboardIsOpen, isOpen, Settings } from './settings'

export const exposureOf = (s: Settings): string[] => s.stacks.flatMap(stack => {
	const anybody = isOpen(stack, s)
	const says = [anybody ? 'reachable by anybody who knows its address' : `reachable from ${s.allowedCidrs.join(', ')}`]

	if (dashboardIsOpen(stack, s))
		says.push(`the usage of all users is readable by ${anybody ? 'anybody who knows the address' : 'whoever is there'}`)
	else
		says.push('its dashboard and the usage of all users are closed; to look: STORE=dynamodb: ./run on your own machine, or STORE=dynamodb: ./run admin usage')
	if (stack === 'fargate' && !s.certificateArn)
		says.push('no HTTPS: credentials travel unencrypted; CERTIFICATE_ARN gives it')
	return says
})
