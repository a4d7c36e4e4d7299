/**
 * What a subscription's callbacks are given: items, discontinuities and
 * heartbeats, with the members of the vendor's classes.
 *
 * Layer 27.
 */

/** How much of a value `toString()` shows, in UTF-16 code units. */
const SHOWN = 32

/** What an item may have beside its value and number. */
export interface TopicItemOptions {
  /** Who published it. Default: not known. */
  readonly tokenId?: string | undefined
  /** Which incarnation of the topic its number belongs to. Default 0: not known. */
  readonly sequencePage?: number | undefined
}

/** A message of a topic. */
export class TopicItem {
  readonly #value: string | Uint8Array
  readonly #sequence: number
  readonly #options: TopicItemOptions

  constructor(value: string | Uint8Array, sequenceNumber: number, options: TopicItemOptions = {}) {
    this.#value = value
    this.#sequence = sequenceNumber
    this.#options = options
  }

  /** As it was published: text, or bytes, which belong to this item alone. */
  value(): string | Uint8Array {
    return this.#value
  }

  /** Bytes are read as UTF-8, where the vendor's class lists them as numbers. */
  valueString(): string {
    return typeof this.#value === 'string' ? this.#value : new TextDecoder().decode(this.#value)
  }

  /** Text as UTF-8, where the vendor's class returns the string. */
  valueUint8Array(): Uint8Array {
    return typeof this.#value === 'string' ? new TextEncoder().encode(this.#value) : this.#value
  }

  /** Who published it; undefined when that is not known, where the vendor's client says `''`. */
  tokenId(): string | undefined {
    return this.#options.tokenId
  }

  /** Its number on its topic, from 1. */
  sequenceNumber(): number {
    return this.#sequence
  }

  /** Which incarnation of the topic the number belongs to. The vendor's class does not say. */
  sequencePage(): number {
    return this.#options.sequencePage ?? 0
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
