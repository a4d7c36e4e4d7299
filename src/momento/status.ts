/**
 * How a call can end, in gRPC's words, and what else that means: the HTTP
 * status of the same refusal, and which of our own errors it stands for.
 *
 * Layer 28. Source: gRPC, status codes; google.rpc.Code for the HTTP statuses.
 */
import { BusbarError, type ErrorCode } from '../errors.ts'
import { MalformedError } from './protobuf.ts'

/** The numbers that go over the wire. */
export const STATUS = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const

export type StatusName = keyof typeof STATUS

const HTTP_STATUS: Partial<Record<StatusName, number>> = {
  CANCELLED: 499,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
  UNAUTHENTICATED: 401,
}

/** A call that is refused; its message is what the client is told. */
export class StatusError extends Error {
  override readonly name: string = 'StatusError'
  readonly status: Exclude<StatusName, 'OK'>
  readonly httpStatus: number

  /** @param httpStatus where HTTP has a better word for it than what the gRPC status stands for */
  constructor(status: Exclude<StatusName, 'OK'>, message: string, httpStatus: number = HTTP_STATUS[status] ?? 500) {
    super(message)
    this.status = status
    this.httpStatus = httpStatus
  }
}

/** What the client may hear of the broker's errors; of any other it learns only that there was one. */
const OF_BROKER: Partial<Record<ErrorCode, Exclude<StatusName, 'OK'>>> = {
  ERR_TOPIC_INVALID: 'INVALID_ARGUMENT',
  ERR_FILTER_INVALID: 'INVALID_ARGUMENT',
  ERR_EVENT_INVALID: 'INVALID_ARGUMENT',
  ERR_OPTION_INVALID: 'INVALID_ARGUMENT',
  ERR_QUEUE_FULL: 'RESOURCE_EXHAUSTED',
  ERR_CLOSED: 'UNAVAILABLE',
}

/**
 * How a call ends that failed with this error.
 *
 * @param report told of what is nobody's fault but ours, of which the client learns nothing more
 */
export function statusErrorOf(error: unknown, report: (error: unknown) => void = () => {}): StatusError {
  if (error instanceof StatusError) return error
  if (error instanceof MalformedError) return new StatusError('INTERNAL', `Malformed request: ${error.message}`, 400)
  const status = error instanceof BusbarError ? OF_BROKER[error.code] : undefined
  if (status !== undefined && error instanceof Error) return new StatusError(status, error.message)
  report(error)
  return new StatusError('INTERNAL', 'The server failed')
}
