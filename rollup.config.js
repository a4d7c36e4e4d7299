/**
 * From the compiler's output in build/src to what is shipped in dist/: a file
 * for each door and format, shared chunks for what two doors have in common,
 * and the declarations as they are. `exports` in package.json names the doors,
 * `bin` the commands.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { nodeResolve } from '@rollup/plugin-node-resolve'

const compiled = 'build/src'
const prefix = './dist/esm/'

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const doors = namesOf(
  Object.values(manifest.exports)
    .filter((door) => typeof door === 'object')
    .map((door) => door.import.default),
)
const commands = namesOf(Object.values(manifest.bin))

/** Of the files in build/src that files in dist/esm are made from. */
function namesOf(files) {
  return files.map((file) => file.slice(prefix.length, -'.js'.length))
}

/** Rollup's `input`: a file for each name. */
function inputOf(names) {
  return Object.fromEntries(names.map((name) => [name, join(compiled, `${name}.js`)]))
}

/** The folder of the package that a foreign module belongs to; none for our own. */
const packageOf = (file) => file.match(/^.*\/node_modules\/(?:@[^/]+\/)?([^/]+)/)

/**
 * Hands the compiler's source maps on, so that the bundle's maps end in src/.
 * Foreign sources are not in the package: what comes from them has no map.
 */
const sourceMaps = {
  name: 'source-maps',
  load: (file) => ({
    code: readFileSync(file, 'utf8'),
    map: packageOf(file) ? { mappings: '' } : JSON.parse(readFileSync(`${file}.map`, 'utf8')),
  }),
}

/** The licences of the libraries that a door has inside, in the words of their authors. */
const licences = {
  name: 'licences',
  generateBundle(_, bundle) {
    const modules = Object.values(bundle).flatMap((chunk) => Object.keys(chunk.modules ?? {}))
    const folders = modules.flatMap((file) => packageOf(file)?.[0] ?? [])
    const texts = [...new Set(folders)].sort().map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
      return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
    })
    if (texts.length > 0) this.emitFile({ type: 'asset', fileName: 'LICENSES.txt', source: texts.join('\n---\n\n') })
  },
}

/** Maps that say nothing, as of what others have written, are not shipped. */
const emptyMaps = {
  name: 'empty-maps',
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== 'chunk' || /[^;]/.test(chunk.map.mappings)) continue
      chunk.code = chunk.code.replace(/\/\/# sourceMappingURL=.*\n$/, '')
      delete bundle[chunk.sourcemapFileName]
    }
  },
}

/** What a declaration imports of our own: the path without `.ts`, in its quotes. */
const IMPORTED = /(['"])(\.{1,2}\/[^'"]*)\.ts\1/g

/**
 * Copies the declarations of the doors and what those import, each format its
 * own: one file cannot describe both. The compiler leaves `.ts` in their imports;
 * `.js` is as long, which keeps their maps true. build/src and dist/esm are
 * equally deep, which keeps them leading to src/.
 */
const declarations = {
  name: 'declarations',
  generateBundle() {
    const names = new Set(doors)
    // A set hands out what is added to it meanwhile.
    for (const name of names) {
      const text = readFileSync(join(compiled, `${name}.d.ts`), 'utf8')
      for (const [, , path] of text.matchAll(IMPORTED)) names.add(join(dirname(name), path))
      this.emitFile({ type: 'asset', fileName: `${name}.d.ts`, source: text.replace(IMPORTED, '$1$2.js$1') })
      const map = readFileSync(join(compiled, `${name}.d.ts.map`), 'utf8')
      this.emitFile({ type: 'asset', fileName: `${name}.d.ts.map`, source: map })
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

/** What the core door hands on; other doors import a broker from it. */
const CORE = /build\/src\/(index|broker)\.js$/

/**
 * What goes into a chunk of its own: each foreign library, so that ours stay
 * ours. Each file costs a new process 0.7 ms, so the core is two: its door,
 * with all that nobody else needs, and what it has in common with others.
 */
function chunkOf(file, { getModuleInfo }) {
  if (packageOf(file)) return packageOf(file)[1]
  const importersOf = (name) => getModuleInfo(name).importers
  const isPrivate = (name) => CORE.test(name) || (importersOf(name).length > 0 && importersOf(name).every(isPrivate))
  const isOfCore = (name) => CORE.test(name) || importersOf(name).some(isOfCore)
  if (isPrivate(file)) return 'index'
  return isOfCore(file) ? 'core' : undefined
}

const output = {
  sourcemap: true,
  sourcemapExcludeSources: true, // src/ is in the package
  manualChunks: chunkOf,
  chunkFileNames: ({ moduleIds }) => (moduleIds.some(packageOf) ? 'libraries/[name].js' : 'shared/[name].js'),
  generatedCode: 'es2015',
  hoistTransitiveImports: false,
}

const shared = {
  external: /^node:/,
  plugins: [nodeResolve({ exportConditions: ['default'], preferBuiltins: true }), sourceMaps],
  onLog(level, log, handle) {
    const isTheirs = log.code === 'CIRCULAR_DEPENDENCY' && log.ids?.every((file) => file.includes('node_modules'))
    if (!isTheirs) handle(level === 'warn' ? 'error' : level, log)
  },
}

/** A command is run, not imported, so one format of it is enough. */
export default [
  {
    ...shared,
    input: inputOf([...doors, ...commands]),
    output: { ...output, dir: 'dist/esm', format: 'esm', plugins: [declarations, licences, emptyMaps] },
  },
  {
    ...shared,
    input: inputOf(doors),
    output: { ...output, dir: 'dist/cjs', format: 'cjs', plugins: [declarations, licences, emptyMaps, commonJsMark] },
  },
]
