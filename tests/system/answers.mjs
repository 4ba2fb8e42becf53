/*
 * What the model "says": one Messages answer as a whole and as the events of a stream, shared by
 * both stand-ins. Shapes and order: @anthropic-ai/sdk 1.12.0 (types, 2026-11-20) and the Messages
 * API reference (2026-08-21).
 */
import { randomBytes } from 'node:crypto'
import { stamp } from './standin.mjs'

const id = prefix => prefix + randomBytes(12).toString('hex')

/* Long enough to be believed; the proxy must not touch a byte of it. */
const SIGNATURE = 'EqQBCkgIARABGAIiQ' + 'Ab3+/9xYz0'.repeat(12) + '=='

/*
 * The blocks that this request gets: the script's own, else what the request asks for: thinking
 * where it is on, a call of the first tool where the last turn says "use the tool", else text.
 */
export function blocks_for(request, script, text) {
	if (script.content)
		return script.content
	const blocks = []
	const thinking = request.thinking?.type
	if (thinking === 'enabled' || thinking === 'adaptive')
		blocks.push({ type: 'thinking', thinking: 'Let me think about it. 생각합니다.', signature: SIGNATURE })
	const turn = JSON.stringify(request.messages?.at(-1)?.content ?? '')
	const tool = request.tools?.find(t => t.input_schema)
	if (tool && (turn.includes('use the tool') || ['any', 'tool'].includes(request.tool_choice?.type))) {
		blocks.push({ type: 'text', text: 'I will use the tool.' })
		blocks.push({ type: 'tool_use', id: id('toolu_'), name: tool.name,
			input: { city: 'Seoul', note: 'a "quoted" 값' } })
	} else {
		blocks.push({ type: 'text', text })
	}
	return blocks
}

export function message_for(request, script, { idPrefix, model, text, usage }) {
	const content = blocks_for(request, script, text)
	return {
		id: id(idPrefix),
		type: 'message',
		role: 'assistant',
		model,
		content,
		stop_reason: script.stopReason ?? (content.some(b => b.type === 'tool_use') ? 'tool_use' : 'end_turn'),
		stop_sequence: null,
		usage: {
			input_tokens: usage.input_tokens,
			cache_creation_input_tokens: usage.cache_creation_input_tokens ?? 0,
			cache_read_input_tokens: usage.cache_read_input_tokens ?? 0,
			cache_creation: usage.cache_creation ?? {
				ephemeral_5m_input_tokens: usage.cache_creation_input_tokens ?? 0,
				ephemeral_1h_input_tokens: 0,
			},
			output_tokens: usage.output_tokens,
			service_tier: 'standard',
		},
	}
}

const EMPTY = {
	text: block => ({ type: 'text', text: '' }),
	thinking: block => ({ type: 'thinking', thinking: '', signature: '' }),
	tool_use: block => ({ ...block, input: {} }),
}

/* A text in pieces that do not respect words; UTF-16 pairs stay whole. */
const pieces = text => [...text].reduce((out, c, i) => {
	if (i % 7 === 0)
		out.push('')
	out[out.length - 1] += c
	return out
}, [])

function* deltas_of(block) {
	if (block.type === 'text')
		for (const text of pieces(block.text))
			yield { type: 'text_delta', text }
	if (block.type === 'thinking') {
		for (const thinking of pieces(block.thinking))
			yield { type: 'thinking_delta', thinking }
		yield { type: 'signature_delta', signature: block.signature }
	}
	if (block.type === 'tool_use') {
		yield { type: 'input_json_delta', partial_json: '' }
		for (const partial_json of pieces(JSON.stringify(block.input)))
			yield { type: 'input_json_delta', partial_json }
	}
}

/*
 * The events of a stream, each a function that gives the event at the moment of its sending.
 * script.events: that many text deltas, each with its stamp and script.padding bytes of filler.
 */
export function* events_for(message, script, { ping }) {
	const start = { ...message, content: [], stop_reason: null,
		usage: { ...message.usage, output_tokens: 1 } }
	yield () => ({ type: 'message_start', message: start })
	if (script.events) {
		const filler = 'x'.repeat(script.padding ?? 0)
		yield () => ({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } })
		for (let i = 0; i < script.events; i++)
			yield () => ({ type: 'content_block_delta', index: 0,
				delta: { type: 'text_delta', text: `${i} ${stamp()} ${filler}` } })
		yield () => ({ type: 'content_block_stop', index: 0 })
	} else {
		for (const [index, block] of message.content.entries()) {
			yield () => ({ type: 'content_block_start', index,
				content_block: EMPTY[block.type]?.(block) ?? block })
			if (ping && index === 0)
				yield () => ({ type: 'ping' })
			for (const delta of deltas_of(block))
				yield () => ({ type: 'content_block_delta', index, delta })
			yield () => ({ type: 'content_block_stop', index })
		}
	}
	const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens } = message.usage
	yield () => ({ type: 'message_delta',
		delta: { stop_reason: message.stop_reason, stop_sequence: message.stop_sequence },
		usage: { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens } })
	yield () => ({ type: 'message_stop' })
}

export const sse = event => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
