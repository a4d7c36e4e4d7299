/**
 * Publishes that wait for room, one line a full queue. Who waits has not
 * happened yet: at the head of its line it tries to be accepted, and when
 * another queue is full it joins that line instead, before all that came later.
 * Nobody waits in two lines, so nobody can block a queue that has room.
 *
 * Layer 10.
 */
import type { MessageQueue } from './delivery/queue.ts'
import { Ring } from './delivery/ring.ts'

/** Something that wants to enter queues. */
export interface Waiter {
  /** Those that came earlier have a lower one. */
  readonly order: number
  /** Set when the waiting was given up. */
  isOver: boolean
  /**
   * Tries to enter. @param head the queue at whose head it stands: nobody is before it there
   * @returns the queue that it has to wait for, undefined when its waiting is over
   */
  enter(head: MessageQueue): MessageQueue | undefined
  /** The broker closes. */
  refuse(error: unknown): void
}

/** Waiters that were given up may stand in the lines beside as many that were not. */
const SWEEP_AT = 64

export class Line {
  readonly #lines = new Map<MessageQueue, Ring<Waiter>>()
  #size = 0
  /** Waiters that were given up and still stand in a line. */
  #dead = 0

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  join(queue: MessageQueue, waiter: Waiter): void {
    let line = this.#lines.get(queue)
    if (line === undefined) this.#lines.set(queue, (line = new Ring()))
    line.insert(waiter, (a, b) => a.order > b.order)
    queue.hasLine = true
    this.#size++
  }

  leave(waiter: Waiter): void {
    if (waiter.isOver) return
    waiter.isOver = true
    this.#size--
    if (++this.#dead < SWEEP_AT + this.#size && this.#size > 0) return
    this.#dead = 0
    for (const [queue, line] of this.#lines) {
      line.keep(({ isOver }) => !isOver)
      this.#tidy(queue, line)
    }
  }

  /** The queue may have room: lets those at the head of its line try. */
  advance(queue: MessageQueue): void {
    const line = this.#lines.get(queue)
    if (line === undefined) return
    while (!line.isEmpty && (queue.isRetired || queue.hasRoom)) {
      const waiter = line.shift() as Waiter // the line is not empty
      if (waiter.isOver) continue
      this.#size--
      const next = waiter.enter(queue)
      if (next !== undefined) this.join(next, waiter)
    }
    this.#tidy(queue, line)
  }

  refuseAll(error: unknown): void {
    const waiters = [...this.#lines.values()].flatMap((line) => line.toArray())
    for (const queue of this.#lines.keys()) queue.hasLine = false
    this.#lines.clear()
    for (const waiter of waiters) {
      if (waiter.isOver) continue
      this.leave(waiter)
      waiter.refuse(error)
    }
  }

  #tidy(queue: MessageQueue, line: Ring<Waiter>): void {
    if (!line.isEmpty || this.#lines.get(queue) !== line) return
    this.#lines.delete(queue)
    queue.hasLine = false
  }
}
