/** What every run of the model begins with: a clock that counts, options that members share, and what was met. */
import assert from 'node:assert/strict'
import { ManualClock } from '../../src/testing/index.ts'
import type { Data } from './kinds.ts'
import { type SubscribeStep, UNIT } from './plan.ts'
import type { RefOptions } from './reference-types.ts'

/** What the suite has met, over all its runs. */
export const reached: Map<string, number> = new Map()
export const reach = (what: string): void => void reached.set(what, (reached.get(what) ?? 0) + 1)

/** A clock that knows its timers. */
export class CountingClock extends ManualClock {
  readonly timers: Set<unknown> = new Set()
  override setTimer(callback: () => void, delayMs: number): unknown {
    const handle: unknown = super.setTimer(() => (this.timers.delete(handle), callback()), delayMs)
    this.timers.add(handle)
    assert.ok(this.timers.size <= 1, 'more than one timer')
    return handle
  }
  override clearTimer(handle: unknown): void {
    this.timers.delete(handle)
    super.clearTimer(handle)
  }
}

export const GROUP: Partial<SubscribeStep> = {
  qos: 1,
  capacity: 3,
  overflow: 'dropOldest',
  ackWaitMs: 50 * UNIT,
  maxDeliveries: 2,
  backoff: 0,
  ordered: false,
  dead: 'none',
  evenOnly: false,
  from: 'oldest',
}

/** What `once()` comes to. */
export const ONCE: Omit<RefOptions, 'filter' | 'evenOnly'> = {
  qos: 0,
  group: undefined,
  capacity: Infinity,
  overflow: 'wait',
  ackWaitMs: Infinity,
  maxDeliveries: 1,
  backoff: [],
  ordered: false,
  deadLetterTopic: undefined,
  from: 'now',
}

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export const isEven = (event: { readonly data?: unknown }): boolean => (event.data as Data).n % 2 === 0 // what the model publishes
export const isAny = (): boolean => true

/** A subscription without tricks. */
export function simple(filter: string): SubscribeStep {
  return {
    do: 'subscribe',
    filter,
    form: 'handler',
    qos: 1,
    group: false,
    concurrency: 1,
    capacity: 8,
    overflow: 'dropOldest',
    ackWaitMs: Infinity,
    maxDeliveries: 5,
    backoff: 0,
    ordered: false,
    dead: 'none',
    evenOnly: false,
    signal: 'live',
    from: 'now',
    script: [{ when: 'sync', how: 'ack' }],
  }
}
