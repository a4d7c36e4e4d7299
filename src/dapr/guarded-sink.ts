/**
 * A sink behind a circuit breaker: after too many failures nothing is delivered
 * for a while.
 *
 * Layer 20.
 */
import type { Message } from '../delivery/message.ts'
import type { Clock } from '../time/clock.ts'
import type { CircuitBreaker } from './breaker.ts'
import type { Sink } from './sink.ts'
import { drop, type Verdict } from './verdict.ts'

/** A message that was not delivered at all is not offered again, as in daprd. */
const BREAKER_OPEN: Verdict = drop('the circuit breaker is open')

export class GuardedSink implements Sink {
  readonly #sink: Sink
  readonly #breaker: CircuitBreaker
  readonly #clock: Clock

  constructor(sink: Sink, breaker: CircuitBreaker, clock: Clock) {
    this.#sink = sink
    this.#breaker = breaker
    this.#clock = clock
  }

  async deliver(message: Message): Promise<Verdict> {
    const [verdict = BREAKER_OPEN] = await this.#guarded(async () => [await this.#sink.deliver(message)])
    return verdict
  }

  async deliverBatch(messages: readonly Message[]): Promise<readonly Verdict[]> {
    const verdicts = await this.#guarded(() => this.#sink.deliverBatch(messages))
    return messages.map((_, index) => verdicts[index] ?? BREAKER_OPEN)
  }

  /** @returns nothing when the breaker lets nothing through */
  async #guarded(call: () => Promise<readonly Verdict[]>): Promise<readonly Verdict[]> {
    if (!this.#breaker.allows(this.#clock.now())) return []
    const { generation } = this.#breaker
    const verdicts = await call()
    const isFine = verdicts.every(({ kind }) => kind !== 'failure')
    this.#breaker.record(isFine, this.#clock.now(), generation)
    return verdicts
  }
}
