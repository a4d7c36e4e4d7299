/**
 * Many filters of four levels and topics for them, the same ones in each run,
 * and how many of the filters a topic has to hit.
 */

/** Numbers in [0, 1), the same sequence for each seed: mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Words for one level. As many as make a topic hit one to three of `size` filters. */
function wordsFor(size: number): number {
  return Math.ceil(Math.cbrt(size))
}

/** 60 % exact, 31 % with one single-level wildcard, 2.5 % with two, 6.5 % with a multi-level one. */
export function filtersOf(size: number): readonly string[] {
  const random = randomFrom(1)
  const words = wordsFor(size)
  return Array.from({ length: size }, () => {
    const levels = levelsOf(random, words)
    const kind = random()
    const place = Math.floor(random() * 4)
    if (kind >= 0.935) levels[3] = '#'
    else if (kind >= 0.6) levels[place] = '+'
    if (kind >= 0.91 && kind < 0.935) levels[(place + 1) % 4] = '+'
    return flat(levels.join('/'))
  })
}

/** Half of them are exact filters, too. */
export function hotTopics(filters: readonly string[], length: number): readonly string[] {
  const random = randomFrom(2)
  const words = wordsFor(filters.length)
  const exact = filters.filter((filter) => !/[+#]/.test(filter))
  return Array.from({ length }, (_, i) => {
    return i % 2 === 0 ? exact[Math.floor(random() * exact.length)]! : flat(levelsOf(random, words).join('/'))
  })
}

let fresh = 0
const freshRandom = randomFrom(3)

/** Topics that end in a level that was never there before, as an id would be. */
export function newTopics(filters: readonly string[], length: number): readonly string[] {
  const words = wordsFor(filters.length)
  return Array.from({ length }, () => {
    const levels = levelsOf(freshRandom, words)
    levels[3] = String(fresh++)
    return flat(levels.join('/'))
  })
}

/**
 * How many filters match a topic of four levels, worked out another way than
 * any matcher does: by writing down every filter that would.
 */
export function expectedHits(filters: readonly string[]): (topic: string) => number {
  const counts = new Map<string, number>()
  for (const filter of filters) counts.set(filter, (counts.get(filter) ?? 0) + 1)
  return (topic) => {
    const levels = topic.split('/')
    let hits = 0
    for (let mask = 0; mask < 16; mask++) {
      const masked = levels.map((level, i) => ((mask >> i) & 1 ? '+' : level))
      hits += counts.get(masked.join('/')) ?? 0
      if (mask < 8) hits += counts.get(`${masked.slice(0, 3).join('/')}/#`) ?? 0
    }
    return hits
  }
}

function levelsOf(random: () => number, words: number): string[] {
  return Array.from('abcd', (letter) => `${letter}${Math.floor(random() * words)}`)
}

/** The same text in one piece, as it comes from a file or a socket; joined texts are trees to the engine. */
function flat(text: string): string {
  return Buffer.from(text).toString('latin1')
}
