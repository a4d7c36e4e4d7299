/**
 * A request that has come in whole over `node:http`: its headers as they came,
 * names and values by turns, and whether its client is still there.
 *
 * Layer 20.
 */
import type { ApiRequest, StopListener, StopSignal } from './wire.ts'

type ReceivedParts = Pick<ReceivedRequest, 'method' | 'target' | 'body' | 'isTooLarge' | 'rawHeaders' | 'signal'>

export class ReceivedRequest implements ApiRequest {
  readonly method: string
  readonly target: string
  readonly body: Uint8Array
  readonly isTooLarge: boolean
  readonly rawHeaders: readonly string[]
  readonly signal: StopSignal

  constructor({ method, target, body, isTooLarge, rawHeaders, signal }: ReceivedParts) {
    this.method = method
    this.target = target
    this.body = body
    this.isTooLarge = isTooLarge
    this.rawHeaders = rawHeaders
    this.signal = signal
  }

  header(name: string): string | undefined {
    const index = indexOf(this.rawHeaders, name, 0)
    return index === -1 ? undefined : this.rawHeaders[index + 1]
  }
}

/** As what listens may be given; the broker uses functions. */
type Listener = StopListener | (() => void)

/** Says when a client has gone. Of an `AbortSignal` it has what is needed; a whole one takes longer than parsing a body. */
export class Departure implements StopSignal {
  #listeners: Set<Listener> | undefined
  /** Undefined as long as the client is there. */
  #reason: Error | undefined

  get reason(): unknown {
    return this.#reason
  }

  throwIfAborted(): void {
    if (this.#reason !== undefined) throw this.#reason
  }

  addEventListener(_: 'abort', listener: Listener): void {
    this.#listeners ??= new Set()
    this.#listeners.add(listener)
  }

  removeEventListener(_: 'abort', listener: Listener): void {
    this.#listeners?.delete(listener)
  }

  /** The client has gone. */
  tell(): void {
    this.#reason ??= new Error('The client has gone')
    for (const listener of this.#listeners ?? []) {
      if (typeof listener === 'function') listener()
      else listener.handleEvent()
    }
  }
}

/** All values of a header, joined with `, `. @param rawHeaders names and values by turns @param name in lower case */
export function allOf(rawHeaders: readonly string[], name: string): string | undefined {
  let index = indexOf(rawHeaders, name, 0)
  if (index === -1) return undefined
  let all = rawHeaders[index + 1] ?? ''
  while ((index = indexOf(rawHeaders, name, index + 2)) !== -1) all += `, ${rawHeaders[index + 1]}`
  return all
}

/** Where a name stands, at `from` or after; -1 for nowhere. */
function indexOf(rawHeaders: readonly string[], name: string, from: number): number {
  for (let i = from; i < rawHeaders.length; i += 2) {
    const other = rawHeaders[i] ?? ''
    if (other.length === name.length && (other === name || other.toLowerCase() === name)) return i
  }
  return -1
}
