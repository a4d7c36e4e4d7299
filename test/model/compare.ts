/** What must be the same in both worlds whenever they are at rest, and what must be gone at the end. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { assertIdentity } from './reference.ts'
import { ENDS } from './reference-types.ts'
import { reach } from './setting.ts'
import type { Held, World } from './world.ts'

/** The counters, promises and signals of both worlds. */
export function compare(world: World): void {
  const ignored = world.reference.isCut ? { overdue: 0 } : {}
  for (const { real, queue } of world.subs) {
    const expected = world.reference.statsOf(queue)
    assertIdentity({ ...real.stats() }, queue.options.filter)
    assert.deepEqual(
      { ...real.stats(), ...ignored },
      { ...expected, ...ignored },
      `stats of ${queue.options.filter} at ${world.clock.now()}`,
    )
  }
  const seen: Record<string, number> = { ...world.broker.stats(), ...ignored }
  assertIdentity(seen, 'broker')
  const expected: Record<string, number> = { ...world.reference.stats(), ...ignored }
  for (const name of Object.keys(expected))
    assert.equal(seen[name], expected[name], `broker: ${name} at ${world.clock.now()}`)
  for (const { request, outcome } of world.publishes) {
    const state = outcome === undefined ? 'waiting' : outcome === 'accepted' ? 'accepted' : 'refused'
    assert.equal(state, request.state, `publish of ${request.id}`)
  }
  for (const held of world.held) compareSignal(held)
  for (const end of ENDS) if (expected[end]) reach(end)
}

function compareSignal({ sub: { queue, member }, delivery, message }: Held): void {
  if (queue.options.qos === 0 || (!delivery.isCurrent && !delivery.isOverdue)) return
  const isTaken = delivery.isOverdue || queue.state === 'over' || !member.isOpen
  assert.equal(message.signal.aborted, isTaken, `signal of ${message.id}`)
}

/** After the end: nothing is left on signals, and no timer. */
export function assertClean(world: World): void {
  for (const { abort } of [...world.subs, ...world.onces])
    assert.equal(getEventListeners(abort.signal, 'abort').length, 0, 'abort listeners left by a subscription')
  for (const { abort } of world.publishes)
    if (abort) assert.equal(getEventListeners(abort.signal, 'abort').length, 0, 'abort listeners left by a publish')
  assert.equal(world.clock.timers.size, 0, 'timers left')
}
