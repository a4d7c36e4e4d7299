/**
 * Generated sequences of commands, run against the broker and the reference.
 * RUNS and SEED (see run.ts) make it longer, or the same again.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { Run } from './acts.ts'
import { kind } from './kinds.ts'
import { closing, type Step, step } from './plan.ts'
import { reached, simple } from './setting.ts'
import { watchProcess } from './watch.ts'

const runs = Number(process.env['RUNS'] ?? 1000)
// The same in every run of the whole suite; `npm run test:model` takes another one each time.
const seed = Number(process.env['SEED'] ?? 1)

class Command implements fc.AsyncCommand<object, Run> {
  readonly #step: Step
  constructor(step: Step) {
    this.#step = step
  }
  check(): boolean {
    return true
  }
  run(_: object, real: Run): Promise<void> {
    return real.do(this.#step)
  }
  toString(): string {
    return JSON.stringify(this.#step, (_, value: unknown) => (value === Infinity ? 'Infinity' : value))
  }
}

/** What the suite is worth nothing without. */
const SOMETIMES = [
  'acked',
  'dropped',
  'expired',
  'deadLettered',
  'exhausted',
  'overflowed',
  'cancelled',
  'overflow wait',
  'overflow reject',
  'overflow dropOldest',
  'overflow dropNewest',
  'redelivery after ack wait',
  'publish during dispatch',
  'unsubscribe during dispatch',
  'expiry while delayed',
  'close with in flight',
  'waiting publisher released',
  'waiting publisher aborted',
  'group member leaving with in flight',
  'history replayed',
  'once',
]

const held = { when: 'held', how: 'ack' } as const
const send: Step = { do: 'publish', topic: 'a', many: 2, key: 'none', ttlMs: Infinity, delayMs: 0, signal: true }

/** Spots so rare that short runs may miss them. */
const RARE: Readonly<Record<string, readonly Step[]>> = {
  'a waiting publisher gives up': [
    { ...simple('a'), capacity: 1, overflow: 'wait', script: [held] },
    send,
    send,
    { do: 'abort publish', at: 1 },
  ],
  'a group member leaves with something in flight': [
    { ...simple('a'), group: true, script: [held] },
    { ...simple('a'), group: true, script: [held] },
    send,
    { do: 'unsubscribe', at: 0 },
  ],
  'the broker closes with something in flight': [{ ...simple('a'), script: [held] }, send, { do: 'close', graceMs: 0 }],
}

const toCommand = (one: Step): Command => new Command(one)
const commands = fc.commands(
  [
    step.map(toCommand),
    step.map(toCommand),
    step.map(toCommand),
    step.map(toCommand),
    fc.oneof({ weight: 1, arbitrary: closing }, { weight: 6, arbitrary: step }).map(toCommand),
  ],
  { maxCommands: 60, size: 'max' },
)

describe('the model', () => {
  const watched = watchProcess()

  it(`agrees with the broker in ${runs} runs of up to 60 commands, seed ${seed}`, async () => {
    console.log(`# model: --runs ${runs} --seed ${seed}`)
    await fc.assert(
      fc.asyncProperty(commands, fc.scheduler(), kind, async (list, scheduler, kind) => {
        const real = new Run(scheduler, kind)
        await fc.asyncModelRun(() => ({ model: {}, real }), list)
        await real.heal()
        assert.deepEqual(watched.faults(), [])
      }),
      {
        numRuns: runs,
        seed,
        includeErrorInReport: true,
        endOnFailure: process.env['SHRINK'] === undefined ? false : process.env['SHRINK'] === '0',
      },
    )
  })

  for (const [name, steps] of Object.entries(RARE)) {
    it(`agrees where ${name}`, async () => {
      const [scheduler] = fc.sample(fc.scheduler(), 1)
      const real = new Run(scheduler ?? assert.fail())
      for (const one of steps) await real.do(one)
      await real.heal()
    })
  }

  it('has met every end, every overflow policy and every tight spot', () => {
    const missing = SOMETIMES.filter((what) => !reached.has(what))
    assert.deepEqual(missing, [], `reached: ${JSON.stringify(Object.fromEntries(reached))}`)
  })

  it('has caused no unhandled rejection, no uncaught exception and no warning, and left no timer', async () => {
    await watched.stop()
    assert.deepEqual(watched.faults(), [])
  })
})
