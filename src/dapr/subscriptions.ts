/**
 * Subscriptions as apps and files ask for them: what an app answers to
 * `GET /dapr/subscribe`, and Subscription resources, v1alpha1 and v2alpha1.
 *
 * Metadata that is no string makes the whole answer of an app worthless, as in
 * daprd. Any other bad entry makes daprd drop the whole list too, and the
 * declarative subscriptions with it; here it alone is left out, with a warning,
 * so that no messages of the good ones get lost.
 *
 * Layer 21. Source: Dapr's pub/sub API reference and daprd's discovery.
 */
import { refuseOption } from '../checks.ts'
import { quote } from '../errors.ts'
import { isInScope } from './components.ts'
import { Fields } from './fields.ts'
import { reasonOf } from './log.ts'
import { parseGoBoolean } from './metadata.ts'
import { Routes } from './routing.ts'
import { type AppResponse, type BatchLimits, DEFAULT_BATCH, type Rule, type SubscriptionSpec } from './wire.ts'

/** Subscriptions, and what was left out or read in another way than daprd would. */
export interface Subscriptions {
  readonly specs: readonly SubscriptionSpec[]
  readonly warnings: readonly string[]
}

/** What came of asking the app. */
export type Discovery =
  | ({ readonly kind: 'found' } & Subscriptions)
  /** The app has none, and says so by a 404 or an empty body. */
  | { readonly kind: 'none' }
  /** The answer is of no use. */
  | { readonly kind: 'failed'; readonly reason: string }

/** A Subscription resource. */
export interface DeclaredSubscription {
  readonly spec: SubscriptionSpec
  /** App ids that it is for; empty: all. */
  readonly scopes: readonly string[]
  readonly warnings: readonly string[]
}

const MAX_SUBSCRIPTIONS = 1000
/** Of an app; compiling as many as fit into its answer would take seconds. */
const MAX_RULES = 1000
const MAX_INT32 = 2 ** 31 - 1

/** Reads what the app answered to `GET /dapr/subscribe`. */
export function readDiscovery({ status, body }: AppResponse): Discovery {
  if (status === 404) return { kind: 'none' }
  if (status !== 200) return failed(`the app answered with status ${status}`)
  if (body === '') return { kind: 'none' }
  let list: unknown
  try {
    list = JSON.parse(body)
  } catch (error) {
    return failed(`the app's answer is not JSON: ${reasonOf(error)}`)
  }
  return readList(list)
}

function failed(reason: string): Discovery {
  return { kind: 'failed', reason }
}

function readList(list: unknown): Discovery {
  if (list === null) return { kind: 'none' }
  if (!Array.isArray(list)) return failed(`the app's answer is not a list but ${quote(list)}`)
  if (list.length > MAX_SUBSCRIPTIONS) {
    return failed(`the app asks for ${list.length} subscriptions, more than ${MAX_SUBSCRIPTIONS}`)
  }
  const wrong = list.findIndex(hasForeignMetadata)
  if (wrong >= 0) return failed(`the metadata of subscription ${wrong} is not made of strings`)
  const warnings: string[] = []
  let ruleCount = 0
  const read = list.map((entry, index) =>
    unlessRefused(warnings, () => {
      const spec = readSpec(new Fields(entry ?? {}, `subscription ${index}`), 'PROGRAMMATIC', warnings)
      const count = spec.rules.filter(({ match }) => match.trim() !== '').length
      const isTooMuch = count > 0 && ruleCount + count > MAX_RULES
      if (isTooMuch) refuseOption(optionOf(spec), `more than ${MAX_RULES} rules in all`)
      routable(spec)
      ruleCount += count
      return spec
    }),
  )
  const specs = new Map<string, SubscriptionSpec>()
  for (const spec of read.filter((one) => one !== undefined)) {
    if (specs.has(keyOf(spec))) warnings.push(`${describe(spec)} was asked for twice: the last one counts`)
    specs.set(keyOf(spec), spec) // in the place of the first
  }
  return { kind: 'found', specs: [...specs.values()], warnings }
}

/** Go cannot read a list with such an entry at all. */
function hasForeignMetadata(entry: unknown): boolean {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return false
  const metadata = new Fields(entry, '').get('metadata')
  return (
    typeof metadata === 'object' &&
    Object.values(metadata ?? {}).some((value) => value !== null && typeof value !== 'string')
  )
}

/**
 * Reads a Subscription resource.
 *
 * @param version `v1alpha1` has one `route`, `v2alpha1` has `routes`
 * @throws {BusbarError} `ERR_OPTION_INVALID` with the path of what is wrong
 */
export function readSubscription(resource: Fields, version: 'v1alpha1' | 'v2alpha1'): DeclaredSubscription {
  const warnings: string[] = []
  const fields = resource.object('spec')
  const spec = readSpec(fields.without(version === 'v1alpha1' ? 'routes' : 'route'), 'DECLARATIVE', warnings)
  const name = resource.object('metadata').text('name')
  return {
    spec: { ...spec, ...(name !== undefined && { name }) },
    scopes: resource.texts('scopes'),
    warnings,
  }
}

