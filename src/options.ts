/**
 * What a user may ask of a broker, a publish or a subscription, and the one
 * place where that is checked. Checks come before any state changes; only own
 * properties count, so a polluted prototype asks for nothing.
 *
 * Layer 5.
 */
import {
  ANYTHING,
  COUNT,
  COUNT_OR_INFINITY,
  checkEach,
  DURATION,
  DURATION_OR_INFINITY,
  FUNCTION,
  isCount,
  isDuration,
  isObject,
  OBJECT,
  objectWith,
  oneOf,
  type Rules,
  refuseOption,
  rule,
  SIGNAL,
  TEXT,
} from './checks.ts'
import type { Backoff } from './delivery/redelivery.ts'
import type { QueueRules } from './delivery/rules.ts'
import { quote } from './errors.ts'
import type { CloudEvent, ExtensionValue } from './event/cloudevent.ts'
import type { Isolation } from './event/isolation.ts'
import type { ErrorContext, Observer } from './observer.ts'
import type { Clock } from './time/clock.ts'
import type { Dialect } from './topic/dialect.ts'

/** What happens to a publish when a queue that it matches is full. */
export type Overflow = 'wait' | 'reject' | 'dropOldest' | 'dropNewest'

/** Where in the history a subscription begins. */
export type From = 'now' | 'oldest' | { readonly sequence: number }

/** Options of one subscription. */
export interface SubscribeOptions {
  /**
   * 0: at most once, called inside `publish()`, without queue or redelivery.
   * 1: at least once. Default 1.
   */
  readonly qos?: 0 | 1
  /** Subscriptions of one group and filter share a queue: each message goes to one of them. Default: none. */
  readonly group?: string
  /** Messages in flight at once, at least 1. Default 1. */
  readonly concurrency?: number
  /** Messages queued, delayed and in flight together, at least 1; `Infinity` allowed. Default 65 536. */
  readonly capacity?: number
  /** What happens when the queue is full. Default `'wait'`. */
  readonly overflow?: Overflow
  /** Time allowed for settling; running out is a nack. `Infinity` allowed. Default 30 000. */
  readonly ackWaitMs?: number
  /** Deliveries before a message is given up, at least 1; `Infinity` allowed. Default 5. */
  readonly maxDeliveries?: number
  /** The wait before a nacked message is offered again. Default `{ delayMs: 100, factor: 2, maxDelayMs: 30_000, jitter: 1 }`. */
  readonly backoff?: Backoff
  /** Whether a message that waits for redelivery holds back all behind it (of its key). Default false. */
  readonly ordered?: boolean
  /** Where events go when their message is given up. Default: none. */
  readonly deadLetterTopic?: string
  /** Which matching events to take; runs when an event is accepted. Default: all. */
  readonly where?: (event: CloudEvent) => boolean
  /** Which events to begin with; anything but `'now'` needs `history`. Default `'now'`. */
  readonly from?: From
  /** Ends the subscription when it aborts, as `unsubscribe()` does. */
  readonly signal?: AbortSignal
}

