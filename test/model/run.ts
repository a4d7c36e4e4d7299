/**
 * Runs the model for longer, or the same again; without a seed with a new one:
 *
 *   node build/test/model/run.js --runs 5000 --seed 42
 */
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { runs: { type: 'string' }, seed: { type: 'string' } } })
if (values.runs !== undefined) process.env['RUNS'] = values.runs
process.env['SEED'] = values.seed ?? String(Date.now() % 2 ** 31)

run({ files: [fileURLToPath(new URL('./model.test.js', import.meta.url))] })
  .on('test:fail', () => void (process.exitCode = 1))
  .compose(new spec())
  .pipe(process.stdout)
