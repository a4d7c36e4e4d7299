/**
 * The only place where time comes from. A broker has one clock and is told the
 * time by nothing else; tests give it a `ManualClock`.
 *
 * Layer 1.
 */

/** What a broker shows its clock, so that a manual clock can wait for the work that it starts. */
export interface Activity {
  readonly workload: {
    /** Messages queued or in flight, and handlers that have not returned. */
    readonly busy: number
    /** Grows with every handler that starts, returns or settles; standing still means waiting. */
    readonly progress: number
  }
  /** What is keeping the broker busy, for an error message: filters, comma separated. */
  describe(): string
}

/** Where a broker gets its time from. */
export interface Clock {
  /** Milliseconds that never go back, from an arbitrary start. Durations are measured with it. */
  now(): number
  /** Milliseconds since 1970-01-01T00:00Z; may jump. Only the `time` and `expirytime` of events come from it. */
  wallTime(): number
  /** Calls `callback` once, `delayMs` (at least 0, at most 2^31 - 1) from now or a little later. Returns a handle. */
  setTimer(callback: () => void, delayMs: number): unknown
  clearTimer(handle: unknown): void
  /** Calls `callback` after the event loop has had a turn for timers and I/O. */
  nextTurn(callback: () => void): void
  /** Told of each broker that uses this clock; returns a function that forgets it again. */
  attach?(activity: Activity): () => void
}

/** The longest delay that native timers keep; beyond it they fire at once. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1

/** How many questions one reading of the wall clock answers. */
const READINGS_PER_STAMP = 64

/**
 * The platform's clock. Whole milliseconds: they stay small integers, which
 * engines keep without a heap object of their own.
 */
export class SystemClock implements Clock {
  /** The last reading of the wall clock. */
  #wall = 0
  /** Questions that may still be answered from it. */
  #left = 0
  /** Whether a turn is on its way after which the clock has to be read anew. */
  #isTurning = false

  now(): number {
    return Math.floor(performance.now())
  }

  /**
   * Reading the wall clock costs as much as publishing some events, so one
   * reading serves for a turn of the event loop, and for at most 64 questions.
   */
  wallTime(): number {
    if (this.#left === 0) this.#read()
    this.#left--
    return this.#wall
  }

  #read(): void {
    this.#wall = Date.now()
    this.#left = READINGS_PER_STAMP
    if (this.#isTurning) return
    this.#isTurning = true
    nextTurn(this.#forget)
  }

  readonly #forget = (): void => {
    this.#isTurning = false
    this.#left = 0
  }

  setTimer(callback: () => void, delayMs: number): unknown {
    return setTimeout(callback, delayMs)
  }

  clearTimer(handle: unknown): void {
    // The handle is what this clock's own setTimer returned.
    clearTimeout(handle as ReturnType<typeof setTimeout>)
  }

  nextTurn(callback: () => void): void {
    nextTurn(callback)
  }
}

/**
 * Runs `callback` after timers and I/O have had their chance: `setImmediate`
 * where there is one; elsewhere a message to ourselves, because browsers make
 * nested timeouts wait for 4 ms.
 */
export function nextTurn(callback: () => void): void {
  if (typeof setImmediate === 'function') {
    setImmediate(callback)
    return
  }
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    callback()
  }
  port2.postMessage(undefined)
}
