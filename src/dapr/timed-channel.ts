/**
 * The time that an app has for a call, where calls wait in line for one
 * another: it begins with the call. A message that waits for its turn has not
 * been delivered yet, so an app that is busy with others has not failed it.
 *
 * Layer 20.
 */
import { type Clock, MAX_TIMER_MS } from '../time/clock.ts'
import type { AppChannel, AppRequest, AppResponse } from './wire.ts'

type Caller = Pick<AppChannel, 'call'>

/** What a timed channel is made of, besides the way to the app. */
export interface TimedChannelParts {
  readonly clock: Clock
  /** For one call, from its beginning to the end of its answer. */
  readonly timeoutMs: number
}

export class TimedChannel implements Caller {
  readonly #channel: Caller
  readonly #clock: Clock
  readonly #timeoutMs: number

  constructor(channel: Caller, { clock, timeoutMs }: TimedChannelParts) {
    this.#channel = channel
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  async call(request: AppRequest): Promise<AppResponse> {
    const { signal } = request
    signal?.throwIfAborted()
    const stop = new AbortController()
    const recall = { handleEvent: () => stop.abort(signal?.reason) }
    let timer: unknown
    const wait = (leftMs: number): void => {
      const waitMs = Math.min(leftMs, MAX_TIMER_MS)
      timer = this.#clock.setTimer(
        () => (leftMs > waitMs ? wait(leftMs - waitMs) : stop.abort(this.#lateError())),
        waitMs,
      )
    }
    signal?.addEventListener('abort', recall)
    try {
      return await this.#channel.call({ ...request, signal: stop.signal, onBegin: () => wait(this.#timeoutMs) })
    } finally {
      signal?.removeEventListener('abort', recall)
      if (timer !== undefined) this.#clock.clearTimer(timer)
    }
  }

  #lateError(): Error {
    return new Error(`The app did not answer within ${this.#timeoutMs} ms`)
  }
}
