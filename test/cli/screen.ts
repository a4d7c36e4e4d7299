/** An output that a test can read, and wait on without sleeping. */
import { Writable } from 'node:stream'

export class Screen extends Writable {
  /** All that was written. */
  text = ''
  #watchers: (() => void)[] = []

  override _write(chunk: Buffer | string, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString()
    this.#look()
    done()
  }

  override _final(done: () => void): void {
    this.#look()
    done()
  }

  get lines(): readonly string[] {
    return this.text.split('\n').slice(0, -1)
  }

  /** Resolves to what was found, now or later; rejects when the output ends without it. */
  shows(wanted: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = wanted.exec(this.text)
        if (found === null && !this.writableEnded) return
        this.#watchers = this.#watchers.filter((watcher) => watcher !== look)
        if (found === null) reject(new Error(`The output ended without ${wanted}:\n${this.text}`))
        else resolve(found)
      }
      this.#watchers.push(look)
      look()
    })
  }

  #look(): void {
    for (const watcher of this.#watchers) watcher()
  }
}
