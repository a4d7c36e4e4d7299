/**
 * What a server does once in a turn of the event loop, when everything that has
 * come in by then is read: it handles all those requests, and then sends all
 * answers that are known. Doing one thing in a row keeps what it takes in the
 * processor's caches. And an answer wakes its client, which costs more than
 * making the answer: those that go out in a row wake it once, and it reads the
 * others on its way.
 *
 * Layer 20.
 */
import { nextTurn } from '../time/clock.ts'

/** A request and its answer, as far as the turn has to know them. Neither throws. */
interface Shared {
  /** Reads the request, and handles it if it is here whole. */
  receive(): void
  /** Sends the answer. */
  send(): void
}

export class SharedTurn {
  #toReceive: Shared[] = []
  #toSend: Shared[] = []
  /** Whether there will be a turn that takes what waits now. */
  #isComing = false

  receiveSoon(shared: Shared): void {
    this.#toReceive.push(shared)
    this.#come()
  }

  sendSoon(shared: Shared): void {
    this.#toSend.push(shared)
    this.#come()
  }

  /** Does now what waits for the turn. */
  run(): void {
    const received = this.#toReceive
    this.#toReceive = []
    for (const shared of received) shared.receive()
    // What comes from here on has a turn of its own.
    this.#isComing = false
    const answered = this.#toSend
    this.#toSend = []
    for (const shared of answered) shared.send()
  }

  #come(): void {
    if (this.#isComing) return
    this.#isComing = true
    nextTurn(() => this.run())
  }
}
