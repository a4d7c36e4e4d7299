/**
 * What a run has found out, and how it looks in a terminal.
 */
import { judge, type Verdict } from './bars.ts'
import { measured, ratio, size, spread, time } from './format.ts'
import { BUSBAR, type Question, type Sample } from './question.ts'
import { type Figure, figuresOf } from './statistics.ts'

/** One question, answered. */
export interface Answer {
  readonly name: string
  readonly question: Question
  readonly figures: readonly Figure[]
  readonly verdicts: readonly Verdict[]
}

/** @param processes the samples of each process */
export function answerOf(name: string, question: Question, processes: readonly (readonly Sample[])[]): Answer {
  const figures = figuresOf(processes)
  return { name, question, figures, verdicts: question.bars.map((bar) => judge(bar, figures)) }
}

/** The figures of each row, in the order of the question. */
export function rowsOf(figures: readonly Figure[]): ReadonlyMap<string, readonly Figure[]> {
  const rows = new Map<string, Figure[]>()
  for (const figure of figures) rows.set(figure.row, [...(rows.get(figure.row) ?? []), figure])
  return rows
}

export function terminalReport({ name, question, figures, verdicts }: Answer): string {
  const lines = ['', `${name}: ${question.title}`, '', ...wrap(question.about, 100).map((line) => `  ${line}`)]
  for (const [row, cells] of rowsOf(figures)) {
    lines.push('', `  ${row}`)
    for (const figure of [...cells].sort((a, b) => a.ns - b.ns)) lines.push(`    ${figureLine(figure)}`)
  }
  if (verdicts.length > 0) lines.push('', '  Bars')
  for (const verdict of verdicts) {
    lines.push(`    ${verdict.isMet ? 'met    ' : 'NOT MET'}  ${verdict.says}: ${measured(verdict)}`)
  }
  return lines.join('\n')
}

function figureLine(figure: Figure): string {
  const { contender, ns, bytes, timeRatio } = figure
  const cells = [
    contender.padEnd(28),
    time(ns).padStart(12),
    spread(figure).padStart(8),
    (bytes === undefined ? '' : size(bytes)).padStart(10),
  ]
  if (contender !== BUSBAR && timeRatio !== undefined) cells.push(`   Busbar is ${ratio(timeRatio)} as fast`)
  return cells.join(' ').trimEnd()
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}
