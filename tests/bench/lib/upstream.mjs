/*
 * The upstreams of a benchmark in a process of their own, so that what is measured does not share
 * an event loop with what measures: Anthropic answering, Anthropic limited, and Bedrock. Every
 * stream follows the script given as JSON; a key and a certificate make Anthropic https.
 */
import fs from 'node:fs'
import { rate_limited, start_anthropic } from '../../system/anthropic.mjs'
import { start_bedrock } from '../../system/bedrock.mjs'

const [script, key, cert] = process.argv.slice(2)
const answering = await start_anthropic(key ? { key: fs.readFileSync(key), cert: fs.readFileSync(cert) } : null)
const limited = await start_anthropic()
const bedrock = await start_bedrock()
for (const [standin, answer] of [[answering, JSON.parse(script)], [limited, rate_limited(null)], [bedrock, JSON.parse(script)]])
	standin.take = record => {
		standin.requests.length = 0 /* a thousand bodies and answers need not be kept */
		record.sent = { push() {} }
		return answer
	}
process.send({ answering: answering.url, limited: limited.url, bedrock: bedrock.environment })
process.on('disconnect', () => process.exit())
