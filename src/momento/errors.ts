/**
 * The errors of Momento's client: their codes, their classes, and the words
 * that stand in front of their messages. Words and codes are the service's own:
 * programs and their tests compare them.
 *
 * Layer 29. Source: `@gomomento/sdk-core`, errors and error mapper.
 */
import { STATUS, type StatusError, type StatusName } from './status.ts'

/** What `errorCode()` says. Two names may have one value: compare values. */
export const MomentoErrorCode = {
  INVALID_ARGUMENT_ERROR: 'INVALID_ARGUMENT_ERROR',
  UNKNOWN_SERVICE_ERROR: 'UNKNOWN_SERVICE_ERROR',
  CACHE_ALREADY_EXISTS_ERROR: 'ALREADY_EXISTS_ERROR',
  ALREADY_EXISTS_ERROR: 'ALREADY_EXISTS_ERROR',
  CACHE_NOT_FOUND_ERROR: 'NOT_FOUND_ERROR',
  NOT_FOUND_ERROR: 'NOT_FOUND_ERROR',
  INTERNAL_SERVER_ERROR: 'INTERNAL_SERVER_ERROR',
  PERMISSION_ERROR: 'PERMISSION_ERROR',
  AUTHENTICATION_ERROR: 'AUTHENTICATION_ERROR',
  CANCELLED_ERROR: 'CANCELLED_ERROR',
  LIMIT_EXCEEDED_ERROR: 'LIMIT_EXCEEDED_ERROR',
  BAD_REQUEST_ERROR: 'BAD_REQUEST_ERROR',
  TIMEOUT_ERROR: 'TIMEOUT_ERROR',
  SERVER_UNAVAILABLE: 'SERVER_UNAVAILABLE',
  FAILED_PRECONDITION_ERROR: 'FAILED_PRECONDITION_ERROR',
  UNKNOWN_ERROR: 'UNKNOWN_ERROR',
} as const
export type MomentoErrorCode = (typeof MomentoErrorCode)[keyof typeof MomentoErrorCode]

/** What the transport said; in process, what a server would have said over gRPC. */
export interface TransportDetails {
  readonly grpc: {
    /** The gRPC status; 0 when no server was asked. */
    readonly code: number
    readonly details: string
  }
}

/** The base of all errors here: `message` is what the server said, or would have said. */
export abstract class SdkError extends Error {
  static readonly code: MomentoErrorCode = 'UNKNOWN_ERROR'
  /** What stands in front of the message. */
  static readonly says: string = ''
  readonly #kind: { readonly code: MomentoErrorCode; readonly says: string }
  readonly #status: number

  /** @param status the gRPC status; 0 when no server was asked */
  constructor(message: string, status: number = 0, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.#kind = new.target
    this.#status = status
  }

  errorCode(): MomentoErrorCode {
    return this.#kind.code
  }

  /** What the error says, and in front of it what that means. */
  wrappedErrorMessage(): string {
    return `${this.#kind.says}: ${this.message}`
  }

