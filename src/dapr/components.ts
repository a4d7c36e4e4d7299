/**
 * Pub/sub components: reads them as teams write them for Dapr, and says how
 * Busbar serves each kind: all from memory, with the wildcards of the broker
 * that it stands for.
 *
 * Layer 20. Source: Dapr's Component resource (v1alpha1), the templates of its
 * metadata, and the pub/sub components of dapr/components-contrib.
 */
import { refuseOption } from '../checks.ts'
import { quote } from '../errors.ts'
import type { Dialect } from '../topic/dialect.ts'
import { Fields } from './fields.ts'
import type { ComponentSpec } from './wire.ts'

export interface ReadComponent {
  readonly component: ComponentSpec
  /** What was read in another way than daprd would. */
  readonly warnings: readonly string[]
}

/** Variables of the environment, for values with an `envRef`. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Whose sidecar it is. */
export interface Identity {
  readonly appId: string
  readonly namespace: string
  readonly podName?: string
  newId(): string
}

/** A component as one sidecar serves it. */
export interface ResolvedComponent {
  readonly component: ComponentSpec
  /** With templates filled in. */
  readonly metadata: Readonly<Record<string, string>>
  /** The group that subscriptions of this app share with others of the same id. */
  readonly consumerId: string
  /** Topics get the namespace in front, so that namespaces do not see each other. */
  readonly isNamespaced: boolean
  /** The rules for topics and wildcards of the broker it stands for. */
  readonly dialect: Dialect
  /** Whether it stands for a broker that is not there. */
  readonly isEmulated: boolean
  /** As `/v1.0/metadata` lists them. */
  readonly capabilities: readonly string[]
}

const PREFIX = 'pubsub.'

/** What a component is that nobody describes. */
export const IN_MEMORY: Readonly<{ type: string }> = { type: 'pubsub.in-memory' }

/**
 * Types with wildcards in topics. RabbitMQ is not one of them: there a topic is
 * the name of an exchange, and routing keys are metadata.
 */
const dialects: ReadonlyMap<string, Dialect> = new Map([
  ['pubsub.in-memory', 'prefix'],
  ['pubsub.mqtt', 'mqtt'],
  ['pubsub.mqtt3', 'mqtt'],
  ['pubsub.nats', 'nats'],
  ['pubsub.jetstream', 'nats'],
])

/** Whether a Component resource is one for pub/sub; there are others. */
export function isPubsub(resource: Fields): boolean {
  return resource.object('spec').text('type')?.toLowerCase().startsWith(PREFIX) ?? false
}

/**
 * Reads a Component resource. Values from a secret store are empty here: what
 * connects to a broker is of no use to one in memory.
 *
 * @throws {BusbarError} `ERR_OPTION_INVALID` with the path of what is wrong
 */
export function readComponent(resource: Fields, environment: Environment = {}): ReadComponent {
  const name = resource.object('metadata').text('name') ?? ''
  if (name === '') resource.refuse('metadata.name', 'a component needs a name')
  return readAs(name, resource, environment)
}

/**
 * Reads a component that was given by name: a Component resource, or in short
 * `{ type?: 'pubsub.redis', version?, metadata?, scopes? }`, in memory when it
 * has no type, the metadata as an object or as a list of `{ name, value }`.
 *
 * @throws {BusbarError} `ERR_OPTION_INVALID` with the path of what is wrong
 */
export function readNamedComponent(name: string, value: object, environment: Environment = {}): ReadComponent {
  const fields = new Fields(value, `pubsubs.${name}`)
  const isTyped = fields.get('spec') !== undefined || fields.get('type') !== undefined
  return readAs(name, isTyped ? fields : new Fields({ ...value, ...IN_MEMORY }, fields.path), environment)
}

function readAs(name: string, fields: Fields, environment: Environment): ReadComponent {
  const spec = fields.get('spec') === undefined ? fields : fields.object('spec')
  const type = spec.text('type') ?? ''
  if (!type.toLowerCase().startsWith(PREFIX) || type.length === PREFIX.length) {
    spec.refuse('type', `${quote(type)} is not a pub/sub type such as "pubsub.in-memory"`)
  }
  const items = itemsOf(spec).map((item) => readItem(item, environment))
  return {
    component: {
      name,
      type,
      version: spec.text('version') || 'v1',
      metadata: Object.fromEntries(items.map((item) => [item.name, item.value])),
      scopes: fields.texts('scopes'),
    },
    warnings: items.flatMap(({ name: item, lacks }) =>
      lacks === undefined ? [] : `Component ${quote(name)}: ${quote(item)} is empty, as it comes from ${lacks}`,
    ),
  }
}

function itemsOf(spec: Fields): readonly Fields[] {
  if (Array.isArray(spec.get('metadata') ?? [])) return spec.objects('metadata')
  const { entries, path } = spec.object('metadata')
  return entries.map(([name, value]) => new Fields({ name, value }, `${path}.${name}`))
}

interface Item {
  readonly name: string
  readonly value: string
  /** Where the value would have come from. */
  readonly lacks?: string
}

/** Any JSON may be a value; daprd takes its text. */
function readItem(item: Fields, environment: Environment): Item {
  const name = item.text('name') ?? ''
  const value = item.get('value')
  if (value !== undefined) return { name, value: typeof value === 'string' ? value : JSON.stringify(value) }
  const variable = item.text('envRef')
  const secret = item.object('secretKeyRef').text('name')
  const found = variable !== undefined && Object.hasOwn(environment, variable) ? environment[variable] : undefined
  if (found !== undefined) return { name, value: found }
  if (variable !== undefined) {
    return { name, value: '', lacks: `the environment variable ${quote(variable)}, which is not set` }
  }
  return {
    name,
    value: '',
    ...(secret !== undefined && { lacks: `the secret ${quote(secret)}, and secrets are not read` }),
  }
}

/** The value of a name in metadata, whatever its case; the last one counts. */
export function componentMetadata(metadata: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.entries(metadata).findLast(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]
}

/** Whether something with these `scopes` is for an app: without any it is for all. */
export function isInScope(scopes: readonly string[], appId: string): boolean {
  return scopes.length === 0 || scopes.includes(appId)
}

/**
 * How a sidecar serves a component. In metadata `{appID}`, `{namespace}` (which
 * gives `<namespace>.<app id>`), `{podName}` and `{uuid}` (a new one each time) are
 * filled in.
 *
 * @throws {BusbarError} `ERR_OPTION_INVALID` when `{podName}` is used and there is no pod
 */
export function resolveComponent(component: ComponentSpec, identity: Identity): ResolvedComponent {
  const metadata = Object.fromEntries(
    Object.entries(component.metadata).map(([name, value]) => [name, fill(value, identity)]),
  )
  const dialect = dialects.get(component.type.toLowerCase()) ?? 'exact'
  return {
    component,
    metadata,
    consumerId: componentMetadata(metadata, 'consumerID')?.trim() || identity.appId,
    isNamespaced: Object.values(component.metadata).some((value) => value.includes('{namespace}')),
    dialect,
    isEmulated: component.type.toLowerCase() !== 'pubsub.in-memory',
    capabilities: dialect === 'exact' ? [] : ['SUBSCRIBE_WILDCARDS'],
  }
}

function fill(value: string, identity: Identity): string {
  return value.replace(/\{(uuid|podName|namespace|appID)\}/g, (template) => {
    if (template === '{uuid}') return identity.newId()
    if (template === '{namespace}') return `${identity.namespace}.${identity.appId}`
    if (template === '{appID}') return identity.appId
    return identity.podName ?? refuseOption('podName', `${quote(value)} in a component's metadata needs it`)
  })
}
