/**
 * The audit events that the library itself records: what the trail says about itself. Every registry starts with them.
 */
import { Schema } from "effect"
import * as AuditEvent from "./AuditEvent.js"

/**
 * The trail's own account of what it could not take in.
 *
 * @category the audit log
 */
export const EventsDropped = AuditEvent.make("registrar-events-dropped", {
  level: "Error",
  message: "{count} audit events were dropped, because too many were waiting to be written",
  fields: { count: Schema.Int }
})

/**
 * A program has opened the trail.
 *
 * @category the trail
 */
export const TrailStarted = AuditEvent.make("registrar-trail-started", {
  level: "Info",
  message: "The audit trail starts"
})

/**
 * The program that wrote the trail has closed it. A trail that ends without this was cut off, or its program was.
 *
 * @category the trail
 */
export const TrailStopped = AuditEvent.make("registrar-trail-stopped", {
  level: "Info",
  message: "The audit trail stops"
})

/**
 * The trail was not closed when it was opened again. What stood after its last whole line is kept in the file `keptIn`.
 *
 * @category the trail
 */
export const TrailRecovered = AuditEvent.make("registrar-trail-recovered", {
  level: "Warning",
  message:
    "The audit trail goes on after an end that it did not record; {tornBytes} bytes of an unfinished line were set aside",
  fields: { tornBytes: Schema.Int, keptIn: Schema.NullOr(Schema.String) }
})

/**
 * Somebody else has taken the file away under the running program, or changed it.
 *
 * @category the trail
 */
export const TrailContinued = AuditEvent.make("registrar-trail-continued", {
  level: "Warning",
  message: "The audit trail goes on in a new file, because the old one was {reason} by somebody else",
  fields: { reason: Schema.Literal("moved", "deleted", "truncated", "changed") }
})

/**
 * Everything before was signed.
 *
 * @category the trail
 */
export const TrailSealed = AuditEvent.make("registrar-trail-sealed", {
  level: "Info",
  message: "The audit trail is sealed up to record {seq}",
  fields: { seq: Schema.Int }
})

/**
 * Old files were removed, as the retention of the trail says. `before` is the first record that is left, where records are
 * numbered.
 *
 * @category the trail
 */
export const TrailTrimmed = AuditEvent.make("registrar-trail-trimmed", {
  level: "Info",
  message: "Old files of the audit trail are removed: {files}",
  fields: { files: Schema.Array(Schema.String), before: Schema.NullOr(Schema.Int) }
})

/**
 * What every registry starts with.
 *
 * @category models
 */
export const builtIns = [
  EventsDropped,
  TrailStarted,
  TrailStopped,
  TrailRecovered,
  TrailContinued,
  TrailSealed,
  TrailTrimmed
] as const
