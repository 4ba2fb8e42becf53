/*
 * DynamoDB: a strict front, and behind it a real engine that takes any signature. The front judges
 * every request as AWS does (SigV4 by AWS's own package, content type, target), keeps it, plays what
 * the test scripted, and passes the rest on. Engines: dynalite (npm), and AWS's DynamoDB Local where
 * its jar is (./check fetches it; CCP_DYNAMODB_LOCAL names the folder). Both keep their data in files,
 * so that kill -9 of them is a crash and not a wipe.
 *
 * Sources: DynamoDB API reference (2012-08-10), "Error handling with DynamoDB" (2026), SigV4 reference.
 *
 *   const dynamodb = await start_dynamodb({ engine: 'dynalite' })
 *   const tables = await dynamodb.make_tables()     {limits, usage, env}: env is the proxy's settings
 *   dynamodb.script(throttled())                    what the next request gets, besides standin.mjs:
 *     on: 'UpdateItem', table: 'name'     only the next of this operation, of this table
 *     lost: true                          done, but the connection breaks instead of an answer
 *     lostMs: n                           done, and the answer comes n ms later than it could
 *     badCrc: true                        x-amz-crc32 of another body
 *     limit: n                            Query, Scan: pages of n items
 *     unprocessed: n                      BatchGetItem: the last n keys are left to ask again
 *   dynamodb.options.clock, .expired, .credentials: of whom it knows, see signed.mjs
 *   await dynamodb.kill(); await dynamodb.start()   the engine, SIGKILL; the front breaks connections meanwhile
 *   dynamodb.refused                       requests that the front refused by itself: none, for a good client
 */
import { execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import * as sdk from '@aws-sdk/client-dynamodb'
import { CREDENTIALS, REGION, SESSION } from './bedrock.mjs'
import { ROOT, SERVER, free_port, temp_folder, wait_until } from './harness.mjs'
import { denied, judge_signature } from './signed.mjs'
import { Gone, Standin } from './standin.mjs'

const TARGET = /^DynamoDB_20120810\.([A-Za-z]+)$/
const BODY_MAX_BYTES = 16 * 1024 * 1024
/* An engine that is asked for more at once only gets slower. */
const ENGINE_CONNECTIONS = 64
const START_MAX_MS = 30_000

/* --- engines --- */

const LOCAL = path.resolve(process.env.CCP_DYNAMODB_LOCAL || path.join(ROOT, 'build-check/dynamodb-local'))
const DYNALITE = path.join(import.meta.dirname, 'node_modules/dynalite/cli.js')
const command = {
	dynalite: (folder, port) => [process.execPath, DYNALITE, '--host', '127.0.0.1', '--port', port, '--path', folder,
		'--createTableMs', '20', '--updateTableMs', '20', '--deleteTableMs', '20'],
	local: (folder, port) => ['java', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', `-Djava.library.path=${LOCAL}/DynamoDBLocal_lib`, '-jar', `${LOCAL}/DynamoDBLocal.jar`,
		'-sharedDb', '-dbPath', folder, '-port', port, '-disableTelemetry'],
}

/* Where dynalite is not DynamoDB: it describes a time to live that it cannot set. (Nor can it add an index to a table.) */
const UNKNOWN = { dynalite: ['DescribeTimeToLive'], local: [] }

/* Why an engine cannot be had here, for { skip }; false when it can. */
export function engine_missing(engine) {
	if (engine === 'sqlite')
		return false
	if (engine === 'dynalite')
		return fs.existsSync(DYNALITE) ? false : 'dynalite is not installed (npm ci in tests/system)'
	if (!fs.existsSync(path.join(LOCAL, 'DynamoDBLocal.jar')))
		return `DynamoDB Local is not in ${LOCAL} (./check system fetches it)`
	try {
		execFileSync('java', ['-version'], { stdio: 'ignore' })
		return false
	} catch {
		return 'no java for DynamoDB Local'
	}
}

const running = new Set()
process.on('exit', () => running.forEach(child => child.kill('SIGKILL')))

const listens = port => new Promise(resolve => {
	const socket = net.connect(port, '127.0.0.1')
	socket.on('connect', () => { socket.destroy(); resolve(true) })
	socket.on('error', () => resolve(false))
})

class Engine {
	constructor(engine) {
		this.engine = engine
		this.folder = temp_folder(fs.existsSync('/dev/shm') ? '/dev/shm' : undefined) /* a crash of it is meant, no power loss */
	}
	async start() {
		this.port = await free_port()
		/* setpriv: it must not outlive a test that is killed */
		const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command[this.engine](this.folder, String(this.port))],
			{ stdio: ['ignore', 'pipe', 'pipe'] })
		this.child = child
		this.output = ''
		running.add(child)
		child.stdout.on('data', d => { this.output = (this.output + d).slice(-4000) })
		child.stderr.on('data', d => { this.output = (this.output + d).slice(-4000) })
		child.gone = new Promise(resolve => child.on('exit', () => { running.delete(child); child.ended = true; resolve() }))
		await wait_until(() => {
			if (child.ended)
				throw new Error(`${this.engine} ended at once: ${this.output}`)
			return listens(this.port)
		}, `${this.engine} listens`, START_MAX_MS)
		this.agent = new http.Agent({ keepAlive: true, maxSockets: ENGINE_CONNECTIONS, timeout: 4000 }) /* dynalite closes after 5 s */
	}
	async kill() {
		this.agent?.destroy()
		this.agent = null
		this.child?.kill('SIGKILL')
		await this.child?.gone
	}
	/* {status, headers, body}; rejects when it is down. */
	ask(record, body) {
		return new Promise((resolve, reject) => {
			if (!this.agent)
				return reject(new Gone())
			const headers = { ...record.headers, 'content-length': body.length }
			delete headers.host
			delete headers.connection
			delete headers['accept-encoding']
			const req = http.request({ host: '127.0.0.1', port: this.port, method: 'POST', path: '/', headers, agent: this.agent })
			req.setNoDelay(true)
			req.on('error', () => reject(new Gone()))
			req.on('response', res => {
				const parts = []
				res.on('data', part => parts.push(part))
				res.on('error', () => reject(new Gone()))
				res.on('aborted', () => reject(new Gone()))
				res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts) }))
			})
			req.end(body)
		})
	}
}

