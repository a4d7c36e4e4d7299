/**
 * Waiting, without leaving a timer behind.
 *
 * Layer 27.
 */
import { type Clock, MAX_TIMER_MS } from '../time/clock.ts'

/**
 * Resolves when the time is over, or earlier when there is nothing left to wait for.
 *
 * @param ms beyond 24 days it is that: timers keep no more
 * @param onEnd told once what to call at that end
 */
export function pause(clock: Clock, ms: number, onEnd: (callback: () => void) => void): Promise<void> {
  if (ms <= 0) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = clock.setTimer(resolve, Math.min(ms, MAX_TIMER_MS))
    onEnd(() => {
      clock.clearTimer(timer)
      resolve()
    })
  })
}
