/**
 * The dead letter: the same event on another topic, with extension attributes
 * that say where it came from and why it was given up.
 *
 * Layer 6.
 */
import { type CheckedAttributes, type ExtensionValue, FORBIDDEN } from './cloudevent.ts'
import { type Envelope, type Extras, extrasOf } from './envelope.ts'

/** Why and after what a message was given up. */
export interface DeadLetterFacts {
  readonly reason: string
  readonly deliveryCount: number
  readonly error: unknown
}

/** The subscription that gave it up. */
interface Source {
  readonly filter: string
  readonly group: string | undefined
}

const MAX_ERROR_LENGTH = 1024

/** The time to live is not carried over; the key is, so that order by key holds on the dead letter topic too, and so is the attachment. */
export function deadLetterOf(
  event: Envelope,
  { filter, group }: Source,
  { reason, deliveryCount, error }: DeadLetterFacts,
): Extras {
  const { specversion, data, expirytime, deadlettergroup, deadlettererror, ...attributes } = event.event
  return extrasOf(
    {
      // What an event carries besides its data are its checked attributes.
      ...(attributes as CheckedAttributes & Record<string, ExtensionValue>),
      deadlettertopic: event.topic,
      deadletterreason: reason,
      deadletterfilter: filter,
      ...(group !== undefined && { deadlettergroup: group }),
      deadletterdeliveries: deliveryCount,
      ...(error !== undefined && { deadlettererror: describeError(error) }),
    },
    { key: event.key, attachment: event.attachment },
    event.hops + 1,
  )
}

/** Name and message; never throws, whatever was thrown. */
function describeError(error: unknown): string {
  let text: string
  try {
    const { name, message } = error as Partial<Error> // anything can be thrown; properties of null throw here
    text = typeof message === 'string' ? `${name}: ${message}` : String(error)
  } catch {
    text = 'an error that cannot be shown'
  }
  return text.slice(0, MAX_ERROR_LENGTH).replace(FORBIDDEN, ' ')
}
