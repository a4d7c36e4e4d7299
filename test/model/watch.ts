/** Watches the whole process while a suite runs: what it sees, no test may cause. */

export interface Watch {
  /** What was seen so far. */
  faults(): readonly string[]
  /** Ends the watch, and counts the timers that are left. */
  stop(): Promise<void>
}

const EVENTS = ['unhandledRejection', 'uncaughtException', 'warning'] as const
const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length

export function watchProcess(): Watch {
  const seen: string[] = []
  const before = timers()
  const notes = EVENTS.map(
    (event) => [event, (what: unknown) => void seen.push(`${event}: ${String(Object(what).stack ?? what)}`)] as const,
  )
  for (const [event, note] of notes) process.on(event, note)
  return {
    faults: () => seen,
    async stop() {
      for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve))
      for (const [event, note] of notes) process.off(event, note)
      if (timers() > before) seen.push(`${timers() - before} native timers left`)
    },
  }
}
