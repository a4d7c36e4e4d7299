/**
 * The harness: runs contenders in turns and times them. Rounds of all
 * contenders alternate, so that a machine that slows down slows down all of
 * them; each round begins with an empty young generation, so that nobody pays
 * for another one's garbage; and after each round the deliveries are counted,
 * because what does not deliver is not fast.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { Sample } from './question.ts'

/** One contender in one row. */
export interface Trial {
  /** Not timed: makes what a round of so many operations needs. */
  prepare?(operations: number): unknown
  /**
   * Timed: does so many operations. What it returns settles when all that they cause has happened.
   * @param start begins to measure anew: what came before was preparation
   */
  run(operations: number, start: () => void): unknown
  /** Not timed: cleans up after a round. */
  finish?(operations: number): unknown
  /** Events that handlers have got so far. */
  readonly received: () => number
}

export interface CompareOptions {
  /** Deliveries that one operation has to cause, on average over a batch. Default 1. */
  readonly deliveries?: number
  /** Operations come in multiples of this. Default 1. */
  readonly batch?: number
  /** Exactly so many operations a round. Default: as many as fill its time. */
  readonly operations?: number
  readonly rounds?: number
  /** What to measure besides time: bytes allocated while running, or those still held afterwards. Default `'allocated'`. */
  readonly bytes?: 'allocated' | 'held' | 'none'
}

const WARM_UP_MS = 120
const ROUND_MS = 12
const ROUNDS = 11
/** A contender that has had so much time sits out the rounds that are left, but for its first; unless their size was asked for. */
const ENOUGH_MS = 1500
/** Allocations are counted between two collections; the young generation holds 16 MB. */
const ENOUGH_BYTES = 1_000_000

export class Bench {
  /** Everything happens, once and as small as can be, to see whether it is delivered; the times mean nothing. */
  readonly isSmoke: boolean
  readonly samples: Sample[] = []

  constructor(isSmoke: boolean) {
    this.isSmoke = isSmoke
  }

  /** A size, or what a smoke run makes of it. */
  size(count: number): number {
    return this.isSmoke ? Math.min(count, 1000) : count
  }

  record(sample: Sample): void {
    this.samples.push(sample)
  }

  /** Measures one row. @throws when a contender has delivered too little or too much */
  async compare(row: string, trials: Readonly<Record<string, Trial>>, options: CompareOptions = {}): Promise<void> {
    const lanes = Object.entries(trials).map(([contender, trial]) => new Lane(row, contender, trial, options))
    for (const lane of lanes) await lane.warmUp(this.isSmoke)
    const { rounds = ROUNDS } = options
    for (let round = 0; round < (this.isSmoke ? 1 : rounds); round++) {
      // A different one begins each time, so that nobody always follows the same neighbour.
      for (let i = 0; i < lanes.length; i++) await lanes[(round + i) % lanes.length]!.round()
    }
    for (const lane of lanes)
      this.samples.push({ row, contender: lane.contender, ns: lane.ns, bytes: await lane.bytes() })
  }
}

/** One contender during one comparison. */
class Lane {
  readonly contender: string
  readonly ns: number[] = []
  readonly #name: string
  readonly #trial: Trial
  readonly #options: CompareOptions
  /** Operations of a round. */
  #operations = 1
  #spentMs = 0

  constructor(row: string, contender: string, trial: Trial, options: CompareOptions) {
    this.contender = contender
    this.#name = `${row}: ${contender}`
    this.#trial = trial
    this.#options = options
  }

  /** Runs until the compiler has seen enough, and finds out how many operations fill a round. */
  async warmUp(isSmoke: boolean): Promise<void> {
    const { batch = 1, operations: fixed } = this.#options
    if (fixed !== undefined) {
      this.#operations = fixed
      if (!isSmoke) await this.#time(Math.ceil(fixed / 10 / batch) * batch)
      return
    }
    let operations = batch
    let total = 0
    for (;;) {
      const ms = await this.#time(operations)
      total += ms
      this.#spentMs = total > ENOUGH_MS ? total : 0
      this.#operations = Math.max(1, Math.round((operations * ROUND_MS) / ms / batch)) * batch
      if (isSmoke) this.#operations = batch
      if (isSmoke || total > WARM_UP_MS) return
      if (ms < ROUND_MS) operations *= 2
    }
  }

  async round(): Promise<void> {
    if (this.#spentMs > ENOUGH_MS && this.ns.length > 0 && this.#options.operations === undefined) return
    const ms = await this.#time(this.#operations)
    this.#spentMs += ms
    this.ns.push((ms * 1e6) / this.#operations)
  }

  /** Bytes for one operation. */
  async bytes(): Promise<number | undefined> {
    const { bytes = 'allocated', batch = 1 } = this.#options
    if (bytes === 'none') return undefined
    if (bytes === 'held') return (await this.#measure(this.#operations, heldBytes)) / this.#operations
    const most = Math.max(batch, this.#operations)
    for (let operations = batch; ; operations = Math.min(4 * operations, most)) {
      const used = await this.#measure(operations, usedBytes)
      if (used > ENOUGH_BYTES || operations === most) return Math.max(0, used) / operations
    }
  }

  async #time(operations: number): Promise<number> {
    return this.#measure(operations, () => performance.now())
  }

  /** One round, with its deliveries counted: by how much does `read` grow? */
  async #measure(operations: number, read: () => number): Promise<number> {
    const { received } = this.#trial
    await this.#trial.prepare?.(operations)
    const before = received()
    await turn()
    collect({ type: 'minor' })
    let first = 0
    const start = (): void => {
      first = read()
    }
    start()
    const running = this.#trial.run(operations, start)
    if (running !== undefined) await running
    const result = read() - first
    await this.#trial.finish?.(operations)
    await turn()
    const { deliveries = 1 } = this.#options
    const delivered = received() - before
    const due = Math.round(operations * deliveries)
    if (delivered !== due) {
      throw new Error(`${this.#name} delivered ${delivered} events instead of ${due}`)
    }
    return result
  }
}

function collect(options?: { type: 'minor' }): void {
  if (globalThis.gc === undefined) throw new Error('The harness needs --expose-gc')
  if (options === undefined) globalThis.gc()
  else globalThis.gc(options)
}

function usedBytes(): number {
  return process.memoryUsage().heapUsed
}

/** Bytes that survive a collection, buffers included. */
export function heldBytes(): number {
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
