/**
 * How cost grows with size, as a chart in SVG: both axes count by powers of
 * ten, so a flat line is a cost that does not grow.
 */
import { round, svg, text } from './chart.ts'
import { count, time } from './format.ts'

export interface Curve {
  readonly label: string
  readonly points: readonly { readonly size: number; readonly ns: number }[]
}

const WIDTH = 760
const HEIGHT = 320
const LEFT = 70
const RIGHT = 160
const TOP = 40
const BOTTOM = 30
const DASHES = ['', '6 3', '2 3', '10 3 2 3']

export function curveChart(note: string, curves: readonly Curve[]): string {
  const points = curves.flatMap((curve) => curve.points)
  const x = scale(
    points.map(({ size }) => size),
    LEFT,
    WIDTH - RIGHT,
  )
  const y = scale(
    points.map(({ ns }) => ns),
    HEIGHT - BOTTOM,
    TOP,
  )
  const parts = [text(0, 16, note, 'note')]
  for (const ns of y.ticks) {
    const at = y.place(ns)
    parts.push(`<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(at)}" y2="${round(at)}"/>`)
    parts.push(text(LEFT - 8, at + 4, time(ns), 'note', 'end'))
  }
  for (const size of x.ticks) parts.push(text(x.place(size), HEIGHT - 10, count(size), 'note', 'middle'))
  curves.forEach(({ label, points }, index) => {
    const path = points.map(({ size, ns }) => `${round(x.place(size))},${round(y.place(ns))}`).join(' ')
    const dash = DASHES[index % DASHES.length]
    parts.push(
      `<polyline class="ours" style="fill: none" stroke-width="2" stroke-dasharray="${dash}" points="${path}"/>`,
    )
    const last = points.at(-1)
    if (last !== undefined) parts.push(text(x.place(last.size) + 8, y.place(last.ns) + 4, label))
  })
  return svg(WIDTH, HEIGHT, parts)
}

interface Scale {
  readonly ticks: readonly number[]
  place(value: number): number
}

/** From the power of ten below the values, at `start`, to the one above them, at `end`. */
function scale(values: readonly number[], start: number, end: number): Scale {
  const first = Math.floor(Math.log10(Math.min(...values)))
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values))))
  return {
    ticks: Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i)),
    place: (value) => start + ((Math.log10(value) - first) / (last - first)) * (end - start),
  }
}
