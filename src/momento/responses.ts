/**
 * What `publish()` and `subscribe()` resolve to has a `type`; its values, and
 * what all responses that report an error have in common.
 *
 * Layer 30.
 */
import type { MomentoErrorCode, SdkError } from './errors.ts'

/** The `type` of what `publish()` resolves to. */
export const TopicPublishResponse = { Success: 'Success', Error: 'Error' } as const
export type TopicPublishResponse = (typeof TopicPublishResponse)[keyof typeof TopicPublishResponse]

/** The `type` of what `subscribe()` resolves to. */
export const TopicSubscribeResponse = { Subscription: 'Subscription', Error: 'Error' } as const
export type TopicSubscribeResponse = (typeof TopicSubscribeResponse)[keyof typeof TopicSubscribeResponse]

/** A call failed. */
export class ErrorResponse {
  readonly type = 'Error'
  readonly #error: SdkError

  constructor(error: SdkError) {
    this.#error = error
  }

  /** What went wrong, in words that say what to do about it. */
  message(): string {
    return this.#error.wrappedErrorMessage()
  }

  errorCode(): MomentoErrorCode {
    return this.#error.errorCode()
  }

  innerException(): SdkError {
    return this.#error
  }

  /** As `message()`. */
  toString(): string {
    return this.message()
  }
}
