/**
 * The door `busbar/dapr`.
 */
export { Broker } from '../broker.ts'
