/**
 * How much a broker has on its hands: the numbers behind `settled()`, `close()`
 * and a manual clock's waiting. Counting is what makes them exact.
 *
 * Layer 2.
 */
export class Workload {
  /** Messages queued, messages held by iterators, and handlers that have not returned (overdue ones do not count). */
  busy = 0
  /** Messages that wait for their time. */
  delayed = 0
  /** Grows whenever something moves. */
  progress = 0

  /** Something that kept it busy is over. */
  done(): void {
    this.busy--
    this.progress++
  }
}
