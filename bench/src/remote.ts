/**
 * Servers in a process of their own, so that they share no thread with whoever
 * asks them. Such a process is told which server to start, says on which port,
 * and on request how many events have arrived; it is gone when the process that
 * started it is.
 */
import { fork } from 'node:child_process'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import type { Trial } from './bench.ts'
import { Tally } from './handlers.ts'

/** Starts a server on a free port of the loopback interface, which adds to the tally. @returns the port */
export type Servable = (tally: Tally) => Promise<number>

interface Report {
  readonly port: number
  readonly received: number
  /** What the process has used so far, without the system's part. */
  readonly cpuMs: number
}

export interface Remote {
  readonly port: number
  /** As of the last time it was asked. */
  readonly received: () => number
  readonly cpuMs: () => number
  /** Asks how it is now. */
  refresh(): Promise<void>
}

/**
 * @returns rejects when the process ends before it has told its port
 * @param file beside this one, which calls `serve`
 * @param name which of its servers
 */
export async function startRemote(file: string, name: string): Promise<Remote> {
  const child = fork(join(import.meta.dirname, file), [name], { env: { ...process.env, NODE_ENV: 'production' } })
  const next = (): Promise<Report> =>
    new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`The server ${name} ended with ${code}`))
      child.once('exit', onExit)
      child.once('message', (report) => {
        child.off('exit', onExit)
        resolve(report as Report) // serve() sends nothing else
      })
    })
  let report = await next()
  return {
    port: report.port,
    received: () => report.received,
    cpuMs: () => report.cpuMs,
    async refresh() {
      child.send('report')
      report = await next()
    },
  }
}

/** Counts deliveries where they arrive. @param cpu takes what the other process has used for one operation, in ns, after each round */
export function remoteTrial(remote: Remote, run: (operations: number) => unknown, cpu: number[] = []): Trial {
  let before = 0
  return {
    received: remote.received,
    run,
    async prepare() {
      await remote.refresh()
      before = remote.cpuMs()
    },
    async finish(operations) {
      await remote.refresh()
      cpu.push(((remote.cpuMs() - before) * 1e6) / operations)
    },
  }
}

/** Listens where the system has a free port, on the loopback interface. @returns the port */
export function listenTo(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)) // it listens on a port
  })
}

/** What the process of a server does. */
export async function serve(servers: Readonly<Record<string, Servable>>): Promise<void> {
  const start = servers[process.argv[2] ?? '']
  if (start === undefined) throw new Error(`There is no server ${process.argv[2]}`)
  const tally = new Tally()
  const port = await start(tally)
  const report = (): void => {
    process.send?.({ port, received: tally.received, cpuMs: process.cpuUsage().user / 1000 } satisfies Report)
  }
  process.on('message', report)
  process.on('disconnect', () => process.exit())
  report()
}
