/**
 * What a door costs a user: bundled with all it imports, minified, gzipped.
 * Fails when the core door is over its limit. Run with `npm run size`.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { buildSync } from 'esbuild'

/** What it weighs now, and little more: it may shrink, and grows only when somebody means it. */
const CORE_LIMIT_BYTES = 21 * 1024

const root = join(import.meta.dirname, '../..')
// This package's own manifest: every value but './package.json' is a door with these conditions.
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | { import: { default: string } }>
}

for (const [door, conditions] of Object.entries(exports)) {
  if (typeof conditions === 'string') continue
  const { minified, gzipped } = sizeOf(join(root, conditions.import.default))
  const limit = door === '.' ? ` of ${CORE_LIMIT_BYTES}` : ''
  console.log(`${`busbar${door.slice(1)}`.padEnd(20)} ${gzipped}${limit} bytes gzipped, ${minified} minified`)
  if (door === '.' && gzipped > CORE_LIMIT_BYTES) process.exitCode = 1
}

function sizeOf(file: string): { minified: number; gzipped: number } {
  const built = buildSync({
    entryPoints: [file],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    external: ['node:*'],
    legalComments: 'none',
  })
  const code = built.outputFiles[0]?.contents ?? new Uint8Array()
  return { minified: code.length, gzipped: gzipSync(code, { level: 9 }).length }
}
