/**
 * Calls of the app: so many at a time, first come first served. Each ends once:
 * by itself, by its signal, or because all of them end.
 *
 * Layer 20.
 */
import { BusbarError } from '../errors.ts'
import type { StopListener, StopSignal } from './wire.ts'

/** How a call ends; what is said after the first word does not count. */
export interface Ending<T> {
  succeed(value: T): void
  fail(reason: unknown): void
}

/**
 * Begins a call. What it throws is how the call ended.
 *
 * @returns stops the call
 */
export type Begin<T> = (ending: Ending<T>) => (reason: unknown) => void

/** A call as those see it who do not care for its answer. */
interface OpenCall {
  begin(): void
  end(reason: unknown): void
}

export class Calls {
  /** How many may begin now. */
  #free: number
  #isClosed = false
  /** In the order of their coming. */
  readonly #waiting = new Set<OpenCall>()
  readonly #running = new Set<OpenCall>()

  /** @param size how many at a time, at least 1; `Infinity` for no limit */
  constructor(size: number) {
    this.#free = size
  }

  /**
   * Begins a call as soon as there is room for it.
   *
   * @returns rejects with what `begin` says, with the signal's reason, or with `ERR_CLOSED`
   */
  run<T>(begin: Begin<T>, signal?: StopSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw closedError()
      signal?.throwIfAborted()
      const call = new Call({ host: this, begin, resolve, reject, signal })
      if (this.#free > 0) this.#begin(call)
      else this.#waiting.add(call)
    })
  }

  /** Ends every call with `ERR_CLOSED`; none begins afterwards. */
  close(): void {
    this.#isClosed = true
    for (const calls of [this.#waiting, this.#running]) {
      for (const call of calls) call.end(closedError())
    }
  }

  /** @internal */
  onOver(call: OpenCall): void {
    this.#waiting.delete(call)
    if (!this.#running.delete(call)) return
    this.#free++
    for (const next of this.#waiting) {
      this.#waiting.delete(next)
      this.#begin(next)
      return
    }
  }

  #begin(call: OpenCall): void {
    this.#free--
    this.#running.add(call)
    call.begin()
  }
}

interface CallParts<T> {
  readonly host: Calls
  readonly begin: Begin<T>
  readonly resolve: (value: T) => void
  readonly reject: (reason: unknown) => void
  readonly signal: StopSignal | undefined
}

class Call<T> implements OpenCall, StopListener, Ending<T> {
  readonly #parts: CallParts<T>
  #isOver = false
  /** There while it runs. */
  #stop: ((reason: unknown) => void) | undefined

  constructor(parts: CallParts<T>) {
    this.#parts = parts
    parts.signal?.addEventListener('abort', this)
  }

  handleEvent(): void {
    this.end(this.#parts.signal?.reason)
  }

  begin(): void {
    try {
      this.#stop = this.#parts.begin(this)
    } catch (error) {
      this.fail(error)
    }
  }

  /** Stops first: when it is over the next one in line begins. */
  end(reason: unknown): void {
    this.#stop?.(reason)
    this.fail(reason)
  }

  succeed(value: T): void {
    if (this.#finish()) this.#parts.resolve(value)
  }

  fail(reason: unknown): void {
    if (this.#finish()) this.#parts.reject(reason)
  }

  /** @returns whether it was not over before */
  #finish(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#parts.signal?.removeEventListener('abort', this)
    this.#parts.host.onOver(this)
    return true
  }
}

function closedError(): BusbarError {
  return new BusbarError('ERR_CLOSED', 'The way to the app is closed')
}
