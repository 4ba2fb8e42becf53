/*
 * What InvokeModel and the Messages endpoint refuse in a body, in Bedrock's words. Facts that change monthly are tables.
 *
 * Sources: Bedrock user guide and model cards (2026, crawls up to November), Anthropic's pages on
 * Bedrock (2026-08-21), public reports of 400s from Claude Code users (Feb to Sep 2026), Claude
 * Code 2.1.330 in its own Bedrock mode (2026-11-22), LiteLLM's table of beta flags (after 2026-09).
 * Where sources disagree the stricter one stands here.
 */

/*
 * max: output tokens. thinking: accepted types. new: 4.7 and later (no sampling parameters,
 * anthropic_version 2026-10-21, top-level cache_control). system: role "system" inside messages.
 * effort: output_config.effort (effortBeta: only with its beta). format: output_config.format.
 * display: thinking.display. ttl: cache_control.ttl. gone: end of life.
 */
const both = ['enabled', 'adaptive', 'disabled']
const budget = ['enabled', 'disabled']
const adaptive = ['adaptive', 'disabled']
const young = { thinking: adaptive, new: true, effort: true, display: true, ttl: true, max: 128000 }
const old = { thinking: budget, max: 64000 }

export const MODELS = {
	'anthropic.claude-fable-5-2': { ...young, system: true, profiles: ['global', 'us'] },
	'anthropic.claude-fable-5-1': { ...young, system: true, profiles: ['global', 'us'] },
	'anthropic.claude-fable-5': { ...young, system: true, profiles: ['global', 'us', 'eu'] },
	'anthropic.claude-mythos-5-1': { ...young, system: true, profiles: ['global'] },
	'anthropic.claude-mythos-5': { ...young, system: true, profiles: ['global'] },
	'anthropic.claude-opus-5-5': { ...young, system: true, profiles: ['global', 'us', 'eu', 'jp', 'au'] },
	'anthropic.claude-opus-5': { ...young, system: true, profiles: ['global', 'us', 'eu', 'jp', 'au', 'in'] },
	'anthropic.claude-sonnet-5-5': { ...young, profiles: ['global', 'us', 'eu', 'au'] },
	'anthropic.claude-sonnet-5': { ...young, profiles: ['global', 'us', 'eu', 'jp', 'au', 'in'] },
	'anthropic.claude-haiku-5-5': { ...young, profiles: ['global', 'us', 'eu', 'jp', 'au'] },
	'anthropic.claude-opus-4-8': { ...young, system: true, profiles: ['global', 'us', 'eu', 'jp', 'au'] },
	'anthropic.claude-opus-4-7': { ...young, profiles: ['global', 'us', 'eu', 'jp', 'au'] },
	'anthropic.claude-opus-4-6-v1': { max: 128000, thinking: both, effort: true, format: true, ttl: true,
		profiles: ['global', 'us', 'eu', 'jp', 'apac', 'au'] },
	'anthropic.claude-sonnet-4-6': { max: 64000, thinking: both, effort: true, format: true, ttl: true,
		profiles: ['global', 'us', 'eu', 'jp', 'au'] },
	'anthropic.claude-haiku-4-5-20251001-v1:0': { ...old, ttl: true, format: true,
		profiles: ['global', 'us', 'eu', 'jp', 'au', 'in'] },
	'anthropic.claude-opus-4-5-20251101-v1:0': { ...old, ttl: true, format: true, effortBeta: true, profiles: ['global', 'us', 'eu'] },
	'anthropic.claude-sonnet-4-5-20250929-v1:0': { ...old, ttl: true, format: true, profiles: ['global', 'us', 'eu', 'jp', 'au'] },
	'anthropic.claude-opus-4-1-20250805-v1:0': { ...old, max: 32000, profiles: ['us'] },
	'anthropic.claude-sonnet-4-20250514-v1:0': { ...old, profiles: ['global', 'us', 'eu', 'apac'] },
	'anthropic.claude-3-7-sonnet-20250219-v1:0': { gone: true, profiles: ['us'] },
	'anthropic.claude-3-5-sonnet-20241022-v2:0': { gone: true, profiles: ['us'] },
	'anthropic.claude-3-5-haiku-20241022-v1:0': { gone: true, profiles: ['us'] },
}

