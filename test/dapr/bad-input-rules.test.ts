/** Hostile rules, wrong tokens and failures of our own, end to end, with the oracle after each. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { DaprSidecar } from '../../src/dapr/index.ts'
import { BusbarError } from '../../src/errors.ts'
import { attack, eventIn, type RigOptions, TOKEN } from './rig.ts'

const ORDERS = '/v1.0/publish/pubsub/orders'
const JSON_TYPE = { 'content-type': 'application/json' }

/** The app asks for `orders` by a rule, and for the dead letters. */
function ruled(match: string): RigOptions {
  const routes = { rules: [{ match, path: '/matched' }], default: '/default' }
  return {
    subscriptions: [
      { pubsubname: 'pubsub', topic: 'orders', routes, deadLetterTopic: 'dead' },
      { pubsubname: 'pubsub', topic: 'dead', route: '/dead' },
    ],
  }
}

describe('A rule', () => {
  const list = `[${Array.from({ length: 100 }, (_, i) => i).join(',')}]`
  const explosion = `${list}.all(a, ${list}.all(b, ${list}.all(c, a + b + c >= 0)))`
  const evil = `${'a'.repeat(50_000)}!`

  for (const [what, match, data, path] of [
    ['with a regular expression that others choke on', 'event.data.matches("^(a+)+$")', evil, '/default'],
    ['with a wildcard that others choke on', 'event.data.matches("^(.*a){12}$")', evil.slice(-1000), '/default'],
    ['that asks for what is missing', 'event.data.missing == 1', {}, '/dead'],
    ['that compares what does not go together', 'event.data > "x"', 1, '/dead'],
    ['that compares doubles with integers', 'event.data > 1', 1.5, '/matched'],
    ['that is no condition', 'event.data', 'yes', '/dead'],
    ['that knows no such name', 'evnt.type == "x"', 1, '/dead'],
    ['that takes too long', explosion, 1, '/dead'],
    ['that divides by zero', '1 / 0 == 1', 1, '/dead'],
    ['that looks for the prototype', 'event.__proto__.constructor.name == "Object"', {}, '/dead'],
    ['that looks for the constructor', 'has(event.constructor) || has(event.data.constructor)', {}, '/default'],
  ] as const) {
    it(`${what} sends an event to ${path}`, (t) =>
      attack(t, ruled(match), async (rig) => {
        const asked = { headers: JSON_TYPE, body: JSON.stringify(data) }
        assert.equal((await rig.ask(ORDERS, asked)).status, 204)
        assert.deepEqual(
          (await rig.delivered()).map((delivered) => delivered.path),
          [path],
        )
      }))
  }

  for (const match of [
    'constructor.constructor("return process")()',
    'event.type == "a"; process.exit(1)',
    'process.exit(1) == 0',
    'eval("1") == 1',
    '[].constructor("x")',
    '/(a+)+$/.test(event.type)',
  ]) {
    it(`${match} is refused, and its subscription with it`, (t) =>
      attack(t, ruled(match), async (rig) => {
        assert.deepEqual(
          rig.sidecar.subscriptions.map(({ topic }) => topic),
          ['dead', 'canary'],
        )
        assert.ok(rig.log.some(({ level, message }) => level === 'warn' && message.includes('topic "orders"')))
      }))
  }
})

