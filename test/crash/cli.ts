/**
 * The long run:
 *
 *   npm run test:crash -- 10000
 *   npm run test:crash -- 2000 --seed 42 --lanes 4 --places
 *
 * `--places` also prints at which operations children have died. Where something is wrong, the trail stays, and the exit code
 * is 1. Ctrl-C ends the run.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as Campaign from "./campaign.js"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string" },
    lanes: { type: "string" },
    folder: { type: "string" },
    places: { type: "boolean" }
  }
})

const wholeNumber = (name: string, text: string): number => {
  if (/^\d{1,10}$/.test(text)) return Number(text)
  console.error(`${name} must be a whole number, not '${text}'`)
  process.exit(2)
}

const kills = wholeNumber("The number of kills", positionals[0] ?? "2000")
const lanes = wholeNumber("--lanes", values.lanes ?? "2")
const seed =
  values.seed === undefined ? crypto.getRandomValues(new Uint32Array(1))[0]! : wholeNumber("--seed", values.seed)

const folder = mkdtempSync(join(values.folder ?? tmpdir(), "audit-crash-"))
const interrupted = new AbortController()
process.once("SIGINT", () => interrupted.abort())
process.once("SIGTERM", () => interrupted.abort())

console.log(`${kills} kills, seed ${seed}, in ${folder}`)
const startedAt = performance.now()
const { figures, done } = Campaign.start({ kills, seed, lanes, folder, signal: interrupted.signal })

const seconds = () => (performance.now() - startedAt) / 1000
const progress = () => {
  const rate = figures.kills / seconds()
  const left = rate === 0 ? "?" : Math.ceil((kills - figures.kills) / rate)
  return (
    `${figures.kills} kills (${rate.toFixed(1)}/s, ${left} s left), ${figures.acknowledged} acknowledged, ` +
    `${figures.tornTails} torn tails, ${figures.recovered} recoveries`
  )
}

const isTerminal = process.stdout.isTTY
const show = () => (isTerminal ? process.stdout.write(`\r\u001b[K${progress()}`) : console.log(progress()))
const timer = setInterval(show, isTerminal ? 500 : 10_000)

const summary = () => {
  const mean = (figures.openMillis / Math.max(1, figures.lives)).toFixed(0)
  return [
    `${figures.kills} kills in ${seconds().toFixed(0)} s: ${figures.aimed} at chosen operations, ${figures.kills - figures.aimed} from outside`,
    `${figures.trails} trails, ${figures.lives} lives, ${figures.closed} of them closed in peace`,
    `${figures.acknowledged} acknowledged of ${figures.records} records, ${figures.seals} seals, ${figures.outsideSeals} of them in second places, ${figures.trimmed} trimmings`,
    `${figures.tornTails} torn tails, ${figures.recovered} recoveries, ${figures.refusedMeanwhile} refused while another one was dying`,
    `a trail was open after ${mean} ms, at the latest after ${figures.slowestOpenMillis.toFixed(0)} ms`
  ].join("\n")
}

const places = () =>
  [...figures.deathsByPlace]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([place, deaths]) => `${String(deaths).padStart(6)}  ${place}`)
    .join("\n")

try {
  await done
  clearInterval(timer)
  if (isTerminal) console.log()
  console.log(summary())
  if (values.places === true) console.log(places())
  console.log(interrupted.signal.aborted ? "interrupted: nothing was wrong so far" : "nothing was wrong")
  rmSync(folder, { recursive: true })
  if (interrupted.signal.aborted) process.exitCode = 130
} catch (error) {
  clearInterval(timer)
  if (isTerminal) console.log()
  console.log(summary())
  console.error(`something is wrong: ${error instanceof Campaign.Broken ? error.message : String(error)}`)
  console.error(`the trails are in ${folder}; the seed was ${seed}`)
  process.exitCode = 1
}
