/**
 * `catalogue diff`: what changed between two releases, and whether it breaks who relies on the older one.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as FileSystem from "@effect/platform/FileSystem"
import { Effect } from "effect"
import type { Change } from "../Catalogue.js"
import { visible } from "../internal/visible.js"
import { CliError, NotValid } from "./CliError.js"
import * as Files from "./Files.js"
import { load } from "./Library.js"
import { print, printJson } from "./Standard.js"

export const command = Command.make(
  "diff",
  {
    // One more is refused below: what is left over would be ignored.
    files: Args.text({ name: "OLD.json NEW.json" }).pipe(
      Args.withDescription("Two catalogues that were written with --format json"),
      Args.repeated
    ),
    json: Options.boolean("json").pipe(Options.withDescription("Print the changes as JSON"))
  },
  ({ files, json }) =>
    Effect.gen(function* () {
      yield* Files.check(files)
      const [old, now, ...others] = files
      if (old === undefined || now === undefined || others.length > 0) {
        return yield* new CliError({ description: "Give two files, the older catalogue first" })
      }
      const { diff } = yield* load
      const changes = diff(yield* read(old), yield* read(now))
      const breaks = changes.some((change) => change.breaks)
      const printed = json ? printJson({ breaks, changes: changes.map(toJson) }) : print(render(changes))
      // The exit code says it as well.
      yield* Effect.catchIf(
        printed,
        ({ reason }) => reason === "Closed",
        () => Effect.void
      )
      if (breaks) return yield* new NotValid()
    })
).pipe(Command.withDescription("Says what changed between two catalogues, and fails on what breaks clients"))

const read = (file: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const text = yield* Effect.mapError(
      fs.readFileString(file),
      (cause) => new CliError({ description: `'${file}' cannot be read (${cause.message})`, cause })
    )
    const { fromJson } = yield* load
    return yield* Effect.mapError(
      fromJson(text),
      ({ description }) => new CliError({ description: `'${file}' cannot be compared: ${description}` })
    )
  })

const toJson = ({ subject, name, status, kind, breaks, detail }: Change) => ({
  subject,
  name,
  status: status ?? null,
  kind,
  breaks,
  detail: detail ?? null
})

const render = (changes: ReadonlyArray<Change>): string => {
  const breaking = changes.filter(({ breaks }) => breaks)
  const others = changes.filter(({ breaks }) => !breaks)
  if (changes.length === 0) return "Nothing changed\n"
  const head =
    breaking.length === 0
      ? "Nothing breaks clients"
      : `${breaking.length} ${breaking.length === 1 ? "change breaks" : "changes break"} clients`
  return [
    section(head, breaking),
    ...(others.length === 0
      ? []
      : [section(`${others.length} other ${others.length === 1 ? "change" : "changes"}`, others)])
  ].join("\n")
}

const section = (head: string, changes: ReadonlyArray<Change>): string =>
  `${head}\n${changes.length === 0 ? "" : "\n"}${changes.map((change) => `  ${line(change)}\n`).join("")}`

const line = ({ subject, name, status, kind, detail }: Change): string =>
  visible(
    `${subject} ${name}${status === undefined ? "" : ` (${status})`}: ${kind}${detail === undefined ? "" : `, ${detail}`}`
  )
