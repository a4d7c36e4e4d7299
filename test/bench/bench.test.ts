/**
 * The benchmark's own promises: what does not deliver is not measured, and
 * figures follow from samples as the method says.
 */
import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { judge } from '../../bench/src/bars.ts'
import { Bench, type CompareOptions, type Trial } from '../../bench/src/bench.ts'
import { expectedHits, filtersOf, hotTopics, newTopics } from '../../bench/src/filters.ts'
import { count, ratio, size, time } from '../../bench/src/format.ts'
import { Load } from '../../bench/src/load.ts'
import { planOf } from '../../bench/src/plan.ts'
import type { Bar, Question, Sample } from '../../bench/src/question.ts'
import { figuresOf, median, quantile } from '../../bench/src/statistics.ts'
import { matches } from '../../src/topic/params.ts'

/** Delivers so many events for each operation. */
function trial(deliveries: number, log: string[] = [], name = ''): Trial {
  let received = 0
  return {
    received: () => received,
    run(operations) {
      log.push(name)
      received += operations * deliveries
    },
  }
}

/** Costs as much as it says: the samples of one process with a peer and Busbar in one row. */
function samples(busbar: number, peer: number, bytes?: { busbar: number; peer: number }): readonly Sample[] {
  return [
    { row: 'row', contender: 'Busbar', ns: [busbar], bytes: bytes?.busbar },
    { row: 'row', contender: 'peer', ns: [peer], bytes: bytes?.peer },
  ]
}

describe('Bench.compare', () => {
  const compare = (trials: Record<string, Trial>, options: CompareOptions = {}): Promise<Bench> => {
    const bench = new Bench(true)
    return bench.compare('row', trials, options).then(() => bench)
  }

  for (const [what, deliveries] of [
    ['nothing', 0],
    ['too little', 1],
    ['too much', 3],
  ] as const) {
    it(`refuses a contender that delivers ${what}`, async () => {
      await assert.rejects(
        compare({ good: trial(2), bad: trial(deliveries) }, { deliveries: 2, batch: 10 }),
        new RegExp(`row: bad delivered ${10 * deliveries} events instead of 20`),
      )
    })
  }

  it('has a sample of each contender that delivers', async () => {
    const { samples } = await compare({ a: trial(1), b: trial(1) })
    assert.deepEqual(
      samples.map(({ row, contender, ns }) => [row, contender, ns.length]),
      [
        ['row', 'a', 1],
        ['row', 'b', 1],
      ],
    )
  })

  it('lets contenders take turns', async () => {
    const log: string[] = []
    const bench = new Bench(false)
    const options = { operations: 10, rounds: 3, bytes: 'none' } as const
    await bench.compare('row', { a: trial(1, log, 'a'), b: trial(1, log, 'b') }, options)
    assert.equal(log.join(''), 'ab' + 'ab' + 'ba' + 'ab')
  })

  it('measures what comes after start()', async () => {
    const bench = new Bench(true)
    const garbage: unknown[] = []
    let received = 0
    const late: Trial = {
      received: () => received,
      run(operations, start) {
        garbage.push(new Uint8Array(10_000_000))
        start()
        received += operations
      },
    }
    await bench.compare('row', { late }, { operations: 1, bytes: 'held' })
    const [sample] = bench.samples
    assert.ok(Math.abs(sample?.bytes ?? Infinity) < 1_000_000, `${sample?.bytes} bytes`)
  })

  it('counts the bytes that are held', async () => {
    const bench = new Bench(true)
    const held: Uint8Array[] = []
    const holder: Trial = {
      received: () => held.length,
      run(operations) {
        for (let i = 0; i < operations; i++) held.push(new Uint8Array(10_000))
      },
    }
    await bench.compare('row', { holder }, { operations: 1000, bytes: 'held' })
    const bytes = bench.samples[0]?.bytes ?? 0
    assert.ok(bytes > 9500 && bytes < 10_500, `${bytes} bytes`)
  })
})

describe('Load', () => {
  const REQUEST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}'

  async function load(listener: RequestListener, requests: number): Promise<void> {
    const server = createServer(listener)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const load = await Load.start((server.address() as AddressInfo).port, 4, REQUEST) // it listens on a port
    try {
      await load.run(requests)
    } finally {
      load.close()
      server.close()
    }
  }

  it('asks as often as it is told, over all of its connections', async () => {
    const sockets = new Set<unknown>()
    let requests = 0
    await load((request, response) => {
      requests++
      sockets.add(request.socket)
      response.writeHead(204).end()
    }, 50)
    assert.deepEqual([requests, sockets.size], [50, 4])
  })

  it('waits for answers that come in pieces', () => {
    return load(({ socket }) => {
      socket.write('HTTP/1.1 204 No Con', () => void socket.write('tent\r\nDate: now\r\n\r\n'))
    }, 8)
  })

  for (const [what, listener] of [
    ['another status', (_, response) => void response.writeHead(500).end()],
    ['no answer', ({ socket }) => void socket.end()],
    ['a reset', ({ socket }) => void socket.resetAndDestroy()],
  ] as const satisfies readonly (readonly [string, RequestListener])[]) {
    it(`refuses ${what}`, () => assert.rejects(load(listener, 8)))
  }
})

