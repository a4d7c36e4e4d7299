/**
 * The door `busbar/momento`.
 */
export { Broker } from '../broker.ts'
