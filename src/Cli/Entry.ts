/**
 * The lines of a log as they are shown: records, and what is none.
 */
import { Either } from "effect"
import * as AuditRecord from "../AuditRecord.js"
import { grouped } from "../internal/barChart.js"
import type { Content } from "../internal/trailFiles.js"
import type { Predicate } from "./Filter.js"

export type Entry =
  | { readonly _tag: "Record"; readonly record: AuditRecord.AuditRecord }
  /** `text` is what of the line can be shown. */
  | { readonly _tag: "Other"; readonly problem: string; readonly text: string }

/** Those of one step that the filter lets pass. */
export const entriesOf = (step: Content, filter: Predicate): ReadonlyArray<Entry> => {
  if (step._tag === "Lines") return Array.from(step.lines, (bytes) => passing(toEntry(bytes), filter)).flat()
  const text = step._tag === "Torn" ? lenient.decode(step.bytes) : ""
  const what = step._tag === "Torn" ? "is torn" : "is too long for a record"
  return passing({ _tag: "Other", problem: `a line of ${grouped(step.length)} bytes that ${what}`, text }, filter)
}

const passing = (entry: Entry, filter: Predicate): ReadonlyArray<Entry> =>
  (entry._tag === "Record" ? filter.record(entry.record, entry.record.line) : filter.other(entry.text)) ? [entry] : []

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const lenient = new TextDecoder("utf-8", { ignoreBOM: true })

const toEntry = (bytes: Uint8Array): Entry => {
  let line: string
  try {
    line = strict.decode(bytes)
  } catch {
    return { _tag: "Other", problem: "not an audit record", text: lenient.decode(bytes) }
  }
  return Either.match(AuditRecord.fromLine(line), {
    onRight: (record): Entry => ({ _tag: "Record", record }),
    onLeft: (): Entry => ({ _tag: "Other", problem: "not an audit record", text: line })
  })
}
