/**
 * The little that is used here of peers that have no types of their own.
 */
declare module 'postal' {
  interface Envelope {
    readonly channel: string
    readonly topic: string
    readonly data: unknown
  }
  const postal: {
    subscribe(options: {
      readonly channel: string
      readonly topic: string
      readonly callback: (data: never) => void
    }): unknown
    publish(envelope: Envelope): void
  }
  export = postal
}

declare module 'mqtt-emitter' {
  class MQTTEmitter {
    on(filter: string, listener: (data: never) => void): this
    removeListener(filter: string, listener: (data: never) => void): this
    emit(topic: string, data: unknown): boolean
  }
  export = MQTTEmitter
}

declare module 'qlobber' {
  interface Options {
    readonly separator?: string
    readonly wildcard_one?: string
    readonly wildcard_some?: string
  }
  export class Qlobber<T> {
    constructor(options?: Options)
    add(filter: string, value: T): this
    remove(filter: string, value?: T): this
    match(topic: string): T[]
  }
}

declare module 'express' {
  import type { RequestListener } from 'node:http'

  interface Request {
    readonly body: unknown
  }
  interface Response {
    status(code: number): this
    end(): void
  }
  type Handler = (request: Request, response: Response) => void
  interface Application extends RequestListener {
    post(path: string, ...handlers: Handler[]): this
  }
  const express: {
    (): Application
    json(): Handler
  }
  export = express
}
