/**
 * Audit records as the log records of OTLP/JSON: the proto3 JSON mapping of `opentelemetry/proto/logs/v1/logs.proto`, with ids in
 * hexadecimal digits and enums as numbers, as the OTLP specification wants them.
 */
import { toJson, type Json } from "./json.js"
import { stringify } from "./jsonText.js"
import type { WireLevel } from "./level.js"
import { isSpanId, isTraceId } from "./trace.js"

/** What is read of an audit record. */
export interface Given {
  readonly level: WireLevel
  readonly date: string
  readonly message: string
  readonly event: {
    readonly type: string
    readonly details: { readonly [name: string]: Json }
    readonly intent?: string
    readonly requestId?: string
    readonly traceId?: string
    readonly spanId?: string
  }
  readonly source: string
  readonly line: string
}

export interface How {
  /** When it is sent, in milliseconds. */
  readonly observed: number
  /** Whether the stored line goes along. */
  readonly original: boolean
  /** Where the record stands in its chain, if it does. */
  readonly chain: { readonly seq: number; readonly hash: string } | undefined
}

/** One `LogRecord`. */
export const logRecord = (record: Given, how: How): string => {
  const { date, event, level, message } = record
  const { spanId, traceId } = event
  return JSON.stringify({
    timeUnixNano: nanosOf(Date.parse(date)),
    observedTimeUnixNano: nanosOf(how.observed),
    severityNumber: severities[level],
    severityText: level,
    body: text(message),
    attributes: attributesOf(record, how),
    ...(isTraceId(traceId) && isSpanId(spanId) ? { traceId, spanId } : {}),
    eventName: wellFormed(event.type)
  })
}

/** Makes an `ExportLogsServiceRequest` of log records. */
export type Envelope = (logRecords: ReadonlyArray<string>) => string

/** For records that all come from the resource with these attributes. */
export const envelope = (resource: Readonly<Record<string, unknown>>): Envelope => {
  const attributes = keyValues(
    Object.entries(resource).map(([name, value]) => [name, toJson(value)]),
    0
  )
  const before = `{"resourceLogs":[{"resource":${JSON.stringify({ attributes })},"scopeLogs":[{"scope":{"name":"effect-registrar"},"logRecords":[`
  return (logRecords) => `${before}${logRecords.join(",")}]}]}]}`
}

/** The lowest number of each range, as the data model wants it where a range has one level only. */
const severities: Record<WireLevel, number> = { DEBUG: 5, INFO: 9, WARNING: 13, ERROR: 17, CRITICAL: 21 }

/** As decimal digits, or nothing where it is no time that `fixed64` can hold. */
const nanosOf = (millis: number): string | undefined =>
  millis >= 1 && millis <= 18_446_744_073_709 ? `${Math.trunc(millis)}000000` : undefined

/** Attributes that the library sets. A detail whose name is one of them gets another. */
const ours = ["user.name", "client.address", "url.path", "log.record.original", "log.record.uid"]

const attributesOf = ({ event, line, source }: Given, { chain, original }: How): ReadonlyArray<KeyValue> => {
  const { details, intent, requestId } = event
  const entries: Array<Entry> = []
  for (const [name, value] of Object.entries(details)) {
    const convention = conventionOf(name, value)
    if (convention !== undefined) entries.push([convention, value])
    // The message names it, and nobody knows it: conventions have no value for that.
    else if (value !== null || !context.includes(name)) entries.push([nameOf(name), value])
  }
  entries.push(["registrar.source", source])
  if (intent !== undefined) entries.push(["registrar.intent", intent])
  if (requestId !== undefined) entries.push(["registrar.request_id", requestId])
  if (chain !== undefined) {
    // Whoever gets a record twice, and knows the conventions, removes one of them by this id.
    entries.push(
      ["registrar.chain.seq", chain.seq],
      ["registrar.chain.hash", chain.hash],
      ["log.record.uid", chain.hash]
    )
  }
  if (original) entries.push(["log.record.original", line])
  return keyValues(entries, 0)
}

const context = ["ip", "path", "user"]

/** The semantic conventions' name for what the context knows. The path of a job is none of a URL. */
const conventionOf = (name: string, value: Json): string | undefined => {
  if (typeof value !== "string") return undefined
  if (name === "user") return "user.name"
  if (name === "ip") return "client.address"
  return name === "path" && value.startsWith("/") ? "url.path" : undefined
}

const nameOf = (name: string): string =>
  name === "" || name.startsWith("registrar.") || ours.includes(name) ? `registrar.details.${name}` : name

type Entry = readonly [key: string, value: Json]

interface KeyValue {
  readonly key: string
  readonly value: AnyValue
}

type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly arrayValue: { readonly values: ReadonlyArray<AnyValue> } }
  | { readonly kvlistValue: { readonly values: ReadonlyArray<KeyValue> } }
  | Record<string, never>

/** Receivers read a hundred messages inside one another, and each level here is three of them. Deeper values are JSON text. */
const maxDepth = 16

const anyValue = (value: Json, depth: number): AnyValue => {
  switch (typeof value) {
    case "string":
      return text(value)
    case "boolean":
      return { boolValue: value }
    case "number":
      if (Number.isSafeInteger(value)) return { intValue: String(value) }
      return Number.isFinite(value) ? { doubleValue: value } : {}
    case "object":
      if (value === null) return {}
      if (depth >= maxDepth) return { stringValue: stringify(value) }
      if (isList(value)) return { arrayValue: { values: value.map((item) => anyValue(item, depth + 1)) } }
      return { kvlistValue: { values: keyValues(Object.entries(value), depth + 1) } }
    default:
      return {}
  }
}

const isList: (value: Json) => value is ReadonlyArray<Json> = Array.isArray

/** Keys stay different from one another, whatever has to be replaced in them. */
const keyValues = (entries: ReadonlyArray<Entry>, depth: number): ReadonlyArray<KeyValue> => {
  const key = entries.every(([key]) => isWellFormed(key)) ? (key: string) => key : escaped
  return entries.map(([name, value]) => ({ key: key(name), value: anyValue(value, depth) }))
}

const text = (value: string): AnyValue => ({ stringValue: wellFormed(value) })

/** Protobuf has only whole characters. What a surrogate stood for is still in the stored line. */
const wellFormed = (value: string): string => value.replace(halfCharacters, "\ufffd")

const isWellFormed = (value: string): boolean => value.search(halfCharacters) === -1

const escaped = (value: string): string =>
  value.replace(halfOrBackslash, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)

const halfCharacters = /\p{Surrogate}/gu
const halfOrBackslash = /[\p{Surrogate}\\]/gu
