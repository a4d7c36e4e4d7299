/** The command `busbar`, whole: as a process, over real sockets, with real apps and signals. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, it } from 'node:test'
import { Command, endCommands } from './command.ts'

const root = join(import.meta.dirname, '../../..')
// This package's own manifest.
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }

afterEach(endCommands)

const anyPort = ['--dapr-http-port', '0']

describe('busbar', () => {
  it('prints its version', async () => {
    const command = new Command(['--version'])
    assert.equal(await command.ended, 0)
    assert.deepEqual([command.stdout.text, command.stderr.text], [`${version}\n`, ''])
  })

  it('refuses a flag that it does not know, with 2', async () => {
    const command = new Command(['--app-prot', '3000'])
    assert.equal(await command.ended, 2)
    assert.match(command.stderr.text, /--app-prot: there is no such flag; did you mean --app-port\?/)
    assert.equal(command.stdout.text, '')
  })

  it('serves until a signal ends it, with 0', async () => {
    const command = new Command([...anyPort, '--app-id', 'shop'])
    const url = await command.url()
    assert.equal((await fetch(`${url}/v1.0/healthz`)).status, 204)
    command.signal('SIGTERM')
    assert.equal(await command.ended, 0)
    await assert.rejects(fetch(`${url}/v1.0/healthz`), TypeError)
    assert.equal(command.stderr.text, '')
  })

  it('is on loopback only', async () => {
    const command = new Command(anyPort)
    assert.match(await command.url(), /^http:\/\/(?:127\.0\.0\.1|localhost):\d+$/)
    command.signal('SIGINT')
    assert.equal(await command.ended, 0)
  })

  it('ends with 1 when its port is taken', async () => {
    const first = new Command(anyPort)
    const { port } = new URL(await first.url())
    const second = new Command(['--dapr-http-port', port])
    assert.equal(await second.ended, 1)
    assert.match(second.stdout.text, new RegExp(`error .*${port}`))
    first.signal('SIGTERM')
    assert.equal(await first.ended, 0)
  })

  it('ends when it is told to over HTTP', async () => {
    const command = new Command(anyPort)
    const { status } = await fetch(`${await command.url()}/v1.0/shutdown`, { method: 'POST' })
    assert.equal(status, 204)
    assert.equal(await command.ended, 0)
  })

  it('ends with 1 when it is forced to over HTTP', async () => {
    const command = new Command(anyPort)
    const headers = { 'dapr-force-shutdown': 'true' }
    assert.equal((await fetch(`${await command.url()}/v1.0/shutdown`, { method: 'POST', headers })).status, 204)
    assert.equal(await command.ended, 1)
  })

  it('runs an app that reaches it, and hands on its exit code', async () => {
    const code = `
      const { status } = await fetch('http://127.0.0.1:' + process.env.DAPR_HTTP_PORT + '/v1.0/healthz')
      console.log(process.env.APP_ID, status)
      process.exit(3)
    `
    const app = ['--', process.execPath, '--input-type=module', '-e', code]
    const command = new Command([...anyPort, '--app-id', 'shop', ...app])
    assert.equal(await command.ended, 3)
    assert.match(command.stdout.text, /== APP == shop 204\n/)
  })

  it('takes its app along when a signal ends it', async () => {
    const command = new Command([
      ...anyPort,
      '--',
      process.execPath,
      '-e',
      `setInterval(() => {}, 1000); console.log(process.pid)`,
    ])
    const [, pid] = await command.stdout.shows(/== APP == (\d+)\n/)
    command.signal('SIGINT')
    assert.equal(await command.ended, 0)
    assert.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' })
  })

  it('ends when nobody reads its output any more', async () => {
    const code = `setInterval(() => console.log('line'), 10)`
    const command = new Command([...anyPort, '--', process.execPath, '-e', code])
    await command.stdout.shows(/APP == line/)
    command.child.stdout?.destroy()
    assert.equal(await command.ended, 0)
    assert.equal(command.stderr.text, '')
  })

  it('names flags that have no effect, in one warning', async () => {
    const command = new Command([...anyPort, '--dapr-grpc-port', '50001', '--enable-metrics=false'])
    await command.url()
    assert.equal(command.stdout.text.match(/ warn .*--dapr-grpc-port, --enable-metrics\n/g)?.length, 1)
    command.signal('SIGTERM')
    await command.ended
  })
})
