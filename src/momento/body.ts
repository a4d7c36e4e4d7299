/**
 * Request bodies, in memory and therefore within limits: of one body, of all
 * that are under way together, and of the time that one may take.
 *
 * Layer 29.
 */
import { Bytes } from '../http/bytes.ts'
import type { Clock } from '../time/clock.ts'
import type { Exchange } from './exchange.ts'
import { StatusError } from './status.ts'

export interface BodyLimits {
  /** All bodies under way together, in bytes. */
  readonly budgetBytes: number
  /** From the head of a request to the end of its body. */
  readonly timeoutMs: number
  readonly clock: Clock
}

export class BodyReader {
  readonly #limits: BodyLimits
  /** Bytes that have come in for bodies that are not whole yet. */
  #bytesUnderWay = 0

  constructor(limits: BodyLimits) {
    this.#limits = limits
  }

  get bytesUnderWay(): number {
    return this.#bytesUnderWay
  }

  /**
   * @returns rejects with a StatusError: RESOURCE_EXHAUSTED (413) when it is longer than `maxBytes`, UNAVAILABLE when
   *   too many come at once, DEADLINE_EXCEEDED when it takes too long, CANCELLED when it breaks off
   */
  read(exchange: Exchange, maxBytes: number): Promise<Buffer> {
    const length = Number(exchange.headers['content-length'] ?? 0)
    if (length > maxBytes) return Promise.reject(tooLong(maxBytes))
    return new Promise((resolve, reject) => {
      const { input } = exchange
      const { clock, timeoutMs } = this.#limits
      const body = new Bytes(maxBytes)
      const timer = clock.setTimer(
        () => fail(new StatusError('DEADLINE_EXCEEDED', 'The request took too long', 408)),
        timeoutMs,
      )
      const finish = (): void => {
        clock.clearTimer(timer)
        this.#bytesUnderWay -= body.size
        input.off('data', take).off('end', succeed).off('close', breakOff)
      }
      const fail = (error: StatusError): void => {
        finish()
        input.resume() // what is still to come goes nowhere
        reject(error)
      }
      const take = (chunk: Buffer): void => {
        const before = body.size
        const fits = body.add(chunk)
        this.#bytesUnderWay += body.size - before
        if (!fits) fail(tooLong(maxBytes))
        else if (this.#bytesUnderWay > this.#limits.budgetBytes)
          fail(new StatusError('UNAVAILABLE', 'Too many requests at once'))
      }
      const succeed = (): void => {
        finish()
        const { all } = body
        resolve(Buffer.from(all.buffer, all.byteOffset, all.byteLength))
      }
      const breakOff = (): void => fail(new StatusError('CANCELLED', 'The request broke off'))
      input.on('data', take).on('end', succeed).on('close', breakOff)
    })
  }
}

function tooLong(maxBytes: number): StatusError {
  // The words "request limit" tell the vendor's client which limit it was.
  return new StatusError('RESOURCE_EXHAUSTED', `The request is over the request limit of ${maxBytes} bytes`, 413)
}
