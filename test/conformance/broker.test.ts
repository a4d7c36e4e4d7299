/** The broker in memory keeps every promise. */
import { Broker, type BrokerOptions } from '../../src/index.ts'
import { brokerConformance } from './broker.ts'

// The suite speaks mqtt, whatever other dialects it offers to have them refused.
brokerConformance((options) => new Broker(options as BrokerOptions & { readonly dialect?: 'mqtt' }))
