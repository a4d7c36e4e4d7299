/**
 * One run of the command: reads what is wanted, starts the sidecar and then the
 * app, says what is served, and ends both in order when a signal, the app or
 * `POST /v1.0/shutdown` says so. Everything of the process comes in as an
 * argument, so does the sidecar.
 *
 * Layer 38.
 */
import { constants } from 'node:os'
import type { Log, LogEntry } from '../dapr/log.ts'
import type { ResourceFile } from '../dapr/settings.ts'
import type { Clock } from '../time/clock.ts'
import { Grace } from '../time/grace.ts'
import { announceMomento, announceStart, announceSubscriptions } from './announcement.ts'
import { type AppEnd, type AppProcess, appEnvironment, type Output, startApp } from './app-process.ts'
import { readResourceFiles, readTextFile } from './files.ts'
import { helpText } from './known-flags.ts'
import { createLog } from './log.ts'
import { type Environment, readWish, type Settings, type Wish } from './settings.ts'
import type { RunningMomento, RunningSidecar, SidecarOptions, Starters } from './starters.ts'

/** What a run needs of the process that it is. */
export interface CommandHost {
  /** Without the interpreter and the program. */
  readonly args: readonly string[]
  readonly environment: Environment
  readonly stdout: Output
  readonly stderr: Output
  readonly clock: Clock
  /** Of the package. */
  readonly version: string
  /** Calls back with each signal that asks for the end; returns a function that stops that. */
  onSignal(listener: (signal: NodeJS.Signals) => void): () => void
}

/** Why a run ends. */
type Ending =
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'app'; readonly end: AppEnd }
  | { readonly kind: 'shutdown'; readonly force: boolean }

/** daprd waits so long before it ends by force, for the answer to get out. */
const FORCE_MS = 100

const FAILED = 1
const MISUSED = 2

/**
 * @returns the exit code: the app's when it ends by itself, 1 when something
 *   could not be started, 2 for a wrong command line, 128 and the signal's
 *   number when a second signal hurries the first one, else 0
 */
export async function runCommand(host: CommandHost, starters: Starters): Promise<number> {
  const wish = readWishOf(host)
  switch (wish?.kind) {
    case undefined:
      return MISUSED
    case 'serve':
      return new Run(host, wish.settings).run(starters)
    case 'help':
      host.stdout.write(helpText())
      return 0
    case 'version':
      host.stdout.write(`${host.version}\n`)
      return 0
  }
}

/** @returns `undefined` when the command line is wrong; the user has been told why */
function readWishOf({ args, environment, stderr }: CommandHost): Wish | undefined {
  try {
    return readWish(args, environment)
  } catch (error) {
    stderr.write(`busbar: ${messageOf(error)}\nbusbar --help lists the flags\n`)
    return undefined
  }
}

class Run {
  readonly #host: CommandHost
  readonly #settings: Settings
  readonly #log: Log
  /** Told once why it ends; later reasons change nothing. */
  readonly #ending: Promise<Ending>
  #end: (ending: Ending) => void = () => {}
  /** Resolves at the second signal, with its exit code. */
  readonly #hurried: Promise<number>
  #hurry: (exitCode: number) => void = () => {}
  #signalCount = 0
  #isEnding = false
  #momento: RunningMomento | undefined
  #app: AppProcess | undefined

  constructor(host: CommandHost, settings: Settings) {
    this.#host = host
    this.#settings = settings
    this.#log = logOf(host, settings)
    this.#ending = new Promise((resolve) => (this.#end = resolve))
    this.#hurried = new Promise((resolve) => (this.#hurry = resolve))
  }

