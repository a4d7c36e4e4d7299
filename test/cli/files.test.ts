/** Which files are read, in which order, and what is said of those that cannot be. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { readResourceFiles, readTextFile } from '../../src/cli/files.ts'

const folder = mkdtempSync(join(tmpdir(), 'busbar-files-'))
after(() => rmSync(folder, { recursive: true }))

function place(path: string, content: string | Uint8Array = path): string {
  const full = join(folder, path)
  mkdirSync(join(full, '..'), { recursive: true })
  writeFileSync(full, content)
  return full
}

for (const path of ['one/b.yaml', 'one/a.yml', 'one/C.YAML', 'one/d.json', 'one/notes.md', 'one/e.yaml.bak'])
  place(path)
place('one/inner/x.yaml')
place('one/folder.yaml/y.yaml')
place('two/a.yaml')
mkdirSync(join(folder, 'empty'))
symlinkSync(join(folder, 'two/a.yaml'), join(folder, 'one/link.yaml'))

describe('readResourceFiles', () => {
  it('reads the YAML and JSON files of a directory in order of their names', async () => {
    const files = await readResourceFiles([join(folder, 'one')], '--resources-path')
    assert.deepEqual(
      files.map(({ path, text }) => [path.slice(folder.length + 1), text]),
      [
        ['one/C.YAML', 'one/C.YAML'],
        ['one/a.yml', 'one/a.yml'],
        ['one/b.yaml', 'one/b.yaml'],
        ['one/d.json', 'one/d.json'],
        ['one/link.yaml', 'two/a.yaml'],
      ],
    )
  })

  it('keeps the order of the paths, and takes a file for a path', async () => {
    const paths = ['two', 'one/notes.md', 'empty'].map((path) => join(folder, path))
    const files = await readResourceFiles(paths, '--resources-path')
    assert.deepEqual(
      files.map(({ text }) => text),
      ['two/a.yaml', 'one/notes.md'],
    )
  })

  it('reads nothing for no paths', async () => assert.deepEqual(await readResourceFiles([], '-'), []))

  for (const [name, path, message] of [
    ['a path that is not there', 'missing', /cannot read ".*missing": there is no such file or directory/],
    ['a file that is too large', place('large.yaml', new Uint8Array(4 * 1024 * 1024 + 1)), /more than 4194304/],
    ['a file that is not text', place('bytes/a.yaml', Uint8Array.of(0xc3, 0x28)), /a\.yaml" is not UTF-8 text/],
  ] as const) {
    it(`refuses ${name}`, async () => {
      await assert.rejects(
        readResourceFiles([path.startsWith(folder) ? path : join(folder, path)], '--resources-path'),
        {
          code: 'ERR_OPTION_INVALID',
          option: '--resources-path',
          message,
        },
      )
    })
  }

  it('names a link that leads nowhere', async () => {
    mkdirSync(join(folder, 'dangling'))
    symlinkSync('nowhere', join(folder, 'dangling/a.yaml'))
    await assert.rejects(readResourceFiles([join(folder, 'dangling')], '-'), { message: /a\.yaml": there is no such/ })
  })
})

describe('readTextFile', () => {
  it('reads a file and leaves out its byte order mark', async () => {
    const path = place('bom.yaml', '\ufeffa: 1\n')
    assert.deepEqual(await readTextFile(path, '--config'), { path, text: 'a: 1\n' })
  })

  it('refuses a directory', async () => {
    await assert.rejects(readTextFile(folder, '--config'), {
      code: 'ERR_OPTION_INVALID',
      option: '--config',
      message: /it is a directory/,
    })
  })
})
