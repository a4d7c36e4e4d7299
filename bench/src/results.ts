/**
 * RESULTS.md and its charts. Everything in them comes from the run at hand.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { barChart } from './chart.ts'
import { curveChart } from './curves.ts'
import { measured, ratio, size, spread, time } from './format.ts'
import type { Machine } from './machine.ts'
import { BUSBAR } from './question.ts'
import { type Answer, rowsOf } from './report.ts'
import type { Figure } from './statistics.ts'

const folder = join(import.meta.dirname, '..')

/** What the main chart shows: a row of each of these questions. */
const HEADLINES: readonly (readonly [name: string, row: string, title: string])[] = [
  ['publish', '1 handler each, 8 topics in turn', 'Publish to a handler'],
  ['topics', '1 wildcard handler among 100', 'Publish to a wildcard handler'],
  ['awaited', '1 handler', 'Publish to an async handler, and await it'],
  ['queue', 'async handler, depth 1 000', 'Queue, handle, ack; one in a hundred is redelivered'],
  ['iterate', 'bursts of 1 000', 'Async iteration'],
  ['match', '100 000 filters, fresh topics', 'Match a topic never seen before with 100 000 filters'],
]
/** So many peers stand beside Busbar there, the fastest ones. */
const HEADLINE_PEERS = 4

/**
 * @param course how long the run took, and what it left out
 * @returns the files written
 */
export function writeResults(machine: Machine, course: string, answers: readonly Answer[]): readonly string[] {
  const charts = join(folder, 'charts')
  rmSync(charts, { recursive: true, force: true })
  mkdirSync(charts)
  const written: string[] = []
  const write = (name: string, content: string): void => {
    writeFileSync(join(folder, name), content)
    written.push(`bench/${name}`)
  }
  write('charts/main.svg', mainChart(answers))
  for (const answer of answers) write(`charts/${answer.name}.svg`, chartOf(answer))
  write('RESULTS.md', markdown(machine, course, answers))
  return written
}

function mainChart(answers: readonly Answer[]): string {
  const groups = HEADLINES.map(([name, row, title]) => {
    const cells = answers.find((answer) => answer.name === name)?.figures.filter((figure) => figure.row === row) ?? []
    const peers = cells.filter(({ contender }) => !contender.startsWith(BUSBAR)).sort((a, b) => a.ns - b.ns)
    const ours = cells.filter(({ contender }) => contender === BUSBAR)
    return { title, bars: [...ours, ...peers.slice(0, HEADLINE_PEERS)].map(barOf) }
  })
  return barChart('Time for one operation; shorter is better. The four fastest peers each.', groups)
}

function chartOf({ question, figures }: Answer): string {
  if (question.isCurve === true) {
    const labels = [...new Set(figures.map(({ contender }) => contender))]
    const curves = labels.map((label) => ({
      label,
      points: figures
        .filter(({ contender }) => contender === label)
        .map(({ row, ns }) => ({ size: Number(row.replace(/ /g, '')), ns })),
    }))
    return curveChart('Time for one delivery, by size', curves)
  }
  const groups = [...rowsOf(figures)].map(([title, cells]) => ({ title, bars: cells.map(barOf) }))
  return barChart(
    'Time for one operation; shorter is better. Cut bars are more than six times as long as ours.',
    groups,
  )
}

function barOf({ contender, ns }: Figure): { label: string; value: number; text: string; isOurs: boolean } {
  return { label: contender, value: ns, text: time(ns), isOurs: contender.startsWith(BUSBAR) }
}

function markdown(machine: Machine, course: string, answers: readonly Answer[]): string {
  const method = readFileSync(join(folder, 'METHOD.md'), 'utf8')
  const bars = answers.flatMap(({ verdicts }) => verdicts)
  const unmet = answers.flatMap(({ name, verdicts }) =>
    verdicts.filter(({ isMet }) => !isMet).map((verdict) => `| ${name} | ${verdict.says} | ${measured(verdict)} |`),
  )
  return [
    '# Results',
    '',
    'Written by `npm run bench`; every number here comes from one run of it.',
    '',
    '![The main results](charts/main.svg)',
    '',
    `${bars.length - unmet.length} of ${bars.length} bars are met.`,
    ...(unmet.length === 0 ? [] : ['Not met:', '', '| Question | Bar | Measured |', '|---|---|---|', ...unmet]),
    '',
    '## Machine',
    '',
    ...machineLines(machine),
    `- ${course}`,
    '',
    method.trim(),
    ...answers.flatMap(section),
    '',
  ].join('\n')
}

function machineLines({ processor, cores, memoryGB, system, node, v8, versions }: Machine): readonly string[] {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return [
    `- ${processor}, ${cores} cores, ${memoryGB} GB, ${system}`,
    `- Node ${node}, V8 ${v8}`,
    `- ${packages.join(', ')}`,
  ]
}

function section({ name, question, figures, verdicts }: Answer): readonly string[] {
  const contenders = [...new Set(figures.map(({ contender }) => contender))]
  const rows = [...rowsOf(figures)].map(([row, cells]) => {
    const found = contenders.map((contender) => cells.find((figure) => figure.contender === contender))
    return `| ${row} | ${found.map((figure) => (figure === undefined ? '–' : cellOf(figure))).join(' | ')} |`
  })
  return [
    '',
    `## ${name}: ${question.title}`,
    '',
    question.about,
    '',
    `Each cell: time for one operation and its spread; bytes ${question.bytes ?? 'allocated for it'}; how many times as fast Busbar is.`,
    '',
    `![${question.title}](charts/${name}.svg)`,
    '',
    `| | ${contenders.join(' | ')} |`,
    `|---|${contenders.map(() => '---|').join('')}`,
    ...rows,
    ...(verdicts.length === 0 ? [] : ['', '| Bar | Measured | |', '|---|---|---|']),
    ...verdicts.map(
      (verdict) => `| ${verdict.says} | ${measured(verdict)} | ${verdict.isMet ? 'met' : '**not met**'} |`,
    ),
  ]
}

function cellOf(figure: Figure): string {
  const { contender, ns, bytes, timeRatio } = figure
  const lines = [`${time(ns)} ${spread(figure)}`]
  if (bytes !== undefined) lines.push(size(bytes))
  if (contender !== BUSBAR && timeRatio !== undefined) lines.push(ratio(timeRatio))
  return lines.join('<br>')
}
