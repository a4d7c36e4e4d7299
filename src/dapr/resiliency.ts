/**
 * Resiliency resources: what may be done again, after how long, how long a call
 * may take, and when to stop calling. Reading and arithmetic; the one who calls
 * keeps the time.
 *
 * Only what comes from a component to the app: a publish into memory is taken or
 * refused for good, so there is nothing that an `outbound` policy could mend.
 *
 * Layer 22. Source: Dapr's Resiliency resource (v1alpha1) and how daprd applies
 * it to pub/sub components. Targets other than components are not looked at.
 */
import { BusbarError, quote } from '../errors.ts'
import { type BreakerSettings, CircuitBreaker } from './breaker.ts'
import { parseGoDuration } from './duration.ts'
import { compileExpression } from './expression.ts'
import type { Fields } from './fields.ts'
import type { Retry } from './retry.ts'

/** One Resiliency resource. Policies are by name. */
export interface Resiliency {
  readonly name: string
  /** App ids that it holds for; empty: all. */
  readonly scopes: readonly string[]
  readonly timeouts: ReadonlyMap<string, number>
  readonly retries: ReadonlyMap<string, RetrySettings>
  readonly circuitBreakers: ReadonlyMap<string, BreakerSettings>
  /** The `inbound` policies of targets, by component. */
  readonly components: ReadonlyMap<string, PolicyNames>
}

export interface RetrySettings {
  readonly policy: 'constant' | 'exponential'
  /** Between two deliveries when constant, in ms. */
  readonly durationMs: number
  /** What the exponential interval grows to, in ms. */
  readonly maxIntervalMs: number
  /** Deliveries after the first one; below 0: no limit. */
  readonly maxRetries: number
  /** HTTP statuses worth a retry, from and to; undefined: all are. */
  readonly statusCodes: readonly (readonly [from: number, to: number])[] | undefined
}

interface PolicyNames {
  readonly timeout: string | undefined
  readonly retry: string | undefined
  readonly circuitBreaker: string | undefined
}

/** What holds for one component. What no policy is about is absent. */
export interface Policy extends Partial<Retry> {
  readonly breaker: CircuitBreaker | undefined
  /** Time allowed for one delivery, in ms. */
  readonly timeoutMs: number | undefined
}

const DEFAULT_DURATION_MS = 5_000
const INITIAL_INTERVAL_MS = 500
const MULTIPLIER = 1.5
/** Of the interval, up and down. */
const SPREAD = 0.5
const DEFAULT_MAX_INTERVAL_MS = 60_000
const DEFAULT_BREAKER_TIMEOUT_MS = 60_000
const DEFAULT_TRIP = 'consecutiveFailures > 5'

/**
 * Reads a Resiliency resource.
 *
 * @throws {BusbarError} `ERR_OPTION_INVALID` with the path of what is wrong
 */
export function readResiliency(resource: Fields): Resiliency {
  const spec = resource.object('spec')
  const policies = spec.object('policies')
  const targets = spec.object('targets')
  const durations = policies.object('timeouts')
  return {
    name: resource.object('metadata').text('name') ?? '',
    scopes: resource.texts('scopes'),
    timeouts: new Map(durations.entries.map(([name]) => [name, durationOf(durations, name) ?? 0])),
    retries: new Map(policies.objectsIn('retries').map(([name, retry]) => [name, readRetry(retry)])),
    circuitBreakers: new Map(policies.objectsIn('circuitBreakers').map(([name, one]) => [name, readBreaker(one)])),
    components: new Map(
      targets.objectsIn('components').map(([name, component]) => [name, readNames(component.object('inbound'))]),
    ),
  }
}

function readRetry(fields: Fields): RetrySettings {
  const policy = fields.text('policy')?.toLowerCase() ?? 'constant'
  if (policy !== 'constant' && policy !== 'exponential') {
    fields.refuse('policy', `${quote(policy)} is not one of "constant", "exponential"`)
  }
  return {
    policy,
    durationMs: durationOf(fields, 'duration') ?? DEFAULT_DURATION_MS,
    maxIntervalMs: durationOf(fields, 'maxInterval') ?? DEFAULT_MAX_INTERVAL_MS,
    maxRetries: fields.integer('maxRetries') ?? -1,
    statusCodes: statusCodesOf(fields.object('matching')),
  }
}

function readBreaker(fields: Fields): BreakerSettings {
  const trip = fields.text('trip') || DEFAULT_TRIP
  try {
    compileExpression(trip)
  } catch (error) {
    fields.refuse('trip', error instanceof Error ? error.message : String(error), error)
  }
  return {
    maxRequests: Math.max(1, fields.integer('maxRequests') ?? 1),
    intervalMs: durationOf(fields, 'interval') ?? 0,
    timeoutMs: durationOf(fields, 'timeout') || DEFAULT_BREAKER_TIMEOUT_MS,
    trip,
  }
}

