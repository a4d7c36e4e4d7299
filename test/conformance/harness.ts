/**
 * What every behaviour test starts from: a broker of the kind under test on a
 * manual clock, and an audit afterwards. Each test ends with the balance of P1
 * on the broker and on every subscription it made, and without an unhandled
 * rejection.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type {
  Broker,
  BrokerOptions,
  BrokerStats,
  ErrorContext,
  Handler,
  Message,
  Observer,
  SubscribeOptions,
  Subscription,
  SubscriptionStats,
} from '../../src/index.ts'
import { ManualClock } from '../../src/testing/index.ts'

/** Makes a broker of the kind under test; the options carry the clock. */
export type Create = (options: BrokerOptions) => Broker

/** What a kind of broker does not promise: the number of the promise, and why. */
export interface Features {
  readonly skip?: Readonly<Record<string, string>>
}

/** One failure that the broker reported to `onError`. */
export interface Reported {
  readonly error: unknown
  readonly context: ErrorContext
}

export interface Bench {
  readonly broker: Broker
  readonly clock: ManualClock
  readonly errors: readonly Reported[]
  /** Subscribes, and has the balance of this subscription checked at the end. */
  subscribe(filter: string, handler: Handler | undefined, options?: SubscribeOptions): Subscription
}

export type Claim = (name: string, body: (bench: Bench) => Promise<void> | void, options?: BrokerOptions) => void

/** The moment at which the clocks of the tests start. */
export const EPOCH: number = Date.UTC(2030, 0, 1)

/** Real time that a test may take. */
const HANG_MS = 5_000

export const HOUR = 3_600_000
export const DAY: number = 24 * HOUR

/** An `it` whose tests get a fresh bench and end with an audit. */
export function claims(create: Create): Claim {
  return (name, body, options) => {
    it(name, async () => {
      const bench = begin(create, options)
      const rejections: unknown[] = []
      const note = (reason: unknown): void => void rejections.push(reason)
      process.on('unhandledRejection', note)
      const run = async (): Promise<void> => {
        await body(bench)
        await audit(bench)
      }
      try {
        await orHang(run())
      } finally {
        await turn()
        process.off('unhandledRejection', note)
      }
      assert.deepEqual(rejections, [], 'unhandled rejections')
    })
  }
}

/** Fails instead of waiting for ever, and keeps the process alive until then. */
function orHang(running: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('a promise that never settles')), HANG_MS)
    running.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

const made = new WeakMap<Bench, Subscription[]>()

export function begin(create: Create, options: BrokerOptions = {}): Bench {
  const clock = new ManualClock({ now: EPOCH, patienceMs: 0 })
  const errors: Reported[] = []
  const onError = (error: unknown, context: ErrorContext): void => void errors.push({ error, context })
  const broker = create({ clock, onError, random: () => 0.5, ...options })
  const subscriptions: Subscription[] = []
  const bench: Bench = {
    broker,
    clock,
    errors,
    subscribe(filter, handler, asked) {
      const subscription =
        handler === undefined ? broker.subscribe(filter, asked) : broker.subscribe(filter, handler, asked)
      subscriptions.push(subscription)
      return subscription
    },
  }
  made.set(bench, subscriptions)
  return bench
}

async function audit(bench: Bench): Promise<void> {
  const { broker } = bench
  const subscriptions = made.get(bench) ?? []
  await turn()
  assertBalanced(broker.stats(), 'broker')
  for (const one of subscriptions) assertBalanced(one.stats(), one.filter)
  await broker.close({ graceMs: 0 })
  const { queued, delayed, inFlight, waiting } = broker.stats()
  assert.deepEqual({ queued, delayed, inFlight, waiting }, { queued: 0, delayed: 0, inFlight: 0, waiting: 0 })
  assertBalanced(broker.stats(), 'broker after close')
}

/** The identity of P1, and no gauge below zero. */
export function assertBalanced(stats: SubscriptionStats | BrokerStats, name: string): void {
  const {
    matched,
    acked,
    dropped,
    expired,
    deadLettered,
    exhausted,
    overflowed,
    cancelled,
    queued,
    delayed,
    inFlight,
  } = stats
  const named =
    acked + dropped + expired + deadLettered + exhausted + overflowed + cancelled + queued + delayed + inFlight
  assert.equal(matched, named, `${name}: ${JSON.stringify(stats)}`)
  for (const [counter, value] of Object.entries(stats)) assert.ok(value >= 0, `${name}: ${counter} is ${value}`)
}

/** Asserts the counters named in `expected`, and leaves the others alone. */
export function assertStats(stats: object, expected: Readonly<Record<string, number>>): void {
  const names = Object.keys(expected)
  const seen = Object.fromEntries(Object.entries(stats).filter(([name]) => names.includes(name)))
  assert.deepEqual({ ...expected, ...seen }, expected)
  assert.equal(Object.keys(seen).length, names.length, `counters missing of ${names.join(', ')}`)
}

/** Lets microtasks and a few turns of the event loop pass; no time. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** A promise that the test settles. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(reason: unknown): void
}

export function deferred<T = unknown>(): Deferred<T> {
  let resolve: (value: T) => void = () => {}
  let reject: (reason: unknown) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** A handler that remembers its messages; `reply` says what it does with each. */
export interface Recorder {
  readonly handler: Handler
  readonly messages: Message[]
  /** The data of the messages, in the order of delivery. */
  data(): unknown[]
  /** The delivery counts, in the order of delivery. */
  counts(): number[]
  /** The message delivered `nth`, from 0. */
  at(nth: number): Message
}

export function recorder(reply: (message: Message, nth: number) => unknown = () => undefined): Recorder {
  const messages: Message[] = []
  return {
    messages,
    handler: (message) => reply(message, messages.push(message) - 1),
    data: () => messages.map((message) => message.data),
    counts: () => messages.map((message) => message.deliveryCount),
    at(nth) {
      const message = messages[nth]
      assert.ok(message, `no delivery ${nth}`)
      return message
    },
  }
}

/** A promise that stays as it is for ever. */
export const never: Promise<never> = new Promise(() => {})

/** The `code` that a call or a promise fails with; undefined when it does not fail. */
export async function codeOf(failing: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof failing === 'function' ? failing() : failing)
    return undefined
  } catch (error) {
    return typeof error === 'object' && error !== null && 'code' in error ? error.code : error
  }
}

/** Whether a promise is settled by now. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const note = (): void => void (settled = true)
  promise.then(note, note)
  await turn()
  return settled
}

/** The texts of an observer's calls, such as `delivered a 1`. */
export function watch(): { readonly log: string[]; readonly observer: Observer } {
  const log: string[] = []
  const note = (what: string) => (seen: { topic: string; deliveryCount: number; end?: string }) =>
    void log.push(`${what} ${seen.topic} ${seen.deliveryCount}${seen.end === undefined ? '' : ` ${seen.end}`}`)
  const observer = {
    published: note('published'),
    delivered: note('delivered'),
    redelivered: note('redelivered'),
    settled: note('settled'),
    deadLettered: note('deadLettered'),
    expired: note('expired'),
    overflowed: note('overflowed'),
    refused: (error: unknown, topic: unknown) =>
      void log.push(`refused ${String(topic)} ${String(Object(error).code)}`),
  }
  return { log, observer }
}
