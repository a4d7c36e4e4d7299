/**
 * In which order a run goes through the scenarios of its questions.
 */
import type { Question, Scenario } from './question.ts'

/** Processes for each scenario; figures are medians over them. */
const PROCESSES = 3

/** One process that measures one scenario. */
export interface Step {
  /** The question's. */
  readonly name: string
  readonly scenario: Scenario
  /** From 0: how many processes have measured this scenario before. */
  readonly pass: number
}

/**
 * All scenarios of all questions once, then what is measured again, and again:
 * the processes of one scenario are minutes apart, so that a slow moment of the
 * machine falls into one of them, and a run can end early with every row measured.
 */
export function planOf(questions: ReadonlyMap<string, Question>): readonly Step[] {
  const steps: Step[] = []
  for (let pass = 0; pass < PROCESSES; pass++) {
    for (const [name, { scenarios }] of questions) {
      for (const scenario of scenarios) {
        if (pass < (scenario.processes ?? PROCESSES)) steps.push({ name, scenario, pass })
      }
    }
  }
  return steps
}
