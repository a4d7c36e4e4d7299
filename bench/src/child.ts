/**
 * One scenario of one question, in a process of its own: no heap, compiled code
 * or inline cache of another one gets in its way. `run.ts` starts it, and is
 * sent the samples.
 *
 * node --expose-gc child.js <question> <scenario> [--smoke]
 */
import { Bench } from './bench.ts'
import { questions } from './questions.ts'

const [name = '', scenario = '', mode] = process.argv.slice(2)
const load = questions[name]
if (load === undefined) throw new Error(`There is no question ${name}`)

const bench = new Bench(mode === '--smoke')
const { question } = await load()
// A smoke run starts one process a question, because that is what takes its time.
const wanted = question.scenarios.filter((each) => scenario === '' || each.name === scenario)
for (const each of wanted) await each.measure(bench)

process.send?.(bench.samples, () => process.exit())
