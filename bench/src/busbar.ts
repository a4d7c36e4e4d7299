/**
 * Busbar as it is built: the doors that users import; and two of its rooms, for
 * those questions whose peers do nothing but match, or nothing but wait.
 */
export { MessageQueue } from '../../build/src/delivery/queue.js'
export { Router } from '../../build/src/router.js'
export { Deadlines } from '../../build/src/time/deadlines.js'
export { NOWHERE, type Timed } from '../../build/src/time/timed.js'
export { fromJSON, toJSON } from '../../dist/esm/event/index.js'
export { Broker, type CloudEvent, type Message, type Subscription } from '../../dist/esm/index.js'
