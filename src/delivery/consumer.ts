/**
 * One subscription's hold on a queue, alone or in a group: what joining,
 * pausing, draining and leaving mean for the messages that are under way. How
 * messages are handed over is said by `Handling` and `Iteration`.
 *
 * Layer 11.
 */
import type { BusbarError } from '../errors.ts'
import { heldIn } from '../stats.ts'
import type { Intake } from '../subscription.ts'
import type { Delivery, Settlement } from './delivery.ts'
import type { MessageQueue } from './queue.ts'
import type { QueueHost } from './rules.ts'
import { type Settler, View } from './view.ts'

export abstract class Consumer implements Intake, Settler {
  readonly queue: MessageQueue
  readonly host: QueueHost<MessageQueue>
  /** Whether it takes nothing, as one that has left its group never does. */
  isPaused = false
  /** Whether somebody is being told of a message that will be handed over after that. */
  isTelling = false
  #hasLeft = false

  constructor(queue: MessageQueue, host: QueueHost<MessageQueue>) {
    this.queue = queue
    this.host = host
    queue.consumers.add(this)
    host.dispatcher.ready(queue)
  }

  /** Whether it can take another message now. */
  abstract readonly isFree: boolean
  /** The deliveries that are waited for, the oldest first. */
  abstract readonly running: Delivery[]
  /** Hands a message over. */
  abstract deliver(delivery: Delivery): void
  /** A delivery is about to settle its message; whoever waits for that is told afterwards. */
  abstract settled(delivery: Delivery): void
  /** The message is taken away: what still runs for it is not waited for. @param end says what becomes of the message */
  abstract giveUpOn(delivery: Delivery, end: () => void): void

  params(topic: string): readonly string[] {
    return this.host.params(this.queue.filter, topic)
  }

  take(): Delivery | undefined {
    return this.queue.take(this)
  }

  settle(delivery: Delivery, settlement: Settlement | undefined): void {
    this.settled(delivery)
    if (settlement === undefined) this.queue.ack(delivery)
    else this.queue.reject(delivery, settlement)
  }

  extend(delivery: Delivery, ms: number): void {
    this.queue.times.extend(delivery, ms)
  }

  pause(isPaused: boolean): void {
    this.isPaused = isPaused || this.#hasLeft
    this.host.dispatcher.ready(this.queue)
  }

  /** A member of a group takes no more and finishes what it has; the last one finishes the queue. */
  drain(done: () => void): void {
    const { queue } = this
    const leavesOthers = this.#leave()
    const look = (): void => {
      if ((!leavesOthers && heldIn(queue.counts) > 0) || this.running.length > 0) return
      queue.watchers?.delete(look)
      done()
    }
    queue.watchers ??= new Set()
    queue.watchers.add(look)
    look()
  }

  end(reason: BusbarError, abandons: boolean): void {
    const { queue } = this
    const leavesOthers = this.#leave()
    if (!leavesOthers) queue.close()
    // What is settled finishes here, if it is waited for; the others are the group's again.
    this.#stop(reason, ({ state }) => abandons || (leavesOthers && state === 'inFlight'))
    if (!leavesOthers && abandons) queue.abandon(reason)
    this.host.moved(queue)
  }

  abandon(reason: BusbarError): void {
    this.#stop(reason, () => true)
  }

  /** Makes what is handed over. @returns undefined when whoever was told of it has ended the subscription */
  hand(delivery: Delivery): View | undefined {
    const message = new View(delivery.envelope, this, delivery)
    delivery.holder = message
    return this.host.observed ? this.#tell(delivery, message) : message
  }

  #tell(delivery: Delivery, message: View): View | undefined {
    const { envelope, deliveryCount } = delivery
    this.isTelling = true
    this.host.tell('delivered', this.queue, envelope, { deliveryCount })
    this.isTelling = false
    if (delivery.state === 'inFlight' && !this.queue.isOver) return message
    message.nack()
    return undefined
  }

  /** Whoever has a message is told. @param isTaken whether it is taken away, too */
  #stop(reason: BusbarError, isTaken: (delivery: Delivery) => boolean): void {
    for (const delivery of this.running) {
      delivery.holder?.abort(reason)
      if (!isTaken(delivery)) continue
      this.giveUpOn(delivery, () => {
        if (delivery.state === 'inFlight') this.queue.giveBack(delivery)
      })
    }
  }

  /** The last one stays in its queue, which matches no more. @returns whether there are others to take the messages */
  #leave(): boolean {
    const { consumers } = this.queue
    consumers.remove(this)
    this.#hasLeft = consumers.size > 0
    if (this.#hasLeft) {
      this.isPaused = true
      return true
    }
    consumers.add(this)
    this.host.retire(this.queue)
    return false
  }
}
