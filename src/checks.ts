/**
 * Checking options: what an option has to be, in words and as a test. Only own
 * properties count, so a polluted prototype asks for nothing.
 *
 * Layer 1.
 */
import { BusbarError, quote } from './errors.ts'

/** What an option has to be, in words that follow "is not", and the test for it. */
export type Rule = readonly [what: string, holds: (value: unknown) => boolean]
/** The options that there are. */
export type Rules = Readonly<Record<string, Rule>>

export const ANYTHING: Rule = ['', () => true]
export const DURATION: Rule = ['a duration in ms, 0 or more', isDuration]
export const COUNT: Rule = ['an integer of at least 1', isCount]
export const TEXT: Rule = ['a string that is not empty', (value) => typeof value === 'string' && value !== '']
export const FUNCTION: Rule = ['a function', (value) => typeof value === 'function']
export const OBJECT: Rule = ['an object', isObject]

export function orInfinity([what, holds]: Rule): Rule {
  return [`${what}, or Infinity`, (value) => value === Infinity || holds(value)]
}

export function oneOf(...values: readonly unknown[]): Rule {
  return [`one of ${values.map(quote).join(', ')}`, (value) => values.includes(value)]
}

export function objectWith(...methods: readonly string[]): Rule {
  return [`an object with ${methods.join(', ')}`, eachIs(['function'], methods)]
}

/** An object that may have these methods, and none of them as anything else. */
export function objectOf(...methods: readonly string[]): Rule {
  return [`an object of functions`, eachIs(['function', 'undefined'], methods)]
}

/** Whether a value is an object whose properties of these names are of one of these types. */
function eachIs(types: readonly string[], names: readonly string[]): Rule[1] {
  return (value) => isObject(value) && names.every((name) => types.includes(typeof Reflect.get(value, name)))
}

export function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Infinity
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** @throws {BusbarError} `ERR_OPTION_INVALID` that names the option */
export function refuseOption(option: string, why: string, cause?: unknown): never {
  throw new BusbarError('ERR_OPTION_INVALID', `Invalid option ${option}: ${why}`, { option, cause })
}

/** @throws {BusbarError} `ERR_OPTION_INVALID` unless the rule holds */
export function checkOne(value: unknown, [what, holds]: Rule, option: string): void {
  if (!holds(value)) refuseOption(option, `${quote(value)} is not ${what}`)
}

/** A prototype with nothing in it. V8 keeps the properties of what inherits from it as fast as any, and those of `Object.create(null)` in a slow table. */
const NOTHING: object = Object.create(null)

/** A checked copy of the own properties that are not `undefined`; it inherits nothing. */
export function checkEach<T extends object>(options: T, rules: Rules, prefix = ''): T {
  checkOne(options, OBJECT, 'options')
  const checked: Record<string, unknown> = Object.create(NOTHING)
  for (const name of Object.keys(options)) {
    const value: unknown = options[name as keyof T] // which is one of its keys
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (rule === undefined) refuseOption(prefix + name, 'there is no such option')
    if (value === undefined) continue
    checkOne(value, rule, prefix + name)
    checked[name] = value
  }
  return checked as T // the same properties, but for those that were undefined
}

/** What every `close()` may be told. */
export function checkClose<T extends { readonly graceMs?: number }>(options: T): T {
  return checkEach(options, { graceMs: orInfinity(DURATION) })
}
