/**
 * Installs the peers when what is there is not what the lock file says. Plain
 * JavaScript, because it runs before there is anything to compile with.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const wanted = packagesIn('package-lock.json')
const installed = packagesIn('node_modules/.package-lock.json')
const missing = Object.keys(wanted).filter((path) => isMissing(wanted[path], installed[path]) && path !== '')

if (missing.length > 0) {
  console.log(`Installing ${missing.length} packages to compare with`)
  const options = { cwd: import.meta.dirname, stdio: 'inherit', shell: process.platform === 'win32' }
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], options)
  process.exitCode = status ?? 1
}

/** What is optional may be there or not. */
function isMissing(wanted, installed) {
  return wanted.version !== installed?.version && (installed !== undefined || !wanted.optional)
}

/** What a lock file knows: packages by path. */
function packagesIn(file) {
  const path = join(import.meta.dirname, file)
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : {}
}
