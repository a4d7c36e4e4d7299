/**
 * Answers that are errors, each as daprd words it. Most carry `details` in the
 * style of `google.rpc`; those of the sidecar itself do not.
 *
 * Layer 20. Source: daprd's `pkg/api/errors/pubsub.go` and `pkg/messages`.
 */
import type { ApiResponse, Metadata } from './wire.ts'

/** What a publish was about. */
export interface Place {
  readonly pubsubname: string
  readonly topic: string
  readonly appId: string
}

/** An entry of a bulk publish that was not accepted, and why. */
export interface FailedEntry {
  readonly entryId: string
  readonly error: string
}

/** An error with `details`. */
interface Failure {
  readonly status: number
  readonly errorCode: string
  readonly message: string
  readonly reason: string
  readonly metadata: Readonly<Record<string, string>>
  /** The component at fault; undefined when there is none of that name. */
  readonly resource?: string
}

/** Nobody should take an error for a page, or keep it. */
const HEADERS = {
  'content-type': 'application/json',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
}

/** An error of the family without `details`. */
export function plainError(status: number, errorCode: string, message: string): ApiResponse {
  return { status, headers: HEADERS, body: JSON.stringify({ errorCode, message }) }
}

export function pubsubNotFound(pubsubname: string, metadata: Metadata): ApiResponse {
  return failure({
    status: 404,
    errorCode: 'ERR_PUBSUB_NOT_FOUND',
    message: `pubsub ${pubsubname} is not found`,
    reason: 'DAPR_PUBSUB_NOT_FOUND',
    metadata: Object.fromEntries(metadata),
  })
}

export function metadataInvalid(pubsubname: string, metadata: Metadata, why: string): ApiResponse {
  return failure({
    status: 400,
    errorCode: 'ERR_PUBSUB_REQUEST_METADATA',
    message: `failed deserializing metadata. Error: ${why}`,
    reason: 'DAPR_PUBSUB_METADATA_DESERIALIZATION',
    metadata: Object.fromEntries(metadata),
    resource: pubsubname,
  })
}

/** A custom CloudEvent that is none. */
export function cloudEventInvalid({ pubsubname, appId }: Place, why: string): ApiResponse {
  return failure({
    status: 500,
    errorCode: 'ERR_PUBSUB_CLOUD_EVENTS_SER',
    message: 'cannot create cloudevent',
    reason: 'DAPR_PUBSUB_CLOUD_EVENT_CREATION',
    metadata: { appID: appId, error: why },
    resource: pubsubname,
  })
}

/** An event that cannot be put into an envelope. @param status 415 when it is for its content type */
export function eventInvalid({ pubsubname, topic, appId }: Place, why: string, status: 400 | 415 = 400): ApiResponse {
  return failure({
    status,
    errorCode: 'ERR_PUBSUB_EVENTS_SER',
    message: `error when marshalling cloud event envelope for topic ${topic} pubsub ${pubsubname}: ${why}`,
    reason: 'DAPR_PUBSUB_MARSHAL_ENVELOPE',
    metadata: { appID: appId, error: why },
    resource: pubsubname,
  })
}

/** A bulk publish in which an entry has no id, or that of another one. */
export function entryIdInvalid({ pubsubname, topic, appId }: Place): ApiResponse {
  const why = 'entryId is duplicated or not present for entry'
  return failure({
    status: 400,
    errorCode: 'ERR_PUBSUB_EVENTS_SER',
    message: `error marshaling events to bytes for topic ${topic} pubsub ${pubsubname}. error: ${why}`,
    reason: 'DAPR_PUBSUB_MARSHAL_EVENTS',
    metadata: { appID: appId, error: why },
    resource: pubsubname,
  })
}

/** A bulk publish that is no list of entries. */
export function bulkInvalid({ pubsubname, topic, appId }: Place, why: string): ApiResponse {
  return failure({
    status: 400,
    errorCode: 'ERR_PUBSUB_EVENTS_SER',
    message: `error when unmarshaling the request for topic ${topic} pubsub ${pubsubname}: ${why}`,
    reason: 'DAPR_PUBSUB_UNMARSHAL_EVENTS',
    metadata: { appID: appId },
    resource: pubsubname,
  })
}

export function topicForbidden({ pubsubname, topic, appId }: Place): ApiResponse {
  const message = `topic ${topic} is not allowed for app id ${appId}`
  return failure({
    status: 403,
    errorCode: 'ERR_PUBSUB_FORBIDDEN',
    message,
    reason: 'DAPR_PUBSUB_FORBIDDEN',
    metadata: { topic, error: message },
    resource: pubsubname,
  })
}

/** @param status 400 when the topic itself is at fault */
export function publishFailed({ pubsubname, topic }: Place, why: string, status: 400 | 500 = 500): ApiResponse {
  return failure({
    status,
    errorCode: 'ERR_PUBSUB_PUBLISH_MESSAGE',
    message: `error when publishing to topic ${topic} in pubsub ${pubsubname}: ${why}`,
    reason: 'DAPR_PUBSUB_PUBLISH_MESSAGE',
    metadata: { topic, error: why },
    resource: pubsubname,
  })
}

/** Some entries were not accepted. daprd names them by `entryId`; the JavaScript SDK looks for `entryID`. */
export function bulkFailed(entries: readonly FailedEntry[]): ApiResponse {
  const failedEntries = entries.map(({ entryId, error }) => ({ entryId, entryID: entryId, error }))
  const body = JSON.stringify({ failedEntries, errorCode: 'ERR_PUBSUB_PUBLISH_MESSAGE' })
  return { status: 500, headers: HEADERS, body }
}

/** What no route fits: daprd takes it for a call of another app. */
export function notRouted(): ApiResponse {
  const message = 'failed getting app id either from the URL path or the header dapr-app-id'
  return plainError(404, 'ERR_DIRECT_INVOKE', message)
}

export function requestMalformed(why: string): ApiResponse {
  return plainError(400, 'ERR_MALFORMED_REQUEST', why)
}

export function bodyUnreadable(why: string): ApiResponse {
  return plainError(400, 'ERR_BODY_READ', `failed to read request body: ${why}`)
}

/** Plain text, as it comes from daprd's tracing. */
export function baggageInvalid(why: string): ApiResponse {
  return {
    status: 400,
    headers: { ...HEADERS, 'content-type': 'text/plain; charset=utf-8' },
    body: `invalid baggage header: ${why}\n`,
  }
}

/** @param targets what is not ready yet */
export function notReady(targets: readonly string[]): ApiResponse {
  return plainError(500, 'ERR_HEALTH_NOT_READY', `dapr is not ready: [${targets.join(' ')}]`)
}

export function appIdMismatch(): ApiResponse {
  return plainError(500, 'ERR_HEALTH_APPID_NOT_MATCH', 'dapr app-id does not match')
}

function failure({ status, errorCode, message, reason, metadata, resource }: Failure): ApiResponse {
  const errorInfo = { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'dapr.io', metadata }
  const resourceInfo = {
    '@type': 'type.googleapis.com/google.rpc.ResourceInfo',
    resource_type: 'pubsub',
    resource_name: resource,
    owner: '',
    description: message,
  }
  const details = resource === undefined ? [errorInfo] : [resourceInfo, errorInfo]
  return { status, headers: HEADERS, body: JSON.stringify({ errorCode, message, details }) }
}
