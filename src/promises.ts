/**
 * What the platform's promises lack: being left alone, and being told from
 * other values and from one another.
 *
 * Layer 0.
 */

/** Of what has happened already. Whoever is handed this one has no need to wait for it. */
export const done: Promise<void> = Promise.resolve()

/** A promise whose rejection is known otherwise, so that it never becomes an unhandled one. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(nothing)
  return promise
}

/** A refusal that may be left alone. */
export function refusal(error: unknown): Promise<never> {
  return handled(Promise.reject(error))
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  const mayHave = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return mayHave && typeof (value as Partial<PromiseLike<unknown>>).then === 'function'
}

/** A program may put others in their place. */
const Platform = Promise
const { then } = Platform.prototype

/**
 * Calls one of both, once and later, whatever kind of promise it is: those of
 * the platform are asked themselves, not an own `then` that somebody gave them;
 * others are made into one.
 *
 * @throws whatever a hostile promise throws; then neither will be called
 */
export function whenSettled(
  promise: unknown,
  fulfilled: (value: unknown) => void,
  rejected: (error: unknown) => void,
): void {
  then.call(promise instanceof Platform ? promise : Platform.resolve(promise), fulfilled, rejected)
}

function nothing(): void {}

/** Calls what a user has given us. @param failed told what it throws, or rejects with later; nobody, if there is nobody to tell */
export function contain(call: () => unknown, failed: (error: unknown) => void = nothing): void {
  try {
    const result = call()
    if (isThenable(result)) whenSettled(result, nothing, failed)
  } catch (error) {
    failed(error)
  }
}
