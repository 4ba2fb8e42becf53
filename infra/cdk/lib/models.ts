/*
 * The proxy's own table of models, data/models.csv: what it will call on Bedrock. The rules are ccp_models_find() and
 * target_row() of fcgi/lib/upstream/models.c, and choose_base_model() of translate.c.
 */
import { readSource } from './source'

export interface Model {
	anthropicId: string
	bedrockId: string
	profiles: string[]
	successor: string
	countTokens: boolean
}

export const readModels = (): Model[] => readSource('data/models.csv').split('\n')
	.filter(line => line && !line.startsWith('#') && !line.startsWith('anthropic_id,'))
	.map(line => line.split(','))
	.map(([anthropicId, bedrockId, profiles, , successor, countTokens]) =>
		({ anthropicId, bedrockId, profiles: profiles.split(' ').filter(Boolean), successor, countTokens: countTokens === 'yes' }))

/** A retired model leads to its successor, which is a row of its own. */
const livingModels = () => readModels().filter(model => model.bedrockId && !model.successor)

const profileOf = (model: Model, wanted: string) => {
	const asian = ['jp', 'au', 'in'].includes(wanted) && !model.profiles.includes(wanted)
	const profile = asian ? 'apac' : wanted
	if (model.profiles.includes(profile))
		return profile
	return model.profiles.includes('global') ? 'global' : model.profiles[0]
}

/** All ids that are called when BEDROCK_PROFILE is wanted; a model without that profile has another one. */
export const targetsOf = (wanted: string) =>
	[...new Set(livingModels().map(model => [profileOf(model, wanted), model.bedrockId].filter(Boolean).join('.')))]

/** The ids whose tokens are counted: models themselves, whatever profile answers. */
export const countedModels = () =>
	[...new Set(livingModels().filter(model => model.countTokens).map(model => model.bedrockId))]
