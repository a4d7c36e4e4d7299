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
  ['errors.ts', 'none.ts', 'promises.ts'],
  // Alone: they know nothing of events.
  [
    'checks.ts',
    'stats.ts',
    'time/clock.ts',
    'time/timed.ts',
    'topic/cache.ts',
    'topic/dialect.ts',
    'topic/round.ts',
    'topic/sieve.ts',
    'topic/targets.ts',
  ],
  [
    'delivery/redelivery.ts',
    'delivery/ring.ts',
    'delivery/turn.ts',
    'delivery/workload.ts',
    'time/heap.ts',
    'time/run.ts',
    'topic/reading.ts',
    'topic/table.ts',
  ],
  // Events, topics, time.
  [
    'event/cloudevent.ts',
    'event/isolation.ts',
    'time/deadlines.ts',
    'time/grace.ts',
    'topic/shape.ts',
    'topic/topic.ts',
    'topic/typed-grammar.ts',
  ],
  ['event/json.ts', 'topic/params.ts', 'topic/typed.ts', 'delivery/message.ts', 'observer.ts', 'time/schedule.ts'],
  ['event/http.ts', 'event/envelope.ts', 'topic/matcher.ts'],
  // One subscription's work.
  ['event/dead-letter.ts', 'history.ts', 'subscription.ts', 'delivery/delivery.ts'],
  ['delivery/lanes.ts', 'delivery/timetable.ts', 'delivery/view.ts'],
  ['delivery/backlog.ts', 'delivery/delays.ts', 'delivery/rules.ts'],
  ['delivery/rotation.ts'],
  ['delivery/queue.ts'],
  ['line.ts', 'options.ts'],
  ['delivery/consumer.ts', 'delivery/direct.ts'],
  ['delivery/fan.ts', 'delivery/handling.ts', 'delivery/iterator.ts'],
  // One broker's.
  ['dispatcher.ts', 'router.ts'],
  ['hub.ts'],
  ['acceptance.ts', 'registry.ts'],
  ['broker.ts', 'testing/manual-clock.ts'],
  // What both doors onto the network have in common.
  ['http/bytes.ts', 'http/host.ts'],
  // Dapr: words and small decisions; events and configuration; delivery; the sidecar.
  [
    'dapr/app-path.ts',
    'dapr/duration.ts',
    'dapr/expression.ts',
    'dapr/fields.ts',
    'dapr/ids.ts',
    'dapr/json-text.ts',
    'dapr/log.ts',
    'dapr/paths.ts',
    'dapr/scopes.ts',
    'dapr/trace.ts',
    'dapr/trouble.ts',
    'dapr/wire.ts',
  ],
  [
    'dapr/app-headers.ts',
    'dapr/attributes.ts',
    'dapr/breaker.ts',
    'dapr/calls.ts',
    'dapr/components.ts',
    'dapr/connections.ts',
    'dapr/content.ts',
    'dapr/errors.ts',
    'dapr/guard.ts',
    'dapr/metadata.ts',
    'dapr/pubsub.ts',
    'dapr/received.ts',
    'dapr/routing.ts',
    'dapr/timed-channel.ts',
    'dapr/verdict.ts',
  ],
  [
    'dapr/app-channel.ts',
    'dapr/bulk-entries.ts',
    'dapr/bulk.ts',
    'dapr/envelope.ts',
    'dapr/exchange.ts',
    'dapr/fetch.ts',
    'dapr/pubsubs.ts',
    'dapr/retry.ts',
    'dapr/sink.ts',
    'dapr/subscriptions.ts',
  ],
  [
    'dapr/app-sink.ts',
    'dapr/discovery.ts',
    'dapr/guarded-sink.ts',
    'dapr/handler-sink.ts',
    'dapr/publish-api.ts',
    'dapr/resiliency.ts',
    'dapr/server.ts',
  ],
  ['dapr/api.ts', 'dapr/handler-request.ts', 'dapr/resources.ts', 'dapr/settings.ts', 'dapr/subscriber.ts'],
  ['dapr/app.ts', 'dapr/configuration.ts', 'dapr/subscribers.ts'],
  ['dapr/api-metadata.ts'],
  ['dapr/sidecar.ts'],
  // Momento: words and the wire; caches; clients; the server.
  [
    'momento/exchange.ts',
    'momento/feed.ts',
    'momento/pause.ts',
    'momento/protobuf.ts',
    'momento/pulse.ts',
    'momento/topic-item.ts',
    'momento/topic-port.ts',
  ],
  ['momento/cache.ts', 'momento/listener.ts', 'momento/messages.ts', 'momento/poll.ts', 'momento/status.ts'],
  [
    'momento/access.ts',
    'momento/body.ts',
    'momento/errors.ts',
    'momento/faults.ts',
    'momento/grpc.ts',
    'momento/guard.ts',
  ],
  ['momento/call.ts', 'momento/responses.ts', 'momento/topic-access.ts'],
  ['momento/http-api.ts', 'momento/topic-publish.ts', 'momento/topic-stream.ts', 'momento/topic-subscribe.ts'],
  ['momento/receiver.ts', 'momento/service.ts'],
  ['momento/server.ts', 'momento/topic-client.ts'],
  // The command.
  ['cli/app-process.ts', 'cli/files.ts', 'cli/known-flags.ts', 'cli/log.ts'],
  ['cli/flags.ts'],
  ['cli/settings.ts'],
  ['cli/announcement.ts', 'cli/starters.ts'],
  ['cli/run.ts'],
  // The doors. Nobody imports them.
  ['index.ts', 'event/index.ts', 'testing/index.ts', 'dapr/index.ts', 'momento/index.ts', 'cli.ts'],
]

