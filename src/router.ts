/**
 * Which subscriptions match a topic: the matcher, behind a cache that subscribing
 * and unsubscribing keep true.
 *
 * Layer 13.
 */
import { Direct } from './delivery/direct.ts'
import { Fan } from './delivery/fan.ts'
import { MessageQueue } from './delivery/queue.ts'
import { TopicCache } from './topic/cache.ts'
import type { Dialect } from './topic/dialect.ts'
import { Matcher } from './topic/matcher.ts'
import { isWildcard } from './topic/topic.ts'

/** Where events go; alone, each is a route of its own. */
type Target = MessageQueue | Direct

/** The targets of one topic; never changed once made. */
export interface Route {
  /** The one that there is, if to call it is all there is to do. */
  readonly only: Direct | undefined
  readonly queues: readonly MessageQueue[]
  readonly directs: readonly Direct[]
  /** Calls `directs` when there are several. */
  readonly fan?: Fan | undefined
  /** Whether some of them look at the event before they take it. */
  readonly isSelective: boolean
}

export class Router {
  readonly #dialect: Dialect
  readonly #matcher: Matcher<Target>
  readonly #routes = new TopicCache<Route>()
  /** The topic asked for last and its route: publishers tend to stay with a topic, and this costs less than a map. */
  #lastTopic = '' // always a string: comparing different types is slow
  #lastRoute: Route | undefined

  constructor(dialect: Dialect) {
    this.#dialect = dialect
    this.#matcher = new Matcher(dialect)
  }

  /** @throws {BusbarError} `ERR_TOPIC_INVALID` */
  find(topic: string): Route {
    return topic === this.#lastTopic && this.#lastRoute !== undefined ? this.#lastRoute : this.#look(topic)
  }

  #look(topic: string): Route {
    // Only topics that were checked get into the cache.
    // A target is its own route, and the topic of a filter without wildcards was checked as that.
    const only = this.#matcher.only(topic)
    this.#lastRoute = only ?? this.#routes.get(topic) ?? this.#search(topic)
    this.#lastTopic = topic
    return this.#lastRoute
  }

  /** @param target one that no filter leads to yet */
  add(target: Target): void {
    this.#matcher.add(target)
    this.#forget(target.filter)
  }

  remove(target: Target): void {
    if (this.#matcher.remove(target)) this.#forget(target.filter)
  }

  #search(topic: string): Route {
    const targets = this.#matcher.match(topic)
    const route = targets.length === 0 ? nowhere : targets.length === 1 ? (targets[0] as Target) : routeTo(targets)
    this.#routes.set(topic, route, this.#matcher.topicHash)
    return route
  }

  /** A literal filter concerns its own topic only. */
  #forget(filter: string): void {
    this.#lastRoute = undefined
    if (isWildcard(filter, this.#dialect)) this.#routes.clear()
    else this.#routes.delete(filter)
  }
}

const nowhere: Route = routeTo([])

function routeTo(targets: readonly Target[]): Route {
  const directs = targets.filter((target) => target instanceof Direct)
  return {
    only: undefined,
    queues: targets.filter((target) => target instanceof MessageQueue),
    directs,
    fan: directs.length > 0 ? new Fan(directs) : undefined,
    isSelective: targets.some((target) => target.isSelective),
  }
}
