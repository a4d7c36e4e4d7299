/**
 * Where a run took place, and with what.
 */
import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'

export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryGB: number
  readonly system: string
  readonly node: string
  readonly v8: string
  /** Versions of what is compared, by package. */
  readonly versions: Readonly<Record<string, string>>
}

const folder = join(import.meta.dirname, '..')

export function thisMachine(): Machine {
  const { devDependencies = {} } = manifestOf('.')
  const peers = Object.keys(devDependencies).map((name) => [name, manifestOf(join('node_modules', name)).version])
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    v8: process.versions.v8,
    versions: { busbar: manifestOf('..').version, ...Object.fromEntries(peers) },
  }
}

interface Manifest {
  readonly version: string
  readonly devDependencies?: Readonly<Record<string, string>>
}

function manifestOf(path: string): Manifest {
  // npm has written or read it before.
  return JSON.parse(readFileSync(join(folder, path, 'package.json'), 'utf8')) as Manifest
}
