/**
 * What `publish()` resolves to. The door exports this file as the namespace
 * `TopicPublish`.
 *
 * Layer 31.
 */
import { ErrorResponse } from './responses.ts'

/** The topic has accepted the value, whether or not anybody listens. */
export class Success {
  readonly type = 'Success'
  readonly is_success: boolean = true

  toString(): string {
    return 'Success'
  }
}

class PublishError extends ErrorResponse {}

export { PublishError as Error }

export type Response = Success | PublishError
