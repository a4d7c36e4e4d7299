/**
 * Publishes that wait for room, one line a full queue. Who waits has not
 * happened yet: at the head of its line it tries to be accepted, and when
 * another queue is full it goes to the end of that line instead. Nobody waits
 * in two lines, so nobody can block a queue that has room.
 *
 * Layer 7.
 */
import type { MessageQueue } from './delivery/queue.ts'

/** Something that wants to enter queues. */
export interface Waiter {
  /**
   * Tries to enter. @param head the queue at whose head it stands: nobody is before it there
   * @returns the queue that it has to wait for, undefined when its waiting is over
   */
  attempt(head: MessageQueue): MessageQueue | undefined
  /** The broker closes. */
  refuse(error: unknown): void
}

export class Line {
  readonly #lines = new Map<MessageQueue, Set<Waiter>>()

  /** How many wait. */
  get size(): number {
    let size = 0
    for (const line of this.#lines.values()) size += line.size
    return size
  }

  join(queue: MessageQueue, waiter: Waiter): void {
    const line = this.#lines.get(queue)
    if (line === undefined) this.#lines.set(queue, new Set([waiter]))
    else line.add(waiter)
    queue.hasLine = true
  }

  leave(waiter: Waiter): void {
    for (const [queue, line] of this.#lines) if (line.delete(waiter)) this.#tidy(queue, line)
  }

  /** The queue may have room: lets those at the head of its line try. */
  advance(queue: MessageQueue): void {
    const line = this.#lines.get(queue)
    if (line === undefined) return
    for (const waiter of line) {
      if (!queue.isOver && !queue.hasRoom) return
      line.delete(waiter)
      const next = waiter.attempt(queue)
      if (next !== undefined) this.join(next, waiter)
    }
    this.#tidy(queue, line)
  }

  refuseAll(error: unknown): void {
    const waiters = [...this.#lines.values()].flatMap((line) => [...line])
    for (const queue of this.#lines.keys()) queue.hasLine = false
    this.#lines.clear()
    for (const waiter of waiters) waiter.refuse(error)
  }

  #tidy(queue: MessageQueue, line: Set<Waiter>): void {
    if (line.size > 0 || this.#lines.get(queue) !== line) return
    this.#lines.delete(queue)
    queue.hasLine = false
  }
}
