/**
 * What follows when the app has not handled a message, in the broker's own
 * terms: it counts the deliveries and keeps the time.
 *
 * Layer 21.
 */
import type { SubscribeOptions } from '../options.ts'
import type { Failure } from './verdict.ts'

export interface Retry {
  readonly options: Pick<SubscribeOptions, 'maxDeliveries' | 'backoff'>
  /** Whether there is no use in offering the message again. */
  isPermanent(failure: Failure): boolean
}

/** With a dead letter topic a failed message goes there at once, as daprd does when no policy says when to retry. */
export const DEAD_LETTER_AT_ONCE: Retry = { options: { maxDeliveries: 1 }, isPermanent: () => false }

/**
 * Without one it is offered again after 1 s, doubling to 30 s, until it is
 * handled or expires. daprd's in-memory component forgets it instead.
 */
export const UNTIL_HANDLED: Retry = {
  options: { maxDeliveries: Infinity, backoff: { delayMs: 1000, factor: 2, maxDelayMs: 30_000, jitter: 0 } },
  isPermanent: () => false,
}
