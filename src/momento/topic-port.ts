/**
 * The port: what application code needs of a client of topics. Momento's own
 * `TopicClient` and ours both fit, so whoever takes a `TopicPort` can be given
 * either. Types only.
 *
 * Layer 27.
 */

/** An item, as far as both have it. */
export interface PortItem {
  value(): string | Uint8Array
  valueString(): string
  valueUint8Array(): Uint8Array
  tokenId(): string | undefined
  sequenceNumber(): number
}

/** A gap in the numbers. */
export interface PortDiscontinuity {
  lastSequenceNumber(): number
  newSequenceNumber(): number
  newSequencePage(): number
}

/** A call that failed; `'errorCode' in response` tells it from the others. */
export interface PortError {
  /** `'Error'`. */
  readonly type: string
  message(): string
  /** A value of `MomentoErrorCode`. */
  errorCode(): string
  innerException(): Error
}

/** A publish that was accepted. */
export interface PortSuccess {
  /** `'Success'`. */
  readonly type: string
  readonly is_success: boolean
}

/** A subscription that has begun; `'unsubscribe' in response` tells it from an error. */
export interface PortSubscription {
  /** `'Subscription'`. */
  readonly type: string
  readonly isSubscribed: boolean
  unsubscribe(): void
}

/** The callbacks of a subscription. */
export interface PortSubscribeOptions {
  onItem?: (item: PortItem) => void
  onError?: (error: PortError, subscription: PortSubscription) => void
  onDiscontinuity?: (discontinuity: PortDiscontinuity) => void
  onHeartbeat?: () => void
  onConnectionLost?: () => void
  onSubscriptionEnd?: () => void
}

/**
 * A client of topics.
 *
 * @example
 * async function greet(topics: TopicPort): Promise<void> {
 *   const response = await topics.publish('cache', 'greetings', 'hello')
 *   if ('errorCode' in response) throw response.innerException()
 * }
 */
export interface TopicPort {
  publish(cacheName: string, topicName: string, value: string | Uint8Array): Promise<PortSuccess | PortError>
  subscribe(cacheName: string, topicName: string, options: PortSubscribeOptions): Promise<PortSubscription | PortError>
}
