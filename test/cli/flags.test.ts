/** How a command line may be written. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseFlags } from '../../src/cli/flags.ts'
import { helpText, KNOWN_FLAGS } from '../../src/cli/known-flags.ts'

/** What was given for each flag, as an object. */
function given(args: readonly string[]): Record<string, readonly string[]> {
  return Object.fromEntries(parseFlags(args).values)
}

describe('parseFlags', () => {
  for (const [name, args] of [
    ['two dashes and the next word', ['--app-port', '3000']],
    ['two dashes and =', ['--app-port=3000']],
    ['one dash, as daprd allows', ['-app-port', '3000']],
    ['one dash and =', ['-app-port=3000']],
    ['the letter of dapr run', ['-p', '3000']],
    ['the letter and =', ['-p=3000']],
    ['the letter with its value', ['-p3000']],
    ['the word run in front', ['run', '--app-port', '3000']],
  ] as const) {
    it(`reads a value after ${name}`, () => assert.deepEqual(given(args), { 'app-port': ['3000'] }))
  }

  for (const [letter, name] of [
    ['-a', 'app-id'],
    ['-p', 'app-port'],
    ['-P', 'app-protocol'],
    ['-H', 'dapr-http-port'],
    ['-d', 'components-path'],
    ['-c', 'config'],
  ] as const) {
    it(`takes ${letter} for --${name}`, () => assert.deepEqual(given([letter, 'x']), { [name]: ['x'] }))
  }

  for (const [args, expected] of [
    [['--log-as-json'], 'true'],
    [['--log-as-json=true'], 'true'],
    [['--log-as-json=T'], 'true'],
    [['--log-as-json=1'], 'true'],
    [['--log-as-json=false'], 'false'],
    [['--log-as-json=0'], 'false'],
  ] as const) {
    it(`reads the switch ${args.join(' ')} as ${expected}`, () => {
      assert.deepEqual(given(args), { 'log-as-json': [expected] })
    })
  }

  it('keeps every value of a flag, in order', () => {
    assert.deepEqual(given(['--pubsub', 'a', '--app-id', 'x', '--pubsub=b']), { pubsub: ['a', 'b'], 'app-id': ['x'] })
  })

  it('takes any next word for a value, also one with a dash', () => {
    assert.deepEqual(given(['--app-max-concurrency', '-1', '--app-id', '--']), {
      'app-max-concurrency': ['-1'],
      'app-id': ['--'],
    })
  })

  it('lets a value hold = and be empty', () => {
    assert.deepEqual(given(['--resources-path=a=b', '--app-id=']), { 'resources-path': ['a=b'], 'app-id': [''] })
  })

  it('leaves everything behind -- to the app', () => {
    const { values, command } = parseFlags(['--app-id', 'x', '--', 'npm', 'run', '--', '--app-id', 'y'])
    assert.deepEqual(Object.fromEntries(values), { 'app-id': ['x'] })
    assert.deepEqual(command, ['npm', 'run', '--', '--app-id', 'y'])
  })

  it('finds no command without --', () => assert.deepEqual(parseFlags([]).command, []))

  it('names flags without effect once each, under their long names', () => {
    const args = ['--dapr-grpc-port', '50001', '--enable-metrics=false', '-G', '7', '--enable-profiling', '-M=9090']
    const { ignored, values } = parseFlags(args)
    assert.deepEqual(ignored, ['--dapr-grpc-port', '--enable-metrics', '--enable-profiling', '--metrics-port'])
    assert.equal(values.size, 0)
  })

  for (const [args, option, message] of [
    [['--app-prot', '1'], '--app-prot', /there is no such flag; did you mean --app-port\?/],
    [['--app_port=1'], '--app_port', /did you mean --app-port\?/],
    [['--resource-path', 'x'], '--resource-path', /did you mean --resources-path\?/],
    [['--verison'], '--verison', /did you mean --version\?/],
    [['-x'], '-x', /there is no such flag$/],
    [['--'.concat('y'.repeat(100_000))], undefined, /there is no such flag$/],
    [['--constructor'], '--constructor', /there is no such flag$/],
    [['--a'], '--a', /there is no such flag$/],
    [['---app-port', '1'], '---app-port', /did you mean --app-port\?/],
    [['-'], '"-"', /is no flag/],
    [['node', 'app.js'], '"node"', /it is no flag; the command of an app goes behind --/],
    [['--app-id', 'x', 'run'], '"run"', /it is no flag/],
    [['--app-port'], '--app-port', /its value is missing/],
    [['-p'], '-p', /its value is missing/],
    [['--log-as-json=maybe'], '--log-as-json', /"maybe" is not true or false/],
    [['--run-file', 'dapr.yaml'], '--run-file', /run templates are not read/],
    [['-f.'], '--run-file', /run templates are not read/],
    [['--kubernetes'], '--kubernetes', /no Kubernetes/],
  ] as const) {
    it(`refuses ${args.join(' ').slice(0, 40)}`, () => {
      assert.throws(() => parseFlags(args), {
        code: 'ERR_OPTION_INVALID',
        message,
        ...(option !== undefined && { option }),
      })
    })
  }

  it('reads any value back, whichever way it is written', () => {
    const served = KNOWN_FLAGS.filter((flag) => flag.fate === 'served' && flag.value !== undefined)
    fc.assert(
      fc.property(fc.constantFrom(...served), fc.string(), fc.boolean(), ({ name }, value, isJoined) => {
        assert.deepEqual(given(isJoined ? [`--${name}=${value}`] : [`--${name}`, value]), { [name]: [value] })
      }),
    )
  })
})

describe('The flags', () => {
  it('have names and letters that are given once', () => {
    const names = KNOWN_FLAGS.flatMap(({ name, short }) => (short === undefined ? [name] : [name, short]))
    assert.deepEqual(
      names.filter((name, index) => names.indexOf(name) !== index),
      [],
    )
  })

  it('are in the help when they are served, and only then', () => {
    const told = [...helpText().matchAll(/^ {2}(?:-(\w), | {4})--([\w-]+)/gm)].map(([, , name]) => name)
    const served = KNOWN_FLAGS.filter(({ fate }) => fate === 'served').map(({ name }) => name)
    assert.deepEqual(told, served)
  })

  it('have a help that fits a terminal', () => {
    assert.deepEqual(
      helpText()
        .split('\n')
        .filter((line) => line.length > 110),
      [],
    )
  })
})
