/**
 * What an answer of the app means for the messages that it was given: daprd's
 * tables, for one event and for a batch.
 *
 * Layer 20. Source: dapr/dapr, pkg/runtime/subscription/postman/http/http.go.
 */
import { reasonOf } from './log.ts'
import type { AppResponse } from './wire.ts'

/** Why the app has not handled a message; it is offered again, or given up, as the retry policy says. */
export interface Failure {
  readonly kind: 'failure'
  readonly error: Error
  /** The HTTP status of the app's answer, when it was that which failed the message. */
  readonly status?: number
}

/** How one message fared: handled, to be given up, or failed. */
export type Verdict = { readonly kind: 'success' } | { readonly kind: 'drop'; readonly error: Error } | Failure

export const SUCCESS: Verdict = { kind: 'success' }

export function failure(why: unknown, status?: number): Failure {
  return { kind: 'failure', error: errorOf(why), ...(status !== undefined && { status }) }
}

export function drop(why: unknown): Verdict {
  return { kind: 'drop', error: errorOf(why) }
}

function errorOf(why: unknown): Error {
  return why instanceof Error ? why : new Error(reasonOf(why))
}

/**
 * The app's answer to one event. A 2xx without a status that can be read, as in
 * a body that was cut, is success; the value of `status` counts to the letter,
 * its name whatever its case.
 */
export function verdictOf({ status, body }: AppResponse): Verdict {
  if (status === 404) return drop('the app answered 404')
  if (status < 200 || status >= 300) return failure(`the app answered ${status}`, status)
  const word = statusIn(parsed(body))
  return typeof word === 'string' && word !== '' ? verdictOn(word) : SUCCESS
}

/**
 * The app's answer to a batch: a verdict for each entry id. What the app does
 * not mention, or leaves empty, has failed; a batch that answers 404 is done.
 */
export function bulkVerdictsOf(response: AppResponse, entryIds: readonly string[]): ReadonlyMap<string, Verdict> {
  const { status, body } = response
  const all = (verdict: Verdict): ReadonlyMap<string, Verdict> => new Map(entryIds.map((id) => [id, verdict]))
  if (status === 404) return all(SUCCESS)
  // Without a status code, so that a policy's `matching` does not look at it.
  if (status < 200 || status >= 300) return all(failure(`the app answered ${status} to a batch`))
  const statuses = member(parsed(body), 'statuses')
  if (!Array.isArray(statuses)) return all(failure('the app did not answer with statuses'))
  const known = new Set(entryIds)
  const verdicts = new Map<string, Verdict>()
  for (const entry of statuses) {
    const entryId = member(entry, 'entryId')
    // The first word about an entry counts.
    if (typeof entryId === 'string' && known.has(entryId) && !verdicts.has(entryId)) {
      verdicts.set(entryId, verdictOn(statusIn(entry)))
    }
  }
  const forgotten = failure('the app did not say how it went')
  return new Map(entryIds.map((id) => [id, verdicts.get(id) ?? forgotten]))
}

/** What a status word means. @param who said it */
export function verdictOn(word: unknown, who = 'the app'): Verdict {
  if (word === 'SUCCESS') return SUCCESS
  if (word === 'DROP') return drop(`${who} answered DROP`)
  if (word === 'RETRY') return failure(`${who} answered RETRY`)
  return failure(`${who} answered with the unknown status ${JSON.stringify(word) ?? typeof word}`.slice(0, 200))
}

/** Undefined also for what is no object: the tables treat all of it as an answer without a status. */
function parsed(body: string): unknown {
  // Most apps answer with nothing, and to find that out from an error takes longer than all the rest of a delivery.
  if (!/^\s*\{/.test(body)) return undefined
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function statusIn(value: unknown): unknown {
  return member(value, 'status')
}

/** A property of a JSON object, its name whatever its case, as Go reads JSON. */
function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const wanted = name.toLowerCase()
  return Object.entries(value).findLast(([key]) => key.toLowerCase() === wanted)?.[1]
}
