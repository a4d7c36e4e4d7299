/**
 * All questions, in the order of the report. Each is loaded when it is asked,
 * because its file imports its peers.
 */
import type { Question } from './question.ts'

export const questions: Readonly<Record<string, () => Promise<{ readonly question: Question }>>> = {
  publish: () => import('./questions/publish.ts'),
}
