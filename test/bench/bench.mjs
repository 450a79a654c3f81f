// `npm run bench` compares the built library with the same done by hand, and writes docs/benchmarks.md. Options:
//
//   npm run bench -- --rounds 7 --requests 20000 --connections 32
import { fork, spawnSync } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { availableParallelism } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { format, resolveConfig } from "prettier"
import { httpCases, inProcessCases } from "./cases.mjs"
import { compare } from "./http.mjs"
import { foreignLimit, loadLimit } from "./measure.mjs"
import { notes, table } from "./report.mjs"

const here = import.meta.dirname
const root = resolve(here, "../..")
const option = (value) => ({ type: "string", default: value })
const { values } = parseArgs({
  options: { rounds: option("7"), requests: option("20000"), connections: option("32") }
})
const load = {
  rounds: Number(values.rounds),
  requests: Number(values.requests),
  connections: Number(values.connections),
  seconds: 30
}
if (!(load.rounds >= 5 && load.connections >= 1 && load.requests >= load.connections)) {
  throw new Error("It takes at least 5 rounds, and a request for each connection")
}

if (!fs.existsSync(join(here, "node_modules", "autocannon"))) {
  const install = ["install", "--prefix", here, "--no-audit", "--no-fund"]
  const { status } = spawnSync("npm", install, { stdio: "inherit", shell: process.platform === "win32" })
  if (status !== 0) throw new Error("autocannon could not be installed")
}

/** The median time in which one line is written and synced, in milliseconds. */
const syncTime = (folder) => {
  const file = fs.openSync(join(folder, "sync"), "a")
  const measured = Array.from({ length: 101 }, () => {
    const start = performance.now()
    fs.writeSync(file, "x".repeat(250) + "\n")
    fs.fsyncSync(file)
    return performance.now() - start
  })
  fs.closeSync(file)
  return measured.sort((a, b) => a - b)[50].toFixed(2)
}

const inProcessRound = async () => {
  const child = fork(join(here, "inProcess.mjs"), [folder])
  const [results] = await Promise.race([once(child, "message"), once(child, "exit").then(() => [])])
  if (results === undefined) throw new Error("The comparisons in process failed")
  return results
}

/** Contestants with their rounds, by case. */
const inProcess = async () => {
  const rounds = []
  for (let round = 0; round < load.rounds; round++) rounds.push(await inProcessRound())
  return Object.keys(inProcessCases).map((key) => {
    const contestants = Object.keys(rounds[0][key])
    return [key, contestants.map((name) => ({ name, rounds: rounds.map((round) => round[key][name]) }))]
  })
}

const section = ({ title, unit, meaning }, measured) => {
  const sentences = meaning(...measured)
    .replaceAll(/\s+/g, " ")
    .trim()
  const text = [`## ${title}`, table(measured, unit), notes(measured), sentences].join("\n\n")
  console.log(`\n${text}`)
  return text
}

const introduction = `# Benchmarks

\`\`\`sh
npm run bench${process.argv.length > 2 ? ` -- ${process.argv.slice(2).join(" ")}` : ""}
\`\`\`

Measured with ${availableParallelism()} cores and Node ${process.versions.node.split(".", 2).join(".")}, the load on the same
machine. Read the ratios: the figures beside them belong to this machine. Over HTTP each server is a process of its own on the
loopback, and autocannon sends ${load.requests.toLocaleString("en-US")} requests over ${load.connections} connections to warm
it up and as many again to measure it. There are ${load.rounds} rounds, in turns, so that what disturbs one contestant disturbs
the others too; each starts new processes, because the same code may stay a quarter slower in one process than in another.
Every answer is compared with the expected one, the contestants' with each other's, and audit files have a line for each request.

A figure is the median, with the lowest and the highest round in brackets; a ratio is that of the medians, with the lowest and
the highest of rounds that followed one another. Within 5 % of 1 is a tie; where
the brackets hold 1, the noise is larger than the difference. CPU time
is the server's, all its threads. A round is disturbed when other processes use more than ${foreignLimit} cores on average, or
the load average is above ${loadLimit}.`

// Not in the folder for temporary files: that may be in memory, where syncing costs nothing.
fs.mkdirSync(join(root, "var"), { recursive: true })
const folder = fs.mkdtempSync(join(root, "var", "bench-"))
process.once("SIGINT", () => process.exit(130))
process.once("exit", () => fs.rmSync(folder, { recursive: true, force: true }))

const sections = []
for (const each of httpCases({ folder, connections: load.connections, syncTime: syncTime(folder) })) {
  sections.push(section(each, await compare(each.contestants, load)))
}
for (const [name, measured] of await inProcess()) sections.push(section(inProcessCases[name], measured))
const file = join(root, "docs", "benchmarks.md")
const text = [introduction, ...sections].join("\n\n")
fs.writeFileSync(file, await format(text, { ...(await resolveConfig(file)), parser: "markdown", proseWrap: "always" }))
