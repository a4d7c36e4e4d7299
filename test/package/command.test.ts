/** The command as a stranger gets it: by its name, from the installed package. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { root, Stranger } from './stranger.ts'

const stranger = new Stranger()
after(() => stranger.leave())

describe('The installed command', () => {
  it('runs under its name', () => {
    // This package's own manifest.
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    assert.equal(stranger.run('npx', ['--offline', 'busbar', '--version']), `${version}\n`)
  })

  it('serves, starts an app with its port, and ends with it', () => {
    const code = `
      fetch('http://127.0.0.1:' + process.env.DAPR_HTTP_PORT + '/v1.0/healthz').then(({ status }) => process.exit(status - 200))
    `
    const args = ['--dapr-http-port', '0', '--', process.execPath, '-e', code]
    assert.throws(() => stranger.run(join(stranger.folder, 'node_modules/.bin/busbar'), args), /exit code 4\n/)
  })
})
