import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Fields } from '../../src/dapr/fields.ts'
import { type Policy, policyFor, type Resiliency, readResiliency } from '../../src/dapr/resiliency.ts'
import { failure } from '../../src/dapr/verdict.ts'
import { redeliveryDelayMs } from '../../src/delivery/redelivery.ts'

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
    assert.equal(policyFor([], 'pubsub'), undefined)
    assert.equal(policyFor([read({ policies })], 'pubsub'), undefined)
    const other = read({ policies, targets: { components: { pubsub: { outbound: { retry: 'some' } } } } })
    assert.equal(policyFor([other], 'pubsub'), undefined)
    assert.equal(policyFor([other], 'constructor'), undefined)
  })

  it('gives a component what its target names', () => {
    const inbound = { timeout: 'slow', retry: 'some', circuitBreaker: 'cb' }
    const policy = existing(policyFor([read({ policies, targets: { components: { pubsub: { inbound } } } })], 'pubsub'))
    assert.equal(policy.timeoutMs, 2000)
    assert.deepEqual(policy.options?.backoff, [10])
    const { breaker } = policy
    assert.ok(breaker)
    assert.ok(breaker.allows(0))
    breaker.record(false, 0)
    assert.equal(breaker.allows(0), false)
  })

  it('takes an empty name for none', () => {
    const target = { inbound: { timeout: 'slow', retry: '', circuitBreaker: '' } }
    const policy = policyFor([read({ policies, targets: { components: { pubsub: target } } })], 'pubsub')
    assert.deepEqual(existing(policy), { timeoutMs: 2000, breaker: undefined })
  })

  it('takes a timeout of nothing for none', () => {
    const target = { inbound: { timeout: 'never', retry: 'some' } }
    const policy = policyFor([read({ policies, targets: { components: { pubsub: target } } })], 'pubsub')
    assert.equal(existing(policy).timeoutMs, undefined)
  })

  it('finds policies in other resources, the last one of a name', () => {
    const first = read({ policies: { retries: { some: { duration: '1s' } } } })
    const second = read({ policies: { retries: { some: { duration: '2s' } } } })
    const target = read({ targets: { components: { pubsub: { inbound: { retry: 'some' } } } } })
    const policy = existing(policyFor([target, first, second], 'pubsub'))
    assert.deepEqual(policy.options?.backoff, [2000])
  })

  it('refuses a target that names a policy which is not there', () => {
    const target = read({ policies, targets: { components: { pubsub: { inbound: { retry: 'sone' } } } } })
    assert.throws(() => policyFor([target], 'pubsub'), {
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
      const policy = existing(policyFor([read({ policies: { retries } })], 'pubsub'))
      assert.deepEqual(policy.options?.backoff, [count * 1000])
    }
  })

  it('mixes no defaults into a target, nor those of another direction', () => {
    const withTarget = read({
      policies: { ...policies, retries: { ...policies.retries, DefaultRetryPolicy: {} } },
      targets: { components: { pubsub: { inbound: { timeout: 'slow' } } } },
    })
    assert.equal(existing(policyFor([withTarget], 'pubsub')).options, undefined)
    const outbound = read({ policies: { retries: { DefaultComponentOutboundRetryPolicy: {} } } })
    assert.equal(policyFor([outbound], 'pubsub'), undefined)
  })
})

describe('Policy', () => {
  it('allows as many deliveries as retries and one', () => {
    assert.equal(policyOf({ duration: '10ms', maxRetries: 4 }).options?.maxDeliveries, 5)
    assert.equal(policyOf({ maxRetries: 0 }).options?.maxDeliveries, 1)
  })

  it('allows no end of them by default, 5 s apart', () => {
    assert.deepEqual(policyOf({}).options, { maxDeliveries: Infinity, backoff: [5000] })
  })

  for (const [random, delays] of [
    [0, [250, 375, 562.5, 843.75, 1000, 1000]],
    [0.5, [500, 750, 1125, 1687.5, 2000, 2000]],
    [1, [750, 1125, 1687.5, 2531.25, 3000, 3000]],
  ] as const) {
    it(`grows by half each time up to maxInterval when exponential, spread by half (random ${random})`, () => {
      const { backoff = {} } = policyOf({ policy: 'exponential', maxInterval: '2s' }).options ?? {}
      const waits = [1, 2, 3, 4, 5, 1e6].map((count) => redeliveryDelayMs(backoff, count, () => random))
      for (const [index, wait] of waits.entries()) assert.ok(Math.abs(wait - (delays[index] ?? 0)) < 1e-6, String(wait))
    })
  }

  for (const [status, isPermanent] of [
    [429, false],
    [500, false],
    [599, false],
    [428, true],
    [400, true],
    [302, true],
    [undefined, false],
    [999, false],
  ] as const) {
    it(`${isPermanent ? 'gives up' : 'retries'} ${status ?? 'what has no status'} when 429 and 500 to 599 match`, () => {
      const policy = policyOf({ duration: '1s', matching: { httpStatusCodes: '429,,500-599' } })
      assert.equal(policy.isPermanent?.(failure('no', status)), isPermanent)
    })
  }
})

function read(spec: object): Resiliency {
  return readResiliency(new Fields({ metadata: { name: 'r' }, scopes: ['app1'], spec }, 'file'))
}

function policyOf(retry: object): Policy {
  return existing(policyFor([read({ policies: { retries: { DefaultRetryPolicy: retry } } })], 'pubsub'))
}

function existing(policy: Policy | undefined): Policy {
  assert.ok(policy)
  return policy
}
