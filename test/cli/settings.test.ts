/** What a command line and an environment mean. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Environment, readWish, type Settings } from '../../src/cli/settings.ts'

const MIB = 1024 * 1024

function settings(args: readonly string[], environment: Environment = {}): Settings {
  const wish = readWish(args, environment)
  return wish.kind === 'serve' ? wish.settings : assert.fail(`wants ${wish.kind}`)
}

const defaults: Settings = {
  appId: 'busbar',
  appUrl: undefined,
  appPort: undefined,
  appProtocol: 'http',
  appMaxConcurrency: undefined,
  httpPort: 3500,
  momentoPort: undefined,
  host: undefined,
  pubsubs: [],
  resourcePaths: [],
  configPaths: [],
  maxBodySize: 4 * MIB,
  disableInitEndpoints: [],
  graceMs: 5_000,
  logLevel: 'info',
  logAsJson: false,
  apiToken: undefined,
  appToken: undefined,
  namespace: undefined,
  ignored: [],
  command: [],
}

const meanings: readonly (readonly [string, Environment, Partial<Settings>])[] = [
  ['--app-id shop', {}, { appId: 'shop' }],
  ['', { APP_ID: 'shop' }, { appId: 'shop' }],
  ['--app-id shop', { APP_ID: 'other' }, { appId: 'shop' }],
  ['--app-id a --app-id b', {}, { appId: 'b' }],
  ['--app-port 80', {}, { appPort: 80, appUrl: 'http://127.0.0.1:80' }],
  ['', { APP_PORT: '3000' }, { appPort: 3000, appUrl: 'http://127.0.0.1:3000' }],
  ['', { APP_PORT: '' }, {}],
  ['--app-port 0', { APP_PORT: '3000' }, {}],
  ['--app-port -1', {}, {}],
  ['-p 443 -P https', {}, { appPort: 443, appProtocol: 'https', appUrl: 'https://127.0.0.1:443' }],
  ['-p 443 --app-ssl', {}, { appPort: 443, appProtocol: 'https', appUrl: 'https://127.0.0.1:443' }],
  ['-p 443 --app-ssl=false', {}, { appPort: 443, appUrl: 'http://127.0.0.1:443' }],
  ['-p 3 --app-channel-address localhost', {}, { appPort: 3, appUrl: 'http://localhost:3' }],
  ['-p 3 --app-channel-address ::1', {}, { appPort: 3, appUrl: 'http://[::1]:3' }],
  ['-p 3 --app-channel-address [::1]', {}, { appPort: 3, appUrl: 'http://[::1]:3' }],
  ['--app-max-concurrency 2', {}, { appMaxConcurrency: 2 }],
  ['--app-max-concurrency -1', {}, {}],
  ['--momento-port 0', {}, { momentoPort: 0 }],
  ['--dapr-http-port 0', {}, { httpPort: 0 }],
  ['--dapr-http-port=-1', {}, { httpPort: 0 }],
  ['', { DAPR_HTTP_PORT: '3600' }, { httpPort: 3600 }],
  ['-H 1', { DAPR_HTTP_PORT: '3600' }, { httpPort: 1 }],
  ['--dapr-listen-addresses 127.0.0.1', {}, { host: '127.0.0.1' }],
  ['--dapr-listen-addresses [::1],127.0.0.1', {}, {}],
  ['--dapr-listen-addresses 0.0.0.0', {}, { host: '0.0.0.0' }],
  ['--dapr-listen-addresses 127.0.0.1,0.0.0.0', {}, { host: '0.0.0.0' }],
  ['--dapr-listen-addresses 0.0.0.0,[::]', {}, { host: '::' }],
  ['--dapr-listen-addresses=', {}, {}],
  ['--pubsub a --pubsub b,c', {}, { pubsubs: ['a', 'b', 'c'] }],
  ['-d old --resources-path a,b --resources-path c', {}, { resourcePaths: ['a', 'b', 'c', 'old'] }],
  ['-c one --config two', {}, { configPaths: ['one', 'two'] }],
  ['--max-body-size 100', {}, { maxBodySize: 100 }],
  ['--max-body-size 16Mi', {}, { maxBodySize: 16 * MIB }],
  ['--max-body-size 1.5Ki', {}, { maxBodySize: 1536 }],
  ['--max-body-size 2k', {}, { maxBodySize: 2_000 }],
  ['--max-body-size 0', {}, { maxBodySize: 0 }],
  ['--max-body-size -1', {}, { maxBodySize: -1 }],
  ['--dapr-http-max-request-size 8', {}, { maxBodySize: 8 * MIB }],
  ['--dapr-http-max-request-size 8 --max-body-size 1', {}, { maxBodySize: 1 }],
  ['--disable-init-endpoints config,subscribe', {}, { disableInitEndpoints: ['config', 'subscribe'] }],
  ['--dapr-graceful-shutdown-seconds 1', {}, { graceMs: 1_000 }],
  ['--log-level DEBUG --log-as-json', {}, { logLevel: 'debug', logAsJson: true }],
  ['--log-level warning', {}, { logLevel: 'warn' }],
  ['--log-level fatal', {}, { logLevel: 'error' }],
  ['', { DAPR_API_TOKEN: 'a', APP_API_TOKEN: 'b' }, { apiToken: 'a', appToken: 'b' }],
  ['', { NAMESPACE: 'prod' }, { namespace: 'prod' }],
  ['--metrics-port 9090 -- node app.js', {}, { ignored: ['--metrics-port'], command: ['node', 'app.js'] }],
]

const refusals: readonly (readonly [string, Environment, string, RegExp])[] = [
  ['--app-id a.b', {}, '--app-id', /"a\.b" is no app id/],
  ['--app-id=', {}, '--app-id', /"" is no app id/],
  ['', { APP_ID: 'a b' }, 'APP_ID', /is no app id/],
  ['--app-port x', {}, '--app-port', /"x" is not a whole number/],
  ['--app-port 1e3', {}, '--app-port', /is not a whole number/],
  ['--app-port 65536', {}, '--app-port', /"65536" is not a port, 0 to 65535/],
  ['', { APP_PORT: '-2' }, 'APP_PORT', /is not a port/],
  ['', { DAPR_HTTP_PORT: '3500x' }, 'DAPR_HTTP_PORT', /is not a whole number/],
  ['--app-protocol grpc', {}, '--app-protocol', /"grpc" is not served; the app has to speak http or https/],
  ['--app-protocol h2c', {}, '--app-protocol', /is not served/],
  ['-p 1 --app-channel-address http://a', {}, '--app-channel-address', /"http:\/\/a" is not a host/],
  ['-p 1 --app-channel-address a@b', {}, '--app-channel-address', /is not a host/],
  ['-p 1 --app-channel-address a/b', {}, '--app-channel-address', /is not a host/],
  ['-p 1 --app-channel-address=', {}, '--app-channel-address', /is not a host/],
  ['--dapr-listen-addresses 10.0.0.1,10.0.0.2', {}, '--dapr-listen-addresses', /more than one address/],
  ['--max-body-size 4MB', {}, '--max-body-size', /"4MB" is not a size such as 512Ki or 4Mi/],
  ['--max-body-size 0.3', {}, '--max-body-size', /is not a size/],
  ['--max-body-size 1e999', {}, '--max-body-size', /is not a size/],
  ['--max-body-size', {}, '--max-body-size', /its value is missing/],
  ['--app-max-concurrency many', {}, '--app-max-concurrency', /is not a whole number/],
  ['--disable-init-endpoints all', {}, '--disable-init-endpoints', /"all" is neither config nor subscribe/],
  ['--dapr-graceful-shutdown-seconds -1', {}, '--dapr-graceful-shutdown-seconds', /below 0/],
  ['--log-level loud', {}, '--log-level', /"loud" is not debug, info, warn or error/],
  ['', { DAPR_API_TOKEN: '' }, 'DAPR_API_TOKEN', /it is empty/],
  ['', { APP_API_TOKEN: '' }, 'APP_API_TOKEN', /it is empty/],
]

describe('readWish', () => {
  it('has a default for everything', () => assert.deepEqual(settings([]), defaults))

  for (const [line, environment, expected] of meanings) {
    it(`reads "${line}" ${show(environment)} as ${JSON.stringify(expected)}`, () => {
      assert.deepEqual(settings(words(line), environment), { ...defaults, ...expected })
    })
  }

  for (const [line, environment, option, message] of refusals) {
    it(`refuses "${line}" ${show(environment)}`, () => {
      assert.throws(() => readWish(words(line), environment), { code: 'ERR_OPTION_INVALID', option, message })
    })
  }

  for (const [line, kind] of [
    ['--help', 'help'],
    ['-h', 'help'],
    ['--version', 'version'],
    ['-v', 'version'],
    ['--app-port x --help --version', 'help'],
    ['--help=false --version', 'version'],
  ] as const) {
    it(`wants ${kind} for ${line}`, () => assert.deepEqual(readWish(words(line), {}), { kind }))
  }

  it('shows no token in an error', () => {
    const environment = { DAPR_API_TOKEN: 'sesame', APP_PORT: 'x' }
    assert.throws(
      () => settings([], environment),
      (error: Error) => !error.message.includes('sesame'),
    )
  })
})

function words(line: string): readonly string[] {
  return line === '' ? [] : line.split(' ')
}

function show(environment: Environment): string {
  return Object.entries(environment)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}
