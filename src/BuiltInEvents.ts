/**
 * The audit events that the library itself records: what became of events and acts, and what happened to the trail. Every
 * registry starts with them.
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
 * Stands for events that were only counted, because they repeated one that was recorded: `count` of them, with the same `by` as
 * in `details`, which are those of the recorded one. A record of it has the level of the events it stands for.
 *
 * @category the audit log
 */
export const EventsCollapsed = AuditEvent.make("registrar-events-collapsed", {
  level: "Warning",
  message: "'{event}' happened {count} more times, from {first} to {last}",
  fields: {
    event: Schema.String,
    count: Schema.Int,
    first: Schema.String,
    last: Schema.String,
    details: Schema.Unknown
  }
})

/**
 * What was announced by an intent was done.
 *
 * @category outcomes
 */
export const ActSucceeded = AuditEvent.make("registrar-act-succeeded", {
  level: "Info",
  message: "'{event}' succeeded",
  fields: { event: Schema.String }
})

/**
 * What was announced failed. `error` is the id of the error: its tag, or else the name of its class.
 *
 * @category outcomes
 */
export const ActFailed = AuditEvent.make("registrar-act-failed", {
  level: "Warning",
  message: "'{event}' failed: {error}",
  fields: { event: Schema.String, error: Schema.String }
})

/**
 * What was announced ended in a defect. `error` is its tag or class, and never its text: nobody knows what that holds.
 *
 * @category outcomes
 */
export const ActDied = AuditEvent.make("registrar-act-died", {
  level: "Error",
  message: "'{event}' ended unexpectedly: {error}",
  fields: { event: Schema.String, error: Schema.String }
})

/**
 * What was announced was interrupted: nobody knows how much of it was done.
 *
 * @category outcomes
 */
export const ActInterrupted = AuditEvent.make("registrar-act-interrupted", {
  level: "Warning",
  message: "'{event}' was interrupted",
  fields: { event: Schema.String }
})

/**
 * What was announced was not begun, because its intent was not durable in time.
 *
 * @category outcomes
 */
export const ActNotAttempted = AuditEvent.make("registrar-act-not-attempted", {
  level: "Warning",
  message: "'{event}' was not attempted, because it could not be recorded first",
  fields: { event: Schema.String }
})

/**
 * A program has opened the trail. `instance` is its name, where it is one of several.
 *
 * @category the trail
 */
export const TrailStarted = AuditEvent.make("registrar-trail-started", {
  level: "Info",
  message: "The audit trail starts",
  fields: { instance: Schema.optionalWith(Schema.String, { exact: true }) }
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
  fields: { seq: Schema.Int, instance: Schema.optionalWith(Schema.String, { exact: true }) }
})

/**
 * Segments were removed, as the retention of the trail says. `before` is the first record that is left, where records are
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
  EventsCollapsed,
  ActSucceeded,
  ActFailed,
  ActDied,
  ActInterrupted,
  ActNotAttempted,
  TrailStarted,
  TrailStopped,
  TrailRecovered,
  TrailContinued,
  TrailSealed,
  TrailTrimmed
] as const
