/**
 * One gRPC call as a server sees it: messages out, then a status, once. That
 * gRPC and gRPC-web write both differently ends here.
 *
 * Layer 30.
 */
import { type Clock, MAX_TIMER_MS } from '../time/clock.ts'
import type { Exchange, Headers } from './exchange.ts'
import { contentTypeOf, type Flavour, frame, timeoutMs, trailerFrame, trailersOf } from './grpc.ts'
import { StatusError } from './status.ts'

export interface CallOptions {
  readonly exchange: Exchange
  readonly flavour: Flavour
  /** Headers of the answer beside those of gRPC. */
  readonly headers: Headers
}

export class Call {
  readonly #exchange: Exchange
  readonly #flavour: Flavour
  readonly #headers: Headers
  readonly #callbacks: (() => void)[] = []
  #isBegun = false
  #isOver = false

  constructor({ exchange, flavour, headers }: CallOptions) {
    this.#exchange = exchange
    this.#flavour = flavour
    this.#headers = { ...headers, 'content-type': contentTypeOf(flavour) }
    exchange.onClose(() => this.#conclude())
  }

  /** Whether nothing more can be said: it has its status, or the client is gone. */
  get isOver(): boolean {
    return this.#isOver || this.#exchange.isClosed
  }

  /** Whether the client is behind with reading. */
  get isBlocked(): boolean {
    return this.#exchange.isBlocked
  }

  /**
   * From now on the call ends by itself when the client's deadline is over.
   *
   * @throws {StatusError} INTERNAL when the client's `grpc-timeout` is none
   */
  keepDeadline(clock: Clock): void {
    const ms = timeoutMs(this.#exchange.headers['grpc-timeout']?.toString())
    if (ms > MAX_TIMER_MS) return // as good as none
    const timer = clock.setTimer(() => this.fail(new StatusError('DEADLINE_EXCEEDED', 'Deadline exceeded')), ms)
    this.onOver(() => clock.clearTimer(timer))
  }

  /** Sends a message. @returns when there is room for the next one, if there is none now */
  send(message: Uint8Array): void | Promise<void> {
    if (this.isOver) return
    this.#begin()
    this.#exchange.write(frame(this.#flavour, message))
    if (this.isBlocked) return this.#exchange.drained()
  }

  /** Ends the call well, with a last message. What is sent or ended afterwards is nothing. */
  succeed(message: Uint8Array): void {
    if (this.isOver) return
    this.#begin()
    this.#end(frame(this.#flavour, message), trailersOf('OK', ''))
  }

  fail({ status, message }: StatusError): void {
    if (this.isOver) return
    const trailers = trailersOf(status, message)
    if (this.#isBegun || this.#flavour !== 'grpc') {
      this.#begin()
      return this.#end('', trailers)
    }
    this.#exchange.reply(200, { ...this.#headers, ...trailers })
    this.#conclude()
  }

  /** Cuts the call off without a word. */
  abort(): void {
    this.#exchange.abort()
  }

  /** Calls `callback` once the call is over, however that came. */
  onOver(callback: () => void): void {
    if (this.isOver) callback()
    else this.#callbacks.push(callback)
  }

  #begin(): void {
    if (this.#isBegun) return
    this.#isBegun = true
    this.#exchange.begin(200, this.#headers)
  }

  #end(last: Uint8Array | string, trailers: Readonly<Record<string, string>>): void {
    if (this.#flavour === 'grpc') this.#exchange.end(last, trailers)
    else {
      this.#exchange.write(last)
      this.#exchange.end(trailerFrame(this.#flavour, trailers))
    }
    this.#conclude()
  }

  #conclude(): void {
    this.#isOver = true
    for (const callback of this.#callbacks.splice(0)) callback()
  }
}
