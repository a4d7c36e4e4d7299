import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Access, type ApiKey, type TopicPermission } from '../../src/momento/access.ts'
import { StatusError } from '../../src/momento/status.ts'

const denied = (error: unknown): boolean => error instanceof StatusError && error.status === 'PERMISSION_DENIED'

describe('Access', () => {
  it('lets everybody do everything when there are no keys', () => {
    const grant = new Access(undefined).grant('')
    grant.check('publish', 'c', 't')
    grant.checkControl()
    assert.equal(grant.publisherId, '')
  })

  for (const authorization of ['', 'kex', 'key ', 'KEY', 'key2', 'Bearer key', 'k'.repeat(100_000), '\u0000']) {
    it(`does not know ${JSON.stringify(authorization.slice(0, 20))}`, () => {
      const access = new Access(['key'])
      assert.throws(
        () => access.grant(authorization),
        (error) => error instanceof StatusError && error.status === 'UNAUTHENTICATED',
      )
    })
  }

  it('knows a key, and who publishes with it', () => {
    const access = new Access(['plain', { key: 'named', tokenId: 'me' }])
    assert.equal(access.grant('plain').publisherId, '')
    assert.equal(access.grant('named').publisherId, 'me')
    access.grant('plain').checkControl()
  })

  it('lets nobody in when the list is empty', () => assert.throws(() => new Access([]).grant('')))

  for (const [permission, may, mayNot] of [
    [{ role: 'publishsubscribe' }, ['publish c t', 'subscribe d u'], []],
    [{ role: 'publishonly' }, ['publish c t'], ['subscribe c t']],
    [{ role: 'subscribeonly' }, ['subscribe c t'], ['publish c t']],
    [{ role: 'publishsubscribe', cache: 'c' }, ['publish c t'], ['publish d t', 'publish cc t']],
    [{ role: 'publishsubscribe', topic: 't' }, ['publish c t', 'publish d t'], ['publish c tt', 'publish c T']],
    [
      { role: 'subscribeonly', cache: 'c', topic: { namePrefix: 'a/' } },
      ['subscribe c a/b'],
      ['subscribe c b/a', 'subscribe d a/b', 'publish c a/b'],
    ],
  ] as const satisfies readonly (readonly [TopicPermission, readonly string[], readonly string[]])[]) {
    it(`gives what ${JSON.stringify(permission)} says and no more`, () => {
      const grant = new Access([{ key: 'k', permissions: [permission] }]).grant('k')
      const check = (right: string): void => {
        const [action, cache = '', topic = ''] = right.split(' ')
        grant.check(action === 'publish' ? 'publish' : 'subscribe', cache, topic)
      }
      for (const right of may) check(right)
      for (const right of mayNot) assert.throws(() => check(right), denied, right)
      assert.throws(() => grant.checkControl(), denied)
    })
  }

  it('adds the permissions of one key up', () => {
    const permissions: TopicPermission[] = [
      { role: 'publishonly', topic: 'a' },
      { role: 'subscribeonly', topic: 'b' },
    ]
    const grant = new Access([{ key: 'k', permissions }]).grant('k')
    grant.check('publish', 'c', 'a')
    grant.check('subscribe', 'c', 'b')
    assert.throws(() => grant.check('publish', 'c', 'b'), /Insufficient permissions to publish/)
  })

  for (const [apiKeys, option] of [
    ['key', 'apiKeys'],
    [[''], 'apiKeys.0.key'],
    [[{}], 'apiKeys.0.key'],
    [[7], 'apiKeys.0'],
    [['a', { key: 'b', tokenId: 'x'.repeat(65) }], 'apiKeys.1.tokenId'],
    [[{ key: 'a', role: 'x' }], 'apiKeys.0.role'],
    [[{ key: 'a', permissions: {} }], 'apiKeys.0.permissions'],
    [[{ key: 'a', permissions: [{}] }], 'apiKeys.0.permissions.0.role'],
    [[{ key: 'a', permissions: [null] }], 'apiKeys.0.permissions.0'],
    [[{ key: 'a', permissions: [{ role: 'all' }] }], 'apiKeys.0.permissions.0.role'],
    [
      [{ key: 'a', permissions: [{ role: 'publishonly', topic: { name: 'x' } }] }],
      'apiKeys.0.permissions.0.topic.name',
    ],
    [[{ key: 'a', permissions: [{ role: 'publishonly', topic: {} }] }], 'apiKeys.0.permissions.0.topic.namePrefix'],
    [['a', 'a'], 'apiKeys'],
  ] as const) {
    it(`refuses ${JSON.stringify(apiKeys).slice(0, 60)}`, () => {
      // What the types do not let through.
      const wrong = apiKeys as unknown as readonly ApiKey[]
      assert.throws(() => new Access(wrong), { code: 'ERR_OPTION_INVALID', option })
    })
  }
})
