/** An app beside the sidecar: what it is told, what it prints, how it ends. Real processes, no sleeping. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { ManualClock } from 'busbar/testing'
import { type AppProcess, appEnvironment, startApp } from '../../src/cli/app-process.ts'
import type { Clock } from '../../src/time/clock.ts'
import { SystemClock } from '../../src/time/clock.ts'
import { Screen } from './screen.ts'

/** A process connects to it, and is gone when the connection is. */
let lifelines: Server
const waiting: ((socket: Socket) => void)[] = []

before(async () => {
  lifelines = createServer((socket) => {
    socket.on('error', () => {}) // a process that was killed resets its connection
    waiting.shift()?.(socket)
  })
  await once(lifelines.listen(0, '127.0.0.1'), 'listening')
})
after(() => lifelines.close())

/** Code for a process that lives until it is ended. */
function live(): string {
  const { port } = lifelines.address() as AddressInfo // it listens on a port
  return `require('node:net').connect(${port}, '127.0.0.1')`
}

/** The next process that comes to life; resolves again when it is gone. */
async function nextLife(): Promise<{ socket: Socket; gone: Promise<unknown> }> {
  const socket = await new Promise<Socket>((resolve) => waiting.push(resolve))
  return { socket, gone: once(socket.resume(), 'close') }
}

interface Started {
  readonly app: AppProcess
  readonly stdout: Screen
  readonly stderr: Screen
}

async function start(code: string, clock: Clock = new SystemClock()): Promise<Started> {
  const stdout = new Screen()
  const stderr = new Screen()
  const command = [process.execPath, '-e', code]
  const app = await startApp({ command, environment: process.env, stdout, stderr, clock })
  return { app, stdout, stderr }
}

describe('startApp', () => {
  it('puts a prefix before each line of the output', async () => {
    const { app, stdout, stderr } = await start(`console.log('one\\n\\ntwo'); console.error('three')`)
    await app.ended
    assert.deepEqual(stdout.lines, ['== APP == one', '== APP == ', '== APP == two'])
    assert.deepEqual(stderr.lines, ['== APP == three'])
  })

  it('joins what arrives in pieces, also in the middle of a character', async () => {
    const life = nextLife()
    const { app, stdout } = await start(`
      const bytes = Buffer.from('first\\nü, 世界\\nlast')
      const socket = ${live()}
      process.stdout.write(bytes.subarray(0, 7)) // up to the middle of the ü
      socket.once('data', () => process.stdout.write(bytes.subarray(7), () => socket.end()))
    `)
    const { socket } = await life
    await stdout.shows(/first\n/)
    socket.write('go on')
    await app.ended
    assert.equal(stdout.text, '== APP == first\n== APP == ü, 世界\n== APP == last\n')
  })

  it('passes on everything of a long output', async () => {
    const { app, stdout } = await start(`for (let i = 0; i < 20_000; i++) console.log('line ' + i)`)
    await app.ended
    assert.equal(stdout.lines.length, 20_000)
    assert.equal(stdout.lines.at(-1), '== APP == line 19999')
  })

  it('does not keep a line without an end in memory', async () => {
    const { app, stdout } = await start(`process.stdout.write('x'.repeat(1_000_000))`)
    await app.ended
    assert.ok(stdout.lines.length > 3)
    assert.equal(stdout.text.replaceAll('== APP == ', '').replaceAll('\n', ''), 'x'.repeat(1_000_000))
  })

  it('lets the app end although nobody takes its output', async () => {
    const broken = new Writable({ write: (_, __, done) => done(new Error('nobody reads')) })
    broken.on('error', () => {})
    const command = [process.execPath, '-e', `process.stdout.write('x'.repeat(1_000_000))`]
    const clock = new SystemClock()
    const app = await startApp({ command, environment: process.env, stdout: broken, stderr: new Screen(), clock })
    assert.deepEqual(await app.ended, { exitCode: 0, signal: undefined })
  })

  it('gives the app an environment and no input', async () => {
    const stdout = new Screen()
    const code = `process.stdin.on('end', () => console.log(process.env.APP_ID)).resume()`
    const environment = { ...process.env, APP_ID: 'shop' }
    const options = { command: [process.execPath, '-e', code], environment, stdout, stderr: new Screen() }
    await (await startApp({ ...options, clock: new SystemClock() })).ended
    assert.equal(stdout.text, '== APP == shop\n')
  })

  it('refuses a program that is not there', async () => {
    const options = { environment: process.env, stdout: new Screen(), stderr: new Screen(), clock: new SystemClock() }
    await assert.rejects(startApp({ ...options, command: ['no-such-program-here'] }), {
      code: 'ERR_OPTION_INVALID',
      option: '--',
      message: /cannot start "no-such-program-here": no such program/,
    })
    await assert.rejects(startApp({ ...options, command: [import.meta.dirname] }), { message: /cannot start .*EACCES/ })
  })

  it('leaves no listener behind', async () => {
    const counts = () => process.listenerCount('exit')
    const before = counts()
    const { app, stdout } = await start('')
    assert.equal(counts(), before + 1)
    await app.ended
    assert.equal(counts(), before)
    assert.equal(stdout.listenerCount('error'), 0)
  })
})

