/**
 * The door `busbar/cloudevents`: events in and out of JSON and HTTP, without a
 * broker.
 */

export type { CloudEvent, ExtensionValue, WireEvent } from './cloudevent.ts'
export { parseTime } from './cloudevent.ts'
export type { ContentMode, HTTPHeaders, HTTPMessage, ReceivedHTTPMessage } from './http.ts'
export { batchFromHTTP, batchToHTTP, contentMode, fromHTTP, toHTTP } from './http.ts'
export type { TextOrBytes } from './json.ts'
export { batchFromJSON, batchToJSON, fromJSON, fromMembers, toJSON } from './json.ts'
