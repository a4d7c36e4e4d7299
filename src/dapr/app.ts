/**
 * Where the app is: from what a user says of it to the way there.
 *
 * Layer 24.
 */

import { isLoopback } from '../http/host.ts'
import { FunctionAppChannel, HttpAppChannel } from './app-channel.ts'
import type { DaprSidecarOptions } from './settings.ts'
import type { AppChannel } from './wire.ts'

type App = NonNullable<DaprSidecarOptions['app']>

/** The way to the app; undefined when there is none. @throws {BusbarError} `ERR_OPTION_INVALID` */
export function channelTo({ app, appToken, appMaxConcurrency }: DaprSidecarOptions): AppChannel | undefined {
  if (app === undefined) return undefined
  const shared = {
    ...(appToken !== undefined && { token: appToken }),
    ...(appMaxConcurrency !== undefined && { maxConcurrency: appMaxConcurrency }),
  }
  if (typeof app === 'function') return new FunctionAppChannel({ app, ...shared })
  return new HttpAppChannel({ url: urlOf(app), ...shared })
}

/** As the metadata endpoint shows it. A function has no port. */
export function connectionOf(app: App): object {
  if (typeof app === 'function') return { protocol: 'http' }
  const url = urlOf(app)
  return { port: portOf(url), protocol: url.protocol.slice(0, -1), channelAddress: url.hostname }
}

/** Whether calls of the app would come to a port of this machine: a sidecar that is its own app answers itself for ever. */
export function isAtPort(app: App | undefined, port: number): boolean {
  if (app === undefined || typeof app === 'function') return false
  const url = urlOf(app)
  return portOf(url) === port && isLoopback(url.hostname.replace(/^\[|\]$/g, ''))
}

function urlOf(app: string | number | URL): URL {
  return new URL(typeof app === 'number' ? `http://127.0.0.1:${app}` : app)
}

function portOf({ port, protocol }: URL): number {
  return Number(port) || (protocol === 'https:' ? 443 : 80)
}
