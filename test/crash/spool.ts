/**
 * The long run:
 *
 *   npx tsx test/crash/spool.ts 2000
 *   npx tsx test/crash/spool.ts 500 --seed 42 --lanes 4 --places
 *
 * `--places` also prints at which moments children have died. Where something is wrong, the files stay, and the exit code is 1.
 * Ctrl-C ends the run.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as Campaign from "./spoolCampaign.js"

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

const kills = wholeNumber("The number of kills", positionals[0] ?? "500")
const lanes = wholeNumber("--lanes", values.lanes ?? "2")
const seed =
  values.seed === undefined ? crypto.getRandomValues(new Uint32Array(1))[0]! : wholeNumber("--seed", values.seed)

const folder = mkdtempSync(join(values.folder ?? tmpdir(), "audit-spool-"))
const interrupted = new AbortController()
process.once("SIGINT", () => interrupted.abort())
process.once("SIGTERM", () => interrupted.abort())

console.log(`${kills} kills, seed ${seed}, in ${folder}`)
const { figures, done } = Campaign.start({ kills, seed, lanes, folder, signal: interrupted.signal })

const summary = () =>
  `${figures.kills} kills, ${figures.aimed} at chosen moments (${figures.atTheDatabase} around the database); ` +
  `${figures.spools} spools, ${figures.lives} lives, ${figures.acknowledged} acknowledged, ${figures.stored} stored`
const timer = setInterval(() => console.log(summary()), 10_000)

try {
  await done
  console.log(summary())
  if (values.places === true) {
    for (const [place, deaths] of [...figures.deathsByPlace].sort(([a], [b]) => a.localeCompare(b))) {
      console.log(`${String(deaths).padStart(6)}  ${place}`)
    }
  }
  console.log(interrupted.signal.aborted ? "interrupted: nothing was wrong so far" : "nothing was wrong")
  rmSync(folder, { recursive: true })
  if (interrupted.signal.aborted) process.exitCode = 130
} catch (error) {
  console.log(summary())
  console.error(`something is wrong: ${error instanceof Campaign.Broken ? error.message : String(error)}`)
  console.error(`the files are in ${folder}; the seed was ${seed}`)
  process.exitCode = 1
} finally {
  clearInterval(timer)
}
