/**
 * All questions, in the order of the report. Each is loaded when it is asked,
 * because its file imports its peers.
 */
import type { Question } from './question.ts'

export const questions: Readonly<Record<string, () => Promise<{ readonly question: Question }>>> = {
  publish: () => import('./questions/publish.ts'),
  topics: () => import('./questions/topics.ts'),
  awaited: () => import('./questions/awaited.ts'),
  queue: () => import('./questions/queue.ts'),
  servers: () => import('./questions/servers.ts'),
  groups: () => import('./questions/groups.ts'),
  iterate: () => import('./questions/iterate.ts'),
  match: () => import('./questions/match.ts'),
  timers: () => import('./questions/timers.ts'),
  event: () => import('./questions/event.ts'),
  http: () => import('./questions/http.ts'),
  momento: () => import('./questions/momento.ts'),
  start: () => import('./questions/start.ts'),
  growth: () => import('./questions/growth.ts'),
}
