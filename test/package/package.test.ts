/**
 * The package as a stranger gets it: packed, installed without a network into
 * an empty folder, and used from ES modules, CommonJS and TypeScript.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { after, describe, it } from 'node:test'
import { root, Stranger } from './stranger.ts'

/** Everything that may be in the tarball. */
const allowed: readonly RegExp[] = [
  /^(package\.json|README\.md|LICENSE)$/,
  /^dist\/(esm|cjs)\/([a-z-]+\/)*[a-z-]+(\.js|\.d\.ts)(\.map)?$/,
  /^dist\/(esm|cjs)\/(libraries\/[a-z0-9-]+\.js(\.map)?|LICENSES\.txt)$/,
  /^dist\/cjs\/package\.json$/,
  /^src\/([a-z-]+\/)*[a-z-]+\.ts$/,
]

const useEsm = `
import { Broker } from 'busbar'
import * as cloudevents from 'busbar/cloudevents'
import { ManualClock } from 'busbar/testing'
console.log(typeof Broker, typeof ManualClock, Object.keys(cloudevents).length > 0)
`

/** Whatever the format: over one broker, from each system's door to the other's. */
const useAdapters = `
async function use({ Broker, DaprSidecar, MomentoServer, TopicClient }) {
  const broker = new Broker()
  const app = async (request) => {
    if (request.url.endsWith('/dapr/subscribe')) {
      return Response.json([{ pubsubname: 'shop', topic: 'orders', route: '/orders' }])
    }
    if (request.url.endsWith('/orders')) console.log('app', (await request.json()).data)
    return new Response()
  }
  const sidecar = await DaprSidecar.start({ pubsubs: { shop: broker }, app })
  const server = await MomentoServer.start({ caches: { shop: broker } })
  const client = new TopicClient({ caches: { shop: broker } })
  await client.subscribe('shop', 'news', { onItem: (item) => console.log('client', item.value()) })
  await fetch('http://127.0.0.1:' + server.port + '/topics/shop/orders', { method: 'POST', body: 'o-1' })
  await sidecar.settled()
  await fetch(sidecar.url + '/v1.0/publish/shop/news', { method: 'POST', body: 'n-1' })
  await sidecar.settled()
  await Promise.all([client.close(), server.close(), sidecar.close(), broker.close()])
}
`

const useAdaptersEsm = `
import { Broker } from 'busbar'
import { DaprSidecar } from 'busbar/dapr'
import { MomentoServer, TopicClient } from 'busbar/momento'
${useAdapters}
await use({ Broker, DaprSidecar, MomentoServer, TopicClient })
`

const useAdaptersCommonJs = `
const { Broker } = require('busbar')
const { DaprSidecar } = require('busbar/dapr')
const { MomentoServer, TopicClient } = require('busbar/momento')
${useAdapters}
use({ Broker, DaprSidecar, MomentoServer, TopicClient })
`

/** The modules of one format are given what the other one has made. */
const useBothCopies = `
import { createRequire } from 'node:module'
import { DaprSidecar } from 'busbar/dapr'
import { MomentoServer, TopicClient } from 'busbar/momento'
const require = createRequire(import.meta.url)
const { Broker } = require('busbar')
const { CacheStore } = require('busbar/momento')

const broker = new Broker()
const caches = new CacheStore({ caches: { shop: broker } })
const sidecar = await DaprSidecar.start({ pubsubs: { shop: broker }, httpPort: false })
const server = await MomentoServer.start({ caches })
const client = new TopicClient({ caches })
const subscription = await client.subscribe('shop', 'news')
const request = new Request('http://localhost/v1.0/publish/shop/news', { method: 'POST', body: 'n-1' })
console.log((await sidecar.fetch(request)).status, server.createCache('other'))
for await (const item of subscription) {
  console.log(item.value())
  break
}
await Promise.all([client.close(), server.close(), sidecar.close(), caches.close(), broker.close()])
`

const useCommonJs = `
const { Broker } = require('busbar')
const cloudevents = require('busbar/cloudevents')
const { ManualClock } = require('busbar/testing')
console.log(typeof Broker, typeof ManualClock, Object.keys(cloudevents).length > 0)
`

