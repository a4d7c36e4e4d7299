/**
 * What a subscription's callbacks are given: items, discontinuities and
 * heartbeats, with the members of the vendor's classes.
 *
 * Layer 25.
 */
import type { TopicRecord } from './feed.ts'

/** How much of a value `toString()` shows, in UTF-16 code units. */
const SHOWN = 32

/** A message of a topic. */
export class TopicItem {
  readonly #record: TopicRecord

  constructor(record: TopicRecord) {
    this.#record = record
  }

  /** As it was published: text, or bytes that belong to this item alone. */
  value(): string | Uint8Array {
    return this.#record.value
  }

  /** Bytes are read as UTF-8, where the vendor's class lists them as numbers. */
  valueString(): string {
    const { value } = this.#record
    return typeof value === 'string' ? value : new TextDecoder().decode(value)
  }

  /** Text as UTF-8, where the vendor's class returns the string. */
  valueUint8Array(): Uint8Array {
    const { value } = this.#record
    return typeof value === 'string' ? new TextEncoder().encode(value) : value
  }

  /** Who published it; undefined when that is not known, where the vendor's class says `''`. */
  tokenId(): string | undefined {
    const { publisherId } = this.#record
    return publisherId === '' ? undefined : publisherId
  }

  /** Its number on its topic, from 1. */
  sequenceNumber(): number {
    return this.#record.sequence
  }

  /** Which incarnation of the topic the number belongs to. The vendor's class does not say. */
  sequencePage(): number {
    return this.#record.page
  }

  /** `TopicItem: hello`, at most 32 characters of the value, and `; Token Id: ...` when there is one. */
  toString(): string {
    const text = this.valueString()
    const shown = text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text
    const tokenId = this.tokenId()
    return `TopicItem: ${shown}${tokenId === undefined ? '' : `; Token Id: ${tokenId}`}`
  }
}

/** Messages are missing between two others. */
export class TopicDiscontinuity {
  readonly #last: number
  readonly #new: number
  readonly #page: number

  constructor(lastSequenceNumber: number, newSequenceNumber: number, newSequencePage: number) {
    this.#last = lastSequenceNumber
    this.#new = newSequenceNumber
    this.#page = newSequencePage
  }

  /** The number before the gap. */
  lastSequenceNumber(): number {
    return this.#last
  }

  /** The last number that is missing: the next item has the one after it. */
  newSequenceNumber(): number {
    return this.#new
  }

  newSequencePage(): number {
    return this.#page
  }

  toString(): string {
    return `TopicDiscontinuity: Last Sequence Number: ${this.#last}; New Sequence Number: ${this.#new}; New Sequence Page: ${this.#page}`
  }
}

/** The subscription is alive. */
export class TopicHeartbeat {
  toString(): string {
    return 'TopicHeartbeat'
  }
}
