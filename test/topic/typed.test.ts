/** What the types cost a compiler. What they say is in test/types. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'

const root = join(import.meta.dirname, '../../..')
const folder = mkdtempSync(join(tmpdir(), 'busbar-types-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const TOPICS = 400

/** Every kind of question that a program asks: exact topics, both wildcards in each place, misspelt ones too. */
const uses = `
declare const topics: Broker<Topics>
void topics.publish('room1/shelf3/created', 52)
topics.subscribe('room7/shelf2/deleted', ({ data }) => data)
topics.subscribe('#', ({ topic }) => topic)
topics.subscribe('+/+/created', ({ topic, data }) => [topic, data])
topics.subscribe('room3/#', ({ topic, data }) => [topic, data])
topics.subscribe('+/shelf1/+', ({ topic }) => topic)
// @ts-expect-error no such topic
void topics.publish('room1/shelf3/craeted', 52)
// @ts-expect-error no such filter
topics.subscribe('+/shelf99/+', () => {})
`

/** How many types the compiler made of a program: unlike its time, always the same. */
function instantiations(name: string, text: string): number {
  const file = join(folder, `${name}.mts`)
  writeFileSync(file, text)
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    module: 'nodenext',
    skipLibCheck: true,
    types: [],
  }
  const project = join(folder, `${name}.json`)
  writeFileSync(project, JSON.stringify({ compilerOptions, files: [file] }))
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const options = { encoding: 'utf8', timeout: 120_000 } as const
  const report = execFileSync(process.execPath, [compiler, '-p', project, '--extendedDiagnostics'], options)
  return Number(/^Instantiations:\s+(\d+)/m.exec(report)?.[1])
}

describe('A map of 400 topics', () => {
  it('costs the compiler a fraction of a second', () => {
    const door = JSON.stringify(join(root, 'dist/esm/index.js'))
    const members = Array.from({ length: TOPICS }, (_, i) => {
      const action = ['created', 'changed', 'deleted', 'viewed'][i % 4]
      return `  'room${Math.floor(i / 40)}/shelf${Math.floor(i / 4) % 10}/${action}': ${i}`
    })
    const open = `import type { Broker } from ${door}\ninterface Topics {\n${members.join('\n')}\n}\n`
    const count = instantiations('map', open + uses)

    assert.ok(count < 100_000, `${count} instantiations`)
  })
})
