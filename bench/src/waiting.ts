/**
 * Those who make many things wait for their time: Busbar's deadlines and
 * messages, and what a program without it would do.
 */
import { Broker, Deadlines, type Message, NOWHERE, type Timed } from './busbar.ts'
import { type Data, data } from './handlers.ts'

/** Many of something that wait for their time. */
export interface Waiting {
  insert(): unknown
  /** Ends the waiting of all, before their time. */
  cancel(): unknown
  /** Settles when the time of all has come. */
  fired(): unknown
  /** How many wait. */
  readonly size: number
  /** How many were cancelled, or have had their time. */
  readonly over: number
  close(): unknown
}

/** @param waitMs of the `index`th one */
export type Contender = (size: number, waitMs: (index: number) => number) => Waiting

/** What stands in Busbar for a timer: a place among the deadlines, of something that is there anyway. */
export function deadlines(size: number, waitMs: (index: number) => number): Waiting {
  const all = new Deadlines<Timed>()
  const items = Array.from({ length: size }, (_, order): Timed => ({ position: NOWHERE, order }))
  const now = (): number => Math.floor(performance.now())
  let over = 0
  return {
    insert() {
      for (let i = 0; i < size; i++) all.set(items[i]!, now() + waitMs(i))
    },
    cancel() {
      for (const item of items) all.delete(item)
      over += size
    },
    fired() {
      const due = now()
      while (all.takeDue(due) !== undefined) over++
    },
    get size() {
      return all.items().length
    },
    get over() {
      return over
    },
    close: () => {},
  }
}

export function timers(size: number, waitMs: (index: number) => number): Waiting {
  const handles: NodeJS.Timeout[] = new Array(size)
  const { fire, fired, read } = counter(size)
  return {
    insert() {
      for (let i = 0; i < size; i++) handles[i] = setTimeout(fire, waitMs(i))
    },
    cancel() {
      for (const handle of handles) {
        clearTimeout(handle)
        fire()
      }
    },
    fired: () => fired,
    get size() {
      return handles.length - read()
    },
    get over() {
      return read()
    },
    close: () => handles.forEach(clearTimeout),
  }
}

/** The least that a queue by hand needs: the messages, and a timer for each that knows which one it ends. */
export function messagesWithTimers(size: number, waitMs: (index: number) => number): Waiting {
  interface Held {
    readonly data: Data
    timer: NodeJS.Timeout | undefined
  }
  const messages: Held[] = []
  const { fire, fired, read } = counter(size)
  const end = (message: Held): void => {
    message.timer = undefined
    fire()
  }
  return {
    insert() {
      for (let i = 0; i < size; i++) {
        const message: Held = { data, timer: undefined }
        message.timer = setTimeout(end, waitMs(i), message)
        messages.push(message)
      }
    },
    cancel() {
      for (const message of messages) {
        clearTimeout(message.timer)
        end(message)
      }
    },
    fired: () => fired,
    get size() {
      return messages.length - read()
    },
    get over() {
      return read()
    },
    close() {
      for (const { timer } of messages) clearTimeout(timer)
    },
  }
}

/** Counts to `size`, and says when it is there. */
function counter(size: number): { fire: () => void; fired: Promise<void>; read: () => number } {
  let fires = 0
  let tell = (): void => {}
  const fired = new Promise<void>((resolve) => {
    tell = resolve
  })
  const fire = (): void => {
    if (++fires === size) tell()
  }
  return { fire, fired, read: () => fires }
}

/** Queued and not handled; cancelled by being handled. */
export function ttl(size: number, waitMs: (index: number) => number): Waiting {
  const broker = new Broker<{ events: Data }>({ onError: () => {} })
  const subscription = broker.subscribe('events', () => {}, { capacity: Infinity })
  subscription.pause()
  return {
    insert() {
      for (let i = 0; i < size; i++) void broker.publish('events', data, { ttlMs: waitMs(i) })
    },
    cancel() {
      subscription.resume()
      return broker.settled()
    },
    fired: () => broker.settled(),
    get size() {
      return subscription.queuedCount
    },
    get over() {
      const { acked, expired } = broker.stats()
      return acked + expired
    },
    close: () => broker.close({ graceMs: 0 }),
  }
}

export function delay(size: number, waitMs: (index: number) => number): Waiting {
  const broker = new Broker<{ events: Data }>()
  const { fire, fired, read } = counter(size)
  const subscription = broker.subscribe('events', fire, { capacity: Infinity })
  return {
    insert() {
      for (let i = 0; i < size; i++) void broker.publish('events', data, { delayMs: waitMs(i) })
    },
    cancel: () => subscription.unsubscribe(),
    fired: () => fired,
    get size() {
      return subscription.delayedCount
    },
    get over() {
      return broker.stats().cancelled + read()
    },
    close: () => broker.close({ graceMs: 0 }),
  }
}

/** Delivered to handlers that do not return; cancelled by acks. */
export function ackWait(size: number, waitMs: (index: number) => number): Waiting {
  const broker = new Broker<{ events: Data }>()
  const messages: Message[] = []
  const { fire, fired } = counter(size)
  let finish = (): void => {}
  const held = new Promise<void>((resolve) => {
    finish = resolve
  })
  const handle = (message: Message): Promise<void> => {
    messages.push(message)
    fire()
    return held
  }
  const options = { capacity: Infinity, concurrency: size, ackWaitMs: waitMs(0) }
  const subscription = broker.subscribe('events', handle, options)
  return {
    insert() {
      for (let i = 0; i < size; i++) void broker.publish('events', data)
      return fired
    },
    cancel() {
      for (const message of messages) message.ack()
      finish()
      return broker.settled()
    },
    fired: () => undefined,
    get size() {
      return subscription.inFlightCount
    },
    get over() {
      return broker.stats().acked
    },
    close: () => broker.close({ graceMs: 0 }),
  }
}