describe('planOf', () => {
  const question = (...scenarios: Question['scenarios']): Question => ({ title: '', about: '', scenarios, bars: [] })
  const measure = async () => {}

  it('measures everything once before it measures anything again', () => {
    const steps = planOf(
      new Map([
        ['first', question({ name: 'a', measure }, { name: 'slow', measure, processes: 1 })],
        ['second', question({ name: 'b', measure, processes: 2 })],
      ]),
    )
    assert.deepEqual(
      steps.map(({ name, scenario, pass }) => `${pass} ${name} ${scenario.name}`),
      ['0 first a', '0 first slow', '0 second b', '1 first a', '1 second b', '2 first a'],
    )
  })
})

describe('figuresOf', () => {
  it('takes medians over the processes, and ratios inside of each', () => {
    const figures = figuresOf([samples(10, 20), samples(100, 300), samples(20, 20)])
    assert.deepEqual(
      figures.map(({ contender, ns, timeRatio }) => [contender, ns, timeRatio]),
      [
        ['Busbar', 20, 1],
        ['peer', 20, 2],
      ],
    )
  })

  it('takes what there is when only some processes have measured a row', () => {
    const once = { row: 'once', contender: 'Busbar', ns: [7], bytes: 3 }
    const figures = figuresOf([[...samples(10, 20), once], samples(10, 20), samples(10, 20)])
    const figure = figures.find(({ row }) => row === 'once')
    assert.deepEqual([figure?.ns, figure?.bytes, figure?.timeRatio], [7, 3, 1])
  })

  it('has no ratio where Busbar has no part', () => {
    const [figure] = figuresOf([[{ row: 'row', contender: 'peer', ns: [1, 2, 3] }]])
    assert.deepEqual(figure, {
      row: 'row',
      contender: 'peer',
      ns: 2,
      low: 1.5,
      high: 2.5,
      bytes: undefined,
      timeRatio: undefined,
      bytesRatio: undefined,
    })
  })

  for (const [values, q, expected] of [
    [[3, 1, 2], 0.5, 2],
    [[4, 1, 2, 3], 0.5, 2.5],
    [[10, 9, 1], 0.5, 9],
    [[1, 2, 3, 4, 5], 0.25, 2],
  ] as const) {
    it(`finds the ${q} quantile of ${values.join(', ')}`, () => assert.equal(quantile(values, q), expected))
  }

  it('knows no median of nothing', () => assert.ok(Number.isNaN(median([]))))
})

describe('judge', () => {
  const less = { kind: 'less', row: 'row', than: 'peer', atLeast: 2 } as const
  const curve = (...costs: number[]): readonly Sample[] =>
    costs.map((ns, i) => ({ row: `${10 ** i}`, contender: 'curve', ns: [ns] }))
  const flat: Bar = { kind: 'flat', curve: 'curve', times: 3 }

  for (const [what, bar, process, measured, isMet] of [
    ['a peer that is slow enough', { ...less, of: 'time' }, samples(10, 20), 2, true],
    ['a peer that is too fast', { ...less, of: 'time' }, samples(10, 19), 1.9, false],
    ['bytes', { ...less, of: 'bytes' }, samples(10, 1, { busbar: 5, peer: 15 }), 3, true],
    ['a peer without a figure', { ...less, of: 'bytes' }, samples(10, 20), undefined, false],
    ['a row that is not there', { ...less, of: 'time', row: 'other' }, samples(10, 20), undefined, false],
    ['the best of some peers', { ...less, of: 'time', than: ['peer', 'Busbar'] }, samples(10, 20), 1, false],
    ['a limit that is kept', { kind: 'within', row: 'row', ms: 10 }, samples(1e7, 0), 10, true],
    ['a limit that is not', { kind: 'within', row: 'row', ms: 10 }, samples(1.2e7, 0), 12, false],
    ['a cost that falls', flat, curve(30, 10, 5), 1, true],
    ['a cost that grows after it has fallen', flat, curve(30, 5, 20), 4, false],
  ] as const satisfies readonly (readonly [string, Bar, readonly Sample[], number | undefined, boolean])[]) {
    it(`judges ${what}`, () => {
      const verdict = judge(bar, figuresOf([process]))
      assert.deepEqual([verdict.measured, verdict.isMet], [measured, isMet], verdict.says)
    })
  }
})

describe('expectedHits', () => {
  const filters = filtersOf(500)

  it('counts as many filters as match, one by one', () => {
    const hits = expectedHits(filters)
    for (const topic of [...hotTopics(filters, 100), ...newTopics(filters, 100)]) {
      assert.equal(hits(topic), filters.filter((filter) => matches(filter, topic, 'mqtt')).length, topic)
    }
  })

  it('has topics to count for', () => {
    const hits = expectedHits(filters)
    assert.ok(hotTopics(filters, 100).some((topic) => hits(topic) > 1))
    assert.ok(newTopics(filters, 100).some((topic) => hits(topic) > 0))
  })
})

describe('Figures', () => {
  for (const [told, expected] of [
    [time(7.71), '7.7 ns'],
    [time(0.04), '0 ns'],
    [time(39_293.4), '39 293 ns'],
    [time(8_200_000), '8.2 ms'],
    [size(889.2), '889 B'],
    [size(226_810), '221 KiB'],
    [ratio(0.484), '0.48 ×'],
    [ratio(12.4), '12 ×'],
    [count(1_000_000), '1 000 000'],
  ] as const) {
    it(`look like ${expected}`, () => assert.equal(told, expected))
  }
})
