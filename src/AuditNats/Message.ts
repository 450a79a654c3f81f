/**
 * The wire form: what a message of the stream holds.
 *
 * A message has stored lines of one instance, each ended with a line feed, as many as go into it. A record that is too large for
 * one is cut into parts, which follow each other. The subject ends with the name of the instance, and headers say the rest:
 *
 * - `Registrar-Form: 1`
 * - `Registrar-Records: 5-17`: the sequence numbers of the first and the last record
 * - `Registrar-Hash`: the hash of the last record. Together with its number it stands for all that come before it.
 * - `Registrar-Part: 2/3` and `Registrar-After: 57`, where it is a part: of how many, and the place in the stream of the message
 *   before the first part, or 0
 */
import { type Array as Arr, DateTime, Either, Option } from "effect"
import * as AuditStore from "../AuditStore.js"

/** Which records a message holds, or of which one it is a part. */
export interface Extent {
  readonly first: number
  readonly last: number
  /** Of the last record. */
  readonly hash: string
  readonly part: { readonly number: number; readonly of: number } | undefined
}

/** A message as it is to be published. */
export interface Outgoing extends Extent {
  readonly data: Uint8Array
}

/** A message as it was found. */
export interface Incoming extends Extent {
  /** The place in the stream of the message before the first part. */
  readonly after: number
}

type Records = Arr.NonEmptyReadonlyArray<AuditStore.StoredRecord>

/** What the headers of a message may take of what the server allows for the whole. */
export const headerBytes = 1024

/**
 * The records as messages of no more bytes. One of them ends with the record `end`, where that is given: what was published before,
 * and may be there, is cut as it was.
 */
export const cut = (records: Records, limit: number, end?: number): ReadonlyArray<Outgoing> => {
  const messages: Array<Outgoing> = []
  let lines: Array<Uint8Array> = []
  let bytes = 0
  let first: number | undefined

  const close = ({ hash, seq: last }: AuditStore.StoredRecord) => {
    messages.push({ first: first ?? last, last, hash, part: undefined, data: Buffer.concat(lines) })
    lines = []
    bytes = 0
    first = undefined
  }

  for (const [index, record] of records.entries()) {
    const line = Buffer.from(`${record.record.line}\n`)
    if (first !== undefined && bytes + line.length > limit) close(records[index - 1]!)
    if (line.length > limit) {
      messages.push(...parts(record, line, limit))
      continue
    }
    first ??= record.seq
    lines.push(line)
    bytes += line.length
    if (index === records.length - 1 || record.seq === end) close(record)
  }
  return messages
}

const parts = ({ hash, seq }: AuditStore.StoredRecord, line: Buffer, limit: number): ReadonlyArray<Outgoing> => {
  const of = Math.ceil(line.length / limit)
  return Array.from({ length: of }, (_, index) => ({
    first: seq,
    last: seq,
    hash,
    part: { number: index + 1, of },
    data: line.subarray(index * limit, (index + 1) * limit)
  }))
}

/**
 * What tells the server that it has the message already. It holds the hash, because another program may write other records with
 * the same numbers: these must not pass for the same. Parts are the same only in the same place, or some of them could be taken for
 * those of an attempt that was given up.
 */
export const idOf = (instance: string, { first, hash, last, part }: Extent, after: number): string =>
  `${instance}:${first}-${last}:${hash}${part === undefined ? "" : `:${part.number}/${part.of}@${after}`}`

export const headersOf = (
  { first, hash, last, part }: Extent,
  after: number
): ReadonlyArray<readonly [string, string]> => [
  ["Content-Type", "application/x-ndjson"],
  ["Registrar-Form", "1"],
  ["Registrar-Records", `${first}-${last}`],
  ["Registrar-Hash", hash],
  ...(part === undefined
    ? []
    : ([
        ["Registrar-Part", `${part.number}/${part.of}`],
        ["Registrar-After", String(after)]
      ] as const))
]

/** Reads the headers, or says what is wrong with them. */
export const read = (header: (name: string) => string | undefined): Either.Either<Incoming, string> => {
  const form = header("Registrar-Form") ?? ""
  if (form === "") return Either.left("it was not written by an audit sink")
  if (form !== "1") return Either.left(`it has form '${form.slice(0, 20)}', which this version does not know`)
  const records = numbers(/^(\d{1,15})-(\d{1,15})$/, header("Registrar-Records"))
  const hash = /^[0-9a-f]{64}$/.exec(header("Registrar-Hash") ?? "")?.[0]
  if (records === undefined || records[0] > records[1] || hash === undefined) {
    return Either.left("its headers do not say which records it holds")
  }
  const extent = { first: records[0], last: records[1], hash }
  if ((header("Registrar-Part") ?? "") === "") return Either.right({ ...extent, part: undefined, after: 0 })
  const part = numbers(/^(\d{1,9})\/(\d{1,9})$/, header("Registrar-Part"))
  const after = numbers(/^(\d{1,15})()$/, header("Registrar-After"))
  if (part === undefined || after === undefined || part[0] < 1 || part[0] > part[1]) {
    return Either.left("its headers do not say which part of a record it is")
  }
  return Either.right({ ...extent, part: { number: part[0], of: part[1] }, after: after[0] })
}

const numbers = (form: RegExp, text: string | undefined): readonly [number, number] | undefined => {
  const match = form.exec(text ?? "")
  return match === null ? undefined : [Number(match[1]), Number(match[2])]
}

/** Whether a record ends with it: all but the parts before the last. */
export const isWhole = ({ part }: Extent): boolean => part === undefined || part.number === part.of

/** Whether it was read, and a record ends with it. */
export const endsRecord = (message: Either.Either<Incoming, string>): boolean =>
  Either.isRight(message) && isWhole(message.right)

/** The lines that a whole message holds, whatever they are. */
export const linesOf = (data: Uint8Array): ReadonlyArray<string> => {
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString()
  return (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n")
}

/** The records that a whole message holds: those before the first that is damaged, and what is wrong with that. */
export const recordsOf = (
  instance: string,
  extent: Extent,
  data: Uint8Array
): { readonly records: ReadonlyArray<AuditStore.StoredRecord>; readonly problem: string | undefined } => {
  const records: Array<AuditStore.StoredRecord> = []
  const fail = (problem: string) => ({ records, problem })
  for (const [index, line] of linesOf(data).entries()) {
    const record = Either.getOrUndefined(AuditStore.fromLine(instance, line))
    if (record === undefined) return fail(`its line ${index + 1} is damaged, or no record`)
    const before = records.at(-1)
    if (before !== undefined && (record.seq !== before.seq + 1 || record.prev !== before.hash)) {
      return fail(`its line ${index + 1} does not follow the one before it`)
    }
    if (!isDate(record.record.date)) return fail(`its line ${index + 1} has a date that does not exist`)
    records.push(record)
  }
  const [first, last] = [records[0], records.at(-1)]
  return first?.seq === extent.first && last?.seq === extent.last && last.hash === extent.hash
    ? { records, problem: undefined }
    : { records: [], problem: "it holds other records than its headers say" }
}

/** One that every store takes: not the 30th of February, and not the year 0. */
const isDate = (date: string): boolean =>
  !date.startsWith("0000") && Option.exists(DateTime.make(date), (moment) => DateTime.formatIso(moment) === date)
