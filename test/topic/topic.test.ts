import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { BusbarError } from '../../src/errors.ts'
import type { Dialect } from '../../src/topic/dialect.ts'
import { checkFilter, checkTopic, isWildcard } from '../../src/topic/topic.ts'
import { dialects, faults, rows, someFilter, someTopic } from './reference.ts'

/** The error of a call, which has to be one of ours. */
function refusal(call: () => void): BusbarError {
  try {
    call()
  } catch (error) {
    assert.ok(error instanceof BusbarError, `a BusbarError, not ${String(error)}`)
    return error
  }
  return assert.fail('was accepted')
}

/** Refused by every dialect, as topic and as filter. */
const hostile: readonly (readonly [string, string, number, string])[] = [
  ['an empty string', '', 0, 'empty'],
  ['NUL', 'a\0b', 1, 'NUL'],
  ['a high surrogate alone', 'x\uD800', 1, 'lone surrogate'],
  ['a high surrogate before a letter', '\uD800x', 0, 'lone surrogate'],
  ['a low surrogate alone', 'x\uDC00', 1, 'lone surrogate'],
  ['two low surrogates', 'x\uDC00\uDC00', 1, 'lone surrogate'],
  ['surrogates the wrong way round', '\uDC00\uD800', 0, 'lone surrogate'],
  ['65 536 bytes', 'a'.repeat(65_536), 65_535, 'more than 65535 bytes'],
  ['65 536 bytes in 32 768 units', 'é'.repeat(32_768), 32_767, 'more than 65535 bytes'],
  ['65 536 bytes in surrogate pairs', '😀'.repeat(16_384), 32_767, 'more than 65535 bytes'],
  ['a MiB', 'x'.repeat(2 ** 20), 65_535, 'more than 65535 bytes'],
]

const strangers: readonly (readonly [string, unknown])[] = [
  ['a number', 1],
  ['undefined', undefined],
  ['null', null],
  ['a bigint', 1n],
  ['a symbol', Symbol('a')],
  ['an array', ['a']],
  ['an object with toString', { toString: 'foo' }],
  ['an object whose toString throws', { toString: () => assert.fail() }],
  ['a String object', Object('a')],
  ['a function', () => 'a'],
  ['a proxy that refuses everything', new Proxy({}, { get: () => assert.fail(), getPrototypeOf: () => assert.fail() })],
]

/** Legal topics in every dialect. */
const odd: readonly string[] = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__',
  'then',
  ' ',
  '0',
  '-0',
  '1e3',
  '％',
  '%2F',
  '%00',
  '\u0001',
  '\u0085',
  '\r\n',
  '\uFEFF',
  '\u202E',
  '👩‍👩‍👧',
  'e\u0301',
  '\uFFFF',
  'a'.repeat(65_535),
  `${'😀'.repeat(16_383)}abc`,
  '$share',
]

