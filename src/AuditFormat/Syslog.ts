/**
 * Audit records as syslog messages after RFC 5424, without the framing of a transport: `AuditSink/Syslog` sends them.
 *
 * The message is the record's message in UTF-8. The structured data has the rest: an element `registrar@32473` for the record,
 * and an element `details@32473` for its details. Text is there as it is. What is no text, and what a line cannot hold as it is, is
 * in the parameter `rest` of the first element, as one JSON text; nothing is lost.
 *
 * @example
 * import * as AuditRecord from "effect-registrar/AuditRecord"
 * import * as Syslog from "effect-registrar/AuditFormat/Syslog"
 *
 * const format = Syslog.make({ hostname: "web-1", bom: false })
 *
 * const record = AuditRecord.make({
 *   level: "WARNING",
 *   date: "2024-01-31T12:00:00.000Z",
 *   message: "User 'ada' failed to log in",
 *   event: { type: "auth-login-failed", details: { user: "ada" } },
 *   source: "server"
 * })
 *
 * console.log(format.line(record).split(" [")[0]) // <108>1 2024-01-31T12:00:00.000Z web-1 server - auth-login-failed
 */
import { momentOf, placeOf, restOf, severities, type Format } from "../AuditFormat.js"
import type { AuditRecord } from "../AuditRecord.js"
import type { Json } from "../internal/json.js"
import { stringify } from "../internal/jsonText.js"
import { isPlain, toPlain, toWord } from "../internal/plainText.js"

/**
 * The facilities, in the order of their codes.
 *
 * @category models
 */
export const facilities = [
  "kern",
  "user",
  "mail",
  "daemon",
  "auth",
  "syslog",
  "lpr",
  "news",
  "uucp",
  "cron",
  "authpriv",
  "ftp",
  "ntp",
  "audit",
  "alert",
  "clock",
  "local0",
  "local1",
  "local2",
  "local3",
  "local4",
  "local5",
  "local6",
  "local7"
] as const

/**
 * @category models
 */
export type Facility = (typeof facilities)[number]

/**
 * @category models
 */
export interface Options {
  /** Default: `audit`, which is 13. */
  readonly facility?: Facility | undefined
  /** Default: `-`, unknown. */
  readonly hostname?: string | undefined
  /** Default: the source of the record. */
  readonly appName?: string | undefined
  /** The process, or which one of several instances writes. Default: `-`, unknown. */
  readonly procId?: string | undefined
  /** The private enterprise number of whoever defines the elements. Default: 32473, which IANA keeps for examples. */
  readonly enterpriseNumber?: number | undefined
  /** What the message is instead of the record's: CEF, or the stored line, over which a chain can be verified. */
  readonly message?: Format | undefined
  /** Whether a byte order mark stands before the record's own message, as the RFC demands for UTF-8. Default: `true`. */
  readonly bom?: boolean | undefined
}

/**
 * @category constructors
 */
export const make = (options: Options = {}): Format => {
  const { appName, bom = true, enterpriseNumber = 32473, facility = "audit", message } = options
  const priorityOf = facilities.indexOf(facility) * 8
  const hostname = toWord(options.hostname ?? "", 255)
  const procId = toWord(options.procId ?? "", 128)
  const textOf =
    message === undefined
      ? (record: AuditRecord) => (bom ? "\ufeff" : "") + toPlain(record.message)
      : (record: AuditRecord) => message.line(record)

  return {
    name: "syslog",
    contentType: "text/plain",
    line: (record) => {
      const { date, event, level, source } = record
      const header = [
        `<${priorityOf + severities[level]}>1`,
        momentOf(record) === undefined ? "-" : date,
        hostname,
        toWord(appName ?? source, 48),
        procId,
        toWord(event.type, 32)
      ].join(" ")
      return `${header} ${structuredData(record, enterpriseNumber)} ${textOf(record)}`
    }
  }
}

const structuredData = (record: AuditRecord, enterpriseNumber: number): string => {
  const { event, level, line, source } = record
  const place = placeOf(line)
  const about = {
    type: event.type,
    level,
    source,
    requestId: event.requestId,
    intent: event.intent,
    traceId: event.traceId,
    spanId: event.spanId,
    seq: place?.seq.toString(),
    hash: place?.hash,
    rest: restOf(
      record,
      // A date that the calendar does not have is no timestamp.
      ({ name, value }) => (name === "date" ? momentOf(record) !== undefined : isPlain(value)),
      (name, value) => isName(name) && typeof value === "string" && isPlain(value)
    )
  }
  const params = Object.entries(about).map(([name, value]) => (value === undefined ? "" : param(name, value)))
  const details = Object.entries(event.details).map(([name, value]) => detailParam(name, value))
  const hasDetails = details.some((text) => text !== "")
  return (
    `[registrar@${enterpriseNumber}${params.join("")}]` +
    (hasDetails ? `[details@${enterpriseNumber}${details.join("")}]` : "")
  )
}

/** What is plain but no text is here for searches, and in `rest` as what it is. */
const detailParam = (name: string, value: Json): string => {
  if (!isName(name) || typeof value === "object") return value === null && isName(name) ? param(name, "null") : ""
  const text = typeof value === "string" ? value : stringify(value)
  return param(name, text)
}

const param = (name: string, value: string): string => ` ${name}="${escaped(toPlain(value))}"`

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("]", "\\]")

/** Printable ASCII without `=`, space, `]` and `"`. */
const isName = (name: string): boolean => /^[!#-<>-\\^-~]{1,32}$/.test(name)
