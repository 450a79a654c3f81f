/**
 * Audit records in the Common Event Format (CEF:0), on lines of their own; in syslog, as the message:
 * `AuditFormat/Syslog` has an option for that.
 *
 * What the standard's dictionary has a key for has that key. Details of the application are keys that begin with `detail`, as in
 * `detailReason=unknown token`. What is no text, and what a value cannot hold as it is, is in `cs6` as one JSON text; nothing is lost.
 *
 * @example
 * import * as AuditRecord from "effect-registrar/AuditRecord"
 * import * as Cef from "effect-registrar/AuditFormat/Cef"
 *
 * const format = Cef.make({ vendor: "Example", product: "Configuration server", version: "1.2" })
 *
 * const record = AuditRecord.make({
 *   level: "WARNING",
 *   date: "2024-01-31T12:00:00.000Z",
 *   message: "User 'ada' failed to log in",
 *   event: { type: "auth-login-failed", details: { user: "ada" } },
 *   source: "configuration-server"
 * })
 *
 * const [header, extension] = format.line(record).split("|rt=")
 * console.log(header) // CEF:0|Example|Configuration server|1.2|auth-login-failed|auth-login-failed|6
 * console.log(extension) // 1706702400000 suser=ada msg=User 'ada' failed to log in deviceProcessName=configuration-server
 */
import { errorOf, momentOf, outcomeOf, placeOf, restOf, textOf, type Format } from "../AuditFormat.js"
import type { AuditRecord, Contents } from "../AuditRecord.js"
import { isIpv4, isIpv6 } from "../internal/ipAddress.js"
import type { Json } from "../internal/json.js"
import { stringify } from "../internal/jsonText.js"
import { isPlain, toPlain } from "../internal/plainText.js"

/**
 * @category models
 */
export interface Options {
  /** Default: `effect-registrar`. */
  readonly vendor?: string | undefined
  /** Default: the source of the record. */
  readonly product?: string | undefined
  /** Default: `unknown`. */
  readonly version?: string | undefined
  /** `dvchost` */
  readonly hostname?: string | undefined
  /** `deviceExternalId`: which one of several instances writes. */
  readonly instance?: string | undefined
}

/**
 * @category constructors
 */
export const make = (options: Options = {}): Format => {
  const { hostname, instance, product, vendor = "effect-registrar", version = "unknown" } = options
  return {
    name: "cef",
    contentType: "text/plain",
    line: (record) => {
      const { event, level, source } = record
      const header = [vendor, product ?? source, version, event.type, event.type].map(inHeader)
      const extension = pairsOf(record, { dvchost: hostname, deviceExternalId: instance })
      return `CEF:0|${header.join("|")}|${severities[level]}|${extension.map(pair).join(" ")}`
    }
  }
}

const severities: Record<Contents["level"], number> = { DEBUG: 1, INFO: 3, WARNING: 6, ERROR: 8, CRITICAL: 10 }

type Pair = readonly [key: string, value: string]

const pairsOf = (record: AuditRecord, device: Readonly<Record<string, string | undefined>>): ReadonlyArray<Pair> => {
  const { event, line, message, source } = record
  const place = placeOf(line)
  const details = Object.entries(event.details).map(([name, value]): [string, string | undefined] => [
    keyOf(name, value) ?? "",
    typeof value === "string" ? value : stringify(value)
  ])
  const pairs: ReadonlyArray<readonly [key: string, value: string | undefined]> = [
    ["rt", momentOf(record)?.toString()],
    ...addressOf(textOf(record, "ip")),
    ["suser", textOf(record, "user")],
    ["request", textOf(record, "path")],
    ["msg", message],
    ["outcome", outcomeOf(record)],
    ["reason", errorOf(record)],
    ["deviceProcessName", source],
    ...Object.entries(device),
    ["externalId", place?.seq.toString()],
    ...details,
    ...custom("cs1", "requestId", event.requestId),
    ...custom("cs2", "intent", event.intent),
    ...custom("cs3", "traceId", event.traceId),
    ...custom("cs4", "spanId", event.spanId),
    ...custom("cs5", "hash", place?.hash),
    ...custom("cs6", "rest", restOf(record, isExact, isExactDetail))
  ]
  return pairs.filter((pair): pair is Pair => pair[0] !== "" && !isBlank(pair[1]))
}

/** The dictionary has no key for a source in IPv6, but a custom one whose label is fixed. */
const addressOf = (ip: string | undefined): ReadonlyArray<Pair> => {
  if (ip === undefined) return []
  if (isIpv4(ip)) return [["src", ip]]
  return isIpv6(ip) ? [...custom("c6a2", "Source IPv6 Address", ip)] : []
}

const custom = (key: string, label: string, value: string | undefined): ReadonlyArray<Pair> =>
  value === undefined || isBlank(value)
    ? []
    : [
        [key, value],
        [`${key}Label`, label]
      ]

const isBlank = (value: string | undefined): boolean => value === undefined || value.trim() === ""

/** The key of a detail that no standard key has. Where its name has other letters than keys have, there is none. */
const keyOf = (name: string, value: Json): string | undefined => {
  const isPlainValue = value === null || typeof value !== "object"
  if (!isPlainValue || isStandard(name, value) || !/^[a-z][A-Za-z0-9]{0,62}$/.test(name)) return undefined
  return `detail${name[0]!.toUpperCase()}${name.slice(1)}`
}

const isStandard = (name: string, value: Json): boolean =>
  typeof value === "string" &&
  (name === "path" || name === "user" || (name === "ip" && (isIpv4(value) || isIpv6(value))))

/** A date that the calendar does not have is no time, and in the header, where the type is, lines cannot end. */
const isExact = ({ name, value }: { readonly name: string; readonly value: string }): boolean => {
  if (name === "date") return momentOf({ date: value }) !== undefined
  return isValue(value) && (name !== "type" || isPlain(value))
}

const isExactDetail = (name: string, value: Json): boolean =>
  typeof value === "string" && isValue(value) && (isStandard(name, value) || keyOf(name, value) !== undefined)

/** Whether a reader gets it back: white space at its ends is taken for that between pairs. */
const isValue = (text: string): boolean =>
  text !== "" && text.trim().length === text.length && isPlain(text.replace(/[\r\n]/g, ""))

const inHeader = (text: string): string => toPlain(text).trim().replaceAll("\\", "\\\\").replaceAll("|", "\\|")

const pair = ([key, value]: Pair): string => {
  // Line ends have an escape of their own in values.
  const lines = value.split("\n").map((line) => line.split("\r").map(inValue).join("\\r"))
  return `${key}=${lines.join("\\n").trim()}`
}

const inValue = (text: string): string => toPlain(text).replaceAll("\\", "\\\\").replaceAll("=", "\\=")
