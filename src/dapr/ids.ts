/**
 * Ids for events and batches that come without one. A random UUID is put
 * together from so many pieces that making one took longer than parsing a small
 * body, so that one lasts for many.
 *
 * Layer 19.
 */

/** Those made in a row differ in their last four digits. */
const COUNT = 0x10000

/** Makes UUIDs (RFC 9562, version 4) that nobody else has. They are no secrets: who knows one can guess the next. */
export function uuids(): () => string {
  let random = ''
  let left = 0
  return () => {
    if (left === 0) {
      random = crypto.randomUUID().slice(0, -4)
      left = COUNT
    }
    left--
    return random + left.toString(16).padStart(4, '0')
  }
}
