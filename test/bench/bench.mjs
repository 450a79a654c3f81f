// `npm run bench` compares the built library with the same done by hand and with its peers, and writes docs/benchmarks.md.
// `npm run bench -- --help` prints its options.
import * as fs from "node:fs"
import { join, resolve } from "node:path"
import { format, resolveConfig } from "prettier"
import * as Document from "./document.mjs"
import * as Options from "./options.mjs"
import * as Packages from "./packages.mjs"
import { checkKeys, parts } from "./parts.mjs"
import * as Postgres from "./postgres.mjs"
import { killAll } from "./processes.mjs"
import * as Progress from "./progress.mjs"
import { isMet, median, outcome } from "./report.mjs"
import { soak } from "./soak.mjs"

const root = resolve(import.meta.dirname, "../..")
const names = Object.keys(parts)
const { chosen, check, mustBuild, minutes, load } = Options.read(process.argv.slice(2), names)

if (mustBuild) Packages.build()
Packages.install()

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
  return median(measured).toFixed(2)
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

/** The cases of each part. All of them first: a run takes long. */
const prepare = async (setting) => {
  const prepared = names
    .filter((name) => chosen.includes(name))
    .map((name) => ({ ...parts[name], cases: parts[name].cases(setting) }))
  for (const { cases } of prepared) for (const each of cases) await checkKeys(each)
  return prepared
}

const alone = (setting, use) => use(setting)

/** What was measured, the titles of the cases that are left out, and why. */
const compareAll = async () => {
  const setting = { ...load, folder, syncTime: syncTime(folder) }
  const prepared = await prepare(setting)
  const needsPostgres = ({ needs }) => needs === "postgres"
  const { problem, version } = prepared.some(({ cases }) => cases.some(needsPostgres)) ? await Postgres.find() : {}
  if (problem !== undefined) console.error(problem)
  const isLeftOut = (each) => problem !== undefined && needsPostgres(each)
  const sections = []
  for (const { cases, compare, around = alone } of prepared) {
    const there = cases.filter((each) => !isLeftOut(each))
    if (there.length === 0) continue
    await around(setting, async (setting) => {
      for (const each of there) {
        const section = Document.section(each, await compare(each, setting))
        Progress.clear()
        console.log(`\n${section.text}`)
        sections.push(section)
      }
    })
  }
  const leftOut = prepared.flatMap(({ cases }) => cases.filter(isLeftOut).map(({ title }) => title))
  return { sections, leftOut, problem, version }
}

const write = async ({ sections, version }) => {
  const file = join(root, "docs", "benchmarks.md")
  const command = process.argv.slice(2).filter((argument) => argument !== "--build")
  const text = Document.render({ ...load, sections, command, version, seconds: performance.now() / 1000 })
  fs.writeFileSync(
    file,
    await format(text, { ...(await resolveConfig(file)), parser: "markdown", proseWrap: "always" })
  )
  console.log(`\nWritten: ${file}`)
}

const tell = ({ sections, leftOut, problem }) => {
  const targets = sections.flatMap((section) => section.targets)
  const missed = targets.filter((target) => !isMet(target))
  if (targets.length > 0) console.log(`\n${targets.length - missed.length} of ${targets.length} targets are met`)
  for (const target of targets) console.log(`  ${outcome(target)}`)
  for (const { title, disturbed, measurements } of sections) {
    if (disturbed > 0) console.log(`  disturbed: ${disturbed} of the ${measurements} measurements of "${title}"`)
  }
  for (const title of leftOut) console.log(`  left out: "${title}". ${problem}`)
  if (check && missed.length + leftOut.length > 0) process.exitCode = 1
}

if (minutes === undefined) {
  const run = await compareAll()
  // Without what is left out, the document would lose what it has.
  if (names.every((name) => chosen.includes(name)) && run.leftOut.length === 0) await write(run)
  tell(run)
} else if (!(await soak({ minutes, folder, connections: load.connections }))) {
  process.exitCode = 1
}
