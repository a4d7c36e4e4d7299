/** The tour that `npm start` gives: it ends well, and shows what it is there to show. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'

/** Of a page: about one in a terminal. */
const MAX_LINES = 60
const MAX_COLUMNS = 110
/** The tour waits for nothing; this is for slow machines. */
const HANG_MS = 20_000

// Coverage is measured on what is compiled from src, not on the package that the tour imports.
const { NODE_V8_COVERAGE: _, ...env } = process.env

const { status, signal, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'tour.js')], {
  encoding: 'utf8',
  env,
  timeout: HANG_MS,
})

const facts: readonly (readonly [fact: string, line: RegExp])[] = [
  ['a typed publish', /shop +o-1 placed, 42\.50 to pay/],
  ['what a wildcard stood for', /warehouse +7 of product 'lamp' left/],
  ['the members of a group sharing the work', /Ann +packed o-2[^]*Bob +packed o-3/],
  [
    'redelivery with growing delays',
    /:12 .*delivery 1: the line[^]*:14 .*delivery 2: the line[^]*:18 .*delivery 3: paid/,
  ],
  ['that one poison message delays no other', /o-8, delivery 1: paid[^]*o-7, delivery 4/],
  [
    'the dead letter with its reason',
    /dead letter o-7 from payments\/due\n.*exhausted after 4 deliveries: RangeError: the total/,
  ],
  ['an event that expires on time', /09:00:26 .*paused[^]*09:15:26 .*out of date[^]*10:00:26 .*sends 'lamps'/],
  [
    'a publisher that waits for room',
    /label 2 accepted\n.*printed label 1\n.*label 3 accepted\n.*printed label 2\n.*label 4 accepted/,
  ],
  ['an iterator that misses nothing', /3 invoices wait[^]*files i-1[^]*files i-2/],
  [
    'a sidecar that hands to an app what came in over HTTP',
    /curl +http:\/\/127\.0\.0\.1:\d+\/v1\.0\/publish\/pubsub\/orders\/placed [^]*website +POST \/placed com\.dapr\.event\.sent: o-9/,
  ],
  ['that no real time passed', /open for 61 minutes\. This program took \d+\.\d seconds\.\n$/],
]

describe('The tour', () => {
  it('ends by itself with exit code 0', () => {
    assert.deepEqual({ status, signal }, { status: 0, signal: null })
  })

  it('complains about nothing', () => {
    assert.equal(stderr, '')
    assert.doesNotMatch(stdout, /^\s+at |undefined|\[object|NaN|BUG/m)
  })

  it('fits a page, in plain text where there is no terminal', () => {
    const lines = stdout.split('\n')
    assert.ok(lines.length <= MAX_LINES, `${lines.length} lines`)
    assert.deepEqual(
      lines.filter((line) => line.length > MAX_COLUMNS || line.includes('\u001b')),
      [],
    )
  })

  for (const [fact, line] of facts) {
    it(`shows ${fact}`, () => assert.match(stdout, line))
  }

  it('closes with a balance that adds up', () => {
    const [, matched, ...rest] = /matched (\d+) = ([^.]*?)\n {2}The/.exec(stdout) ?? []
    const counts = [...rest.join().matchAll(/[a-z]+ (\d+)/gi)].map(([, count]) => Number(count))
    assert.equal(counts.length, 10)
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      Number(matched),
    )
    assert.match(stdout, new RegExp(`adds up to ${matched}\\.`))
  })
})
