/**
 * Which subscriptions match a topic: the matcher, behind a cache that subscribing
 * and unsubscribing keep true.
 *
 * Layer 13.
 */
import { Direct } from './delivery/direct.ts'
import { Fan } from './delivery/fan.ts'
import { MessageQueue } from './delivery/queue.ts'
import { MAX_LENGTH, TopicCache } from './topic/cache.ts'
import type { Dialect } from './topic/dialect.ts'
import { Matcher } from './topic/matcher.ts'
import { Round } from './topic/round.ts'
import { isWildcard } from './topic/topic.ts'

/** Where events go; alone, each is a route of its own. */
type Target = MessageQueue | Direct

/** The targets of one topic; never changed once made. */
export interface Route {
  /** The one that there is, if to call it is all there is to do. */
  readonly only: Direct | undefined
  readonly queues: readonly MessageQueue[]
  readonly directs: readonly Direct[]
  /** Calls `directs`, when none has wildcards: what these stood for differs, so they do not share a message. */
  readonly fan?: Fan | undefined
  /** Whether some of them look at the event before they take it. */
  readonly isSelective: boolean
}

export class Router {
  readonly #dialect: Dialect
  readonly #matcher: Matcher<Target>
  readonly #routes = new TopicCache<Route>()
  /** Where most topics are found: under filters while none has wildcards, else in the cache. */
  #known: ReadonlyMap<string, Route> | undefined
  /** Where topics that come in turn are found, without a look into a map. */
  readonly #round = new Round<Route>()

  constructor(dialect: Dialect) {
    this.#dialect = dialect
    this.#matcher = new Matcher(dialect)
  }

  /** @throws {BusbarError} `ERR_TOPIC_INVALID` */
  find(topic: string): Route {
    return this.#known?.get(topic) ?? this.#recall(topic) ?? this.#match(topic)
  }

  /** As `find`, called once for each event: topics may come in turn. */
  next(topic: string): Route {
    return this.#round.next(topic) ?? this.#follow(topic)
  }

  /** A topic that was never there before does not come in turn. */
  #follow(topic: string): Route {
    const route = this.#known?.get(topic) ?? this.#recall(topic)
    if (route === undefined) return this.#match(topic)
    if (topic.length <= MAX_LENGTH) this.#round.learn(topic, route)
    return route
  }

  /** @param target one that no filter leads to yet */
  add(target: Target): void {
    this.#matcher.add(target)
    this.#forget(target.filter)
  }

  remove(target: Target): void {
    if (this.#matcher.remove(target)) this.#forget(target.filter)
  }

  #recall(topic: string): Route | undefined {
    const route = this.#routes.front && this.#routes.get(topic)
    if (route !== undefined) this.#choose()
    return route
  }

  #match(topic: string): Route {
    const targets = this.#matcher.match(topic)
    const route = targets.length > 1 ? routeTo(targets, this.#dialect) : (targets[0] ?? nowhere)
    this.#routes.set(topic, route, this.#matcher.topicHash)
    this.#choose()
    return route
  }

  /** A literal filter concerns its own topic only. */
  #forget(filter: string): void {
    this.#round.clear()
    if (isWildcard(filter, this.#dialect)) this.#routes.clear()
    else this.#routes.delete(filter)
    this.#choose()
  }

  /** A target is its own route. Both hold none but topics that were checked, as such or as filters. */
  #choose(): void {
    this.#known = this.#matcher.only ?? this.#routes.front
  }
}

const nowhere: Route = routeTo([], 'mqtt')

function routeTo(targets: readonly Target[], dialect: Dialect): Route {
  const directs = targets.filter((target) => target instanceof Direct)
  return {
    only: undefined,
    queues: targets.filter((target) => target instanceof MessageQueue),
    directs,
    fan: directs.some(({ filter }) => isWildcard(filter, dialect)) ? undefined : new Fan(directs),
    isSelective: targets.some((target) => target.isSelective),
  }
}
