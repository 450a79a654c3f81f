// The same handlers with the library, and one that adds an audit event.
import { Effect, Schema } from "effect"
import { ApiError, AuditEvent, AuditLog, Extension } from "../../../dist/index.js"
import { ok } from "./byHand.mjs"

class RateLimited extends ApiError.make()("bench-rate-limited", {
  status: 429,
  message: "Too many requests from {ip}, try again in {minutes} minutes",
  fields: { ip: Schema.String, minutes: Schema.Int }
}) {}

export const Listed = AuditEvent.make("bench-listed", {
  level: "Info",
  message: "{ip} has listed {files} files of {path}",
  fields: { files: Schema.Int }
})

export const Bench = Extension.make("bench", { errors: [RateLimited], auditEvents: [Listed] })

export const limited = Effect.suspend(() => new RateLimited({ ip: "192.0.2.7", minutes: 15 }))

export const audited = Effect.flatMap(AuditLog.AuditLog, (audit) =>
  Effect.zipRight(audit.add(Listed, { files: 3 }), ok)
)
