/**
 * Bursts: so many events are handed over at once, and the next ones follow
 * when all of them are done.
 */
import type { Trial } from './bench.ts'

/** Counts what is done, and says when a burst is. */
export class Acks {
  received = 0
  #goal = 0
  #tell: () => void = () => {}

  readonly add = (value: number): void => {
    this.received += value
    if (this.received === this.#goal) this.#tell()
  }

  readonly read = (): number => this.received

  /** Resolves when `count` more are done. */
  next(count: number): Promise<void> {
    this.#goal = this.received + count
    return new Promise((resolve) => {
      this.#tell = resolve
    })
  }
}

/** Hands over the event with this number. */
export type Push = (index: number) => unknown

/** Makes what is measured; it tells `acks` of each event that is done. */
export type Pushable = (acks: Acks) => Push | Promise<Push>

export async function burstTrial(make: Pushable, depth: number): Promise<Trial> {
  const acks = new Acks()
  const push = await make(acks)
  let index = 0
  return {
    received: acks.read,
    async run(operations) {
      for (let left = operations; left > 0; left -= depth) {
        const done = acks.next(depth)
        for (let i = 0; i < depth; i++) push(index++)
        await done
      }
    },
  }
}

export async function burstTrials(
  contenders: Readonly<Record<string, Pushable>>,
  depth: number,
): Promise<Record<string, Trial>> {
  const trials: Record<string, Trial> = {}
  for (const [name, make] of Object.entries(contenders)) trials[name] = await burstTrial(make, depth)
  return trials
}
