/* The dashboard's files among themselves; what they do in a browser is tested there. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { minify } from 'terser'

const here = path.dirname(fileURLToPath(import.meta.url))
const html = path.join(here, '../../html')
const read = name => fs.readFileSync(path.join(html, name), 'utf8')
const scripts = fs.readdirSync(html).filter(name => name.endsWith('.js'))

test('uPlot is what npm has, to the byte', () => {
	const { version } = JSON.parse(fs.readFileSync(path.join(here, 'node_modules/uplot/package.json')))
	const copy = path.join(html, `vendor/uplot-${version}`)
	assert.deepEqual(fs.readdirSync(path.join(html, 'vendor')), [`uplot-${version}`])
	const files = [['LICENSE', 'LICENSE'], ['uPlot.iife.js', 'dist/uPlot.iife.js'], ['uPlot.iife.min.js', 'dist/uPlot.iife.min.js']]
	assert.deepEqual(fs.readdirSync(copy).sort(), files.map(([mine]) => mine))
	for (const [mine, theirs] of files)
		assert.ok(fs.readFileSync(path.join(copy, mine)).equals(fs.readFileSync(path.join(here, 'node_modules/uplot', theirs))), mine)
})
test('uPlot: the readable build, minified as its author does, is the one that is served', async () => {
	const folder = path.join(html, 'vendor', fs.readdirSync(path.join(html, 'vendor'))[0])
	const [readable, minified] = ['uPlot.iife.js', 'uPlot.iife.min.js'].map(name => fs.readFileSync(path.join(folder, name), 'utf8'))
	/* with these options the same bytes come out */
	const { code } = await minify(readable, { output: { comments: /^!/ }, compress: { inline: 0, passes: 2, keep_fargs: false,
		pure_getters: true, unsafe: true, unsafe_comps: true, unsafe_math: true, unsafe_undefined: true } })
	const banner = minified.slice(0, minified.indexOf('\n') + 1)
	assert.match(banner, /^\/\*! https:\/\/github\.com\/leeoniya\/uPlot \(v[\d.]+\) \*\/\n$/)
	assert.ok(`${banner}${code}\n` === minified)
})
test('every file is served by ui.fcgi and installed', () => {
	const served = fs.readFileSync(path.join(here, '../../fcgi/ui.c'), 'utf8'), installed = read('Makefile.inc')
	for (const name of fs.readdirSync(html).filter(name => /\.(js|css|html|svg)$/.test(name))) {
		assert.ok(served.includes(`{ "${name}", `), `fcgi/ui.c does not name ${name}`)
		assert.match(installed, new RegExp(`/${name.replace('.', '\\.')}( |$)`, 'm'), `html/Makefile.inc does not name ${name}`)
	}
})
test('both languages have the same words, with the same places in them', async () => {
	const [en, ko] = await Promise.all(['en', 'ko'].map(async name => (await import(pathToFileURL(path.join(html, `words-${name}.js`)))).words))
	assert.deepEqual(Object.keys(ko), Object.keys(en))
	const { words: notices } = await import(pathToFileURL(path.join(html, 'words-notice.js')))
	assert.deepEqual(Object.keys(notices.ko), Object.keys(notices.en))
	Object.assign(en, notices.en)
	Object.assign(ko, notices.ko)
	const places = text => [...text.matchAll(/\{\w+\}/g)].map(String).sort()
	for (const key of Object.keys(en))
		assert.deepEqual(places(ko[key]), places(en[key]), key)
	const used = [...read('dashboard.html').matchAll(/data-(?:text|label|hint)="(\w+)"/g)].map(found => found[1])
	for (const name of scripts)
		used.push(...[...read(name).matchAll(/\bsay\("([\w ]+)"/g)].map(found => found[1]))
	assert.ok(used.length > 50)
	for (const key of used)
		assert.ok(key in en, `no words for ${key}`)
})
test('nothing is written as HTML, and nothing is fetched from elsewhere', () => {
	for (const name of [...scripts, 'dashboard.html', 'dashboard.css']) {
		assert.doesNotMatch(read(name), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|cssText/, name)
		assert.doesNotMatch(read(name), /https?:\/\//, name)
	}
	assert.doesNotMatch(read('dashboard.html'), /\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)/)
})
