/**
 * A command line, taken apart: which flags were given, with what text, and the
 * command behind `--`. Knows how flags are written, not what they mean.
 *
 * Layer 35. Source of the forms: daprd takes one dash for two, `dapr run` has
 * one-letter names, and both let `=` or the next word hold a value.
 */
import { refuseOption } from '../checks.ts'
import { quote } from '../errors.ts'
import { type IgnoredFlag, KNOWN_FLAGS, type KnownFlag, type ServedFlag } from './known-flags.ts'

export interface Flags {
  /** What was given for each flag that is served, in order. A switch has `true` or `false`. */
  readonly values: ReadonlyMap<string, readonly string[]>
  /** Flags that have no effect, as `--name`, each once. */
  readonly ignored: readonly string[]
  /** The words behind `--`: a program and its arguments. Empty: none. */
  readonly command: readonly string[]
}

/** One word of the command line, as it is meant. */
interface Given<Flag extends KnownFlag> {
  readonly flag: Flag
  /** As it was written, for messages. */
  readonly written: string
  readonly value: string | undefined
}

/** No flag is longer; nor has a longer word to be compared with them. */
const MAX_NAME = 64

const byName: ReadonlyMap<string, KnownFlag> = new Map(KNOWN_FLAGS.map((flag) => [flag.name, flag]))
const byShort: ReadonlyMap<string, KnownFlag> = new Map(
  KNOWN_FLAGS.flatMap((flag) => (flag.short === undefined ? [] : [[flag.short, flag] as const])),
)

/**
 * Reads the words of a command line, without the program's own name. A first
 * word `run` is taken for granted, so that `dapr run` becomes `busbar run`.
 *
 * @throws {BusbarError} `ERR_OPTION_INVALID` with the flag as `option`: an
 *   unknown or refused one, one without its value, or a word that is no flag
 */
export function parseFlags(args: readonly string[]): Flags {
  const words = args[0] === 'run' ? args.slice(1) : [...args]
  const values = new Map<string, string[]>()
  const ignored = new Set<string>()
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--') break
    const given = recognise(word)
    const value = takeValue(given, words)
    if (given.flag.fate === 'ignored') ignored.add(`--${given.flag.name}`)
    else values.set(given.flag.name, [...(values.get(given.flag.name) ?? []), value])
  }
  return { values, ignored: [...ignored], command: words }
}

function recognise(word: string): Given<ServedFlag | IgnoredFlag> {
  if (!word.startsWith('-') || word === '-') {
    return refuseOption(quote(word), 'it is no flag; the command of an app goes behind --')
  }
  const given = asLong(word) ?? (word.startsWith('--') ? undefined : asShort(word))
  if (given === undefined) return refuseUnknown(word)
  const { flag } = given
  return flag.fate === 'refused' ? refuseOption(`--${flag.name}`, flag.why) : { ...given, flag }
}

function asLong(word: string): Given<KnownFlag> | undefined {
  const [written = '', value] = splitOnce(word)
  const flag = byName.get(written.replace(/^--?/, ''))
  return flag && { flag, written, value }
}

/** `-p 80`, `-p=80` and `-p80`. */
function asShort(word: string): Given<KnownFlag> | undefined {
  const flag = byShort.get(word.charAt(1))
  const rest = word.slice(2)
  return flag && { flag, written: word.slice(0, 2), value: rest === '' ? undefined : rest.replace(/^=/, '') }
}

/** The value that a flag was given, if need be the next word, which is then taken from `words`. */
function takeValue({ flag, written, value }: Given<ServedFlag | IgnoredFlag>, words: string[]): string {
  if (flag.value !== undefined) return value ?? words.shift() ?? refuseOption(written, 'its value is missing')
  if (value === undefined || /^(?:1|t|true)$/i.test(value)) return 'true'
  return /^(?:0|f|false)$/i.test(value) ? 'false' : refuseOption(written, `${quote(value)} is not true or false`)
}

function refuseUnknown(word: string): never {
  const [written = ''] = splitOnce(word)
  const near = nearest(written.replace(/^-+/, '').slice(0, MAX_NAME))
  return refuseOption(written, `there is no such flag${near === undefined ? '' : `; did you mean --${near}?`}`)
}

function splitOnce(word: string): readonly [string, string?] {
  const at = word.indexOf('=')
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)]
}

/** The known name with the fewest changes, when these are few for its length. */
function nearest(name: string): string | undefined {
  const ranked = KNOWN_FLAGS.map((flag) => ({ name: flag.name, distance: distance(name, flag.name) }))
  const best = ranked.reduce((one, other) => (other.distance < one.distance ? other : one))
  return best.distance <= Math.ceil(best.name.length / 4) ? best.name : undefined
}

/** Letters to insert, remove or replace until one word is the other (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (const [above, letter] of [...one].entries()) {
    const next = [above + 1]
    for (const [index, wanted] of [...other].entries()) {
      const replaced = (row[index] ?? 0) + (letter === wanted ? 0 : 1)
      next.push(Math.min(replaced, (row[index + 1] ?? 0) + 1, (next[index] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
