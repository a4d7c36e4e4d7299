/**
 * Publishing: an event is checked, stamped and offered to every queue that it
 * matches, or to none of them.
 *
 * Layer 15.
 */
import { refuseOption } from './checks.ts'
import type { Delivery } from './delivery/delivery.ts'
import type { Direct } from './delivery/direct.ts'
import type { MessageQueue } from './delivery/queue.ts'
import type { GivenUp } from './delivery/rules.ts'
import { BusbarError, quote } from './errors.ts'
import { checkAttributes, checkExtensions } from './event/cloudevent.ts'
import { deadLetterOf } from './event/dead-letter.ts'
import { Envelope, type Extras, extrasOf, isTimed, type Origin, type Stamp } from './event/envelope.ts'
import type { Isolator } from './event/isolation.ts'
import type { Hub } from './hub.ts'
import type { Waiter } from './line.ts'
import { checkPublish, type PublishOptions } from './options.ts'
import { done, handled, refusal } from './promises.ts'
import type { Route, Router } from './router.ts'

/** Whom an event is for. */
type Takers = Pick<Route, 'queues' | 'directs' | 'fan'>

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
  readonly #dispatcher: Hub['dispatcher']
  readonly #store: Isolator['store']
  /** While an event without options is nothing but its topic and its data, and is accepted without anybody watching. */
  #router: Router | undefined
  #serial = 0
  /** Of the latest event; shared by those of the same millisecond. */
  #stamp: Stamp
  /** Of the latest event that asked for nothing but a ttl or a delay. */
  #shared: Extras = extrasOf({}, {})

  constructor(hub: Hub, origin: Origin, store: Isolator['store']) {
    this.#hub = hub
    this.#dispatcher = hub.dispatcher
    this.#stamp = { origin, wall: Number.NaN, now: 0, text: undefined }
    this.#store = store
    this.#router = hub.history === undefined && !hub.observed && store === undefined ? hub.router : undefined
  }

  /** Nothing is accepted any more. */
  close(reason: BusbarError): void {
    this.closed = reason
    this.#router = undefined
  }

  /** @throws {BusbarError} `ERR_CLOSED` */
  needOpen(): void {
    if (this.closed !== undefined) throw this.closed
  }

  /** See `Broker.publish`. Small, so that the engine can inline the whole way to a `qos: 0` handler. */
  publish(topic: string, data: unknown, options: PublishOptions | undefined): Promise<void> {
    try {
      const router = this.#router
      if (options !== undefined || router === undefined) return this.#publish(topic, data, options)
      const route = router.next(topic)
      const { only } = route
      const event = new Envelope(topic, data, undefined, ++this.#serial, this.#now(), only)
      if (only === undefined) return this.#offer(event, route, undefined)
      this.published++
      this.#dispatcher.call(event, only)
      return done
    } catch (error) {
      return refusal(this.#count(error, topic))
    }
  }

  /** As `#admit`, when there is nobody to tell. */
  #offer(event: Envelope, route: Route, signal: AbortSignal | undefined): Promise<void> {
    const { queues, directs, fan, isSelective } = route
    // For who has no queue there is more to look at, when it is not a plain event.
    if (isSelective || (directs.length > 0 && event.extras !== undefined)) return this.#admit(event, signal)
    for (let i = 0; i < queues.length; i++) if (queues[i]?.isFull) return this.#admit(event, signal)
    this.published++
    for (let i = 0; i < queues.length; i++) queues[i]?.offer(event, false)
    if (directs.length > 0) this.#dispatcher.fanOut(event, directs, fan)
    for (let i = 0; i < queues.length; i++) queues[i]?.wake()
    return done
  }

  #publish(topic: string, data: unknown, options: PublishOptions | undefined): Promise<void> {
    this.needOpen()
    this.#hub.router.find(topic) // which checks it, before anything else is looked at
    const checked = options === undefined ? undefined : checkPublish(options)
    const extras = checked === undefined ? this.#hub.history && extrasOf({}, {}) : this.#readExtras(checked)
    const stored = this.#store === undefined ? data : this.#store(data)
    const event = new Envelope(topic, stored, extras, ++this.#serial, this.#now(extras))
    const signal = checked?.signal
    return this.#router === undefined
      ? this.#admit(event, signal)
      : this.#offer(event, this.#router.find(topic), signal)
  }

  /** Accepts the event, or lets it wait for room. */
  #admit(event: Envelope, signal: AbortSignal | undefined): Promise<void> {
    const full = this.#enter(event)
    return full === undefined ? done : this.#wait(event, full, signal)
  }

  /** A message goes to the dead letter topic of its queue; that never waits. */
  readonly deadLetter = (queue: MessageQueue, delivery: Delivery, reason: GivenUp, error: unknown): void => {
    const { envelope, deliveryCount } = delivery
    const topic = queue.rules.deadLetterTopic
    if (topic === undefined) return
    const extras = deadLetterOf(envelope, queue, { reason, deliveryCount, error })
    const event = new Envelope(topic, envelope.data, extras, ++this.#serial, this.#now())
    this.#commit(event, this.#choose(event), true)
  }

  /**
   * Accepts the event, if there is room for it everywhere.
   * @param head the queue at the head of whose line it has stood
   * @returns the queue that it has to wait for, undefined when it was accepted
   * @throws {BusbarError} `ERR_QUEUE_FULL`; `ERR_CLOSED`, or the reason of `signal`, when somebody did that who was asked
   */
  #enter(event: Envelope, head?: MessageQueue, signal?: AbortSignal): MessageQueue | undefined {
    this.#catchUp(event, head)
    const takers = this.#choose(event)
    this.needOpen()
    signal?.throwIfAborted()
    let full: MessageQueue | undefined
    for (const queue of takers.queues) {
      if (queue.isFull && !(queue === head && queue.hasRoom) && mustWait(queue, event)) full ??= queue
    }
    if (full !== undefined) return full
    this.#commit(event, takers, false)
    return undefined
  }

  /** Timers may be late: what has expired by now takes no room, so nothing is refused, held up or lost for it. */
  #catchUp(event: Envelope, head: MessageQueue | undefined): void {
    for (const queue of this.#hub.router.find(event.topic).queues) {
      if (queue.hasRoom || queue.nextDeadline === Infinity) continue
      const now = this.#hub.clock.now()
      // Who comes from another line joins this one, before those that came later.
      if (queue.nextDeadline > now || (head !== undefined && queue.hasLine)) continue
      // Those in line may take each room that there is; the rest is left to the timer when there was enough for one turn.
      while (!queue.hasRoom && queue.nextDeadline <= now && !(queue.hasLine && this.#dispatcher.turn.spend()))
        queue.fire(now)
      // Whoever stood in line for that room came before.
      this.#restamp(event)
    }
  }

  /** Who takes the event, as far as there is room. All have looked at it before anybody gets it. */
  #choose(event: Envelope): Takers {
    const route = this.#hub.router.find(event.topic)
    if (!route.isSelective) return route
    const accepts = (target: MessageQueue | Direct): boolean => this.#hub.accepts(target, event)
    const queues = route.queues.filter(accepts)
    const directs = route.directs.filter(accepts)
    // What a `where` has published came before.
    if (event.order !== this.#serial) this.#restamp(event)
    // It may also have ended some.
    return { queues: queues.filter(isOpen), directs: directs.filter(isOpen) }
  }

  #restamp(event: Envelope): void {
    event.restamp(++this.#serial, this.#now(event.extras))
  }

  /** The moment of acceptance. @param isForced whether queues take it beyond their capacity */
  #commit(event: Envelope, takers: Takers, isForced: boolean): void {
    this.published++
    const { extras } = event
    if (extras !== undefined && this.#hub.history !== undefined) extras.sequence = this.#hub.history.record(event)
    if (this.#hub.observed) this.#hub.atOnce(() => this.#give(event, takers, isForced))
    else this.#give(event, takers, isForced)
    for (const queue of takers.queues) queue.wake()
  }

  #give(event: Envelope, takers: Takers, isForced: boolean): void {
    for (const queue of takers.queues) queue.offer(event, isForced)
    this.#hub.tell('published', {}, event, { deliveryCount: 0 })
    if (takers.directs.length > 0) this.#direct(event, takers)
  }

  /** `qos: 0`: called now, or kept until the event is due. */
  #direct(event: Envelope, { directs, fan }: Takers): void {
    const { expiresAt, dueAt } = event
    if (dueAt > -Infinity) for (const target of directs) target.delay(event)
    // A fan asks nobody whether it has expired.
    else this.#dispatcher.fanOut(event, directs, expiresAt < Infinity ? undefined : fan)
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
          // What happens to the signal meanwhile is looked at when all have been asked.
          signal?.removeEventListener('abort', abort)
          try {
            this.#restamp(event)
            const full = this.#enter(event, head, signal)
            if (full === undefined) resolve()
            else signal?.addEventListener('abort', abort)
            return full
          } catch (error) {
            return void refuse(error)
          }
        }
        const waiter: Waiter = { order: event.order, isOver: false, enter, refuse }
        signal?.addEventListener('abort', abort)
        line.join(full, waiter)
      }),
    )
  }

  #count(error: unknown, topic: unknown): unknown {
    this.refused++
    this.#hub.refused(error, topic)
    return error
  }

  /** This moment; the broker's clock is read only for an event that asks for it. */
  #now(extras?: Extras): Stamp {
    const stamp = this.#stamp
    const { clock } = this.#hub
    const wall = clock.wallTime()
    const now = extras !== undefined && isTimed(extras) ? clock.now() : stamp.now
    return wall === stamp.wall && now === stamp.now ? stamp : this.#renew(wall, now)
  }

  #renew(wall: number, now: number): Stamp {
    return (this.#stamp = { origin: this.#stamp.origin, wall, now, text: undefined })
  }

  #readExtras(checked: PublishOptions): Extras {
    const { extensions, ttlMs = 0 } = checked
    if (this.#hub.clock.wallTime() + ttlMs > LAST_DATE_MS) refuseOption('ttlMs', 'it ends after the last date there is')
    if (this.#hub.history === undefined && asksForTimeOnly(checked)) return this.#share(checked)
    const attributes = checkAttributes(checked)
    return extrasOf(extensions === undefined ? attributes : checkExtensions(extensions, attributes), checked)
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
function mustWait({ filter, rules }: MessageQueue, { topic }: Envelope): boolean {
  if (rules.overflow !== 'reject') return rules.overflow === 'wait'
  throw new BusbarError('ERR_QUEUE_FULL', `The queue of ${quote(filter)} is full`, { topic, filter })
}

function isOpen({ isRetired }: MessageQueue | Direct): boolean {
  return !isRetired
}
