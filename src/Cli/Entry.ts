/**
 * The lines of a log as they are shown: records, and what is none.
 */
import { Either } from "effect"
import * as AuditRecord from "../AuditRecord.js"
import { grouped } from "../internal/barChart.js"
import type { Content } from "../internal/trailFiles.js"
import type { Predicate } from "./Filter.js"

export type Entry =
  /** `instance` is whose trail it is in, where there are several. */
  | { readonly _tag: "Record"; readonly record: AuditRecord.AuditRecord; readonly instance?: string }
  /** `text` is what of the line can be shown. */
  | { readonly _tag: "Other"; readonly problem: string; readonly text: string }

/** Those of one step that the filter lets pass. */
export const entriesOf = (step: Content, filter: Predicate): ReadonlyArray<Entry> => {
  if (step._tag === "Lines") return Array.from(step.lines, (bytes) => passing(toEntry(bytes), filter)).flat()
  const text = step._tag === "Torn" ? lenient.decode(step.bytes) : ""
  const what = step._tag === "Torn" ? "is torn" : "is too long for a record"
  return passing({ _tag: "Other", problem: `a line of ${grouped(step.length)} bytes that ${what}`, text }, filter)
}

/** A record of an instance, if the filter lets it pass. */
export const entryOf = (instance: string, record: AuditRecord.AuditRecord, filter: Predicate): ReadonlyArray<Entry> =>
  passing({ _tag: "Record", record, instance }, filter)

/** The same of a line. */
export const entryOfLine = (instance: string, line: string, filter: Predicate): ReadonlyArray<Entry> => {
  const entry = ofLine(line)
  return entry._tag === "Record" ? entryOf(instance, entry.record, filter) : passing(entry, filter)
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
  return ofLine(line)
}

const ofLine = (line: string): Entry =>
  Either.match(AuditRecord.fromLine(line), {
    onRight: (record): Entry => ({ _tag: "Record", record }),
    onLeft: (): Entry => ({ _tag: "Other", problem: "not an audit record", text: line })
  })
