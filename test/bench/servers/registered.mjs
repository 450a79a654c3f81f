// The same handlers with the library, and one that adds an audit event.
import { HttpApiEndpoint, HttpApiGroup, HttpLayerRouter } from "@effect/platform"
import { Effect, Layer, Schema } from "effect"
import { ApiError, AuditEvent, AuditLog, Extension, RegisteredApi } from "../../../dist/index.js"
import { files, ok } from "./byHand.mjs"

class RateLimited extends ApiError.make()("bench-rate-limited", {
  status: 429,
  message: "Too many requests from {ip}, try again in {minutes} minutes",
  fields: { ip: Schema.String, minutes: Schema.Int }
}) {}

/** Its values are checked. */
export const Listed = AuditEvent.make("bench-listed", {
  level: "Info",
  message: "{ip} has listed {files} files of {path}",
  fields: { files: Schema.Int }
})

/** Its values are any JSON. */
export const Seen = AuditEvent.make("bench-seen", {
  level: "Info",
  message: "{ip} has listed {files} files of {path}"
})

export const Bench = Extension.make("bench", { errors: [RateLimited], auditEvents: [Listed, Seen] })

export const limited = Effect.suspend(() => new RateLimited({ ip: "192.0.2.7", minutes: 15 }))

export const audited = Effect.flatMap(AuditLog.AuditLog, (audit) =>
  Effect.zipRight(audit.add(Listed, { files: 3 }), ok)
)

const Files = HttpApiGroup.make("files")
  .add(HttpApiEndpoint.get("ok", "/api/ok").addSuccess(Schema.Struct({ status: Schema.String, files: Schema.Int })))
  .add(HttpApiEndpoint.get("limited", "/api/limited").addSuccess(Schema.String).addError(RateLimited))

class Api extends RegisteredApi.make("bench").add(Files) {}

const handlers = RegisteredApi.group(Api, "files", (handlers) =>
  handlers.handle("ok", () => Effect.succeed(files)).handle("limited", () => limited)
)

/** All of them. They need `Bench`. */
export const routes = Layer.mergeAll(
  HttpLayerRouter.add("GET", "/ok", ok),
  HttpLayerRouter.add("GET", "/limited", limited),
  HttpLayerRouter.add("GET", "/audited", audited),
  RegisteredApi.layer(Api).pipe(Layer.provide(handlers))
)
