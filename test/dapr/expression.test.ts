import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { celValue, compileExpression } from '../../src/dapr/expression.ts'

const data: unknown = JSON.parse(
  `{"type":"order","constructor":"c","__proto__":{"x":1},"n":5,"f":5.5,"yes":true,"nul":null,"big":1e300,
    "list":[1,2,3],"mixed":[1,"a",null,{"k":1}],"s":"h\u00e9llo\u{1f600}",
    "data":{"a":{"b":1},"important":true,"amount":10001,"constructor":{"name":"x"},"list":[{"p":1},{"p":2}]}}`,
)

describe('compileExpression', () => {
  for (const text of [
    ...['event.type == "order"', "event.type == 'order' // remark", 'event["type"] == "order"'],
    ...['event.n == 5', '5 == event.n', 'event.n == 5.0', 'event.n > 4', 'event.n > 4.5', '4 < event.n'],
    ...['event.n >= 5u', 'event.f > 5', 'event.f != 5', 'event.big > 9223372036854775807', 'event.n in [1, 5]'],
    ...['int(event.n) % 2 == 1', 'event.n + 1.0 == 6.0', '-event.n == -5', 'double(event.n) == 5.0'],
    ...['event.nul == null', 'event.n != null', 'event.n != "5"', 'event.type != 5', 'event.mixed[1] == "a"'],
    ...['has(event.type)', '!has(event.missing)', '!has(event.data.x)', 'has(event.data.a.b)', '"type" in event'],
    ...['event.missing == 1 || true', 'true || event.missing == 1', '!(event.missing == 1 && false)'],
    ...['event.type.startsWith("or") && event.type.endsWith("er") && event.type.contains("rde")'],
    ...['event.type.matches("a") || event.type.matches("r") || event.type.matches("a")'],
    ...['event.type.matches("^o.*r$")', 'matches(event.type, "rd")', '!event.type.matches("^r")'],
    ...['size(event.s) == 6', 'event.list.size() == 3', 'event.list[0] == 1', '2 in event.list', '!(4 in event.list)'],
    ...['event.list.all(x, x > 0)', 'event.list.exists(x, x == 2)', 'event.list.exists_one(x, x == 2)'],
    ...['event.list.map(x, x * 2.0) == [2.0, 4.0, 6.0]', 'event.list.filter(x, x > 1).size() == 2'],
    ...['event.data.list.exists(o, o.p == 2)', 'event.mixed == [1, "a", null, {"k": 1}]', 'event.data.a == {"b": 1}'],
    ...['event.type in ["a", "order"]', 'event.list + [4.0] == [1.0, 2.0, 3.0, 4.0]', 'type(event.type) == string'],
    ...['timestamp("2024-01-01T00:00:00Z") < timestamp("2024-02-01T00:00:00Z")', 'duration("1h") > duration("1m")'],
    ...['event.constructor == "c"', 'event.data.constructor.name == "x"', 'event["__proto__"].x == 1'],
    ...['!has(event.toString)', '!("toString" in event)', 'event.yes ? event.n == 5 : false'],
  ]) {
    it(`finds ${text} true`, () => {
      assert.equal(evaluate(text), true)
    })
  }

  for (const [text, why] of [
    ['event.missing == 1', /No such key: missing/],
    ['event.missing && true', /No such key: missing/],
    ['has(event.missing.x)', /No such key: missing/],
    ['event.list[7] == 1', /out of bounds/],
    ['event.type > 5', /no such overload/],
    ['event.n + 1 == 6', /no such overload/],
    ['event.n.startsWith("5")', /no matching overload/],
    ['event.type == order', /Unknown variable: order/],
    ['constructor == 1', /Unknown variable: constructor/],
    ['toString', /Unknown variable: toString/],
    ['event.toString == 1', /No such key: toString/],
    ['event.type.constructor == 1', /No such key: constructor/],
    ['event.type.matches("(")', /missing closing/],
    ['event.type.matches("(?=a)")', /invalid/],
  ] as const) {
    it(`fails when it evaluates ${text}`, () => {
      assert.throws(() => evaluate(text), why)
    })
  }

  for (const [text, position, why] of [
    ['event.type = 1', 11, /Unexpected character/],
    ['event.type ==', 13, /Unexpected token/],
    ['(event.type', 11, /Expected RPAREN/],
    ['"open', 0, /Unterminated string/],
    ['1 + "a" == 2', 0, /no such overload/],
    ['event.type == nonsense(1)', 14, /no function "nonsense"/],
    ['event.type.lowerAscii() == "x"', 0, /no function "lowerAscii"/],
    ['event.type.matchesInLinearTime("a")', 0, /no function/],
    ['cel.bind(x, event, x.n == 5)', 0, /no function "bind"/],
    ['captureEvaluator()', 0, /no function/],
    ['constructor.constructor("return process")', 0, /no function "constructor"/],
    ['constructor.constructor("return process")()', 41, /Unexpected character/],
    ['__proto__.x == 1', 0, /Reserved identifier/],
    [`${'('.repeat(65)}true${')'.repeat(65)}`, 64, /maxDepth/],
    [`event${'.a'.repeat(200)}`, 131, /maxDepth/],
    [`${'!'.repeat(4000)}true`, 2000, /maxAstNodes/],
    [`true${' && true'.repeat(600)}`, undefined, /longer than 4096/],
  ] as const) {
    it(`refuses ${text.slice(0, 40)}`, () => {
      const refused = assertRefused(() => compileExpression(text))
      assert.match(refused.message, why)
      if (position !== undefined) assert.equal(refused.position, position)
    })
  }

  it('compiles again after a refusal', () => {
    assertRefused(() => compileExpression('"open'))
    assert.equal(evaluate('event.n == 5'), true)
  })

  it('gives the same answer every time', () => {
    const expression = compileExpression('event.list.exists(x, x == event.n)')
    const seen = [2, 7, 2].map((n) => expression.evaluate(new Map([['event', celValue({ list: [1, 2], n })]])))
    assert.deepEqual(seen, [true, false, true])
  })

  it('understands whatever data JSON can hold', () => {
    const expression = compileExpression('has(event.x) && event.x == event.y')
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value) // -0 and 0 are one number in JSON
        const event = celValue({ x: JSON.parse(text), y: JSON.parse(text) })
        assert.equal(expression.evaluate(new Map([['event', event]])), true)
      }),
    )
  })
})

