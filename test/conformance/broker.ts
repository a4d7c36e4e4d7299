/**
 * The behaviour that every broker owes, whatever it is made of: one describe
 * for each promise, and one for each sentence about the edges. Give it a
 * factory; it adds its tests to the running file.
 *
 * @example
 * brokerConformance((options) => new Broker(options))
 */
import { it } from 'node:test'
import { groups } from './edges-groups.ts'
import { iterators } from './edges-iterators.ts'
import { options } from './edges-options.ts'
import { rest } from './edges-rest.ts'
import type { Create, Features } from './harness.ts'
import { lessons } from './lessons.ts'
import { accounting } from './p1-accounting.ts'
import { atLeastOnce } from './p2-at-least-once.ts'
import { redelivery } from './p3-redelivery.ts'
import { order } from './p4-order.ts'
import { isolation } from './p5-isolation.ts'
import { limits } from './p6-limits.ts'
import { subscribing } from './p7-subscribing.ts'
import { closing } from './p8-closing.ts'
import { ending } from './p8-ending.ts'
import { deadLetters } from './p9-dead-letters.ts'
import { time } from './p10-time.ts'
import { reentrancy } from './reentrancy.ts'
import { survivors } from './survivors.ts'
import { traps } from './traps.ts'

const suites: Readonly<Record<string, (create: Create) => void>> = {
  P1: accounting,
  P2: atLeastOnce,
  P3: redelivery,
  P4: order,
  P5: isolation,
  P6: limits,
  P7: subscribing,
  P8: (create) => {
    ending(create)
    closing(create)
  },
  P9: deadLetters,
  P10: time,
  groups,
  iterators,
  options,
  rest,
  lessons,
  reentrancy,
  survivors,
  traps,
}

/** Adds the suite to the running test file; `features.skip` names what this kind of broker lacks, and why. */
export function brokerConformance(create: Create, features: Features = {}): void {
  for (const [name, suite] of Object.entries(suites)) {
    const reason = features.skip?.[name]
    if (reason === undefined) suite(create)
    else it(name, { skip: reason }, () => {})
  }
}
