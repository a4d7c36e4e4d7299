/**
 * Publishing: an event is checked, stamped and offered to every queue that it
 * matches, or to none of them.
 *
 * Layer 15.
 */
import { refuseOption } from './checks.ts'
import type { Delivery } from './delivery/delivery.ts'
import type { Direct } from './delivery/direct.ts'
import { MessageQueue } from './delivery/queue.ts'
import type { GivenUp } from './delivery/rules.ts'
import { BusbarError, quote } from './errors.ts'
import { checkAttributes, checkExtensions } from './event/cloudevent.ts'
import { deadLetterOf } from './event/dead-letter.ts'
import { Envelope, type Extras, extrasOf, isTimed, type Origin, type Stamp } from './event/envelope.ts'
import type { Isolator } from './event/isolation.ts'
import type { Hub } from './hub.ts'
import type { Waiter } from './line.ts'
import { checkPublish, type PublishOptions } from './options.ts'
import { done, handled } from './promises.ts'
import type { Route } from './router.ts'

/** The last moment that a date can stand for. */
const LAST_DATE_MS = 8.64e15

export class Acceptance {
  /** Events accepted, dead letters included. */
  published = 0
  /** Publishes that were rejected. */
  refused = 0
  /** Why nothing is accepted any more. */
  closed: BusbarError | undefined
  readonly #hub: Hub
  readonly #store: Isolator['store']
  /** Whether an event without options is nothing but its topic and its data, and is accepted without anybody watching. */
  #isPlain: boolean
  #serial = 0
  /** Of the latest event; shared by those of the same millisecond. */
  #stamp: Stamp
  /** Of the latest event that asked for nothing but a ttl or a delay. */
  #shared: Extras = extrasOf({}, {})

  constructor(hub: Hub, origin: Origin, store: Isolator['store']) {
    this.#hub = hub
    this.#stamp = { origin, wall: Number.NaN, now: Number.NaN, text: undefined }
    this.#store = store
    this.#isPlain = hub.history === undefined && !hub.observed && store === undefined
  }

  /** Nothing is accepted any more. */
  close(reason: BusbarError): void {
    this.closed = reason
    this.#isPlain = false
  }

  /** See `Broker.publish`. Small, so that the engine can inline the whole way to a `qos: 0` handler. */
  publish(topic: string, data: unknown, options: PublishOptions | undefined): Promise<void> {
    try {
      if (options !== undefined || !this.#isPlain) return this.#publish(topic, data, options)
      const route = this.#hub.router.find(topic)
      const { only } = route
      const event = new Envelope(topic, data, undefined, ++this.#serial, this.#now(), only)
      if (only === undefined) return this.#offer(event, route)
      this.published++
      this.#hub.dispatcher.call(event, only)
      return done
    } catch (error) {
      return this.#refuse(error, topic)
    }
  }

  /** As `#admit`, when there is nobody to tell. */
  #offer(event: Envelope, route: Route): Promise<void> {
    const { queues, directs, fan, isSelective } = route
    if (isSelective) return this.#admit(event, route, undefined)
    for (let i = 0; i < queues.length; i++) if (queues[i]?.isFull) return this.#admit(event, route, undefined)
    this.published++
    for (let i = 0; i < queues.length; i++) queues[i]?.offer(event, false)
    if (directs.length > 0) this.#hub.dispatcher.fanOut(event, directs, fan)
    for (let i = 0; i < queues.length; i++) queues[i]?.wake()
    return done
  }

  #publish(topic: string, data: unknown, options: PublishOptions | undefined): Promise<void> {
    if (this.closed !== undefined) throw this.closed
    const route = this.#hub.router.find(topic)
    const checked = options === undefined ? undefined : checkPublish(options)
    const extras = checked === undefined ? this.#hub.history && extrasOf({}, {}) : this.#readExtras(checked)
    const stored = this.#store === undefined ? data : this.#store(data)
    const event = new Envelope(topic, stored, extras, ++this.#serial, this.#moment(extras))
    return this.#admit(event, route, checked?.signal)
  }

  /** Accepts the event, or lets it wait for room. */
  #admit(event: Envelope, route: Route, signal: AbortSignal | undefined): Promise<void> {
    const taking = this.#taking(event, route)
    if (taking instanceof MessageQueue) return this.#wait(event, taking, signal)
    this.#commit(event, route, taking, false)
    return done
  }

