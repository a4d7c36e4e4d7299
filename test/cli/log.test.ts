/** What a line of the log looks like, and what it cannot be made to look like. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createLog, type LogOptions } from '../../src/cli/log.ts'
import type { LogEntry } from '../../src/dapr/log.ts'

const TIME = '2030-05-17T09:00:00.000Z'

/** What a log writes for one entry. */
function written(entry: LogEntry, options: Partial<LogOptions> = {}): string {
  const lines: string[] = []
  const log = createLog({
    level: 'info',
    asJson: false,
    appId: 'shop',
    secrets: [],
    wallTime: () => Date.parse(TIME),
    write: (line) => lines.push(line),
    ...options,
  })
  log(entry)
  return lines.join('')
}

/** Every way of bringing a text into a log. */
function entriesWith(text: string): readonly LogEntry[] {
  const error = new Error(text, { cause: new Error(text) })
  return [
    { level: 'info', message: text },
    { level: 'info', message: 'm', fact: text },
    { level: 'info', message: 'm', fact: [{ deep: text }] },
    { level: 'info', message: 'm', error },
  ]
}

const circle: Record<string, unknown> = {}
circle['self'] = circle

describe('createLog', () => {
  it('writes the time, the level, the message and the facts on one line', () => {
    assert.equal(
      written({ level: 'warn', message: 'Pub/sub "a" is slow', topic: 'orders/1', count: 3, note: 'two words' }),
      `${TIME} warn  Pub/sub "a" is slow topic=orders/1 count=3 note="two words"\n`,
    )
  })

  it('writes one JSON object a line when asked to', () => {
    const line = written({ level: 'info', message: 'hello', topic: 'a"b', list: [1, 'x'] }, { asJson: true })
    assert.deepEqual(JSON.parse(line), {
      time: TIME,
      level: 'info',
      type: 'log',
      app_id: 'shop',
      msg: 'hello',
      topic: 'a"b',
      list: [1, 'x'],
    })
  })

  it('lets no fact replace the time, the level or the app', () => {
    const line = written({ level: 'info', message: 'm', time: 'never', app_id: 'other', msg: 'x' }, { asJson: true })
    assert.deepEqual(JSON.parse(line), { time: TIME, level: 'info', type: 'log', app_id: 'shop', msg: 'm' })
  })

  for (const [level, expected] of [
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
  ] as const) {
    it(`writes ${expected.join(', ')} at level ${level}`, () => {
      const levels = ['debug', 'info', 'warn', 'error'] as const
      assert.deepEqual(
        levels.filter((candidate) => written({ level: candidate, message: 'm' }, { level }) !== ''),
        expected,
      )
    })
  }

  for (const [name, value, expected] of [
    ['an error with its cause', new TypeError('no', { cause: new Error('why') }), 'TypeError: no (Error: why)'],
    ['a bigint', 12n, '12'],
    ['undefined', undefined, null],
    ['a function', () => 1, null],
    ['a circle', circle, '(cannot be shown)'],
    [
      'a getter that throws',
      Object.defineProperty({}, 'x', { enumerable: true, get: assert.fail }),
      '(cannot be shown)',
    ],
  ] as const) {
    it(`shows ${name}`, () => {
      const line = written({ level: 'info', message: 'm', value }, { asJson: true })
      assert.deepEqual(JSON.parse(line).value, expected)
    })
  }

  for (const asJson of [false, true]) {
    const kind = asJson ? 'JSON' : 'text'

    it(`keeps lines whole and terminals uncoloured, in ${kind}`, () => {
      for (const entry of entriesWith('a\nb\r\u001b[31mc\u009b1m\u2028d\u0000')) {
        const line = written(entry, { asJson })
        assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\p{Zl}\p{Zp}]/u)
        assert.match(line, /\\n.*|\\u000a/)
      }
    })

    it(`shows no token, in ${kind}`, () => {
      const secrets = ['s3"cr\\et', 'other']
      for (const secret of secrets) {
        for (const entry of entriesWith(`header ${secret}, twice ${secret}`)) {
          const line = written(entry, { asJson, secrets })
          assert.ok(!line.includes(secret) && !line.includes(JSON.stringify(secret).slice(1, -1)), line)
          assert.match(line, /header \*\*\*, twice \*\*\*/)
        }
      }
    })

    it(`cuts what is too long, in ${kind}`, () => {
      for (const entry of entriesWith('x'.repeat(1_000_000))) {
        const line = written(entry, { asJson })
        assert.ok(line.length < 5_000, `${line.length} characters`)
        assert.match(line, /\(\d{7} characters\)/)
      }
    })
  }

  it('writes JSON, whatever the entry', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.dictionary(fc.string(), fc.anything()), (message, facts) => {
        const line = written({ ...facts, level: 'info', message }, { asJson: true, secrets: ['"', ','] })
        assert.equal(JSON.parse(line).app_id, 'shop')
        assert.equal(line.indexOf('\n'), line.length - 1)
      }),
    )
  })
})
