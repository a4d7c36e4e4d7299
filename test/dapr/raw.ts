/** Both ends of HTTP as plain sockets: most bad input is what no HTTP library would send. */
import assert from 'node:assert/strict'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A client that says exactly what it is told, and remembers all that it hears. */
export class RawClient {
  readonly socket: Socket
  text = ''
  readonly #watchers = new Set<() => void>()
  #isClosed = false

  constructor(port: number, host = '127.0.0.1') {
    this.socket = connect({ port, host, allowHalfOpen: true })
    this.socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1')
      this.#tell()
    })
    this.socket.on('end', () => this.socket.end())
    this.socket.on('error', () => {}) // 'close' follows
    this.socket.on('close', () => {
      this.#isClosed = true
      this.#tell()
    })
  }

  say(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** The status codes of all answers so far. */
  get statuses(): number[] {
    return Array.from(this.text.matchAll(/HTTP\/1\.1 (\d{3}) /g), ([, status]) => Number(status))
  }

  /** Waits until something holds, or the connection is over. */
  async until(holds: () => boolean): Promise<this> {
    while (!holds() && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.#watchers.delete(watcher)
          resolve()
        }
        this.#watchers.add(watcher)
      })
    }
    return this
  }

  /** Waits for so many answers. */
  answers(count: number): Promise<this> {
    return this.until(() => this.statuses.length >= count)
  }

  closed(): Promise<this> {
    return this.until(() => false)
  }

  end(): void {
    this.socket.destroy()
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher()
  }
}

/** A server that answers each chunk it gets by calling `onData`. */
export class RawServer {
  readonly #server: Server
  readonly sockets = new Set<Socket>()
  /** Connections that there were. */
  count = 0

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(onData: (socket: Socket, text: string) => unknown): Promise<RawServer> {
    const server = createServer()
    const raw = new RawServer(server)
    server.on('connection', (socket) => {
      raw.count++
      raw.sockets.add(socket)
      socket.on('close', () => raw.sockets.delete(socket))
      socket.on('error', () => {}) // 'close' follows
      socket.on('data', (chunk) => onData(socket, chunk.toString('latin1')))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return raw
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.sockets) socket.destroy()
    await closed
  }
}

/** Gives the event loop so many turns. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Seconds, when there is nothing else to do. */
const MOST_TURNS = 1_000_000

/** Waits for something that no event tells of, one turn of the event loop after the other; fails when it never comes. */
export async function turnsUntil(holds: () => boolean): Promise<void> {
  for (let i = 0; !holds(); i++) {
    assert.ok(i < MOST_TURNS, `never came: ${holds}`)
    await turns(1)
  }
}

/** How many TCP connections and servers this process has open. */
export function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length
}
