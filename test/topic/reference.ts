/**
 * What the tests of this room share: the published examples of each dialect, a
 * matcher that is too plain to be wrong, and generators of small texts that
 * match often.
 */
import fc from 'fast-check'
import type { Dialect } from '../../src/topic/dialect.ts'

/** Filter, topic, whether they match, and what the wildcards stood for. */
export type Row = readonly [filter: string, topic: string, matched: boolean, params?: readonly string[]]

export const rows: Readonly<Record<Dialect, readonly Row[]>> = {
  mqtt: [
    ['sport/tennis/player1/#', 'sport/tennis/player1', true, ['']],
    ['sport/tennis/player1/#', 'sport/tennis/player1/ranking', true, ['ranking']],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true, ['score/wimbledon']],
    ['sport/#', 'sport', true, ['']],
    ['sport/#', 'sport/', true, ['']],
    ['sport/#', 'sports', false],
    ['#', 'anything/at/all', true, ['anything/at/all']],
    ['#', '$internal/x', false],
    ['+/x', '$internal/x', false],
    ['+/#', '$internal/x', false],
    ['$internal/#', '$internal/x', true, ['x']],
    ['$internal/+', '$internal/x', true, ['x']],
    ['a/+', 'a/$b', true, ['$b']],
    ['sport/tennis/+', 'sport/tennis/player1', true, ['player1']],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true, ['']],
    ['+/+', '/finance', true, ['', 'finance']],
    ['/+', '/finance', true, ['finance']],
    ['+', '/finance', false],
    ['a//b', 'a//b', true, []],
    ['a//b', 'a/b', false],
    ['a/+/b', 'a//b', true, ['']],
    ['+/b/#', 'a/b/c/d', true, ['a', 'c/d']],
    ['a/*/>', 'a/*/>', true, []],
    ['É', 'é', false],
    ['\u00e9', 'e\u0301', false],
  ],
  nats: [
    ['time.*.east', 'time.us.east', true, ['us']],
    ['time.*.east', 'time.us.south.east', false],
    ['time.us.>', 'time.us.east.atlanta', true, ['east.atlanta']],
    ['time.us.>', 'time.us', false],
    ['*.*.east.>', 'time.us.east.atlanta', true, ['time', 'us', 'atlanta']],
    ['>', 'time', true, ['time']],
    ['>', '$SYS.x', true, ['$SYS.x']],
    ['a/+/#', 'a/+/#', true, []],
  ],
  amqp: [
    ['*.orange.*', 'quick.orange.rabbit', true, ['quick', 'rabbit']],
    ['*.*.rabbit', 'lazy.orange.elephant', false],
    ['lazy.#', 'lazy', true, ['']],
    ['lazy.#', 'lazy.pink.rabbit', true, ['pink.rabbit']],
    ['#.z', 'z', true, ['']],
    ['#.z', 'x.y', false],
    ['a.#.z', 'a.z', true, ['']],
    ['a.#.z', 'a.b.c.z', true, ['b.c']],
    ['#.a.#', 'x.a', true, ['x', '']],
    ['#.a.#', 'x.a.a.y', true, ['x', 'a.y']],
    ['#.a.#.b.#', 'a.b.a.b', true, ['', '', 'a.b']],
    ['#.#', 'a.b', true, ['', 'a.b']],
    ['#.*', 'a.b', true, ['a', 'b']],
    ['*.#.*', 'a', false],
    ['#', 'a.b', true, ['a.b']],
  ],
  prefix: [
    ['orders*', 'orders1', true, ['1']],
    ['orders*', 'orders', false],
    ['orders*', 'orders*', true, ['*']],
    ['orders**', 'orders*2', true, ['2']],
    ['*', 'anything', true, ['anything']],
    ['or*ers', 'orders', false],
    ['or*ers', 'or*ers', true, []],
    ['or*ers*', 'or*ers/1', true, ['/1']],
  ],
  exact: [
    ['a/b', 'a/b', true, []],
    ['a/+', 'a/b', false],
    ['*', 'a', false],
    ['*', '*', true, []],
  ],
}

