/**
 * What of a record has a column of its own, to be searched. The line holds everything; these are made from it.
 */
import { createHash } from "node:crypto"
import { Either, Option } from "effect"
import * as AuditChain from "../../AuditChain.js"
import * as AuditRecord from "../../AuditRecord.js"
import type { StoredRecord } from "../../AuditStore.js"
import { tailOf } from "../../internal/chainLine.js"
import { wireLevels } from "../../internal/level.js"

export type Row = {
  readonly instance: string
  readonly seq: number
  /** As on the line: UTC, milliseconds, `Z`. */
  readonly date: string
  readonly level: number
  readonly type: string
  readonly user_name: string | null
  readonly ip: string | null
  readonly request_id: string | null
  readonly message: string
  readonly line: string
}

export const names = [
  "instance",
  "seq",
  "date",
  "level",
  "type",
  "user_name",
  "ip",
  "request_id",
  "message",
  "line"
] as const

/** Of PostgreSQL, which gives moments out as it likes. */
export const dateAsOnLines = `to_char(date AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

/** A list for each column, in place of a row for each record. */
export type Lists = { readonly [Name in keyof Row]: ReadonlyArray<Row[Name]> }

export const toLists = (records: ReadonlyArray<StoredRecord>): Lists => {
  const rows = records.map(toRow)
  const lists = names.map((name) => [name, rows.map((row) => row[name])] as const)
  // The entries are those that the type asks for: the compiler forgets which value belongs to which name.
  return Object.fromEntries(lists) as unknown as Lists
}

/** The columns of a row that do not say what its line says. Of a line that is no whole record its chain tells. */
export const differing = (found: Readonly<Record<string, unknown>>, line: string): ReadonlyArray<string> => {
  const seq = tailOf(Buffer.from(line))?.seq
  if (seq === undefined) return []
  return Either.match(AuditRecord.fromLine(line), {
    onLeft: () => (Option.isSome(AuditChain.headOf(line)) ? ["line"] : []),
    onRight: (record) => {
      const row = toRow({ instance: String(found["instance"]), seq, record })
      return names.filter((name) => !isSame(found[name], row[name]))
    }
  })
}

/** Numbers come in several forms. */
const isSame = (found: unknown, expected: string | number | null) =>
  typeof expected === "number" ? String(found) === String(expected) : found === expected

export const toRow = ({ instance, record, seq }: Pick<StoredRecord, "instance" | "seq" | "record">): Row => {
  const { date, event, level, line, message } = record
  return {
    instance,
    seq,
    date,
    level: wireLevels.indexOf(level),
    type: toKey(event.type),
    user_name: keyOf(event.details["user"]),
    ip: keyOf(event.details["ip"]),
    request_id: keyOf(event.requestId),
    message: storable(message),
    line
  }
}

const keyOf = (value: unknown): string | null => (typeof value === "string" ? toKey(value) : null)

/**
 * What stands for a text in an index: the text itself, or its beginning and its hash. Databases refuse texts that are too long for an
 * index, or that are none to them, and with one such text the whole batch.
 */
export const toKey = (text: string): string => {
  const known = storable(text)
  if (known === text && text.length <= longestKey) return text
  // As UTF-16, in which half a character is not the same as another half.
  const hash = createHash("sha256").update(Buffer.from(text, "utf16le")).digest("hex")
  return `${storable(known.slice(0, keptOfLongKey))}…${hash}`
}

const longestKey = 256
const keptOfLongKey = 128

/** What a database takes as text: PostgreSQL has no NUL, and neither has half a character. */
export const storable = (text: string): string =>
  hasUnstorable.test(text) ? text.replaceAll(unstorable, "\ufffd") : text

const hasUnstorable = /[\0\p{Surrogate}]/u
const unstorable = /[\0\p{Surrogate}]/gu
