/**
 * Servers to compare with, when they are installed: found on the path, started
 * on a free port of the loopback interface, gone when this process is.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

export function isInstalled(command: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, command)))
}

/** @returns the port on which it listens. @throws when it does not within some seconds */
export async function startServer(
  command: string,
  args: (port: number, folder: string) => readonly string[],
): Promise<number> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'busbar-bench-'))
  const server = spawn(command, args(port, folder), { cwd: folder, stdio: 'ignore' })
  process.on('exit', () => {
    server.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  await listening(command, server, port)
  return port
}

async function listening(command: string, server: ChildProcess, port: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (server.exitCode !== null) throw new Error(`${command} ended with ${server.exitCode}`)
    if (await answers(port)) return
    await wait(50)
  }
  throw new Error(`${command} does not listen on port ${port}`)
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo // it listens on a port
      server.close(() => resolve(port))
    })
  })
}
