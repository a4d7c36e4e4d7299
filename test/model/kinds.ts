/**
 * What kind of broker a run is about: how topics are written, whose data a
 * handler gets, and how much of the past is kept. Plans are written in the
 * mqtt dialect and translated when they are carried out.
 */
import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { BrokerOptions } from '../../src/index.ts'

type Dialect = NonNullable<BrokerOptions['dialect']>
type Isolation = NonNullable<BrokerOptions['isolation']>

export interface Kind {
  readonly dialect: Dialect
  readonly isolation: Isolation
  /** Events of each topic that are kept; 0 for none. */
  readonly history: number
}

export const PLAIN: Kind = { dialect: 'mqtt', isolation: 'shared', history: 0 }

export const kind: fc.Arbitrary<Kind> = fc.record({
  dialect: fc.constantFrom('mqtt' as const, 'mqtt', 'nats', 'amqp', 'prefix', 'exact'),
  isolation: fc.constantFrom('shared' as const, 'frozen', 'clone', 'json'),
  history: fc.constantFrom(0, 0, 1, 2, 4),
})

/** What stands for `/`, `+` and `#`; letters where a dialect has no such thing. */
const SIGNS: Readonly<Record<Dialect, readonly [string, string, string]>> = {
  mqtt: ['/', '+', '#'],
  nats: ['.', '*', '>'],
  amqp: ['.', '*', '#'],
  prefix: ['/', 'b', '*'],
  exact: ['/', 'b', 'c'],
}

/** A topic or filter of a plan, in another dialect. */
export function say(text: string, dialect: Dialect): string {
  return text.replace(/[/+#]/g, (sign) => SIGNS[dialect]['/+#'.indexOf(sign)] ?? assert.fail())
}

/** What the events of a run carry: their number. */
export interface Data {
  n: number
}

/** Checks whose object a handler was given, and spoils it if that is allowed to change nothing. */
export function assertOwn(data: unknown, sent: Data, n: number, { isolation }: Kind): void {
  if (isolation === 'shared' || isolation === 'frozen') {
    assert.equal(data, sent, 'another object than the one published')
    return assert.equal(Object.isFrozen(data), isolation === 'frozen', 'frozen or not')
  }
  assert.deepEqual(data, { n }, 'the data was changed by somebody else')
  assert.notEqual(data, sent, 'the object of the publisher')
  ;(data as Data).n = -1 // it is equal to one
}
