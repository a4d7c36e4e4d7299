/**
 * Asking the app what it subscribes to, as soon as it listens.
 *
 * Layer 22. Source: dapr/dapr, pkg/runtime/runtime.go and pkg/runtime/pubsub/subscriptions.go.
 */
import { BusbarError } from '../errors.ts'
import { handled } from '../promises.ts'
import type { Clock } from '../time/clock.ts'
import { type Log, reasonOf } from './log.ts'
import { readDiscovery } from './subscriptions.ts'
import type { AppChannel, AppResponse, SubscriptionSpec } from './wire.ts'

/** Calls of the app before it is served; a sidecar can be told to leave them out. */
export type InitEndpoint = 'config' | 'subscribe'

/** What discovery is made of. */
export interface DiscoveryParts {
  readonly channel: AppChannel
  readonly appId: string
  readonly disabled: readonly InitEndpoint[]
  readonly log: Log
  /** Real time, also where the broker's is another: a network does not wait for it. */
  readonly clock: Clock
  /** Told what the app answered; at first, an app that says nothing sensible subscribes to nothing. */
  readonly found: (specs: readonly SubscriptionSpec[]) => void
}

/** For one question, its answer included. */
const DEADLINE_MS = 5000
/** How often an app that does not listen yet is looked for. */
const LOOK_MS = 100
/** Further tries after a connection that broke, and the wait before each. */
const WAITS_MS: readonly number[] = [500, 750, 1000]

/** An app that takes a question and says nothing is not asked again: that would hold up the start by as much again. */
const NO_ANSWER = new Error(`no answer within ${DEADLINE_MS} ms`)

export class Discovery {
  readonly #parts: DiscoveryParts
  readonly #stop = new AbortController()
  /** The question that is under way. */
  #asking: Promise<void> | undefined
  #isDone = false
  #tellDone: () => void = () => {}
  #tellStopped: (reason: unknown) => void = () => {}
  /** Resolves when the app has been asked once; rejects with `ERR_CLOSED` when it is stopped before. */
  readonly done: Promise<void> = handled(
    new Promise((resolve, reject) => {
      this.#tellDone = resolve
      this.#tellStopped = reject
    }),
  )

  constructor(parts: DiscoveryParts) {
    this.#parts = parts
  }

  /** Whether the app has been asked once. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** Waits for the app, then asks it. One question at a time. @returns rejects with `ERR_CLOSED` after `stop()` */
  run(): Promise<void> {
    this.#asking ??= this.#run().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  /** Gives up a question that is under way. */
  stop(): void {
    const closed = new BusbarError('ERR_CLOSED', 'The sidecar is closed')
    this.#stop.abort(closed)
    this.#tellStopped(closed)
  }

  async #run(): Promise<void> {
    await this.#untilListening()
    await this.#askConfiguration()
    const specs = await this.#askSubscriptions()
    this.#stop.signal.throwIfAborted()
    // An app that has subscriptions does not lose them by an answer that is of no use.
    if (specs !== undefined || !this.#isDone) this.#parts.found(specs ?? [])
    this.#isDone = true
    this.#tellDone()
  }

  /** An app that was away at first is given a moment: some listen before they know what to answer. */
  async #untilListening(): Promise<void> {
    let wasAway = false
    this.#stop.signal.throwIfAborted()
    while (!(await this.#parts.channel.isListening())) {
      wasAway = true
      await this.#sleep(LOOK_MS)
    }
    if (wasAway) await this.#sleep(LOOK_MS)
  }

  /** daprd asks for it first; there is nothing in it for pub/sub. */
  async #askConfiguration(): Promise<void> {
    const { disabled, log } = this.#parts
    if (disabled.includes('config')) return
    try {
      await this.#ask('/dapr/config')
    } catch (error) {
      this.#stop.signal.throwIfAborted()
      log({ level: 'debug', message: 'The app did not answer for its configuration', reason: reasonOf(error) })
    }
  }

  /** @returns undefined when the app did not say */
  async #askSubscriptions(): Promise<readonly SubscriptionSpec[] | undefined> {
    const { disabled, log } = this.#parts
    if (disabled.includes('subscribe')) return []
    let reason: string
    try {
      const answer = readDiscovery(await this.#askAgain('/dapr/subscribe'))
      if (answer.kind === 'none') return []
      if (answer.kind === 'found') {
        for (const message of answer.warnings) log({ level: 'warn', message })
        return answer.specs
      }
      reason = answer.reason
    } catch (error) {
      this.#stop.signal.throwIfAborted()
      reason = reasonOf(error)
    }
    log({ level: 'error', message: 'The app did not say what it subscribes to', reason })
    return undefined
  }

  /** A connection that breaks is no answer; any HTTP status is one. */
  async #askAgain(path: string): Promise<AppResponse> {
    for (const waitMs of WAITS_MS) {
      try {
        return await this.#ask(path)
      } catch (error) {
        if (error === NO_ANSWER) throw error
        this.#parts.log({ level: 'debug', message: 'The app is asked again', path, reason: reasonOf(error) })
        await this.#sleep(waitMs)
      }
    }
    return this.#ask(path)
  }

  async #ask(path: string): Promise<AppResponse> {
    const { channel, appId, clock } = this.#parts
    const headers = { 'dapr-app-id': appId, 'content-type': 'application/json' }
    const late = new AbortController()
    const timer = clock.setTimer(() => late.abort(NO_ANSWER), DEADLINE_MS)
    const signal = AbortSignal.any([this.#stop.signal, late.signal])
    try {
      return await channel.call({ method: 'GET', path, headers, signal })
    } finally {
      clock.clearTimer(timer)
    }
  }

  /** @returns rejects when it is stopped */
  #sleep(ms: number): Promise<void> {
    const { signal } = this.#stop
    const { clock } = this.#parts
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const stop = (): void => {
        clock.clearTimer(timer)
        reject(signal.reason)
      }
      const timer = clock.setTimer(() => {
        signal.removeEventListener('abort', stop)
        resolve()
      }, ms)
      signal.addEventListener('abort', stop, { once: true })
    })
  }
}
