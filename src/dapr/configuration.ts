/**
 * From what a user asked of a sidecar to what it serves: components,
 * subscriptions and policies, whichever form they came in.
 *
 * Layer 25.
 */
import { isObject, refuseOption } from '../checks.ts'
import type { Clock } from '../time/clock.ts'
import type { CircuitBreaker } from './breaker.ts'
import { isInScope, readNamedComponent } from './components.ts'
import { Fields } from './fields.ts'
import type { Log } from './log.ts'
import { policyFor, type Resiliency } from './resiliency.ts'
import { collectResources, parseResources, type Resources } from './resources.ts'
import type { Retry } from './retry.ts'
import { type AnyBroker, type DaprSidecarOptions, isBroker, isResourceFile } from './settings.ts'
import type { ComponentSpec, SubscriptionSpec } from './wire.ts'

/** What a sidecar serves. */
export interface Configuration {
  readonly components: readonly ComponentSpec[]
  /** Brokers that the user made, by component. */
  readonly brokers: ReadonlyMap<string, AnyBroker>
  readonly subscriptions: readonly SubscriptionSpec[]
  /** For what fails on its way from a component to the app. */
  retryFor(pubsubname: string): Retry | undefined
  breakerFor(pubsubname: string): CircuitBreaker | undefined
}

/** What there is when nobody says anything. */
const DEFAULT_PUBSUBS = { pubsub: { type: 'pubsub.in-memory' } }

/** @throws {BusbarError} `ERR_OPTION_INVALID` */
export function readConfiguration(options: DaprSidecarOptions, appId: string, log: Log): Configuration {
  const resources = readResources(options, appId)
  for (const message of resources.warnings) log({ level: 'warn', message })
  const isBare = options.pubsubs === undefined && resources.components.length === 0
  const pubsubs = Object.entries<object>(options.pubsubs ?? (isBare ? DEFAULT_PUBSUBS : {}))
  const brokers = new Map(pubsubs.flatMap(([name, pubsub]) => (isBroker(pubsub) ? [[name, pubsub] as const] : [])))
  const named = pubsubs.map(([name, pubsub]) => {
    const { component, warnings } = readNamedComponent(name, isBroker(pubsub) ? DEFAULT_PUBSUBS.pubsub : pubsub, options.environment)
    for (const message of warnings) log({ level: 'warn', message })
    return component
  })
  const policies = new Map<string, ReturnType<typeof policyFor>>()
  const components = [...resources.components.filter(({ name }) => !brokers.has(name)), ...named]
  for (const [index, { name }] of components.entries()) {
    if (components.findIndex((other) => other.name === name) !== index) refuseOption(`pubsubs.${name}`, 'there are two of them')
    policies.set(name, policyFor(resources.resiliencies, name, 'inbound'))
  }
  return {
    components,
    brokers,
    subscriptions: resources.subscriptions,
    retryFor: (name) => policies.get(name)?.retry,
    breakerFor: (name) => policies.get(name)?.breaker,
  }
}