/** Rooms that must not see each other, beyond what the layers say. */
const blind: readonly (readonly [from: string, to: string])[] = [
  ['delivery/', 'topic/'],
  ['topic/', 'event/'],
  ['event/', 'delivery/queue.ts'],
]

/** What may appear only in the files and rooms named, in code. Comments may explain it. */
const onlyIn: readonly (readonly [RegExp, readonly string[]])[] = [
  // The timer that every socket has is set where the socket is spoken to.
  [/(?<!\bsocket\.)\bset(Timeout|Interval|Immediate)\b|\bclear(Timeout|Interval|Immediate)\b/, ['time/clock.ts']],
  [/\bDate\.now\b|\bnew Date\(\)|\bperformance\.|\bMessageChannel\b/, ['time/clock.ts']],
  [/\bMath\.random\b|\bcrypto\.|\bgetRandomValues\b/, ['broker.ts', 'dapr/', 'momento/']],
  [/\bconsole\b/, ['broker.ts', 'momento/cache.ts', 'cli/']],
  [
    /['"]node:https?['"]/,
    ['dapr/exchange.ts', 'dapr/server.ts', 'dapr/app-channel.ts', 'momento/listener.ts', 'momento/exchange.ts'],
  ],
  [/['"]node:http2['"]/, ['momento/listener.ts', 'momento/exchange.ts']],
  [/['"]node:/, ['dapr/', 'momento/', 'cli.ts', 'cli/']],
  [/\bBuffer\b/, ['dapr/', 'momento/', 'cli/']],
  [/\bprocess\./, ['cli.ts', 'cli/']],
  [/\brequire\(|\bglobal\./, []],
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

/** Words of the outside world, in the rooms that speak to it. */
const foreign: readonly (readonly [word: string, room: string])[] = [
  ['payload', 'dapr/'],
  ['emit', 'momento/listener.ts'], // how Node hands a connection to a server
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
        .filter(([, rooms]) => !rooms.some((room) => file === room || (room.endsWith('/') && file.startsWith(room))))
        .flatMap(([word]) => code.match(word) ?? [])
        .map((word) => `${file} says ${word}`)
    })
    assert.deepEqual(wrong, [])
  })

  it('speaks its own language', () => {
    const wrong = files.flatMap((file) =>
      glossary
        .filter((word) => !foreign.some(([known, room]) => known === word && file.startsWith(room)))
        .filter((word) => wordsOf(read(file)).has(word))
        .map((word) => `${file} says ${word}`),
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
