/**
 * From the route of a subscription to the path of a request to the app. A route
 * is text from outside: it chooses a path, never a host.
 *
 * Layer 19. Source: daprd's HTTP app channel; Go's `path.Clean` and `net/url`.
 */

/**
 * The path and query of a route, with one `/` at the start and percent-encoded
 * once: `orders/` gives `/orders`, `//evil/../x y?z=1` gives `/x%20y?z=1`. Encoded
 * characters stay as they are; what follows a `#` is not sent.
 *
 * @returns undefined for what no request line can hold: control characters, broken percent-encoding or Unicode
 */
export function appPathOf(route: string): string | undefined {
  const [sent = ''] = route.split('#', 1)
  if (hasControl(sent) || /%(?![\da-f]{2})/i.test(sent) || /\p{Surrogate}/u.test(sent)) return undefined
  const [, path = '', query = ''] = /^([^?]*)(.*)$/.exec(sent) ?? []
  return encode(clean(path)) + encode(query)
}

function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text)
}

/** Without empty levels, `.` and `..`: none of them reaches the app. */
function clean(path: string): string {
  const levels: string[] = []
  for (const level of path.split('/')) {
    if (level === '..') levels.pop()
    else if (level !== '' && level !== '.') levels.push(level)
  }
  return `/${levels.join('/')}`
}

/** Encodes what may not stand in a path or query, and leaves what is encoded. */
function encode(text: string): string {
  return text.replace(/[^\w\-.~!$&'()*+,;=:@%/?]/gu, encodeURIComponent)
}
