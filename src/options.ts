/**
 * What a user may ask of a broker, a publish or a subscription, and the one
 * place where that is checked. Checks come before any state changes; only own
 * properties count, so a polluted prototype asks for nothing.
 *
 * Layer 5.
 */
import type { QueueRules } from './delivery/rules.ts'
import type { Backoff } from './delivery/redelivery.ts'
import { BusbarError, quote } from './errors.ts'
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
  /** Events of one key are handled in order and one at a time, different keys side by side. Default: none. */
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

type Check = (value: unknown) => boolean
type Checks = ReadonlyMap<string, Check>

const isDuration: Check = (value) => typeof value === 'number' && value >= 0 && value < Infinity
const isDurationOrInfinity: Check = (value) => value === Infinity || isDuration(value)
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 1
const isCountOrInfinity: Check = (value) => value === Infinity || isCount(value)
const isText: Check = (value) => typeof value === 'string' && value !== ''
const isFunction: Check = (value) => typeof value === 'function'
const isObject: Check = (value) => typeof value === 'object' && value !== null
const isOneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value)
/** Checked where it is used. */
const isAnything: Check = () => true
const hasMethods =
  (...names: readonly string[]): Check =>
  (value) =>
    isObject(value) && names.every((name) => isFunction((value as Record<string, unknown>)[name]))

const isBackoff: Check = (value) => {
  if (Array.isArray(value)) return value.length > 0 && value.every(isDuration)
  if (isObject(value)) checkEach(value as object, BACKOFF, 'backoff.')
  return isObject(value)
}

const isSignal = hasMethods('addEventListener', 'removeEventListener')

const BACKOFF: Checks = new Map<string, Check>([
  ['delayMs', isDuration],
  ['factor', (value) => isDuration(value) && Number(value) >= 1],
  ['maxDelayMs', isDuration],
  ['jitter', (value) => isDuration(value) && Number(value) <= 1],
])

const SUBSCRIBE: Checks = new Map<string, Check>([
  ['qos', isOneOf(0, 1)],
  ['where', isFunction],
  ['signal', isSignal],
  // What only a queue has:
  ['group', isText],
  ['concurrency', isCount],
  ['capacity', isCountOrInfinity],
  ['overflow', isOneOf('wait', 'reject', 'dropOldest', 'dropNewest')],
  ['ackWaitMs', isDurationOrInfinity],
  ['maxDeliveries', isCountOrInfinity],
  ['backoff', isBackoff],
  ['ordered', isOneOf(true, false)],
  ['deadLetterTopic', isText],
  ['from', (value) => isOneOf('now', 'oldest')(value) || (isObject(value) && isCount((value as { sequence?: unknown }).sequence))],
])
const FOR_ANY_QOS = ['qos', 'where', 'signal']

const PUBLISH: Checks = new Map<string, Check>([
  ...['id', 'source', 'type', 'subject', 'time', 'datacontenttype', 'dataschema', 'extensions'].map((name) => [name, isAnything] as const),
  ['key', isText],
  ['ttlMs', (value) => isDuration(value) && value !== 0],
  ['delayMs', isDuration],
  ['signal', isSignal],
])

const BROKER: Checks = new Map<string, Check>([
  ['dialect', isOneOf('mqtt', 'nats', 'amqp', 'prefix', 'exact')],
  ['source', isText],
  ['isolation', isOneOf('shared', 'frozen', 'clone', 'json')],
  ['history', isObject],
  ['defaults', isObject],
  ['clock', hasMethods('now', 'wallTime', 'setTimer', 'clearTimer', 'nextTurn')],
  ['random', isFunction],
  ['onError', isFunction],
  ['observer', isObject],
])

/** @throws {BusbarError} `ERR_OPTION_INVALID` that names the option */
export function refuseOption(option: string, why: string): never {
  throw new BusbarError('ERR_OPTION_INVALID', `Invalid option ${option}: ${why}`, { option })
}

/** Own properties that are not `undefined`, each checked. */
function checkEach<T extends object>(options: T, checks: Checks, prefix = ''): T {
  if (!isObject(options)) refuseOption('options', `${quote(options)} is no object`)
  const checked: Record<string, unknown> = Object.create(null)
  for (const [name, value] of Object.entries(options)) {
    const check = checks.get(name)
    if (check === undefined) refuseOption(prefix + name, 'there is no such option')
    if (value === undefined) continue
    if (!check(value)) refuseOption(prefix + name, `${quote(value)} is out of its range`)
    checked[name] = value
  }
  return checked as T // the same properties, but for those that were undefined
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

export function checkOnce(options: Pick<SubscribeOptions, 'where' | 'signal'>): Pick<SubscribeOptions, 'where' | 'signal'> {
  return checkEach(options, new Map([...SUBSCRIBE].filter(([name]) => name === 'where' || name === 'signal')))
}

export function checkClose<T extends { readonly graceMs?: number }>(options: T): T {
  return checkEach(options, new Map([['graceMs', isDurationOrInfinity]]))
}

function checkHistory(history: object): void {
  const { size } = checkEach<{ size?: unknown }>(history, new Map([['size', isCount]]), 'history.')
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
