/**
 * Busbar's doors to other systems, as they are built. Apart from `busbar.ts`,
 * because they bring servers with them that most questions do not need.
 */
export { DaprSidecar } from '../../dist/esm/dapr/index.js'
export { MomentoServer, TopicClient } from '../../dist/esm/momento/index.js'
