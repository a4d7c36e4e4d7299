/**
 * The README keeps its word: its code compiles, runs and prints what it says,
 * and its tables name everything there is.
 *
 * The blocks under one heading are one program. In it
 * - `// prints x` is a line of output,
 * - `x // => y` means that the value of `x` shows as `y`,
 *   both in the order in which the program prints them,
 * - `// error: x` is a line that must not compile, with the message of the
 *   compiler. A block with such a line is checked and not run.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Broker } from 'busbar'
import * as cloudevents from 'busbar/cloudevents'
import { DaprSidecar } from 'busbar/dapr'
import { ManualClock } from 'busbar/testing'

/** A fenced block. */
interface Block {
  readonly language: string
  readonly code: string
  /** The heading above it, with its number in front. */
  readonly heading: string
}

/** What is written to a file of its own, to be compiled or run. */
interface Program {
  readonly file: string
  readonly code: string
}

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'build/readme')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
// This package's own manifest.
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }

/** Shows a value as the README does, on one line. */
const SHOW = `
import { inspect } from 'node:util'
export function show(value: unknown): void {
  console.log(inspect(value, { breakLength: Infinity, depth: Infinity }))
}
`

const blocks = readBlocks(readme)
const runs = programs('ts', (code) => !mustFail(code))
const failures = blocks.filter(({ language, code }) => language === 'ts' && mustFail(code)).map(toFailure)
const scriptRuns = programs('js', () => true)
const faults = compile([...runs, ...failures])

describe('The code in the README', () => {
  it('is in languages that this test understands', () => {
    const known = ['ts', 'js', 'sh']
    assert.deepEqual(
      blocks.filter(({ language }) => !known.includes(language)),
      [],
    )
    assert.equal(blocks.length * 2, readme.split('```').length - 1, 'a fence that was not understood')
    assert.ok(runs.length > 5 && failures.length > 0 && scriptRuns.length > 0)
  })

  for (const { file, code } of runs) {
    it(`compiles, runs and prints what it says: ${file}`, () => {
      assert.deepEqual(faultsOf(file), [])
      assert.deepEqual(run(file.replace(/\.ts$/, '.js')), expectedOutput(code))
    })
  }

  for (const { file, code } of scriptRuns) {
    it(`runs and prints what it says: ${file}`, () => {
      writeFileSync(join(folder, file), code)
      assert.deepEqual(run(file), expectedOutput(code))
    })
  }

  for (const { file, code } of failures) {
    it(`does not compile where it says so: ${file}`, () => {
      const expected = [...code.split('\n').entries()].filter(([, line]) => mustFail(line))
      assert.deepEqual(
        faultsOf(file).map(({ line }) => line),
        expected.map(([index]) => index + 1),
      )
      for (const [index, line] of expected) {
        const message = line.split('// error: ')[1] ?? ''
        const fault = faultsOf(file).find((found) => found.line === index + 1)
        assert.ok(fault?.message.includes(message), `${line}\ngives: ${fault?.message}`)
      }
    })
  }

  it('names scripts that exist', () => {
    const shell = blocks.filter(({ language }) => language === 'sh').map(({ code }) => code)
    const named = [...shell.join('\n').matchAll(/npm (?:run )?((?!ci\b|install\b)[a-z][a-z:]*)/g)].map(
      ([, name]) => name,
    )
    assert.ok(named.length > 8)
    assert.deepEqual(
      named.filter((name) => name === undefined || !(name in scripts)),
      [],
    )
  })
})