/* --- answers --- */

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
	for (let k = 0; k < 8; k++)
		n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1
	return n
})
export const crc32 = bytes => (bytes.reduce((c, byte) => CRC_TABLE[(c ^ byte) & 0xff] ^ (c >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0

const CORAL = new Set(['InvalidSignatureException', 'UnrecognizedClientException', 'MissingAuthenticationTokenException', 'IncompleteSignatureException',
	'ExpiredTokenException', 'AccessDeniedException', 'ThrottlingException', 'SerializationException', 'UnknownOperationException', 'ServiceUnavailable'])
const STATUS = { InternalServerError: 500, ServiceUnavailable: 503 }
const error_text = (name, message) => JSON.stringify({ message,
	__type: `${CORAL.has(name) ? 'com.amazon.coral.service' : 'com.amazonaws.dynamodb.v20120810'}#${name}` })

/* Scripts. A throttle is a 400 here. */
export const failed = (name, message = 'scripted', more = {}) =>
	({ status: STATUS[name] ?? 400, body: error_text(name, message), headers: { 'content-type': 'application/x-amz-json-1.0' }, ...more })
export const throttled = more => failed('ProvisionedThroughputExceededException', 'The level of configured provisioned throughput for the table was exceeded.', more)

function write(standin, record, res, status, body, script = {}) {
	const crc = crc32(body)
	record.status = status
	record.answer = body
	record.finished = true
	res.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', 'content-length': body.length, 'x-amzn-requestid': randomUUID(),
		'x-amz-crc32': String(script.badCrc ? crc ^ 1 : crc), 'date': new Date(standin.options.clock()).toUTCString(), 'server': 'Server' }).end(body)
}
function refuse(standin, record, res, { name, message }) {
	record.refused = { name, message }
	standin.refused.push(record)
	write(standin, record, res, 400, Buffer.from(error_text(name, message)))
}

/* --- what is asked --- */

function judge_request(record) {
	if (record.method !== 'POST' || record.url !== '/')
		return denied('UnknownOperationException', `${record.method} ${record.url}`)
	if (record.headers['content-type'] !== 'application/x-amz-json-1.0')
		return denied('SerializationException', `content-type: ${record.headers['content-type']}`)
	record.operation = TARGET.exec(record.headers['x-amz-target'] ?? '')?.[1]
	if (!record.operation)
		return denied('UnknownOperationException', `x-amz-target: ${record.headers['x-amz-target']}`)
	if (record.headers['content-length'] === undefined || record.body.length > BODY_MAX_BYTES)
		return denied('SerializationException', 'content-length')
	try {
		record.input = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(record.body))
	} catch {
		return denied('SerializationException', 'the body is not JSON in UTF-8')
	}
	record.table = record.input.TableName ?? Object.keys(record.input.RequestItems ?? {})[0]
	return null
}

/* Leaves the last keys of a BatchGetItem for later. */
function withhold(input, count) {
	const left = {}
	for (const [table, asked] of Object.entries(input.RequestItems)) {
		const keys = asked.Keys.splice(Math.max(1, asked.Keys.length - count))
		if (keys.length > 0)
			left[table] = { ...asked, Keys: keys }
	}
	return left
}

async function pass_on(standin, record, res, script) {
	if (UNKNOWN[standin.engine.engine].includes(record.operation))
		return write(standin, record, res, 400, Buffer.from(error_text('UnknownOperationException', '')))
	const input = script.limit || script.unprocessed ? structuredClone(record.input) : null
	if (script.limit && (record.operation === 'Query' || record.operation === 'Scan'))
		input.Limit = Math.min(script.limit, input.Limit ?? script.limit)
	const left = script.unprocessed && record.operation === 'BatchGetItem' ? withhold(input, script.unprocessed) : null
	let { status, body } = await standin.engine.ask(record, input ? Buffer.from(JSON.stringify(input)) : record.body)
	record.done = status === 200
	if (left && status === 200)
		body = Buffer.from(JSON.stringify({ ...JSON.parse(body), UnprocessedKeys: left }))
	if (script.lost)
		throw new Gone()
	if (script.lostMs)
		await new Promise(resolve => setTimeout(resolve, script.lostMs))
	write(standin, record, res, status, body, script)
}

