/**
 * What all handlers do: add the value that an event carries to a tally. An
 * event of value 1 that has not arrived, or has arrived twice, shows in the sum.
 */

/** What is published everywhere. */
export interface Data {
  readonly value: number
}

export const data: Data = Object.freeze({ value: 1 })

export class Tally {
  received = 0

  readonly read = (): number => this.received
}

/** So many functions make every place that calls them megamorphic, as in a program with many handlers. */
const VARIANTS = 8

/**
 * Makes handlers from the source of one, which adds to `tally.received`. The
 * source is compiled several times: closures of one function are one function
 * to the engine, which would then inline what it never could in a real program.
 */
export function handlersOf<H>(tally: Tally, source: string): (index: number) => H {
  const makers = Array.from({ length: VARIANTS }, (_, variant) => {
    return new Function('tally', `/* ${variant} */ return ${source}`)
  })
  return (index) => makers[index % VARIANTS]!(tally) as H // the caller knows what its source is
}
