/** An application with enough in it to look at. */
import { Schema } from "effect"
import * as ApiError from "../../src/ApiError.js"
import * as AuditEvent from "../../src/AuditEvent.js"
import * as Extension from "../../src/Extension.js"

class RateLimited extends ApiError.make<RateLimited>()("auth-rate-limited", {
  status: 429,
  message: "Too many failed logins from {ip}, try again in {minutes} minutes",
  fields: {
    ip: Schema.String.annotations({ description: "Where the logins came from", examples: ["192.0.2.7"] }),
    minutes: Schema.Int.annotations({ description: "How long the client has to wait", examples: [15] })
  },
  headers: (error) => ({ "retry-after": String(error.minutes * 60) }),
  description:
    "Somebody has failed to log in from this address too often. The count starts again after the time in `Retry-After`.",
  since: "1.2.0"
}) {}

class SessionExpired extends ApiError.make<SessionExpired>()("auth-session-expired", {
  status: 401,
  message: "The session has expired: log in again",
  deprecated: "Sessions do not expire any more since 2.0. Handle unauthenticated instead."
}) {}

class NotFound extends ApiError.make<NotFound>()("configs-not-found", {
  status: 404,
  message: "There is no configuration '{config}' in {environment}",
  fields: {
    config: Schema.NonEmptyString.annotations({ examples: ["app/database"] }),
    environment: Schema.Literal("development", "test", "production")
  },
  description: "The name is wrong, or the configuration belongs to another environment."
}) {}

class NotFoundAnyMore extends ApiError.make<NotFoundAnyMore>()("configs-not-found", {
  status: 410,
  message: "The configuration '{config}' was deleted at {at}",
  fields: { config: Schema.String, at: Schema.DateTimeUtc }
}) {}

class Invalid extends ApiError.make<Invalid>()("configs-invalid", {
  status: 422,
  message: "{count} values of the configuration do not fit",
  fields: {
    count: Schema.Int,
    problems: Schema.Array(
      Schema.Struct({ path: Schema.String, problem: Schema.String, line: Schema.optional(Schema.Int) })
    ),
    proof: Schema.optional(Schema.Redacted(Schema.String))
  }
}) {}

class TemplateBroken extends Error {}

const LoginFailed = AuditEvent.make("auth-login-failed", {
  level: "Warning",
  message: "User '{user}' failed to log in from {ip}: {reason}",
  fields: { reason: Schema.Literal("unknown user", "wrong password", "locked") },
  collapse: { within: "5 minutes", by: ["ip"] },
  description: "Recorded before the answer is sent, so that a flood of logins is seen even where none succeeds.",
  since: "1.0.0"
})

const LoggedIn = AuditEvent.make("auth-logged-in", { level: "Info", message: "User '{user}' has logged in from {ip}" })

const Loaded = AuditEvent.make("configs-loaded", {
  level: "Debug",
  message: "User '{user}' has loaded {path}",
  fields: { bytes: Schema.Int.annotations({ description: "The size of what was sent" }) }
})

const KeyLost = AuditEvent.make("configs-key-lost", {
  level: "Fatal",
  message: "The key of the secrets is lost: {problem}"
})

const Auth = Extension.make("auth", {
  errors: [RateLimited, SessionExpired],
  auditEvents: [LoginFailed, LoggedIn]
})

const Configs = Extension.make("configs", {
  errors: [NotFound, NotFoundAnyMore, Invalid],
  exceptions: [
    ApiError.fromException(TemplateBroken, { id: "configs-template-broken", message: "The template is broken" })
  ],
  auditEvents: [Loaded, KeyLost]
})

export const extensions = [Auth, Configs] as const
