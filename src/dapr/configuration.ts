/**
 * From what a user asked of a sidecar to what it serves: components,
 * subscriptions and policies, whichever form they came in.
 *
 * Layer 24.
 */
import type { AnyBroker } from '../broker.ts'
import { refuseOption } from '../checks.ts'
import { quote } from '../errors.ts'
import { IN_MEMORY, readNamedComponent } from './components.ts'
import { Fields } from './fields.ts'
import type { Log } from './log.ts'
import { type Policy, policyFor } from './resiliency.ts'
import { collectResources, parseResources, type Resources } from './resources.ts'
import { type DaprSidecarOptions, isBroker, isResourceFile } from './settings.ts'
import type { ComponentSpec, SubscriptionSpec } from './wire.ts'

/** What a sidecar serves. */
export interface Configuration {
  readonly components: readonly ComponentSpec[]
  /** Brokers that the user made, by component. */
  readonly brokers: ReadonlyMap<string, AnyBroker>
  readonly subscriptions: readonly SubscriptionSpec[]
  /** For what fails on its way from a component to the app, by component. */
  readonly policies: ReadonlyMap<string, Policy>
  /** Whether trace context is handed on. */
  readonly isTracing: boolean
}

/** What there is when nobody says anything. */
const DEFAULT_PUBSUBS: Readonly<Record<string, object>> = { pubsub: IN_MEMORY }

/** @throws {BusbarError} `ERR_OPTION_INVALID` */
export function readConfiguration(options: DaprSidecarOptions, appId: string, log: Log): Configuration {
  const resources = readResources(options, appId)
  const isBare = options.pubsubs === undefined && resources.components.length === 0
  const pubsubs = Object.entries<object>(options.pubsubs ?? (isBare ? DEFAULT_PUBSUBS : {}))
  const brokers = new Map(pubsubs.flatMap(([name, pubsub]) => (isBroker(pubsub) ? [[name, pubsub] as const] : [])))
  const components = new Map(resources.components.map((component) => [component.name, component]))
  const warnings = [...resources.warnings]
  for (const [name, pubsub] of pubsubs) {
    // A broker of the user's may serve a component that a resource describes.
    if (components.has(name) && brokers.has(name)) continue
    if (components.has(name)) refuseOption(`pubsubs.${name}`, `a resource has a component ${quote(name)} too`)
    const read = readNamedComponent(name, brokers.has(name) ? IN_MEMORY : pubsub, options.environment)
    components.set(name, read.component)
    warnings.push(...read.warnings)
  }
  for (const message of warnings) log({ level: 'warn', message })
  return {
    components: [...components.values()],
    brokers,
    subscriptions: resources.subscriptions,
    isTracing: resources.isTracing,
    policies: new Map(
      [...components.keys()].flatMap((name) => {
        const policy = policyFor(resources.resiliencies, name)
        return policy === undefined ? [] : [[name, policy] as const]
      }),
    ),
  }
}

function readResources({ resources = [], environment }: DaprSidecarOptions, appId: string): Resources {
  const documents = resources.flatMap((resource, index) => {
    if (typeof resource === 'string') return parseResources(resource, `resources[${index}]`)
    if (isResourceFile(resource)) return parseResources(resource.text, resource.name)
    return new Fields(resource, `resources[${index}]`)
  })
  return collectResources(documents, { appId, ...(environment !== undefined && { environment }) })
}
