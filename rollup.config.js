/**
 * From the compiler's output in build/src to what is shipped in dist/: a file
 * for each door and format, shared chunks for what two doors have in common,
 * and the declarations as they are. `exports` in package.json names the doors.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const compiled = 'build/src'
const prefix = './dist/esm/'

const doors = Object.values(JSON.parse(readFileSync('package.json', 'utf8')).exports)
  .filter((door) => typeof door === 'object')
  .map((door) => door.import.default.slice(prefix.length, -'.js'.length))

/** Hands the compiler's source maps on, so that the bundle's maps end in src/. */
const sourceMaps = {
  name: 'source-maps',
  load: (file) => ({
    code: readFileSync(file, 'utf8'),
    map: JSON.parse(readFileSync(`${file}.map`, 'utf8')),
  }),
}

/**
 * Copies the declarations, each format its own: one file cannot describe both.
 * The compiler leaves `.ts` in their imports; `.js` is as long, which keeps their
 * maps true. build/src and dist/esm are equally deep, which keeps them leading to src/.
 */
const declarations = {
  name: 'declarations',
  generateBundle() {
    for (const name of readdirSync(compiled, { recursive: true })) {
      if (!/\.d\.ts(\.map)?$/.test(name)) continue
      const text = readFileSync(join(compiled, name), 'utf8')
      const source = name.endsWith('.map') ? text : text.replace(/(['"]\.{1,2}\/[^'"]*)\.ts(['"])/g, '$1.js$2')
      this.emitFile({ type: 'asset', fileName: name, source })
    }
  },
}

/** Node takes .js files for ES modules in this package; these are not. */
const commonJsMark = {
  name: 'commonjs-mark',
  generateBundle() {
    this.emitFile({ type: 'asset', fileName: 'package.json', source: '{ "type": "commonjs" }\n' })
  },
}

const output = {
  sourcemap: true,
  sourcemapExcludeSources: true, // src/ is in the package
  chunkFileNames: 'shared/[name].js',
  generatedCode: 'es2015',
}

export default {
  input: Object.fromEntries(doors.map((door) => [door, join(compiled, `${door}.js`)])),
  external: /^node:/,
  plugins: [sourceMaps],
  onLog(level, log, handle) {
    handle(level === 'warn' ? 'error' : level, log)
  },
  output: [
    { ...output, dir: 'dist/esm', format: 'esm', plugins: [declarations] },
    { ...output, dir: 'dist/cjs', format: 'cjs', plugins: [declarations, commonJsMark] },
  ],
}
