import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { localTime, localTimes, MAX_DURATION_MS, parseGoDuration, utcTime } from '../../src/dapr/duration.ts'

describe('parseGoDuration', () => {
  for (const [text, ms] of [
    ['0', 0],
    ['-0', 0],
    ['+0', 0],
    ['0s', 0],
    ['5s', 5000],
    ['+5s', 5000],
    ['-1s', -1000],
    ['2m', 120_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['1.s', 1000],
    ['100ms', 100],
    ['1us', 0.001],
    ['1\u00b5s', 0.001],
    ['1\u03bcs', 0.001],
    ['250000ns', 0.25],
    ['1h2m3s4ms', 3_723_004],
    ['1m1m', 120_000],
  ] as const) {
    it(`reads ${JSON.stringify(text)} as ${ms} ms`, () => assert.equal(parseGoDuration(text), text === '-0' ? 0 : ms))
  }

  for (const text of [
    '',
    '+',
    '-',
    '5',
    '1.5',
    '5d',
    '1x',
    's',
    '.s',
    '1h 30m',
    '1e3s',
    '0x1s',
    '1mh',
    '--1s',
    ' 1s',
    'NaN',
    '3000000h',
  ]) {
    it(`takes ${JSON.stringify(text)} for no duration`, () => assert.equal(parseGoDuration(text), undefined))
  }

  it('reads what Go can hold and no more', () => {
    assert.equal(parseGoDuration('2562047h'), 2_562_047 * 3_600_000)
    assert.ok(2_562_047 * 3_600_000 <= MAX_DURATION_MS)
    assert.equal(parseGoDuration('2562048h'), undefined)
  })

  it('takes a megabyte of digits or of steps in its stride', () => {
    assert.equal(parseGoDuration(`${'1'.repeat(1_000_000)}s`), undefined)
    assert.equal(parseGoDuration('1ns'.repeat(100_000)) !== undefined, true)
    assert.equal(parseGoDuration(`${'1'.repeat(1_000_000)}`), undefined)
  })
})

describe('utcTime and localTime', () => {
  const moments = fc.integer({ min: 0, max: Date.UTC(2100, 0) })

  it('cut to whole seconds', () => {
    assert.equal(utcTime(Date.UTC(2026, 0, 2, 3, 4, 5, 999)), '2026-01-02T03:04:05Z')
    fc.assert(
      fc.property(moments, (wallTime) => {
        assert.equal(Date.parse(utcTime(wallTime)), Math.floor(wallTime / 1000) * 1000)
        assert.equal(Date.parse(localTime(wallTime)), Math.floor(wallTime / 1000) * 1000)
      }),
    )
  })

  it('name the zone of this machine', (t) => {
    const zone = process.env.TZ
    t.after(() => {
      if (zone === undefined) delete process.env.TZ
      else process.env.TZ = zone
    })
    for (const [name, text] of [
      ['UTC', '2026-01-02T03:04:05Z'],
      ['Asia/Kolkata', '2026-01-02T08:34:05+05:30'],
      ['America/St_Johns', '2026-01-01T23:34:05-03:30'],
    ] as const) {
      process.env.TZ = name
      assert.equal(localTime(Date.UTC(2026, 0, 2, 3, 4, 5)), text)
    }
  })

  it('end where RFC 3339 ends', () => assert.equal(utcTime(8e15), '9999-12-31T23:59:59Z'))
})

describe('localTimes', () => {
  it('says of each moment what localTime says, in whatever order they come', () => {
    const near = fc.integer({ min: 0, max: 4000 }).map((ms) => Date.UTC(2026, 0, 2) + ms)
    fc.assert(
      fc.property(fc.array(near), (moments) => {
        assert.deepEqual(moments.map(localTimes()), moments.map(localTime))
      }),
    )
  })
})
