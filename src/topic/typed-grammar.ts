/**
 * The grammar of topics and filters at the type level: how a text falls into
 * levels, and what is wrong with one. Types only; `topic.ts` says the same at
 * run time.
 *
 * Layer 3.
 */
import type { Dialect } from './dialect.ts'

export type LevelDialect = 'mqtt' | 'nats' | 'amqp'
export type Separator<D extends Dialect> = D extends 'mqtt' ? '/' : '.'
export type SingleLevel<D extends Dialect> = D extends 'mqtt' ? '+' : '*'
export type MultiLevel<D extends Dialect> = D extends 'nats' ? '>' : '#'
export type Wildcard<D extends Dialect> = SingleLevel<D> | MultiLevel<D>

/** `'a/b'` as `['a', 'b']`; one level in the dialects without levels. */
export type Levels<Text extends string, D extends Dialect> = D extends LevelDialect ? Split<Text, Separator<D>> : [Text]

export type Split<
  Text extends string,
  S extends string,
  Done extends string[] = [],
> = Text extends `${infer Level}${S}${infer Rest}` ? Split<Rest, S, [...Done, Level]> : [...Done, Text]

/** Whether a filter stands for one topic only. */
export type IsFixed<Filter extends string, D extends Dialect> =
  HasHole<Filter> extends true
    ? false
    : D extends LevelDialect
      ? Filter extends `${string}${Wildcard<D>}${string}`
        ? false
        : true
      : D extends 'prefix'
        ? Filter extends `${string}*`
          ? false
          : true
        : true

// Grammar

/** What is wrong with a topic that fits a template key; never when nothing is. */
export type TopicFault<Topic extends string, D extends Dialect> = D extends LevelDialect
  ? Topic extends `${string}${Wildcard<D>}${string}`
    ? 'wildcards are for filters'
    : EmptyLevel<Levels<Topic, D>[number], D>
  : never

/** What is wrong with a filter; never when nothing is. */
export type FilterFault<Filter extends string, D extends Dialect> = D extends LevelDialect
  ? MultiLevelFault<Filter, D> | LevelFault<Levels<Filter, D>[number], D>
  : never

type LevelFault<Level extends string, D extends Dialect> =
  | EmptyLevel<Level, D>
  | (Level extends Wildcard<D>
      ? never
      : Level extends `${string}${Wildcard<D>}${string}`
        ? `a wildcard must be a whole level`
        : never)

type EmptyLevel<Level extends string, D extends Dialect> = D extends 'mqtt'
  ? never
  : Level extends ''
    ? 'empty level'
    : never

type MultiLevelFault<Filter extends string, D extends Dialect> = D extends 'amqp'
  ? Filter extends `${string}#${string}#${string}#${string}#${string}`
    ? 'more than three #'
    : never
  : Filter extends `${string}${MultiLevel<D>}${Separator<D>}${string}`
    ? `${MultiLevel<D>} must be the last level`
    : never

/** Whether a text is a template with holes: only then does a map with it as key accept `{}`. */
export type HasHole<Text extends string> = {} extends { [Key in Text]: 1 } ? true : false
