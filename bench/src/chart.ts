/**
 * Plain bar charts in SVG, for light and dark backgrounds. Shorter is better
 * everywhere, so a chart needs no legend.
 */

export interface Bars {
  readonly title: string
  readonly bars: readonly Bar[]
}

export interface Bar {
  readonly label: string
  readonly value: number
  /** The value as text. */
  readonly text: string
  /** Drawn in the colour of the house. */
  readonly isOurs: boolean
}

const WIDTH = 760
const LABELS = 230
const VALUES = 110
const STEP = 20
const BAR = 14
/** A bar longer than so many of ours is cut, and its end shows it; a scale for the slowest would hide all others. */
const CUT = 6

export const STYLE = `<style>
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 13px }
  .note { fill: #57606a }
  .peer { fill: #8c959f; stroke: #8c959f }
  .ours { fill: #b4632d; stroke: #b4632d }
  .axis { stroke: #d0d7de }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note { fill: #8d96a0 }
    .peer { fill: #6e7681; stroke: #6e7681 }
    .ours { fill: #e08a4e; stroke: #e08a4e }
    .axis { stroke: #30363d }
  }
</style>`

/** Groups of bars below each other, each group on a scale of its own. */
export function barChart(note: string, groups: readonly Bars[]): string {
  const parts: string[] = []
  let y = 16
  parts.push(text(0, y, note, 'note'))
  for (const { title, bars } of groups) {
    y += 30
    parts.push(text(0, y, title, 'title'))
    y += 8
    const scale = scaleOf(bars)
    for (const bar of [...bars].sort((a, b) => a.value - b.value)) {
      parts.push(...drawBar(bar, y, scale))
      y += STEP
    }
  }
  return svg(WIDTH, y + 8, parts)
}

/** Pixels for one unit. */
function scaleOf(bars: readonly Bar[]): number {
  const longest = Math.max(...bars.map(({ value }) => value))
  const ours = bars.find(({ isOurs }) => isOurs)?.value ?? longest
  return (WIDTH - LABELS - VALUES) / Math.min(longest, CUT * ours)
}

function drawBar({ label, value, text: told, isOurs }: Bar, y: number, scale: number): readonly string[] {
  const full = WIDTH - LABELS - VALUES
  const width = Math.max(1, Math.min(full, value * scale))
  const kind = isOurs ? 'ours' : 'peer'
  const parts = [text(LABELS - 8, y + 12, label, isOurs ? 'title' : '', 'end')]
  if (value * scale <= full + 1) {
    parts.push(`<rect class="${kind}" x="${LABELS}" y="${y + 1}" width="${round(width)}" height="${BAR}"/>`)
  } else {
    const end = LABELS + full
    const cut = `${end - 20},${y + 1} ${end - 26},${y + 1 + BAR} ${LABELS},${y + 1 + BAR} ${LABELS},${y + 1}`
    const rest = `${end - 14},${y + 1} ${end},${y + 1} ${end},${y + 1 + BAR} ${end - 20},${y + 1 + BAR}`
    parts.push(`<polygon class="${kind}" points="${cut}"/>`, `<polygon class="${kind}" points="${rest}"/>`)
  }
  parts.push(text(LABELS + width + 8, y + 12, told, isOurs ? 'title' : ''))
  return parts
}

export function text(x: number, y: number, content: string, kind = '', anchor = 'start'): string {
  const escaped = content.replace(/&/g, '&amp;').replace(/</g, '&lt;')
  return `<text class="${kind}" x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escaped}</text>`
}

export function svg(width: number, height: number, parts: readonly string[]): string {
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`
  return `${[open, STYLE, ...parts, '</svg>'].join('\n')}\n`
}

export function round(value: number): number {
  return Math.round(value * 10) / 10
}
