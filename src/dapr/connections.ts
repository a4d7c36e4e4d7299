/**
 * Connections to one app, each for one call after the other. What goes over
 * them is up to `http.request`. They are here instead of in an `Agent` because
 * that one serves many hosts and as many settings, and sorts them out anew for
 * each call.
 *
 * Layer 20.
 */
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import { nextTurn } from '../time/clock.ts'

/**
 * How long a connection may lie idle. An app that closes idle ones may do so in
 * the very moment in which a request is on its way, so we are faster than any
 * server known: Node and uvicorn close after 5 s, gunicorn after 2 s.
 */
const MAX_IDLE_MS = 1000

/** The only place that is ever connected to, whatever a path says. */
export interface Address {
  /** A name or an address, without brackets. */
  readonly host: string
  readonly port: number
  /** Over TLS. */
  readonly isSecure: boolean
}

export class Connections {
  readonly #address: Address
  /** All that are not closed, and whether somebody uses them. */
  readonly #isBusy = new Map<Socket, boolean>()
  /** Those to be used next; the last one was used last. */
  readonly #free: Socket[] = []

  constructor(address: Address) {
    this.#address = address
  }

  /** @returns one that is open or about to be, for the caller alone */
  take(): Socket {
    let socket = this.#free.pop()
    while (socket !== undefined && socket.readyState !== 'open') socket = this.#free.pop()
    socket ??= this.#open()
    this.#isBusy.set(socket, true)
    return socket.ref()
  }

  /**
   * The call is over, the connection may be used for the next: not at once but
   * after one turn of the event loop. Some apps close the connection after their
   * answer and do not say so beforehand; after a turn that is known. Without it
   * every second call of such an app fails. It costs no time, only a second
   * connection.
   */
  giveBack(socket: Socket): void {
    if (socket.destroyed) return
    this.#isBusy.set(socket, false)
    socket.unref()
    nextTurn(() => {
      if (socket.readyState === 'open') this.#free.push(socket)
    })
  }

  /** Whatever was asked over them has no answer then. */
  close(): void {
    for (const socket of this.#isBusy.keys()) socket.destroy()
  }

  #open(): Socket {
    const socket = this.#connect()
    const endIdle = (): void => {
      if (this.#isBusy.get(socket) === false) socket.destroy()
    }
    // What comes without a call was asked for by nobody, and would be taken for the answer to the next.
    socket.on('data', endIdle).on('timeout', endIdle)
    // Whoever uses it is told by Node; an idle one only closes.
    socket.on('error', () => {})
    return socket.on('close', () => this.#forget(socket))
  }

  #connect(): Socket {
    const { host, port, isSecure } = this.#address
    const options = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 1000, timeout: MAX_IDLE_MS }
    if (!isSecure) return connect(options)
    return connectSecurely({ ...options, servername: isIP(host) === 0 ? host : '', ALPNProtocols: ['http/1.1'] })
  }

  #forget(socket: Socket): void {
    this.#isBusy.delete(socket)
    const index = this.#free.indexOf(socket)
    if (index >= 0) this.#free.splice(index, 1)
  }
}