/** Options of one publish; attributes that are not given are made by the broker. */
export interface PublishOptions {
  /** CloudEvents `id`; default: unique per broker. */
  readonly id?: string
  /** CloudEvents `source`; default: the broker's. */
  readonly source?: string
  /** CloudEvents `type`; default: the topic. */
  readonly type?: string
  /** CloudEvents `subject`; default: none. */
  readonly subject?: string
  /** CloudEvents `time`; default: now. */
  readonly time?: string | Date
  /** CloudEvents `datacontenttype`; default: none. */
  readonly datacontenttype?: string
  /** CloudEvents `dataschema`; default: none. */
  readonly dataschema?: string
  /** CloudEvents extension attributes; default: none. */
  readonly extensions?: Readonly<Record<string, ExtensionValue>>
  /** Events of one key are handled in order, each when the one before is settled, and different keys side by side. Default: none. */
  readonly key?: string
  /** How long the event may wait from its acceptance, above 0. Default: for ever. */
  readonly ttlMs?: number
  /** How long from its acceptance until the event is offered, within its ttl. Default 0. */
  readonly delayMs?: number
  /** Gives up a publish that waits for room; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** Options of a broker. */
export interface BrokerOptions {
  /** The grammar of topics and filters. Default `'mqtt'`. */
  readonly dialect?: Dialect
  /** CloudEvents `source` of the events published here. Default `'busbar'`. */
  readonly source?: string
  /**
   * What a handler gets of the publisher's data: the same object (`'shared'`), the same object deeply
   * frozen, a structured clone, or what JSON makes of it. Default `'shared'`.
   */
  readonly isolation?: Isolation
  /** Keep the last `size` events of each topic, for `sequence` and `from`. Default: none. */
  readonly history?: { readonly size: number }
  /** Options of every subscription that does not say otherwise. */
  readonly defaults?: SubscribeOptions
  /** Default: the platform's clock. */
  readonly clock?: Clock
  /** Uniform numbers in [0, 1) for jitter and ids. Default `Math.random`. */
  readonly random?: () => number
  /** Told of failures that end a message without a dead letter, and of failing observers. Default `console.error`. */
  readonly onError?: (error: unknown, context: ErrorContext) => void
  /** Told of everything that happens to events. Default: none. */
  readonly observer?: Observer
}

const BACKOFF: Rules = new Map([
  ['delayMs', DURATION],
  ['factor', rule('a number of at least 1', (value) => isDuration(value) && value >= 1)],
  ['maxDelayMs', DURATION],
  ['jitter', rule('a number from 0 to 1', (value) => isDuration(value) && value <= 1)],
])

const SUBSCRIBE: Rules = new Map([
  ['qos', oneOf(0, 1)],
  ['where', FUNCTION],
  ['signal', SIGNAL],
  // What only a queue has:
  ['group', TEXT],
  ['concurrency', COUNT],
  ['capacity', COUNT_OR_INFINITY],
  ['overflow', oneOf('wait', 'reject', 'dropOldest', 'dropNewest')],
  ['ackWaitMs', DURATION_OR_INFINITY],
  ['maxDeliveries', COUNT_OR_INFINITY],
  ['backoff', rule('an object, or a list of durations that is not empty', isBackoff)],
  ['ordered', oneOf(true, false)],
  ['deadLetterTopic', TEXT],
  ['from', rule("'now', 'oldest' or { sequence } with a sequence from 1", isFrom)],
])
const FOR_ANY_QOS = ['qos', 'where', 'signal']

const PUBLISH: Rules = new Map([
  // Attributes are checked where events are.
  ...['id', 'source', 'type', 'subject', 'time', 'datacontenttype', 'dataschema', 'extensions'].map(
    (name) => [name, ANYTHING] as const,
  ),
  ['key', TEXT],
  ['ttlMs', rule('a duration in ms above 0', (value) => isDuration(value) && value > 0)],
  ['delayMs', DURATION],
  ['signal', SIGNAL],
])

const BROKER: Rules = new Map([
  ['dialect', oneOf('mqtt', 'nats', 'amqp', 'prefix', 'exact')],
  ['source', ANYTHING],
  ['isolation', oneOf('shared', 'frozen', 'clone', 'json')],
  ['history', OBJECT],
  ['defaults', OBJECT],
  ['clock', objectWith('now', 'wallTime', 'setTimer', 'clearTimer', 'nextTurn')],
  ['random', FUNCTION],
  ['onError', FUNCTION],
  ['observer', OBJECT],
])

function isBackoff(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every(isDuration)
  if (isObject(value)) checkEach(value, BACKOFF, 'backoff.')
  return isObject(value)
}

function isFrom(value: unknown): boolean {
  return (
    value === 'now' || value === 'oldest' || (isObject(value) && isCount((value as { sequence?: unknown }).sequence))
  )
}

export function checkPublish(options: PublishOptions): PublishOptions {
  return checkEach(options, PUBLISH)
}

export function checkBroker(options: BrokerOptions): BrokerOptions {
  const checked = checkEach(options, BROKER)
  if (checked.defaults !== undefined) checkEach(checked.defaults, SUBSCRIBE, 'defaults.')
  if (checked.history !== undefined) checkHistory(checked.history)
  return checked
}

/** Without a handler the options come second, and there are no others. */
export function checkOnly(options: SubscribeOptions = {}, more?: unknown): SubscribeOptions {
  if (more !== undefined) refuseOption('handler', `${quote(options)} is no function`)
  return options
}

export function checkOnce(
  options: Pick<SubscribeOptions, 'where' | 'signal'>,
): Pick<SubscribeOptions, 'where' | 'signal'> {
  return checkEach(options, new Map([...SUBSCRIBE].filter(([name]) => name === 'where' || name === 'signal')))
}

export function checkClose<T extends { readonly graceMs?: number }>(options: T): T {
  return checkEach(options, new Map([['graceMs', DURATION_OR_INFINITY]]))
}

function checkHistory(history: object): void {
  const { size } = checkEach<{ size?: unknown }>(history, new Map([['size', COUNT]]), 'history.')
  if (size === undefined) refuseOption('history.size', 'it is missing')
}

/** What a subscription asks for, with all defaults filled in. */
export interface Settings extends QueueRules {
  readonly qos: 0 | 1
  readonly group: string | undefined
  readonly concurrency: number
  readonly from: From
  readonly signal: AbortSignal | undefined
}

/** @throws {BusbarError} `ERR_OPTION_INVALID` when an option is out of its range or does not go with `qos: 0` */
export function settle(options: SubscribeOptions, defaults: SubscribeOptions, hasHandler: boolean): Settings {
  const asked = checkEach(options, SUBSCRIBE)
  const given = { ...checkEach(defaults, SUBSCRIBE, 'defaults.'), ...asked }
  if (given.qos === 0) {
    if (!hasHandler) refuseOption('qos', '0 needs a handler')
    for (const name of Object.keys(asked)) {
      if (!FOR_ANY_QOS.includes(name)) refuseOption(name, 'it needs a queue, which qos 0 does not have')
    }
    return complete({ qos: 0, where: given.where, signal: given.signal })
  }
  return complete(given)
}

function complete(given: { readonly [Name in keyof SubscribeOptions]: SubscribeOptions[Name] | undefined }): Settings {
  return {
    qos: given.qos ?? 1,
    group: given.group,
    concurrency: given.concurrency ?? 1,
    capacity: given.capacity ?? 65_536,
    overflow: given.overflow ?? 'wait',
    ackWaitMs: given.ackWaitMs ?? 30_000,
    maxDeliveries: given.maxDeliveries ?? 5,
    backoff: given.backoff ?? {},
    ordered: given.ordered ?? false,
    deadLetterTopic: given.deadLetterTopic,
    where: given.where,
    from: given.from ?? 'now',
    signal: given.signal,
  }
}

/** Members of a group must agree on everything but `concurrency` and `signal`. */
export function checkAgreement(member: Settings, group: Settings): void {
  for (const name of Object.keys(group) as (keyof Settings)[]) {
    if (name === 'concurrency' || name === 'signal') continue
    const [a, b] = [member[name], group[name]]
    // Backoff and sequence are small plain objects.
    const agree = a === b || (isObject(a) && isObject(b) && JSON.stringify(a) === JSON.stringify(b))
    if (!agree) refuseOption(name, 'members of a group must agree')
  }
}
