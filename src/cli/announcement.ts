/**
 * What the command says of a sidecar when it has started and when it knows the
 * subscriptions of the app: what is served where, in words.
 *
 * Layer 37.
 */
import type { LogEntry } from '../dapr/log.ts'
import type { ComponentSpec, SubscriptionSpec } from '../dapr/wire.ts'
import type { Settings } from './settings.ts'

/** Of a sidecar, what is told. */
export interface Facts {
  readonly version: string
  /** `http://127.0.0.1:3500` */
  readonly url: string
  readonly components: readonly ComponentSpec[]
}

/** The lines of the start. */
export function announceStart(settings: Settings, { version, url, components }: Facts): readonly LogEntry[] {
  const names = components.map(({ name }) => name)
  return [
    ...warnOfIgnored(settings.ignored),
    info(`Busbar ${version} is the sidecar of ${JSON.stringify(settings.appId)} at ${url}`),
    ...components.map((component) => info(describeComponent(component))),
    info(
      settings.appUrl === undefined ? 'No app is called: there is no --app-port' : `The app is at ${settings.appUrl}`,
    ),
    ...names.slice(0, 1).map((name) => info(`Publish with: ${exampleOf(url, name)}`)),
  ]
}

/** Where Momento's clients are served: at the host of the sidecar's `url`. */
export function announceMomento(url: string, port: number, caches: readonly string[]): LogEntry {
  const names = caches.map((name) => JSON.stringify(name)).join(', ')
  return info(`Momento Topics at ${new URL(url).hostname}:${port}, with the caches ${names}`)
}

/** A line for each subscription. */
export function announceSubscriptions(subscriptions: readonly SubscriptionSpec[]): readonly LogEntry[] {
  if (subscriptions.length === 0) return [info('The app has no subscriptions')]
  return subscriptions.map(({ pubsubname, topic, rules, deadLetterTopic }) => {
    const routes = rules.map(({ match, path }) => (match === '' ? path : `${path} if ${match}`)).join(', ')
    const last = deadLetterTopic === undefined ? '' : `, given up to ${deadLetterTopic}`
    return info(`Subscription: ${topic} of ${pubsubname} goes to ${routes}${last}`)
  })
}

function warnOfIgnored(flags: readonly string[]): readonly LogEntry[] {
  if (flags.length === 0) return []
  return [{ level: 'warn', message: `Without effect, for what they set is not served: ${flags.join(', ')}` }]
}

function describeComponent({ name, type }: ComponentSpec): string {
  return `Pub/sub ${JSON.stringify(name)} is ${type}`
}

function exampleOf(url: string, name: string): string {
  const target = `${url}/v1.0/publish/${encodeURIComponent(name)}/orders`
  return `curl ${target} -H 'content-type: application/json' -d '{"orderId":1}'`
}

function info(message: string): LogEntry {
  return { level: 'info', message }
}
