/** A run of the command around a sidecar that is made here: what it is asked for, what is said, how all ends. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { ManualClock } from 'busbar/testing'
import { announceMomento } from '../../src/cli/announcement.ts'
import { helpText } from '../../src/cli/known-flags.ts'
import { type CommandHost, runCommand } from '../../src/cli/run.ts'
import type { MomentoOptions, RunningSidecar, SidecarOptions } from '../../src/cli/starters.ts'
import type { ComponentSpec, SubscriptionSpec } from '../../src/dapr/wire.ts'
import { Broker } from '../../src/index.ts'
import { Screen } from './screen.ts'

const HTTP_PORT = 3599

const redis: ComponentSpec = { name: 'orderpubsub', type: 'pubsub.redis', version: 'v1', metadata: {}, scopes: [] }
const inMemory: ComponentSpec = { ...redis, name: 'my pubsub', type: 'pubsub.in-memory' }
const orders: SubscriptionSpec = {
  pubsubname: 'orderpubsub',
  topic: 'orders',
  metadata: {},
  rules: [
    { match: 'event.type == "big"', path: '/big' },
    { match: '', path: '/orders' },
  ],
  deadLetterTopic: undefined,
  bulk: undefined,
  type: 'PROGRAMMATIC',
}

/** A sidecar that notes what it is asked, and a process to run the command in. */
class Stage implements RunningSidecar {
  readonly httpPort = HTTP_PORT
  readonly url = `http://127.0.0.1:${HTTP_PORT}`
  readonly components: readonly ComponentSpec[] = [redis, inMemory]
  subscriptions: readonly SubscriptionSpec[] = []
  /** `start`, `ready`, `close 5000`, in order. */
  readonly calls: string[] = []
  /** Resolves when a sidecar is asked for. */
  readonly asked: Promise<SidecarOptions>
  #ask: (options: SidecarOptions) => void = () => {}
  readonly stdout = new Screen()
  readonly stderr = new Screen()
  readonly clock = new ManualClock({ now: new Date('2030-05-17T09:00:00Z') })
  #listener: ((signal: NodeJS.Signals) => void) | undefined
  // What a test may replace.
  start: () => Promise<void> = async () => {}
  discovery: () => Promise<void> = async () => {}
  closing: () => Promise<void> = async () => {}
  closingMomento: () => Promise<void> = async () => {}
  /** What a server for Momento's clients was asked with. */
  momento: MomentoOptions | undefined