  /** Never rejects: what cannot be started is logged. */
  async run(starters: Starters): Promise<number> {
    const forget = this.#host.onSignal((signal) => this.#onSignal(signal))
    try {
      return await Promise.race([this.#serve(starters), this.#hurried])
    } catch (error) {
      this.#log({ level: 'error', message: messageOf(error) })
      return FAILED
    } finally {
      this.#app?.signal('SIGKILL')
      forget()
    }
  }

  async #serve(starters: Starters): Promise<number> {
    const sidecar = await starters.sidecar(await this.#sidecarOptions())
    this.#say(
      announceStart(this.#settings, { version: this.#host.version, url: sidecar.url, components: sidecar.components }),
    )
    await this.#orClose(sidecar, () => this.#startMomento(starters, sidecar))
    await this.#orClose(sidecar, () => this.#startApp(sidecar))
    if (this.#settings.appUrl !== undefined) void this.#discover(sidecar)
    const ending = await this.#ending
    this.#isEnding = true
    return this.#finish(ending, sidecar)
  }

  async #sidecarOptions(): Promise<SidecarOptions> {
    const { appUrl, appToken, apiToken, appMaxConcurrency, host, namespace, pubsubs, momentoPort } = this.#settings
    const { appId, httpPort, maxBodySize, disableInitEndpoints } = this.#settings
    return {
      appId,
      httpPort,
      maxBodySize,
      disableInitEndpoints,
      resources: await readResources(this.#settings),
      environment: this.#host.environment,
      ...(pubsubs.length > 0 && { pubsubs: Object.fromEntries(pubsubs.map((name) => [name, IN_MEMORY])) }),
      ...(appUrl !== undefined && { app: appUrl }),
      ...(appToken !== undefined && { appToken }),
      ...(apiToken !== undefined && { apiToken }),
      ...(appMaxConcurrency !== undefined && { appMaxConcurrency }),
      ...(host !== undefined && { host }),
      ...(namespace !== undefined && { namespace }),
      ...(momentoPort !== undefined && { history: { size: MOMENTO_HISTORY } }),
      clock: this.#host.clock,
      log: this.#log,
      onShutdown: (force) => this.#end({ kind: 'shutdown', force }),
    }
  }

  /** What cannot be started leaves nothing behind. */
  async #orClose(sidecar: RunningSidecar, start: () => Promise<void>): Promise<void> {
    try {
      await start()
    } catch (error) {
      await this.#momento?.close({ graceMs: 0 })
      await sidecar.close({ graceMs: 0 })
      throw error
    }
  }

  /** Over the same brokers: what is published by one SDK arrives by the other. */
  async #startMomento(starters: Starters, sidecar: RunningSidecar): Promise<void> {
    const { apiToken, host, momentoPort: port } = this.#settings
    if (port === undefined) return
    const named = sidecar.components.flatMap(({ name }) => {
      const broker = sidecar.broker(name)
      return broker === undefined ? [] : [[name, broker] as const]
    })
    const caches = Object.fromEntries(named)
    this.#momento = await starters.momento({
      port,
      caches,
      ...(host !== undefined && { host }),
      ...(apiToken !== undefined && { apiKeys: [apiToken] }),
    })
    this.#log(announceMomento(sidecar.url, this.#momento.port, Object.keys(caches)))
  }

  async #startApp(sidecar: RunningSidecar): Promise<void> {
    const { command } = this.#settings
    if (command.length === 0) return
    const environment = appEnvironment(this.#host.environment, { ...this.#settings, httpPort: sidecar.httpPort })
    this.#app = await startApp({ ...this.#host, command, environment })
    this.#log({ level: 'info', message: `Started: ${command.join(' ')}` })
    void this.#app.ended.then((end) => this.#end({ kind: 'app', end }))
  }

  async #discover(sidecar: RunningSidecar): Promise<void> {
    try {
      await sidecar.ready()
      if (!this.#isEnding) this.#say(announceSubscriptions(sidecar.subscriptions))
    } catch (error) {
      if (!this.#isEnding)
        this.#say([{ level: 'error', message: 'The subscriptions of the app could not be read', error }])
    }
  }

  #onSignal(signal: NodeJS.Signals): void {
    this.#signalCount++
    this.#end({ kind: 'signal', signal })
    if (this.#signalCount > 1) this.#hurry(exitCodeOf(signal))
  }

  /** In order: what is in flight needs the app, so that goes last. */
  async #finish(ending: Ending, sidecar: RunningSidecar): Promise<number> {
    const { graceMs } = this.#settings
    switch (ending.kind) {
      case 'app':
        this.#log({ level: 'info', message: `The app ended with exit code ${ending.end.exitCode}` })
        await this.#close(sidecar, 0) // nobody is there to deliver to
        return ending.end.exitCode
      case 'shutdown':
        return ending.force ? this.#force(sidecar) : this.#stop('SIGTERM', sidecar)
      case 'signal':
        this.#log({
          level: 'info',
          message: `${ending.signal}: finishing what is in flight, for ${graceMs} ms at most`,
        })
        return this.#stop(ending.signal, sidecar)
    }
  }

  /** @returns the app's exit code, unless it ended by the signal that it was handed */
  async #stop(signal: NodeJS.Signals, sidecar: RunningSidecar): Promise<number> {
    const { graceMs } = this.#settings
    await this.#close(sidecar, graceMs)
    const end = await this.#app?.stop(signal, graceMs)
    this.#log({ level: 'info', message: 'Stopped' })
    return end === undefined || end.signal === signal ? 0 : end.exitCode
  }

  async #force(sidecar: RunningSidecar): Promise<number> {
    await new Promise<void>((resolve) => this.#host.clock.setTimer(resolve, FORCE_MS))
    await this.#close(sidecar, 0)
    return FAILED
  }

  /** In the time that is given for both. The sidecar last: the brokers are its own. */
  async #close(sidecar: RunningSidecar, graceMs: number): Promise<void> {
    const grace = new Grace(graceMs, this.#host.clock)
    await this.#momento?.close({ graceMs })
    await sidecar.close({ graceMs: grace.leftMs })
  }

  #say(entries: readonly LogEntry[]): void {
    for (const entry of entries) this.#log(entry)
  }
}

/** As many as a cache of its own keeps. */
const MOMENTO_HISTORY = 1000

const IN_MEMORY = { type: 'pubsub.in-memory' }

async function readResources({ resourcePaths, configPaths }: Settings): Promise<readonly ResourceFile[]> {
  const resources = await readResourceFiles(resourcePaths, '--resources-path')
  const configurations = await Promise.all(configPaths.map((path) => readTextFile(path, '--config')))
  return [...resources, ...configurations].map(({ path, text }) => ({ name: path, text }))
}

function logOf({ stdout, clock }: CommandHost, { logLevel, logAsJson, appId, apiToken, appToken }: Settings): Log {
  return createLog({
    level: logLevel,
    asJson: logAsJson,
    appId,
    secrets: [apiToken, appToken].filter((token) => token !== undefined),
    wallTime: () => clock.wallTime(),
    write: (line) => stdout.write(line),
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}
