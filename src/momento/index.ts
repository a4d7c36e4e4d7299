/**
 * The door `busbar/momento`: a client of Momento Topics in process, the port
 * that it shares with the vendor's own client, and a server for that client.
 */

export type { AnyBroker } from '../broker.ts'
export type { ApiKey, TopicPermission, TopicRole } from './access.ts'
export type { CacheStoreOptions, Caches } from './cache.ts'
export { Cache, CacheStore } from './cache.ts'
export type { TransportDetails } from './errors.ts'
export {
  AuthenticationError,
  BadRequestError,
  CacheAlreadyExistsError,
  CacheNotFoundError,
  CancelledError,
  FailedPreconditionError,
  InternalServerError,
  InvalidArgumentError,
  LimitExceededError,
  MomentoErrorCode,
  PermissionError,
  SdkError,
  ServerUnavailableError,
  TimeoutError,
  UnknownError,
  UnknownServiceError,
} from './errors.ts'
export type { Fault, FaultName, Faults, RpcName } from './faults.ts'
export type { EndReason, TopicPosition, TopicRecord, TopicSink, TopicValue } from './feed.ts'
export type { SubscribeCallOptions } from './receiver.ts'
export { TopicPublishResponse, TopicSubscribeResponse } from './responses.ts'
export type { MomentoServerOptions } from './server.ts'
export { MomentoServer } from './server.ts'
export type { TopicClientOptions } from './topic-client.ts'
export { TopicClient } from './topic-client.ts'
export type { TopicItemOptions } from './topic-item.ts'
export { TopicDiscontinuity, TopicHeartbeat, TopicItem } from './topic-item.ts'
export type {
  PortDiscontinuity,
  PortError,
  PortItem,
  PortSubscribeOptions,
  PortSubscription,
  PortSuccess,
  TopicPort,
} from './topic-port.ts'
export * as TopicPublish from './topic-publish.ts'
export * as TopicSubscribe from './topic-subscribe.ts'
