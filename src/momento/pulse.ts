/**
 * A beat for many: one timer on the clock while there is anybody to beat for,
 * and none otherwise.
 *
 * Layer 27.
 */
import { type Clock, MAX_TIMER_MS } from '../time/clock.ts'

export class Pulse {
  readonly #clock: Clock
  readonly #periodMs: number
  readonly #beats = new Set<() => void>()
  #timer: unknown

  /** @param periodMs beyond 24 days it is that: timers keep no more */
  constructor(clock: Clock, periodMs: number) {
    this.#clock = clock
    this.#periodMs = Math.min(periodMs, MAX_TIMER_MS)
  }

  /** Calls `beat` for the first time within a period, and then once a period. Returns what ends that. */
  add(beat: () => void): () => void {
    this.#beats.add(beat)
    if (this.#beats.size === 1) this.#arm()
    return () => {
      if (this.#beats.delete(beat) && this.#beats.size === 0) this.#clock.clearTimer(this.#timer)
    }
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(() => {
      for (const beat of this.#beats) beat()
      if (this.#beats.size > 0) this.#arm()
    }, this.#periodMs)
  }
}
