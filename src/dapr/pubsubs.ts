/**
 * From what a user asked for to the components of one sidecar, each with the
 * broker that serves it.
 *
 * Layer 21.
 */
import { type AnyBroker, Broker } from '../broker.ts'
import type { Clock } from '../time/clock.ts'
import type { AnyTopics } from '../topic/typed.ts'
import { type Identity, isInScope, type ResolvedComponent, resolveComponent } from './components.ts'
import { type Log, reasonOf } from './log.ts'
import { Pubsub } from './pubsub.ts'
import { accessOf } from './scopes.ts'
import type { ComponentSpec } from './wire.ts'

/** What there is to serve. */
export interface PubsubsParts {
  readonly components: readonly ComponentSpec[]
  /** Brokers that the user made, by component. */
  readonly brokers: ReadonlyMap<string, AnyBroker>
  readonly identity: Identity
  /** For the brokers that are made here; undefined: the platform's. */
  readonly clock: Clock | undefined
  readonly history: { readonly size: number } | undefined
  readonly log: Log
}

/** Those that the app may see. @throws {BusbarError} `ERR_OPTION_INVALID` */
export function openPubsubs(parts: PubsubsParts): ReadonlyMap<string, Pubsub> {
  const { components, brokers, identity, log } = parts
  const visible = components.filter(({ scopes }) => isInScope(scopes, identity.appId))
  const pubsubs = visible.map((spec) => {
    const resolved = resolveComponent(spec, identity)
    const given = brokers.get(spec.name)
    if (given === undefined && resolved.isEmulated) {
      log({ level: 'info', message: 'A component is emulated in memory', pubsubname: spec.name, type: spec.type })
    }
    return new Pubsub({
      spec,
      // Topics are checked by the broker, whatever their types: they come from outside.
      broker: given === undefined ? brokerOf(resolved, parts) : (given as Broker<AnyTopics>),
      isOwn: given === undefined,
      access: accessOf(resolved.metadata),
      prefix: resolved.isNamespaced ? identity.namespace : '',
      consumer: resolved.consumerId,
      capabilities: resolved.capabilities,
    })
  })
  return new Map(pubsubs.map((pubsub) => [pubsub.name, pubsub]))
}

function brokerOf({ dialect, component }: ResolvedComponent, { identity, clock, history, log }: PubsubsParts): Broker {
  const broker = new Broker<AnyTopics, typeof dialect>({
    dialect,
    source: identity.appId,
    ...(clock !== undefined && { clock }),
    ...(history !== undefined && { history }),
    onError: (error, { topic, end, kind }) => {
      log({
        level: 'warn',
        message: `A message was ${end ?? kind}`,
        pubsubname: component.name,
        topic,
        reason: reasonOf(error),
      })
    },
  })
  return broker as unknown as Broker // the dialect is known at run time only
}
