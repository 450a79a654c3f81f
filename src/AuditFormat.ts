/**
 * Audit records in the formats that others read.
 *
 * A format is a value: how a record is written on one line. `AuditFormat/Ecs`, `AuditFormat/Ocsf`, `AuditFormat/CloudEvents`,
 * `AuditFormat/Syslog` and `AuditFormat/Cef` make them; an application can make its own. Every record has a form in each of
 * them, whatever its details hold, and loses nothing there. `AuditSink.format` gives a sink its records in a format.
 *
 * @example
 * import * as AuditFormat from "effect-registrar/AuditFormat"
 * import * as AuditRecord from "effect-registrar/AuditRecord"
 *
 * const short = AuditFormat.fromJson("short", ({ date, message }) => ({ date, message }))
 *
 * const record = AuditRecord.make({
 *   level: "INFO",
 *   date: "2024-01-31T12:00:00.000Z",
 *   message: "The backup is complete",
 *   event: { type: "backup-complete", details: {} },
 *   source: "backup"
 * })
 *
 * console.log(short.line(record)) // {"date":"2024-01-31T12:00:00.000Z","message":"The backup is complete"}
 */
import * as AuditChain from "./AuditChain.js"
import type { AuditRecord, Contents } from "./AuditRecord.js"
import * as BuiltInEvents from "./BuiltInEvents.js"
import * as ChainLine from "./internal/chainLine.js"
import { isJson as isJsonValue, toJson, type Json } from "./internal/json.js"
import { stringify } from "./internal/jsonText.js"
import { isJsonType } from "./internal/jsonType.js"
import { toPlainJson } from "./internal/plainText.js"

/**
 * @category models
 */
export interface Format {
  /** For messages: `ecs`, `cef`, … */
  readonly name: string
  /** The media type of one line. */
  readonly contentType: string
  /** Never throws. One line, without its end, for every record. */
  readonly line: (record: AuditRecord) => string
}

/**
 * Records as they are stored.
 *
 * @category formats
 */
export const stored: Format = {
  name: "registrar",
  contentType: "application/json",
  line: ({ line }) => line
}

/**
 * A format whose lines are JSON objects. What has no JSON form in them gets a readable one.
 *
 * @category constructors
 */
export const fromJson = (
  name: string,
  toObject: (record: AuditRecord) => object,
  contentType = "application/json"
): Format => ({
  name,
  contentType,
  line: (record) => {
    const object: unknown = toObject(record)
    // As it is where it can be: the conversion has limits, which what was recorded has kept to already.
    return stringify(isItsJson(object) ? object : toJson(object))
  }
})

const isItsJson = (value: unknown): value is Json => {
  // Getters and proxies are the application's code.
  try {
    return isJsonValue(value)
  } catch {
    return false
  }
}

/**
 * Whether the lines of a format are JSON. Only such lines can be kept where our own are: in a file, in a database.
 *
 * @category guards
 */
export const isJson = ({ contentType }: Format): boolean => isJsonType(contentType)

/**
 * How what a record tells of has ended.
 *
 * @category models
 */
export type Outcome = "success" | "failure" | "unknown"

// What formats read off a record.

/**
 * As the records of `AuditLog.around` say; of an intent it is not known yet. Others say nothing of it.
 *
 * @internal
 */
export const outcomeOf = ({ event }: Contents): Outcome | undefined =>
  outcomes.get(event.type) ?? (event.intent === undefined ? undefined : "unknown")

const outcomes: ReadonlyMap<string, Outcome> = new Map([
  [BuiltInEvents.ActSucceeded.type, "success"],
  [BuiltInEvents.ActFailed.type, "failure"],
  [BuiltInEvents.ActDied.type, "failure"],
  [BuiltInEvents.ActInterrupted.type, "unknown"],
  [BuiltInEvents.ActNotAttempted.type, "failure"]
])

/**
 * What an act has failed with.
 *
 * @internal
 */
export const errorOf = ({ event }: Contents): string | undefined => {
  const { error } = event.details
  const hasFailed = event.type === BuiltInEvents.ActFailed.type || event.type === BuiltInEvents.ActDied.type
  return hasFailed && typeof error === "string" ? error : undefined
}

/**
 * A detail that is text. Every other one is for the details as a whole.
 *
 * @internal
 */