/**
 * The declarative subscriptions of one app: those in scope, of several with one
 * name the last, of several for one topic the first, without those whose rules
 * do not compile.
 */
export function subscriptionsFor(appId: string, declared: readonly DeclaredSubscription[]): Subscriptions {
  const warnings: string[] = []
  const named = new Map<string | symbol, DeclaredSubscription>()
  for (const one of declared.filter(({ scopes }) => isInScope(scopes, appId))) named.set(one.spec.name || Symbol(), one)
  const specs = new Map<string, SubscriptionSpec>()
  for (const { spec, warnings: earlier } of named.values()) {
    warnings.push(...earlier)
    if (specs.has(keyOf(spec))) warnings.push(`${describe(spec)} is declared twice: the first one counts`)
    else if (unlessRefused(warnings, () => routable(spec)) !== undefined) specs.set(keyOf(spec), spec)
  }
  return { specs: [...specs.values()], warnings }
}

/** All subscriptions of an app: what it asks for itself replaces what is declared for the same topic. */
export function mergeSubscriptions(
  declarative: readonly SubscriptionSpec[],
  programmatic: readonly SubscriptionSpec[],
): readonly SubscriptionSpec[] {
  const replaced = new Set(programmatic.map(keyOf))
  return [...declarative.filter((spec) => !replaced.has(keyOf(spec))), ...programmatic]
}

function keyOf({ pubsubname, topic }: SubscriptionSpec): string {
  return JSON.stringify([pubsubname, topic])
}

function describe({ pubsubname, topic }: SubscriptionSpec): string {
  return `The subscription to topic ${quote(topic)} of ${quote(pubsubname)}`
}

/** Runs `read`; when it refuses, that becomes a warning, and the result is undefined. */
function unlessRefused<T>(warnings: string[], read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    warnings.push(`${reasonOf(error)} (this subscription is left out)`)
    return undefined
  }
}

function readSpec(fields: Fields, type: SubscriptionSpec['type'], warnings: string[]): SubscriptionSpec {
  const pubsubname = fields.text('pubsubname') || fields.refuse('pubsubname', 'a subscription needs one')
  const topic = fields.text('topic') || fields.refuse('topic', 'a subscription needs one')
  const deadLetterTopic = fields.text('deadLetterTopic') || undefined
  const isLoop = deadLetterTopic === topic
  if (isLoop) warnings.push(`Ignored ${fields.path}.deadLetterTopic: it is the topic itself`)
  return {
    pubsubname,
    topic,
    metadata: readMetadata(fields, warnings),
    rules: readRules(fields),
    deadLetterTopic: isLoop ? undefined : deadLetterTopic,
    bulk: readBulk(fields.object('bulkSubscribe')),
    type,
  }
}

/** The rules in order, then the default: that of `routes`, else `route`. */
function readRules(fields: Fields): readonly Rule[] {
  const routes = fields.object('routes')
  const rules = routes
    .objects('rules')
    .map((rule) => ({ match: rule.text('match') ?? '', path: rule.text('path') ?? '' }))
  const fallback = routes.text('default') || fields.text('route') || undefined
  return fallback === undefined ? rules : [...rules, { match: '', path: fallback }]
}

/**
 * The same subscription, its routes checked.
 *
 * @throws {BusbarError} `ERR_OPTION_INVALID` when there is no route, or one that cannot be taken
 */
function routable(spec: SubscriptionSpec): SubscriptionSpec {
  const option = optionOf(spec)
  if (spec.rules.length === 0) refuseOption(option, 'it has no route')
  try {
    new Routes(spec.rules)
    return spec
  } catch (error) {
    return refuseOption(option, reasonOf(error), error)
  }
}

function optionOf({ topic }: SubscriptionSpec): string {
  return `subscription to topic ${quote(topic)}`
}

function readMetadata(fields: Fields, warnings: string[]): Readonly<Record<string, string>> {
  const { entries, path } = fields.object('metadata')
  const texts = entries.map(([name, value]) => {
    if (typeof value === 'string' || value === null) return [name, value ?? ''] as const
    warnings.push(`Read ${path}.${name} as a string: daprd refuses ${quote(value)} there`)
    return [name, JSON.stringify(value)] as const
  })
  for (const [name, text] of texts) {
    if (name !== 'rawPayload' || parseGoBoolean(text) !== undefined) continue
    warnings.push(`${path}.rawPayload is not a boolean but ${quote(text)}: no message can be delivered`)
  }
  return Object.fromEntries(texts)
}

/** Counts that are absent or not above 0 get the defaults. */
function readBulk(fields: Fields): SubscriptionSpec['bulk'] {
  if (fields.flag('enabled') !== true) return undefined
  const count = (name: keyof BatchLimits): number => {
    const value = fields.integer(name) ?? 0
    return value > 0 ? Math.min(value, MAX_INT32) : DEFAULT_BATCH[name]
  }
  return { maxMessagesCount: count('maxMessagesCount'), maxAwaitDurationMs: count('maxAwaitDurationMs') }
}
