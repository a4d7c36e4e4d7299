/**
 * Starting: what does it cost a program to import a library, and how much of
 * it has to be shipped?
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import type { Bench } from '../bench.ts'
import { BUSBAR, type Question } from '../question.ts'

const folder = join(import.meta.dirname, '../..')

/** What to import. All of a library counts, whatever a program uses of it. */
const modules: Readonly<Record<string, string>> = {
  [BUSBAR]: pathToFileURL(join(folder, '../dist/esm/index.js')).href,
  'node:events': 'node:events',
  '@repeaterjs/repeater': '@repeaterjs/repeater',
  aedes: 'aedes',
  'cloudevents SDK': 'cloudevents',
  effect: 'effect',
  emittery: 'emittery',
  eventemitter2: 'eventemitter2',
  eventemitter3: 'eventemitter3',
  fastq: 'fastq',
  'graphql-subscriptions': 'graphql-subscriptions',
  'it-pushable': 'it-pushable',
  mitt: 'mitt',
  mqemitter: 'mqemitter',
  'mqtt-emitter': 'mqtt-emitter',
  nanoevents: 'nanoevents',
  'p-queue': 'p-queue',
  postal: 'postal',
  qlobber: 'qlobber',
  rxjs: 'rxjs',
}

const ROW = 'import'
const ROUNDS = 9

async function measure(bench: Bench): Promise<void> {
  const ns = new Map<string, number[]>(Object.keys(modules).map((name) => [name, []]))
  for (let round = 0; round < (bench.isSmoke ? 1 : ROUNDS); round++) {
    for (const [name, module] of Object.entries(modules)) ns.get(name)!.push(importMs(module) * 1e6)
  }
  for (const [contender, module] of Object.entries(modules)) {
    bench.record({ row: ROW, contender, ns: ns.get(contender)!, bytes: await shippedBytes(module) })
  }
}

/** How long a new process takes to import it. @throws when it fails */
function importMs(module: string): number {
  const code = `const start = performance.now(); await import('${module}'); console.log(performance.now() - start)`
  const options = { cwd: folder, encoding: 'utf8' } as const
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], options)
  const ms = Number.parseFloat(stdout)
  if (Number.isNaN(ms)) throw new Error(`The import of ${module} failed: ${stderr}`)
  return ms
}

/** Bundled, minified, gzipped. */
async function shippedBytes(module: string): Promise<number> {
  if (module.startsWith('node:')) return 0
  const path = module.startsWith('file:') ? join(folder, '../dist/esm/index.js') : module
  const contents = `export * from ${JSON.stringify(path)}; import * as all from ${JSON.stringify(path)}; console.log(all)`
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'silent',
  })
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length
}

export const question: Question = {
  title: 'Start: time to import, and size',
  about:
    'What import() takes in a new process that does nothing else. All of a library is imported and weighed, whatever a ' +
    'program uses of it; a bundler takes less of some. Busbar is one broker with all of the above; most peers do one ' +
    'of these things.',
  bytes: 'of the library, with what it depends on, bundled, minified and gzipped',
  scenarios: [{ name: ROW, processes: 1, measure }],
  bars: [{ kind: 'within', row: ROW, ms: 10 }],
}
