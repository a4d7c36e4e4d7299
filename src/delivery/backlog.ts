/**
 * The queued messages of one queue, and which of them is next: first those
 * whose delay is over, the oldest event before the others, then those that were
 * never delivered, in order of acceptance.
 *
 * A delivery that ends while it stands here stays until it is passed or swept:
 * its `state` says that it is over.
 *
 * Layer 8.
 */
import type { Envelope } from '../event/envelope.ts'
import { comesAfter, Delivery, isQueued, type Queued } from './delivery.ts'
import { firstLive, Lanes } from './lanes.ts'
import { Ring } from './ring.ts'
import type { Timetable } from './timetable.ts'

/** Ended deliveries that may stand here beside as many living ones. */
const SWEEP_AT = 64

export class Backlog {
  readonly #times: Timetable
  readonly #fresh = new Ring<Queued>()
  /** Nothing in `#fresh` expires later. */
  #latestExpiry = -Infinity
  readonly #returned = new Ring<Delivery>()
  /** Made when the turn of the first event with a key comes. */
  #lanes: Lanes | undefined
  /** With `ordered`: messages without a key that wait for redelivery and hold back all that come after them. */
  #holding: Set<Delivery> | undefined
  /** Ended deliveries that still stand here; less by one while an event that was taken out comes to its end. */
  #dead = 0

  constructor(times: Timetable) {
    this.#times = times
  }

  /** An event with nothing to know but its turn. */
  push(event: Envelope): void {
    this.#latestExpiry = Infinity
    this.#fresh.push(event)
  }

  /**
   * An event that may have a key, or expire. If it expires no earlier than all
   * others here, it is enough to watch the first of them, and it stands here as
   * it is. One with a key does not: it may leave its place for a lane.
   */
  pushSpecial(event: Envelope): void {
    const { key, expiresAt } = event
    if (this.#fresh.isEmpty) this.#latestExpiry = -Infinity
    const item = key !== undefined || expiresAt < this.#latestExpiry ? new Delivery(event, 0) : event
    this.#latestExpiry = Math.max(this.#latestExpiry, expiresAt)
    this.#fresh.push(item)
    if (expiresAt === Infinity) return
    if (item instanceof Delivery) this.#times.set(item, expiresAt)
    else this.#times.announce(expiresAt)
  }

  /** When the first event expires that stands here as it is; a delivery before it expires no later, and has a deadline of its own. */
  get nextExpiry(): number {
    const first = firstLive(this.#fresh)
    return first === undefined || first instanceof Delivery ? Infinity : first.expiresAt
  }

  /** Takes that out, if it has expired and nothing else is due before it. */
  takeExpired(now: number): Delivery | undefined {
    const { nextExpiry } = this
    const event = nextExpiry <= now ? this.#fresh.first : undefined
    if (event === undefined || this.#times.precedes(nextExpiry, event.order)) return undefined
    return this.#takeOut(event)
  }

  /** A message whose delay is over, or that was given back. */
  pushBack(delivery: Delivery): void {
    this.#returned.insert(delivery, comesAfter)
  }

  /** Takes out the next message that is not held back; it may have ended where it stood. */
  shift(): Queued | undefined {
    return this.#returned.isEmpty && this.#holding === undefined ? this.#fresh.shift() : this.#shiftFirst()
  }

  /** As `shift`, when it is not just the first that was never delivered. */
  #shiftFirst(): Queued | undefined {
    return this.#shiftFrom(this.#returned) ?? this.#shiftFrom(this.#fresh)
  }

  /** @returns whether the message may go on; if another one of its key is under way, it is parked until that is released */
  claim(delivery: Delivery): boolean {
    return delivery.key === undefined || (this.#lanes ??= new Lanes()).claim(delivery)
  }

  /** The message is no longer under way: the next one of its key can go on. @returns whether there is one */
  release(delivery: Delivery): boolean {
    const next = this.#lanes?.release(delivery)
    if (next !== undefined) this.#returned.insert(next, comesAfter)
    return next !== undefined
  }

  /** With `ordered`: `next` goes on in the stead of `delivery`, and holds up what that did. */
  pass(delivery: Delivery, next: Delivery): void {
    this.#lanes?.pass(delivery, next)
  }

  /** With `ordered`: a message waits for redelivery, and those that come after it wait with it. */
  hold(delivery: Delivery): void {
    // One with a key keeps its lane instead.
    if (delivery.key === undefined) (this.#holding ??= new Set()).add(delivery)
  }

  /** @returns whether the message had held back others */
  letGo(delivery: Delivery): boolean {
    return this.#holding?.delete(delivery) ?? false
  }

  /** The one to go when there is no room; a plain event is taken out for that. */
  oldest(): Delivery | undefined {
    const first = firstLive<Queued>(this.#returned) ?? firstLive(this.#fresh)
    const parked = this.#lanes?.oldest()
    if (parked !== undefined && (first === undefined || comesAfter(first, parked))) return parked
    if (first === undefined || first instanceof Delivery) return first
    return this.#takeOut(first)
  }

  /** A queued message ended where it stood: when too many have, they are swept out. @param living how many are queued */
  bury(living: number): void {
    if (++this.#dead < SWEEP_AT + living && living > 0) return
    this.#dead = 0
    this.#fresh.keep(isQueued)
    this.#returned.keep(isQueued)
    this.#lanes?.sweep()
  }

  /** Takes out everything that is queued. */
  clear(): Delivery[] {
    const all = [...this.#returned.toArray(), ...(this.#lanes?.parked() ?? []), ...this.#fresh.toArray()]
    this.#fresh.clear()
    this.#returned.clear()
    return all.map(deliveryOf)
  }

  /** In a ring the oldest comes first: if that is held back, all are. */
  #shiftFrom(ring: Ring<Queued>): Queued | undefined {
    return this.#isHeldBack(firstLive(ring)) ? undefined : ring.shift()
  }

  /** Takes out the first event that was never delivered, because it comes to its end: it will not stand here then. */
  #takeOut(first: Queued): Delivery {
    this.#fresh.shift()
    this.#dead--
    return deliveryOf(first)
  }

  #isHeldBack(item: Queued | undefined): boolean {
    if (this.#holding === undefined || item === undefined) return false
    return [...this.#holding].some((holding) => comesAfter(item, holding))
  }
}

function deliveryOf(item: Queued): Delivery {
  return item instanceof Delivery ? item : new Delivery(item, 0)
}
