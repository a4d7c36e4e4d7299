/**
 * The door `busbar/cloudevents`: events in and out of JSON and HTTP, without a
 * broker.
 */
export { parseTime } from './cloudevent.ts'
export type { CloudEvent, ExtensionValue, WireEvent } from './cloudevent.ts'
export { batchFromJSON, batchToJSON, fromJSON, fromMembers, toJSON } from './json.ts'
export type { TextOrBytes } from './json.ts'
export { batchFromHTTP, batchToHTTP, contentMode, fromHTTP, toHTTP } from './http.ts'
export type { ContentMode, HTTPHeaders, HTTPMessage, ReceivedHTTPMessage } from './http.ts'
