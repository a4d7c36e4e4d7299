/**
 * The deadlines of one broker and its one native timer. The timer is armed one
 * turn of the event loop after the asking, because most of what is in flight is
 * settled within its turn and needs none; one that rings too early (deadlines
 * that were taken back stay armed while others wait) is just armed again.
 *
 * Layer 4.
 */
import { Turn } from '../delivery/turn.ts'
import { type Clock, MAX_TIMER_MS } from './clock.ts'
import { Deadlines } from './deadlines.ts'
import type { Timed } from './timed.ts'

/** What is called when its earliest deadline has come; a queue, mostly. */
export interface Scheduled extends Timed {
  readonly nextDeadline: number
  fire(now: number): void
}

export class Schedule {
  readonly #clock: Clock
  /** Each with its earliest deadline, or an earlier time that has been taken back since. */
  readonly #deadlines = new Deadlines<Scheduled>()
  /** The time that `#handle` is armed for; `Infinity` for none. */
  #armed = Infinity
  #handle: unknown
  /** Whether a turn is on its way that will do what is due, and arm the timer for the rest. */
  #isTurning = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `item` at `time`, unless it will be called before; never, if that is `Infinity`. */
  set(item: Scheduled, time: number): void {
    if (this.#deadlines.timeOf(item) <= time) return
    this.#deadlines.set(item, time)
    if (time < this.#armed) this.#wait()
  }

  /** It is not called any more; without anything to call no timer stays. */
  delete(item: Scheduled): void {
    this.#deadlines.delete(item)
    if (this.#deadlines.next === Infinity) this.#disarm()
  }

  #wait(): void {
    if (this.#isTurning) return
    this.#isTurning = true
    this.#clock.nextTurn(this.#turned)
  }

  readonly #turned = (): void => {
    this.#isTurning = false
    this.#look()
  }

  readonly #rang = (): void => {
    this.#armed = Infinity
    this.#look()
  }

  /** Does what is due. What fairness leaves of it waits for a turn: a timer would take a millisecond each time. */
  #look(): void {
    const now = this.#clock.now()
    if (this.#deadlines.next <= now) this.#fire(now)
    const { next } = this.#deadlines
    if (next <= now) this.#wait()
    else if (next < this.#armed) this.#arm(next, now)
    else if (next === Infinity) this.#disarm()
  }

  #fire(now: number): void {
    const turn = new Turn(() => this.#clock.now())
    while (!turn.spend()) {
      const item = this.#deadlines.takeDue(now)
      if (item === undefined) break
      // A queue of many goes on as long as it comes first: to take it out and put it back costs more than what is done.
      do item.fire(now)
      while (item.nextDeadline <= now && !this.#deadlines.precedes(item.nextDeadline, item.order) && !turn.spend())
      this.set(item, item.nextDeadline)
    }
  }

  #arm(time: number, now: number): void {
    this.#disarm()
    this.#armed = time
    this.#handle = this.#clock.setTimer(this.#rang, Math.min(Math.ceil(time - now), MAX_TIMER_MS))
  }

  #disarm(): void {
    if (this.#armed < Infinity) this.#clock.clearTimer(this.#handle)
    this.#armed = Infinity
  }
}
