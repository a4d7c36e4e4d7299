/**
 * Redelivery: after a nack, how long until the message is offered again?
 * Arithmetic only.
 *
 * Layer 2. Full jitter as in "Exponential Backoff and Jitter" (AWS, 2015).
 */

/** Exponential backoff, or a list of exact waits whose last entry repeats. */
export type Backoff =
  | {
      /** The wait after the first delivery, in ms. Default 100. */
      readonly delayMs?: number
      /** What each further wait is multiplied with, at least 1. Default 2. */
      readonly factor?: number
      /** The longest wait, in ms. Default 30 000. */
      readonly maxDelayMs?: number
      /** The share of the wait that is left to chance, 0 to 1. Default 1. */
      readonly jitter?: number
    }
  | readonly number[]

/**
 * The wait before a message that was delivered `deliveryCount` times is offered again.
 *
 * @param deliveryCount deliveries so far, at least 1
 * @returns ms, at least 0
 */
export function redeliveryDelayMs(backoff: Backoff, deliveryCount: number, random: () => number): number {
  // `isArray` does not narrow readonly arrays.
  if (isList(backoff)) return backoff[Math.min(deliveryCount, backoff.length) - 1] as number // lists are never empty
  const { delayMs = 100, factor = 2, maxDelayMs = 30_000, jitter = 1 } = backoff
  // 0 * Infinity is NaN once the factor has grown beyond all numbers.
  const full = Math.min(maxDelayMs, delayMs * factor ** (deliveryCount - 1) || 0)
  return jitter === 0 ? full : full * (1 - jitter + jitter * random())
}

export function isList(backoff: Backoff): backoff is readonly number[] {
  return Array.isArray(backoff)
}
