/**
 * A sink behind a circuit breaker: after too many failures nothing is delivered
 * for a while.
 *
 * Layer 22.
 */
import type { Message } from '../delivery/message.ts'
import type { Clock } from '../time/clock.ts'
import type { CircuitBreaker } from './breaker.ts'
import type { Sink } from './sink.ts'
import { drop, failure, type Verdict } from './verdict.ts'

/** What a guarded sink is made of, besides the sink. */
export interface GuardParts {
  readonly breaker: CircuitBreaker
  readonly clock: Clock
  /** Whether there is a dead letter topic. */
  readonly hasLetters: boolean
}

const OPEN = 'the circuit breaker is open'

export class GuardedSink implements Sink {
  readonly #sink: Sink
  readonly #breaker: CircuitBreaker
  readonly #clock: Clock
  /** As in daprd nothing is offered again that the breaker held back; without a dead letter topic it would be lost. */
  readonly #held: Verdict

  constructor(sink: Sink, { breaker, clock, hasLetters }: GuardParts) {
    this.#sink = sink
    this.#breaker = breaker
    this.#clock = clock
    this.#held = hasLetters ? drop(OPEN) : failure(OPEN)
  }

  async deliver(message: Message): Promise<Verdict> {
    const [verdict = this.#held] = await this.#guarded([message], async () => [await this.#sink.deliver(message)])
    return verdict
  }

  async deliverBatch(messages: readonly Message[]): Promise<readonly Verdict[]> {
    const verdicts = await this.#guarded(messages, () => this.#sink.deliverBatch(messages))
    return messages.map((_, index) => verdicts[index] ?? this.#held)
  }

  /** @returns nothing when the breaker lets nothing through */
  async #guarded(messages: readonly Message[], call: () => Promise<readonly Verdict[]>): Promise<readonly Verdict[]> {
    if (!this.#breaker.allows(this.#clock.now())) return []
    const { generation } = this.#breaker
    const verdicts = await Promise.race([call(), whenOver(messages)])
    const isFine = verdicts.every(({ kind }) => kind !== 'failure')
    this.#breaker.record(isFine, this.#clock.now(), generation)
    return verdicts
  }
}

/** Fails all of them when the time of one is over: a handler that never ends must not keep the breaker waiting. */
function whenOver(messages: readonly Message[]): Promise<readonly Verdict[]> {
  const signal = AbortSignal.any(messages.map((message) => message.signal))
  return new Promise((resolve) => {
    const fail = (): void => resolve(messages.map(() => failure(signal.reason)))
    if (signal.aborted) fail()
    else signal.addEventListener('abort', fail, { once: true })
  })
}
