/**
 * An empty folder outside the checkout into which the package has been packed
 * and installed as anybody would get it, without a network.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The checkout. */
export const root: string = join(import.meta.dirname, '../../..')

/** What has not ended by itself by then never will. */
const PATIENCE_MS = 120_000

export class Stranger {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'busbar-'))
  /** Where the package was installed. */
  readonly installed: string = join(this.folder, 'node_modules/busbar')

  constructor() {
    this.run('npm', ['pack', root, '--ignore-scripts', '--silent'])
    const tarball = readdirSync(this.folder).find((file) => file.endsWith('.tgz')) ?? 'no tarball'
    this.write('package.json', '{ "private": true }')
    this.run('npm', ['install', tarball, '--offline', '--no-audit', '--no-fund', '--silent'])
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text)
  }

  /** Runs a program in the folder; returns what it printed, throws with it when it failed. */
  run(program: string, args: readonly string[]): string {
    try {
      return execFileSync(program, args, {
        cwd: this.folder,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: PATIENCE_MS,
      })
    } catch (error) {
      // execFileSync throws an error that carries the output.
      const { stdout, stderr } = error as { stdout?: string; stderr?: string }
      throw new Error(`${program} ${args.join(' ')}\n${stdout}${stderr}`)
    }
  }

  leave(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