describe('AppProcess.ended', () => {
  for (const [name, code, expected] of [
    ['0', '', { exitCode: 0, signal: undefined }],
    ['its exit code', 'process.exit(7)', { exitCode: 7, signal: undefined }],
    ['the code of a crash', `throw new Error('x')`, { exitCode: 1, signal: undefined }],
    ['128 and the number of a signal', `process.kill(process.pid, 'SIGKILL')`, { exitCode: 137, signal: 'SIGKILL' }],
  ] as const) {
    it(`resolves to ${name}`, async () => {
      const { app } = await start(code)
      assert.deepEqual(await app.ended, expected)
    })
  }

  it('takes along what the app left behind', async () => {
    const life = nextLife()
    const { app } = await start(`
      const code = ${JSON.stringify(`${live()}.on('connect', () => console.log('up'))`)}
      const child = require('node:child_process').spawn(process.execPath, ['-e', code])
      child.stdout.once('data', () => process.exit(3))
    `)
    const { gone } = await life
    assert.equal((await app.ended).exitCode, 3)
    await gone
  })

  it('waits half a second at most for output that a daemon holds open', async () => {
    const clock = new ManualClock()
    const life = nextLife()
    const { app, stdout } = await start(
      `
      const { spawn } = require('node:child_process')
      const daemon = spawn(process.execPath, ['-e', ${JSON.stringify(live())}], { stdio: 'inherit', detached: true })
      console.log('daemon ' + daemon.pid)
      process.exit(0)
    `,
      clock,
    )
    const [, pid] = await stdout.shows(/daemon (\d+)\n/)
    const { gone } = await life
    let hasEnded = false
    const ended = app.ended.then(() => (hasEnded = true))
    while (!hasEnded) await clock.advance(100)
    await ended
    assert.ok(clock.now() >= 500)
    process.kill(Number(pid))
    await gone
  })
})

describe('AppProcess.stop', () => {
  it('hands the signal on and gives the exit code that the app chose', async () => {
    const { app, stdout } = await start(`
      process.on('SIGTERM', () => process.exit(5))
      console.log('ready')
      setInterval(() => {}, 1_000)
    `)
    await stdout.shows(/ready/)
    assert.deepEqual(await app.stop('SIGTERM', 60_000), { exitCode: 5, signal: undefined })
  })

  it('reaches what the app has started', async () => {
    const life = nextLife()
    const { app } = await start(`
      require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(live())}], { stdio: 'ignore' })
      process.on('SIGINT', () => process.exit(0))
      setInterval(() => {}, 1_000)
    `)
    const { gone } = await life
    await app.stop('SIGINT', 60_000)
    await gone
  })

  it('forces the end when the grace time is over, and not before', async () => {
    const clock = new ManualClock()
    const { app, stdout } = await start(
      `
      process.on('SIGTERM', () => console.log('not now'))
      console.log('ready')
      setInterval(() => {}, 1_000)
    `,
      clock,
    )
    await stdout.shows(/ready/)
    const stopped = app.stop('SIGTERM', 5_000)
    await stdout.shows(/not now/)
    await clock.advance(4_999)
    app.signal('SIGTERM')
    await stdout.shows(/not now\n.*not now/)
    await clock.advance(1)
    assert.deepEqual(await stopped, { exitCode: 137, signal: 'SIGKILL' })
  })

  it('resolves at once when the app has ended', async () => {
    const { app } = await start('process.exit(4)')
    await app.ended
    assert.equal((await app.stop('SIGTERM', 60_000)).exitCode, 4)
  })
})

describe('A process that exits', () => {
  it('takes its app along', async () => {
    const life = nextLife()
    const code = `
      import { startApp } from ${JSON.stringify(join(import.meta.dirname, '../../src/cli/app-process.js'))}
      import { SystemClock } from ${JSON.stringify(join(import.meta.dirname, '../../src/time/clock.js'))}
      const command = [process.execPath, '-e', ${JSON.stringify(`${live()}.on('connect', () => console.log('up'))`)}]
      const stdout = process.stdout
      stdout.write = () => process.exit(0)
      await startApp({ command, environment: process.env, stdout, stderr: stdout, clock: new SystemClock() })
    `
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    await (await life).gone
  })
})

describe('appEnvironment', () => {
  const facts = { appId: 'shop', appPort: 3000, appProtocol: 'http', httpPort: 3500 }

  it('adds what the SDKs of Dapr look for to what is there', () => {
    assert.deepEqual(appEnvironment({ PATH: '/bin', APP_ID: 'old', DAPR_API_TOKEN: 't' }, facts), {
      PATH: '/bin',
      DAPR_API_TOKEN: 't',
      APP_ID: 'shop',
      APP_PORT: '3000',
      APP_PROTOCOL: 'http',
      DAPR_HTTP_PORT: '3500',
    })
  })

  it('names no port when the app has none', () => {
    assert.ok(!('APP_PORT' in appEnvironment({}, { ...facts, appPort: undefined })))
  })
})
