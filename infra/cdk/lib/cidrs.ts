/* Networks that may reach the load balancer. */
import { BlockList, isIPv4, isIPv6 } from 'node:net'

const parse = (cidr: string) => {
	const [address, bits, ...rest] = cidr.split('/')
	const family = isIPv4(address) ? 'ipv4' as const : isIPv6(address) ? 'ipv6' as const : undefined

	if (!family || rest.length || !/^\d{1,3}$/.test(bits ?? '') || Number(bits) > (family === 'ipv4' ? 32 : 128))
		return undefined
	return { address, bits: Number(bits), family }
}

/* A host's bits beyond the prefix are refused by AWS, so here too; of IPv6 AWS says it itself. */
const hasHostBits = (address: string, bits: number) =>
	address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0) % 2 ** (32 - bits) !== 0

export const isCidr = (cidr: string) => {
	const network = parse(cidr)
	return network !== undefined && !(network.family === 'ipv4' && hasHostBits(network.address, network.bits))
}

/* A network that large is nobody's own: 0.0.0.0/1 and 128.0.0.0/1 are the world too. */
const WORLD_BITS = 8
export const isWorld = (cidr: string) => Number(cidr.split('/')[1]) < WORLD_BITS

/* RFC 1918, 6598 (carriers), 4193, loopback and link-local: nobody arrives from there at a public address. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', 'fc00::/7']
export const isPrivate = (cidr: string) => PRIVATE.some(one => {
	const [inner, outer] = [parse(cidr), parse(one)]
	const list = new BlockList()

	if (!inner || !outer || inner.family !== outer.family || inner.bits < outer.bits)
		return false
	list.addSubnet(outer.address, outer.bits, outer.family)
	return list.check(inner.address, inner.family)
})
