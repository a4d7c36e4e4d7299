/**
 * The door `busbar/dapr`: Dapr's pub/sub API in this process.
 */
export type { AnyBroker } from '../broker.ts'
export type { AppFunction } from './app-channel.ts'
export type { Environment } from './components.ts'
export type { InitEndpoint } from './discovery.ts'
export type {
  DaprBatchHandler,
  DaprBulkOptions,
  DaprHandler,
  DaprMessage,
  DaprSubscribeOptions,
  DaprSubscription,
  Status,
} from './handler-sink.ts'
export type { Log, LogEntry, LogLevel } from './log.ts'
export type { ComponentOptions, DaprSidecarOptions, ResourceFile, SidecarCloseOptions } from './settings.ts'
export type { SidecarStats } from './sidecar.ts'
export { DaprSidecar } from './sidecar.ts'
export type { BatchLimits, ComponentSpec, Metadata, Rule, SubscriptionSpec } from './wire.ts'
