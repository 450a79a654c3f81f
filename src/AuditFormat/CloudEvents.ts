/**
 * Audit records as CloudEvents 1.0.2 in the JSON format: one structured event on each line. `data` is the record as it is stored,
 * byte for byte, so that a chain can be verified over what was sent.
 *
 * @example
 * import * as AuditRecord from "effect-registrar/AuditRecord"
 * import * as CloudEvents from "effect-registrar/AuditFormat/CloudEvents"
 *
 * const format = CloudEvents.make({ source: "https://config.example.com", typePrefix: "com.example." })
 *
 * const record = AuditRecord.make({
 *   level: "INFO",
 *   date: "2024-01-31T12:00:00.000Z",
 *   message: "ada has loaded /configs/app",
 *   event: { type: "config-loaded", details: { path: "/configs/app", user: "ada" } },
 *   source: "configuration-server"
 * })
 *
 * const { data, source, subject, type } = JSON.parse(format.line(record))
 * console.log(type, source, subject) // com.example.config-loaded https://config.example.com /configs/app
 * console.log(data.message) // ada has loaded /configs/app
 */
import { knownOf, makeIds, momentOf, placeOf, textOf, type Format } from "../AuditFormat.js"
import type { AuditRecord, Contents } from "../AuditRecord.js"
import { inOnePiece, stringifyMembers } from "../internal/jsonText.js"
import { toPlain } from "../internal/plainText.js"
import { isSpanId, isTraceId } from "../internal/trace.js"

/**
 * @category models
 */
export interface Options {
  /** The `source`: a URI reference that names the application. Default: the source of the record, encoded as one. */
  readonly source?: string | undefined
  /** Stands before the type of each event; the standard recommends a reversed domain name: `com.example.` */
  readonly typePrefix?: string | undefined
  /** Which one of several instances writes. With it, and the chain, the `id` of a record is known beforehand. */
  readonly instance?: string | undefined
}

/**
 * A format that remembers the ids it has given: one for each sink, or each export.
 *
 * @category constructors
 */
export const make = (options: Options = {}): Format => {
  const { typePrefix = "" } = options
  const givenSource = options.source === undefined ? undefined : toPlain(options.source)
  const idOf = makeIds(options.instance)

  const attributesOf = (record: AuditRecord) => {
    const { date, event, level, line, source } = record
    const place = placeOf(line)
    return knownOf({
      specversion: "1.0",
      id: toPlain(idOf(record)),
      source: givenSource ?? toUriReference(source),
      type: toAttribute(typePrefix + event.type) ?? "unknown",
      // A date that the calendar does not have stands in the data alone.
      time: momentOf(record) === undefined ? undefined : date,
      subject: toAttribute(textOf(record, "path") ?? ""),
      datacontenttype: "application/json",
      severitytext: level,
      severitynumber: severities[level],
      // The extension asks for text that sorts as the numbers do.
      sequence: place && String(place.seq).padStart(15, "0"),
      traceparent: traceparentOf(record)
    })
  }

  return {
    name: "cloudevents",
    contentType: "application/cloudevents+json",
    line: (record) => {
      const attributes = stringifyMembers(attributesOf(record))
      return inOnePiece(`${attributes.slice(0, -1)},"data":${onOneLine(record.line)}}`)
    }
  }
}

/** Attributes are text without control characters, and are left out where they are empty. */
const toAttribute = (text: string): string | undefined => (text === "" ? undefined : toPlain(text))

/** A half of a character, which cannot be encoded, becomes the mark for that. */
const toUriReference = (source: string): string => encodeURIComponent(source.replace(/\p{Cs}/gu, "\ufffd")) || "unknown"

/** Sampled, or nobody would have recorded the ids. */
const traceparentOf = ({ event }: Contents): string | undefined =>
  isTraceId(event.traceId) && isSpanId(event.spanId) ? `00-${event.traceId}-${event.spanId}-01` : undefined

/** A stored line that somebody else wrote may have white space between its values, and ends of lines that JSON does not know. */
const onOneLine = (line: string): string =>
  /[\n\r\u0085\u2028\u2029]/.test(line)
    ? line
        .replace(/[\n\r]/g, " ")
        .replace(/[\u0085\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
    : line

/** As OpenTelemetry counts them, which the extension for severities follows. */
const severities: Record<Contents["level"], number> = { DEBUG: 5, INFO: 9, WARNING: 13, ERROR: 17, CRITICAL: 21 }
