/**
 * `audit export`: records for other programs.
 */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as FileSystem from "@effect/platform/FileSystem"
import { Effect, Option, Stream } from "effect"
import type { AuditRecord } from "../AuditRecord.js"
import { grouped } from "../internal/barChart.js"
import * as Csv from "../internal/csv.js"
import { stringify } from "../internal/jsonText.js"
import type { Trail } from "../internal/trailFiles.js"
import { visibleJson } from "../internal/visible.js"
import { CliError } from "./CliError.js"
import { entriesOf } from "./Entry.js"
import * as Files from "./Files.js"
import * as Filter from "./Filter.js"
import * as Output from "./Output.js"
import { note, Standard } from "./Standard.js"

export const command = Command.make(
  "export",
  {
    files: Files.args,
    format: Options.choice("format", ["jsonl", "csv"]).pipe(
      Options.withDescription("jsonl: the records as they are stored. csv: RFC 4180, with a header")
    ),
    filter: Filter.options,
    output: Output.option,
    raw: Options.boolean("raw").pipe(
      Options.withDescription("csv: leave cells as they are, even where a spreadsheet would take them for formulas")
    )
  },
  ({ files, format, filter, output, raw }) =>
    Effect.gen(function* () {
      const trail = yield* Files.open(files)
      const predicate = Filter.toPredicate(filter)
      const { stdout } = yield* Standard
      const write = yield* open(output, trail)
      // A terminal would obey what is in the cells.
      const isRaw = raw && (Option.isSome(output) || !stdout.isTerminal)
      const toText = format === "csv" ? (record: AuditRecord) => row(record, isRaw) : lineOf
      if (format === "csv") yield* write(Csv.row(header))
      let others = 0
      yield* Stream.runForEach(trail.steps, (step) => {
        let text = ""
        for (const entry of entriesOf(step, predicate)) {
          if (entry._tag === "Record") text += toText(entry.record)
          else others++
        }
        return text === "" ? Effect.void : write(text)
      })
      if (others > 0) {
        yield* note(`${grouped(others)} ${others === 1 ? "line is" : "lines are"} no audit record, and left out`)
      }
    }).pipe(Effect.scoped)
).pipe(Command.withDescription("Writes the records of a log as JSON lines or as CSV"))

const lineOf = (record: AuditRecord): string => visibleJson(record.line) + "\n"

const header = ["level", "date", "type", "message", "ip", "path", "user", "requestId", "details", "source"]

/** `details` has what is in no column of its own. */
const row = ({ level, date, event, message, source }: AuditRecord, raw: boolean): string => {
  const { ip, path, user, ...details } = event.details
  const cells = [ip, path, user].map((value) =>
    typeof value === "string" ? value : value === undefined ? "" : stringify(value)
  )
  return Csv.row([level, date, event.type, message, ...cells, event.requestId ?? "", stringify(details), source], {
    raw
  })
}

const open = (output: Option.Option<string>, trail: Trail) =>
  Effect.gen(function* () {
    if (Option.isSome(output)) {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Effect.orElseSucceed(fs.realPath(output.value), () => undefined)
      // Opening it would empty it.
      if (path !== undefined && trail.files.some((file) => file.path === path || `${file.path}.gz` === path)) {
        return yield* new CliError({
          description: `'${output.value}' is a part of the log: give another file as --output`
        })
      }
    }
    return yield* Output.open(output, { mode: 0o600 })
  })
