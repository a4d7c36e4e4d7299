/**
 * What anything that hands events to handlers by topic has to do here.
 */
import type { Trial } from './bench.ts'
import { Tally } from './handlers.ts'

export interface Bus {
  /** How it writes a filter or topic, when that is not how MQTT does. */
  translate?(text: string): string
  /** Adds a handler, the `index`th one. */
  subscribe(filter: string, index: number): unknown
  /** Publishes `data` to each of the topics. What it returns settles when all handlers have been called. */
  publish(topics: readonly string[]): unknown
}

/** Makes a bus whose handlers add to the tally. */
export type Contender = (tally: Tally) => Bus | Promise<Bus>

/**
 * A bus with `count` handlers for each of the filters, which publishes to the
 * topics in turn.
 */
export async function trialOf(
  make: Contender,
  filters: readonly string[],
  topics: readonly string[],
  count = 1,
): Promise<Trial> {
  const tally = new Tally()
  const bus = await make(tally)
  const translate = (texts: readonly string[]): readonly string[] => texts.map((text) => bus.translate?.(text) ?? text)
  let index = 0
  for (const filter of translate(filters)) for (let i = 0; i < count; i++) await bus.subscribe(filter, index++)
  const translated = translate(topics)
  let turns: readonly string[] = []
  return {
    received: tally.read,
    prepare(operations) {
      if (turns.length === operations) return
      turns = Array.from({ length: operations }, (_, i) => translated[i % topics.length]!)
    },
    run: () => bus.publish(turns),
  }
}

/** The same for each contender, by name. */
export async function trialsOf(
  contenders: Readonly<Record<string, Contender>>,
  filters: readonly string[],
  topics: readonly string[],
  count?: number,
): Promise<Record<string, Trial>> {
  const trials: Record<string, Trial> = {}
  for (const [name, make] of Object.entries(contenders)) trials[name] = await trialOf(make, filters, topics, count)
  return trials
}
