/**
 * How a subscription stands in its broker: as a consumer of a queue, alone or
 * in a group, or called directly. Says what joining, pausing, draining and
 * leaving mean for the messages that are under way.
 *
 * Layer 9.
 */
import type { Direct } from './delivery/direct.ts'
import type { Handling } from './delivery/handling.ts'
import { Iteration } from './delivery/iterator.ts'
import type { MessageQueue } from './delivery/queue.ts'
import type { BusbarError } from './errors.ts'
import type { Counts } from './stats.ts'
import type { Intake } from './subscription.ts'

/** What an intake asks of the broker. */
export interface IntakeHost {
  /** Nothing is matched for it any more. */
  retire(target: MessageQueue | Direct): void
  ready(queue: MessageQueue): void
  moved(queue: MessageQueue): void
  returned(direct: Direct): void
}

export class QueueIntake implements Intake {
  readonly #queue: MessageQueue
  readonly #consumer: Handling | Iteration
  readonly #host: IntakeHost

  constructor(queue: MessageQueue, consumer: Handling | Iteration, host: IntakeHost) {
    this.#queue = queue
    this.#consumer = consumer
    this.#host = host
    queue.consumers.add(consumer)
  }

  get filter(): string {
    return this.#queue.filter
  }

  get group(): string | undefined {
    return this.#queue.group
  }

  get counts(): Counts {
    return this.#queue.counts
  }

  get iterator(): Iteration | undefined {
    return this.#consumer instanceof Iteration ? this.#consumer : undefined
  }

  pause(isPaused: boolean): void {
    this.#consumer.isPaused = isPaused
    this.#host.ready(this.#queue)
  }

  /** A member of a group takes no more and finishes what it has; the last one finishes the queue. */
  drain(done: () => void): void {
    const queue = this.#queue
    const consumer = this.#consumer
    const leavesOthers = this.#leave()
    if (!leavesOthers) {
      queue.consumers.add(consumer)
      this.#host.retire(queue)
    }
    const { watch } = queue
    queue.watch = () => {
      watch?.()
      if (!consumer.isBusy && (leavesOthers || queue.size === 0)) done()
    }
    queue.watch()
  }

  end(reason: BusbarError, abandons: boolean): void {
    const queue = this.#queue
    const consumer = this.#consumer
    if (this.#leave()) {
      consumer.abandon(reason, (entry) => queue.giveBack(entry))
    } else {
      queue.consumers.add(consumer) // so that `close()` finds what still runs
      this.#host.retire(queue)
      queue.close()
      if (abandons) consumer.abandon(reason, (entry) => queue.cancel(entry))
      else consumer.abort(reason)
    }
    this.iterator?.finish()
    this.#host.moved(queue)
  }

  /** @returns whether there are others left to take the messages */
  #leave(): boolean {
    const { consumers } = this.#queue
    consumers.remove(this.#consumer)
    return consumers.size > 0
  }
}

export class DirectIntake implements Intake {
  readonly group: undefined
  readonly iterator: undefined
  readonly #direct: Direct
  readonly #host: IntakeHost

  constructor(direct: Direct, host: IntakeHost) {
    this.#direct = direct
    this.#host = host
  }

  get filter(): string {
    return this.#direct.filter
  }

  get counts(): Counts {
    return this.#direct.counts
  }

  pause(isPaused: boolean): void {
    this.#direct.pause(isPaused)
  }

  drain(done: () => void): void {
    const direct = this.#direct
    this.#host.retire(direct)
    direct.drain(() => {
      const { queued, delayed, inFlight } = direct.counts
      if (queued + delayed + inFlight === 0) done()
    })
  }

  end(reason: BusbarError, abandons: boolean): void {
    const direct = this.#direct
    this.#host.retire(direct)
    direct.end(reason)
    if (abandons) direct.abandon()
    this.#host.returned(direct)
  }
}
