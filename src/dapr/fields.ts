/**
 * Reading objects that somebody else wrote, as Go reads them: members by name
 * whatever its case, the last one counts, null is absent, unknown ones are left
 * alone. A member of the wrong type is refused with the path that leads to it.
 *
 * Layer 19. Source: Go's `encoding/json`.
 */
import { BusbarError, quote } from '../errors.ts'

export class Fields {
  /** Where the object is: `subscription 2`, or the file of a resource, `pubsub.yaml, line 3:`. */
  readonly path: string
  /** As they were written. */
  readonly entries: readonly (readonly [name: string, value: unknown])[]
  /** By name in lower case. */
  readonly #members: ReadonlyMap<string, unknown>

  /** @throws {BusbarError} `ERR_OPTION_INVALID` when `value` is no object */
  constructor(value: unknown, path: string) {
    this.path = path
    if (!isPlainObject(value)) refuse(path, `${quote(value)} is not an object`)
    this.entries = Object.entries(value)
    this.#members = new Map(this.entries.map(([name, member]) => [name.toLowerCase(), member ?? undefined]))
  }

  /** @returns the member as it is; undefined for null */
  get(name: string): unknown {
    return this.#members.get(name.toLowerCase())
  }

  text(name: string): string | undefined {
    return this.#read(name, 'a string', (value) => typeof value === 'string')
  }

  flag(name: string): boolean | undefined {
    return this.#read(name, 'true or false', (value) => typeof value === 'boolean')
  }

  integer(name: string): number | undefined {
    return this.#read(name, 'an integer', (value): value is number => Number.isSafeInteger(value))
  }

  list(name: string): readonly unknown[] {
    return this.#read(name, 'a list', (value) => Array.isArray(value)) ?? []
  }

  texts(name: string): readonly string[] {
    return this.list(name).map((value, index) => {
      if (typeof value !== 'string') refuse(`${this.#pathOf(name)}[${index}]`, `${quote(value)} is not a string`)
      return value
    })
  }

  /** @returns an object without members when there is none */
  object(name: string): Fields {
    return new Fields(this.get(name) ?? {}, this.#pathOf(name))
  }

  objects(name: string): readonly Fields[] {
    return this.list(name).map((value, index) => new Fields(value, `${this.#pathOf(name)}[${index}]`))
  }

  /** The objects in the object `name`, by name as written. */
  objectsIn(name: string): readonly (readonly [string, Fields])[] {
    const { entries, path } = this.object(name)
    return entries.map(([key, value]) => [key, new Fields(value ?? {}, `${path}.${key}`)])
  }

  /** The same object without the member `name`. */
  without(name: string): Fields {
    const others = this.entries.filter(([key]) => key.toLowerCase() !== name.toLowerCase())
    return new Fields(Object.fromEntries(others), this.path)
  }

  /** @throws {BusbarError} `ERR_OPTION_INVALID` about the member `name` */
  refuse(name: string, why: string, cause?: unknown): never {
    return refuse(this.#pathOf(name), why, cause)
  }

  #pathOf(name: string): string {
    if (this.path === '') return name
    return this.path.endsWith(':') ? `${this.path} ${name}` : `${this.path}.${name}`
  }

  #read<T>(name: string, what: string, holds: (value: unknown) => value is T): T | undefined {
    const value = this.get(name)
    if (value === undefined || holds(value)) return value
    return this.refuse(name, `${quote(value)} is not ${what}`)
  }
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refuse(option: string, why: string, cause?: unknown): never {
  throw new BusbarError('ERR_OPTION_INVALID', `Invalid ${option}: ${why}`, {
    option,
    cause,
  })
}
