/**
 * What `sidecar.subscribe()` and `sidecar.subscribeBulk()` are asked for, and
 * the one place where that is checked.
 *
 * Layer 23.
 */
import { COUNT, checkEach, checkOne, DURATION, FUNCTION, oneOf, type Rules, TEXT } from '../checks.ts'
import type {
  DaprBatchHandler,
  DaprBulkOptions,
  DaprHandler,
  DaprMessage,
  DaprSubscribeOptions,
} from './handler-sink.ts'
import { type BatchLimits, DEFAULT_BATCH } from './wire.ts'

/** A handler's subscription, as it was asked for. */
export interface HandlerRequest {
  readonly pubsubname: string
  readonly topic: string
  readonly isRaw: boolean
  readonly deadLetterTopic: string | undefined
  readonly bulk: BatchLimits | undefined
  /** Gets one message, or a batch when there is `bulk`. */
  readonly handle: (messages: readonly DaprMessage[]) => unknown
}

/** The component and the topic. */
type Place = Pick<HandlerRequest, 'pubsubname' | 'topic'>

const SINGLE: Rules = { deadLetterTopic: TEXT, rawPayload: oneOf(true, false) }
const BULK: Rules = { ...SINGLE, maxMessagesCount: COUNT, maxAwaitDurationMs: DURATION }

/** @throws {BusbarError} `ERR_OPTION_INVALID` */
export function singleRequest<T>(place: Place, handler: DaprHandler<T>, options: DaprSubscribeOptions): HandlerRequest {
  checkOne(handler, FUNCTION, 'handler')
  const { deadLetterTopic, rawPayload: isRaw = false } = checkEach(options, SINGLE)
  // Who subscribes says what the data are.
  const handle = ([message]: readonly DaprMessage[]): unknown => handler(message as DaprMessage<T>)
  return { ...place, isRaw, deadLetterTopic, bulk: undefined, handle }
}

/** @throws {BusbarError} `ERR_OPTION_INVALID` */
export function bulkRequest<T>(place: Place, handler: DaprBatchHandler<T>, options: DaprBulkOptions): HandlerRequest {
  checkOne(handler, FUNCTION, 'handler')
  const { deadLetterTopic, rawPayload: isRaw = false, ...limits } = checkEach(options, BULK)
  // Who subscribes says what the data are.
  const handle = (messages: readonly DaprMessage[]): unknown => handler(messages as readonly DaprMessage<T>[])
  return { ...place, isRaw, deadLetterTopic, bulk: { ...DEFAULT_BATCH, ...limits }, handle }
}
