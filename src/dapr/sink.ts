/**
 * Where the messages of a subscription go: to the app over its channel, or to a
 * handler in this process. A sink says how each message fared; what follows
 * from that is decided elsewhere.
 *
 * Layer 21.
 */
import type { Message } from '../delivery/message.ts'
import type { Verdict } from './verdict.ts'

export interface Sink {
  /** Never rejects. */
  deliver(message: Message): Promise<Verdict>
  /** A verdict for each message, in the same order. Never rejects. */
  deliverBatch(messages: readonly Message[]): Promise<readonly Verdict[]>
}
