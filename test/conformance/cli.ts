/**
 * Plays the cases of a file, and prints what came of each:
 *
 *   npm run conformance -- test/conformance/scs-golden.json
 */
import { Console, Effect } from "effect"
import { readFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { decodeFile, NotReadable } from "./format.js"
import { verdictOf, type Verdict } from "./verdict.js"

const program = (file: string) =>
  Effect.gen(function* () {
    const text = yield* Effect.tryPromise({
      try: () => readFile(file, "utf8"),
      catch: (error) => new NotReadable({ reason: error instanceof Error ? error.message : String(error) })
    })
    const cases = yield* decodeFile(text)
    const verdicts = yield* Effect.forEach(cases, verdictOf, { concurrency: 4 })
    yield* Console.log(table(verdicts))
    yield* Console.log(summary(verdicts))
    return verdicts.every(({ kind }) => kind !== "not playable")
  }).pipe(
    Effect.catchTag("NotReadable", ({ reason }) =>
      Effect.as(Console.error(`'${file}' cannot be played: ${reason}`), false)
    )
  )

const table = (verdicts: ReadonlyArray<Verdict>): string => {
  const rows = [
    ["case", "outcome", "what differed"],
    ...verdicts.map(({ id, kind, details }) => [id, kind, details.join("; ")])
  ]
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  const [first, second] = [width(0), width(1)]
  return rows
    .map(([id = "", kind = "", details = ""]) => `${id.padEnd(first)} | ${kind.padEnd(second)} | ${details}`.trimEnd())
    .join("\n")
}

const summary = (verdicts: ReadonlyArray<Verdict>): string => {
  const count = (kind: Verdict["kind"]) => verdicts.filter((verdict) => verdict.kind === kind).length
  return (
    `\n${verdicts.length} cases: ${count("same")} same, ${count("different")} different, ` +
    `${count("different (known)")} different (known), ${count("not playable")} not playable`
  )
}

// The folder that npm was called in, which it leaves for that of the package.
const [file = join(import.meta.dirname, "scs-golden.json")] = process.argv.slice(2)
const path = resolve(process.env["INIT_CWD"] ?? process.cwd(), file)
process.exitCode = (await Effect.runPromise(program(path))) ? 0 : 1