function readNames(fields: Fields): PolicyNames {
  return {
    timeout: fields.text('timeout') || undefined,
    retry: fields.text('retry') || undefined,
    circuitBreaker: fields.text('circuitBreaker') || undefined,
  }
}

/** A Go duration, or digits alone: ms. One below 0 is 0. */
function durationOf(fields: Fields, name: string): number | undefined {
  const text = fields.text(name)
  if (text === undefined || text === '') return undefined
  const ms = /^[+-]?\d+$/.test(text) ? Number(text) : parseGoDuration(text)
  if (ms === undefined) return fields.refuse(name, `${quote(text)} is not a duration such as "5s" or "1m30s"`)
  return Math.max(0, ms)
}

/** `429,500-599` */
function statusCodesOf(fields: Fields): RetrySettings['statusCodes'] {
  const text = fields.text('httpStatusCodes')
  if (text === undefined || text === '') return undefined
  const ranges = text.split(',').filter((range) => range !== '')
  return ranges.map((range) => {
    const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? []
    const [low, high] = [Number(from), Number(to)]
    if (!(low >= 100 && low <= high && high <= 599)) {
      fields.refuse('httpStatusCodes', `${quote(range)} is not a status or range of statuses from 100 to 599`)
    }
    return [low, high] as const
  })
}

/**
 * What holds for a component: the policies that its target names, else those
 * with the names of defaults. When several resources define a name, the last
 * one counts. Each call makes a circuit breaker of its own: call once for each
 * component.
 *
 * @param resiliencies those in scope
 * @returns undefined when no policy concerns it
 * @throws {BusbarError} `ERR_OPTION_INVALID` when its target names a policy that is not there
 */
export function policyFor(resiliencies: readonly Resiliency[], pubsubname: string): Policy | undefined {
  const target = resiliencies.findLast(({ components }) => components.has(pubsubname))?.components.get(pubsubname)
  const names = target ?? defaultNames(resiliencies)
  const where = `${pubsubname}.inbound`
  const timeoutMs = lookUp(resiliencies, 'timeouts', names.timeout, where)
  const retry = lookUp(resiliencies, 'retries', names.retry, where)
  const breaker = lookUp(resiliencies, 'circuitBreakers', names.circuitBreaker, where)
  if (timeoutMs === undefined && retry === undefined && breaker === undefined) return undefined
  return {
    timeoutMs: timeoutMs || undefined,
    breaker: breaker && new CircuitBreaker(breaker),
    ...(retry !== undefined && {
      options: redeliveryOf(retry),
      isPermanent: ({ status }) => !isWorthARetry(retry, status),
    }),
  }
}

type Kind = 'timeouts' | 'retries' | 'circuitBreakers'
type Settings<K extends Kind> = Resiliency[K] extends ReadonlyMap<string, infer T> ? T : never

function lookUp<K extends Kind>(
  resiliencies: readonly Resiliency[],
  kind: K,
  name: string | undefined,
  where: string,
): Settings<K> | undefined {
  if (name === undefined) return undefined
  const found = resiliencies.findLast((one) => one[kind].has(name))?.[kind].get(name)
  if (found !== undefined) return found as Settings<K> // of the map of that kind
  const message = `Invalid resiliency of ${where}: there is no ${quote(name)} in ${kind}`
  throw new BusbarError('ERR_OPTION_INVALID', message, { option: where })
}

/** The most special first. */
const LEVELS: readonly string[] = ['PubsubComponentInbound', 'ComponentInbound', 'Component', '']

function defaultNames(resiliencies: readonly Resiliency[]): PolicyNames {
  const nameIn = (kind: Kind, policy: string): string | undefined =>
    LEVELS.map((level) => `Default${level}${policy}`).find((name) => resiliencies.some((one) => one[kind].has(name)))
  return {
    timeout: nameIn('timeouts', 'TimeoutPolicy'),
    retry: nameIn('retries', 'RetryPolicy'),
    circuitBreaker: nameIn('circuitBreakers', 'CircuitBreakerPolicy'),
  }
}

/** The retry policy in the broker's terms. An exponential delay is its interval, more or less a part of it. */
function redeliveryOf({ policy, durationMs, maxIntervalMs, maxRetries }: RetrySettings): Retry['options'] {
  const maxDeliveries = maxRetries < 0 ? Infinity : maxRetries + 1
  if (policy === 'constant') return { maxDeliveries, backoff: [durationMs] }
  const highest = 1 + SPREAD
  const delayMs = INITIAL_INTERVAL_MS * highest
  const maxDelayMs = maxIntervalMs * highest
  return { maxDeliveries, backoff: { delayMs, factor: MULTIPLIER, maxDelayMs, jitter: (2 * SPREAD) / highest } }
}

/** Only failures with a status are filtered: a lost connection, `RETRY` and a timeout have none. */
function isWorthARetry({ statusCodes }: RetrySettings, statusCode: number | undefined): boolean {
  if (statusCodes === undefined || statusCode === undefined || statusCode < 100 || statusCode > 599) return true
  return statusCodes.some(([from, to]) => from <= statusCode && statusCode <= to)
}