for (const dialect of dialects) {
  describe(`checkTopic and checkFilter in ${dialect}`, () => {
    for (const [name, text, position, why] of hostile) {
      it(`refuse ${name}`, () => {
        for (const [check, code, kind] of [
          [() => checkTopic(text, dialect), 'ERR_TOPIC_INVALID', 'topic'],
          [() => checkFilter(text, dialect), 'ERR_FILTER_INVALID', 'filter'],
        ] as const) {
          const error = refusal(check)
          assert.deepEqual([error.code, error[kind], error.position], [code, text, position])
          assert.match(
            error.message,
            new RegExp(`^Invalid ${kind} ".*" at ${position}: ${why}$|\\.\\.\\. at ${position}: ${why}$`),
          )
        }
      })
    }

    for (const [name, value] of strangers) {
      it(`refuse ${name}`, () => {
        assert.equal(refusal(() => checkTopic(value, dialect)).code, 'ERR_TOPIC_INVALID')
        assert.equal(refusal(() => checkFilter(value, dialect)).code, 'ERR_FILTER_INVALID')
        assert.match(refusal(() => checkTopic(value, dialect)).message, / at 0: not a string$/)
      })
    }

    for (const [text, position, why] of faults[dialect]) {
      it(`refuse the filter "${text}" at ${position}`, () => {
        const error = refusal(() => checkFilter(text, dialect))
        assert.deepEqual(
          [error.code, error.filter, error.position, error.message],
          ['ERR_FILTER_INVALID', text, position, `Invalid filter "${text}" at ${position}: ${why}`],
        )
      })
    }

    it('accept every topic and filter of the rules', () => {
      for (const [filter, topic] of rows[dialect]) {
        checkFilter(filter, dialect)
        checkTopic(topic.replaceAll(dialect === 'prefix' || dialect === 'exact' ? '\0' : /[*>+#]/g, 'x'), dialect)
      }
    })

    it('accept odd but legal names', () => {
      for (const text of odd) {
        checkTopic(text, dialect)
        checkFilter(text, dialect)
        assert.equal(isWildcard(text, dialect), false)
      }
    })

    it('accept every generated topic and filter', () => {
      fc.assert(
        fc.property(someTopic(dialect), someFilter(dialect), (topic, filter) => {
          checkTopic(topic, dialect)
          checkFilter(filter, dialect)
        }),
        { numRuns: 2000 },
      )
    })
  })
}

describe('checkTopic', () => {
  for (const [dialect, topic, position] of [
    ['mqtt', 'a/+', 2],
    ['mqtt', '#', 0],
    ['mqtt', 'a+b', 1],
    ['mqtt', 'a#', 1],
    ['nats', 'a.*', 2],
    ['nats', '>', 0],
    ['nats', 'a>b', 1],
    ['amqp', 'a.#', 2],
    ['amqp', 'a*', 1],
  ] as const) {
    it(`refuses the wildcard in "${topic}" in ${dialect}`, () => {
      const error = refusal(() => checkTopic(topic, dialect))
      assert.deepEqual([error.code, error.topic, error.position], ['ERR_TOPIC_INVALID', topic, position])
      assert.equal(error.message, `Invalid topic "${topic}" at ${position}: wildcard in a topic`)
    })
  }

  for (const [dialect, topic] of [
    ['prefix', 'a*b*'],
    ['prefix', '+/#>'],
    ['exact', '*'],
    ['exact', '+/#'],
    ['mqtt', 'a/*/>'],
    ['nats', 'a/+/#'],
    ['amqp', 'a+>'],
    ['mqtt', '//'],
    ['mqtt', '/'],
  ] as const) {
    it(`takes "${topic}" for a plain topic in ${dialect}`, () => checkTopic(topic, dialect))
  }

  for (const [dialect, separator] of [
    ['mqtt', '/'],
    ['nats', '.'],
    ['amqp', '.'],
  ] as const) {
    it(`takes 128 levels and no more in ${dialect}`, () => {
      const levels = (count: number) => Array<string>(count).fill('a').join(separator)
      checkTopic(levels(128), dialect)
      const error = refusal(() => checkTopic(levels(129), dialect))
      assert.deepEqual([error.position, error.message.endsWith('more than 128 levels')], [256, true])
      assert.equal(refusal(() => checkTopic(levels(65_536), dialect)).position, 256)
    })
  }

  it('counts no levels where there are none', () => {
    checkTopic('/.'.repeat(1000), 'prefix')
    checkTopic('/.'.repeat(1000), 'exact')
  })

  it('refuses a million separators at the first limit', () => {
    assert.equal(refusal(() => checkTopic('/'.repeat(1e6), 'mqtt')).position, 128)
    assert.equal(refusal(() => checkTopic('.'.repeat(1e6), 'nats')).position, 0)
  })
})

describe('isWildcard', () => {
  for (const [dialect, filter, expected] of [
    ['mqtt', 'a/b', false],
    ['mqtt', 'a/+', true],
    ['mqtt', '#', true],
    ['mqtt', 'a/*', false],
    ['nats', 'a.*.b', true],
    ['nats', 'a.>', true],
    ['nats', 'a.#', false],
    ['amqp', '#.a', true],
    ['amqp', '*', true],
    ['amqp', 'a.>', false],
    ['prefix', 'a*', true],
    ['prefix', 'a*b', false],
    ['prefix', '*', true],
    ['exact', '*', false],
    ['exact', '#', false],
  ] as const satisfies readonly (readonly [Dialect, string, boolean])[]) {
    it(`is ${expected} for "${filter}" in ${dialect}`, () => assert.equal(isWildcard(filter, dialect), expected))
  }
})
