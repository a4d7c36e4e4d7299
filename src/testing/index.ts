/** The door `busbar/testing`: time that a test moves by hand. */
export type { ManualClockOptions } from './manual-clock.ts'
export { ManualClock } from './manual-clock.ts'
