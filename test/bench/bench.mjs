// `npm run bench` compares the built library with the same done by hand and with its peers, and writes docs/benchmarks.md.
// `npm run bench -- --help` prints its options.
import * as fs from "node:fs"
import { join, resolve } from "node:path"
import { format, resolveConfig } from "prettier"
import * as Document from "./document.mjs"
import * as Options from "./options.mjs"
import * as Packages from "./packages.mjs"
import { checkKeys, parts } from "./parts.mjs"
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

const compareAll = async () => {
  const setting = { ...load, folder, syncTime: syncTime(folder) }
  const all = names
    .filter((name) => chosen.includes(name))
    .flatMap((name) => parts[name].cases(setting).map((each) => ({ each, compare: parts[name].compare })))
  // All of them first: a run takes long.
  for (const { each } of all) await checkKeys(each)
  const measured = []
  for (const { each, compare } of all) {
    const section = Document.section(each, await compare(each, setting))
    Progress.clear()
    console.log(`\n${section.text}`)
    measured.push(section)
  }
  return measured
}

const write = async (sections) => {
  const file = join(root, "docs", "benchmarks.md")
  const command = process.argv.slice(2).filter((argument) => argument !== "--build")
  const text = Document.render({ ...load, sections, command, seconds: performance.now() / 1000 })
  fs.writeFileSync(
    file,
    await format(text, { ...(await resolveConfig(file)), parser: "markdown", proseWrap: "always" })
  )
  console.log(`\nWritten: ${file}`)
}

const tell = (sections) => {
  const targets = sections.flatMap((section) => section.targets)
  const missed = targets.filter((target) => !isMet(target))
  if (targets.length > 0) console.log(`\n${targets.length - missed.length} of ${targets.length} targets are met`)
  for (const target of targets) console.log(`  ${outcome(target)}`)
  for (const { title, disturbed, measurements } of sections) {
    if (disturbed > 0) console.log(`  disturbed: ${disturbed} of the ${measurements} measurements of "${title}"`)
  }
  if (check && missed.length > 0) process.exitCode = 1
}

if (minutes === undefined) {
  const sections = await compareAll()
  if (names.every((name) => chosen.includes(name))) await write(sections)
  tell(sections)
} else if (!(await soak({ minutes, folder, connections: load.connections }))) {
  process.exitCode = 1
}
