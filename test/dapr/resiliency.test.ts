import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Fields } from '../../src/dapr/fields.ts'
import { type Policy, policyFor, type Resiliency, readResiliency } from '../../src/dapr/resiliency.ts'

const half = (): number => 0.5

describe('readResiliency', () => {
  it('reads policies and targets', () => {
    const resiliency = read({
      policies: {
        timeouts: { general: '5s', digits: '250', none: '', past: '-5s' },
        retries: {
          some: { policy: 'constant', duration: '10ms', maxRetries: 4, matching: { httpStatusCodes: '429,500-599' } },
          more: { policy: 'Exponential', maxInterval: '15s' },
          bare: null,
        },
        circuitBreakers: {
          simple: { maxRequests: 2, interval: '8s', timeout: '45s', trip: 'requests > 8' },
          bare: { trip: '' },
        },
      },
      targets: { components: { pubsub: { inbound: { retry: 'some' }, outbound: { timeout: 'general' } } } },
    })
    assert.deepEqual([...resiliency.timeouts], Object.entries({ general: 5000, digits: 250, none: 0, past: 0 }))
    const unset = {
      policy: 'constant',
      durationMs: 5000,
      maxIntervalMs: 60_000,
      maxRetries: -1,
      statusCodes: undefined,
    }
    assert.deepEqual(Object.fromEntries(resiliency.retries), {
      some: {
        policy: 'constant',
        durationMs: 10,
        maxIntervalMs: 60_000,
        maxRetries: 4,
        statusCodes: [
          [429, 429],
          [500, 599],
        ],
      },
      more: { ...unset, policy: 'exponential', maxIntervalMs: 15_000 },
      bare: unset,
    })
    assert.deepEqual(Object.fromEntries(resiliency.circuitBreakers), {
      simple: { maxRequests: 2, intervalMs: 8000, timeoutMs: 45_000, trip: 'requests > 8' },
      bare: { maxRequests: 1, intervalMs: 0, timeoutMs: 60_000, trip: 'consecutiveFailures > 5' },
    })
    assert.deepEqual(resiliency.scopes, ['app1'])
  })

  for (const [policies, message] of [
    [
      { timeouts: { t: '5 s' } },
      'Invalid file.spec.policies.timeouts.t: "5 s" is not a duration such as "5s" or "1m30s"',
    ],
    [{ timeouts: { t: 5 } }, 'Invalid file.spec.policies.timeouts.t: 5 is not a string'],
    [
      { retries: { r: { policy: 'linear' } } },
      'Invalid file.spec.policies.retries.r.policy: "linear" is not one of "constant", "exponential"',
    ],
    [{ retries: { r: { maxRetries: '4' } } }, 'Invalid file.spec.policies.retries.r.maxRetries: "4" is not an integer'],
    ...['500-400', '99', '600', '4xx', '500-', '-5', '400 , 500', '1-2-3'].map(
      (codes) =>
        [
          { retries: { r: { matching: { httpStatusCodes: codes } } } },
          /httpStatusCodes: ".*" is not a status or range of statuses from 100 to 599/,
        ] as const,
    ),
    [{ circuitBreakers: { c: { trip: 'a >' } } }, /circuitBreakers\.c\.trip: Invalid expression "a >" at 3/],
    [{ retries: [] }, 'Invalid file.spec.policies.retries: an array is not an object'],
  ] as const) {
    it(`refuses ${JSON.stringify(policies)}`, () => {
      assert.throws(
        () => read({ policies }),
        typeof message === 'string' ? { code: 'ERR_OPTION_INVALID', message } : message,
      )
    })
  }
})

