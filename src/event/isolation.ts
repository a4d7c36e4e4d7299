/**
 * Whose object a handler gets when it reads `message.data`. A copy is taken
 * when the event is published, so that what the publisher does to its object
 * later is not seen, and another one for each delivery that reads it.
 *
 * Layer 3.
 */
import { BusbarError } from '../errors.ts'

/**
 * - `'shared'`: the publisher's own object; fastest, and an edit is seen by everybody.
 * - `'frozen'`: the publisher's own object, its plain objects and arrays frozen all the way down.
 * - `'clone'`: a structured clone for each delivery.
 * - `'json'`: what `JSON.parse(JSON.stringify(data))` makes of it, for each delivery.
 */
export type Isolation = 'shared' | 'frozen' | 'clone' | 'json'

/** How data is kept between publish and delivery. */
export interface Isolator {
  /** Undefined when data is kept as it is. @throws {BusbarError} `ERR_EVENT_INVALID` when it cannot be cloned or is not JSON */
  readonly store: ((data: unknown) => unknown) | undefined
  /** Makes the object of one delivery; undefined when all deliveries share what is stored. */
  readonly load: ((stored: unknown) => unknown) | undefined
}

export const isolators: Readonly<Record<Isolation, Isolator>> = {
  shared: { store: undefined, load: undefined },
  frozen: { store: freezeDeep, load: undefined },
  clone: { store: (data) => guard(() => structuredClone(data)), load: structuredClone },
  // Text that is undefined stands for undefined, which JSON does not have.
  json: { store: toText, load: (text) => (text === undefined ? undefined : JSON.parse(text as string)) },
}

function toText(data: unknown): unknown {
  return guard(() => {
    const text = JSON.stringify(data)
    if (text === undefined && data !== undefined) throw new TypeError('JSON has no such value')
    return text
  })
}

function guard<T>(copy: () => T): T {
  try {
    return copy()
  } catch (cause) {
    throw new BusbarError('ERR_EVENT_INVALID', 'Invalid data: it cannot be copied', { attribute: 'data', cause })
  }
}

/** Only plain objects and arrays: a frozen `Map` still changes, and typed arrays cannot be frozen. */
function freezeDeep(data: unknown): unknown {
  const waiting = [data]
  const seen = new Set<unknown>()
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (!isPlain(value) || seen.has(value)) continue
    seen.add(Object.freeze(value))
    for (const { value: inner } of Object.values(Object.getOwnPropertyDescriptors(value))) waiting.push(inner)
  }
  return data
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || Array.isArray(value)
}
