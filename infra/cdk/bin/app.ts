import * as fs from 'node:fs'
import * as path from 'node:path'
import { makeApp } from '../lib/app'
import { planOf } from '../lib/plan'
import { readSettings, Refusal } from '../lib/settings'

/* Tells infra/deploy.sh that all has been said. */
const REFUSED = 3

try {
	const settings = readSettings(process.env)
	const { directory } = makeApp(settings).synth()

	fs.writeFileSync(path.join(directory, 'plan'), planOf(settings).map(line => `${line}\n`).join(''))
} catch (error) {
	if (!(error instanceof Refusal))
		throw error
	console.error(error.message)
	process.exit(REFUSED)
}
