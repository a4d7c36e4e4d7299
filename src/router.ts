/**
 * Which subscriptions match a topic: the trie, behind a cache that subscribing
 * and unsubscribing keep true.
 *
 * Layer 13.
 */
import { Direct } from './delivery/direct.ts'
import type { MessageQueue } from './delivery/queue.ts'
import { TopicCache } from './topic/cache.ts'
import type { Dialect } from './topic/dialect.ts'
import { checkTopic, isWildcard } from './topic/topic.ts'
import { TopicTrie } from './topic/trie.ts'

/** The targets of one topic; never changed once made. */
export interface Route {
  readonly queues: readonly MessageQueue[]
  readonly directs: readonly Direct[]
  /** Whether some of them look at the event before they take it. */
  readonly isSelective: boolean
}

export class Router {
  readonly #dialect: Dialect
  readonly #trie: TopicTrie<MessageQueue | Direct>
  readonly #routes = new TopicCache<Route>()
  /** The topic asked for last and its route: publishers tend to stay with a topic, and this costs less than a map. */
  #lastTopic = '' // always a string: comparing different types is slow
  #lastRoute: Route | undefined

  constructor(dialect: Dialect) {
    this.#dialect = dialect
    this.#trie = new TopicTrie(dialect)
  }

  /** @throws {BusbarError} `ERR_TOPIC_INVALID` */
  find(topic: string): Route {
    return topic === this.#lastTopic && this.#lastRoute !== undefined ? this.#lastRoute : this.#look(topic)
  }

  #look(topic: string): Route {
    // Only topics that were checked get into the cache.
    this.#lastRoute = this.#routes.get(topic) ?? this.#search(topic)
    this.#lastTopic = topic
    return this.#lastRoute
  }

  /** @param target one that no filter leads to yet */
  add(target: MessageQueue | Direct): void {
    this.#trie.add(target.filter, target)
    this.#forget(target.filter)
  }

  remove(target: MessageQueue | Direct): void {
    if (this.#trie.remove(target.filter, target)) this.#forget(target.filter)
  }

  #search(topic: string): Route {
    checkTopic(topic, this.#dialect)
    const targets = this.#trie.match(topic)
    const route: Route = {
      queues: targets.filter(isQueue),
      directs: targets.filter(isDirect),
      isSelective: targets.some(isSelective),
    }
    this.#routes.set(topic, route)
    return route
  }

  /** A literal filter concerns its own topic only. */
  #forget(filter: string): void {
    this.#lastRoute = undefined
    if (isWildcard(filter, this.#dialect)) this.#routes.clear()
    else this.#routes.delete(filter)
  }
}

function isDirect(target: MessageQueue | Direct): target is Direct {
  return target instanceof Direct
}

function isQueue(target: MessageQueue | Direct): target is MessageQueue {
  return !isDirect(target)
}

function isSelective({ where }: MessageQueue | Direct): boolean {
  return where !== undefined
}
