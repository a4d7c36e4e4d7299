/** What tests of the Momento door have in common. */
import type { EndReason, TopicRecord, TopicSink } from '../../src/momento/feed.ts'

/** One thing that a sink was told, as text: `1 one`, `gap 1-4 of 7`, `deleted`. */
export type Told = string

/** A sink that writes down what it is told. */
export class Recorder implements TopicSink {
  readonly told: Told[] = []
  readonly items: TopicRecord[] = []
  /** What the next items wait for. */
  hold: Promise<void> | undefined

  item(item: TopicRecord): void | Promise<void> {
    this.items.push(item)
    this.told.push(`${item.sequence} ${typeof item.value === 'string' ? item.value : `bytes(${[...item.value]})`}`)
    return this.hold
  }

  discontinuity(last: number, next: number, page: number): void {
    this.told.push(`gap ${last}-${next} of ${page}`)
  }

  end(reason: EndReason): void {
    this.told.push(reason)
  }
}

/** After everything that is under way has been delivered. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** From now on, whichever page. */
export const FRESH = { resumeAt: 0, page: 0 } as const