const useTypes = `
import { Broker, type BusbarError, type Message } from 'busbar'
import * as cloudevents from 'busbar/cloudevents'
import { DaprSidecar, type DaprSidecarOptions } from 'busbar/dapr'
import { type CacheStore, MomentoServer, TopicClient, type TopicPort, TopicSubscribe } from 'busbar/momento'
import { ManualClock } from 'busbar/testing'

const broker = new Broker<{ 'orders/placed': { total: number } }>({ clock: new ManualClock() })
export const placed: Promise<void> = broker.publish('orders/placed', { total: 1 })
// @ts-expect-error the total is a number
export const wrong: Promise<void> = broker.publish('orders/placed', { total: '1' })
export type Placed = Message<{ total: number }>
export const codeOf = (error: BusbarError): string => error.code
export const codec: object = cloudevents

export const options: DaprSidecarOptions = { pubsubs: { shop: broker }, app: async () => new Response() }
export const start = async (): Promise<number | undefined> => (await DaprSidecar.start(options)).httpPort
// @ts-expect-error the port is a number
export const misled: DaprSidecarOptions = { httpPort: '3500' }
export const caches: CacheStore = new TopicClient({ caches: { shop: broker } }).caches
export const topics: TopicPort = new TopicClient({ caches })
export const port = async (): Promise<number> => (await MomentoServer.start({ caches })).port
export const isSubscription = (response: unknown): boolean => response instanceof TopicSubscribe.Subscription
`

const stranger = new Stranger()
after(() => stranger.leave())

const files: readonly string[] = readdirSync(stranger.installed, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) =>
    join(entry.parentPath, entry.name)
      .slice(stranger.installed.length + 1)
      .replaceAll('\\', '/'),
  )

const code: readonly string[] = files.filter((file) => /^dist\/.*\.js$/.test(file))

