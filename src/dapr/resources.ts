/**
 * Resources as files hold them: YAML or JSON text to the components,
 * subscriptions and policies of one app. No file system here.
 *
 * Layer 23. Source: Dapr's resource files and how daprd loads them.
 */
import { LineCounter, parseAllDocuments } from 'yaml'
import { BusbarError, quote } from '../errors.ts'
import { type Environment, isInScope, isPubsub, readComponent } from './components.ts'
import { Fields } from './fields.ts'
import { type Resiliency, readResiliency } from './resiliency.ts'
import { type DeclaredSubscription, readSubscription, subscriptionsFor } from './subscriptions.ts'
import type { ComponentSpec, SubscriptionSpec } from './wire.ts'

/** All that resources say to one app. */
export interface Resources {
  /** Also those that the app may not see: it gets no others in their place. */
  readonly components: readonly ComponentSpec[]
  readonly subscriptions: readonly SubscriptionSpec[]
  readonly resiliencies: readonly Resiliency[]
  /** Whether trace context is handed on: unless the last Configuration with a `samplingRate` says 0. */
  readonly isTracing: boolean
  /** What was left out or read in another way than daprd would. */
  readonly warnings: readonly string[]
}

/** For whom resources are read. */
export interface Reader {
  readonly appId: string
  /** For component metadata with an `envRef`; default: none are set. */
  readonly environment?: Environment
}

/** In UTF-16 code units. */
const MAX_LENGTH = 2 ** 20
/** How often aliases may repeat what they stand for; more is a YAML bomb. */
const MAX_ALIASES = 100

/**
 * Reads the documents of a YAML text. JSON is YAML too.
 *
 * @param name of the file, for messages
 * @throws {BusbarError} `ERR_OPTION_INVALID` that names file and line
 */
export function parseResources(text: string, name: string): readonly Fields[] {
  if (text.length > MAX_LENGTH) refuse(name, `longer than ${MAX_LENGTH} characters`)
  const lineCounter = new LineCounter()
  const lineAt = (offset: number): string => `line ${lineCounter.linePos(offset).line}`
  const documents = orRefuse(name, () =>
    parseAllDocuments(text, { lineCounter, prettyErrors: false, merge: true, logLevel: 'error' }),
  )
  return documents.flatMap((document, index) => {
    const [error] = document.errors
    if (error !== undefined) refuse(`${name}, ${lineAt(error.pos[0])}`, error.message)
    const number = documents.length > 1 ? `document ${index + 1} at ` : ''
    const path = `${name}, ${number}${lineAt(document.contents?.range[0] ?? 0)}`
    const value: unknown = orRefuse(path, () => document.toJS({ maxAliasCount: MAX_ALIASES }))
    if (value === null) return [] // nothing between two separators
    if (typeof value !== 'object' || Array.isArray(value)) refuse(path, `${quote(value)} is not a resource`)
    return new Fields(value, `${path}:`)
  })
}

function orRefuse<T>(where: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    return refuse(where, error instanceof Error ? error.message : String(error))
  }
}

function refuse(where: string, why: string): never {
  throw new BusbarError('ERR_OPTION_INVALID', `Invalid ${where}: ${why}`, { option: where })
}

/**
 * Sorts resources by kind and takes what is for one app.
 *
 * @throws {BusbarError} `ERR_OPTION_INVALID` with file, line and path when a Component, Subscription, Resiliency or
 *   Configuration is not as it should be, or two components have one name. Other kinds are left out with a warning.
 */
export function collectResources(documents: readonly Fields[], { appId, environment }: Reader): Resources {
  const components = new Map<string, ComponentSpec>()
  const declared: DeclaredSubscription[] = []
  const resiliencies: Resiliency[] = []
  const warnings: string[] = []
  let isTracing = true
  const leaveOut = (document: Fields, what: string): void => {
    warnings.push(`Left out ${document.path} ${what} is not served`)
  }
  const addComponent = (document: Fields): void => {
    const { component, warnings: more } = readComponent(document, environment)
    if (components.has(component.name)) document.refuse('metadata.name', `two components are ${quote(component.name)}`)
    components.set(component.name, component)
    if (isInScope(component.scopes, appId)) warnings.push(...more)
  }
  for (const document of documents) {
    const kind = kindOf(document)
    if (kind === 'Component') {
      if (isPubsub(document)) addComponent(document)
      else leaveOut(document, `a component of type ${quote(document.object('spec').get('type'))}`)
    } else if (kind === 'Subscription') declared.push(readSubscription(document, versionOf(document)))
    else if (kind === 'Resiliency') resiliencies.push(readResiliency(document))
    else if (kind === 'Configuration') isTracing = isTracingOf(document) ?? isTracing
    else leaveOut(document, kind === undefined ? 'what has no kind' : `kind ${quote(kind)}`)
  }
  const { specs: subscriptions, warnings: more } = subscriptionsFor(appId, declared)
  return {
    components: [...components.values()],
    subscriptions,
    resiliencies: resiliencies.filter(({ scopes }) => isInScope(scopes, appId)),
    isTracing,
    warnings: [...warnings, ...more],
  }
}

const V1 = 'dapr.io/v1alpha1'
const V2 = 'dapr.io/v2alpha1'
const versions: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['Component', [V1]],
  ['Subscription', [V1, V2]],
  ['Resiliency', [V1]],
  ['Configuration', [V1]],
])

/** A kind that is served has to have a version that is. */
function kindOf(document: Fields): unknown {
  const kind = document.get('kind')
  const known = versions.get(kind)
  const version = document.get('apiVersion')
  if (known === undefined || known.some((one) => one === version)) return kind
  return document.refuse('apiVersion', `${quote(version)} is not one of ${known.map(quote).join(', ')}`)
}

function versionOf(subscription: Fields): 'v1alpha1' | 'v2alpha1' {
  return subscription.get('apiVersion') === V1 ? 'v1alpha1' : 'v2alpha1'
}

/** A rate that is no number counts as one above 0, as in daprd. @returns undefined when there is none */
function isTracingOf(configuration: Fields): boolean | undefined {
  const rate = configuration.object('spec').object('tracing').get('samplingRate')
  return rate === undefined ? undefined : rate === '' || Number(rate) !== 0
}
