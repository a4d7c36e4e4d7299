/**
 * What the platform's promises lack: being left alone, and being told from
 * other values.
 *
 * Layer 0.
 */

/** A promise whose rejection is known otherwise, so that it never becomes an unhandled one. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  const mayHave = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return mayHave && typeof (value as Partial<PromiseLike<unknown>>).then === 'function'
}