  transportDetails(): TransportDetails {
    return { grpc: { code: this.#status, details: this.message } }
  }
}

const CONTACT = 'please contact us at support@momentohq.com'

export class CancelledError extends SdkError {
  static override readonly code = 'CANCELLED_ERROR'
  static override readonly says: string =
    'The request was cancelled; please contact us if this was unexpected at support@momentohq.com'
}

export class UnknownServiceError extends SdkError {
  static override readonly code = 'UNKNOWN_SERVICE_ERROR'
  static override readonly says: string = `Service returned an unknown response; ${CONTACT}`
}

export class InvalidArgumentError extends SdkError {
  static override readonly code = 'INVALID_ARGUMENT_ERROR'
  static override readonly says: string = 'Invalid argument passed to Momento client'
}

export class TimeoutError extends SdkError {
  static override readonly code = 'TIMEOUT_ERROR'
  static override readonly says: string =
    "The client's configured timeout was exceeded; you may need to use a Configuration with more lenient timeouts"
}

export class CacheNotFoundError extends SdkError {
  static override readonly code = 'NOT_FOUND_ERROR'
  static override readonly says: string =
    'A cache with the specified name does not exist.  To resolve this error, make sure you have created the cache before attempting to use it'
}

export class CacheAlreadyExistsError extends SdkError {
  static override readonly code = 'ALREADY_EXISTS_ERROR'
  static override readonly says: string =
    'A cache with the specified name already exists.  To resolve this error, either delete the existing cache and make a new one, or use a different name'
}

export class PermissionError extends SdkError {
  static override readonly code = 'PERMISSION_ERROR'
  static override readonly says: string = 'Insufficient permissions to perform an operation on a cache'
}

export class LimitExceededError extends SdkError {
  static override readonly code = 'LIMIT_EXCEEDED_ERROR'
  static override readonly says = 'Limit exceeded for this account'

  override wrappedErrorMessage(): string {
    const limit = LIMITS.find(([word]) => this.message.includes(word))
    return limit === undefined
      ? super.wrappedErrorMessage()
      : `${limit[1]} limit exceeded for this account: ${this.message}`
  }
}

/** Which limit it is can be seen from the words of the message. */
const LIMITS: readonly (readonly [word: string, limit: string])[] = [
  ['subscribers', 'Topic subscriptions'],
  ['operations', 'Request rate'],
  ['throughput', 'Bandwidth'],
  ['request limit', 'Request size'],
  ['item size', 'Item size'],
  ['element size', 'Element size'],
]

export class FailedPreconditionError extends SdkError {
  static override readonly code = 'FAILED_PRECONDITION_ERROR'
  static override readonly says: string = "System is not in a state required for the operation's execution"
}

export class InternalServerError extends SdkError {
  static override readonly code = 'INTERNAL_SERVER_ERROR'
  static override readonly says: string = `An unexpected error occurred while trying to fulfill the request; ${CONTACT}`
}

export class BadRequestError extends SdkError {
  static override readonly code = 'BAD_REQUEST_ERROR'
  static override readonly says: string = `The request was invalid; ${CONTACT}`
}

export class ServerUnavailableError extends SdkError {
  static override readonly code = 'SERVER_UNAVAILABLE'
  static override readonly says: string =
    `The server was unable to handle the request; consider retrying.  If the error persists, ${CONTACT}`
}

export class AuthenticationError extends SdkError {
  static override readonly code = 'AUTHENTICATION_ERROR'
  static override readonly says: string = 'Invalid authentication credentials to connect to cache service'
}

export class UnknownError extends SdkError {
  static override readonly code = 'UNKNOWN_ERROR'
  static override readonly says: string = 'Unknown error has occurred'
}

type SdkErrorClass = new (message: string, status: number, options?: ErrorOptions) => SdkError

const CLASSES: Readonly<Record<Exclude<StatusName, 'OK'>, SdkErrorClass>> = {
  CANCELLED: CancelledError,
  UNKNOWN: UnknownServiceError,
  INVALID_ARGUMENT: InvalidArgumentError,
  DEADLINE_EXCEEDED: TimeoutError,
  NOT_FOUND: CacheNotFoundError,
  ALREADY_EXISTS: CacheAlreadyExistsError,
  PERMISSION_DENIED: PermissionError,
  RESOURCE_EXHAUSTED: LimitExceededError,
  FAILED_PRECONDITION: FailedPreconditionError,
  ABORTED: InternalServerError,
  OUT_OF_RANGE: BadRequestError,
  UNIMPLEMENTED: BadRequestError,
  INTERNAL: InternalServerError,
  UNAVAILABLE: ServerUnavailableError,
  DATA_LOSS: InternalServerError,
  UNAUTHENTICATED: AuthenticationError,
}

/** What the vendor's client makes of a call that ended this way; `cause` is what made it end so. */
export function sdkErrorOf({ status, message }: StatusError, cause?: unknown): SdkError {
  const options = cause === undefined ? undefined : { cause }
  return new CLASSES[status](`${STATUS[status]} ${status}: ${message}`, STATUS[status], options)
}
