/**
 * A million messages that wait for their time: what does it cost to let one
 * expire, to delay it, to wait for its ack?
 */
import type { Trial } from '../bench.ts'
import { type Bar, BUSBAR, faster, type Question } from '../question.ts'
import { ackWait, type Contender, deadlines, delay, messagesWithTimers, timers, ttl, type Waiting } from '../waiting.ts'

const MESSAGES = 1_000_000
/** Longer than any round takes. */
const FAR_MS = 600_000
/** Over when the last of a million has been inserted, and before the event loop has had a turn to notice. */
const SOON_MS = 1

const DEADLINES = 'setTimeout for each'
const MESSAGES_WITH_TIMERS = 'messages with a setTimeout each'

function insertTrial(make: Contender, waitMs: (index: number) => number): Trial {
  let received = 0
  let waiting: Waiting | undefined
  return {
    received: () => received,
    run(operations, start) {
      waiting = make(operations, waitMs)
      start()
      return waiting.insert()
    },
    finish() {
      received += waiting?.size ?? 0
      return waiting?.close()
    },
  }
}

function cancelTrial(make: Contender, waitMs: (index: number) => number): Trial {
  let received = 0
  return {
    received: () => received,
    async run(operations, start) {
      const waiting = make(operations, waitMs)
      await waiting.insert()
      start()
      await waiting.cancel()
      received += waiting.over
    },
  }
}

function fireTrial(make: Contender): Trial {
  let received = 0
  return {
    received: () => received,
    async run(operations, start) {
      const waiting = make(operations, () => SOON_MS)
      waiting.insert()
      sleep(2 * SOON_MS)
      start()
      await waiting.fired()
      received += waiting.over
    },
  }
}

/** Holds the thread, so that no timer fires. */
function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

type Way = (make: Contender, waitMs: (index: number) => number) => Trial

interface Row {
  readonly name: string
  readonly way: Way
  readonly ours: Contender
  readonly peer: string
  readonly waitMs?: (index: number) => number
}

/** 0 to 600 seconds, in no order: multiples of a prime. */
const mixed = (index: number): number => 1000 + ((index * 7919) % FAR_MS)
const same = (): number => FAR_MS

const peers: Readonly<Record<string, Contender>> = {
  [DEADLINES]: timers,
  [MESSAGES_WITH_TIMERS]: messagesWithTimers,
}

const rows: readonly Row[] = [
  { name: 'deadline: insert', way: insertTrial, ours: deadlines, peer: DEADLINES },
  { name: 'deadline: insert, mixed durations', way: insertTrial, ours: deadlines, peer: DEADLINES, waitMs: mixed },
  { name: 'deadline: cancel', way: cancelTrial, ours: deadlines, peer: DEADLINES },
  { name: 'deadline: fire', way: fireTrial, ours: deadlines, peer: DEADLINES },
  { name: 'ttl: publish', way: insertTrial, ours: ttl, peer: MESSAGES_WITH_TIMERS },
  { name: 'ttl: handle in time', way: cancelTrial, ours: ttl, peer: MESSAGES_WITH_TIMERS },
  { name: 'ttl: expire', way: fireTrial, ours: ttl, peer: MESSAGES_WITH_TIMERS },
  { name: 'delay: publish', way: insertTrial, ours: delay, peer: MESSAGES_WITH_TIMERS },
  { name: 'delay: deliver when due', way: fireTrial, ours: delay, peer: MESSAGES_WITH_TIMERS },
  { name: 'ack wait: publish and deliver', way: insertTrial, ours: ackWait, peer: MESSAGES_WITH_TIMERS },
  { name: 'ack wait: ack', way: cancelTrial, ours: ackWait, peer: MESSAGES_WITH_TIMERS },
]

export const question: Question = {
  title: 'A million messages that wait for their time',
  about:
    'One operation is one of a million: inserted; ended before its time; or met by it. "deadline" is what stands in ' +
    'Busbar for a timer, beside a timer. In the other rows the peer is the least that a queue by hand needs, an object ' +
    'for each message and a timer that knows it; Busbar does more: it publishes an event, queues it, delivers it, and ' +
    'counts how it ends. All wait for as long, which suits setTimeout best, but where durations are mixed.',
  bytes: 'held for each while all wait',
  scenarios: rows.map(({ name, way, ours, peer, waitMs = same }) => ({
    name,
    processes: 1,
    async measure(bench) {
      const trials = { [BUSBAR]: way(ours, waitMs), [peer]: way(peers[peer]!, waitMs) }
      const bytes = way === insertTrial ? 'held' : 'none'
      await bench.compare(name, trials, { operations: bench.size(MESSAGES), rounds: 2, bytes })
    },
  })),
  bars: rows
    .filter(({ way, ours }) => way === insertTrial && ours === deadlines)
    .flatMap(({ name, peer }): readonly Bar[] => [
      ...faster(name, { [peer]: 8 }),
      { kind: 'less', of: 'bytes', row: name, than: peer, atLeast: 4 },
    ]),
}
