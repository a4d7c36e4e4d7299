/**
 * Many connections that ask one thing again and again, each as soon as it has
 * its answer. Raw sockets and bytes that are ready, so that whoever answers has
 * more to do than whoever asks.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** How an answer begins, and how it ends: with its head, because 204 has no body. */
const ANSWER = 'HTTP/1.1 204 '
const END = '\r\n\r\n'

export class Load {
  readonly #sockets: readonly Socket[]
  readonly #request: Buffer
  #toAsk = 0
  #toHear = 0
  #succeed: () => void = () => {}
  #fail: (error: Error) => void = () => {}

  /** Connects to a port of the loopback interface. @param request a whole one, in HTTP/1.1 */
  static async start(port: number, connections: number, request: string): Promise<Load> {
    const sockets = Array.from({ length: connections }, () => connect({ port, host: '127.0.0.1', noDelay: true }))
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    return new Load(sockets, request)
  }

  private constructor(sockets: readonly Socket[], request: string) {
    this.#sockets = sockets
    this.#request = Buffer.from(request)
    for (const socket of sockets) this.#listen(socket)
  }

  /** Resolves when so many requests have been answered with 204. */
  run(requests: number): Promise<void> {
    this.#toAsk = requests
    this.#toHear = requests
    return new Promise((resolve, reject) => {
      this.#succeed = resolve
      this.#fail = reject
      for (const socket of this.#sockets) this.#ask(socket)
    })
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #ask(socket: Socket): void {
    if (this.#toAsk === 0) return
    this.#toAsk--
    socket.write(this.#request)
  }

  #listen(socket: Socket): void {
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString()
      if (!answer.endsWith(END)) return
      if (answer.startsWith(ANSWER)) this.#hear(socket)
      else this.#fail(new Error(`The server answered ${answer}`))
      answer = ''
    })
    socket.on('error', (error) => this.#fail(error))
    socket.on('end', () => this.#fail(new Error(`The server closed a connection after ${JSON.stringify(answer)}`)))
  }

  #hear(socket: Socket): void {
    this.#toHear--
    if (this.#toHear === 0) this.#succeed()
    else this.#ask(socket)
  }
}