describe('policyFor', () => {
  const policies = {
    timeouts: { slow: '2s', never: '0' },
    retries: { some: { duration: '10ms', maxRetries: 4 } },
    circuitBreakers: { cb: { trip: 'consecutiveFailures > 0' } },
  }

  it('is undefined for a component that no policy concerns', () => {
    assert.equal(policyFor([], 'pubsub', 'inbound'), undefined)
    assert.equal(policyFor([read({ policies })], 'pubsub', 'inbound'), undefined)
    const other = read({ policies, targets: { components: { pubsub: { outbound: { retry: 'some' } } } } })
    assert.equal(policyFor([other], 'pubsub', 'inbound'), undefined)
    assert.equal(policyFor([other], 'constructor', 'outbound'), undefined)
  })

  it('gives a component what its target names', () => {
    const inbound = { timeout: 'slow', retry: 'some', circuitBreaker: 'cb' }
    const policy = existing(
      policyFor([read({ policies, targets: { components: { pubsub: { inbound } } } })], 'pubsub', 'inbound'),
    )
    assert.equal(policy.timeoutMs, 2000)
    assert.deepEqual(policy.next({}, 1, half), { delayMs: 10 })
    const { breaker } = policy
    assert.ok(breaker)
    assert.ok(breaker.allows(0))
    breaker.record(false, 0)
    assert.equal(breaker.allows(0), false)
  })

  it('takes an empty name for none', () => {
    const target = { inbound: { timeout: 'slow', retry: '', circuitBreaker: '' } }
    const policy = policyFor([read({ policies, targets: { components: { pubsub: target } } })], 'pubsub', 'inbound')
    assert.equal(existing(policy).next({}, 1, half), 'giveUp')
  })

  it('takes a timeout of nothing for none', () => {
    const target = { inbound: { timeout: 'never', retry: 'some' } }
    const policy = policyFor([read({ policies, targets: { components: { pubsub: target } } })], 'pubsub', 'inbound')
    assert.equal(existing(policy).timeoutMs, undefined)
  })

  it('finds policies in other resources, the last one of a name', () => {
    const first = read({ policies: { retries: { some: { duration: '1s' } } } })
    const second = read({ policies: { retries: { some: { duration: '2s' } } } })
    const target = read({ targets: { components: { pubsub: { inbound: { retry: 'some' } } } } })
    const policy = existing(policyFor([target, first, second], 'pubsub', 'inbound'))
    assert.deepEqual(policy.next({}, 1, half), { delayMs: 2000 })
  })

  it('refuses a target that names a policy which is not there', () => {
    const target = read({ policies, targets: { components: { pubsub: { inbound: { retry: 'sone' } } } } })
    assert.throws(() => policyFor([target], 'pubsub', 'inbound'), {
      code: 'ERR_OPTION_INVALID',
      message: 'Invalid resiliency of pubsub.inbound: there is no "sone" in retries',
    })
  })

  it('takes the most special default where there is no target', () => {
    const levels = ['DefaultRetryPolicy', 'DefaultComponentRetryPolicy', 'DefaultComponentInboundRetryPolicy']
    const all = [...levels, 'DefaultPubsubComponentInboundRetryPolicy']
    for (let count = 1; count <= all.length; count++) {
      const retries = Object.fromEntries(
        all.slice(0, count).map((name, index) => [name, { duration: `${index + 1}s` }]),
      )
      const policy = existing(policyFor([read({ policies: { retries } })], 'pubsub', 'inbound'))
      assert.deepEqual(policy.next({}, 1, half), { delayMs: count * 1000 })
    }
  })

  it('mixes no defaults into a target, nor those of another direction', () => {
    const withTarget = read({
      policies: { ...policies, retries: { ...policies.retries, DefaultRetryPolicy: {} } },
      targets: { components: { pubsub: { inbound: { timeout: 'slow' } } } },
    })
    assert.equal(existing(policyFor([withTarget], 'pubsub', 'inbound')).next({}, 1, half), 'giveUp')
    const outbound = read({ policies: { retries: { DefaultComponentOutboundRetryPolicy: {} } } })
    assert.equal(policyFor([outbound], 'pubsub', 'inbound'), undefined)
  })
})

describe('Policy.next', () => {
  it('allows as many retries as it says', () => {
    const policy = policyOf({ duration: '10ms', maxRetries: 4 })
    const answers = [1, 2, 3, 4, 5, 6].map((count) => policy.next({ statusCode: 500 }, count, half))
    assert.deepEqual(answers, [...Array(4).fill({ delayMs: 10 }), 'giveUp', 'giveUp'])
  })

  it('allows none with maxRetries 0, and no end of them by default', () => {
    assert.equal(policyOf({ maxRetries: 0 }).next({}, 1, half), 'giveUp')
    assert.deepEqual(policyOf({}).next({}, 1e9, half), { delayMs: 5000 })
  })

  it('grows by half each time up to maxInterval when exponential', () => {
    const policy = policyOf({ policy: 'exponential', maxInterval: '2s' })
    const delays = [1, 2, 3, 4, 5, 1e6].map((count) => policy.next({}, count, half))
    assert.deepEqual(
      delays,
      [500, 750, 1125, 1687.5, 2000, 2000].map((delayMs) => ({ delayMs })),
    )
  })

  it('spreads exponential delays by half to either side', () => {
    const policy = policyOf({ policy: 'exponential', maxInterval: '15s' })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (count, at) => {
          const answer = policy.next({}, count, () => at)
          assert.ok(answer !== 'giveUp')
          const middle = Math.min(15_000, 500 * 1.5 ** (count - 1))
          assert.ok(answer.delayMs >= middle * 0.5 && answer.delayMs <= middle * 1.5)
        },
      ),
    )
    assert.deepEqual(
      policy.next({}, 1, () => 0),
      { delayMs: 250 },
    )
  })

  for (const [statusCode, isRetried] of [
    [429, true],
    [500, true],
    [599, true],
    [428, false],
    [400, false],
    [302, false],
    [undefined, true],
    [999, true],
  ] as const) {
    it(`${isRetried ? 'retries' : 'gives up'} ${statusCode ?? 'what has no status'} when 429 and 500 to 599 match`, () => {
      const policy = policyOf({ duration: '1s', matching: { httpStatusCodes: '429,,500-599' } })
      assert.deepEqual(policy.next({ statusCode }, 1, half), isRetried ? { delayMs: 1000 } : 'giveUp')
    })
  }

  it('gives up when the circuit breaker is open', () => {
    assert.equal(policyOf({}).next({ isBreakerOpen: true }, 1, half), 'giveUp')
  })
})

function read(spec: object): Resiliency {
  return readResiliency(new Fields({ metadata: { name: 'r' }, scopes: ['app1'], spec }, 'file'))
}

function policyOf(retry: object): Policy {
  return existing(policyFor([read({ policies: { retries: { DefaultRetryPolicy: retry } } })], 'pubsub', 'inbound'))
}

function existing(policy: Policy | undefined): Policy {
  assert.ok(policy)
  return policy
}
