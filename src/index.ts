/**
 * The door `busbar`: the broker, its clock, its error, and the types of what
 * they take and give.
 */
export type { AnyBroker, CloseOptions, MessageOf, OnceOptions } from './broker.ts'
export { Broker } from './broker.ts'
export type { Handler, Message, Outcome } from './delivery/message.ts'
export type { Backoff } from './delivery/redelivery.ts'
export type { ErrorCode, ErrorFacts } from './errors.ts'
export { BusbarError } from './errors.ts'
export type { CloudEvent, ExtensionValue } from './event/cloudevent.ts'
export type { Isolation } from './event/isolation.ts'
export type { ErrorContext, Observation, Observer } from './observer.ts'
export type { BrokerOptions, From, Overflow, PublishOptions, SubscribeOptions } from './options.ts'
export type { BrokerStats, CloseReport, End, EndCounts, SubscriptionStats } from './stats.ts'
export type { Subscription } from './subscription.ts'
export type { Activity, Clock } from './time/clock.ts'
export { SystemClock } from './time/clock.ts'
export type { Dialect } from './topic/dialect.ts'
export type { AnyTopics, CheckedFilter, CheckedTopic, DataOf, MatchedTopic, TopicOf } from './topic/typed.ts'
