/**
 * A circuit breaker: counts how calls end, lets none through for a while after
 * too many failures, then a few to see. A state machine that is told the time.
 *
 * Layer 20. Source: Dapr's Resiliency resource, `circuitBreakers`.
 */
import { compileExpression } from './expression.ts'

export interface BreakerSettings {
  /** Calls let through at a time while half open, and successes in a row that close it again; at least 1. */
  readonly maxRequests: number
  /** How often a closed breaker forgets its counts, in ms; 0: never. */
  readonly intervalMs: number
  /** How long an open breaker lets nothing through, in ms. */
  readonly timeoutMs: number
  /** CEL, asked after each failure while closed; see `Counts` for its variables. */
  readonly trip: string
}

/** The variables of a `trip` expression. */
interface Counts {
  requests: number
  totalSuccesses: number
  totalFailures: number
  consecutiveSuccesses: number
  consecutiveFailures: number
}

type State = 'closed' | 'open' | 'halfOpen'

export class CircuitBreaker {
  readonly #settings: BreakerSettings
  readonly #trips: (counts: Counts) => boolean
  #state: State = 'closed'
  /** Counts since the state was entered or, when closed, since the interval began. */
  #counts: Counts = noCounts()
  /** When this state or interval ends by itself; undefined: not yet begun, or never. */
  #endsAt: number | undefined
  #generation = 1

  /** @throws {BusbarError} `ERR_OPTION_INVALID` when `trip` does not compile */
  constructor(settings: BreakerSettings) {
    this.#settings = settings
    this.#trips = compileTrip(settings.trip)
  }

  /** Grows with every change of state and every new interval. */
  get generation(): number {
    return this.#generation
  }

  /**
   * Whether a call may be made; one that may is counted, and its end has to be recorded.
   *
   * @param now in ms, of a clock that never goes back
   */
  allows(now: number): boolean {
    this.#advance(now)
    if (this.#state === 'open') return false
    if (this.#state === 'halfOpen' && this.#counts.requests >= this.#settings.maxRequests) return false
    this.#counts.requests += 1
    return true
  }

  /**
   * Records how an allowed call ended.
   *
   * @param generation as it was after `allows`: what ends in another one counts no more
   */
  record(ok: boolean, now: number, generation: number = this.#generation): void {
    this.#advance(now)
    if (generation !== this.#generation || this.#state === 'open') return
    if (ok) this.#succeeded(now)
    else this.#failed(now)
  }

  #succeeded(now: number): void {
    this.#counts.totalSuccesses += 1
    this.#counts.consecutiveSuccesses += 1
    this.#counts.consecutiveFailures = 0
    const isTrusted = this.#counts.consecutiveSuccesses >= this.#settings.maxRequests
    if (this.#state === 'halfOpen' && isTrusted) this.#enter('closed', now)
  }

  #failed(now: number): void {
    this.#counts.totalFailures += 1
    this.#counts.consecutiveFailures += 1
    this.#counts.consecutiveSuccesses = 0
    if (this.#state === 'halfOpen' || this.#trips(this.#counts)) this.#enter('open', now)
  }

  #advance(now: number): void {
    const { intervalMs } = this.#settings
    if (this.#state === 'closed' && intervalMs > 0) this.#endsAt ??= now + intervalMs
    if (this.#endsAt === undefined || now <= this.#endsAt) return
    this.#enter(this.#state === 'open' ? 'halfOpen' : 'closed', now)
  }

  #enter(state: State, now: number): void {
    this.#state = state
    this.#generation += 1
    this.#counts = noCounts()
    const { intervalMs, timeoutMs } = this.#settings
    if (state === 'open') this.#endsAt = now + timeoutMs
    else this.#endsAt = state === 'closed' && intervalMs > 0 ? now + intervalMs : undefined
  }
}

function noCounts(): Counts {
  return { requests: 0, totalSuccesses: 0, totalFailures: 0, consecutiveSuccesses: 0, consecutiveFailures: 0 }
}

/** A `trip` that fails, or says something else than true, does not trip. */
function compileTrip(trip: string): (counts: Counts) => boolean {
  const expression = compileExpression(trip)
  return (counts) => {
    const variables = new Map(Object.entries(counts).map(([name, count]) => [name, BigInt(count)])) // CEL's int
    try {
      return expression.evaluate(variables) === true
    } catch {
      return false // as daprd: an expression that fails is no reason to stop calling
    }
  }
}
