import * as fs from 'node:fs'
import * as path from 'node:path'

/** The text of a file of the source folder, by its path there. */
export const readSource = (name: string): string => {
	/* from lib/ as well as from build/lib/ */
	const file = ['../../..', '../../../..'].map(up => path.join(__dirname, up, name)).find(one => fs.existsSync(one))

	if (!file)
		throw new Error(`${name} is not there: infra/cdk needs the whole source folder`)
	return fs.readFileSync(file, 'utf8')
}
