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

/** Processes for each scenario; figures are medians over them. */
const PROCESSES = 3
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

const answers: Answer[] = []
for (const name of names) {
  const { question } = await questions[name]!()
  if (isSmoke) {
    const samples = await runChild([name, '', '--smoke'])
    tell(`${name}: all of ${samples.length} cases have delivered\n`)
  } else {
    const answer = answerOf(name, question, await ask(name, question))
    answers.push(answer)
    console.log(terminalReport(answer))
  }
}

if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ machine: thisMachine(), answers }, undefined, 2)}\n`)
}
if (!isSmoke && positionals.length === 0) console.log(`\nWritten: ${writeResults(thisMachine(), answers).join(', ')}`)

/** The samples of each process. All scenarios have had their first one before any has its second. */
async function ask(name: string, { scenarios }: Question): Promise<readonly (readonly Sample[])[]> {
  const processes: Sample[][] = []
  for (let process = 0; process < PROCESSES; process++) {
    const samples: Sample[] = []
    for (const scenario of scenarios) {
      if (process >= (scenario.processes ?? PROCESSES)) continue
      tell(`${name}: ${scenario.name} (${process + 1} of ${scenario.processes ?? PROCESSES})`)
      samples.push(...(await runChild([name, scenario.name])))
    }
    if (samples.length > 0) processes.push(samples)
  }
  tell('')
  return processes
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
