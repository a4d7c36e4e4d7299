/**
 * Routing: to which path of the app does an event go? The rules of one
 * subscription, in order; the first that holds decides.
 *
 * Layer 20. Source: daprd's message routing, CEL over the variable `event`;
 * dapr/dapr, pkg/runtime/subscription/subscription.go (`findMatchingRoute`).
 */
import { refuseOption } from '../checks.ts'
import { quote } from '../errors.ts'
import { appPathOf } from './app-path.ts'
import { celValue, compileExpression, summaryOf } from './expression.ts'
import type { Rule } from './wire.ts'

const MAX_RULES = 100

interface Route {
  /** Undefined: holds always. */
  readonly holds: ((variables: Variables) => boolean) | undefined
  readonly path: string
}

type Variables = ReadonlyMap<string, unknown>

/** The rules of a subscription, ready to choose. */
export class Routes {
  readonly #routes: readonly Route[]

  /**
   * Numbers in `event` are doubles and compare with integers by value. Space around a `match` is ignored; an empty
   * one always holds.
   *
   * @throws {BusbarError} `ERR_OPTION_INVALID` for a rule that does not compile, with the `position` of the trouble, a
   *   path that is none, or more than 100 rules
   */
  constructor(rules: readonly Rule[]) {
    if (rules.length > MAX_RULES) refuseOption('rules', `${rules.length} are more than ${MAX_RULES}`)
    this.#routes = rules.map(({ match, path }) => ({
      holds: compiled(match.trim()),
      path: appPathOf(path) ?? refuseOption('route', `${quote(path)} is no path`),
    }))
  }

  /**
   * The path of the first rule that holds; undefined when none does.
   *
   * @param event makes the CloudEvent as a JSON object: attributes, extensions, `data`; called only when a rule needs it
   * @throws {Error} when a rule fails: an attribute or member is missing (guard with `has()`), types do not go
   *   together, an identifier is not `event`, the result is no boolean, it takes too many steps. That is not "no
   *   match": no other rule is tried.
   */
  pathFor(event: () => object): string | undefined {
    let variables: Variables | undefined
    for (const { holds, path } of this.#routes) {
      if (holds === undefined) return path
      variables ??= new Map([['event', celValue(event())]])
      if (holds(variables)) return path
    }
    return undefined
  }
}

/** @returns undefined for a rule that always holds */
function compiled(match: string): Route['holds'] {
  if (match === '') return undefined
  const expression = compileExpression(match)
  return (variables) => {
    const result = evaluated(() => expression.evaluate(variables), match)
    if (typeof result !== 'boolean') throw new Error(`Rule ${quote(match)} failed: its result is not a boolean`)
    return result
  }
}

function evaluated(evaluate: () => unknown, match: string): unknown {
  try {
    return evaluate()
  } catch (error) {
    throw new Error(`Rule ${quote(match)} failed: ${summaryOf(error)}`, { cause: error })
  }
}
