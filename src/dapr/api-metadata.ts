/**
 * What `GET /v1.0/metadata` says of a sidecar, but for its id, its version and
 * what others have put there.
 *
 * Layer 25. Source: dapr/dapr, pkg/api/http/metadata.go.
 */
import { connectionOf } from './app.ts'
import type { Pubsub } from './pubsub.ts'
import type { DaprSidecarOptions } from './settings.ts'
import type { SubscriptionState } from './subscribers.ts'

export interface MetadataFacts {
  readonly app: DaprSidecarOptions['app']
  readonly appMaxConcurrency: number | undefined
  readonly pubsubs: Iterable<Pubsub>
  readonly subscriptions: readonly SubscriptionState[]
}

/** Keys without a value are left out, as daprd does. */
export function metadataOf({ pubsubs, subscriptions, app, appMaxConcurrency }: MetadataFacts): Record<string, unknown> {
  const components = Array.from(pubsubs, ({ spec: { name, type, version }, capabilities }) => ({
    name,
    type,
    version,
    ...(capabilities.length > 0 && { capabilities }),
  }))
  return {
    ...(components.length > 0 && { components }),
    ...(subscriptions.length > 0 && { subscriptions: subscriptions.map(subscriptionOf) }),
    ...(app !== undefined && {
      appConnectionProperties: {
        ...connectionOf(app),
        ...(appMaxConcurrency !== undefined && { maxConcurrency: appMaxConcurrency }),
      },
    }),
    actorRuntime: { runtimeStatus: 'DISABLED' },
  }
}

/** A handler in this process is what daprd knows as a streaming subscription. */
function subscriptionOf({ pubsubname, topic, deadLetterTopic = '', spec }: SubscriptionState): object {
  if (spec === undefined) return { pubsubname, topic, deadLetterTopic, type: 'STREAMING' }
  const { metadata, type } = spec
  const rules = spec.rules.map(({ match, path }) => (match === '' ? { path } : { match, path }))
  return { pubsubname, topic, ...(Object.keys(metadata).length > 0 && { metadata }), rules, deadLetterTopic, type }
}
