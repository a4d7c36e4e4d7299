/**
 * A first-in-first-out queue in a chain of arrays, each used in a circle:
 * taking from the front moves nothing, and neither does growing. A burst lies
 * in many arrays of one size, which are forgotten as it runs off; what a queue
 * holds all the time fits into one.
 *
 *   #front                                   #back
 *   [ . . c d ] --> [ e f g h i j k l ] --> [ m n o . . . . . . . . . . . . . ]
 *
 * Layer 2.
 */
const SMALLEST = 8
/** Small enough to be young: what an old array points to costs the garbage collector more. */
const LARGEST = 1024

/** One array of the chain: `slots[(head + i) & mask]` for all i below its length. */
class Circle<T> {
  readonly slots: (T | undefined)[]
  head = 0
  length = 0
  /** Its neighbours; `previous` is towards the front. */
  previous: Circle<T> | undefined
  next: Circle<T> | undefined

  constructor(capacity: number, previous: Circle<T> | undefined) {
    this.slots = new Array(capacity)
    this.previous = previous
  }
}

/** What an empty ring begins with: pushing replaces it. */
const nothing: Circle<never> = new Circle<never>(0, undefined)

/** Of anything but undefined. */
export class Ring<T> {
  #front: Circle<T> = nothing
  #back: Circle<T> = nothing

  get isEmpty(): boolean {
    return this.#front.length === 0
  }

  /** The first item, without taking it. */
  get first(): T | undefined {
    return this.#front.slots[this.#front.head]
  }

  push(item: T): void {
    const back = this.#back.length < this.#back.slots.length ? this.#back : this.#lengthen()
    back.slots[(back.head + back.length++) & (back.slots.length - 1)] = item
  }

  shift(): T | undefined {
    const front = this.#front
    const { slots, head } = front
    const item = slots[head]
    if (item === undefined) return undefined
    slots[head] = undefined
    front.head = (head + 1) & (slots.length - 1)
    if (--front.length === 0) this.#shorten()
    return item
  }

  /** Puts `item` before all at the end that come after it; cheap when it belongs near the end. */
  insert(item: T, comesAfter: (other: T, item: T) => boolean): void {
    const later: T[] = []
    while (!this.isEmpty && comesAfter(this.#last, item)) later.push(this.#pop())
    this.push(item)
    while (later.length > 0) this.push(later.pop() as T) // it is not empty
  }

  /** Takes out whatever is not to be kept; the order of the rest stays. */
  keep(wanted: (item: T) => boolean): void {
    const kept = this.toArray().filter(wanted)
    this.clear()
    for (const item of kept) this.push(item)
  }

  clear(): void {
    this.#front = this.#back = nothing
  }

  toArray(): T[] {
    const items: (T | undefined)[] = []
    for (let circle: Circle<T> | undefined = this.#front; circle !== undefined; circle = circle.next) {
      const { slots, head, length } = circle
      for (let i = 0; i < length; i++) items.push(slots[(head + i) & (slots.length - 1)])
    }
    return items as T[] // all slots within the length are filled
  }

  /** The last item of a ring that is not empty. */
  get #last(): T {
    const { slots, head, length } = this.#back
    return slots[(head + length - 1) & (slots.length - 1)] as T
  }

  #pop(): T {
    const item = this.#last
    const back = this.#back
    const { slots, previous } = back
    slots[(back.head + --back.length) & (slots.length - 1)] = undefined
    if (back.length > 0 || previous === undefined) return item
    previous.next = undefined
    this.#back = previous
    return item
  }

  /** The array at the end is full: another one follows it. */
  #lengthen(): Circle<T> {
    const full = this.#back
    const capacity = Math.min(LARGEST, Math.max(SMALLEST, full.slots.length * 2))
    this.#back = new Circle(capacity, full.length > 0 ? full : undefined)
    if (full.length > 0) full.next = this.#back
    else this.#front = this.#back
    return this.#back
  }

  /** The array at the front is empty: it goes, unless it is the only one. */
  #shorten(): void {
    const { next } = this.#front
    if (next === undefined) return
    next.previous = undefined
    this.#front = next
  }
}
