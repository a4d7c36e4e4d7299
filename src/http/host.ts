/**
 * Which host a request says it is for, and whether that is this machine. What
 * a door makes of it is its own business.
 *
 * Layer 18. Source: RFC 9110, 7.2.
 */

const AUTHORITY = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i
const LOOPBACK_V4 = /^127(?:\.(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])){3}$/

/** Addresses to listen on that stand for all of a machine's. */
export const EVERYWHERE: readonly string[] = ['0.0.0.0', '::']

/**
 * The host in `host[:port]`, as `Host` has it.
 *
 * @returns without port, brackets and a last dot, in lower case; undefined when it is none
 */
export function hostOf(authority: string): string | undefined {
  const [, address, name] = AUTHORITY.exec(authority) ?? []
  return (address ?? name)?.toLowerCase().replace(/\.$/, '')
}

/** Whether an address or a name, as `hostOf` returns it, stands for this machine and nothing else. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || LOOPBACK_V4.test(host)
}
