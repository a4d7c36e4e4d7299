/**
 * What the command starts, as it sees it: a sidecar, and beside it a server for
 * Momento's clients. Tests give it others.
 *
 * Layer 37.
 */
import type { AnyBroker } from '../broker.ts'
import type { Log } from '../dapr/log.ts'
import type { ResourceFile } from '../dapr/settings.ts'
import type { ComponentSpec, SubscriptionSpec } from '../dapr/wire.ts'
import type { Clock } from '../time/clock.ts'
import type { Environment } from './settings.ts'

/** What the command asks of a sidecar. */
export interface SidecarOptions {
  readonly appId: string
  readonly pubsubs?: Readonly<Record<string, { readonly type: string }>>
  readonly resources: readonly ResourceFile[]
  readonly environment: Environment
  readonly app?: string
  readonly appToken?: string
  readonly apiToken?: string
  readonly appMaxConcurrency?: number
  readonly httpPort: number
  readonly host?: string
  readonly maxBodySize: number
  readonly namespace?: string
  /** For Momento's clients: events of each topic that they can come back to. */
  readonly history?: { readonly size: number }
  readonly disableInitEndpoints: readonly ('config' | 'subscribe')[]
  readonly clock: Clock
  readonly log: Log
  /** `POST /v1.0/shutdown` was called. */
  readonly onShutdown: (force: boolean) => void
}

/** What the command needs of a sidecar that has started. */
export interface RunningSidecar {
  readonly httpPort: number
  readonly url: string
  readonly components: readonly ComponentSpec[]
  readonly subscriptions: readonly SubscriptionSpec[]
  /** Resolves when the app has been asked for its subscriptions, however long it takes to listen. */
  ready(): Promise<void>
  /** Behind a component. */
  broker(pubsubname: string): AnyBroker | undefined
  close(options: { graceMs: number }): Promise<unknown>
}

/** What the command asks of a server for Momento's clients. */
export interface MomentoOptions {
  readonly port: number
  readonly host?: string
  /** What clients have to show: the sidecar's token, for it guards the same events. */
  readonly apiKeys?: readonly string[]
  /** By name: every component is a cache. */
  readonly caches: Readonly<Record<string, AnyBroker>>
}

/** What the command needs of a server for Momento's clients. */
export interface RunningMomento {
  readonly port: number
  close(options: { graceMs: number }): Promise<unknown>
}

/** What the command starts. Both resolve as soon as they listen: the app is started after them. */
export interface Starters {
  sidecar(options: SidecarOptions): Promise<RunningSidecar>
  momento(options: MomentoOptions): Promise<RunningMomento>
}
