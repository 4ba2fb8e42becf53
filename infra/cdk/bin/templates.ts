import * as fs from 'node:fs'
import * as path from 'node:path'
import { plainTemplates } from '../lib/templates'

const folder = path.join(__dirname, '../../templates')

fs.mkdirSync(folder, { recursive: true })
for (const [name, text] of Object.entries(plainTemplates()))
	fs.writeFileSync(path.join(folder, name), text)
