/**
 * What can stand among `Deadlines`.
 *
 * Layer 1.
 */
export interface Timed {
  /** Where it stands; `NOWHERE` when it has no deadline. Written by `Deadlines` only. */
  position: number
  /** Of two items due at the same time the lower one comes first. */
  readonly order: number
}

export const NOWHERE = -1
