/**
 * A long poll: waits for the first messages of a topic, takes those that come
 * with them, and is over. What it answers is the JSON of Momento's HTTP API.
 *
 * Layer 28. Source: Momento, HTTP API for topics.
 */
import { type Clock, MAX_TIMER_MS } from '../time/clock.ts'
import type { EndReason, TopicRecord, TopicSink } from './feed.ts'

/** One of `items` in an answer. */
export type PollEntry =
  | {
      readonly item: {
        readonly topic_sequence_number: number
        readonly sequence_page: number
        readonly value: { readonly text: string } | { readonly binary: string }
      }
    }
  | {
      readonly discontinuity: {
        readonly last_topic_sequence: number
        readonly new_topic_sequence: number
        readonly new_sequence_page: number
      }
    }

/** How a poll ended. */
export type PollResult = { readonly items: readonly PollEntry[] } | { readonly reason: EndReason }

/** What one answer takes; the rest is for the next poll. */
const MAX_ENTRIES = 1000
const MAX_BYTES = 4 * 1024 * 1024

export class Poll implements TopicSink {
  readonly #clock: Clock
  readonly #finish: (result: PollResult) => void
  readonly #timer: unknown
  readonly #items: PollEntry[] = []
  #bytes = 0
  #isOver = false

  /**
   * @param waitMs after that it is over with no items
   * @param finish called once
   */
  constructor(clock: Clock, waitMs: number, finish: (result: PollResult) => void) {
    this.#clock = clock
    this.#finish = finish
    this.#timer = clock.setTimer(() => this.cancel(), Math.min(waitMs, MAX_TIMER_MS))
  }

  get isOver(): boolean {
    return this.#isOver
  }

  item({ sequence, page, value }: TopicRecord): void {
    this.#bytes += value.length
    this.#add({
      item: {
        topic_sequence_number: sequence,
        sequence_page: page,
        value: typeof value === 'string' ? { text: value } : { binary: Buffer.from(value).toString('base64') },
      },
    })
  }

  discontinuity(last: number, next: number, page: number): void {
    this.#add({ discontinuity: { last_topic_sequence: last, new_topic_sequence: next, new_sequence_page: page } })
  }

  end(reason: EndReason): void {
    this.#conclude(this.#items.length > 0 ? { items: this.#items } : { reason })
  }

  /** Ends it with what is there. */
  cancel(): void {
    this.#conclude({ items: this.#items })
  }

  #add(entry: PollEntry): void {
    if (this.#isOver) return
    this.#items.push(entry)
    // What was there before comes in one go: it is in the same answer.
    if (this.#items.length === 1) this.#clock.nextTurn(() => this.cancel())
    if (this.#items.length >= MAX_ENTRIES || this.#bytes >= MAX_BYTES) this.cancel()
  }

  #conclude(result: PollResult): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#clock.clearTimer(this.#timer)
    this.#finish(result)
  }
}
