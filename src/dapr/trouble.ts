/**
 * How loudly to speak of messages that were not handled. While an app is down
 * each of them fails, again and again, and one line a minute says as much as
 * all of them. Told the time.
 *
 * Layer 19.
 */

/** From one warning to the next. */
const QUIET_MS = 60_000

export class Trouble {
  /** Failures that no warning has counted yet. */
  #count = 0
  #quietUntil = -Infinity
  /** Whether there was a warning since it last went well. */
  #isKnown = false

  /**
   * A message was not handled.
   *
   * @param now in ms, of a clock that never goes back
   * @returns the number of failures to warn of; undefined: not now
   */
  failed(now: number): number | undefined {
    const count = ++this.#count
    if (now < this.#quietUntil) return undefined
    this.#count = 0
    this.#quietUntil = now + QUIET_MS
    this.#isKnown = true
    return count
  }

  /** A message was handled. @returns whether that is news */
  succeeded(): boolean {
    const wasKnown = this.#isKnown
    this.#isKnown = false
    return wasKnown
  }
}
