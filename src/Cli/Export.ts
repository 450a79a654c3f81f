/**
 * `audit export`: records for other programs.
 */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as FileSystem from "@effect/platform/FileSystem"
import { Effect, Option, Stream } from "effect"
import { isJson, type Format } from "../AuditFormat.js"
import * as Cef from "../AuditFormat/Cef.js"
import * as CloudEvents from "../AuditFormat/CloudEvents.js"
import * as Ecs from "../AuditFormat/Ecs.js"
import * as Ocsf from "../AuditFormat/Ocsf.js"
import * as Syslog from "../AuditFormat/Syslog.js"
import type { AuditRecord } from "../AuditRecord.js"
import { grouped } from "../internal/barChart.js"
import * as Csv from "../internal/csv.js"
import { stringify } from "../internal/jsonText.js"
import { visible, visibleJson } from "../internal/visible.js"
import { CliError } from "./CliError.js"
import * as Files from "./Files.js"
import * as Filter from "./Filter.js"
import * as Output from "./Output.js"
import * as Source from "./Source.js"
import { note, Standard } from "./Standard.js"

export const command = Command.make(
  "export",
  {
    files: Files.args,
    format: Options.choice("format", ["jsonl", "csv", "ecs", "ocsf", "cloudevents", "syslog", "cef"]).pipe(
      Options.withDescription(
        "jsonl: the records as they are stored. csv: RFC 4180, with a header. ecs: Elastic Common Schema. ocsf: Open Cybersecurity Schema Framework. cloudevents: CloudEvents in JSON. syslog: RFC 5424. cef: Common Event Format"
      )
    ),
    filter: Filter.options,
    output: Output.option,
    raw: Options.boolean("raw").pipe(
      Options.withDescription("csv: leave cells as they are, even where a spreadsheet would take them for formulas")
    )
  },
  ({ files, format, filter, output, raw }) =>
    Effect.gen(function* () {
      const source = yield* Source.open(files, filter)
      const { stdout } = yield* Standard
      const write = yield* open(output, source)
      // A terminal would obey what is in the text.
      const isShown = stdout.isTerminal && Option.isNone(output)
      const toText = textIn(format, { isShown, raw: raw && !isShown })
      if (format === "csv") yield* write(Csv.row(header))
      let others = 0
      yield* Stream.runForEach(source.entries, (entries) => {
        let text = ""
        for (const entry of entries) {
          if (entry._tag === "Record") text += toText(entry.record)
          else others++
        }
        return text === "" ? Effect.void : write(text)
      })
      if (others > 0) {
        yield* note(`${grouped(others)} ${others === 1 ? "line is" : "lines are"} no audit record, and left out`)
      }
    }).pipe(Effect.scoped)
).pipe(Command.withDescription("Writes the records of a log in another format"))

const formats = {
  ecs: Ecs.make,
  ocsf: Ocsf.make,
  cloudevents: CloudEvents.make,
  syslog: Syslog.make,
  cef: Cef.make
}

/** How a record is written, with its line end. */
const textIn = (
  format: "jsonl" | "csv" | keyof typeof formats,
  { isShown, raw }: { readonly isShown: boolean; readonly raw: boolean }
): ((record: AuditRecord) => string) => {
  if (format === "jsonl") return (record) => visibleJson(record.line) + "\n"
  if (format === "csv") return (record) => row(record, raw)
  const given: Format = formats[format]()
  const toVisible = isJson(given) ? visibleJson : visible
  return (record) => (isShown ? toVisible(given.line(record)) : given.line(record)) + "\n"
}

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

const open = (output: Option.Option<string>, source: Source.Source) =>
  Effect.gen(function* () {
    if (Option.isSome(output)) {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Effect.orElseSucceed(fs.realPath(output.value), () => undefined)
      // Opening it would empty it.
      if (path !== undefined && source.files.some((file) => file === path || `${file}.gz` === path)) {
        return yield* new CliError({
          description: `'${output.value}' is a part of the log: give another file as --output`
        })
      }
    }
    return yield* Output.open(output, { mode: 0o600 })
  })
