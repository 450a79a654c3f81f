/**
 * Audit records as events of the Open Cybersecurity Schema Framework 1.9.
 *
 * An event is of a class, which says what has to be known. Without being told, a record whose `ip` is known is API Activity (6003),
 * and every other one, of a job or of the trail itself, a Base Event (0). The application knows better: it can say by event type
 * what is API Activity, and of which kind, and what is Authentication (3002). What the class has no attribute for is in `unmapped`.
 *
 * @example
 * import * as AuditRecord from "effect-registrar/AuditRecord"
 * import * as Ocsf from "effect-registrar/AuditFormat/Ocsf"
 *
 * const format = Ocsf.make({
 *   events: { "auth-login-failed": { class: "authentication", activity: "Logon", outcome: "failure" } }
 * })
 *
 * const record = AuditRecord.make({
 *   level: "WARNING",
 *   date: "2024-01-31T12:00:00.000Z",
 *   message: "User 'ada' failed to log in",
 *   event: { type: "auth-login-failed", details: { user: "ada", reason: "unknown token" } },
 *   source: "configuration-server"
 * })
 *
 * const { class_uid, status, type_uid, user } = JSON.parse(format.line(record))
 * console.log(class_uid, type_uid, status, user.name) // 3002 300201 Failure ada
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
  textOf,
  type Format,
  type Outcome
} from "../AuditFormat.js"
import type { AuditRecord, Contents } from "../AuditRecord.js"
import { isIp } from "../internal/ipAddress.js"
import type { Json } from "../internal/json.js"
import { stringify } from "../internal/jsonText.js"

/**
 * The version that every event names.
 *
 * @category models
 */
export const version = "1.9.0"

/**
 * @category models
 */
export interface Options {
  /** What events are, by their type. */
  readonly events?: Readonly<Record<string, Classification>> | undefined
  /** `metadata.product`; its name is otherwise the source of the record. */
  readonly product?:
    | {
        readonly name?: string | undefined
        readonly vendor?: string | undefined
        readonly version?: string | undefined
      }
    | undefined
  /** `metadata.log_source`: which one of several instances writes. With it, and the chain, `metadata.uid` is known beforehand. */
  readonly instance?: string | undefined
  /** Adds the stored line as `raw_data`: only over that a chain can be verified. Default: `false`. */
  readonly original?: boolean | undefined
}

/**
 * The class of an event and, where the class has several, which activity it is. Without one it is `Other`, and named after the type.
 *
 * @category models
 */
export type Classification = { readonly outcome?: Outcome | undefined } & (
  | { readonly class: "base-event" }
  | { readonly class: "api-activity"; readonly activity?: keyof typeof apiActivities | undefined }
  | { readonly class: "authentication"; readonly activity?: keyof typeof authentications | undefined }
)

const apiActivities = { Create: 1, Read: 2, Update: 3, Delete: 4 } as const

const authentications = {
  Logon: 1,
  Logoff: 2,
  "Authentication Ticket": 3,
  "Service Ticket Request": 4,
  "Service Ticket Renew": 5,
  Preauth: 6,
  "Account Switch": 7
} as const

/**
 * A format that remembers the ids it has given: one for each sink, or each export.
 *
 * @category constructors
 */
export const make = (options: Options = {}): Format => {
  const idOf = makeIds(options.instance)
  return {
    name: "ocsf",
    contentType: "application/json",
    line: (record) => stringify(eventOf(record, idOf(record), options))
  }
}

const eventOf = (record: AuditRecord, uid: string, options: Options): Json => {
  const { event, level, line, message } = record
  const { events, original } = options
  const given = saidOf(events, record) ?? byDefault(record)
  const outcome = outcomeOf(record) ?? given.outcome
  const { attributes, inherent, ...kind } = classOf(given, record)
  const [severity_id, severity] = severities[level]
  const details = Object.entries(event.details).filter(([name, value]) => !inherent(name, value))
  const place = placeOf(line)
  const moment = momentOf(record)
  const unmapped = knownOf({
    details: details.length === 0 ? undefined : Object.fromEntries(details),
    source: options.product?.name === undefined ? undefined : record.source,
    intent: event.intent,
    trace_id: Object.hasOwn(attributes, "trace") ? undefined : event.traceId,
    span_id: event.spanId,
    hash: place?.hash
  })
  return knownOf({
    ...kind,
    type_uid: kind.class_uid * 100 + kind.activity_id,
    severity_id,
    severity,
    time: moment ?? 0,
    message,
    ...(outcome === undefined ? {} : statuses[outcome]),
    status_detail: errorOf(record),
    metadata: metadataOf(record, uid, options, Object.hasOwn(attributes, "trace")),
    ...attributes,
    raw_data: original === true ? line : undefined,
    unmapped: Object.keys(unmapped).length === 0 ? undefined : unmapped
  })
}