  constructor() {
    this.asked = new Promise((resolve) => (this.#ask = resolve))
  }

  run(args: readonly string[], environment: CommandHost['environment'] = process.env): Promise<number> {
    const onSignal: CommandHost['onSignal'] = (listener) => {
      this.#listener = listener
      return () => (this.#listener = undefined)
    }
    const { stdout, stderr, clock } = this
    const host = { args, environment, stdout, stderr, clock, version: '1.2.3', onSignal }
    return runCommand(host, {
      sidecar: async (options) => {
        this.calls.push('start')
        this.#ask(options)
        await this.start()
        return this
      },
      momento: async (options) => {
        this.momento = options
        this.calls.push(`momento ${options.port} ${Object.keys(options.caches)}`)
        return {
          port: 8080,
          close: async ({ graceMs }) => {
            this.calls.push(`close momento ${graceMs}`)
            await this.closingMomento()
          },
        }
      },
    })
  }

  get isListening(): boolean {
    return this.#listener !== undefined
  }

  signal(name: NodeJS.Signals): void {
    this.#listener?.(name)
  }

  broker(name: string): Broker | undefined {
    return name === inMemory.name ? new Broker() : undefined
  }

  async ready(): Promise<void> {
    this.calls.push('ready')
    await this.discovery()
  }

  async close({ graceMs }: { graceMs: number }): Promise<void> {
    this.calls.push(`close ${graceMs}`)
    await this.closing()
  }

  /** Messages of the log, each with its level. */
  get log(): readonly string[] {
    return this.stdout.lines.map((line) => line.replace('2030-05-17T09:00:00.000Z ', '').replace(/ {2,}/, ' '))
  }
}

const folder = mkdtempSync(join(tmpdir(), 'busbar-run-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'b.yaml'), 'second')
writeFileSync(join(folder, 'a.yaml'), 'first')
writeFileSync(join(folder, 'config'), 'third')

const forever = new Promise<void>(() => {})

/** Words for an app that is a Node program. */
function node(code: string): readonly string[] {
  return ['--', process.execPath, '-e', code]
}

describe('runCommand', () => {
  it('prints its flags', async () => {
    const stage = new Stage()
    assert.equal(await stage.run(['--app-id', 'x', '-h']), 0)
    assert.equal(stage.stdout.text, helpText())
    assert.deepEqual(stage.calls, [])
  })

  it('prints its version', async () => {
    const stage = new Stage()
    assert.equal(await stage.run(['--version']), 0)
    assert.equal(stage.stdout.text, '1.2.3\n')
  })

  for (const args of [['--no-such-flag'], ['--app-port', 'x'], ['app.js']]) {
    it(`starts nothing for ${args.join(' ')}`, async () => {
      const stage = new Stage()
      assert.equal(await stage.run(args), 2)
      assert.match(stage.stderr.text, /^busbar: Invalid option .*\nbusbar --help lists the flags\n$/)
      assert.deepEqual([stage.stdout.text, stage.calls, stage.isListening], ['', [], false])
    })
  }

  it('asks for a sidecar with defaults', async () => {
    const stage = new Stage()
    const running = stage.run([], {})
    const { clock, log, onShutdown, ...options } = await stage.asked
    assert.deepEqual(options, {
      appId: 'busbar',
      httpPort: 3500,
      maxBodySize: 4_194_304,
      disableInitEndpoints: [],
      resources: [],
      environment: {},
    })
    assert.equal(clock, stage.clock)
    assert.deepEqual([typeof log, typeof onShutdown], ['function', 'function'])
    stage.signal('SIGTERM')
    await running
  })

  it('asks for everything that the flags and variables say', async () => {
    const stage = new Stage()
    const line = `--app-id shop --app-port 3000 --app-max-concurrency 2 --dapr-http-port 0 --dapr-listen-addresses ::1
      --pubsub a --pubsub __proto__ --resources-path ${folder} --config ${join(folder, 'config')} --max-body-size 9
      --disable-init-endpoints config`
    const running = stage.run(line.split(/\s+/), { DAPR_API_TOKEN: 'in', APP_API_TOKEN: 'out', NAMESPACE: 'prod' })
    const { clock, log, onShutdown, pubsubs, ...options } = await stage.asked
    assert.deepEqual(options, {
      appId: 'shop',
      app: 'http://127.0.0.1:3000',
      apiToken: 'in',
      appToken: 'out',
      appMaxConcurrency: 2,
      httpPort: 0,
      host: '::1',
      namespace: 'prod',
      maxBodySize: 9,
      disableInitEndpoints: ['config'],
      resources: [
        { name: join(folder, 'a.yaml'), text: 'first' },
        { name: join(folder, 'b.yaml'), text: 'second' },
        { name: join(folder, 'config'), text: 'third' },
      ],
      environment: { DAPR_API_TOKEN: 'in', APP_API_TOKEN: 'out', NAMESPACE: 'prod' },
    })
    const inMemory = { type: 'pubsub.in-memory' }
    assert.deepEqual(Object.entries(pubsubs ?? {}), [
      ['a', inMemory],
      ['__proto__', inMemory],
    ])
    stage.signal('SIGTERM')
    await running
  })

  it('says what is served where', async () => {
    const stage = new Stage()
    const running = stage.run(['--app-id', 'shop', '--app-port', '3000', '--metrics-port=1', '--enable-metrics'])
    await stage.stdout.shows(/Publish with.*\n/)
    assert.deepEqual(stage.log.slice(0, 6), [
      'warn Without effect, for what they set is not served: --metrics-port, --enable-metrics',
      'info Busbar 1.2.3 is the sidecar of "shop" at http://127.0.0.1:3599',
      'info Pub/sub "orderpubsub" is pubsub.redis',
      'info Pub/sub "my pubsub" is pubsub.in-memory',
      'info The app is at http://127.0.0.1:3000',
      `info Publish with: curl http://127.0.0.1:3599/v1.0/publish/orderpubsub/orders -H 'content-type: application/json' -d '{"orderId":1}'`,
    ])
    stage.signal('SIGTERM')
    await running
  })

  it('says which subscriptions the app has, once they are known', async () => {
    const stage = new Stage()
    stage.discovery = async () => {
      stage.subscriptions = [orders, { ...orders, rules: [{ match: '', path: '/a' }], deadLetterTopic: 'failed' }]
    }
    const running = stage.run(['--app-port', '3000'])
    await stage.stdout.shows(/failed\n/)
    assert.deepEqual(stage.log.slice(-2), [
      'info Subscription: orders of orderpubsub goes to /big if event.type == "big", /orders',
      'info Subscription: orders of orderpubsub goes to /a, given up to failed',
    ])
    stage.signal('SIGTERM')
    await running
  })

  it('says so when the app has none', async () => {
    const stage = new Stage()
    const running = stage.run(['--app-port', '3000'])
    await stage.stdout.shows(/The app has no subscriptions\n/)
    stage.signal('SIGTERM')
    await running
  })

  it('goes on when they cannot be read, and says why', async () => {
    const stage = new Stage()
    stage.discovery = async () => assert.fail('no answer')
    const running = stage.run(['--app-port', '3000'])
    await stage.stdout.shows(/could not be read error="AssertionError: no answer"/)
    assert.deepEqual(stage.calls, ['start', 'ready'])
    stage.signal('SIGTERM')
    assert.equal(await running, 0)
  })

  it('is silent about subscriptions that were still waited for at the end', async () => {
    const stage = new Stage()
    let giveUp: (error: Error) => void = assert.fail
    stage.discovery = () => new Promise((_, reject) => (giveUp = reject))
    stage.closing = async () => giveUp(new Error('closed'))
    const running = stage.run(['--app-port', '3000'])
    await stage.stdout.shows(/Publish with.*\n/)
    stage.signal('SIGTERM')
    assert.equal(await running, 0)
    assert.doesNotMatch(stage.stdout.text, /could not be read/)
  })

  it('asks no app for subscriptions when there is none', async () => {
    const stage = new Stage()
    const running = stage.run([])
    await stage.stdout.shows(/No app is called: there is no --app-port\n.*Publish with.*\n/)
    stage.signal('SIGTERM')
    await running
    assert.deepEqual(stage.calls, ['start', 'close 5000'])
  })

  it('logs what the sidecar tells, as JSON if asked to, without the tokens', async () => {
    const stage = new Stage()
    const environment = { ...process.env, DAPR_API_TOKEN: 'sesame', APP_API_TOKEN: 'thyme' }
    const running = stage.run(['--log-as-json', '--log-level', 'warn', '--app-id', 'shop'], environment)
    const { log } = await stage.asked
    log({ level: 'info', message: 'not this' })
    log({ level: 'warn', message: 'got sesame', sent: ['thyme'] })
    assert.deepEqual(
      stage.stdout.lines.map((line) => JSON.parse(line)),
      [
        {
          time: '2030-05-17T09:00:00.000Z',
          level: 'warn',
          type: 'log',
          app_id: 'shop',
          msg: 'got ***',
          sent: ['***'],
        },
      ],
    )
    stage.signal('SIGTERM')
    await running
  })

  for (const [name, args, start, message] of [
    [
      'the sidecar cannot start',
      [],
      () => Promise.reject(new Error('port 3500 is in use')),
      /error port 3500 is in use/,
    ],
    [
      'a file cannot be read',
      ['--config', join(folder, 'nowhere')],
      undefined,
      /error .*nowhere": there is no such file/,
    ],
  ] as const) {
    it(`ends with 1 when ${name}`, async () => {
      const stage = new Stage()
      if (start !== undefined) stage.start = start
      assert.equal(await stage.run(args), 1)
      assert.match(stage.stdout.text, message)
      assert.equal(stage.isListening, false)
    })
  }
})

describe('runCommand, with --momento-port', () => {
  it('serves the components as caches, and closes that before the sidecar', async () => {
    const stage = new Stage()
    const running = stage.run(['--momento-port', '0'])
    await stage.stdout.shows(/Momento.*\n/)
    assert.ok(stage.log.includes(`info Momento Topics at 127.0.0.1:8080, with the caches "${inMemory.name}"`))
    assert.deepEqual((await stage.asked).history, { size: 1000 })
    stage.signal('SIGTERM')
    assert.equal(await running, 0)
    assert.deepEqual(stage.calls, ['start', `momento 0 ${inMemory.name}`, 'close momento 5000', 'close 5000'])
  })

  it('says at which host', () => {
    assert.equal(announceMomento('http://[::1]:1', 2, ['a']).message, 'Momento Topics at [::1]:2, with the caches "a"')
  })

  it('has one grace time for both', async () => {
    const stage = new Stage()
    stage.closingMomento = () => stage.clock.advance(3000)
    const running = stage.run(['--momento-port', '0'])
    await stage.stdout.shows(/Momento.*\n/)
    stage.signal('SIGTERM')
    assert.equal(await running, 0)
    assert.deepEqual(stage.calls.slice(-2), ['close momento 5000', 'close 2000'])
  })

  it('guards it as the sidecar is guarded, at the same address', async () => {
    const stage = new Stage()
    const args = ['--momento-port', '0', '--dapr-listen-addresses', '0.0.0.0']
    const running = stage.run(args, { DAPR_API_TOKEN: 'sesame' })
    await stage.stdout.shows(/Momento.*\n/)
    assert.deepEqual([stage.momento?.host, stage.momento?.apiKeys], ['0.0.0.0', ['sesame']])
    stage.signal('SIGTERM')
    await running
  })

  it('asks for no key when there is no token', async () => {
    const stage = new Stage()
    const running = stage.run(['--momento-port', '0'], {})
    await stage.stdout.shows(/Momento.*\n/)
    assert.equal(stage.momento?.apiKeys, undefined)
    stage.signal('SIGTERM')
    await running
  })
})

describe('runCommand, at a signal', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`finishes what is in flight and ends with 0 (${signal})`, async () => {
      const stage = new Stage()
      const running = stage.run(['--dapr-graceful-shutdown-seconds', '7'])
      await stage.stdout.shows(/Publish with/)
      stage.signal(signal)
      assert.equal(await running, 0)
      assert.deepEqual(stage.calls, ['start', 'close 7000'])
      assert.deepEqual(stage.log.slice(-2), [
        `info ${signal}: finishing what is in flight, for 7000 ms at most`,
        'info Stopped',
      ])
      assert.equal(stage.isListening, false)
    })
  }

  it('ends at once at the second one', async () => {
    const stage = new Stage()
    stage.closing = () => forever
    const running = stage.run(node('setInterval(() => {}, 1_000)'))
    await stage.stdout.shows(/Started/)
    stage.signal('SIGTERM')
    stage.signal('SIGINT')
    assert.equal(await running, 130)
  })

  it('that comes while it starts, ends it when it has started', async () => {
    const stage = new Stage()
    stage.start = async () => stage.signal('SIGINT')
    assert.equal(await stage.run([]), 0)
    assert.deepEqual(stage.calls, ['start', 'close 5000'])
  })

  it('ends the app after the sidecar, with the same signal', async () => {
    const stage = new Stage()
    const ready = stage.stdout.shows(/APP == ready/)
    stage.closing = async () => assert.doesNotMatch(stage.stdout.text, /APP == got/)
    const running = stage.run(
      node(`
        process.on('SIGINT', () => { console.log('got the signal'); process.exit(0) })
        setInterval(() => {}, 1_000)
        console.log('ready')
      `),
    )
    await ready
    stage.signal('SIGINT')
    assert.equal(await running, 0)
    assert.match(stage.stdout.text, /APP == got the signal\n/)
  })

  for (const [name, code, expected] of [
    ['0 when that ended the app', '', 0],
    ['the exit code that the app chose', `process.on('SIGTERM', () => process.exit(9));`, 9],
  ] as const) {
    it(`ends with ${name}`, async () => {
      const stage = new Stage()
      const running = stage.run(node(`${code} setInterval(() => {}, 1_000); console.log('ready')`))
      await stage.stdout.shows(/APP == ready/)
      stage.signal('SIGTERM')
      assert.equal(await running, expected)
    })
  }
})

describe('runCommand, with an app', () => {
  it('starts it after the sidecar and tells it where that listens', async () => {
    const stage = new Stage()
    const show = `console.log(['APP_ID', 'APP_PORT', 'DAPR_HTTP_PORT', 'OWN'].map((name) => process.env[name]).join())`
    const environment = { ...process.env, OWN: 'kept' }
    const args = ['--app-id', 'shop', '--app-port', '3000', '--dapr-http-port', '0', ...node(show)]
    assert.equal(await stage.run(args, environment), 0)
    assert.match(stage.stdout.text, /sidecar of "shop"[^]*Started: .*\n[^]*== APP == shop,3000,3599,kept\n/)
  })

  it('ends when it ends, with its exit code, and waits for no delivery to it', async () => {
    const stage = new Stage()
    assert.equal(await stage.run(node('process.exit(6)')), 6)
    assert.deepEqual(stage.calls, ['start', 'close 0'])
    assert.match(stage.stdout.text, /The app ended with exit code 6\n$/)
  })

  it('ends with 1 when it cannot be started', async () => {
    const stage = new Stage()
    assert.equal(await stage.run(['--', 'no-such-program-here']), 1)
    assert.deepEqual(stage.calls, ['start', 'close 0'])
    assert.match(stage.stdout.text, /error Invalid option --: cannot start "no-such-program-here": no such program\n$/)
  })
})

describe('runCommand, at POST /v1.0/shutdown', () => {
  it('ends as at a signal', async () => {
    const stage = new Stage()
    const running = stage.run(node(`setInterval(() => {}, 1_000); console.log('ready')`))
    await stage.stdout.shows(/APP == ready/)
    const { onShutdown } = await stage.asked
    onShutdown(false)
    assert.equal(await running, 0)
    assert.deepEqual(stage.calls, ['start', 'close 5000'])
  })

  it('ends with 1 after 100 ms when forced', async () => {
    const stage = new Stage()
    const running = stage.run([])
    const { onShutdown } = await stage.asked
    onShutdown(true)
    await stage.stdout.shows(/Publish with/)
    await stage.clock.advance(99)
    assert.deepEqual(stage.calls, ['start'])
    await stage.clock.advance(1)
    assert.equal(await running, 1)
    assert.deepEqual(stage.calls, ['start', 'close 0'])
  })
})
