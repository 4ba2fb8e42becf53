/*
 * Small requests that are not streams: an nginx that answers them from memory, the same nginx as a plain reverse proxy
 * in front of that, and ab (apache2-utils), which asks.
 */
import { execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { message, send } from '../../system/client.mjs'
import { free_port, temp_folder, wait_until } from '../../system/harness.mjs'

const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }
const has = tool => { try { execFileSync('sh', ['-c', `command -v ${tool}`], { env }); return true } catch { return false } }
export const can_load = has('nginx') && has('ab')

const answer = JSON.stringify({ id: 'msg_01', type: 'message', role: 'assistant', model: 'claude-opus-5-5', content: [{ type: 'text', text: 'x'.repeat(1800) }],
	stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } })

/* origin: the port that answers; plain: that of proxy_pass to it. */
export async function start_load() {
	const folder = temp_folder(), origin = await free_port(), plain = await free_port(), body = path.join(folder, 'body.json')
	fs.writeFileSync(body, JSON.stringify(message({ messages: [{ role: 'user', content: 'x'.repeat(900) }] })))
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
	const nginx = spawn('nginx', ['-p', folder, '-c', path.join(folder, 'nginx.conf')], { env, stdio: 'inherit' })
	const stop = () => nginx.kill('SIGTERM')
	try {
		await wait_until(() => send(`http://127.0.0.1:${plain}`, { body: '{}' }).then(a => a.status === 200, () => false), 'nginx answers')
	} catch (error) {
		stop()
		throw error
	}
	return {
		origin, plain,
		measure(port, concurrency, count) {
			const out = execFileSync('ab', ['-q', '-k', '-n', String(count), '-c', String(concurrency), '-p', body, '-T', 'application/json', '-H', 'x-api-key: sk-ant-bench',
				'-H', 'anthropic-version: 2023-06-01', `http://127.0.0.1:${port}/v1/messages`], { env, encoding: 'utf8' })
			const number = pattern => Number(pattern.exec(out)?.[1] ?? 0)
			const failed = number(/^Non-2xx responses:\s+(\d+)/m)
			if (failed > 0)
				throw new Error(`${failed} of ${count} requests were not answered with 200\n${out}`)
			return { rps: number(/^Requests per second:\s+([\d.]+)/m), p99: number(/^\s+99%\s+(\d+)/m) }
		},
		stop,
	}
}