const metadataOf = (record: AuditRecord, uid: string, { instance, product = {} }: Options, isTraced: boolean): Json => {
  const { date, event, level, line, source } = record
  return knownOf({
    version,
    product: knownOf({ name: product.name ?? source, vendor_name: product.vendor, version: product.version }),
    uid,
    correlation_uid: event.requestId,
    sequence: placeOf(line)?.seq,
    event_code: event.type,
    log_level: level,
    log_source: instance,
    // A date that the calendar does not have has no time.
    original_time: momentOf(record) === undefined ? date : undefined,
    profiles: isTraced ? ["trace"] : undefined
  })
}

interface Class {
  readonly activity_id: number
  readonly activity_name: string
  readonly category_uid: number
  readonly category_name: string
  readonly class_uid: number
  readonly class_name: string
  /** Attributes that only this class has. */
  readonly attributes: { readonly [name: string]: Json }
  /** Whether they hold this detail. */
  readonly inherent: (name: string, value: Json) => boolean
}

const byDefault = (record: Contents): Classification =>
  addressOf(record) === undefined ? { class: "base-event" } : { class: "api-activity" }

const classOf = (given: Classification, record: Contents): Class => {
  const { event, source } = record
  switch (given.class) {
    case "base-event":
      return { ...baseEvent, ...activityOf({}, undefined, event.type), attributes: {}, inherent: () => false }
    case "api-activity": {
      const { traceId } = event
      const attributes = knownOf({
        api: { operation: event.type, service: { name: source } },
        actor: userOf(record) === undefined ? { app_name: source } : { user: userOf(record)! },
        src_endpoint: endpointOf(record) ?? { svc_name: source },
        http_request: requestOf(record),
        trace: traceId === undefined ? undefined : { uid: traceId }
      })
      return { ...apiActivity, ...activityOf(apiActivities, given.activity, event.type), attributes, inherent }
    }
    case "authentication": {
      const attributes = knownOf({
        user: userOf(record) ?? { name: "Unknown", type: "Unknown", type_id: 0 },
        service: { name: source },
        src_endpoint: endpointOf(record),
        http_request: requestOf(record)
      })
      return { ...authentication, ...activityOf(authentications, given.activity, event.type), attributes, inherent }
    }
  }
}

const baseEvent = { category_uid: 0, category_name: "Uncategorized", class_uid: 0, class_name: "Base Event" }

const apiActivity = {
  category_uid: 6,
  category_name: "Application Activity",
  class_uid: 6003,
  class_name: "API Activity"
}

const authentication = {
  category_uid: 3,
  category_name: "Identity & Access Management",
  class_uid: 3002,
  class_name: "Authentication"
}

const activityOf = (known: Readonly<Record<string, number>>, name: string | undefined, type: string) =>
  name === undefined ? { activity_id: 99, activity_name: type } : { activity_id: known[name]!, activity_name: name }

const inherent = (name: string, value: Json): boolean => isContextName(name) && typeof value === "string"

const userOf = (record: Contents): Json | undefined => {
  const name = textOf(record, "user")
  return name === undefined ? undefined : { name }
}

/** An address that is none is a name. */
const endpointOf = (record: Contents): Json | undefined => {
  const address = textOf(record, "ip")
  if (address === undefined) return undefined
  return isAddress(address) ? { ip: address } : { name: address }
}

const addressOf = (record: Contents): string | undefined => {
  const address = textOf(record, "ip")
  return address !== undefined && isAddress(address) ? address : undefined
}

const isAddress = (text: string): boolean => text.length <= 40 && isIp(text)

const requestOf = (record: Contents): Json | undefined => {
  const path = textOf(record, "path")
  const uid = record.event.requestId
  if (path === undefined && uid === undefined) return undefined
  return knownOf({ url: path === undefined ? undefined : { path }, uid })
}

const severities: Record<Contents["level"], readonly [id: number, name: string]> = {
  DEBUG: [1, "Informational"],
  INFO: [1, "Informational"],
  WARNING: [3, "Medium"],
  ERROR: [4, "High"],
  CRITICAL: [5, "Critical"]
}

const statuses: Record<Outcome, { readonly status_id: number; readonly status: string }> = {
  unknown: { status_id: 0, status: "Unknown" },
  success: { status_id: 1, status: "Success" },
  failure: { status_id: 2, status: "Failure" }
}