export const textOf = ({ event }: Contents, name: "ip" | "path" | "user"): string | undefined => {
  const value = event.details[name]
  return typeof value === "string" ? value : undefined
}

/**
 * Where the record stands in a chain, as its line says. Nobody has verified it.
 *
 * @internal
 */
export const placeOf = (line: string): AuditChain.Head | undefined => {
  if (!line.endsWith('"}}')) return undefined
  const bytes = Buffer.from(line)
  const tail = ChainLine.tailOf(bytes)
  return tail && { seq: tail.seq, hash: ChainLine.hashOf(bytes) }
}

/**
 * When it happened; none where the date is one that the calendar does not have.
 *
 * @internal
 */
export const momentOf = ({ date }: Pick<Contents, "date">): number | undefined => {
  const moment = new Date(date)
  return !Number.isNaN(moment.getTime()) && moment.toISOString() === date ? moment.getTime() : undefined
}

/**
 * The severities of syslog (RFC 5424), which others have taken over.
 *
 * @internal
 */
export const severities: Record<Contents["level"], number> = { DEBUG: 7, INFO: 6, WARNING: 4, ERROR: 3, CRITICAL: 2 }

/**
 * What an application says of its events by their type, which may be any text.
 *
 * @internal
 */
export const saidOf = <A>(events: Readonly<Record<string, A>> | undefined, { event }: Contents): A | undefined =>
  events !== undefined && Object.hasOwn(events, event.type) ? events[event.type] : undefined

/**
 * Ids for records. A record keeps its own, however often it is asked for. A chained one is known by its instance and its place, or by
 * its hash where the instance has no name. For others it is the hash of their line; those that are the same in everything, the
 * millisecond included, are counted.
 *
 * @internal
 */
export const makeIds = (instance: string | undefined): ((record: AuditRecord) => string) => {
  const known = new WeakMap<AuditRecord, string>()
  /** How often each hash was met, of the last so many. */
  const met = new Map<string, number>()

  const count = (hash: string): number => {
    const times = (met.get(hash) ?? 0) + 1
    met.delete(hash)
    met.set(hash, times)
    const [oldest] = met.keys()
    if (met.size > maxMet && oldest !== undefined) met.delete(oldest)
    return times
  }

  const make = ({ line }: AuditRecord): string => {
    const place = placeOf(line)
    if (place !== undefined) return instance === undefined ? place.hash : `${instance}/${place.seq}`
    const { hash } = AuditChain.link(AuditChain.genesis, line).head
    const times = count(hash)
    return (instance === undefined ? "" : `${instance}/`) + hash + (times === 1 ? "" : `-${times}`)
  }

  return (record) => {
    const found = known.get(record)
    if (found !== undefined) return found
    const id = make(record)
    known.set(record, id)
    return id
  }
}

/** Records that are the same lie close to each other: they have the same date. */
const maxMet = 4096

/**
 * An object without the members that are not known. Their names are those of a standard.
 *
 * @internal
 */
export const knownOf = (members: { readonly [name: string]: Json | undefined }): { readonly [name: string]: Json } => {
  const known: Record<string, Json> = {}
  for (const name of Object.keys(members)) {
    const value = members[name]
    if (value !== undefined) known[name] = value
  }
  return known
}

/**
 * What of a record has no exact place in a format that is text: the members that `isExact` does not vouch for. `undefined` where
 * that is nothing.
 *
 * @internal
 */
export const restOf = (
  record: Contents,
  isExact: (member: Member) => boolean,
  isExactDetail: (name: string, value: Json) => boolean
): string | undefined => {
  const rest: Record<string, Json> = {}
  for (const [name, value] of membersOf(record)) if (!isExact({ name, value })) rest[name] = value
  const details = Object.entries(record.event.details).filter(([name, value]) => !isExactDetail(name, value))
  if (details.length > 0) rest["details"] = Object.fromEntries(details)
  return Object.keys(rest).length === 0 ? undefined : toPlainJson(stringify(rest))
}

interface Member {
  readonly name: "date" | "message" | "type" | "source" | "intent" | "requestId" | "traceId" | "spanId"
  readonly value: string
}

const membersOf = ({ date, message, event, source }: Contents) => {
  const { type, intent, requestId, traceId, spanId } = event
  const given = { date, message, type, source, intent, requestId, traceId, spanId }
  return Object.entries(given).filter((entry): entry is [Member["name"], string] => entry[1] !== undefined)
}
