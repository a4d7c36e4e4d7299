/**
 * The wire format of Protocol Buffers, as much of it as a few small messages
 * need: reading fields one by one, writing numbers, text, bytes and messages.
 * It knows no message; those are in `messages.ts`.
 *
 * Layer 27. Source: protobuf.dev, Encoding.
 */

/** Bytes that are no protobuf message. */
export class MalformedError extends Error {
  override readonly name: string = 'MalformedError'
}

/** A field's value: a varint as a number (exact below 2^53), or the bytes of text, of bytes or of a message. */
export type FieldValue = number | Uint8Array

const VARINT = 0
const FIXED_64 = 1
const BYTES = 2
const GROUP = 3
const GROUP_END = 4
const FIXED_32 = 5

/** Field numbers end here. */
const MAX_FIELD = 2 ** 29 - 1
/** How deep groups, which proto3 has no use for, may stand in each other. */
const MAX_DEPTH = 100
/** 64 bits, seven in each byte. */
const MAX_VARINT_BYTES = 10

/**
 * Reads a message: calls `take` with each field in turn. Fixed-width numbers
 * and groups are read and not told, since no message here has such a field. A
 * field may come more than once; whoever takes it lets the last one win.
 *
 * @throws {MalformedError} when the bytes are no message; some fields may have been taken by then
 */
export function readFields(bytes: Uint8Array, take: (field: number, value: FieldValue) => void): void {
  const reader = new Reader(bytes)
  while (!reader.isAtEnd) {
    const { field, kind } = reader.tag()
    if (kind === VARINT) take(field, reader.varint())
    else if (kind === BYTES) take(field, reader.bytes(reader.varint()))
    else reader.skip(field, kind, 0)
  }
}

class Reader {
  readonly #bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#offset >= this.#bytes.length
  }

  tag(): { readonly field: number; readonly kind: number } {
    const tag = this.varint()
    const field = Math.floor(tag / 8)
    if (field < 1 || field > MAX_FIELD) throw new MalformedError(`there is no field ${field}`)
    return { field, kind: tag % 8 }
  }

  varint(): number {
    let value = 0
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.#bytes[this.#offset++]
      if (byte === undefined) throw new MalformedError('the message ends inside a number')
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte < 0x80) return value
    }
    throw new MalformedError('a number has more than 64 bits')
  }

  bytes(length: number): Uint8Array {
    const start = this.#offset
    if (length > this.#bytes.length - start) throw new MalformedError('the message ends inside a field')
    this.#offset = start + length
    return this.#bytes.subarray(start, this.#offset)
  }

  skip(field: number, kind: number, depth: number): void {
    if (kind === VARINT) this.varint()
    else if (kind === FIXED_64) this.bytes(8)
    else if (kind === BYTES) this.bytes(this.varint())
    else if (kind === GROUP) this.#skipGroup(field, depth + 1)
    else if (kind === FIXED_32) this.bytes(4)
    else throw new MalformedError(`field ${field} has the unknown wire type ${kind}, or ends a group that never began`)
  }

  #skipGroup(group: number, depth: number): void {
    if (depth > MAX_DEPTH) throw new MalformedError(`groups are more than ${MAX_DEPTH} deep`)
    for (;;) {
      const { field, kind } = this.tag()
      if (kind !== GROUP_END) this.skip(field, kind, depth)
      else if (field === group) return
      else throw new MalformedError(`group ${group} ends as group ${field}`)
    }
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @throws {MalformedError} unless they are UTF-8, as proto3 wants text to be */
export function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new MalformedError('text is not UTF-8', { cause })
  }
}

/** A message of the fields given, in their order. */
export function message(...fields: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(fields)
}

const NOTHING = new Uint8Array(0)

/** An integer of at least 0; nothing for 0, which is what a missing number means in proto3. */
export function numberField(field: number, value: number): Uint8Array {
  return value === 0 ? NOTHING : startField(field * 8 + VARINT, value, 0)
}

/** Text; nothing when it is empty. */
export function textField(field: number, text: string): Uint8Array {
  return text === '' ? NOTHING : bytesField(field, Buffer.from(text))
}

/** Bytes or a message, also when they are empty: then that the field is there is what it says. */
export function bytesField(field: number, bytes: Uint8Array): Uint8Array {
  const written = startField(field * 8 + BYTES, bytes.length, bytes.length)
  written.set(bytes, written.length - bytes.length)
  return written
}

/** A tag and a number, with room for what comes behind them. */
function startField(tag: number, value: number, room: number): Uint8Array {
  const start = varintLength(tag)
  const bytes = Buffer.allocUnsafe(start + varintLength(value) + room)
  writeVarint(bytes, 0, tag)
  writeVarint(bytes, start, value)
  return bytes
}

function varintLength(value: number): number {
  let length = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++
  return length
}

/** Seven bits in each byte, the lowest first; the highest bit says that more follow. */
function writeVarint(bytes: Uint8Array, offset: number, value: number): void {
  let at = offset
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) + 0x80
  bytes[at] = rest
}
