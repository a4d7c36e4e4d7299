/**
 * The apps of Dapr's pub/sub quickstart, written anew with and without Dapr's
 * SDK, run under the command with the component files that `dapr run` takes.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Command, endCommands } from '../cli/command.ts'
import { Screen } from '../cli/screen.ts'
import { freePort } from './dapr-harness.ts'

const COMPONENT = `
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: orderpubsub
spec:
  type: pubsub.redis
  version: v1
  metadata:
  - name: redisHost
    value: localhost:6379
  - name: redisPassword
    value: ""
`

/** The quickstart keeps it beside its component. */
const TRACING = `
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata:
  name: tracing
  namespace: default
spec:
  tracing:
    samplingRate: "1"
    zipkin:
      endpointAddress: "http://localhost:9411/api/v2/spans"
`

/** The command as it is published. */
const busbar = fileURLToPath(new URL('dist/esm/cli.js', import.meta.resolve('busbar/package.json')))
const folder = mkdtempSync(join(tmpdir(), 'busbar-quickstart-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'pubsub.yaml'), COMPONENT)
writeFileSync(join(folder, 'observability.yaml'), TRACING)

/** Apps that were started without the command. */
const apps: ChildProcess[] = []
afterEach(endCommands)
afterEach(() => {
  for (const app of apps.splice(0)) app.kill('SIGKILL')
})

const orders = Array.from({ length: 10 }, (_, index) => `{"orderId":${index + 1}}`)

function pathOf(app: string): string {
  return join(import.meta.dirname, `apps/${app}.js`)
}

/** Starts an app on its own. */
function runApp(app: string, environment: NodeJS.ProcessEnv): { child: ChildProcess; stdout: Screen } {
  const stdout = new Screen()
  const child = spawn(process.execPath, [pathOf(app)], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child.stdout.pipe(stdout)
  apps.push(child)
  return { child, stdout }
}

/** The lines of an output that say what was published or received. */
function linesOf(screen: Screen, start: string): readonly string[] {
  return [...screen.text.matchAll(new RegExp(`^(?:== APP == )?${start}: (.*)$`, 'gm'))].map(([, data = '']) => data)
}

for (const kind of ['sdk', 'http']) {
  describe(`The quickstart (${kind})`, () => {
    it('gets every order that was published, in order', async () => {
      const resources = ['--resources-path', folder, '--dapr-http-port', '0']
      const app = ['--app-id', 'order-processor', '--app-port', await freePort(), '--app-protocol', 'http']
      const processor = ['--', process.execPath, pathOf(`processor-${kind}`)]
      const command = new Command([...app, ...resources, ...processor], {}, busbar)
      const { port } = new URL(await command.url())
      await command.stdout.shows(/Subscription: orders of orderpubsub goes to .*\n/)

      const { child, stdout } = runApp(`checkout-${kind}`, { DAPR_HTTP_PORT: port })
      assert.deepEqual(await once(child, 'close'), [0, null])
      assert.deepEqual(linesOf(stdout, 'Published data'), orders)

      await command.stdout.shows(/Subscriber received: {"orderId":10}\n/)
      assert.deepEqual(linesOf(command.stdout, 'Subscriber received'), orders)
      command.signal('SIGTERM')
      assert.equal(await command.ended, 0)
    })

    it('also works when the app was there before the sidecar', async () => {
      const [appPort, daprPort] = [await freePort(), await freePort()]
      const ports = { APP_PORT: appPort, DAPR_HTTP_PORT: daprPort }
      const { stdout } = runApp(`processor-${kind}`, ports)
      await stdout.shows(/listening/i)

      const command = new Command(['--resources-path', folder], ports, busbar)
      await command.stdout.shows(/Subscription: orders of orderpubsub goes to .*\n/)
      const checkout = runApp(`checkout-${kind}`, ports)
      assert.deepEqual(await once(checkout.child, 'close'), [0, null])

      await stdout.shows(/Subscriber received: {"orderId":10}\n/)
      assert.deepEqual(linesOf(stdout, 'Subscriber received'), orders)
      command.signal('SIGTERM')
      assert.equal(await command.ended, 0)
    })
  })
}
