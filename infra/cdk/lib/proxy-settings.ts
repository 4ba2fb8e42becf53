/*
 * What the proxy's own table of settings, doc/settings.md, says of a value, so that a wrong one is refused before anything
 * is made: the program would refuse it at its start, minutes later.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'

/* From lib/ as well as from build/lib/. */
const file = ['../../../doc/settings.md', '../../../../doc/settings.md']
	.map(name => path.join(__dirname, name)).find(name => fs.existsSync(name))

/** Types by name, such as "switch" or "seconds, 0 to 86400". */
const readTypes = (): Map<string, string> => {
	if (!file)
		throw new Error('doc/settings.md is not there: infra/cdk needs the whole source folder')
	return new Map([...fs.readFileSync(file, 'utf8').matchAll(/^\| `(\w+)` \| ([^|]+) \|/gm)].map(([, name, type]) => [name, type]))
}

/** What the value should have been, or undefined when nothing is wrong with it, or nothing is known. */
export const complaintAbout = (name: string, value: string): string | undefined => {
	const type = readTypes().get(name)
	const [, least, most] = type?.match(/, (\d+) to (\d+)$/) ?? []

	if (type === undefined)
		throw new Error(`${name} is not in doc/settings.md`)
	if (type === 'switch' && !/^(true|1|yes|on|false|0|no|off)$/i.test(value))
		return 'true or false'
	if (least !== undefined && !(/^\d+$/.test(value) && Number(value) >= Number(least) && Number(value) <= Number(most)))
		return `a whole number from ${least} to ${most}`
	return undefined
}
