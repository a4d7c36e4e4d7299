/** What the types promise about handlers: what they are given, and that they may answer with a status or not at all. */
import { expectAssignable, expectError, expectType } from 'tsd'
import type { DaprHandler, DaprMessage, DaprSidecar, Status } from '../../dist/esm/dapr/index.js'

interface Order {
  id: string
}

declare const sidecar: DaprSidecar
declare const nothing: () => void
declare const nothingLater: () => Promise<void>

expectAssignable<DaprHandler>(nothing)
expectAssignable<DaprHandler>(nothingLater)
expectAssignable<DaprHandler>((): Status => 'RETRY')
expectAssignable<DaprHandler>(async () => {
  await nothingLater()
  return 'SUCCESS'
})

sidecar.subscribe<Order>('pubsub', 'orders', (message) => {
  expectType<DaprMessage<Order>>(message)
  return message.data.id === '' ? 'DROP' : 'SUCCESS'
})
sidecar.subscribe<Order>('pubsub', 'orders', ({ data }) => void data.id)
sidecar.subscribeBulk<Order>('pubsub', 'orders', async (messages) => {
  expectType<readonly DaprMessage<Order>[]>(messages)
  return messages.map(({ data }) => (data.id === '' ? 'DROP' : undefined))
})
expectError(sidecar.subscribe<Order>('pubsub', 'orders', ({ data }) => data.nothing))
expectError(sidecar.subscribe('pubsub', 'orders', ({ data }) => data.id))
expectError(sidecar.subscribe('pubsub', 'orders', nothing, { deadLetter: 'x' }))
