/**
 * Trouble on request: which calls are delayed, fail, or break off after some
 * messages. It is asked for by the request itself, in the words of Momento's
 * own local server, or by a test that holds the server. Decisions only.
 *
 * Layer 29. Source: client-sdk-javascript, momento-local-middleware.ts.
 */
import { COUNT, checkEach, DURATION, oneOf, type Rule, type Rules, refuseOption, TEXT } from '../checks.ts'
import { STATUS, StatusError, type StatusName } from './status.ts'

/** The calls that there are, as fault controls name them. */
export type RpcName = 'topic-publish' | 'topic-subscribe' | 'create-cache' | 'delete-cache' | 'list-caches'

/** An error status, as fault controls name it. */
export type FaultName = FaultNameOf<Exclude<StatusName, 'OK'>>
type FaultNameOf<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}-${FaultNameOf<Tail>}`
  : Lowercase<Name>

/** What goes wrong with a call. At least one of `error`, `delayMs` and `streamError`. */
export interface Fault {
  /** Which calls it is about. Default: all. */
  readonly rpcs?: readonly RpcName[]
  /** The call fails with this status. */
  readonly error?: FaultName
  /** The call is held up before anything is answered, by ms. */
  readonly delayMs?: number
  /** A subscription ends with this status, after `afterMessages`. */
  readonly streamError?: FaultName
  /** Messages, heartbeats among them, that a subscription gets before `streamError`. Default 0. */
  readonly afterMessages?: number
  /** What the client is told with the status. Default: that the fault was asked for. */
  readonly details?: string
  /** How many calls it is about; then it is over. Default: all. */
  readonly count?: number
}

/** A request's headers, in lower case. Of our own making: whoever uses the door need not have Node's types. */
export type Metadata = Readonly<Record<string, string | readonly string[] | undefined>>

/** What is to happen to one call. */
export interface Verdict {
  readonly delayMs: number
  readonly error: StatusError | undefined
  readonly streamError: StatusError | undefined
  readonly afterMessages: number
}

const STATUS_OF: ReadonlyMap<string, Exclude<StatusName, 'OK'>> = new Map(
  // Its keys are all of the names, and OK is left out.
  (Object.keys(STATUS) as Exclude<StatusName, 'OK'>[])
    .filter((name) => STATUS[name] > 0)
    .map((name) => [name.toLowerCase().replaceAll('_', '-'), name]),
)

const RPCS: readonly string[] = ['topic-publish', 'topic-subscribe', 'create-cache', 'delete-cache', 'list-caches']
const NAME = oneOf(...STATUS_OF.keys())
const RPC_LIST: Rule = [
  `a list of ${RPCS.join(', ')}`,
  (value) => Array.isArray(value) && value.length > 0 && value.every((rpc) => RPCS.includes(rpc)),
]
const FAULT: Rules = {
  rpcs: RPC_LIST,
  error: NAME,
  delayMs: DURATION,
  streamError: NAME,
  afterMessages: ['an integer of at least 0', (value) => value === 0 || COUNT[1](value)],
  details: TEXT,
  count: COUNT,
}

/** A fault and for how many more calls it holds. */
interface Standing {
  readonly fault: Fault
  left: number
}

/** How many faults that requests asked for by number are remembered; the oldest is forgotten. */
const MAX_REMEMBERED = 1000

/** The faults of one server: `server.faults`. */
export class Faults {
  readonly #standing = new Set<Standing>()
  /** How often requests that limit their faults have had them, by request id and kind. */
  readonly #had = new Map<string, number>()
  readonly #onBlock: () => void
  #isBlocked = false

  /** @param onBlock cuts all connections */
  constructor(onBlock: () => void) {
    this.#onBlock = onBlock
  }

  /**
   * From now on, calls have this fault. Of several the latest counts, each for
   * its part: one may delay what another one fails.
   *
   * @returns takes it away again
   * @throws {BusbarError} `ERR_OPTION_INVALID`
   *
   * @example
   * server.faults.inject({ rpcs: ['topic-publish'], error: 'unavailable', count: 2 })
   */
  inject(fault: Fault): () => void {
    const { count = Infinity, ...checked } = checkEach(fault, FAULT)
    if (checked.error === undefined && checked.delayMs === undefined && checked.streamError === undefined)
      refuseOption('error', 'without error, delayMs or streamError nothing goes wrong')
    const standing: Standing = { fault: checked, left: count }
    this.#standing.add(standing)
    return () => this.#standing.delete(standing)
  }

  /** Takes all faults away, and the blocking. */
  clear(): void {
    this.#standing.clear()
    this.#had.clear()
    this.#isBlocked = false
  }

  /** Whether `block()` holds. */
  get isBlocked(): boolean {
    return this.#isBlocked
  }

  /** Cuts all connections, and every new one at once, until `unblock()`: a network that is gone. */
  block(): void {
    this.#isBlocked = true
    this.#onBlock()
  }

  unblock(): void {
    this.#isBlocked = false
  }

  /** What is to happen to the next call; whatever is limited to a number of calls counts it. */
  next(rpc: RpcName, metadata: Metadata): Verdict {
    const faults = [...this.#asked(rpc, metadata), ...this.#injected(rpc)]
    const last = <K extends keyof Fault>(key: K): Fault | undefined => faults.findLast((fault) => key in fault)
    const stream = last('streamError')
    return {
      delayMs: last('delayMs')?.delayMs ?? 0,
      error: errorOf(last('error'), 'error'),
      streamError: errorOf(stream, 'streamError'),
      afterMessages: stream?.afterMessages ?? 0,
    }
  }

  #injected(rpc: RpcName): readonly Fault[] {
    const matching = [...this.#standing].filter(({ fault }) => fault.rpcs?.includes(rpc) ?? true)
    for (const standing of matching) {
      if (--standing.left === 0) this.#standing.delete(standing)
    }
    return matching.map(({ fault }) => fault)
  }

  /** What the request's own metadata ask for. A control that is no sense is none. */
  #asked(rpc: RpcName, metadata: Metadata): readonly Fault[] {
    const text = (key: string): string => metadata[key]?.toString() ?? ''
    const names = (kind: string): boolean => text(`${kind}-rpcs`).split(' ').includes(rpc)
    const isDue = (kind: string): boolean =>
      names(kind) && this.#count(`${text('request-id')} ${rpc} ${kind}`, text(`${kind}-count`))
    const faults: Fault[] = []
    const error = nameOf(text('return-error'))
    if (error !== undefined && isDue('error')) faults.push({ error })
    const delayMs = numberOf(text('delay-ms'))
    if (delayMs !== undefined && isDue('delay')) faults.push({ delayMs })
    const streamError = nameOf(text('stream-error'))
    const afterMessages = numberOf(text('stream-error-message-limit')) ?? 0
    if (streamError !== undefined && names('stream-error')) faults.push({ streamError, afterMessages })
    return faults
  }

  /** @returns whether a request that wants a fault `limit` times has had it less often */
  #count(key: string, limit: string): boolean {
    const max = numberOf(limit)
    if (max === undefined) return true
    const had = this.#had.get(key) ?? 0
    this.#had.delete(key)
    this.#had.set(key, had + 1)
    for (const oldest of this.#had.keys()) {
      if (this.#had.size <= MAX_REMEMBERED) break
      this.#had.delete(oldest)
    }
    return had < max
  }
}

function nameOf(text: string): FaultName | undefined {
  return STATUS_OF.has(text) ? (text as FaultName) : undefined // its keys are those names
}

/** At most nine digits, so that it is a duration that timers keep. */
function numberOf(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

function errorOf(fault: Fault | undefined, key: 'error' | 'streamError'): StatusError | undefined {
  const name = fault?.[key]
  const status = name === undefined ? undefined : STATUS_OF.get(name)
  return status && new StatusError(status, fault?.details ?? `This ${name} was asked for`)
}
