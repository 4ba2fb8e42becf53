import * as fs from 'node:fs'
import * as path from 'node:path'
import { makeApp } from '../lib/app'
import { exposureOf } from '../lib/exposure'
import { readSettings, Refusal } from '../lib/settings'

try {
	const settings = readSettings(process.env)
	const { directory } = makeApp(settings).synth()

	fs.writeFileSync(path.join(directory, 'exposure'), exposureOf(settings).map(line => `${line}\n`).join(''))
} catch (error) {
	if (!(error instanceof Refusal))
		throw error
	console.error(error.message)
	process.exit(1)
}
