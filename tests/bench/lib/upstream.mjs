/*
 * Anthropic in a process of its own, so that what is measured does not share an event loop with what
 * measures. Every stream follows the script given as JSON.
 */
import fs from 'node:fs'
import { start_anthropic } from '../../system/anthropic.mjs'

const [script, key, cert] = process.argv.slice(2)
const standin = await start_anthropic({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) })
standin.take = record => {
	standin.requests.length = 0 /* a thousand bodies and answers need not be kept */
	record.sent = { push() {} }
	return JSON.parse(script)
}
process.send({ url: standin.url })
process.on('disconnect', () => process.exit())
