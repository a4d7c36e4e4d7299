/**
 * The queued messages of one queue, and which of them is next: first those
 * whose delay is over, the oldest event before the others, then those that were
 * never delivered, in order of acceptance.
 *
 * An delivery that ends while it stands here stays until it is passed or swept:
 * its `state` says that it is over.
 *
 * Layer 8.
 */
import { comesAfter, type Delivery, isQueued } from './delivery.ts'
import { firstLive, Lanes, takeLive } from './lanes.ts'
import { Ring } from './ring.ts'

/** Ended deliveries that may stand here beside as many living ones. */
const SWEEP_AT = 64

export class Backlog {
  readonly #fresh = new Ring<Delivery>()
  readonly #returned = new Ring<Delivery>()
  /** Made when the first event with a key comes. */
  #lanes: Lanes | undefined
  /** With `ordered`: messages without a key that wait for redelivery and hold back all that come after them. */
  #holding: Set<Delivery> | undefined
  /** Ended deliveries that still stand here. */
  #dead = 0

  /** A message that was never delivered. */
  push(delivery: Delivery): void {
    if (delivery.envelope.key !== undefined) this.#lanes ??= new Lanes()
    this.#fresh.push(delivery)
  }

  /** A message whose delay is over, or that was given back. */
  pushBack(delivery: Delivery): void {
    if (delivery.envelope.key !== undefined) this.#lanes ??= new Lanes()
    this.#returned.insert(delivery, comesAfter)
  }

  /** Takes out the next message, unless it is held back. */
  shift(): Delivery | undefined {
    return this.#returned.length === 0 && this.#holding === undefined ? takeLive(this.#fresh) : this.#choose()
  }

  /** @returns whether the message may go on; if another one of its key is under way, it is parked until that is released */
  claim(delivery: Delivery): boolean {
    return this.#lanes === undefined || this.#lanes.claim(delivery)
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
    if (delivery.envelope.key === undefined) (this.#holding ??= new Set()).add(delivery)
  }

  /** @returns whether the message had held back others */
  letGo(delivery: Delivery): boolean {
    return this.#holding?.delete(delivery) ?? false
  }

  oldest(): Delivery | undefined {
    const returned = firstLive(this.#returned)
    if (returned !== undefined) return returned
    const parked = this.#lanes?.oldest()
    const fresh = firstLive(this.#fresh)
    return parked === undefined || (fresh !== undefined && comesAfter(parked, fresh)) ? fresh : parked
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
    return all
  }

  #choose(): Delivery | undefined {
    const ring = firstLive(this.#returned) === undefined ? this.#fresh : this.#returned
    return this.#isHeldBack(firstLive(ring)) ? undefined : takeLive(ring)
  }

  #isHeldBack(delivery: Delivery | undefined): boolean {
    if (delivery === undefined || this.#holding === undefined) return false
    return [...this.#holding].some((holding) => comesAfter(delivery, holding))
  }
}
