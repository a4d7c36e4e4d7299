/**
 * Asking the app what it subscribes to.
 *
 * Layer 21. Source: dapr/dapr, pkg/runtime/runtime.go and pkg/runtime/pubsub/subscriptions.go.
 */
import { type Log, reasonOf } from './log.ts'
import { parseDiscovery } from './subscriptions.ts'
import type { AppChannel, AppResponse, SubscriptionSpec } from './wire.ts'

/** Calls of the app before it is served; a sidecar can be told to leave them out. */
export type InitEndpoint = 'config' | 'subscribe'

/** What discovery is made of. */
export interface DiscoveryParts {
  readonly channel: AppChannel
  readonly appId: string
  readonly disabled: readonly InitEndpoint[]
  readonly log: Log
  /** Real time: a network does not go by the broker's clock. */
  readonly sleep: (ms: number) => Promise<void>
}

/** For one question, its answer included. */
const DEADLINE_MS = 5000
/** Further tries after a connection that broke, and the wait before each. */
const WAITS_MS: readonly number[] = [500, 750, 1000]

/** Asks a listening app. @returns what it subscribes to; an app that says nothing sensible subscribes to nothing */
export async function discover(parts: DiscoveryParts): Promise<readonly SubscriptionSpec[]> {
  const { disabled, log } = parts
  if (!disabled.includes('config')) {
    await ask(parts, '/dapr/config').catch((error: unknown) => {
      log({ level: 'debug', message: 'The app has no configuration', reason: reasonOf(error) })
    })
  }
  if (disabled.includes('subscribe')) {
    log({ level: 'info', message: 'The app is not asked for its subscriptions' })
    return []
  }
  return askSubscriptions(parts)
}

async function askSubscriptions(parts: DiscoveryParts): Promise<readonly SubscriptionSpec[]> {
  const { log } = parts
  try {
    const { specs, problems } = parseDiscovery(await askAgain(parts, '/dapr/subscribe'))
    for (const { level, message } of problems) log({ level, message })
    return specs
  } catch (error) {
    log({ level: 'error', message: 'The app did not say what it subscribes to', reason: reasonOf(error) })
    return []
  }
}

/** A connection that breaks is no answer; any HTTP status is one. */
async function askAgain(parts: DiscoveryParts, path: string): Promise<AppResponse> {
  for (const waitMs of WAITS_MS) {
    try {
      return await ask(parts, path)
    } catch (error) {
      parts.log({ level: 'debug', message: 'The app is asked again', path, reason: reasonOf(error) })
      await parts.sleep(waitMs)
    }
  }
  return ask(parts, path)
}

function ask({ channel, appId }: DiscoveryParts, path: string): Promise<AppResponse> {
  const headers = { 'dapr-app-id': appId, 'content-type': 'application/json' }
  return channel.call({ method: 'GET', path, headers, signal: AbortSignal.timeout(DEADLINE_MS) })
}