describe('A token', () => {
  const shown = { 'dapr-api-token': TOKEN }

  for (const [what, headers, target = ORDERS] of [
    ['that is missing', {}],
    ['that is empty', { 'dapr-api-token': '' }],
    ['that is wrong', { 'dapr-api-token': 'wrong' }],
    ['in other letters', { 'dapr-api-token': TOKEN.toUpperCase() }],
    ['with more behind it', { 'dapr-api-token': `${TOKEN}x` }],
    ['of which only the beginning is shown', { 'dapr-api-token': TOKEN.slice(0, -1) }],
    ['in another header', { authorization: `Bearer ${TOKEN}` }],
    ['in the query', {}, `${ORDERS}?dapr-api-token=${TOKEN}&metadata.dapr-api-token=${TOKEN}`],
    ['of 10 KB', { 'dapr-api-token': 'x'.repeat(10_000) }],
  ] satisfies readonly (readonly [string, Record<string, string>, string?])[]) {
    it(`${what} opens nothing`, (t) =>
      attack(t, { apiToken: TOKEN }, async (rig) => {
        const { status, body } = await rig.ask(target, { headers })
        assert.deepEqual([status, body], [401, 'invalid api token\n'])
        assert.equal(rig.stats.published, 0)
      }))
  }

  it('that is shown twice opens nothing', (t) =>
    attack(t, { apiToken: TOKEN }, async (rig) => {
      const head = `POST ${ORDERS} HTTP/1.1\r\ndapr-api-token: ${TOKEN}\r\ndapr-api-token: x\r\nContent-Length: 0`
      assert.equal((await rig.say(head)).status, 401)
      assert.equal(rig.stats.published, 0)
    }))

  it('opens, and the app does not get to see it', (t) =>
    attack(t, { apiToken: TOKEN }, async (rig) => {
      assert.equal((await rig.ask(ORDERS, { headers: shown })).status, 204)
      const [delivered] = await rig.delivered()
      assert.ok(delivered)
      assert.doesNotMatch(JSON.stringify([...delivered.headers, eventIn(delivered)]), new RegExp(TOKEN))
      assert.doesNotMatch((await rig.ask('/v1.0/metadata', { method: 'GET', headers: shown })).body, new RegExp(TOKEN))
    }))
})

describe('A sidecar with tokens', () => {
  it('shows them to nobody who looks at it or at its errors', (t) =>
    attack(t, { apiToken: TOKEN, appToken: `${TOKEN}-of-the-app` }, async ({ sidecar }) => {
      for (const value of [sidecar, sidecar.stats(), sidecar.components, sidecar.subscriptions]) {
        assert.doesNotMatch(inspect(value, { depth: Infinity, showHidden: true, getters: true }), new RegExp(TOKEN))
      }
      await assert.rejects(DaprSidecar.start({ apiToken: `${TOKEN}\n` }), (error) => {
        assert.doesNotMatch(inspect(error), new RegExp(TOKEN))
        return error instanceof BusbarError && error.code === 'ERR_OPTION_INVALID'
      })
    }))
})

describe('A page of another site', () => {
  for (const headers of [
    { origin: 'https://evil.example', 'content-type': 'text/plain' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { host: 'evil.example' },
  ]) {
    it(`cannot publish with ${JSON.stringify(headers)}`, (t) =>
      attack(t, {}, async (rig) => {
        assert.equal((await rig.ask(ORDERS, { headers, body: 'x' })).status, 403)
        assert.equal((await rig.ask('/v1.0/shutdown', { headers })).status, 403)
        assert.equal(rig.stats.published, 0)
      }))
  }
})

describe('A failure of ours', () => {
  it('is told to the log, and to the client only that there was one', (t) => {
    const onShutdown = (): never => {
      throw new Error('no way in /secret/path.ts:12')
    }
    return attack(t, { onShutdown }, async (rig) => {
      const { status, body } = await rig.ask('/v1.0/shutdown')
      assert.equal(status, 500)
      assert.deepEqual(JSON.parse(body), { errorCode: 'ERR_INTERNAL', message: 'Something went wrong in the sidecar' })
      assert.ok(rig.log.some(({ level, reason }) => level === 'error' && String(reason).includes('/secret/path.ts')))
    })
  })

  it('to log is nobody else’s trouble', (t) => {
    const log = (): never => {
      throw new Error('the disk is full')
    }
    return attack(t, { log, answer: () => ({ status: 'DROP' }) }, async (rig) => {
      assert.equal((await rig.ask(ORDERS)).status, 204)
      assert.equal((await rig.delivered()).length, 1)
    })
  })
})
