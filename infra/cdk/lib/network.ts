/* A network of its own: two availability zones, the load balancer outside, the tasks inside, one NAT gateway. */
import { Stack } from 'aws-cdk-lib'
import * as ec2 from 'aws-cdk-lib/aws-ec2'
import { Settings } from './settings'

export const addNetwork = (stack: Stack) => new ec2.Vpc(stack, 'Vpc', {
	maxAzs: 2,
	natGateways: 1,
	subnetConfiguration: [
		{ name: 'public', subnetType: ec2.SubnetType.PUBLIC, cidrMask: 24 },
		{ name: 'private', subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 24 }
	],
	/* free, and cheaper than the NAT gateway */
	gatewayEndpoints: { DynamoDb: { service: ec2.GatewayVpcEndpointAwsService.DYNAMODB } }
})

/** By the hour, but without the NAT gateway's price by the gigabyte, and on no public address. */
export const addBedrockEndpoint = (vpc: ec2.Vpc, s: Settings, clients: ec2.IConnectable) => {
	if (!s.bedrockEndpoint)
		return []
	const endpoint = vpc.addInterfaceEndpoint('Bedrock', {
		service: ec2.InterfaceVpcEndpointAwsService.BEDROCK_RUNTIME,
		subnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
		open: false
	})
	endpoint.connections.allowDefaultPortFrom(clients)
	return [endpoint]
}
