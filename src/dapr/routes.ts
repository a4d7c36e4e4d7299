/**
 * The rules of one subscription, ready to be asked where an event goes.
 *
 * Layer 19. Source: dapr/dapr, pkg/runtime/subscription/subscription.go (`findMatchingRoute`).
 */
import { refuseOption } from '../checks.ts'
import { quote } from '../errors.ts'
import { appPathOf } from './app-path.ts'
import { type CompiledRule, compileRule } from './routing.ts'
import type { Rule } from './wire.ts'

interface Route {
  /** Undefined: holds always. */
  readonly rule: CompiledRule | undefined
  readonly path: string
}

export class Routes {
  readonly #routes: readonly Route[]

  /** @throws {BusbarError} `ERR_OPTION_INVALID` for a rule that is no CEL expression, or a path that is none */
  constructor(rules: readonly Rule[]) {
    this.#routes = rules.map(({ match, path }) => ({
      rule: match.trim() === '' ? undefined : compileRule(match),
      path: appPathOf(path) ?? refuseOption('route', `${quote(path)} is no path`),
    }))
  }

  /**
   * The path of the first rule that holds; undefined when none does.
   *
   * @param event makes what the rules look at; called only when a rule needs it
   * @throws what a rule throws that cannot be evaluated: that is not the same as a rule that does not hold
   */
  pathFor(event: () => object): string | undefined {
    let seen: object | undefined
    for (const { rule, path } of this.#routes) {
      if (rule === undefined) return path
      seen ??= event()
      if (rule.test(seen)) return path
    }
    return undefined
  }
}