describe('The budget of an expression', () => {
  const numbers = Array.from({ length: 1000 }, (_, index) => index)
  const event = { numbers, text: 'x'.repeat(3_000_000), nested: { a: numbers, b: { c: [numbers, numbers] } } }

  it('is enough for a list of thousands', () => {
    assert.equal(evaluate('event.list.all(x, x == 1)', { list: Array(5000).fill(1) }), true)
  })

  it('is enough for megabytes of text', () => {
    assert.equal(evaluate('event.text.contains("y") || event.text.startsWith("x")', event), true)
  })

  for (const text of [
    'event.numbers.all(a, event.numbers.all(b, event.numbers.all(c, true)))',
    'event.numbers.exists(a, event.numbers.exists(b, a + b < 0.0)) || true',
    'true && !event.numbers.all(a, event.numbers.all(b, event.numbers.all(c, true))) || true',
    'event.numbers.all(a, [a].map(b, event.numbers).size() == 1 && event.numbers.map(b, b).size() > 0)',
    'event.numbers.all(a, event.text.contains("y") || true)',
    'event.numbers.all(a, size(event.numbers + event.numbers + event.numbers + event.numbers) > 0)',
    'event.numbers.all(a, event.nested == {"a": event.numbers, "b": {"c": [event.numbers, event.numbers]}} || true)',
    `[${Array(80).fill(0)}].all(a, [${Array(80).fill(0)}].all(b, [${Array(80).fill(0)}].all(c, true)))`,
  ]) {
    it(`ends ${text.slice(0, 60)}`, () => {
      assert.throws(() => evaluate(text, event), /takes more than 50000 steps/)
    })
  }

  it('is full again for the next evaluation', () => {
    const expression = compileExpression('event.all(a, event.all(b, true))')
    const of = (list: unknown[]) => new Map([['event', celValue(list)]])
    assert.throws(() => expression.evaluate(of(numbers)), /steps/)
    assert.equal(expression.evaluate(of([1])), true)
  })

  for (const [name, regexp, text] of [
    ['nested repetition', '(a+)+$', `${'a'.repeat(50_000)}!`],
    ['nested groups', '^(([a-z])+.)+[A-Z]([a-z])+$', 'a'.repeat(20_000)],
    ['alternatives', '(a|aa)+$', `${'a'.repeat(50_000)}b`],
  ] as const) {
    it(`is enough for ${name} in a regular expression, which a backtracking engine would never end`, () => {
      const event = { regexp, text, list: [1] }
      assert.equal(evaluate('event.text.matches(event.regexp)', event), false)
      assert.equal(evaluate('event.list.exists(x, event.text.matches(event.regexp))', event), false)
    })
  }

  it('ends a regular expression that is large on a text that is long', () => {
    const event = { regexp: '(.*x.*){200}y', text: 'x'.repeat(100_000) }
    assert.throws(() => evaluate('event.text.matches(event.regexp)', event), /takes more than/)
  })

  it('ends a regular expression that is longer than it may be', () => {
    assert.throws(() => evaluate('event.type.matches(event.s)', { type: 'a', s: 'a'.repeat(1001) }), /over 1000/)
  })

  it('keeps nothing of the data that went through', () => {
    assert.ok(globalThis.gc)
    const expression = compileExpression('size(event.data) >= 0 && event.data == event.data')
    const shape = (seed: number, depth: number): unknown =>
      depth === 0 ? seed : seed % 2 === 0 ? [shape(seed >> 1, depth - 1)] : { k: shape(seed >> 1, depth - 1) }
    const run = (from: number, to: number): void => {
      for (let seed = from; seed < to; seed++) {
        expression.evaluate(new Map([['event', celValue({ data: shape(seed, 12) })]]))
      }
    }
    run(0, 100)
    globalThis.gc()
    const before = process.memoryUsage().heapUsed
    run(100, 4000)
    globalThis.gc()
    assert.ok(process.memoryUsage().heapUsed - before < 1_000_000)
  })
})

function evaluate(text: string, event: unknown = data): unknown {
  return compileExpression(text).evaluate(new Map([['event', celValue(event)]]))
}

function assertRefused(compile: () => unknown): { message: string; position?: number } {
  let refused: { message: string; position?: number } | undefined
  assert.throws(compile, (error: { code: string; message: string }) => {
    refused = error
    return error.code === 'ERR_OPTION_INVALID'
  })
  assert.ok(refused)
  return refused
}

describe('The engine', () => {
  it('makes no code from text', () => {
    const module = new URL('../../src/dapr/expression.js', import.meta.url).href
    const program = `
      const { celValue, compileExpression } = await import(${JSON.stringify(module)})
      const event = celValue({ data: { list: [1, 2, 3], text: 'order-7' } })
      const rule = 'event.data.list.exists(x, x > 2) && event.data.text.matches("^order-[0-9]+$")'
      console.log(compileExpression(rule).evaluate(new Map([['event', event]])))`
    const args = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', program]
    assert.equal(execFileSync(process.execPath, args, { encoding: 'utf8' }), 'true\n')
  })
})
