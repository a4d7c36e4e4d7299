/** The command as a process of its own, for tests of the whole. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Screen } from './screen.ts'

const compiled = join(import.meta.dirname, '../../src/cli.js')

/** Variables that would mean something to the command. */
const OURS = ['APP_ID', 'APP_PORT', 'DAPR_HTTP_PORT', 'DAPR_API_TOKEN', 'APP_API_TOKEN', 'NAMESPACE']

const running = new Set<Command>()

/** For after a test, however it went: two signals end a command and its app at once. */
export async function endCommands(): Promise<void> {
  const commands = [...running]
  for (const command of commands) {
    command.signal('SIGTERM')
    command.signal('SIGINT')
  }
  await Promise.all(commands.map(({ ended }) => ended))
}

export class Command {
  readonly child: ChildProcess
  readonly stdout: Screen = new Screen()
  readonly stderr: Screen = new Screen()
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>

  /**
   * @param environment on top of this process's own, without what the command would read
   * @param program the file that is the command; default: as compiled, not bundled
   */
  constructor(args: readonly string[], environment: NodeJS.ProcessEnv = {}, program: string = compiled) {
    const own = Object.entries(process.env).filter(([name]) => !OURS.includes(name))
    const env = { ...Object.fromEntries(own), ...environment }
    const child = spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.pipe(this.stdout)
    child.stderr.pipe(this.stderr)
    this.child = child
    running.add(this)
    this.ended = this.#end()
  }

  async #end(): Promise<number | NodeJS.Signals> {
    // What 'close' comes with: one of both is null.
    const [code, signal] = (await once(this.child, 'close')) as [number | null, NodeJS.Signals | null]
    running.delete(this)
    return code ?? signal ?? assert.fail('neither exit code nor signal')
  }

  /** Where it serves, once it does. */
  async url(): Promise<string> {
    const [, url = ''] = await this.stdout.shows(/is the sidecar of \S+ at (http:\S+)\n/)
    return url
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name)
  }
}
