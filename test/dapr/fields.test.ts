import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Fields } from '../../src/dapr/fields.ts'

describe('Fields', () => {
  const fields = new Fields(
    JSON.parse(`{"Topic":"first","topic":"last","ENABLED":true,"count":3,"nothing":null,"__proto__":"own",
      "rules":[{"Path":"/a"},{"path":"/b"}],"scopes":["x","y"],"routes":{"default":"/c"},"targets":{"Pub":{"Retry":"r"},"none":null}}`),
    'file.yaml',
  )

  it('finds members whatever their case, and takes the last one', () => {
    assert.equal(fields.text('topic'), 'last')
    assert.equal(fields.text('TOPIC'), 'last')
    assert.equal(fields.flag('enabled'), true)
    assert.equal(fields.integer('Count'), 3)
  })

  it('takes null for absent', () => {
    assert.equal(fields.text('nothing'), undefined)
    assert.deepEqual(fields.list('nothing'), [])
    assert.deepEqual(fields.object('nothing').entries, [])
  })

  it('finds own members only', () => {
    assert.equal(fields.get('toString'), undefined)
    assert.equal(fields.text('__proto__'), 'own')
  })

  it('reads lists and objects inside', () => {
    assert.deepEqual(
      fields.objects('rules').map((rule) => rule.text('path')),
      ['/a', '/b'],
    )
    assert.deepEqual(fields.texts('scopes'), ['x', 'y'])
    assert.equal(fields.object('routes').text('default'), '/c')
    assert.deepEqual(
      fields.objectsIn('targets').map(([name, target]) => [name, target.text('retry')]),
      [
        ['Pub', 'r'],
        ['none', undefined],
      ],
    )
  })

  it('gives the others without one', () => {
    assert.equal(fields.without('Topic').text('topic'), undefined)
    assert.equal(fields.without('Topic').integer('count'), 3)
  })

  for (const [read, option, why] of [
    [() => fields.text('count'), 'file.yaml.count', '3 is not a string'],
    [() => fields.flag('topic'), 'file.yaml.topic', '"last" is not true or false'],
    [() => fields.integer('topic'), 'file.yaml.topic', '"last" is not an integer'],
    [() => fields.list('topic'), 'file.yaml.topic', '"last" is not a list'],
    [() => fields.texts('rules'), 'file.yaml.rules[0]', 'an object is not a string'],
    [() => fields.object('rules'), 'file.yaml.rules', 'an array is not an object'],
    [() => fields.objects('scopes'), 'file.yaml.scopes[0]', '"x" is not an object'],
    [() => fields.objectsIn('routes'), 'file.yaml.routes.default', '"/c" is not an object'],
    [() => new Fields([], 'x'), 'x', 'an array is not an object'],
    [() => new Fields(null, 'x'), 'x', 'null is not an object'],
  ] as const) {
    it(`refuses ${option} because ${why}`, () => {
      assert.throws(read, { code: 'ERR_OPTION_INVALID', option, message: `Invalid ${option}: ${why}` })
    })
  }

  it('refuses fractions and what is too large for an integer', () => {
    for (const n of [1.5, 2 ** 53, NaN]) assert.throws(() => new Fields({ n }, '').integer('n'), { option: 'n' })
  })
})