describe('The tables in the README', () => {
  for (const [section, name, file] of [
    ['Broker', 'BrokerOptions', 'options.ts'],
    ['Publish options', 'PublishOptions', 'options.ts'],
    ['Subscribe options', 'SubscribeOptions', 'options.ts'],
    ['Dapr', 'DaprSidecarOptions', 'dapr/settings.ts'],
    ['The server', 'MomentoServerOptions', 'momento/server.ts'],
  ] as const) {
    const declared = optionsOf(bodyOf(readFileSync(join(root, 'src', file), 'utf8'), name))
    const rows = rowsOf(section).filter((cells) => cells.length === 3)
    const told = rows.flatMap(([names = '', value = '']) =>
      namesIn(names).map((option) => [option, plain(value)] as const),
    )

    it(`name every one of ${name} and no other`, () => {
      assert.deepEqual(told.map(([option]) => option).sort(), [...declared.keys()].sort())
    })

    it(`give the defaults of ${name}`, () => {
      for (const [option, value] of told) assert.equal(value, declared.get(option) ?? 'none', option)
    })
  }

  it('name every error code and no other', () => {
    const declared = readFileSync(join(root, 'src/errors.ts'), 'utf8').match(/(?<=\| ')ERR_\w+/g) ?? []
    assert.deepEqual(
      rowsOf('Errors').map(([code = '']) => plain(code)),
      declared,
    )
  })

  const observer = bodyOf(readFileSync(join(root, 'src/observer.ts'), 'utf8'), 'Observer')
  const message = bodyOf(readFileSync(join(root, 'src/delivery/message.ts'), 'utf8'), 'Message')
  // `end` is internal; the rest of the second list is what a clock has for brokers, not for tests.
  const hidden = ['constructor', 'end', 'setTimer', 'clearTimer', 'nextTurn', 'attach']
  const methodsOf = (object: object) =>
    Object.getOwnPropertyNames(Object.getPrototypeOf(object)).filter((name) => !hidden.includes(name))
  for (const [what, section, names] of [
    ['a broker can do', 'Broker', methodsOf(new Broker())],
    ['a broker counts', 'Counts', Object.keys(new Broker().stats())],
    ['an observer is told', 'Broker', [...observer.matchAll(/^ {2}(\w+)\?\(/gm)].map(([, name]) => name)],
    ['a subscription can do', 'Subscription', methodsOf(new Broker().subscribe('a'))],
    ['a message has', 'Message', [...message.matchAll(/^ {2}(?:readonly )?(\w+)[:(]/gm)].map(([, name]) => name)],
    ['a manual clock can do', 'ManualClock', methodsOf(new ManualClock())],
    ['busbar/cloudevents has', 'CloudEvents', Object.keys(cloudevents)],
    [
      'a sidecar can do',
      'Dapr',
      Object.getOwnPropertyNames(DaprSidecar.prototype).filter((name) => !hidden.includes(name)),
    ],
  ] as const) {
    it(`leave out nothing that ${what}`, () => {
      assert.ok(names.length > 4)
      assert.deepEqual(
        names.filter((name) => !new RegExp(`\`${name}\\b`).test(sectionOf(section))),
        [],
      )
    })
  }
})

describe('The size in the README', () => {
  it('is what the core weighs, rounded up', () => {
    const { stdout } = spawnSync(process.execPath, [join(root, 'build/test/size.js')], { encoding: 'utf8' })
    const bytes = Number(/^busbar +(\d+)/m.exec(stdout)?.[1])
    const told = Number(/the core is (\d+) KiB minified and gzipped/.exec(readme)?.[1])
    assert.equal(told, Math.ceil(bytes / 1024), `the core has ${bytes} bytes`)
  })
})

function readBlocks(markdown: string): readonly Block[] {
  let heading = ''
  let count = 0
  return [...markdown.matchAll(/^#+ (?<title>.+)|^```(?<language>\w*)\n(?<code>[^]*?)^```$/gm)].flatMap(
    ({ groups = {} }) => {
      const { title, language, code } = groups
      if (title !== undefined)
        heading = `${String(++count).padStart(2, '0')}-${title.toLowerCase().replace(/[^a-z]+/g, '-')}`
      return language === undefined || code === undefined ? [] : [{ language, code, heading }]
    },
  )
}

function mustFail(code: string): boolean {
  return code.includes('// error: ')
}

/** One program for each heading that has such blocks. */
function programs(language: 'ts' | 'js', isWanted: (code: string) => boolean): readonly Program[] {
  const wanted = blocks.filter((block) => block.language === language && isWanted(block.code))
  const headings = [...new Set(wanted.map(({ heading }) => heading))]
  const extension = language === 'ts' ? 'ts' : 'cjs'
  return headings.map((heading) => ({
    file: `${heading}.${extension}`,
    code: wanted
      .filter((block) => block.heading === heading)
      .map(({ code }) => code)
      .join('\n'),
  }))
}

/** What must not compile, behind what stands above it. */
function toFailure({ heading, code }: Block): Program {
  const before = runs.find(({ file }) => file === `${heading}.ts`)?.code ?? ''
  return { file: `${heading}-errors.ts`, code: `${before}\n${code}` }
}

interface Fault {
  readonly file: string
  readonly line: number
  readonly message: string
}

function faultsOf(file: string): readonly Fault[] {
  return faults.filter((fault) => fault.file === file)
}

/** Compiles all programs at once, as strictly as can be, beside where they are written. */
function compile(sources: readonly Program[]): readonly Fault[] {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const { file, code } of sources) writeFileSync(join(folder, file), instrument(code))
  writeFileSync(join(folder, 'show.ts'), SHOW)
  const compilerOptions = {
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  const { stdout } = node([join(root, 'node_modules/typescript/bin/tsc'), '-p', folder, '--pretty', 'false'])
  return [...stdout.matchAll(/([\w-]+\.ts)\((\d+),\d+\): error (.*(?:\n .*)*)/g)].map(
    ([, file = '', line, message = '']) => ({
      file,
      line: Number(line),
      message,
    }),
  )
}

/** Prints what stands in front of a `// =>`; every line stays where it is. */
function instrument(code: string): string {
  return `import { show } from './show.ts'; show; ${code}`.replace(/^( *)(.+?) \/\/ => .*$/gm, '$1show($2)')
}

function expectedOutput(code: string): readonly string[] {
  return [...code.matchAll(/\/\/ (?:=>|prints) (.*)$/gm)].map(([, text = '']) => text)
}

/** What a program prints, line by line. */
function run(file: string): readonly string[] {
  const { stdout, stderr, status, signal } = node([join(folder, file)])
  assert.deepEqual({ stderr, status, signal }, { stderr: '', status: 0, signal: null }, stdout)
  return stdout.split('\n').slice(0, -1)
}

function node(args: readonly string[]): {
  stdout: string
  stderr: string
  status: number | null
  signal: string | null
} {
  // Coverage is measured on what is compiled from src, not on the package that these programs import.
  const { NODE_V8_COVERAGE: _, ...env } = process.env
  return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', env, timeout: 60_000 })
}

/** The text under a heading, up to the next one that is not below it. */
function sectionOf(title: string): string {
  const [, marks = '', text = ''] = new RegExp(`^(#+) ${title}\\n([^]*)`, 'm').exec(readme) ?? []
  return text.split(new RegExp(`^#{1,${marks.length}} `, 'm'))[0] ?? ''
}

/** The cells of all tables under a heading, without their heads. */
function rowsOf(title: string): readonly (readonly string[])[] {
  const tables = sectionOf(title)
    .split(/^\|[-|]+\|\n/m)
    .slice(1)
  const lines = tables.flatMap((table) => table.split('\n\n')[0]?.split('\n') ?? [])
  return lines
    .filter((line) => line !== '')
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

/** The body of an interface. */
function bodyOf(source: string, name: string): string {
  return new RegExp(`^export interface ${name}\\b[^{]*\\{\\n([^]*?)^\\}`, 'm').exec(source)?.[1] ?? ''
}

/** The options that an interface declares, each with the default that its docstring names, if there is one. */
function optionsOf(body: string): ReadonlyMap<string, string | undefined> {
  const declarations = body.matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\n {2}readonly (\w+)\??:/g)
  return new Map(
    [...declarations].map(([, docstring = '', name = '']) => {
      const value = /[Dd]efault:? (.+?)\.?\s*$/.exec(docstring.replace(/\s*\n\s*\*\s*/g, ' '))?.[1]
      return [name, value === undefined ? undefined : plain(value)]
    }),
  )
}

function namesIn(cell: string): readonly string[] {
  return [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name)
}

/** Without the signs for code and text, and with numbers written in one way. */
function plain(cell: string): string {
  return cell.replace(/[`']/g, '').replace(/(?<=\d)[ _](?=\d{3})/g, '')
}
