// `npm run bench` compares the built library with the same done by hand and with its peers, and writes docs/benchmarks.md.
// Options:
//
//   npm run bench -- --check                    ends with 1 where a target is missed, and says which
//   npm run bench -- --only http,types          runs these parts (http, process, durable, types, growth), writes no document
//   npm run bench -- --rounds 7 --requests 20000 --connections 32
//   npm run bench -- --soak 30                  nothing but 30 minutes of mixed traffic, and whether memory grows
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { format, resolveConfig } from "prettier"
import * as Document from "./document.mjs"
import { parts } from "./parts.mjs"
import { killAll } from "./processes.mjs"
import * as Progress from "./progress.mjs"
import { isMet, miss } from "./report.mjs"
import { soak } from "./soak.mjs"

const here = import.meta.dirname
const root = resolve(here, "../..")
const option = (value) => ({ type: "string", default: value })
const { values } = parseArgs({
  options: {
    rounds: option("5"),
    requests: option("8000"),
    connections: option("32"),
    only: option(Object.keys(parts).join(",")),
    check: { type: "boolean", default: false },
    soak: { type: "string" }
  }
})
const load = {
  rounds: Number(values.rounds),
  requests: Number(values.requests),
  connections: Number(values.connections),
  seconds: 30
}
const chosen = values.only.split(",")
const minutes = values.soak === undefined ? undefined : Number(values.soak)

const unknown = chosen.filter((name) => !(name in parts))
if (unknown.length > 0) throw new Error(`There is no part '${unknown.join("', '")}': ${Object.keys(parts).join(", ")}`)
if (!(load.rounds >= 5 && load.connections >= 1 && load.requests >= load.connections)) {
  throw new Error("It takes at least 5 rounds, and a request for each connection")
}
if (minutes !== undefined && !(minutes >= 1)) throw new Error("A soak takes at least a minute")

/** The versions are exact: what is there and what is asked for are the same, or it is installed. */
const isInstalled = ([name, version]) => {
  const file = join(here, "node_modules", name, "package.json")
  return fs.existsSync(file) && JSON.parse(fs.readFileSync(file, "utf8")).version === version
}
const { dependencies } = JSON.parse(fs.readFileSync(join(here, "package.json"), "utf8"))
if (!Object.entries(dependencies).every(isInstalled)) {
  const install = ["install", "--prefix", here, "--no-audit", "--no-fund"]
  const { status } = spawnSync("npm", install, { stdio: "inherit", shell: process.platform === "win32" })
  if (status !== 0) throw new Error("What the benchmarks compare with could not be installed")
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

// Not in the folder for temporary files: that may be in memory, where syncing costs nothing, and from there the programs
// whose types are checked would not find the library.
fs.mkdirSync(join(root, "var"), { recursive: true })
const folder = fs.mkdtempSync(join(root, "var", "bench-"))
process.once("exit", () => {
  Progress.clear()
  killAll()
  fs.rmSync(folder, { recursive: true, force: true })
})
process.once("SIGINT", () => process.exit(130))
process.once("SIGTERM", () => process.exit(143))

const compareAll = async () => {
  const setting = { ...load, folder, syncTime: syncTime(folder) }
  const measured = []
  for (const name of Object.keys(parts).filter((name) => chosen.includes(name))) {
    const { cases, compare } = parts[name]
    for (const each of cases(setting)) {
      const section = Document.section(each, await compare(each, setting))
      Progress.clear()
      console.log(`\n${section.text}`)
      measured.push(section)
    }
  }
  return measured
}

const write = async (sections) => {
  const file = join(root, "docs", "benchmarks.md")
  const text = Document.render({ ...load, sections, command: process.argv.slice(2) })
  fs.writeFileSync(
    file,
    await format(text, { ...(await resolveConfig(file)), parser: "markdown", proseWrap: "always" })
  )
  console.log(`\nWritten: ${file}`)
}

const tell = (targets) => {
  if (targets.length === 0) return
  const missed = targets.filter((target) => !isMet(target))
  console.log(`\n${targets.length - missed.length} of ${targets.length} targets are met`)
  for (const target of missed) console.log(`  missed: ${miss(target)}`)
  if (values.check && missed.length > 0) process.exitCode = 1
}

if (minutes === undefined) {
  const sections = await compareAll()
  if (Object.keys(parts).every((name) => chosen.includes(name))) await write(sections)
  tell(sections.flatMap(({ targets }) => targets))
} else if (!(await soak({ minutes, folder, connections: load.connections }))) {
  process.exitCode = 1
}
