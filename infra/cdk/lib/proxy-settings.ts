/*
 * What the proxy's own table of settings, doc/settings.md, says of a value, so that a wrong one is refused before anything
 * is made: the program would refuse it at its start, minutes later.
 */
import { readSource } from './source'

interface Row {
	/** Such as "switch" or "seconds, 0 to 86400". */
	type: string
	meaning: string
}

let table: Map<string, Row> | undefined
/** The table by name; read once. */
export const readTable = () => table ??= new Map(
	[...readSource('doc/settings.md').matchAll(/^\| `(\w+)` \| ([^|]+) \|[^|]*\| ([^|]+) \|$/gm)]
		.map(([, name, type, meaning]) => [name, { type, meaning }]))

/** The words of the proxy's switches. */
export const SWITCH = /^(true|1|yes|on|false|0|no|off)$/i
/* Host, port and path; plain http the program takes to its own machine only, where Anthropic is not. */
const URL = /^https:\/\/([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(\/[^?#@\\ "'<>]*)?$/i
/* "which Bedrock API: invoke or messages", "error, warning, info or debug" */
const wordsOf = (meaning: string) => meaning.replace(/^.*: /, '').split(/, | or /)
const CONDITIONS = ['429', '529', '5xx', 'connect', 'spend']
const among = (words: string[], value: string) => words.includes(value.toLowerCase())

/** What is wrong with the value, or undefined when nothing is, or nothing is known. */
export const complaintAbout = (name: string, value: string): string | undefined => {
	const row = readTable().get(name)
	if (!row)
		throw new Error(`${name} is not in doc/settings.md`)
	const { type, meaning } = row
	const [, least, most] = type.match(/, (\d+) to (\d+)$/) ?? []

	if (type === 'switch' && !SWITCH.test(value))
		return `"${value}" is not true or false`
	if (least !== undefined && !(/^\d+$/.test(value) && Number(value) >= Number(least) && Number(value) <= Number(most)))
		return `"${value}" is not a whole number from ${least} to ${most}`
	if (type === 'choice' && !among(wordsOf(meaning), value))
		return `"${value}" is not ${meaning.replace(/^.*: /, '')}`
	if (name === 'FALLBACK_ON' && !value.replace(/^[, ]+|[, ]+$/g, '').split(/[, ]+/).every(one => among(CONDITIONS, one)))
		return `"${value}" is not a list of ${CONDITIONS.join(', ')}`
	/* the value is not shown: people do put passwords into URLs */
	if (type === 'url' && !URL.test(value))
		return 'this is not an https:// URL of host, port and path only (no user, no query, no fragment)'
	return undefined
}
