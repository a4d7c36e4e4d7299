/**
 * One pub/sub component of a sidecar: its name, who may do what with which
 * topic, and the broker that serves it.
 *
 * Layer 20.
 */
import type { Broker } from '../broker.ts'
import type { PublishOptions } from '../options.ts'
import type { AnyTopics } from '../topic/typed.ts'
import type { Access } from './scopes.ts'
import type { ComponentSpec } from './wire.ts'

/** What a component is made of. */
type PubsubParts = Pick<Pubsub, 'spec' | 'broker' | 'isOwn' | 'access' | 'prefix' | 'consumer' | 'capabilities'>

export class Pubsub {
  readonly spec: ComponentSpec
  readonly broker: Broker<AnyTopics>
  /** Whether the sidecar made the broker, and closes it. */
  readonly isOwn: boolean
  readonly access: Access
  /** Put before every topic of a component that is scoped to a namespace; else ''. */
  readonly prefix: string
  /** Subscriptions with the same consumer share their messages; by default the app id. */
  readonly consumer: string
  /** What the metadata endpoint says that it can do. */
  readonly capabilities: readonly string[]

  constructor({ spec, broker, isOwn, access, prefix, consumer, capabilities }: PubsubParts) {
    this.spec = spec
    this.broker = broker
    this.isOwn = isOwn
    this.access = access
    this.prefix = prefix
    this.consumer = consumer
    this.capabilities = capabilities
  }

  get name(): string {
    return this.spec.name
  }

  /** The topic as the broker knows it. */
  brokerTopic(topic: string): string {
    return this.prefix + topic
  }

  /** The topic as apps know it. */
  nameOf(brokerTopic: string): string {
    return brokerTopic.startsWith(this.prefix) ? brokerTopic.slice(this.prefix.length) : brokerTopic
  }

  /** @returns rejects as `broker.publish()` does */
  publish(topic: string, data: unknown, options: PublishOptions): Promise<void> {
    return this.broker.publish(this.brokerTopic(topic), data, options)
  }
}
