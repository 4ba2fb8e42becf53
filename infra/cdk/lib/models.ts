/*
 * The proxy's own table of models, data/models.csv: which inference profiles it will call. The rule is target_row()
 * of fcgi/lib/upstream/models.c.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'

export interface Model {
	anthropicId: string
	bedrockId: string
	profiles: string[]
}

/* From lib/ as well as from build/lib/. */
const table = ['../../../data/models.csv', '../../../../data/models.csv']
	.map(file => path.join(__dirname, file)).find(file => fs.existsSync(file))

export const readModels = (): Model[] => {
	if (!table)
		throw new Error('data/models.csv is not there: infra/cdk needs the whole source folder')
	return fs.readFileSync(table, 'utf8').split('\n')
		.filter(line => line && !line.startsWith('#') && !line.startsWith('anthropic_id,'))
		.map(line => line.split(','))
		.map(([anthropicId, bedrockId, profiles]) => ({ anthropicId, bedrockId, profiles: profiles.split(' ').filter(Boolean) }))
}

const profileOf = (model: Model, wanted: string) => {
	const asian = ['jp', 'au', 'in'].includes(wanted) && !model.profiles.includes(wanted)
	const profile = asian ? 'apac' : wanted
	if (model.profiles.includes(profile))
		return profile
	return model.profiles.includes('global') ? 'global' : model.profiles[0]
}

/** The prefixes of all models when BEDROCK_PROFILE is wanted; a model without that profile has another one. */
export const profilesUsed = (wanted: string) =>
	[...new Set(readModels().filter(model => model.bedrockId).map(model => profileOf(model, wanted)).filter(Boolean))].sort()