  /** A message goes to the dead letter topic of its queue; that never waits. */
  readonly deadLetter = (queue: MessageQueue, delivery: Delivery, reason: GivenUp, error: unknown): void => {
    const topic = queue.rules.deadLetterTopic
    if (topic === undefined) return
    const extras = deadLetterOf(delivery.envelope, {
      reason,
      filter: queue.filter,
      group: queue.group,
      deliveries: delivery.deliveryCount,
      error,
    })
    const event = new Envelope(topic, delivery.envelope.data, extras, ++this.#serial, this.#now())
    const route = this.#hub.router.find(topic)
    this.#commit(event, route, this.#wanted(route.queues, route, event), true)
  }

  /**
   * Who takes an event, if there is room for it everywhere.
   * @param head the queue at the head of whose line the event has stood
   * @returns the queues, or the one that it has to wait for
   * @throws {BusbarError} `ERR_QUEUE_FULL`
   */
  #taking(event: Envelope, route: Route, head?: MessageQueue): readonly MessageQueue[] | MessageQueue {
    this.#catchUp(event, route.queues, head)
    const queues = this.#wanted(route.queues, route, event)
    let full: MessageQueue | undefined
    for (const queue of queues) {
      if (queue.isFull && !(queue === head && queue.hasRoom) && mustWait(queue, event)) full ??= queue
    }
    return full ?? queues
  }

  /** Timers may be late: what has expired by now takes no room, so nothing is refused, held up or lost for it. */
  #catchUp(event: Envelope, queues: readonly MessageQueue[], head: MessageQueue | undefined): void {
    for (const queue of queues) {
      if (queue.hasRoom || queue.nextDeadline === Infinity) continue
      const now = this.#hub.clock.now()
      // Who comes from another line joins this one, before those that came later.
      if (queue.nextDeadline > now || (head !== undefined && queue.hasLine)) continue
      while (!queue.hasRoom && queue.nextDeadline <= now) queue.fire(now)
      // Whoever stood in line for that room came before.
      event.restamp(++this.#serial, this.#moment(event.extras))
    }
  }

