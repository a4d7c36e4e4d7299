/**
 * Expressions in CEL, the language of Dapr's routing rules and circuit
 * breakers: compiled once, evaluated over data that anybody may have sent.
 *
 * The bundled engine parses, checks and evaluates, always over its own tree:
 * no `eval`, no code made from text. What it lacks for hostile input is here:
 * a budget of steps, data that cannot reach a prototype, `matches` in linear
 * time, and no function that Dapr's CEL (the standard library) does not have.
 *
 * Layer 19. Sources: CEL specification, list of standard definitions; RE2.
 */
import { type ASTNode, Environment } from '@marcbachmann/cel-js'
import { RE2JS } from 're2js'
import { BusbarError, quote } from '../errors.ts'

export interface Expression {
  /**
   * @param variables values as `celValue` makes them
   * @throws {Error} when something is missing, of the wrong type, or takes too many steps
   */
  evaluate(variables: ReadonlyMap<string, unknown>): unknown
}

/** Of the text, in UTF-16 code units. */
const MAX_LENGTH = 4096
const MAX_DEPTH = 64
const MAX_NODES = 2000
/** Steps of one evaluation; the worst one takes about a tenth of a second. */
const MAX_STEPS = 50_000
/** Elements, code units and instructions of a regular expression times code units, that are worked through in one step. */
const ELEMENTS_PER_STEP = 128
const CHARS_PER_STEP = 4096
const REGEXP_WORK_PER_STEP = 100
const MAX_REGEXP_LENGTH = 1000

/** CEL's standard functions and macros; the engine knows more, daprd does not. */
const standardFunctions: ReadonlySet<string> = new Set([
  ...['size', 'contains', 'startsWith', 'endsWith', 'matches'],
  ...['bool', 'bytes', 'double', 'duration', 'dyn', 'int', 'string', 'timestamp', 'type', 'uint'],
  ...['getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear', 'getFullYear', 'getHours', 'getMilliseconds'],
  ...['getMinutes', 'getMonth', 'getSeconds'],
  ...['has', 'all', 'exists', 'exists_one', 'map', 'filter'],
])
/** Stands in for the engine's own `matches`, which runs on a backtracking RegExp. */
const MATCHES = 'matchesInLinearTime'

/** The part of the engine's evaluator through which all its work goes. */
interface Evaluator {
  run(node: unknown, context: unknown): unknown
  debugType(value: unknown): unknown
  debugTypeDeep(value: unknown): unknown
}

/**
 * A JSON value as expressions see it: objects become Maps, which have no
 * prototype to reach, and no `constructor` for the engine to mistake.
 */
export function celValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(celValue)
  if (typeof value !== 'object' || value === null) return value
  return new Map(Object.entries(value).map(([key, member]) => [key, celValue(member)]))
}

/**
 * Compiles an expression. Identifiers that nobody declared compile, and fail
 * when they are evaluated; functions that nobody declared do not compile.
 *
 * @throws {BusbarError} `ERR_OPTION_INVALID` with the `position` of the trouble
 */
export function compileExpression(text: string): Expression {
  if (text.length > MAX_LENGTH) refuse(text, `longer than ${MAX_LENGTH} characters`)
  const budget = new Budget()
  const environment = environmentWithin(budget)
  const evaluateParsed = parsedBy(environment, text)
  return {
    evaluate: (variables) => {
      budget.refill()
      return evaluateParsed(variables)
    },
  }
}

function parsedBy(environment: Environment, text: string): (variables: unknown) => unknown {
  try {
    const parsed = environment.parse(text)
    visit(parsed.ast, checkFunction)
    const { valid, error } = parsed.check()
    if (!valid) throw error ?? new Error('does not compile')
    // The engine takes Maps, though its types ask for objects: getValue() reads either.
    return (variables) => parsed(variables as Record<string, unknown>)
  } catch (error) {
    return refuse(text, summaryOf(error), positionOf(error), error)
  }
}

function environmentWithin(budget: Budget): Environment {
  const environment = new Environment({
    unlistedVariablesAreDyn: true,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: MAX_NODES, maxDepth: MAX_DEPTH },
  })
  const matches = linearMatches(budget)
  environment.registerFunction(`string.${MATCHES}(string): bool`, matches, { async: false })
  environment.registerFunction('matches(string, string): bool', matches, { async: false })
  limit(evaluatorOf(environment), budget)
  return environment
}

