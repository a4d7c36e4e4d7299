import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { accessOf } from '../../src/dapr/scopes.ts'

/** May app1 (listed), app2 (listed without topics or other topics) and app3 (not listed) use the topics? */
type Row = readonly [metadata: Readonly<Record<string, string>>, appId: string, topic: string, isAllowed: boolean]

const scoped = { publishingScopes: 'app1=a,b;app2=c;app4=' }
const allowed = { allowedTopics: 't1,t2' }
const both = { allowedTopics: 'a,t1', publishingScopes: 'app1=a,z' }
const guarded = { protectedTopics: 'a', publishingScopes: 'app1=a' }

describe('Access.isAllowed', () => {
  for (const [metadata, appId, topic, expected] of [
    [{}, 'app1', 'a', true],
    [scoped, 'app1', 'a', true],
    [scoped, 'app1', 'b', true],
    [scoped, 'app1', 'c', false],
    [scoped, 'app2', 'a', false],
    [scoped, 'app3', 'a', true],
    [scoped, 'app4', 'a', false],
    [scoped, 'app4', '', true],
    [allowed, 'app1', 't1', true],
    [allowed, 'app1', 't0', false],
    [both, 'app1', 'a', true],
    [both, 'app1', 't1', false],
    [both, 'app1', 'z', false],
    [both, 'app3', 't1', true],
    [both, 'app3', 'z', false],
    [guarded, 'app1', 'a', true],
    [guarded, 'app1', 'b', false],
    [guarded, 'app3', 'a', false],
    [guarded, 'app3', 'b', true],
    [{ protectedTopics: 'a' }, 'app1', 'a', false],
    [{ PublishingSCOPES: 'app1=a' }, 'app1', 'b', false],
    [{ publishingScopes: ' app1 = a , b ; app2 = ' }, 'app1', 'b', true],
    [{ publishingScopes: 'app1=a;app1=b' }, 'app1', 'a', true],
    [{ publishingScopes: 'app1=a;app1=b' }, 'app1', 'b', true],
    [{ publishingScopes: 'app1' }, 'app1', 'b', true],
    [{ publishingScopes: '' }, 'app1', 'b', true],
    [{ publishingScopes: 'app1=t*' }, 'app1', 't1', false],
    [{ allowedTopics: 't*' }, 'app1', 't1', false],
    [{ allowedTopics: 't*' }, 'app1', 't*', true],
    [{ allowedTopics: 'a' }, 'app1', 'A', false],
    [{ allowedTopics: '', protectedTopics: '' }, 'app1', 'a', true],
    [{ publishingScopes: 'app1=a' }, '__proto__', 'a', true],
    [{ publishingScopes: '__proto__=a' }, '__proto__', 'b', false],
    [{ subscriptionScopes: 'app1=a' }, 'app1', 'b', true],
  ] satisfies readonly Row[]) {
    it(`lets ${appId} publish to ${JSON.stringify(topic)} under ${JSON.stringify(metadata)}: ${expected}`, () => {
      assert.equal(accessOf(metadata).isAllowed('publish', appId, topic), expected)
    })
  }

  it('has other lists for subscribing', () => {
    const access = accessOf({ publishingScopes: 'app1=a', subscriptionScopes: 'app1=b' })
    assert.equal(access.isAllowed('subscribe', 'app1', 'b'), true)
    assert.equal(access.isAllowed('subscribe', 'app1', 'a'), false)
    assert.equal(access.isAllowed('publish', 'app1', 'b'), false)
  })

  it('looks at own properties only', (t) => {
    Object.assign(Object.prototype, { allowedTopics: 'x' })
    t.after(() => Reflect.deleteProperty(Object.prototype, 'allowedTopics'))
    assert.equal(accessOf({}).isAllowed('publish', 'app1', 'a'), true)
  })
})
