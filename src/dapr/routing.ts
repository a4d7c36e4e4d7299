/**
 * Routing: to which path of the app does an event go? The rules of one
 * subscription, in order; the first that holds decides.
 *
 * Layer 18. Source: daprd's message routing, CEL over the variable `event`.
 */
import { BusbarError, quote } from '../errors.ts'
import { celValue, compileExpression, summaryOf } from './expression.ts'
import type { Rule } from './wire.ts'

const MAX_RULES = 100

export interface CompiledRule {
  /**
   * @param event the CloudEvent as a JSON object: attributes, extensions, `data`
   * @throws {Error} when the rule fails: an attribute or member is missing (guard with `has()`), types do not go
   *   together, an identifier is not `event`, the result is no boolean, it takes too many steps. That is not "no
   *   match": no other rule may be tried.
   */
  test(event: object): boolean
}

/** The rules of a subscription, ready to choose. */
export interface Routes {
  /** @returns the path of the first rule that holds; undefined when none does. @throws {Error} when a rule fails */
  pathFor(event: object): string | undefined
}

/**
 * Compiles one rule. Numbers in `event` are doubles and compare with integers
 * by value. Space around `match` is ignored; an empty one always holds.
 *
 * @throws {BusbarError} `ERR_OPTION_INVALID` with the `position` of the trouble
 */
export function compileRule(match: string): CompiledRule {
  const test = compileTest(match)
  return { test: (event) => test?.(variablesOf(event)) ?? true }
}

/**
 * Compiles the rules of a subscription.
 *
 * @throws {BusbarError} `ERR_OPTION_INVALID` when one of them does not compile, or there are more than 100
 */
export function compileRoutes(rules: readonly Rule[]): Routes {
  if (rules.length > MAX_RULES) {
    throw new BusbarError('ERR_OPTION_INVALID', `Invalid rules: ${rules.length} are more than ${MAX_RULES}`)
  }
  const compiled = rules.map(({ match, path }) => ({ test: compileTest(match), path }))
  return {
    pathFor: (event) => {
      let variables: Variables | undefined
      return compiled.find(({ test }) => test?.((variables ??= variablesOf(event))) ?? true)?.path
    },
  }
}

type Variables = ReadonlyMap<string, unknown>

function variablesOf(event: object): Variables {
  return new Map([['event', celValue(event)]])
}

/** @returns undefined for a rule that always holds */
function compileTest(match: string): ((variables: Variables) => boolean) | undefined {
  const text = match.trim()
  if (text === '') return undefined
  const expression = compileExpression(text)
  return (variables) => {
    const result = evaluate(() => expression.evaluate(variables), text)
    if (typeof result !== 'boolean') throw new Error(`Rule ${quote(text)} failed: its result is not a boolean`)
    return result
  }
}

function evaluate(expression: () => unknown, text: string): unknown {
  try {
    return expression()
  } catch (error) {
    throw new Error(`Rule ${quote(text)} failed: ${summaryOf(error)}`, { cause: error })
  }
}
