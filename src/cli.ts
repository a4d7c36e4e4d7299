#!/usr/bin/env node
/**
 * The command `busbar`: hands the process that it is, and the sidecar, to
 * cli/run.ts. Nothing is decided here.
 *
 * Layer 39.
 */
import { readFileSync } from 'node:fs'
import { runCommand } from './cli/run.ts'
import { DaprSidecar } from './dapr/sidecar.ts'
import { MomentoServer } from './momento/server.ts'
import { SystemClock } from './time/clock.ts'

// build/src and dist/esm are equally deep. The package's own manifest: it has a version.
const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Output that nobody reads any more is as good as a terminal that is gone. */
function onSignal(listener: (signal: NodeJS.Signals) => void): () => void {
  const onOutputLost = (): void => listener('SIGHUP')
  for (const signal of SIGNALS) process.on(signal, listener)
  process.stdout.once('error', onOutputLost)
  return () => {
    for (const signal of SIGNALS) process.removeListener(signal, listener)
    process.stdout.removeListener('error', onOutputLost)
  }
}

/** Writing to nobody is no reason to fall over. */
function ignore(): void {}
process.stdout.on('error', ignore)
process.stderr.on('error', ignore)

const exitCode = runCommand(
  {
    args: process.argv.slice(2),
    environment: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    clock: new SystemClock(),
    version: manifest.version,
    onSignal,
  },
  {
    sidecar: (options) => DaprSidecar.start(options),
    momento: (options) => MomentoServer.start(options),
  },
)

// What a connection or a timer still holds open does not count any more.
void exitCode.then((code) => process.stdout.write('', () => process.exit(code)))
