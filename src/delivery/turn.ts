/**
 * Fairness: how much the broker may do before it lets the event loop turn, so
 * that neither a flood of messages nor a handler that publishes to itself
 * starves timers and I/O.
 *
 * Layer 2.
 */
const MAX_DELIVERIES = 1000
const MAX_MS = 10
/** Reading the clock costs as much as some deliveries. */
const LONGEST_STRIDE = 64

export class Turn {
  readonly #now: () => number
  readonly #begin: (() => void) | undefined
  #deliveries = 0
  /** The clock is read after this many deliveries: 1, 2, 4, ... and from 64 on every 64. */
  #nextReading = 1
  #startedAt: number | undefined

  /** @param begin called with the first delivery; `renew` is to be called after the event loop has turned */
  constructor(now: () => number, begin?: () => void) {
    this.#now = now
    this.#begin = begin
  }

  /** Counts a delivery. @returns whether the event loop has to have its turn now */
  spend(): boolean {
    return ++this.#deliveries >= this.#nextReading && this.#check()
  }

  get isSpent(): boolean {
    return this.#deliveries >= MAX_DELIVERIES
  }

  renew(): void {
    this.#deliveries = 0
    this.#nextReading = 1
    this.#startedAt = undefined
  }

  #check(): boolean {
    const now = this.#now()
    if (this.#startedAt === undefined) this.#begin?.()
    this.#startedAt ??= now
    if (now - this.#startedAt >= MAX_MS) this.#deliveries = MAX_DELIVERIES
    this.#nextReading = Math.min(MAX_DELIVERIES, this.#deliveries + Math.min(this.#deliveries, LONGEST_STRIDE))
    return this.isSpent
  }
}
