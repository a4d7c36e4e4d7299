/**
 * One subscription's hold on a queue, alone or in a group: what joining,
 * pausing, draining and leaving mean for the messages that are under way. How
 * messages are handed over is said by `Handling` and `Iteration`.
 *
 * Layer 11.
 */
import type { BusbarError } from '../errors.ts'
import type { Counts } from '../stats.ts'
import type { Intake } from '../subscription.ts'
import { Delivery, type Settler } from './delivery.ts'
import type { Entry } from './entry.ts'
import type { MessageQueue } from './queue.ts'
import type { QueueHost } from './rules.ts'

export interface ConsumerOptions {
  readonly concurrency: number
  readonly params: (topic: string) => readonly string[]
}

export abstract class Consumer implements Intake, Settler {
  readonly queue: MessageQueue
  readonly params: (topic: string) => readonly string[]
  readonly host: QueueHost<MessageQueue>
  readonly concurrency: number
  /** Deliveries that keep a place, the oldest first. */
  readonly inHand: Set<Delivery> = new Set()
  isPaused = false

  constructor(queue: MessageQueue, host: QueueHost<MessageQueue>, { concurrency, params }: ConsumerOptions) {
    this.queue = queue
    this.host = host
    this.concurrency = concurrency
    this.params = params
    queue.consumers.add(this)
    host.ready(queue)
  }

  /** Whether it can take another message now. */
  abstract readonly isFree: boolean
  abstract deliver(entry: Entry): void
  abstract settled(delivery: Delivery): void
  abstract giveUpOn(delivery: Delivery): void

  get filter(): string {
    return this.queue.filter
  }

  get group(): string | undefined {
    return this.queue.group
  }

  get counts(): Counts {
    return this.queue.counts
  }

  /** Never asked: a delivery has its own. */
  get signal(): AbortSignal {
    return new AbortController().signal
  }

  /** What it is waited for. */
  get running(): Delivery[] {
    return [...this.inHand]
  }

  pause(isPaused: boolean): void {
    this.isPaused = isPaused
    this.host.ready(this.queue)
  }

  /** A member of a group takes no more and finishes what it has; the last one finishes the queue. */
  drain(done: () => void): void {
    const { queue } = this
    const leavesOthers = this.#leave()
    const look = (): void => {
      if ((!leavesOthers && queue.size > 0) || this.running.length > 0) return
      queue.watchers?.delete(look)
      done()
    }
    queue.watchers ??= new Set()
    queue.watchers.add(look)
    look()
  }

  end(reason: BusbarError, abandons: boolean): void {
    const { queue } = this
    if (this.#leave()) {
      // What is settled finishes here; the others are the group's again.
      for (const delivery of this.running) {
        if (delivery.abandon(reason, (entry) => queue.giveBack(entry))) this.giveUpOn(delivery)
      }
    } else {
      queue.close()
      if (abandons) queue.abandon(reason)
      else for (const delivery of this.running) delivery.abort(reason)
    }
    this.host.moved(queue)
  }

  /** Gives up on what it has in hand; what is not settled goes to `dispose`. */
  abandon(reason: BusbarError, dispose: (entry: Entry) => void): void {
    for (const delivery of this.running) {
      delivery.abandon(reason, dispose)
      this.giveUpOn(delivery)
    }
  }

  /** Hands a message over. */
  hand(entry: Entry): Delivery {
    const delivery = new Delivery(entry.event, this, entry)
    if (this.host.observed) this.host.tell('delivered', this.queue, entry.event, { deliveryCount: entry.deliveryCount })
    return delivery
  }

  /** A delivery is over, as far as the broker waits for it. */
  putDown(): void {
    const { workload } = this.host
    workload.busy--
    workload.progress++
  }

  /** A place has become free. */
  done(): void {
    this.putDown()
    this.host.ready(this.queue)
    this.host.moved(this.queue)
  }

  /** The last one stays in its queue, which matches no more. @returns whether there are others to take the messages */
  #leave(): boolean {
    const { consumers } = this.queue
    consumers.remove(this)
    if (consumers.size > 0) return true
    consumers.add(this)
    this.host.retire(this.queue)
    return false
  }
}
