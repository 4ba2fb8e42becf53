import { makeApp } from '../lib/app'
import { readSettings, Refusal } from '../lib/settings'

try {
	makeApp(readSettings(process.env)).synth()
} catch (error) {
	if (!(error instanceof Refusal))
		throw error
	console.error(error.message)
	process.exit(1)
}