/** The engine hands its evaluator to functions as `this`, and in no other way. */
function evaluatorOf(environment: Environment): Evaluator {
  let evaluator: Evaluator | undefined
  function capture(this: Evaluator): boolean {
    evaluator = this
    return true
  }
  environment.registerFunction('captureEvaluator(): bool', capture, { async: false })
  environment.evaluate('captureEvaluator()')
  if (evaluator === undefined) throw new Error('The CEL engine no longer hands out its evaluator')
  return evaluator
}

/**
 * Makes every node cost a step each time it runs, and every value its size when
 * its type is looked up, which the engine does before it works on data. Once
 * the budget is spent all nodes throw, so `||` and `all` cannot forgive it.
 */
function limit(evaluator: Evaluator, budget: Budget): void {
  const { run, debugType } = evaluator
  evaluator.run = (node, context) => {
    budget.spend(1)
    return run.call(evaluator, node, context)
  }
  evaluator.debugType = (value) => {
    budget.spend(1 + stepsFor(value))
    return debugType.call(evaluator, value)
  }
  // The deep types are those of the first elements only, and each new shape of data would stay in the engine's caches.
  evaluator.debugTypeDeep = evaluator.debugType
}

function stepsFor(value: unknown): number {
  if (typeof value === 'string') return value.length / CHARS_PER_STEP
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length / ELEMENTS_PER_STEP
  return value instanceof Map ? value.size / ELEMENTS_PER_STEP : 0
}

/** What is left of the steps of an evaluation. */
class Budget {
  #steps = 0

  refill(): void {
    this.#steps = MAX_STEPS
  }

  spend(steps: number): void {
    this.#steps -= steps
    if (this.#steps < 0) throw new Error(`takes more than ${MAX_STEPS} steps`)
  }
}

/** `text.matches(regexp)` by RE2: its time is bounded by the lengths of both, whatever they are. */
function linearMatches(budget: Budget): (text: string, regexp: string) => boolean {
  let last: { readonly regexp: string; readonly re2: RE2JS } | undefined // compiling takes ten times as long as finding
  return (text, regexp) => {
    if (regexp.length > MAX_REGEXP_LENGTH) throw new Error(`regular expression over ${MAX_REGEXP_LENGTH} characters`)
    if (last?.regexp !== regexp) last = { regexp, re2: RE2JS.compile(regexp) }
    budget.spend((last.re2.programSize() * text.length) / REGEXP_WORK_PER_STEP)
    return last.re2.matcher(text).find()
  }
}

function checkFunction(node: ASTNode): void {
  if (node.op !== 'call' && node.op !== 'rcall') return
  const name = node.args[0]
  if (!standardFunctions.has(name)) throw new UnknownFunctionError(name, node.start)
  if (node.op === 'rcall' && name === 'matches') node.args[0] = MATCHES
}

class UnknownFunctionError extends Error {
  readonly range: { readonly start: number }

  constructor(name: string, start: number) {
    super(`there is no function ${quote(name)} in CEL's standard library`)
    this.range = { start }
  }
}

/** Visits the nodes in `tree`: a node, or lists of nodes and of what is none. */
function visit(tree: unknown, see: (node: ASTNode) => void): void {
  if (Array.isArray(tree)) for (const part of tree) visit(part, see)
  if (!isNode(tree)) return
  see(tree)
  visit(tree.args, see)
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value
}

/** The engine's messages end with a drawing of the place; their summaries do not. */
export function summaryOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'summary' in error && typeof error.summary === 'string' ? error.summary : error.message
}

function positionOf(error: unknown): number | undefined {
  // Errors of the engine, and ours above, say where the trouble is.
  const { range } = error as { readonly range?: { readonly start: number } }
  return range?.start
}

function refuse(text: string, why: string, position?: number, cause?: unknown): never {
  const where = position === undefined ? '' : ` at ${position}`
  throw new BusbarError('ERR_OPTION_INVALID', `Invalid expression ${quote(text)}${where}: ${why}`, {
    ...(position !== undefined && { position }),
    cause,
  })
}
