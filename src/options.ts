/**
 * What a user may ask of a broker, a publish or a subscription, and the one
 * place where that is checked. Checks come before any state changes; only own
 * properties count, so a polluted prototype asks for nothing.
 *
 * Layer 10.
 */
import {
  ANYTHING,
  COUNT,
  checkEach,
  DURATION,
  FUNCTION,
  isDuration,
  isObject,
  OBJECT,
  objectOf,
  objectWith,
  oneOf,
  orInfinity,
  type Rules,
  refuseOption,
  TEXT,
} from './checks.ts'
import { type Backoff, isList } from './delivery/redelivery.ts'
import type { QueueRules } from './delivery/rules.ts'
import { quote } from './errors.ts'
import type { CloudEvent, ExtensionValue } from './event/cloudevent.ts'
import { type Isolation, isolators } from './event/isolation.ts'
import type { ErrorContext, Observer } from './observer.ts'
import type { Clock } from './time/clock.ts'
import { type Dialect, rulesOf } from './topic/dialect.ts'

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
  /** Which events to begin with; anything but `'now'` needs `history`. All that is published from now on comes anyway. Default `'now'`. */
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
  /**
   * CloudEvents `type`. One of nothing but blanks, or with control characters or noncharacters, is none for
   * `busbar/cloudevents`. Default: the topic.
   */
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
  /**
   * What an adapter wants to find again with the event, e.g. the bytes that it came in as: handed on as it
   * is in `message.attachment`, to dead letters too, and never a part of the CloudEvent. Default: none.
   */
  readonly attachment?: unknown
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

/** What a broker is told, with all defaults filled in. */
export interface BrokerSettings
  extends Required<Omit<BrokerOptions, 'history' | 'observer'>>,
    Pick<BrokerOptions, 'history' | 'observer'> {}

const BACKOFF: Rules = {
  delayMs: DURATION,
  factor: ['a number of at least 1', (value) => isDuration(value) && value >= 1],
  maxDelayMs: DURATION,
  jitter: ['a number from 0 to 1', (value) => isDuration(value) && value <= 1],
}

const SIGNAL = objectWith('addEventListener', 'removeEventListener', 'throwIfAborted')

/** What goes with any `qos`. */
const ONCE: Rules = { where: FUNCTION, signal: SIGNAL }

const SUBSCRIBE: Rules = {
  ...ONCE,
  qos: oneOf(0, 1),
  group: TEXT,
  concurrency: COUNT,
  capacity: orInfinity(COUNT),
  overflow: oneOf('wait', 'reject', 'dropOldest', 'dropNewest'),
  ackWaitMs: orInfinity(DURATION),
  maxDeliveries: orInfinity(COUNT),
  backoff: ['an object, or a list of durations that is not empty', isBackoff],
  ordered: oneOf(true, false),
  deadLetterTopic: TEXT,
  from: ["'now', 'oldest' or { sequence } from 1", isFrom],
}

const PUBLISH: Rules = {
  // Attributes are checked where events are.
  id: ANYTHING,
  source: ANYTHING,
  type: ANYTHING,
  subject: ANYTHING,
  time: ANYTHING,
  datacontenttype: ANYTHING,
  dataschema: ANYTHING,
  extensions: ANYTHING,
  key: TEXT,
  ttlMs: ['a duration in ms above 0', (value) => isDuration(value) && value > 0],
  delayMs: DURATION,
  attachment: ANYTHING,
  signal: SIGNAL,
}

const BROKER: Rules = {
  dialect: oneOf(...Object.keys(rulesOf)),
  source: ANYTHING,
  isolation: oneOf(...Object.keys(isolators)),
  history: ['{ size } with a size from 1', (value) => holdsCount(value, 'history', 'size')],
  defaults: OBJECT,
  clock: objectWith('now', 'wallTime', 'setTimer', 'clearTimer', 'nextTurn'),
  random: FUNCTION,
  onError: FUNCTION,
  observer: objectOf(
    'published',
    'refused',
    'delivered',
    'redelivered',
    'settled',
    'deadLettered',
    'expired',
    'overflowed',
  ),
}

function isBackoff(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every(isDuration)
  if (isObject(value)) checkEach(value, BACKOFF, 'backoff.')
  return isObject(value)
}

/** Whether the option `parent` is an object with `name`, a count, and nothing else. */
function holdsCount(value: unknown, parent: string, name: string): boolean {
  return isObject(value) && name in checkEach(value, { [name]: COUNT }, `${parent}.`)
}

function isFrom(value: unknown): boolean {
  return value === 'now' || value === 'oldest' || holdsCount(value, 'from', 'sequence')
}

export function checkPublish(options: PublishOptions): PublishOptions {
  return checkEach(options, PUBLISH)
}

export function checkBroker(options: BrokerOptions): BrokerOptions {
  const checked = checkEach(options, BROKER)
  return { ...checked, defaults: checkEach(checked.defaults ?? {}, SUBSCRIBE, 'defaults.') }
}

/** Without a handler the options come second, and there are no others. */
export function checkOnly(options: SubscribeOptions = {}, more?: unknown): SubscribeOptions {
  if (more !== undefined) refuseOption('handler', `${quote(options)} is no function`)
  return options
}

export function checkOnce(
  options: Pick<SubscribeOptions, 'where' | 'signal'>,
): Pick<SubscribeOptions, 'where' | 'signal'> {
  return checkEach(options, ONCE)
}

/** What a subscription asks for, with all defaults filled in. */
export interface Settings extends QueueRules {
  readonly qos: 0 | 1
  readonly group: string | undefined
  readonly concurrency: number
  readonly from: From
  readonly signal: AbortSignal | undefined
}

const DEFAULTS: Settings = {
  qos: 1,
  group: undefined,
  concurrency: 1,
  capacity: 65_536,
  overflow: 'wait',
  ackWaitMs: 30_000,
  maxDeliveries: 5,
  backoff: {},
  ordered: false,
  deadLetterTopic: undefined,
  where: undefined,
  from: 'now',
  signal: undefined,
}

/**
 * @param defaults checked already
 * @throws {BusbarError} `ERR_OPTION_INVALID` when an option is out of its range or does not go with `qos: 0`
 */
export function settle(options: SubscribeOptions, defaults: SubscribeOptions, hasHandler: boolean): Settings {
  const asked = checkEach(options, SUBSCRIBE)
  const given = { ...DEFAULTS, ...defaults, ...asked }
  if (given.qos === 1) return { ...given, backoff: copyOf(given.backoff) }
  if (!hasHandler) refuseOption('qos', '0 needs a handler')
  for (const name of Object.keys(asked)) {
    if (name !== 'qos' && !(name in ONCE)) refuseOption(name, 'qos 0 has no queue')
  }
  const { where, signal } = given
  return { ...DEFAULTS, qos: 0, where, signal }
}

/** What its owner does to it later changes nothing. */
function copyOf(backoff: Backoff): Backoff {
  return isList(backoff) ? [...backoff] : checkEach(backoff, BACKOFF, 'backoff.')
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
