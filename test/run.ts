/**
 * Runs the compiled test files, or those whose path starts with an argument:
 * `node build/test/run.js [start ...] [--test-name-pattern P]`. Node 20 takes no
 * globs after `--test` and Node 22 no folders, so the files are listed here.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'test-name-pattern': { type: 'string', multiple: true },
  },
})

const folder = import.meta.dirname
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => positionals.length === 0 || positionals.some((start) => file.startsWith(start)))
  .sort()
if (files.length === 0) throw new Error(`No test file starts with ${positionals.join(' or ')}`)

const options = ['--test', '--test-reporter=spec', '--test-timeout=300000', '--expose-gc', '--enable-source-maps']
const names = (values['test-name-pattern'] ?? []).map((name) => `--test-name-pattern=${name}`)

const { status } = spawnSync(process.execPath, [...options, ...names, ...files.map((file) => join(folder, file))], {
  stdio: 'inherit',
})
process.exitCode = status ?? 1
