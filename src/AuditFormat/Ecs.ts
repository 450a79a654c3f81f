/**
 * Audit records as documents of the Elastic Common Schema 9.4, for Elasticsearch and what reads it.
 *
 * Everything that ECS has a field for is in that field, with that field's type; an address that is none stays out of `source.ip`,
 * because the index would refuse the whole document. Fields of our own are few and never change their type: `registrar.details`
 * is the details as one JSON text, exactly, whatever they hold; `labels` has those of them that are plain values, as text, for
 * searches. So two events that use one name for different things cannot clash in an index.
 *
 * @example
 * import * as AuditRecord from "effect-registrar/AuditRecord"
 * import * as Ecs from "effect-registrar/AuditFormat/Ecs"
 *
 * const format = Ecs.make({ events: { "auth-login-failed": { category: ["authentication"], outcome: "failure" } } })
 *
 * const record = AuditRecord.make({
 *   level: "WARNING",
 *   date: "2024-01-31T12:00:00.000Z",
 *   message: "User 'ada' failed to log in",
 *   event: { type: "auth-login-failed", details: { user: "ada", reason: "unknown token" } },
 *   source: "configuration-server"
 * })
 *
 * const { event, labels, user } = JSON.parse(format.line(record))
 * console.log(event.outcome, user.name, labels.reason) // failure ada unknown token
 */
import { isContextName } from "../AuditEvent.js"
import {
  errorOf,
  knownOf,
  makeIds,
  momentOf,
  outcomeOf,
  placeOf,
  saidOf,
  severities,
  textOf,
  type Format,
  type Outcome
} from "../AuditFormat.js"
import type { AuditRecord } from "../AuditRecord.js"
import { isIp } from "../internal/ipAddress.js"
import { setMember, type Json } from "../internal/json.js"
import { stringify } from "../internal/jsonText.js"

/**
 * The version that every document names.
 *
 * @category models
 */
export const version = "9.4.0"

/**
 * @category models
 */
export interface Options {
  /** What the standard wants to know of events, by their type. */
  readonly events?: Readonly<Record<string, Categorization>> | undefined
  /** `service.node.name`: which one of several instances writes. With it, and the chain, `event.id` is known beforehand. */
  readonly instance?: string | undefined
  /** `host.hostname` and `host.name` */
  readonly hostname?: string | undefined
  /** `service.version` */
  readonly serviceVersion?: string | undefined
  /** `service.environment`: `production`, … */
  readonly environment?: string | undefined
  /** `event.dataset` */
  readonly dataset?: string | undefined
  /** Adds the stored line as `event.original`: only over that a chain can be verified. Default: `false`. */
  readonly original?: boolean | undefined
}

/**
 * The categorization fields of an event. The standard says which types go with which category.
 *
 * @category models
 */
export interface Categorization {
  readonly kind?: "alert" | "event" | "metric" | "state" | undefined
  readonly category?: ReadonlyArray<Category> | undefined
  readonly type?: ReadonlyArray<Type> | undefined
  /** Where the record itself does not say it. */
  readonly outcome?: Outcome | undefined
}

/**
 * The values of `event.category` that fit what an application does.
 *
 * @category models
 */
export type Category =
  | "api"
  | "authentication"
  | "configuration"
  | "database"
  | "email"
  | "file"
  | "host"
  | "iam"
  | "network"
  | "package"
  | "process"
  | "session"
  | "web"

/**
 * The values of `event.type`.
 *
 * @category models
 */
export type Type =
  | "access"
  | "admin"
  | "allowed"
  | "change"
  | "connection"
  | "creation"
  | "deletion"
  | "denied"
  | "end"
  | "error"
  | "group"
  | "info"
  | "installation"
  | "protocol"
  | "start"
  | "user"

/**
 * A format that remembers the ids it has given: one for each sink, or each export.
 *
 * @category constructors
 */
export const make = (options: Options = {}): Format => {
  const { dataset, environment, events, hostname, instance, original, serviceVersion } = options
  const idOf = makeIds(instance)

  const documentOf = (record: AuditRecord): { readonly [name: string]: Json } => {
    const { date, event, level, line, message, source } = record
    const { intent, requestId, spanId, traceId } = event
    const { category, kind = "event", outcome, type } = saidOf(events, record) ?? {}
    const place = placeOf(line)
    const isReal = momentOf(record) !== undefined
    const [ip, path, user, error] = [
      textOf(record, "ip"),
      textOf(record, "path"),
      textOf(record, "user"),
      errorOf(record)
    ]
    const knownIp = ip !== undefined && isIp(ip) ? ip : undefined
    const labels = labelsOf(event.details)
    return knownOf({
      "@timestamp": isReal ? date : epoch,
      message,
      ecs: { version },
      log: { level: level.toLowerCase() },
      event: knownOf({
        id: idOf(record),
        kind,
        category,
        type,
        action: event.type,
        outcome: outcomeOf(record) ?? outcome,
        severity: severities[level],
        provider: source,
        dataset,
        sequence: place?.seq,
        hash: place?.hash,
        original: original === true ? line : undefined
      }),
      service: knownOf({
        name: source,
        version: serviceVersion,
        environment,
        node: instance === undefined ? undefined : { name: instance }
      }),
      host: hostname === undefined ? undefined : { hostname, name: hostname },
      source: ip === undefined ? undefined : knownOf({ address: ip, ip: knownIp }),
      url: path === undefined ? undefined : { path },
      user: user === undefined ? undefined : { name: user },
      http: requestId === undefined ? undefined : { request: { id: requestId } },
      trace: traceId === undefined ? undefined : { id: traceId },
      span: spanId === undefined ? undefined : { id: spanId },
      error: error === undefined ? undefined : { type: error },
      related: relatedTo(knownIp, user),
      labels: Object.keys(labels).length === 0 ? undefined : labels,
      registrar: knownOf({ details: stringify(event.details), intent, date: isReal ? undefined : date })
    })
  }

  return { name: "ecs", contentType: "application/json", line: (record) => stringify(documentOf(record)) }
}

/** A date that the calendar does not have would keep the document out of the index. It is in `registrar.date` then. */
const epoch = "1970-01-01T00:00:00.000Z"

const relatedTo = (ip: string | undefined, user: string | undefined): Json | undefined =>
  ip === undefined && user === undefined
    ? undefined
    : knownOf({ ip: ip === undefined ? undefined : [ip], user: user === undefined ? undefined : [user] })

/**
 * Plain values as text. A dot in a name would make an object of the label, and what is longer than 1,024 characters is not
 * indexed. Where two names become one, the first counts: all are in `registrar.details`.
 */
const labelsOf = (details: AuditRecord["event"]["details"]): { readonly [name: string]: Json } => {
  const labels: Record<string, Json> = {}
  for (const [name, value] of Object.entries(details)) {
    if (value === null || typeof value === "object" || isContextName(name)) continue
    const label = name.slice(0, 128).replace(/[^\p{L}\p{N}_-]/gu, "_") || "_"
    const text = typeof value === "string" ? value : stringify(value)
    if (text.length <= 1024 && !Object.hasOwn(labels, label)) setMember(labels, label, text)
  }
  return labels
}