export const BETAS = new Set(['interleaved-thinking-2025-05-14', 'context-management-2025-06-27',
	'claude-code-20250219', 'effort-2025-11-24', 'computer-use-2025-01-24', 'computer-use-2025-11-24',
	'context-1m-2025-08-07', 'compact-2026-01-12', 'fine-grained-tool-streaming-2025-05-14',
	'tool-search-tool-2025-10-19', 'thinking-binding-controls-2026-08-01', 'thinking-display-updates-2026-08-18',
	'mid-conversation-tool-changes-2026-07-01', 'mid-conversation-output-config-2026-07-01',
	'thinking-token-count-2026-05-13', 'mid-conversation-system-2026-04-07', 'dangerous-tool-use-2026-09-03',
	'afk-mode-2026-01-31'])

/* A field of the body and the beta without which it is an extra input (null: none needed). */
const FIELDS = {
	anthropic_version: null, anthropic_beta: null, messages: null, system: null, max_tokens: null,
	metadata: null, stop_sequences: null, temperature: null, top_p: null, top_k: null, tools: null,
	tool_choice: null, thinking: null, output_config: null, cache_control: null,
	context_management: 'context-management-2025-06-27', safeguards: 'dangerous-tool-use-2026-09-03',
}
const { anthropic_version, anthropic_beta, ...common } = FIELDS
const MESSAGES_FIELDS = { ...common, model: null, stream: null }
const TOOL_FIELDS = {
	type: null, name: null, description: null, input_schema: null, cache_control: null,
	defer_loading: 'tool-search-tool-2025-10-19', input_examples: 'tool-search-tool-2025-10-19',
	eager_input_streaming: 'fine-grained-tool-streaming-2025-05-14',
}
const MESSAGE_FIELDS = { role: null, content: null, output_config: 'mid-conversation-output-config-2026-07-01' }
const BLOCKS = {
	text: ['type', 'text', 'cache_control', 'citations'],
	image: ['type', 'source', 'cache_control'],
	document: ['type', 'source', 'cache_control', 'title', 'context', 'citations'],
	search_result: ['type', 'source', 'title', 'content', 'cache_control', 'citations'],
	thinking: ['type', 'thinking', 'signature'],
	redacted_thinking: ['type', 'data'],
	tool_use: ['type', 'id', 'name', 'input', 'cache_control'],
	tool_result: ['type', 'tool_use_id', 'content', 'is_error', 'cache_control'],
	tool_reference: ['type', 'tool_name'],
}
/* Tools with a type of their own that Bedrock runs on the client's side like any other. */
const CLIENT_TOOLS = /^(bash|text_editor|memory|computer)_\d{8}$/
const USER_ID = /^[a-zA-Z0-9\s:_@$#=/+,\-.]{0,256}$/
const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max']
const CACHE_BREAKPOINTS_MAX = 4

class Invalid extends Error {}
const invalid = message => { throw new Invalid(message) }
const extra = path => invalid(`${path}: Extra inputs are not permitted`)

/*
 * The message of the ValidationException that this body earns, or null. model: a row of MODELS.
 * flags: the betas of the Messages endpoint's header (a Set), null for InvokeModel, whose betas and
 * version are in the body.
 */
export function judge_body(body, model, name, flags = null) {
	try {
		if (typeof body !== 'object' || body === null || Array.isArray(body))
			invalid('Malformed input request: expected type: JSONObject')
		const betas = flags ?? judge_betas(body)
		const allowed = (path, object, fields) => {
			for (const field of Object.keys(object))
				if (!(field in fields) || (fields[field] && !betas.has(fields[field])))
					extra(path ? `${path}.${field}` : field)
		}
		allowed('', body, flags ? MESSAGES_FIELDS : FIELDS)
		if (!flags)
			judge_version(body, model)
		else if (![undefined, true, false].includes(body.stream))
			invalid('stream: Input should be a valid boolean')
		judge_numbers(body, model, name)
		judge_thinking(body, model, betas)
		judge_output(body, model, betas)
		judge_context(body)
		if (body.cache_control && !model.new)
			extra('cache_control')
		if (body.metadata)
			judge_metadata(body.metadata)
		judge_system(body.system)
		for (const [i, tool] of (body.tools ?? []).entries())
			judge_tool(`tools.${i}`, tool, allowed)
		judge_messages(body.messages, model, allowed)
		judge_caches(body, model)
		return null
	} catch (error) {
		if (error instanceof Invalid)
			return error.message
		throw error
	}
}

function judge_betas(body) {
	const list = body.anthropic_beta ?? []
	if (!Array.isArray(list))
		invalid('anthropic_beta: Input should be a valid list')
	if (!list.every(flag => BETAS.has(flag)))
		invalid('invalid beta flag')
	return new Set(list)
}

function judge_version(body, model) {
	if (body.anthropic_version === undefined)
		invalid('anthropic_version: Field required')
	if (body.anthropic_version !== 'bedrock-2023-05-31' && !(model.new && body.anthropic_version === '2026-10-21'))
		invalid(`anthropic_version: Input should be 'bedrock-2023-05-31'`)
}

function judge_numbers(body, model, name) {
	if (!Number.isInteger(body.max_tokens))
		invalid('max_tokens: Field required')
	if (body.max_tokens < 1)
		invalid('max_tokens: Input should be greater than or equal to 1')
	if (body.max_tokens > model.max)
		invalid(`max_tokens: ${body.max_tokens} > ${model.max}, which is the maximum allowed number of output tokens for ${name}`)
	if (model.new)
		for (const field of ['temperature', 'top_p', 'top_k'])
			if (field in body)
				invalid(`\`${field}\` is deprecated for this model.`)
}

function judge_thinking(body, model, betas) {
	const thinking = body.thinking
	if (!thinking)
		return
	if (!model.thinking.includes(thinking.type)) {
		if (thinking.type === 'enabled')
			invalid('"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.')
		invalid(`thinking: Input tag '${thinking.type}' found using 'type' does not match any of the expected tags: ${model.thinking.map(t => `'${t}'`).join(', ')}`)
	}
	const fields = { enabled: ['type', 'budget_tokens', 'display'], adaptive: ['type', 'display'], disabled: ['type'] }
	for (const field of Object.keys(thinking))
		if (!fields[thinking.type].includes(field) || (field === 'display' && !model.display))
			extra(`thinking.${thinking.type}.${field}`)
	if (thinking.display === 'updates' && !betas.has('thinking-display-updates-2026-08-18'))
		invalid(`thinking.${thinking.type}.display: Input should be 'summarized' or 'omitted'`)
	if (thinking.type === 'enabled') {
		if (!(thinking.budget_tokens >= 1024))
			invalid('thinking.enabled.budget_tokens: Input should be greater than or equal to 1024')
		if (thinking.budget_tokens >= body.max_tokens && !betas.has('interleaved-thinking-2025-05-14'))
			invalid('`max_tokens` must be greater than `thinking.budget_tokens`.')
	}
}

function judge_output(body, model, betas) {
	const config = body.output_config
	if (!config)
		return
	const effort = model.effort || (model.effortBeta && betas.has('effort-2025-11-24'))
	if (!effort && !model.format)
		extra('output_config')
	for (const field of Object.keys(config))
		if (field !== 'effort' && !(field === 'format' && model.format))
			extra(`output_config.${field}`)
	if ('effort' in config && !effort)
		invalid('This model does not support the effort parameter.')
	if ('effort' in config && !EFFORTS.includes(config.effort))
		invalid(`output_config.effort: Input should be ${EFFORTS.map(e => `'${e}'`).join(', ')}`)
}

function judge_context(body) {
	const thinks = ['enabled', 'adaptive'].includes(body.thinking?.type)
	if (body.context_management?.edits?.some(e => e.type === 'clear_thinking_20251015') && !thinks)
		invalid('`clear_thinking_20251015` strategy requires `thinking` to be enabled or adaptive')
}

function judge_metadata(metadata) {
	for (const field of Object.keys(metadata))
		if (field !== 'user_id')
			extra(`metadata.${field}`)
	if (typeof metadata.user_id === 'string' && !USER_ID.test(metadata.user_id))
		invalid('Request metadata contains a value that violates the regular expression [a-zA-Z0-9\\s:_@$#=/+,-.]{0,256}')
}

function judge_system(system) {
	for (const [i, block] of (Array.isArray(system) ? system : system === undefined ? [] : [{ type: 'text', text: system }]).entries()) {
		if (block.type !== 'text')
			invalid(`system.${i}.type: Input should be 'text'`)
		judge_block(`system.${i}`, block)
		if (block.text.startsWith('x-anthropic-billing-header'))
			invalid('x-anthropic-billing-header is a reserved keyword and may not be used in the system prompt.')
	}
}

function judge_tool(path, tool, allowed) {
	const type = tool.type ?? 'custom'
	if (type !== 'custom') {
		if (!CLIENT_TOOLS.test(type))
			invalid(`${path}: Input tag '${type}' found using 'type' does not match any of the expected tags: 'bash_20250124', 'custom', 'memory_20250818', 'text_editor_20250728'`)
		return
	}
	allowed(`${path}.custom`, tool, TOOL_FIELDS)
	if (!/^[a-zA-Z0-9_-]{1,128}$/.test(tool.name ?? ''))
		invalid(`${path}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`)
	if (typeof tool.input_schema !== 'object')
		invalid(`${path}.custom.input_schema: Field required`)
	if (tool.defer_loading && tool.cache_control)
		invalid(`${path}: a tool with defer_loading cannot have cache_control`)
}

function judge_messages(messages, model, allowed) {
	if (!Array.isArray(messages) || messages.length === 0)
		invalid('messages: at least one message is required')
	for (const [i, message] of messages.entries()) {
		const path = `messages.${i}`
		if (message.role === 'system' ? !model.system : !['user', 'assistant'].includes(message.role))
			invalid(`${path}.role: Input should be 'user' or 'assistant'`)
		allowed(path, message, MESSAGE_FIELDS)
		if (i === 0 && message.role !== 'user')
			invalid('messages: first message must use the "user" role')
		if (typeof message.content === 'string') {
			if (message.content === '' && !(message.role === 'assistant' && i === messages.length - 1))
				invalid(`${path}: all messages must have non-empty content except for the optional final assistant message`)
			continue
		}
		if (!Array.isArray(message.content))
			invalid(`${path}.content: Field required`)
		if (message.content.length === 0)
			invalid(`${path}: all messages must have non-empty content except for the optional final assistant message`)
		for (const [j, block] of message.content.entries())
			judge_block(`${path}.content.${j}`, block)
	}
}

function judge_block(path, block) {
	const fields = BLOCKS[block.type]
	if (!fields)
		invalid(`${path}: Input tag '${block.type}' found using 'type' does not match any of the expected tags: ${Object.keys(BLOCKS).map(t => `'${t}'`).join(', ')}`)
	for (const field of Object.keys(block))
		if (!fields.includes(field))
			extra(`${path}.${block.type}.${field}`)
	if (block.type === 'text' && block.text === '')
		invalid(block.cache_control ? `${path}.text: cache_control cannot be set for empty text blocks`
			: 'messages: text content blocks must be non-empty')
	if (['image', 'document'].includes(block.type) && ['url', 'file'].includes(block.source?.type))
		invalid(`${path}.${block.type}.source: Input tag '${block.source.type}' found using 'type' does not match any of the expected tags: 'base64'`)
	if (block.type === 'thinking' && !block.signature)
		invalid(`${path}.thinking.signature: Field required`)
	if (block.type === 'thinking' && !/^[A-Za-z0-9+/]+={0,2}$/.test(block.signature))
		invalid(`${path}: Invalid \`signature\` in \`thinking\` block`)
	if (block.type === 'tool_use' && !/^[a-zA-Z0-9_-]+$/.test(block.id ?? ''))
		invalid(`${path}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'`)
	if (block.type === 'tool_result' && Array.isArray(block.content))
		for (const [k, inner] of block.content.entries())
			judge_block(`${path}.tool_result.content.${k}`, inner)
}

/* Every cache_control outside the tools' own schemas and inputs. */
function judge_caches(body, model) {
	let count = 0
	const one = (path, holder) => {
		const cache = holder?.cache_control
		if (!cache)
			return
		count++
		for (const field of Object.keys(cache))
			if (field !== 'type' && !(field === 'ttl' && model.ttl))
				extra(`${path}.cache_control.${cache.type}.${field}`)
	}
	const blocks = (path, list) => {
		for (const [i, block] of (Array.isArray(list) ? list : []).entries()) {
			one(`${path}.${i}.${block.type ?? 'custom'}`, block)
			if (block.type === 'tool_result')
				blocks(`${path}.${i}.tool_result.content`, block.content)
		}
	}
	one('', body)
	blocks('tools', body.tools)
	blocks('system', body.system)
	for (const [i, message] of body.messages.entries())
		blocks(`messages.${i}.content`, message.content)
	if (count > CACHE_BREAKPOINTS_MAX)
		invalid(`A maximum of ${CACHE_BREAKPOINTS_MAX} blocks with cache_control may be provided. Found ${count}.`)
}
