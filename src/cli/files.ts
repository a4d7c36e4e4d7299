/**
 * Texts of resources and configurations from the file system: which files, in
 * which order. Not what is in them.
 *
 * Layer 34. Source: daprd reads the `.yaml` and `.yml` files of a directory by
 * name, not those of directories inside it.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { refuseOption } from '../checks.ts'
import { quote } from '../errors.ts'

export interface TextFile {
  readonly path: string
  readonly text: string
}

/** Resources are small; what is larger was not meant to be one. */
const MAX_BYTES = 4 * 1024 * 1024

const WHY: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file or directory'],
  ['EACCES', 'permission denied'],
  ['EISDIR', 'it is a directory'],
])

/**
 * The files at each path, path by path: the path itself, or the `.yaml`,
 * `.yml` and `.json` files of a directory in order of their names.
 *
 * @param option the flag that named the paths, for errors
 * @throws {BusbarError} `ERR_OPTION_INVALID`: a path or file that is missing, cannot
 *   be read, is over 4 MiB or not UTF-8
 */
export async function readResourceFiles(paths: readonly string[], option: string): Promise<readonly TextFile[]> {
  const files: TextFile[] = []
  for (const path of paths) {
    const names = await resourcesIn(path, option)
    if (names === undefined) files.push(await readTextFile(path, option))
    else for (const name of names) files.push(await readTextFile(join(path, name), option))
  }
  return files
}

/** @throws {BusbarError} as `readResourceFiles` */
export async function readTextFile(path: string, option: string): Promise<TextFile> {
  const bytes = await orRefuse(readLimited(path), path, option)
  try {
    return { path, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch (error) {
    return refuseOption(option, `${quote(path)} is not UTF-8 text`, error)
  }
}

/** Names in a directory, or `undefined` when the path is not one. */
async function resourcesIn(path: string, option: string): Promise<readonly string[] | undefined> {
  const found = await orRefuse(stat(path), path, option)
  if (!found.isDirectory()) return undefined
  const entries = await orRefuse(readdir(path), path, option)
  const names = entries.filter((name) => /\.(?:ya?ml|json)$/i.test(name)).sort() // Node promises no order
  // A mounted volume has links in it, so the entry's own kind says too little.
  const kinds = await Promise.all(names.map((name) => orRefuse(stat(join(path, name)), join(path, name), option)))
  return names.filter((_, index) => kinds[index]?.isFile() === true)
}

async function readLimited(path: string): Promise<Uint8Array> {
  const { size } = await stat(path)
  if (size > MAX_BYTES) throw new Error(`it has ${size} bytes, more than ${MAX_BYTES}`)
  return readFile(path)
}

async function orRefuse<T>(reading: Promise<T>, path: string, option: string): Promise<T> {
  try {
    return await reading
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException // from node:fs, or made above
    return refuseOption(option, `cannot read ${quote(path)}: ${WHY.get(code) ?? message}`, error)
  }
}