describe('The tarball', () => {
  it('holds the build, the sources and the papers, nothing else', () => {
    assert.deepEqual(
      files.filter((file) => !allowed.some((shape) => shape.test(file))),
      [],
    )
  })

  it('holds what every door names', () => {
    const named = JSON.stringify(manifest().exports).match(/(?<="\.\/)[^"]+\.[a-z]+(?=")/g) ?? []
    assert.ok(named.length > 12)
    assert.deepEqual(
      named.filter((file) => !files.includes(file)),
      [],
    )
  })

  it('comes with the licence', () => {
    assert.match(read('LICENSE'), /Apache License\s+Version 2\.0/)
  })

  it('needs no other package and runs nothing when installed', () => {
    const { dependencies = {}, peerDependencies = {}, optionalDependencies = {}, scripts = {} } = manifest()
    assert.deepEqual({ ...dependencies, ...peerDependencies, ...optionalDependencies }, {})
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish']
    assert.deepEqual(
      hooks.filter((hook) => hook in scripts),
      [],
    )
  })

  it('has maps that lead to files in it', () => {
    const maps = files.filter((file) => file.endsWith('.map'))
    const lost = maps.flatMap((map) => {
      // A source map of version 3, as the compiler and the bundler write it.
      const { sources } = JSON.parse(read(map)) as { sources: string[] }
      return sources.filter((source) => !files.includes(posix.join(posix.dirname(map), source)))
    })
    assert.ok(maps.length > 0)
    assert.deepEqual(lost, [])
  })

  it('has no map that says nothing, and names no map that is not there', () => {
    assert.deepEqual(
      files.filter((file) => file.endsWith('.map') && /"mappings":";*"/.test(read(file))),
      [],
    )
    const maps = [...code, ...files.filter((file) => file.endsWith('.d.ts'))].flatMap((file) =>
      Array.from(read(file).matchAll(/^\/\/# sourceMappingURL=(.+)$/gm), ([, map = '']) => posix.join(file, '..', map)),
    )
    assert.deepEqual(maps.sort(), files.filter((file) => file.endsWith('.map')).sort())
  })

  it('has the broker in two files, because each costs a new process time', () => {
    for (const format of ['dist/esm/', 'dist/cjs/']) {
      assert.deepEqual(importsBehind(`${format}index.js`), [`${format}index.js`, `${format}shared/core.js`])
    }
  })

  it('has the broker in ASCII, because engines keep any other text in two bytes a character', () => {
    for (const file of [...importsBehind('dist/esm/index.js'), ...importsBehind('dist/cjs/index.js')]) {
      assert.doesNotMatch(read(file), /[^\0-\x7f]/)
    }
  })

  it('names no folder of the machine that built it', () => {
    assert.deepEqual(
      files.filter((file) => read(file).includes(root)),
      [],
    )
  })

  it('comes with the licences of the libraries in it', () => {
    for (const library of code.filter((file) => file.includes('/libraries/'))) {
      const [, format, name] = /^dist\/(.*)\/libraries\/(.*)\.js$/.exec(library) ?? []
      assert.match(
        read(`dist/${format}/LICENSES.txt`),
        new RegExp(`^(@.*/)?${name} \\d.* \\(.+\\)\\n\\n.*copyright`, 'ims'),
      )
    }
  })

  for (const door of ['index.js', 'event/index.js', 'testing/index.js']) {
    it(`imports nothing of Node or of others in the door ${door}, which browsers open`, () => {
      for (const format of ['dist/esm/', 'dist/cjs/']) {
        const foreign = importsBehind(format + door).filter(
          (name) => !name.startsWith('dist/') || name.includes('/libraries/'),
        )
        assert.deepEqual(foreign, [])
      }
    })
  }

  it('imports nothing in the other doors but Node', () => {
    assert.deepEqual(
      code.flatMap(importsOf).filter((name) => !name.startsWith('dist/') && !name.startsWith('node:')),
      [],
    )
  })

  it('declares nothing in the words of a library', () => {
    const declarations = files.filter((file) => file.endsWith('.d.ts'))
    assert.deepEqual(
      declarations.flatMap(importsOf).filter((name) => !name.startsWith('dist/') && !name.startsWith('node:')),
      [],
    )
  })

  it('declares nothing that no door leads to', () => {
    const declared = files.filter((file) => file.endsWith('.d.ts'))
    const named = declared.flatMap(importsOf).map((name) => name.replace(/\.js$/, '.d.ts'))
    const reached = [...named, JSON.stringify(manifest().exports)].join()
    assert.deepEqual(
      declared.filter((file) => !reached.includes(file)),
      [],
    )
  })

  it('keeps private fields native', () => {
    const ours = code.filter((file) => !file.includes('/libraries/'))
    assert.deepEqual(
      ours.filter((file) => /__classPrivateField/.test(read(file))),
      [],
    )
  })
})

describe('The installed package', () => {
  it('can be imported', () => {
    assert.equal(run('use.mjs', useEsm), 'function function true\n')
  })

  it('can be required', () => {
    assert.equal(run('use.cjs', useCommonJs), 'function function true\n')
  })

  for (const [name, file, text] of [
    ['imported', 'adapters.mjs', useAdaptersEsm],
    ['required', 'adapters.cjs', useAdaptersCommonJs],
  ] as const) {
    it(`hands events from Momento's door to Dapr's and back when it is ${name}`, () => {
      assert.equal(run(file, text), 'app o-1\nclient n-1\n')
    })
  }

  it('takes what its other copy has made', () => {
    assert.equal(run('copies.mjs', useBothCopies), '204 true\nn-1\n')
  })

  for (const name of ['Broker', 'BusbarError', 'SystemClock']) {
    it(`has one ${name} for all doors`, () => {
      for (const format of ['esm', 'cjs']) {
        const code = files.filter((file) => file.startsWith(`dist/${format}/`) && file.endsWith('.js'))
        assert.equal(code.filter((file) => new RegExp(`^class ${name}\\b`, 'm').test(read(file))).length, 1)
      }
    })
  }

  it('opens nothing but what the core door declares', () => {
    const names = 'Broker,BusbarError,SystemClock\n'
    assert.equal(run('door.mjs', `import * as door from 'busbar'; console.log(Object.keys(door).join())`), names)
    assert.equal(run('door.cjs', `console.log(Object.keys(require('busbar')).sort().join())`), names)
  })

  for (const [name, compilerOptions] of [
    ['nodenext', { module: 'nodenext', lib: ['es2022'], types: ['node'] }],
    ['a bundler', { module: 'esnext', moduleResolution: 'bundler', lib: ['es2022', 'dom'], types: [] }],
  ] as const) {
    it(`has types for ${name}, with every check on`, () => {
      const strict = {
        strict: true,
        noEmit: true,
        target: 'es2022',
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
      }
      const typeRoots = [join(root, 'node_modules/@types')]
      const names = ['types.mts', 'types.cts']
      for (const name of names) stranger.write(name, useTypes)
      stranger.write(
        'tsconfig.json',
        JSON.stringify({ compilerOptions: { ...strict, ...compilerOptions, typeRoots }, files: names }),
      )
      assert.equal(stranger.run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.']), '')
    })
  }
})

function run(file: string, code: string): string {
  stranger.write(file, code)
  return stranger.run(process.execPath, [file])
}

function read(file: string): string {
  return readFileSync(join(stranger.installed, file), 'utf8')
}

/** What a file imports: names of packages as they are, files as paths in the tarball. */
function importsOf(file: string): string[] {
  const specifiers = read(file).matchAll(
    /^(?:import|export)\b(?:[^'"\n]*\bfrom)?\s*['"]([^'"\n]+)['"]|\b(?:import|require)\(['"]([^'"\n]+)['"]\)/gm,
  )
  return Array.from(specifiers, ([, imported, required]) => imported ?? required ?? '').map((name) =>
    name.startsWith('.') ? posix.join(posix.dirname(file), name) : name,
  )
}

/** What a file imports, and what that imports, and so on. */
function importsBehind(file: string): string[] {
  const seen = new Set<string>()
  const visit = (name: string): void => {
    if (seen.has(name)) return
    seen.add(name)
    if (files.includes(name)) for (const imported of importsOf(name)) visit(imported)
  }
  visit(file)
  return [...seen]
}

function manifest(): Record<string, Record<string, unknown> | undefined> {
  return JSON.parse(read('package.json')) // Checked key by key above.
}
