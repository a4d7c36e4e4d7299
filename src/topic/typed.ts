/**
 * Topics and filters at the type level: which topics a broker knows, what
 * their data is, and which of them a filter matches. Types only; nothing here
 * exists at run time.
 *
 * The keys of a map of topics are literals or template literals. A hole in a
 * key, `${string}` or `${number}`, stands for exactly one level; in the
 * dialects without levels it stands for any text. Where a literal key and a
 * template key both fit a topic, the literal key decides; a filter with
 * wildcards answers for both with the template key.
 *
 * Layer 4. The rules are those of the dialects, see `dialect.ts`.
 */
import type { Dialect } from './dialect.ts'
import type {
  FilterFault,
  HasHole,
  IsFixed,
  LevelDialect,
  Levels,
  MultiLevel,
  Separator,
  SingleLevel,
  Split,
  TopicFault,
  Wildcard,
} from './typed-grammar.ts'

/** The map of a broker that was given none: any topic, and data that nobody vouches for. */
export interface AnyTopics {
  readonly [topic: string]: unknown
}

/** The topics of a map: its keys. */
export type TopicOf<Topics> = keyof Topics & string

/**
 * The data of a topic. Where several template keys fit, the data has to satisfy them all.
 *
 * @example
 * interface Topics {
 *   'orders/created': Order
 *   [reading: `devices/${string}/temperature`]: number
 * }
 * DataOf<Topics, 'orders/created'>         // Order
 * DataOf<Topics, 'devices/42/temperature'> // number
 */
export type DataOf<Topics, Topic extends string, D extends Dialect = 'mqtt'> = string extends keyof Topics
  ? Topics[keyof Topics]
  : Topic extends keyof Topics
    ? IsKey<Topics, Topic> extends true
      ? Topics[Topic]
      : AllOf<Topics, FittingTemplate<TemplateTopic<Topics>, Topic, D>>
    : never

/** What `publish` takes: the topic itself or, where it only looks like one of the map, a sentence that says why not. */
export type CheckedTopic<Topics, Topic extends string, D extends Dialect = 'mqtt'> = string extends keyof Topics
  ? Topic
  : // Inference and editors ask about all topics at once, and those are all right.
    [TopicOf<Topics>] extends [Topic]
    ? Topic
    : Topic extends LiteralTopic<Topics>
      ? Topic
      : [TopicFault<Topic, D>] extends [never]
        ? [FittingTemplate<TemplateTopic<Topics>, Topic, D>] extends [never]
          ? `no topic of this broker is ${Topic}`
          : Topic
        : `the topic ${Topic} is invalid: ${TopicFault<Topic, D>}`

/**
 * What `subscribe` takes: the filter itself or, where it breaks the grammar of
 * the dialect or can match no topic, a sentence that names it.
 */
export type CheckedFilter<Topics, Filter extends string, D extends Dialect = 'mqtt'> =
  IsOpen<Topics, Filter> extends true
    ? Filter
    : Filter extends ''
      ? TopicOf<Topics>
      : IsKey<Topics, Filter> extends true
        ? Filter
        : [FilterFault<Filter, D>] extends [never]
          ? [MatchedTopic<Topics, Filter, D>] extends [never]
            ? `no topic of this broker matches the filter ${Filter}`
            : Filter
          : `the filter ${Filter} is invalid: ${FilterFault<Filter, D>}`

/**
 * The topics a filter matches. A filter without wildcards is its own topic; a
 * template key that a filter with wildcards matches stays the template.
 *
 * @example
 * MatchedTopic<Topics, '+/created'>              // 'orders/created'
 * MatchedTopic<Topics, 'devices/42/temperature'> // 'devices/42/temperature'
 * MatchedTopic<Topics, 'devices/#'>              // `devices/${string}/temperature`
 */
export type MatchedTopic<Topics, Filter extends string, D extends Dialect = 'mqtt'> =
  IsOpen<Topics, Filter> extends true
    ? TopicOf<Topics>
    : Filter extends LiteralTopic<Topics>
      ? Filter
      : Filter extends unknown
        ? IsFixed<Filter, D> extends true
          ? [FittingTemplate<TemplateTopic<Topics>, Filter, D>] extends [never]
            ? never
            : Filter
          : MatchedKey<Topics, Filter, D>
        : never

/**
 * What the constructor of a broker takes: `dialect` may be left out for
 * `'mqtt'` only, so that the types and the broker always speak the same one.
 */
export type BrokerArguments<Options, D extends Dialect> = 'mqtt' extends D
  ? [options?: Options & { readonly dialect?: D }]
  : [options: Options & { readonly dialect: D }]

// Literals and templates

// Mapped over the map, not over `keyof`: there a template swallows the literals that fit it.
// The conditional changes nothing, but compilers remember its answer; that of a bare `keyof` they work out anew.
type LiteralTopic<Topics> = Topics extends unknown
  ? keyof {
      [Key in keyof Topics as Key extends string ? (HasHole<Key> extends true ? never : Key) : never]: 1
    }
  : never
type TemplateTopic<Topics> = Exclude<TopicOf<Topics>, LiteralTopic<Topics>>

/** Whether only run time can tell: the map takes any topic, or the filter is any text. */
type IsOpen<Topics, Filter extends string> = string extends keyof Topics
  ? true
  : [string] extends [Filter]
    ? true
    : false

