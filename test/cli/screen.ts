/** An output that a test can read, and wait on without sleeping. */
import { Writable } from 'node:stream'

export class Screen extends Writable {
  /** All that was written. */
  text = ''
  #watchers: (() => void)[] = []

  override _write(chunk: Buffer | string, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString()
    for (const watcher of this.#watchers) watcher()
    done()
  }

  get lines(): readonly string[] {
    return this.text.split('\n').slice(0, -1)
  }

  /** Resolves to what was found, now or later. */
  shows(wanted: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = wanted.exec(this.text)
        if (found === null) return
        this.#watchers = this.#watchers.filter((watcher) => watcher !== look)
        resolve(found)
      }
      this.#watchers.push(look)
      look()
    })
  }
}
