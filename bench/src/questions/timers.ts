/**
 * A million messages that wait for their time: what does it cost to let one
 * expire, to delay it, to wait for its ack?
 */
import type { Trial } from '../bench.ts'
import { Broker, Deadlines, type Message, type Timed } from '../busbar.ts'
import { type Data, data } from '../handlers.ts'
import { type Bar, BUSBAR, faster, type Question } from '../question.ts'

const MESSAGES = 1_000_000
/** Longer than any round takes. */
const FAR_MS = 600_000
/** Over when the last of a million has been inserted, and before the event loop has had a turn to notice. */
const SOON_MS = 1

const DEADLINES = 'setTimeout for each'
const MESSAGES_WITH_TIMERS = 'messages with a setTimeout each'

/** A million of something that waits for its time. */
interface Waiting {
  insert(): unknown
  /** Ends the waiting of all, before their time. */
  cancel(): unknown
  /** Settles when the time of all has come. */
  fired(): unknown
  /** How many wait. */
  readonly size: number
  /** How many were cancelled, or have had their time. */
  readonly over: number
  close(): unknown
}

/** @param waitMs of the `index`th one */
type Contender = (size: number, waitMs: (index: number) => number) => Waiting

/** What stands in Busbar for a timer: a place among the deadlines, of something that is there anyway. */
function deadlines(size: number, waitMs: (index: number) => number): Waiting {
  const all = new Deadlines<Timed>()
  const items = Array.from({ length: size }, (_, order): Timed => ({ position: -1, order }))
  const now = (): number => Math.floor(performance.now())
  let over = 0
  return {
    insert() {
      for (let i = 0; i < size; i++) all.set(items[i]!, now() + waitMs(i))
    },
    cancel() {
      for (const item of items) all.delete(item)
      over += size
    },
    fired() {
      const due = now()
      while (all.takeDue(due) !== undefined) over++
    },
    get size() {
      return all.size
    },
    get over() {
      return over
    },
    close: () => all.clear(),
  }
}

function timers(size: number, waitMs: (index: number) => number): Waiting {
  const handles: NodeJS.Timeout[] = new Array(size)
  const { fire, fired, read } = counter(size)
  return {
    insert() {
      for (let i = 0; i < size; i++) handles[i] = setTimeout(fire, waitMs(i))
    },
    cancel() {
      for (const handle of handles) {
        clearTimeout(handle)
        fire()
      }
    },
    fired: () => fired,
    get size() {
      return handles.length - read()
    },
    get over() {
      return read()
    },
    close: () => handles.forEach(clearTimeout),
  }
}

/** The least that a queue by hand needs: the messages, and a timer for each that knows which one it ends. */
function messagesWithTimers(size: number, waitMs: (index: number) => number): Waiting {
  interface Held {
    readonly data: Data
    timer: NodeJS.Timeout | undefined
  }
  const messages: Held[] = []
  const { fire, fired, read } = counter(size)
  const end = (message: Held): void => {
    message.timer = undefined
    fire()
  }
  return {
    insert() {
      for (let i = 0; i < size; i++) {
        const message: Held = { data, timer: undefined }
        message.timer = setTimeout(end, waitMs(i), message)
        messages.push(message)
      }
    },
    cancel() {
      for (const message of messages) {
        clearTimeout(message.timer)
        end(message)
      }
    },
    fired: () => fired,
    get size() {
      return messages.length - read()
    },
    get over() {
      return read()
    },
    close() {
      for (const { timer } of messages) clearTimeout(timer)
    },
  }
}

/** Counts to `size`, and says when it is there. */
function counter(size: number): { fire: () => void; fired: Promise<void>; read: () => number } {
  let fires = 0
  let tell = (): void => {}
  const fired = new Promise<void>((resolve) => {
    tell = resolve
  })
  const fire = (): void => {
    if (++fires === size) tell()
  }
  return { fire, fired, read: () => fires }
}

/** Queued and not handled; cancelled by being handled. */
function ttl(size: number, waitMs: (index: number) => number): Waiting {
  const broker = new Broker<{ events: Data }>({ onError: () => {} })
  const subscription = broker.subscribe('events', () => {}, { capacity: Infinity })
  subscription.pause()
  return {
    insert() {
      for (let i = 0; i < size; i++) void broker.publish('events', data, { ttlMs: waitMs(i) })
    },
    cancel() {
      subscription.resume()
      return broker.settled()
    },
    fired: () => broker.settled(),
    get size() {
      return subscription.queuedCount
    },
    get over() {
      const { acked, expired } = broker.stats()
      return acked + expired
    },
    close: () => broker.close({ graceMs: 0 }),
  }
}

function delay(size: number, waitMs: (index: number) => number): Waiting {
  const broker = new Broker<{ events: Data }>()
  const { fire, fired, read } = counter(size)
  const subscription = broker.subscribe('events', fire, { capacity: Infinity })
  return {
    insert() {
      for (let i = 0; i < size; i++) void broker.publish('events', data, { delayMs: waitMs(i) })
    },
    cancel: () => subscription.unsubscribe(),
    fired: () => fired,
    get size() {
      return subscription.delayedCount
    },
    get over() {
      return broker.stats().cancelled + read()
    },
    close: () => broker.close({ graceMs: 0 }),
  }
}

/** Delivered to handlers that do not return; cancelled by acks. */
function ackWait(size: number, waitMs: (index: number) => number): Waiting {
  const broker = new Broker<{ events: Data }>()
  const messages: Message[] = []
  const { fire, fired } = counter(size)
  let finish = (): void => {}
  const held = new Promise<void>((resolve) => {
    finish = resolve
  })
  const handle = (message: Message): Promise<void> => {
    messages.push(message)
    fire()
    return held
  }
  const options = { capacity: Infinity, concurrency: size, ackWaitMs: waitMs(0) }
  const subscription = broker.subscribe('events', handle, options)
  return {
    insert() {
      for (let i = 0; i < size; i++) void broker.publish('events', data)
      return fired
    },
    cancel() {
      for (const message of messages) message.ack()
      finish()
      return broker.settled()
    },
    fired: () => undefined,
    get size() {
      return subscription.inFlightCount
    },
    get over() {
      return broker.stats().acked
    },
    close: () => broker.close({ graceMs: 0 }),
  }
}

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
