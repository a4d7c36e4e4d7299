/**
 * Bulk subscribe: gathers the messages of one subscription into batches. A
 * batch goes when it is full, or when its first message has waited long enough.
 *
 * Unlike daprd over its in-memory component, which hands over one message at a
 * time and so never fills a batch, batches fill for real.
 *
 * Layer 21. Source: dapr/dapr, pkg/runtime/pubsub/default_bulksub.go.
 */
import type { Message } from '../delivery/message.ts'
import { type Clock, MAX_TIMER_MS } from '../time/clock.ts'
import { failure, type Verdict } from './verdict.ts'
import type { BatchLimits } from './wire.ts'

/** Delivers a batch. @returns a verdict for each message, in the same order */
export type DeliverBatch = (messages: readonly Message[]) => Promise<readonly Verdict[]>

interface Waiting {
  readonly message: Message
  readonly resolve: (verdict: Verdict) => void
}

export class Batcher {
  readonly #limits: BatchLimits
  readonly #deliver: DeliverBatch
  readonly #clock: Clock
  #waiting: Waiting[] = []
  #timer: unknown
  #isHurried = false

  constructor(limits: BatchLimits, deliver: DeliverBatch, clock: Clock) {
    this.#limits = limits
    this.#deliver = deliver
    this.#clock = clock
  }

  /** Resolves when the batch that the message went with was answered. Never rejects. */
  add(message: Message): Promise<Verdict> {
    const { maxMessagesCount, maxAwaitDurationMs } = this.#limits
    return new Promise((resolve) => {
      const count = this.#waiting.push({ message, resolve })
      if (this.#isHurried || count >= maxMessagesCount) this.#flush()
      else if (count === 1) {
        this.#timer = this.#clock.setTimer(() => this.#flush(), Math.min(maxAwaitDurationMs, MAX_TIMER_MS))
      }
    })
  }

  /** From now on nothing waits: the subscription is ending. */
  hurry(): void {
    this.#isHurried = true
    if (this.#waiting.length > 0) this.#flush()
  }

  #flush(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer)
    this.#timer = undefined
    const batch = this.#waiting
    this.#waiting = []
    void this.#send(batch)
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    const verdicts = await this.#verdicts(batch.map(({ message }) => message))
    for (const [index, { resolve }] of batch.entries()) {
      resolve(verdicts[index] ?? failure('there was no verdict for the message'))
    }
  }

  async #verdicts(messages: readonly Message[]): Promise<readonly Verdict[]> {
    try {
      return await this.#deliver(messages)
    } catch (error) {
      return messages.map(() => failure(error))
    }
  }
}
