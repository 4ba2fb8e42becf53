import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { makeApp } from './app'
import { readSettings, Settings } from './settings'

/** The templates of all stacks, by name. */
export const templatesOf = (s: Settings): Record<string, object> => {
	const out = fs.mkdtempSync(path.join(os.tmpdir(), 'ccp-cdk-'))

	try {
		return Object.fromEntries(makeApp(s, out).synth().stacks.map(stack => [stack.stackName, stack.template]))
	} finally {
		fs.rmSync(out, { recursive: true })
	}
}

/**
 * The files of templates/, for those without CDK: what must be given is a parameter there. `npm run templates` renews
 * them, a test says when they are stale.
 */
export const plainTemplates = (): Record<string, string> =>
	Object.fromEntries(Object.entries(templatesOf(readSettings({ PLAIN_TEMPLATES: 'true' })))
		.map(([name, template]) => [`${name}.json`, `${JSON.stringify(template, null, 1)}\n`]))