  #wanted<T extends MessageQueue | Direct>(
    targets: readonly T[],
    { isSelective }: Route,
    event: Envelope,
  ): readonly T[] {
    return isSelective ? targets.filter((target) => this.#hub.accepts(target, event)) : targets
  }

  /** The moment of acceptance. @param isForced whether queues take it beyond their capacity */
  #commit(event: Envelope, route: Route, queues: readonly MessageQueue[], isForced: boolean): void {
    this.published++
    const { extras } = event
    if (extras !== undefined && this.#hub.history !== undefined) extras.sequence = this.#hub.history.record(event)
    for (const queue of queues) if (!queue.isRetired) queue.offer(event, isForced)
    if (this.#hub.observed) this.#hub.tell('published', NOBODY, event, { deliveryCount: 0 })
    if (route.directs.length > 0) this.#direct(event, this.#wanted(route.directs, route, event), route)
    for (const queue of queues) queue.wake()
  }

  /** `qos: 0`: called now, or kept until the event is due. */
  #direct(event: Envelope, targets: readonly Direct[], { isSelective, fan }: Route): void {
    const { expiresAt, dueAt } = event
    if (expiresAt < Infinity && expiresAt <= this.#hub.clock.now()) {
      for (const target of targets) target.refuse(event, 'expired')
    } else if (dueAt > -Infinity) {
      // A `where` may have ended some.
      for (const target of targets) if (!target.isRetired) target.delay(event)
    } else this.#hub.dispatcher.fanOut(event, targets, isSelective ? undefined : fan)
  }

  #wait(event: Envelope, full: MessageQueue, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    const { line } = this.#hub
    return handled(
      new Promise((resolve, reject) => {
        const refuse = (error: unknown): void => {
          signal?.removeEventListener('abort', abort)
          reject(this.#count(error, event.topic))
        }
        const abort = (): void => {
          line.leave(waiter)
          refuse(signal?.reason)
        }
        const enter = (head: MessageQueue): MessageQueue | undefined => {
          try {
            event.restamp(++this.#serial, this.#moment(event.extras))
            const route = this.#hub.router.find(event.topic)
            const taking = this.#taking(event, route, head)
            if (taking instanceof MessageQueue) return taking
            signal?.removeEventListener('abort', abort)
            resolve()
            this.#commit(event, route, taking, false)
          } catch (error) {
            refuse(error)
          }
          return undefined
        }
        const waiter: Waiter = { order: event.order, isOver: false, enter, refuse }
        signal?.addEventListener('abort', abort)
        line.join(full, waiter)
      }),
    )
  }

  #refuse(error: unknown, topic: unknown): Promise<never> {
    return handled(Promise.reject(this.#count(error, topic)))
  }

  #count(error: unknown, topic: unknown): unknown {
    this.refused++
    this.#hub.refused(error, topic)
    return error
  }

  #now(): Stamp {
    const stamp = this.#stamp
    const wall = this.#hub.clock.wallTime()
    return wall === stamp.wall ? stamp : this.#renew(wall)
  }

  /** As `#now`, with the broker's clock if the event asks for it. */
  #moment(extras: Extras | undefined): Stamp {
    if (extras === undefined || !isTimed(extras)) return this.#now()
    const { clock } = this.#hub
    const wall = clock.wallTime()
    const now = clock.now()
    return wall === this.#stamp.wall && now === this.#stamp.now ? this.#stamp : this.#renew(wall, now)
  }

  #renew(wall: number, now: number = this.#stamp.now): Stamp {
    this.#stamp = { origin: this.#stamp.origin, wall, now, text: undefined }
    return this.#stamp
  }

  #readExtras(checked: PublishOptions): Extras {
    const { extensions, ttlMs = 0 } = checked
    if (this.#hub.clock.wallTime() + ttlMs > LAST_DATE_MS) refuseOption('ttlMs', 'it ends after the last date there is')
    if (this.#hub.history === undefined && asksForTimeOnly(checked)) return this.#share(checked)
    const attributes = { ...checkAttributes(checked), ...(extensions !== undefined && checkExtensions(extensions)) }
    return extrasOf(attributes, checked)
  }

  /** A million events that wait should not hold a million objects that say the same. */
  #share(checked: PublishOptions): Extras {
    const { ttlMs, delayMs } = this.#shared
    if (ttlMs !== checked.ttlMs || delayMs !== checked.delayMs) this.#shared = extrasOf({}, checked)
    return this.#shared
  }
}

function asksForTimeOnly(checked: PublishOptions): boolean {
  for (const name in checked) if (name !== 'ttlMs' && name !== 'delayMs') return false
  return true
}

/** @returns whether an event has to wait for room in a full queue. @throws {BusbarError} `ERR_QUEUE_FULL` */
function mustWait({ filter, rules, isRetired }: MessageQueue, { topic }: Envelope): boolean {
  // A `where` may have ended it: the event does not go there.
  if (isRetired) return false
  if (rules.overflow !== 'reject') return rules.overflow === 'wait'
  throw new BusbarError('ERR_QUEUE_FULL', `The queue of ${quote(filter)} is full`, { topic, filter })
}

/** Whom the observation of a publish concerns. */
const NOBODY = { filter: undefined }
