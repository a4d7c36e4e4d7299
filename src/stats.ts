/**
 * The counters of a queue. Each message that matched has exactly one end, so
 * at every moment
 *
 *   matched = acked + dropped + expired + deadLettered + exhausted
 *             + overflowed + cancelled + queued + delayed + inFlight
 *
 * Layer 1.
 */

/** How a message can end. */
export type End = 'acked' | 'dropped' | 'expired' | 'deadLettered' | 'exhausted' | 'overflowed' | 'cancelled'

/** How many messages ended how. */
export type EndCounts = { readonly [E in End]: number }

/** What a subscription has done so far, and what it holds now. Members of a group share theirs. */
export interface SubscriptionStats extends EndCounts {
  /** Events that matched. */
  readonly matched: number
  /** Deliveries, redeliveries included. */
  readonly delivered: number
  readonly redelivered: number
  /** Events that the subscription missed: overflowed, or gone from the history before it came. */
  readonly skipped: number
  /** Gauges: waiting their turn, waiting for their time, delivered and not settled. */
  readonly queued: number
  readonly delayed: number
  readonly inFlight: number
  /** Handlers that still run although their message was taken from them. */
  readonly overdue: number
}

/** The sums over all subscriptions, ended ones included. */
export interface BrokerStats extends SubscriptionStats {
  /** Events accepted, dead letters included. */
  readonly published: number
  /** Publishes that were rejected. */
  readonly refused: number
  /** Publishes, and events from the history, that wait for room now. */
  readonly waiting: number
  /** Subscriptions that have not ended. */
  readonly subscriptions: number
}

/** How the messages ended that were there when `close()` was called. */
export interface CloseReport extends EndCounts {}

/** The same counters, open for writing. */
export type Counts = { -readonly [Name in keyof SubscriptionStats]: number }

export function zeroCounts(): Counts {
  return {
    matched: 0,
    acked: 0,
    dropped: 0,
    expired: 0,
    deadLettered: 0,
    exhausted: 0,
    overflowed: 0,
    cancelled: 0,
    delivered: 0,
    redelivered: 0,
    skipped: 0,
    queued: 0,
    delayed: 0,
    inFlight: 0,
    overdue: 0,
  }
}

const NAMES = Object.keys(zeroCounts()) as readonly (keyof Counts)[] // all keys of Counts, by construction
const ENDS = NAMES.slice(1, 8) as readonly End[] // the seven after `matched`

/** How many messages have not come to their end. */
export function heldIn({ queued, delayed, inFlight }: SubscriptionStats): number {
  return queued + delayed + inFlight
}

export function addCounts(sum: Counts, more: SubscriptionStats): void {
  for (const name of NAMES) sum[name] += more[name]
}

/** What has ended between two readings. */
export function endsSince(before: SubscriptionStats, now: SubscriptionStats): CloseReport {
  return Object.fromEntries(ENDS.map((end) => [end, now[end] - before[end]])) as EndCounts // one entry an end
}