async function answer(standin, record, res) {
	const refusal = (await judge_signature(record, standin.options, 'dynamodb')) ?? judge_request(record)
	if (refusal)
		return refuse(standin, record, res, refusal)
	const script = standin.take(record)
	try {
		if (!await standin.play(record, res, script, { 'x-amzn-requestid': randomUUID() }))
			await pass_on(standin, record, res, script)
	} catch (error) {
		if (error instanceof Gone)
			res.socket?.resetAndDestroy()
		throw error
	}
}

class Front extends Standin {
	#line = []
	refused = []
	script(...scripts) { this.#line.push(...scripts) }
	get unused() { return this.#line.length }
	reset() { super.reset(); this.#line = []; this.refused = [] }
	take(record) {
		const at = this.#line.findIndex(s => (s.on ?? record.operation) === record.operation && (s.table ?? record.table) === record.table)
		return at >= 0 ? this.#line.splice(at, 1)[0] : super.take(record)
	}
	/* Requests of one operation, to one table. */
	asked(operation, table) { return this.requests.filter(r => r.operation === operation && (table ?? r.table) === r.table) }
	async start() { await this.engine.start() }
	async kill() { await this.engine.kill() }
	async close() {
		this.client.destroy()
		await super.close()
		await this.engine.kill()
	}
	async send(operation, input) { return this.client.send(new sdk[`${operation}Command`](input)) }
	/* Every item of a table, as plain values. */
	async items(table) {
		const found = []
		for (let from; ;) {
			const page = await this.send('Scan', { TableName: table, ConsistentRead: true, ExclusiveStartKey: from })
			found.push(...page.Items)
			from = page.LastEvaluatedKey
			if (!from)
				return found
		}
	}
	/*
	 * A pair of tables of its own. original: as the Python original made them (no index);
	 * settings: what a proxy needs to use them.
	 */
	async make_tables({ original = false, prefix = `t${randomUUID().slice(0, 8)}` } = {}) {
		const names = this.names(prefix)
		const key = name => ({ AttributeDefinitions: [{ AttributeName: name, AttributeType: 'S' }], KeySchema: [{ AttributeName: name, KeyType: 'HASH' }],
			BillingMode: 'PAY_PER_REQUEST' })
		await this.send('CreateTable', { TableName: names.limits, ...key('user_id') })
		const usage = { TableName: names.usage, ...key('user_period') }
		if (!original) {
			usage.AttributeDefinitions.push({ AttributeName: 'date', AttributeType: 'S' }, { AttributeName: 'user_id', AttributeType: 'S' })
			usage.GlobalSecondaryIndexes = [{ IndexName: 'date-index', Projection: { ProjectionType: 'ALL' },
				KeySchema: [{ AttributeName: 'date', KeyType: 'HASH' }, { AttributeName: 'user_id', KeyType: 'RANGE' }] }]
		}
		await this.send('CreateTable', usage)
		for (const name of [names.limits, names.usage])
			await this.active(name)
		return names
	}
	names(prefix) {
		const limits = `${prefix}-limits`, usage = `${prefix}-usage`
		return { limits, usage, env: { ...this.environment, STORE: 'dynamodb:', RATE_LIMIT_TABLE_NAME: limits, USAGE_TABLE_NAME: usage } }
	}
	active(name) {
		return wait_until(async () => (await this.send('DescribeTable', { TableName: name })).Table.TableStatus === 'ACTIVE', `${name} is active`)
	}
}

export async function start_dynamodb({ engine = 'dynalite', ...options } = {}) {
	const front = new Front(answer, null)
	front.options = { region: REGION, credentials: [CREDENTIALS, SESSION], clock: () => Date.now(), expired: () => false, ...options }
	front.engine = new Engine(engine)
	await front.engine.start()
	await front.listen()
	front.environment = { AWS_ENDPOINT_URL_DYNAMODB: front.url, AWS_REGION: front.options.region,
		AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey }
	front.client = new sdk.DynamoDBClient({ region: front.options.region, endpoint: front.url, credentials: CREDENTIALS })
	return front
}

/*
 * For suite({ prepare }): the tables that the suite's proxies use. kind: sqlite (no tables), dynalite or local. No web
 * server knows of them: DynamoDB is seen behind one.
 */
export const STORES = SERVER === 'lighttpd' ? ['sqlite', 'dynalite', 'local'] : ['sqlite']
export const on_store = (kind, how) => async s => {
	if (kind === 'sqlite')
		return {}
	s.dynamodb = await start_dynamodb({ engine: kind })
	s.tables = await s.dynamodb.make_tables(how)
	return s.tables.env
}
