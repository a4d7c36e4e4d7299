import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bulkVerdictsOf, verdictOf } from '../../src/dapr/verdict.ts'

describe('verdictOf', () => {
  const table: readonly (readonly [status: number, body: string, kind: string, code?: number])[] = [
    [200, '', 'success'],
    [204, '', 'success'],
    [299, 'OK', 'success'],
    [200, '{}', 'success'],
    [200, '[]', 'success'],
    [200, '{"status":"DROP"', 'success'],
    [200, '"{"', 'success'],
    [200, ' \r\n\t{"status":"DROP"}\n', 'drop'],
    [200, 'null', 'success'],
    [200, '{"status":1}', 'success'],
    [200, '{"status":""}', 'success'],
    [200, '{"status":"SUCCESS"}', 'success'],
    [200, '{"STATUS":"DROP"}', 'drop'],
    [200, '{"status":"DROP"}', 'drop'],
    [200, '{"status":"RETRY"}', 'failure'],
    [200, '{"status":"success"}', 'failure'],
    [200, '{"status":"SUCCESS "}', 'failure'],
    [200, '{"status":"constructor"}', 'failure'],
    [404, '{"status":"SUCCESS"}', 'drop'],
    [500, '{"status":"SUCCESS"}', 'failure', 500],
    [302, '', 'failure', 302],
    [101, '', 'failure', 101],
    [401, '', 'failure', 401],
    [999, '', 'failure', 999],
  ]
  for (const [status, body, kind, code] of table) {
    it(`takes ${status} ${body || 'without a body'} for ${kind}`, () => {
      const verdict = verdictOf({ status, body })
      assert.equal(verdict.kind, kind)
      assert.equal(verdict.kind === 'failure' ? verdict.status : undefined, code)
    })
  }

  it('names an unknown status, cut short', () => {
    const verdict = verdictOf({ status: 200, body: JSON.stringify({ status: 'x'.repeat(10_000) }) })
    assert.ok(verdict.kind === 'failure' && /unknown status "xxx/.test(verdict.error.message))
    assert.ok(verdict.error.message.length <= 200)
  })
})

describe('bulkVerdictsOf', () => {
  const kinds = (status: number, body: unknown): string[] => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return Array.from(bulkVerdictsOf({ status, body: text }, ['a', 'b']).values(), ({ kind }) => kind)
  }
  const statuses = (...list: readonly unknown[]): unknown => ({ statuses: list })

  const table: readonly (readonly [what: string, status: number, body: unknown, kinds: string[]])[] = [
    [
      'a status each',
      200,
      statuses({ entryId: 'a', status: 'SUCCESS' }, { entryId: 'b', status: 'DROP' }),
      ['success', 'drop'],
    ],
    [
      'statuses in another order',
      200,
      statuses({ entryId: 'b', status: 'RETRY' }, { entryId: 'a', status: 'SUCCESS' }),
      ['success', 'failure'],
    ],
    ['a missing entry', 200, statuses({ entryId: 'a', status: 'SUCCESS' }), ['success', 'failure']],
    [
      'an empty status',
      200,
      statuses({ entryId: 'a', status: '' }, { entryId: 'b', status: 'SUCCESS' }),
      ['failure', 'success'],
    ],
    [
      'an unknown id',
      200,
      statuses({ entryId: 'x', status: 'DROP' }, { entryId: 'a', status: 'SUCCESS' }),
      ['success', 'failure'],
    ],
    [
      'two words about one entry',
      200,
      statuses({ entryId: 'a', status: 'DROP' }, { entryId: 'a', status: 'SUCCESS' }),
      ['drop', 'failure'],
    ],
    ['entries that are none', 200, statuses(null, 1, 'a', [], { entryId: 1 }), ['failure', 'failure']],
    ['other cases of letters', 200, { Statuses: [{ EntryID: 'a', STATUS: 'SUCCESS' }] }, ['success', 'failure']],
    ['an empty body', 200, '', ['failure', 'failure']],
    ['no JSON', 200, 'OK', ['failure', 'failure']],
    ['no list', 200, { statuses: 'SUCCESS' }, ['failure', 'failure']],
    ['404', 404, '', ['success', 'success']],
    ['500', 500, statuses({ entryId: 'a', status: 'SUCCESS' }), ['failure', 'failure']],
  ]
  for (const [what, status, body, expected] of table) {
    it(`understands ${what}`, () => {
      assert.deepEqual(kinds(status, body), expected)
    })
  }

  it('keeps the status code of a whole batch to itself, so that no policy looks at it', () => {
    const verdict = bulkVerdictsOf({ status: 500, body: '' }, ['a']).get('a')
    assert.ok(verdict?.kind === 'failure' && verdict.status === undefined)
  })
})