/** Whether the text is a key of the map, or a narrower template than one. */
type IsKey<Topics, Text extends string> =
  Text extends TopicOf<Topics>
    ? HasHole<Text> extends true
      ? true
      : Text extends LiteralTopic<Topics>
        ? true
        : false
    : false

/** The data of all the keys at once: their intersection. */
type AllOf<Topics, Key> = (Key extends keyof Topics ? (data: { all: Topics[Key] }) => void : never) extends (
  data: infer Data extends { all: unknown },
) => void
  ? Data['all']
  : never

/** The template keys that a topic fits, level by level: natively `${string}` would take a separator too. */
type FittingTemplate<Key, Topic extends string, D extends Dialect> = Key extends string
  ? Topic extends Key
    ? Levels<Topic, D> extends Levels<Key, D>
      ? Key
      : never
    : never
  : never

// Matching

/** The keys that a filter with wildcards or holes matches. */
type MatchedKey<Topics, Filter extends string, D extends Dialect> = D extends LevelDialect
  ? Exclude<MatchedByLevels<Topics, Filter, D>, Hidden<Filter, D>>
  : MatchedByText<TopicOf<Topics>, Filter, D>

/** MQTT 5.0, 4.7.2: a filter that begins with a wildcard does not match topics that begin with `$`. */
type Hidden<Filter extends string, D extends Dialect> = D extends 'mqtt'
  ? Filter extends `${Wildcard<D>}${string}`
    ? `$${string}`
    : never
  : never

/** Template keys are walked level by level, and so is everything where the filter has no shape. */
type MatchedByLevels<
  Topics,
  Filter extends string,
  D extends LevelDialect,
> = Filter extends `${string}#${string}#${string}`
  ? Walked<TopicOf<Topics>, Levels<Filter, D>, D>
  :
      | Shaped<LiteralTopic<Topics>, Shape<Levels<Filter, D>, D>, Separator<D>>
      | Walked<TemplateTopic<Topics>, Levels<Filter, D>, D>

/** The literal keys whose levels have that shape: one question for the compiler each, which keeps large maps fast. */
type Shaped<Key, Levels, S extends string> = Key extends string ? (Split<Key, S> extends Levels ? Key : never) : never

/** A filter as the type of the levels it matches: `a/+/#` as `['a', string, ...string[]]`. */
type Shape<Filter extends string[], D extends Dialect, Done extends string[] = []> = Filter extends [
  infer Level extends string,
  ...infer Others extends string[],
]
  ? Shape<Others, D, [...Done, ...LevelShape<Level, D>]>
  : Done

type LevelShape<Level extends string, D extends Dialect> =
  Level extends SingleLevel<D>
    ? [string]
    : Level extends MultiLevel<D>
      ? D extends 'nats'
        ? [string, ...string[]]
        : string[]
      : [Level]

type Walked<Key, Filter extends string[], D extends LevelDialect> = Key extends string
  ? Matches<Split<Key, Separator<D>>, Filter, D> extends true
    ? Key
    : never
  : never

type MatchedByText<Key, Filter extends string, D extends Dialect> = Key extends string
  ? D extends 'prefix'
    ? Filter extends `${infer Prefix}*`
      ? Begins<Key, Prefix> extends true
        ? Key
        : never
      : Meets<Key, Filter> extends true
        ? Key
        : never
    : Meets<Key, Filter> extends true
      ? Key
      : never
  : never

/** Whether some topic of the key is matched by the filter. */
type Matches<Key extends string[], Filter extends string[], D extends Dialect> = Filter extends [
  infer Level extends string,
  ...infer Others extends string[],
]
  ? Level extends MultiLevel<D>
    ? MatchesMany<Key, Filter, Others, D>
    : Key extends [infer KeyLevel extends string, ...infer KeyOthers extends string[]]
      ? Level extends SingleLevel<D>
        ? Matches<KeyOthers, Others, D>
        : Meets<KeyLevel, Level> extends true
          ? Matches<KeyOthers, Others, D>
          : false
      : false
  : Key extends []
    ? true
    : false

/** The filter begins with a multi-level wildcard: it ends here, takes one more level, or is last and takes all. */
type MatchesMany<
  Key extends string[],
  Filter extends string[],
  Others extends string[],
  D extends Dialect,
> = Others extends []
  ? D extends 'nats'
    ? Key extends []
      ? false
      : true
    : true
  : Matches<Key, Others, D> extends true
    ? true
    : Key extends [string, ...infer KeyOthers extends string[]]
      ? Matches<KeyOthers, Filter, D>
      : false

/** Whether two texts can be equal. Of two templates it says yes when it cannot tell. */
type Meets<Key extends string, Text extends string> = Key extends Text
  ? true
  : Text extends Key
    ? true
    : HasHole<Key> extends true
      ? HasHole<Text>
      : false

/** Whether some topic of the key is longer than the prefix and begins with it. */
type Begins<Key extends string, Prefix extends string> = Key extends Prefix
  ? HasHole<Key>
  : Key extends `${Prefix}${string}`
    ? true
    : HasHole<Key> extends true
      ? MayBegin<Key, Prefix>
      : false

/** `Begins` for template keys: compares characters up to the first hole. */
type MayBegin<Key extends string, Prefix extends string> = Prefix extends `${infer First}${infer Rest}`
  ? Key extends `${infer KeyFirst}${infer KeyRest}`
    ? HasHole<KeyFirst> extends true
      ? true
      : KeyFirst extends First
        ? MayBegin<KeyRest, Rest>
        : HasHole<First>
    : Key extends ''
      ? false
      : true
  : true
