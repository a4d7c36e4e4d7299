/**
 * `npm run bench [-- question ...] [--quick] [--json FILE]`: starts a process
 * for each scenario, several times, and reports. A full run also writes
 * RESULTS.md and its charts.
 */
import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { thisMachine } from './machine.ts'
import { planOf, type Step } from './plan.ts'
import type { Question, Sample } from './question.ts'
import { questions } from './questions.ts'
import { type Answer, answerOf, terminalReport } from './report.ts'
import { writeResults } from './results.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
})
const isSmoke = values.quick || values.smoke

/** Once so much time is over, nothing is measured a second time: a full run takes 10 minutes at most. */
const ENOUGH_MS = 9 * 60_000
/** For one process. */
const LIMIT_MS = 180_000
/** A young generation of one size for all, so that what is measured does not depend on how it has grown. */
const NODE_OPTIONS = [
  '--expose-gc',
  '--min-semi-space-size=16',
  '--max-semi-space-size=16',
  '--max-old-space-size=4096',
]

const names = positionals.length > 0 ? positionals : Object.keys(questions)
const unknown = names.filter((name) => !Object.hasOwn(questions, name))
if (unknown.length > 0) {
  console.error(`There is no question ${unknown.join(', ')}. There are: ${Object.keys(questions).join(', ')}`)
  process.exit(1)
}

if (isSmoke) {
  // One process a question, because that is what takes the time.
  for (const name of names) {
    const samples = await runChild([name, '', '--smoke'])
    tell(`${name}: all of ${samples.length} cases have delivered\n`)
  }
} else {
  const asked = new Map<string, Question>()
  for (const name of names) asked.set(name, (await questions[name]!()).question)
  const { answers, course } = await ask(asked)
  for (const answer of answers) console.log(terminalReport(answer))
  console.log(`\n${course}`)
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify({ machine: thisMachine(), course, answers }, undefined, 2)}\n`)
  }
  if (positionals.length === 0) console.log(`Written: ${writeResults(thisMachine(), course, answers).join(', ')}`)
}

async function ask(asked: ReadonlyMap<string, Question>): Promise<{ answers: readonly Answer[]; course: string }> {
  const steps = planOf(asked)
  /** Of each question, the samples of each pass. */
  const found = new Map<string, Sample[][]>([...asked.keys()].map((name) => [name, []]))
  const begun = performance.now()
  let done = 0
  for (const step of steps) {
    const elapsed = performance.now() - begun
    if (step.pass > 0 && elapsed > ENOUGH_MS) break
    tell(progress(step, done, steps.length, elapsed))
    const passes = found.get(step.name)!
    passes[step.pass] = [...(passes[step.pass] ?? []), ...(await runChild([step.name, step.scenario.name]))]
    done++
  }
  tell('')
  return {
    answers: [...asked].map(([name, question]) => answerOf(name, question, found.get(name)!)),
    course: courseOf(done, steps.length, performance.now() - begun),
  }
}

function progress({ name, scenario, pass }: Step, done: number, all: number, elapsed: number): string {
  return `${minutes(elapsed)} of at most 10 minutes: ${name}: ${scenario.name}, pass ${pass + 1} (${done} of ${all} processes done)`
}

function courseOf(done: number, all: number, elapsed: number): string {
  const rest = done < all ? `; the last ${all - done} were left out, so that it ended in time` : ''
  return `${minutes(elapsed)} minutes, ${done} processes${rest}`
}

function minutes(ms: number): string {
  return (ms / 60_000).toFixed(1)
}

function runChild(args: readonly string[]): Promise<readonly Sample[]> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, 'child.js'), args, { execArgv: NODE_OPTIONS })
    const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
    let samples: readonly Sample[] | undefined
    child.on('message', (message) => {
      samples = message as readonly Sample[] // child.ts sends nothing else
    })
    child.on('exit', (code, signal) => {
      clearTimeout(limit)
      if (samples !== undefined && code === 0) resolve(samples)
      else reject(new Error(`${args.join(' ')} ended with ${signal ?? code}`))
    })
  })
}

/** Progress: one line that changes in a terminal, lines elsewhere. */
function tell(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
  else if (text !== '') process.stderr.write(`${text.trimEnd()}\n`)
}
