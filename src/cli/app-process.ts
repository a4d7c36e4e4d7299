/**
 * The app that is started beside the sidecar: its process, the lines that it
 * writes, and its end. What its environment says is decided here too.
 *
 * The app leads a process group of its own, for two reasons: a Ctrl-C in the
 * terminal reaches Busbar alone, which finishes what is in flight before it
 * hands it on; and what `npm start` has started goes with it.
 *
 * Layer 34. Source of the variables and of the prefix: `dapr run`.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { type Readable, Transform } from 'node:stream'
import { finished } from 'node:stream/promises'
import { refuseOption } from '../checks.ts'
import { quote } from '../errors.ts'
import type { Clock } from '../time/clock.ts'

/** Where lines go: `process.stdout`, or anything that takes text and says when it is full. */
export type Output = NodeJS.WritableStream

export interface AppOptions {
  /** A program and its arguments. Not empty. */
  readonly command: readonly string[]
  /** The whole environment. */
  readonly environment: NodeJS.ProcessEnv
  readonly stdout: Output
  readonly stderr: Output
  readonly clock: Clock
}

/** How an app ended. */
export interface AppEnd {
  /** As a shell gives it: 128 and the signal's number when a signal ended it. */
  readonly exitCode: number
  readonly signal: NodeJS.Signals | undefined
}

/** What `dapr run` tells an app. */
export interface AppFacts {
  readonly appId: string
  readonly appPort: number | undefined
  readonly appProtocol: string
  readonly httpPort: number
}

type Child = ChildProcessByStdio<null, Readable, Readable>

const PREFIX = '== APP == '

/** A longer line is cut: somebody else's output must not fill our memory. */
const MAX_LINE = 64 * 1024

/** How long output is waited for that a process outside the group holds open. */
const FLUSH_MS = 500

/**
 * Starts an app.
 *
 * @throws {BusbarError} `ERR_OPTION_INVALID` with the option `--`: there is no such program
 */
export async function startApp(options: AppOptions): Promise<AppProcess> {
  const [program = '', ...args] = options.command
  const child = spawn(program, args, { env: options.environment, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  try {
    await once(child, 'spawn')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException // what `spawn` fails with
    refuseOption('--', `cannot start ${quote(program)}: ${code === 'ENOENT' ? 'no such program' : message}`, error)
  }
  return new AppProcess(child, options)
}

export class AppProcess {
  /** Resolves when the app has ended and its output is written; never rejects. */
  readonly ended: Promise<AppEnd>
  readonly #child: Child
  /** What it writes, on its way to our output. */
  readonly #lines: readonly Transform[]
  readonly #clock: Clock
  #hasEnded = false
  /** For when this process ends in a way that leaves no time. */
  readonly #killAtExit = (): void => this.signal('SIGKILL')

  constructor(child: Child, { stdout, stderr, clock }: AppOptions) {
    this.#child = child
    this.#clock = clock
    this.#lines = [show(child.stdout, stdout), show(child.stderr, stderr)]
    process.once('exit', this.#killAtExit)
    this.ended = this.#end()
  }

  /** Hands a signal to the app and to all that it has started. */
  signal(name: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid === undefined || this.#hasEnded) return
    try {
      process.kill(process.platform === 'win32' ? pid : -pid, name) // Windows has no groups
    } catch {
      // Nobody is left in the group.
    }
  }

  /** Hands the signal on, waits for the end, and forces it after `graceMs`. */
  async stop(signal: NodeJS.Signals, graceMs: number): Promise<AppEnd> {
    this.signal(signal)
    const timer = this.#clock.setTimer(() => this.signal('SIGKILL'), graceMs)
    const end = await this.ended
    this.#clock.clearTimer(timer)
    return end
  }

  async #end(): Promise<AppEnd> {
    const written = Promise.allSettled(this.#lines.map((lines) => finished(lines)))
    const end = await endOf(this.#child)
    this.signal('SIGKILL') // what it left behind
    this.#hasEnded = true
    process.removeListener('exit', this.#killAtExit)
    await this.#inTime(written)
    for (const stream of [this.#child.stdout, this.#child.stderr, ...this.#lines]) stream.destroy()
    return end
  }

  /** A daemon that left the group may hold the pipes open for as long as it lives. */
  async #inTime(written: Promise<unknown>): Promise<void> {
    let timer: unknown
    const late = new Promise<void>((resolve) => {
      timer = this.#clock.setTimer(resolve, FLUSH_MS)
    })
    await Promise.race([written, late])
    this.#clock.clearTimer(timer)
  }
}

function endOf(child: Child): Promise<AppEnd> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({
        exitCode: code ?? 128 + (signal === null ? 0 : constants.signals[signal]),
        signal: signal ?? undefined,
      })
    })
  })
}

/** The environment of an app: ours, and what Dapr's SDKs look for. */
export function appEnvironment(own: NodeJS.ProcessEnv, facts: AppFacts): NodeJS.ProcessEnv {
  return {
    ...own,
    APP_ID: facts.appId,
    ...(facts.appPort !== undefined && { APP_PORT: String(facts.appPort) }),
    APP_PROTOCOL: facts.appProtocol,
    DAPR_HTTP_PORT: String(facts.httpPort),
  }
}

/** Puts an app's output on ours, line by line, for as long as ours takes any; then it goes nowhere. */
function show(source: Readable, output: Output): Transform {
  const lines = source.setEncoding('utf8').pipe(prefixer())
  const drain = (): void => void lines.resume()
  lines.pipe(output, { end: false })
  output.once('error', drain)
  lines.once('close', () => output.removeListener('error', drain))
  return lines
}

function prefixer(): Transform {
  let rest = ''
  return new Transform({
    decodeStrings: false,
    transform(text: string, _, done) {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MAX_LINE) lines.push(rest)
      if (rest.length > MAX_LINE) rest = ''
      done(null, lines.map((line) => `${PREFIX}${line}\n`).join(''))
    },
    flush(done) {
      done(null, rest === '' ? '' : `${PREFIX}${rest}\n`)
    },
  })
}
