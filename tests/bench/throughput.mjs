/*
 * Small requests that are not streams, through the proxy and through nginx as a plain reverse
 * proxy, both in front of the same nginx that answers from memory. Load: ab (apache2-utils).
 */
import { execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { message, send } from '../system/client.mjs'
import { free_port, start_proxy, temp_folder, wait_until } from '../system/harness.mjs'

const COUNT = process.env.COUNT || '20000', CONCURRENCY = (process.env.CONCURRENCY || '1,16,64').split(',')
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }
const has = tool => { try { execFileSync('sh', ['-c', `command -v ${tool}`], { env }); return true } catch { return false } }
if (!has('nginx') || !has('ab')) {
	console.log('throughput: skipped, it needs nginx and ab (apache2-utils)')
	process.exit(0)
}

const folder = temp_folder()
const origin = await free_port(), plain = await free_port()
const answer = JSON.stringify({ id: 'msg_01', type: 'message', role: 'assistant', model: 'claude-opus-5-5', content: [{ type: 'text', text: 'x'.repeat(1800) }],
	stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } })
fs.writeFileSync(path.join(folder, 'nginx.conf'), `
daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log; worker_processes 1;
events { worker_connections 4096; }
http {
	access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fcgi;
	uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi; keepalive_requests 1000000;
	upstream origin { server 127.0.0.1:${origin}; keepalive 128; }
	server { listen 127.0.0.1:${origin}; location / { default_type application/json; return 200 '${answer}'; } }
	server { listen 127.0.0.1:${plain}; location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; } }
}
`)
const body = path.join(folder, 'body.json')
fs.writeFileSync(body, JSON.stringify(message({ messages: [{ role: 'user', content: 'x'.repeat(900) }] })))
const nginx = spawn('nginx', ['-p', folder, '-c', path.join(folder, 'nginx.conf')], { env, stdio: 'inherit' })
let proxy

function measure(port, concurrency) {
	const out = execFileSync('ab', ['-q', '-k', '-n', COUNT, '-c', concurrency, '-p', body, '-T', 'application/json', '-H', 'x-api-key: sk-ant-bench',
		'-H', 'anthropic-version: 2023-06-01', `http://127.0.0.1:${port}/v1/messages`], { env, encoding: 'utf8' })
	const number = pattern => Number(pattern.exec(out)?.[1] ?? 0)
	const failed = number(/^Non-2xx responses:\s+(\d+)/m)
	if (failed > 0)
		throw new Error(`${failed} of ${COUNT} requests were not answered with 200\n${out}`)
	return { rps: number(/^Requests per second:\s+([\d.]+)/m), p99: number(/^\s+99%\s+(\d+)/m) }
}
try {
	await wait_until(() => send(`http://127.0.0.1:${plain}`, { body: '{}' }).then(a => a.status === 200, () => false), 'nginx answers')
	proxy = await start_proxy({ env: { ANTHROPIC_API_BASE: `http://127.0.0.1:${origin}`, WORKERS: '0', LOG_LEVEL: 'warning' } })
	for (const concurrency of CONCURRENCY) {
		const theirs = measure(plain, concurrency), ours = measure(proxy.port, concurrency)
		console.log(`throughput at ${concurrency} at once: ours ${ours.rps.toFixed(0)}/s (p99 ${ours.p99} ms), nginx proxy_pass ${theirs.rps.toFixed(0)}/s (p99 ${theirs.p99} ms), ratio ${(ours.rps / theirs.rps).toFixed(2)}`)
	}
} finally {
	nginx.kill('SIGTERM')
	await proxy?.stop()
}