/** Refused filters: the text, the position and the reason. */
export const faults: Readonly<Record<Dialect, readonly (readonly [string, number, string])[]>> = {
  mqtt: [
    ['sport/#/ranking', 6, 'multi-level wildcard before the last level'],
    ['sport#', 5, 'wildcard inside a level'],
    ['sport/+x', 6, 'wildcard inside a level'],
    ['++', 0, 'wildcard inside a level'],
    ['#/', 0, 'multi-level wildcard before the last level'],
  ],
  nats: [
    ['a.>.b', 2, 'multi-level wildcard before the last level'],
    ['a..b', 2, 'empty level'],
    ['.a', 0, 'empty level'],
    ['a.', 2, 'empty level'],
    ['a*', 1, 'wildcard inside a level'],
  ],
  amqp: [
    ['a..b', 2, 'empty level'],
    ['.', 0, 'empty level'],
    ['a#', 1, 'wildcard inside a level'],
    ['#.#.#.#', 6, 'too many multi-level wildcards'],
  ],
  prefix: [['', 0, 'empty']],
  exact: [['', 0, 'empty']],
}

const grammar = { mqtt: ['/', '+', '#'], nats: ['.', '*', '>'], amqp: ['.', '*', '#'] } as const

/** Level by level, straight from the definition; exponential, so for short texts only. */
export function naive(filter: string, topic: string, dialect: Dialect): boolean {
  if (dialect === 'exact') return filter === topic
  if (dialect === 'prefix') {
    const isPrefix = filter.endsWith('*') && topic.length >= filter.length && topic.startsWith(filter.slice(0, -1))
    return isPrefix || filter === topic
  }
  const [separator, single, multi] = grammar[dialect]
  if (dialect === 'mqtt' && topic.startsWith('$') && /^[+#]/.test(filter)) return false
  const match = (f: readonly string[], t: readonly string[]): boolean => {
    if (f.length === 0) return t.length === 0
    if (f[0] === multi)
      return (
        (dialect !== 'nats' && match(f.slice(1), t)) ||
        (t.length > 0 && (match(f.slice(1), t.slice(1)) || match(f, t.slice(1))))
      )
    return t.length > 0 && (f[0] === single || f[0] === t[0]) && match(f.slice(1), t.slice(1))
  }
  return match(filter.split(separator), topic.split(separator))
}

/** All ways in which the wildcards can stand for something, fewest levels first, leftmost first. */
export function naiveParams(
  filter: string,
  topic: string,
  dialect: 'mqtt' | 'nats' | 'amqp',
): readonly string[] | undefined {
  const [separator, single, multi] = grammar[dialect]
  const match = (f: readonly string[], t: readonly string[]): readonly string[] | undefined => {
    const [level, ...rest] = f
    if (level === undefined) return t.length === 0 ? [] : undefined
    for (let taken = 0; level === multi && taken <= t.length; taken++) {
      const more = match(rest, t.slice(taken))
      if (more !== undefined) return [t.slice(0, taken).join(separator), ...more]
    }
    if (level === multi || t.length === 0 || (level !== single && level !== t[0])) return undefined
    const more = match(rest, t.slice(1))
    return more === undefined ? undefined : level === single ? [t[0]!, ...more] : more
  }
  return match(filter.split(separator), topic.split(separator))
}

const words = { mqtt: ['a', 'b', '', '$', 'ab'], nats: ['a', 'b', '$', 'ab'], amqp: ['a', 'b', '$'] } as const

/** Topics from so small an alphabet that filters hit them often. */
export function someTopic(dialect: Dialect): fc.Arbitrary<string> {
  if (dialect === 'prefix' || dialect === 'exact')
    return fc.string({ unit: fc.constantFrom('a', '*', '/'), minLength: 1, maxLength: 5 })
  const level = fc.constantFrom(...words[dialect])
  return fc
    .array(level, { minLength: 1, maxLength: 6 })
    .map((levels) => levels.join(grammar[dialect][0]))
    .filter((topic) => topic !== '')
}

/** Filters that are legal, with wildcards in half of their levels. */
export function someFilter(dialect: Dialect): fc.Arbitrary<string> {
  if (dialect === 'prefix' || dialect === 'exact') return someTopic(dialect)
  const [separator, single, multi] = grammar[dialect]
  const level = fc.oneof(
    fc.constantFrom(...words[dialect]),
    fc.constantFrom(single, dialect === 'amqp' ? multi : single),
  )
  const tail = fc.constantFrom<readonly string[]>([], [], [multi])
  return fc
    .tuple(fc.array(level, { maxLength: 5 }), tail)
    .map(([levels, last]) => [...levels, ...last])
    .filter(
      (levels) =>
        levels.join('') !== '' && levels.filter((one) => one === multi).length <= (dialect === 'amqp' ? 3 : 1),
    )
    .map((levels) => levels.join(separator))
}

export const dialects: readonly Dialect[] = ['mqtt', 'nats', 'amqp', 'prefix', 'exact']
