/**
 * Busbar as it is built: the doors that users import, and the router that
 * publishing goes through, for those questions whose peers do nothing but match.
 */
export { Direct } from '../../build/src/delivery/direct.js'
export { Hub } from '../../build/src/hub.js'
export type { BrokerSettings } from '../../build/src/options.js'
export { fromJSON, toJSON } from '../../dist/esm/event/index.js'
export { Broker, type Message, type Subscription, SystemClock } from '../../dist/esm/index.js'
