// Every check of the project, in one command. All of them run, also after one has failed.
//
//   npm run check
//   node scripts/check.mjs --without tests,packaging    leaves steps out
//   node scripts/check.mjs --report counts.json         also writes { "passed": 8, "failed": 1 }
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs, stripVTControlCharacters } from "node:util"

const root = dirname(dirname(fileURLToPath(import.meta.url)))

// In the order in which they start: the long ones first, so that the short ones fill the gaps.
const steps = [
  { name: "build", script: "build" },
  { name: "tests", script: "test" },
  { name: "packaging", script: "packaging", after: "build" },
  { name: "types", script: "types" },
  { name: "type tests", script: "test:types" },
  { name: "dead code", script: "dead-code" },
  { name: "format", script: "format:check" },
  { name: "lint", script: "lint" }
]

const { values } = parseArgs({ options: { without: { type: "string" }, report: { type: "string" } } })
const without = values.without?.split(",") ?? []
const unknown = without.filter((name) => !steps.some((step) => step.name === name))
if (unknown.length > 0) throw new Error(`There is no step '${unknown.join("', '")}'`)

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`

/** The step with everything it printed. */
const run = (step) =>
  new Promise((resolve) => {
    const start = performance.now()
    const child = spawn("npm", ["run", "--silent", step.script], {
      cwd: root,
      shell: process.platform === "win32",
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined }
    })
    let output = ""
    const end = (ok) => {
      console.log(`  ${ok ? "ok  " : "FAIL"}  ${step.name.padEnd(12)}${seconds(start).padStart(8)}`)
      resolve({ step, ok, output })
    }
    child.stdout.on("data", (chunk) => (output += chunk))
    child.stderr.on("data", (chunk) => (output += chunk))
    child.on("error", (error) => {
      output += String(error)
      end(false)
    })
    child.on("close", (code) => end(code === 0))
  })

const start = performance.now()
const waiting = steps.filter((step) => !without.includes(step.name))
const running = new Map()
const results = []
const isReady = (step) => !running.has(step.after) && !waiting.some(({ name }) => name === step.after)

console.log(`check: ${waiting.length} steps`)
while (waiting.length > 0 || running.size > 0) {
  const next = waiting.findIndex(isReady)
  if (next !== -1 && running.size < Math.min(2, availableParallelism())) {
    const [step] = waiting.splice(next, 1)
    running.set(step.name, run(step))
    continue
  }
  const result = await Promise.race(running.values())
  running.delete(result.step.name)
  results.push(result)
}

const failed = results.filter((result) => !result.ok)
for (const { step, output } of failed) {
  console.log(`\n--- ${step.name}: npm run ${step.script} ---\n${stripVTControlCharacters(output).trim()}`)
}

if (values.report !== undefined) {
  writeFileSync(values.report, JSON.stringify({ passed: results.length - failed.length, failed: failed.length }))
}
console.log(
  failed.length === 0
    ? `\ncheck: all is well (${results.length} steps, ${seconds(start)})`
    : `\ncheck: something is wrong with ${failed.map(({ step }) => step.name).join(", ")} (${seconds(start)})`
)
process.exitCode = failed.length === 0 ? 0 : 1
