/* What infra/serve makes of settings, and what it says when it cannot start. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { assert_own_error } from './client.mjs'
import { BESIDE, IS_APACHE, NO_MASTER, PROGRAMS, ROOT, SERVER, free_port, suite, temp_folder, wait_until } from './harness.mjs'

const s = suite()

/* Starts infra/serve as it is expected to refuse; what it printed. */
function refused(env) {
	const folder = temp_folder()
	const run = spawnSync(path.join(ROOT, 'infra/serve'), [SERVER], { encoding: 'utf8', timeout: 90_000,
		env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, HOME: folder, CCP_PROGRAMS: PROGRAMS,
			STATE_DIRECTORY: path.join(folder, 'state'), ...env } })
	assert.equal(run.status, 1, run.stderr)
	return run.stderr
}

s.test('the settings file gives what the environment does not: WORKERS, MAX_BODY_BYTES', async t => {
	await t.with({ WORKERS: null, CONF: 'WORKERS = 3\nMAX_BODY_BYTES = 2048\n' }, async proxy => {
		if (BESIDE)
			await wait_until(() => proxy.children().length === 3, 'three workers')
		assert.equal((await proxy.ask({ key: t.key })).status, 200)
		const answer = await proxy.ask({ key: t.key, body: Buffer.alloc(5000, 0x20) })
		assert.equal(answer.status, 413)
		assert.equal(answer.json().error.type, 'request_too_large')
	})
})
s.test('the environment goes before the settings file', { skip: NO_MASTER }, async t => {
	await t.with({ WORKERS: '2', CONF: 'WORKERS=3\nPORT=1\nLISTEN=10.9.9.9\n' }, async proxy =>
		assert.equal(proxy.children().length, 2))
})
s.test('a file of the dashboard is read and not written', { skip: IS_APACHE && 'Apache answers for its files itself' }, async ({ proxy }) => {
	for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
		const answer = await proxy.send({ method, path: '/ui/main.js', headers: { 'content-length': '0' } })
		assert_own_error(answer, 405, 'invalid_request_error')
		assert.equal(answer.headers.allow, 'GET, HEAD')
	}
	assert.match((await proxy.get('/ui/main.js')).headers['content-type'], /^text\/javascript/)
})
s.test('a folder may have a blank, & and | in its name', async t => {
	const folder = path.join(temp_folder(), 'R&D | the dashboard')
	fs.symlinkSync(path.join(ROOT, 'html'), folder)
	await t.with({ CCP_HTML: folder }, async proxy => {
		assert.equal((await proxy.get('/ui/main.js')).status, 200)
		assert.equal((await proxy.get('/ui')).status, 200)
	})
})
s.test('an address of another machine is not called a port in use', async () => {
	/* 192.0.2.0/24 is for documentation (RFC 5737) */
	assert.match(refused({ PORT: String(await free_port()), LISTEN: '192.0.2.1' }), /LISTEN=192\.0\.2\.1 is not an address of this machine/)
})
s.test('a port in use is', async ({ proxy }) => {
	assert.match(refused({ PORT: String(proxy.port) }), new RegExp(`port ${proxy.port} on 127\\.0\\.0\\.1 is in use`))
})
s.test('a private folder: nobody is named before anything changes hands', { skip: BESIDE || os.userInfo().uid !== 0 }, async () => {
	const folder = temp_folder()
	fs.chmodSync(folder, 0o700)
	const state = path.join(folder, 'state')
	assert.match(refused({ PORT: String(await free_port()), STATE_DIRECTORY: state }), /nobody, who cannot reach/)
	assert.equal(fs.statSync(state).uid, 0)
})
