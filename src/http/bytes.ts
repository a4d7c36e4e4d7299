/**
 * A body as it comes in, chunk by chunk, up to a limit. One chunk is kept as it
 * is; more are copied into one buffer that doubles, so that a body in chunks of
 * one byte costs no more memory than any other.
 *
 * Layer 18.
 */
const NONE = new Uint8Array(0)

export class Bytes {
  /** Its first `#size` bytes are filled. Not written to while it is somebody's chunk: then it is full. */
  #buffer: Uint8Array = NONE
  #size = 0
  readonly #limit: number

  /** @param limit in bytes; `Infinity` for none */
  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#size
  }

  /** What has come in so far; a view. */
  get all(): Uint8Array {
    return this.#buffer.length === this.#size ? this.#buffer : this.#buffer.subarray(0, this.#size)
  }

  /** Takes as much of a chunk as there is room for; the chunk must not change any more. @returns whether that was all of it */
  add(chunk: Uint8Array): boolean {
    const room = this.#limit - this.#size
    const fits = chunk.length <= room
    this.#append(fits ? chunk : chunk.subarray(0, room))
    return fits
  }

  #append(chunk: Uint8Array): void {
    const size = this.#size + chunk.length
    if (this.#size === 0) this.#buffer = chunk
    else if (size > this.#buffer.length) this.#grow(Math.max(size, this.#size * 2))
    if (this.#size > 0) this.#buffer.set(chunk, this.#size)
    this.#size = size
  }

  #grow(capacity: number): void {
    const larger = new Uint8Array(capacity)
    larger.set(this.all)
    this.#buffer = larger
  }
}

/** What was read of a stream. */
export interface ReadBytes {
  readonly bytes: Uint8Array
  /** Whether there was more than the limit. */
  readonly isCut: boolean
}

/**
 * Reads a web stream to its end or up to `limit` bytes, whichever is first, and
 * cancels what is left. Aborting the signal cancels the stream as well.
 *
 * @throws whatever the stream fails with, or the signal's reason
 */
export async function readStream(
  stream: ReadableStream<Uint8Array> | null,
  limit: number,
  signal?: AbortSignal,
): Promise<ReadBytes> {
  const body = new Bytes(limit)
  if (stream === null) return { bytes: body.all, isCut: false }
  const reader = stream.getReader()
  const cancel = (): void => void reader.cancel(signal?.reason).catch(() => {}) // nobody is left to be told
  signal?.addEventListener('abort', cancel)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      signal?.throwIfAborted()
      if (done) return { bytes: body.all, isCut: false }
      if (!body.add(value)) return { bytes: body.all, isCut: true }
    }
  } finally {
    signal?.removeEventListener('abort', cancel)
    cancel()
  }
}

/** A body as the web's own classes take it: nothing, a text, or bytes in memory that nobody shares. */
export function bodyInit(body: string | Uint8Array | undefined): string | Uint8Array<ArrayBuffer> | null {
  if (body === undefined || body.length === 0) return null
  return typeof body === 'string' ? body : new Uint8Array(body)
}
