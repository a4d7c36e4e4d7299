/**
 * A minute of trouble on the system clock: handlers that fail, are slow, hang
 * or leave, while events come in at half of what they can take. Prints one
 * line of JSON; the exit code tells whether nothing was lost and the heap is
 * flat. Needs `--expose-gc`.
 *
 *   node --expose-gc --max-old-space-size=512 build/test/model/soak.js --seconds 60 --seed 1
 */
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Broker, type Message, type Subscription } from '../../src/index.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    rate: { type: 'string', default: '5000' },
  },
})
const seconds = Number(values.seconds)
const rate = Number(values.rate)
const TICK_MS = 10
const MIB = 2 ** 20

/** Numbers in [0, 1) that are the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    const mixed = Math.imul(state ^ (state >>> 15), state | 1)
    const more = mixed ^ (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61))
    return ((more ^ (more >>> 14)) >>> 0) / 2 ** 32
  }
}
const random = randomFrom(Number(values.seed))

/** One bit for each id. */
class BitSet {
  #words: Uint32Array = new Uint32Array(1 << 16)
  count = 0
  add(id: number): boolean {
    const word = id >>> 5
    if (word >= this.#words.length) this.#words = grown(this.#words, word)
    const bit = 1 << (id & 31)
    if (((this.#words[word] ?? 0) & bit) !== 0) return false
    this.#words[word] = (this.#words[word] ?? 0) | bit
    this.count++
    return true
  }
}
function grown(words: Uint32Array, word: number): Uint32Array {
  const larger = new Uint32Array(Math.max(word + 1, words.length * 2))
  larger.set(words)
  return larger
}

const faults = {
  nack: 0,
  throw: 0,
  reject: 0,
  slow: 0,
  hang: 0,
  drop: 0,
  doubleSettle: 0,
  lateSettle: 0,
  leave: 0,
  breakLoop: 0,
  blockLoop: 0,
}
const seen = { unhandled: 0, warnings: 0, afterEnd: 0, maxDeliveries: 0, duplicates: 0 }
process.on('unhandledRejection', () => void seen.unhandled++)
process.on('warning', () => void seen.warnings++)

/** Both subscriptions may give an event up, so there are two bits for each id among the dead letters. */
const ended = { solo: new BitSet(), group: new BitSet(), dead: new BitSet() }
const reported = { count: 0 }
const started = performance.now()
const latencies: number[] = []

const broker = new Broker({ onError: () => void reported.count++ })
const options = {
  ackWaitMs: 200,
  maxDeliveries: 4,
  backoff: { delayMs: 5, factor: 2, maxDelayMs: 40 },
  capacity: 20_000,
  concurrency: 200,
  deadLetterTopic: 'dead',
} as const

/** What a handler does: 10 % nack, 1 % throw, 0.1 % hang, and some rarer things. */
function trouble(message: Message, set: 'solo' | 'group'): unknown {
  const { id, at } = message.data as { id: number; at: number } // what the producer below publishes
  seen.maxDeliveries = Math.max(seen.maxDeliveries, message.deliveryCount)
  const chance = random()
  if (chance < 0.1) return faults.nack++, 'nack'
  if (chance < 0.11) {
    faults.throw++
    throw new Error('soak')
  }
  if (chance < 0.112) return faults.reject++, Promise.reject(undefined)
  if (chance < 0.113) return faults.hang++, new Promise(() => {})
  if (chance < 0.115) return faults.lateSettle++, wait(300).then(() => void (message.ack() && done(id, set, at)))
  if (chance < 0.116) return faults.drop++, 'drop'
  if (chance < 0.126) return faults.doubleSettle++, done(id, set, at), message.ack(), message.nack(), 'drop'
  if (chance < 0.176) return faults.slow++, wait(5).then(() => (message.ack() && done(id, set, at), undefined))
  if (chance < 0.17601) block(50)
  if (message.ack()) done(id, set, at)
  return undefined
}

function block(ms: number): void {
  faults.blockLoop++
  const end = performance.now() + ms
  while (performance.now() < end);
}

function done(id: number, set: 'solo' | 'group', at: number): void {
  if (!ended[set].add(id)) seen.duplicates++
  if (random() < 0.01) latencies.push(performance.now() - at)
}

const solo = broker.subscribe('orders/+', (message) => trouble(message, 'solo'), options)
const members: Subscription[] = []
const join = (): void =>
  void members.push(
    broker.subscribe('orders/#', (message) => trouble(message, 'group'), { ...options, group: 'g', concurrency: 50 }),
  )
for (let i = 0; i < 4; i++) join()
broker.subscribe(
  'dead',
  (message) => {
    const { id, at } = message.data as { id: number; at: number } // dead letters carry the data of their event
    if (ended.dead.add(id * 2) || ended.dead.add(id * 2 + 1)) latencies.push(performance.now() - at)
    else seen.duplicates++
  },
  { capacity: Infinity, concurrency: 100 },
)

/** Members come and go; loops are left in the middle. */
async function leaving(): Promise<void> {
  while (!isOver()) {
    await wait(50)
    const [leaver] = members.splice(Math.floor(random() * members.length), 1)
    join()
    faults.leave++
    await leaver?.unsubscribe()
    const loop = broker.subscribe('orders/+', { capacity: 10, overflow: 'dropOldest' })
    // Ends a loop that waits when nothing comes any more.
    const end = setTimeout(() => void loop.unsubscribe(), 1_000)
    let taken = 0
    for await (const _ of loop) if (++taken === 3) break
    clearTimeout(end)
    faults.breakLoop++
  }
}
const isOver = (): boolean => performance.now() - started > seconds * 1000

/** Events come at the rate they were meant to, also after a stall. */
async function produce(): Promise<number> {
  let id = 0
  for (;;) {
    const elapsed = performance.now() - started
    if (elapsed > seconds * 1000) return id
    for (const due = (elapsed / 1000) * rate; id < due; id++)
      void broker.publish(`orders/${id % 100}`, { id, at: started + (id / rate) * 1000 })
    await wait(TICK_MS)
  }
}

const heaps: (readonly [at: number, bytes: number])[] = []
async function measure(): Promise<void> {
  const everyMs = Math.max(500, (seconds * 1000) / 24)
  while (!isOver()) {
    await wait(everyMs)
    globalThis.gc?.()
    heaps.push([(performance.now() - started) / 60_000, process.memoryUsage().heapUsed / MIB])
  }
}

/** The median of the slopes of all pairs, in MiB a minute: one outlier does not matter. */
function theilSen(points: readonly (readonly [number, number])[]): number {
  const slopes = points.flatMap(([x1, y1], i) => points.slice(i + 1).map(([x2, y2]) => (y2 - y1) / (x2 - x1)))
  return slopes.sort((x, y) => x - y)[slopes.length >> 1] ?? 0
}
const quantile = (sorted: readonly number[], q: number): number =>
  Math.round((sorted[Math.floor(sorted.length * q)] ?? 0) * 10) / 10

const gc = { totalMs: 0, maxMs: 0 }
const observer = new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) {
    gc.totalMs += duration
    gc.maxMs = Math.max(gc.maxMs, duration)
  }
})
observer.observe({ entryTypes: ['gc'] })
const delay = monitorEventLoopDelay({ resolution: 10 })
delay.enable()

const [published] = await Promise.all([produce(), leaving(), measure()])
const closing = performance.now()
const report = await broker.close({ graceMs: 10_000 })
const closeMs = Math.round(performance.now() - closing)
observer.disconnect()
delay.disable()

const stats = broker.stats()
const { matched, acked, dropped, expired, deadLettered, exhausted, overflowed, cancelled, queued, delayed, inFlight } =
  stats
const balance =
  matched -
  (acked + dropped + expired + deadLettered + exhausted + overflowed + cancelled + queued + delayed + inFlight)
const own = solo.stats()
// Each event ended once with the solo subscription and once with the group: by an ack or as a dead letter.
const lost = 2 * published - ended.solo.count - ended.group.count - ended.dead.count
const warm = heaps.filter(([at]) => at > (seconds / 60) * (1 / 3))
const slope = theilSen(warm)
const ordered = latencies.sort((x, y) => x - y)
const ok =
  balance === 0 &&
  lost === 0 &&
  report.cancelled === 0 &&
  seen.unhandled === 0 &&
  seen.warnings === 0 &&
  seen.duplicates === 0 &&
  seen.maxDeliveries <= options.maxDeliveries &&
  own.matched === published &&
  Math.abs(slope) < Math.max(1, 60 / seconds) &&
  stats.inFlight === 0

console.log(
  JSON.stringify({
    scenario: 'S4',
    seed: Number(values.seed),
    node: process.version,
    seconds,
    offered_msg_s: rate,
    achieved_msg_s: Math.round(published / seconds),
    published,
    stats,
    balance,
    lost,
    duplicates: seen.duplicates,
    max_deliveries_seen: seen.maxDeliveries,
    reported: reported.count,
    latency_ms: {
      p50: quantile(ordered, 0.5),
      p90: quantile(ordered, 0.9),
      p99: quantile(ordered, 0.99),
      max: quantile(ordered, 0.9999),
    },
    event_loop_delay_p99_ms: Math.round(delay.percentile(99) / 1e5) / 10,
    gc_total_ms: Math.round(gc.totalMs),
    gc_max_ms: Math.round(gc.maxMs),
    heap_slope_mib_min: Math.round(slope * 100) / 100,
    heap_first_mib: heaps[0]?.[1],
    heap_last_mib: heaps.at(-1)?.[1],
    faults,
    unhandled: seen.unhandled,
    warnings: seen.warnings,
    close_ms: closeMs,
    ok,
  }),
)
process.exit(ok ? 0 : 1)
