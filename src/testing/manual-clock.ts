/**
 * A clock that stands still until a test moves it. Moving it runs what is due,
 * one moment after the other, and before each next moment everything that the
 * last one caused: microtasks, turns of the event loop, handlers.
 *
 * Layer 16.
 */
import { checkEach, checkOne, DURATION, objectWith, type Rule, type Rules } from '../checks.ts'
import { BusbarError } from '../errors.ts'
import { type Activity, type Clock, nextTurn, SystemClock } from '../time/clock.ts'
import { Deadlines } from '../time/deadlines.ts'
import { NOWHERE } from '../time/timed.ts'

/** Options of a `ManualClock`. */
export interface ManualClockOptions {
  /** The wall clock at the start, a `Date` or ms since 1970. Default 2000-01-01T00:00:00Z. */
  readonly now?: Date | number
  /**
   * Real milliseconds for which `advance` waits for a handler while nothing
   * moves, before it takes it for one that hangs. 0: only some turns of the
   * event loop. Default 10.
   */
  readonly patienceMs?: number
}

const isDate = objectWith('getTime')[1]
const MOMENT: Rule = [
  'a Date, or ms since 1970',
  (value) => (typeof value === 'number' || isDate(value)) && !Number.isNaN(new Date(Number(value)).getTime()),
]
const OPTIONS: Rules = { now: MOMENT, patienceMs: DURATION }

interface Timer {
  position: number
  readonly order: number
  readonly callback: () => void
}

/** Turns of the event loop without any progress after which a handler may hang. */
const QUIET_TURNS = 5
/** Timers that one `runAll` runs before it calls them a livelock. */
const MAX_TIMERS = 100_000
/** The same for what one of them causes: about a million messages, each moving three times. */
const MAX_MOVES = 3_000_000

/**
 * @example
 * const clock = new ManualClock()
 * const broker = new Broker({ clock })
 * broker.subscribe('greeting', (message) => console.log(message.data))
 * await broker.publish('greeting', 'hello', { delayMs: 60_000 })
 * await clock.advance(60_000) // prints hello
 */
export class ManualClock implements Clock {
  #now = 0
  /** What the wall clock shows when `#now` is 0. */
  #wallStart: number
  #order = 0
  readonly #patienceMs: number
  readonly #timers = new Deadlines<Timer>()
  readonly #activities = new Set<Activity>()
  /** Handlers that did not return in time: not waited for again. */
  #hanging = 0
  /** Turns that were asked for and have not come. */
  #turns = 0
  /** The call of `advance` or `runAll` that is under way; the next one waits for it. */
  #moving: Promise<void> = Promise.resolve()

  /** @throws {BusbarError} `ERR_OPTION_INVALID` */
  constructor(options: ManualClockOptions = {}) {
    const { now = Date.UTC(2000, 0), patienceMs = 10 } = checkEach(options, OPTIONS)
    this.#wallStart = Number(now)
    this.#patienceMs = patienceMs
  }

  /** Milliseconds by which the clock was advanced so far. */
  now(): number {
    return this.#now
  }

  /** Milliseconds since 1970. */
  wallTime(): number {
    return this.#wallStart + this.#now
  }

  /** Sets the wall clock; durations do not notice. @throws {BusbarError} `ERR_OPTION_INVALID` unless it is a moment that a date can stand for */
  setWallTime(date: Date | number): void {
    checkOne(date, MOMENT, 'date')
    this.#wallStart = Number(date) - this.#now
  }

  /**
   * Moves the clock by `ms`: runs everything that is due until then in order of
   * time, awaits the handlers it starts, and runs what they schedule inside the
   * window too. Handlers that hang are given up on, see `patienceMs`. Calls
   * that overlap run one after the other.
   *
   * @throws {BusbarError} `ERR_OPTION_INVALID` unless `ms` is finite and at least 0; `ERR_LIVELOCK` when something never rests
   */
  advance(ms: number): Promise<void> {
    checkOne(ms, DURATION, 'ms')
    return this.#move(async () => {
      const end = this.#now + ms
      await this.#settle()
      while (this.#timers.next <= end) await this.#runNext()
      this.#now = end
    })
  }

  /**
   * Moves the clock until nothing is scheduled any more.
   *
   * @throws {BusbarError} `ERR_LIVELOCK`, naming the filters of those that are busy, when timers keep arming timers
   */
  runAll(): Promise<void> {
    return this.#move(async () => {
      await this.#settle()
      for (let i = 0; this.#timers.next < Infinity; i++) {
        if (i >= MAX_TIMERS) throw this.#livelock(`${i} timers`)
        await this.#runNext()
      }
    })
  }

  setTimer(callback: () => void, delayMs: number): unknown {
    const timer: Timer = { position: NOWHERE, order: this.#order++, callback }
    this.#timers.set(timer, this.#now + delayMs)
    return timer
  }

  clearTimer(handle: unknown): void {
    this.#timers.delete(handle as Timer) // what setTimer returned
  }

  nextTurn(callback: () => void): void {
    this.#turns++
    nextTurn(() => {
      this.#turns--
      callback()
    })
  }

  attach(activity: Activity): () => void {
    this.#activities.add(activity)
    return () => this.#activities.delete(activity)
  }

  #move(run: () => Promise<void>): Promise<void> {
    const move = this.#moving.then(run)
    this.#moving = move.catch(() => {}) // told to whoever called; the next call has nothing to do with it
    return move
  }

  async #runNext(): Promise<void> {
    const time = this.#timers.next
    this.#now = Math.max(this.#now, time)
    this.#timers.takeDue(this.#now)?.callback()
    await this.#settle()
  }

  /** Waits until everything that was caused has happened. */
  async #settle(): Promise<void> {
    const real = new SystemClock()
    let quietTurns = 0
    let quietSince = real.now()
    let progress = this.#sum('progress')
    const end = progress + MAX_MOVES
    for (;;) {
      if (progress > end) throw this.#livelock(`${MAX_MOVES} moves of messages`)
      await new Promise<void>((resolve) => nextTurn(resolve))
      const moved = this.#sum('progress')
      quietTurns = moved === progress && this.#turns === 0 ? quietTurns + 1 : 0
      if (quietTurns === 0) quietSince = real.now()
      progress = moved
      const busy = this.#sum('busy')
      this.#hanging = Math.min(this.#hanging, busy)
      if (quietTurns < 2) continue
      if (busy === this.#hanging) return
      if (quietTurns >= QUIET_TURNS && real.now() - quietSince >= this.#patienceMs) {
        this.#hanging = busy
        return
      }
    }
  }

  #sum(count: 'busy' | 'progress'): number {
    let sum = 0
    for (const { workload } of this.#activities) sum += workload[count]
    return sum
  }

  #livelock(after: string): BusbarError {
    const culprits = [...this.#activities].map((activity) => activity.describe()).join(', ')
    return new BusbarError('ERR_LIVELOCK', `After ${after} there is no end; busy: ${culprits}`)
  }
}
