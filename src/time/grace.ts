/**
 * The time that an ending may take: one for all of its steps, so that what the
 * first one used up is not there for the last.
 *
 * Layer 3.
 */
import { type Clock, MAX_TIMER_MS } from './clock.ts'

export class Grace {
  readonly #clock: Clock
  readonly #endsAt: number

  /** @param graceMs from now on; `Infinity` for as long as it takes */
  constructor(graceMs: number, clock: Clock) {
    this.#clock = clock
    this.#endsAt = clock.now() + graceMs
  }

  /** 0 when it is over. */
  get leftMs(): number {
    return Math.max(0, this.#endsAt - this.#clock.now())
  }

  /** Resolves when the work is done, at the latest when the time is over. */
  async waitFor(work: Promise<unknown>): Promise<void> {
    const { leftMs } = this
    if (leftMs === 0) return
    let timer: unknown
    const over = new Promise<void>((resolve) => {
      timer = this.#clock.setTimer(resolve, Math.min(leftMs, MAX_TIMER_MS))
    })
    await Promise.race([work, over])
    this.#clock.clearTimer(timer)
  }
}
