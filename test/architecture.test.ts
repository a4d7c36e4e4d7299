/**
 * Holds the building together: every source file has a layer, imports point
 * down, files stay short, and some words stay in their rooms.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, it } from 'node:test'

/** Bottom to top. A file may import only from the lists below its own, types included. */
const layers: readonly (readonly string[])[] = [
  ['errors.ts', 'promises.ts'],
  // Alone: they know nothing of events.
  ['checks.ts', 'stats.ts', 'time/clock.ts', 'topic/cache.ts', 'topic/dialect.ts', 'topic/sieve.ts'],
  ['delivery/redelivery.ts', 'delivery/ring.ts', 'delivery/turn.ts', 'delivery/workload.ts'],
  // Events, topics, time.
  ['event/cloudevent.ts', 'event/isolation.ts', 'time/deadlines.ts', 'topic/topic.ts', 'topic/typed-grammar.ts'],
  ['event/json.ts', 'topic/params.ts', 'topic/typed.ts', 'delivery/message.ts', 'observer.ts', 'time/schedule.ts'],
  ['event/http.ts', 'event/envelope.ts', 'topic/trie.ts'],
  // One subscription's work.
  ['event/dead-letter.ts', 'history.ts', 'subscription.ts', 'delivery/delivery.ts'],
  ['delivery/lanes.ts', 'delivery/timetable.ts', 'delivery/view.ts'],
  ['delivery/backlog.ts', 'delivery/rules.ts'],
  ['delivery/rotation.ts'],
  ['delivery/queue.ts'],
  ['line.ts', 'options.ts'],
  ['delivery/consumer.ts', 'delivery/direct.ts'],
  ['delivery/handling.ts', 'delivery/iterator.ts'],
  // One broker's.
  ['dispatcher.ts', 'router.ts'],
  ['hub.ts'],
  ['acceptance.ts', 'registry.ts'],
  ['broker.ts', 'testing/manual-clock.ts'],
  // The doors. Nobody imports them.
  ['index.ts', 'event/index.ts', 'testing/index.ts'],
]

/** Rooms that must not see each other, beyond what the layers say. */
const blind: readonly (readonly [from: string, to: string])[] = [
  ['delivery/', 'topic/'],
  ['topic/', 'event/'],
  ['event/', 'delivery/queue.ts'],
]

/** What may appear only in the files named, in code. Comments may explain it. */
const onlyIn: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\bset(Timeout|Interval|Immediate)\b|\bclear(Timeout|Interval|Immediate)\b/, ['time/clock.ts']],
  [/\bDate\.now\b|\bnew Date\(\)|\bperformance\.|\bMessageChannel\b/, ['time/clock.ts']],
  [/\bMath\.random\b|\bcrypto\.|\bgetRandomValues\b/, ['broker.ts']],
  [/\bconsole\b/, ['broker.ts']],
  [/['"]node:/, []],
  [/\bprocess\.|\bBuffer\b|\brequire\(|\bglobal\./, []],
  [/\bnew RegExp\(/, []],
]

/** Words that mean something else here, or nothing: whole or as a part of a camelCase name. */
const glossary: readonly string[] = [
  'pending',
  'payload',
  'attempt',
  'attempts',
  'emit',
  'emits',
  'emitter',
  'segment',
  'segments',
  'pattern',
  'patterns',
  'glob',
  'requeue',
  'dlq',
]

const MAX_LINES = 320

const root = join(import.meta.dirname, '../../src')
const files: readonly string[] = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts'))
  .sort()
const layerOf: ReadonlyMap<string, number> = new Map(
  layers.flatMap((names, layer) => names.map((name) => [name, layer] as const)),
)

describe('The building', () => {
  it('gives every file a layer', () => {
    assert.deepEqual(
      files.filter((file) => !layerOf.has(file)),
      [],
    )
  })

  it('has imports that point down', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((target) => (layerOf.get(target) ?? -1) >= (layerOf.get(file) ?? Infinity))
        .map((target) => `${file} imports ${target}`),
    )
    assert.deepEqual(wrong, [])
  })

  it('has rooms that do not see each other', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((target) => blind.some(([from, to]) => file.startsWith(from) && target.startsWith(to)))
        .map((target) => `${file} imports ${target}`),
    )
    assert.deepEqual(wrong, [])
  })

  it(`has no file over ${MAX_LINES} lines`, () => {
    assert.deepEqual(
      files.filter((file) => read(file).split('\n').length - 1 > MAX_LINES),
      [],
    )
  })

  it('keeps words in their rooms', () => {
    const wrong = files.flatMap((file) => {
      const code = withoutComments(read(file))
      return onlyIn
        .filter(([, rooms]) => !rooms.includes(file))
        .flatMap(([word]) => code.match(word) ?? [])
        .map((word) => `${file} says ${word}`)
    })
    assert.deepEqual(wrong, [])
  })

  it('speaks its own language', () => {
    const wrong = files.flatMap((file) =>
      glossary.filter((word) => wordsOf(read(file)).has(word)).map((word) => `${file} says ${word}`),
    )
    assert.deepEqual(wrong, [])
  })
})

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

/** The source files that a file imports or re-exports from, types included. */
function importsOf(file: string): string[] {
  const targets = withoutComments(read(file)).matchAll(/\b(?:from|import)\s*\(?\s*['"](\.[^'"]*)['"]/g)
  return Array.from(targets, ([, target = '']) => posix.join(posix.dirname(file), target))
}

/** Every word in a text, in lower case, with camelCase names taken apart. */
function wordsOf(text: string): Set<string> {
  return new Set(text.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g)?.map((word) => word.toLowerCase()))
}

/** Code alone: comments go, strings stay. */
function withoutComments(text: string): string {
  return text.replace(/('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '$1')
}
