/**
 * Runs the smoke suite, against the package as it is packed, in every runtime
 * that Busbar promises to run in. `npm ci --prefix test/runtimes/binaries`
 * brings all of them but Chromium. With CI set, a runtime that is missing is a failure.
 */
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { root, Stranger } from '../package/stranger.ts'
import type { Result } from './smoke.ts'

/** What is used of playwright-core, which is not among the package's own dependencies. */
interface Playwright {
  readonly chromium: {
    launch(options: { executablePath: string; args: readonly string[] }): Promise<{
      newPage(): Promise<{ goto(url: string): Promise<unknown>; evaluate(script: string): Promise<unknown> }>
      close(): Promise<void>
    }>
  }
}

const CHECKS = 16

/** Keeps Chromium from calling anybody but this test. */
const chromiumArgs = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const main = `
import * as core from 'busbar'
import * as cloudevents from 'busbar/cloudevents'
import * as testing from 'busbar/testing'
import { smoke } from './smoke.mjs'
console.log(JSON.stringify(await smoke({ core, cloudevents, testing })))
`

const importMap = {
  imports: {
    busbar: '/node_modules/busbar/dist/esm/index.js',
    'busbar/cloudevents': '/node_modules/busbar/dist/esm/event/index.js',
    'busbar/testing': '/node_modules/busbar/dist/esm/testing/index.js',
  },
}

const page = `<!doctype html><meta charset="utf-8"><script type="importmap">${JSON.stringify(importMap)}</script>`

const inPage = `
Promise.all(['busbar', 'busbar/cloudevents', 'busbar/testing', '/smoke.mjs'].map((name) => import(name)))
  .then(([core, cloudevents, testing, { smoke }]) => smoke({ core, cloudevents, testing }))
`

const CHROMIUM = '/usr/bin/chromium'
const binaries = join(root, 'test/runtimes/binaries')
const PLAYWRIGHT = join(binaries, 'node_modules/playwright-core')
const stranger = new Stranger()
after(() => stranger.leave())
stranger.write('main.mjs', main)
copyFileSync(join(import.meta.dirname, 'smoke.js'), join(stranger.folder, 'smoke.mjs'))

describe('The smoke suite', () => {
  const commands: readonly (readonly [name: string, program: string, args: readonly string[]])[] = [
    ['this Node', process.execPath, []],
    ['the newest Node', join(binaries, 'node_modules/.bin/node'), []],
    ['Bun', join(binaries, 'node_modules/.bin/bun'), ['run']],
    [
      'Deno',
      join(binaries, 'node_modules/.bin/deno'),
      ['run', '--cached-only', '--no-prompt', '--node-modules-dir=manual'],
    ],
  ]
  for (const [name, program, args] of commands) {
    it(`passes in ${name}`, { skip: missing(program) }, (test) => {
      test.diagnostic(`${name}: ${stranger.run(program, ['--version']).split('\n')[0]}`)
      // What smoke() returned, printed by `main`.
      check(JSON.parse(stranger.run(program, [...args, 'main.mjs'])) as Result[])
    })
  }

  it('passes in Chromium', { skip: missing(CHROMIUM) || missing(PLAYWRIGHT) }, async (test) => {
    // The part of playwright-core's types that is spelt out above.
    const { chromium } = createRequire(import.meta.url)(PLAYWRIGHT) as Playwright
    const server = await serve(stranger.folder)
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: chromiumArgs })
    try {
      const tab = await browser.newPage()
      // A server that listens on a TCP port has an AddressInfo.
      await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
      test.diagnostic(`Chromium: ${await tab.evaluate('navigator.userAgent')}`)
      // What smoke() returned, as JSON carried it here.
      check((await tab.evaluate(inPage)) as Result[])
    } finally {
      await browser.close()
      server.close()
    }
  })
})

/** Why a test is skipped, or false when it runs; in CI it always runs. */
function missing(file: string): string | false {
  return existsSync(file) || process.env['CI'] ? false : `${file} is missing`
}

function check(results: readonly Result[]): void {
  assert.deepEqual(
    results.filter((result) => result.error !== undefined),
    [],
  )
  assert.ok(results.length >= CHECKS, `only ${results.length} checks ran`)
}

/** Serves the page and the scripts in a folder, on this machine only. */
function serve(folder: string): Promise<Server> {
  const server = createServer((request, response) => {
    const file = join(folder, request.url ?? '')
    const isPage = request.url === '/'
    if (!isPage && !existsSync(file)) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'content-type': isPage ? 'text/html' : 'text/javascript' })
    response.end(isPage ? page : readFileSync(file))
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}
