/**
 * What a user may ask of a sidecar, and the one place where that is checked.
 *
 * Layer 23.
 */
import type { AnyBroker } from '../broker.ts'
import {
  COUNT,
  checkEach,
  DURATION,
  FUNCTION,
  isObject,
  OBJECT,
  objectWith,
  orInfinity,
  type Rule,
  type Rules,
  refuseOption,
  TEXT,
} from '../checks.ts'
import type { Clock } from '../time/clock.ts'
import type { AppFunction } from './app-channel.ts'
import type { Environment } from './components.ts'
import type { InitEndpoint } from './discovery.ts'
import type { Log } from './log.ts'

/** A component in few words, where no resource describes it. */
export interface ComponentOptions {
  /** Any `pubsub.*`. Default `'pubsub.in-memory'`. */
  readonly type?: string
  /** Default `'v1'`. */
  readonly version?: string
  /** As a component resource has it, e.g. `publishingScopes`. Default: none. */
  readonly metadata?: Readonly<Record<string, string>>
  /** App ids that may see it. Default: all. */
  readonly scopes?: readonly string[]
}

/** A file of resources. */
export interface ResourceFile {
  /** For messages. */
  readonly name: string
  readonly text: string
}

/** Options of a sidecar. */
export interface DaprSidecarOptions {
  /** The app's name: the `source` of its events, and the group in which its replicas share messages. Default `'app'`. */
  readonly appId?: string
  /**
   * Pub/sub components by name: a broker of yours, or what a component of its own is like. Default: one
   * in-memory component named `pubsub`, unless `resources` has components.
   */
  readonly pubsubs?: Readonly<Record<string, AnyBroker | ComponentOptions>>
  /**
   * Dapr resources, as YAML texts (several documents each), as such texts with the names of their files, or as
   * objects: Component, Subscription, Resiliency, Configuration. Default: none.
   */
  readonly resources?: readonly (string | ResourceFile | object)[]
  /** Variables for component metadata with an `envRef`. Default: none. */
  readonly environment?: Environment
  /** Where the app is: a URL, a port of this machine, or a function in this process. Default: there is none. */
  readonly app?: string | number | URL | AppFunction
  /** Shown to the app as `dapr-api-token`. Default: none. */
  readonly appToken?: string
  /** What requests have to show as `dapr-api-token`. Default: none. */
  readonly apiToken?: string
  /** Calls of the app at once; the time of one that waits in line has not begun. Default: no limit beyond one for each subscription. */
  readonly appMaxConcurrency?: number
  /** Port of the API; 0: any that is free; false: no server, only `fetch`. Default 0. */
  readonly httpPort?: number | false
  /** Address to listen on; any other than loopback needs an `apiToken`. Default: this machine's loopback. */
  readonly host?: string
  /** Bytes of a request's body; 0 or less: no limit. Default 4 MiB. */
  readonly maxBodySize?: number
  /** What stands for `{namespace}` in component metadata. Default `'default'`. */
  readonly namespace?: string
  /** Calls of the app before it is served that are left out. Default: none. */
  readonly disableInitEndpoints?: readonly InitEndpoint[]
  /** Time for one delivery where no Resiliency policy says otherwise, in ms, above 0. Default 30 000. */
  readonly deliveryTimeoutMs?: number
  /** What the brokers that the sidecar makes keep of each topic, see `BrokerOptions`. Default: none. */
  readonly history?: { readonly size: number }
  /** Clock of the brokers that the sidecar makes. Default: the platform's. */
  readonly clock?: Clock
  /** Told of what a user may want to know. Default: nobody. */
  readonly log?: Log
  /** Called when somebody asks for `POST /v1.0/shutdown`. Default: the sidecar closes. */
  readonly onShutdown?: (force: boolean) => void
}

/** Options of `sidecar.close()`. */
export interface SidecarCloseOptions {
  /** How long to wait for what is queued and in flight, in ms on the broker's clock. Default 5 000. */
  readonly graceMs?: number
}

const PORT: Rule = ['a port from 0 to 65 535', isPort]

const OPTIONS: Rules = {
  appId: TEXT,
  pubsubs: OBJECT,
  resources: ['a list of YAML texts and objects', isResources],
  app: ['a URL of http or https without user, query and fragment, a port, or a function', isApp],
  environment: OBJECT,
  appToken: TEXT,
  apiToken: TEXT,
  appMaxConcurrency: COUNT,
  httpPort: [`${PORT[0]}, or false`, (value) => value === false || isPort(value)],
  host: TEXT,
  maxBodySize: ['a number of bytes', (value) => typeof value === 'number' && !Number.isNaN(value)],
  namespace: TEXT,
  disableInitEndpoints: ["a list of 'config' and 'subscribe'", isInitEndpoints],
  history: OBJECT,
  deliveryTimeoutMs: ['a duration in ms above 0', (value) => DURATION[1](value) && Number(value) > 0],
  clock: objectWith('now', 'wallTime', 'setTimer', 'clearTimer', 'nextTurn'),
  log: FUNCTION,
  onShutdown: FUNCTION,
}

const CLOSE: Rules = { graceMs: orInfinity(DURATION) }
const DEFAULT_GRACE_MS = 5000

const COMPONENT: Rules = {
  type: ['a type that begins with pubsub.', (value) => typeof value === 'string' && /^pubsub\.[^\s]+$/.test(value)],
  version: TEXT,
  metadata: OBJECT,
  scopes: ['a list of app ids', isTexts],
}

/** @throws {BusbarError} `ERR_OPTION_INVALID` */
export function checkOptions(options: DaprSidecarOptions): DaprSidecarOptions {
  const checked = checkEach(options, OPTIONS)
  for (const [name, pubsub] of Object.entries(checked.pubsubs ?? {})) {
    if (!isObject(pubsub)) refuseOption(`pubsubs.${name}`, 'it is neither a broker nor a component')
    if (!isBroker(pubsub)) checkEach(pubsub, COMPONENT, `pubsubs.${name}.`)
  }
  return checked
}

/** @throws {BusbarError} `ERR_OPTION_INVALID` */
export function graceMsOf(options: SidecarCloseOptions): number {
  return checkEach(options, CLOSE).graceMs ?? DEFAULT_GRACE_MS
}

/** By what it can do: another copy of the package has another class. */
export function isBroker(value: object): value is AnyBroker {
  return ['publish', 'subscribe', 'stats', 'close'].every((name) => typeof Reflect.get(value, name) === 'function')
}

export function isResourceFile(resource: object): resource is ResourceFile {
  const { name, text } = resource as Partial<ResourceFile> // whatever it is, these are strings or not
  return typeof name === 'string' && typeof text === 'string'
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535
}

function isApp(value: unknown): boolean {
  if (typeof value === 'function') return true
  if (typeof value === 'number') return isPort(value) && value > 0
  return (typeof value === 'string' || value instanceof URL) && isWebUrl(String(value))
}

function isWebUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, search, hash } = new URL(text)
  return /^https?:$/.test(protocol) && username + password + search + hash === ''
}

function isResources(value: unknown): boolean {
  return Array.isArray(value) && value.every((resource) => typeof resource === 'string' || isObject(resource))
}

function isInitEndpoints(value: unknown): boolean {
  return Array.isArray(value) && value.every((name) => name === 'config' || name === 'subscribe')
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}
