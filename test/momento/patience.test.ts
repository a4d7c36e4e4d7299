import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pause } from '../../src/momento/pause.ts'
import { Poll, type PollResult } from '../../src/momento/poll.ts'
import { Pulse } from '../../src/momento/pulse.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'

/** A clock that says how many timers wait. */
class CountingClock extends ManualClock {
  readonly #waiting = new Set<unknown>()

  get timers(): number {
    return this.#waiting.size
  }

  override setTimer(callback: () => void, delayMs: number): unknown {
    const handle = super.setTimer(() => (this.#waiting.delete(handle), callback()), delayMs)
    this.#waiting.add(handle)
    return handle
  }

  override clearTimer(handle: unknown): void {
    this.#waiting.delete(handle)
    super.clearTimer(handle)
  }
}

describe('Pulse', () => {
  it('beats for all with one timer, and needs none for nobody', async () => {
    const clock = new CountingClock()
    const pulse = new Pulse(clock, 10)
    const beats: string[] = []
    const stops = ['a', 'b'].map((name) => pulse.add(() => beats.push(name)))
    assert.equal(clock.timers, 1)
    await clock.advance(25)
    assert.deepEqual(beats, ['a', 'b', 'a', 'b'])
    stops[0]?.()
    stops[0]?.()
    await clock.advance(10)
    assert.deepEqual(beats.slice(4), ['b'])
    stops[1]?.()
    assert.equal(clock.timers, 0)
    await clock.advance(100)
    assert.equal(beats.length, 5)
    pulse.add(() => beats.push('c'))
    await clock.advance(10)
    assert.equal(beats[5], 'c')
  })

  it('stands one who leaves in the middle of a beat, also the last one', async () => {
    const clock = new CountingClock()
    const pulse = new Pulse(clock, 10)
    let beats = 0
    const stop = pulse.add(() => (beats++, stop()))
    await clock.advance(50)
    assert.deepEqual([beats, clock.timers], [1, 0])
  })
})

describe('A period that no timer keeps', () => {
  /** Remembers the longest delay, and never calls back. */
  class Witness extends ManualClock {
    longestMs = 0

    override setTimer(_: () => void, delayMs: number): unknown {
      this.longestMs = Math.max(this.longestMs, delayMs)
      return undefined
    }
  }

  for (const [what, start] of [
    ['a pulse', (clock) => void new Pulse(clock, 1e12).add(() => {})],
    ['a pause', (clock) => void pause(clock, 1e12, () => {})],
    ['a poll', (clock) => void new Poll(clock, 1e12, () => {})],
  ] as const satisfies readonly (readonly [string, (clock: Witness) => void])[]) {
    it(`is 24 days for ${what}`, () => {
      const clock = new Witness()
      start(clock)
      assert.equal(clock.longestMs, 2 ** 31 - 1)
    })
  }
})

describe('pause', () => {
  it('ends when the time is over', async () => {
    const clock = new CountingClock()
    let isOver = false
    const paused = pause(clock, 10, () => {}).then(() => (isOver = true))
    await clock.advance(9)
    assert.equal(isOver, false)
    await clock.advance(1)
    await paused
  })

  it('ends early, and leaves no timer', async () => {
    const clock = new CountingClock()
    let end = (): void => {}
    const paused = pause(clock, 10, (callback) => (end = callback))
    end()
    await paused
    assert.equal(clock.timers, 0)
  })

  it('takes any duration', async () => {
    const clock = new CountingClock()
    await pause(clock, 0, () => assert.fail('there is no end of nothing'))
    const paused = pause(clock, 1e300, () => {})
    await clock.advance(2 ** 31)
    await paused
  })
})

describe('Poll', () => {
  const clock = new CountingClock()
  const item = (sequence: number, value: string | Uint8Array = 'v') => ({ sequence, page: 7, value, publisherId: '' })

  function start(): { poll: Poll; result: Promise<PollResult> } {
    let tell = (_: PollResult): void => {}
    const result = new Promise<PollResult>((resolve) => (tell = resolve))
    return { poll: new Poll(clock, 100, (it) => tell(it)), result }
  }

  it('takes everything that comes with the first message, in the words of the API', async () => {
    const { poll, result } = start()
    poll.discontinuity(1, 4, 7)
    poll.item(item(4))
    poll.item(item(5, Uint8Array.of(0, 255)))
    assert.deepEqual(await result, {
      items: [
        { discontinuity: { last_topic_sequence: 1, new_topic_sequence: 4, new_sequence_page: 7 } },
        { item: { topic_sequence_number: 4, sequence_page: 7, value: { text: 'v' } } },
        { item: { topic_sequence_number: 5, sequence_page: 7, value: { binary: 'AP8=' } } },
      ],
    })
    assert.equal(clock.timers, 0)
    poll.item(item(6))
    assert.equal(poll.isOver, true)
  })

  it('is over with nothing when the time is', async () => {
    const { result } = start()
    await clock.advance(100)
    assert.deepEqual(await result, { items: [] })
  })

  it('is over at once when there is enough for one answer', async () => {
    const many = start()
    for (let i = 1; i <= 1000; i++) many.poll.item(item(i))
    assert.equal(many.poll.isOver, true)
    const large = start()
    large.poll.item(item(1, 'x'.repeat(5_000_000)))
    assert.equal(large.poll.isOver, true)
    await Promise.all([many.result, large.result])
  })

  it('says why there will be no more, unless it has something', async () => {
    const empty = start()
    empty.poll.end('deleted')
    assert.deepEqual(await empty.result, { reason: 'deleted' })
    const full = start()
    full.poll.item(item(1))
    full.poll.end('closed')
    assert.equal('items' in (await full.result), true)
    assert.equal(clock.timers, 0)
  })
})
