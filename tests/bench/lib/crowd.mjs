/* Many clients in a process of their own: opens the streams, says when all flow, reports delays. */
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { now_ns } from '../../system/standin.mjs'

const [url, count, body] = process.argv.slice(2)
const text = JSON.stringify({ model: 'claude-opus-5-5', max_tokens: 100, stream: true,
	messages: [{ role: 'user', content: 'x'.repeat(Number(body)) }] })
let flowing = 0, failed = 0, delays = []
const first = () => { if (++flowing + failed === Number(count)) process.send({ flowing, failed }) }

function start(i) {
	const req = http.request(`${url}/user/crowd-${i}/v1/messages`, { method: 'POST', agent: false, headers: {
		'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-api-key': `sk-ant-crowd-${i}`,
		'content-length': Buffer.byteLength(text) } })
	let events = 0
	req.on('response', res => {
		if (res.statusCode !== 200) {
			failed++
			res.resume()
			return
		}
		res.on('data', data => {
			const found = /@(\d+)@/.exec(data.latin1Slice())
			if (!found)
				return
			delays.push(Number(now_ns() - BigInt(found[1])) / 1e6)
			if (++events === 2)
				first()
		})
	})
	req.on('error', error => { failed++; if (failed < 5) console.error(error.message) })
	req.end(text)
}
process.on('message', () => { process.send({ delays }); delays = [] })
process.on('disconnect', () => process.exit())
for (let i = 0; i < Number(count); i++) {
	start(i)
	if (i % 20 === 19)
		await sleep(20)
}
