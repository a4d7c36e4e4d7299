import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { SharedTurn } from '../../src/dapr/shared-turn.ts'

/** Says what was done, and sends an answer as soon as it has received. */
class Rig {
  readonly turn: SharedTurn = new SharedTurn()
  readonly log: string[] = []

  request(name: string, sent: () => void = () => {}): void {
    const shared = {
      receive: () => {
        this.log.push(`receive ${name}`)
        this.turn.sendSoon(shared)
      },
      send: () => {
        this.log.push(`send ${name}`)
        sent()
      },
    }
    this.turn.receiveSoon(shared)
  }
}

describe('SharedTurn', () => {
  it('receives everything before it sends anything, in the next turn', async () => {
    const rig = new Rig()
    rig.request('a')
    rig.request('b')
    await Promise.resolve()
    assert.deepEqual(rig.log, [])
    await turn()
    assert.deepEqual(rig.log, ['receive a', 'receive b', 'send a', 'send b'])
  })

  it('leaves what comes while it sends to the turn after', async () => {
    const rig = new Rig()
    rig.request('a', () => rig.request('b'))
    await turn()
    assert.deepEqual(rig.log, ['receive a', 'send a'])
    await turn()
    assert.deepEqual(rig.log.slice(2), ['receive b', 'send b'])
  })

  it('does everything once that it is told to do now', async () => {
    const rig = new Rig()
    rig.request('a')
    rig.turn.run()
    assert.deepEqual(rig.log, ['receive a', 'send a'])
    rig.request('b')
    await turn()
    await turn()
    assert.deepEqual(rig.log.slice(2), ['receive b', 'send b'])
  })
})
