/**
 * Who asks, and whether they may. An extension with its errors and audit events, and two middlewares that ask for a bearer
 * token and give the request its user: one for routes, one for an `HttpApi`.
 */
import { HttpApiMiddleware, HttpApiSecurity, HttpLayerRouter, HttpServerRequest } from "@effect/platform"
import { Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import {
  ApiError,
  AuditContext,
  AuditEvent,
  AuditLog,
  BuiltInErrors,
  ErrorRegistry,
  Extension,
  RegisteredApi,
  Registrar
} from "effect-registrar"
import { LoginLimit } from "./LoginLimit.js"
import * as RequestPath from "./RequestPath.js"
import * as Users from "./Users.js"

class RateLimited extends ApiError.make<RateLimited>()("auth-rate-limited", {
  status: 429,
  message: "Too many failed logins from your address, try again in {seconds} seconds",
  fields: { seconds: Schema.Int },
  headers: ({ seconds }) => ({ "retry-after": String(seconds) })
}) {}

class UnauthorizedIp extends ApiError.make<UnauthorizedIp>()("auth-unauthorized-ip", {
  status: 403,
  message: "You are not allowed to access this server from your address"
}) {}

class UnauthorizedPath extends ApiError.make<UnauthorizedPath>()("auth-unauthorized-path", {
  status: 403,
  message: "You are not allowed to access this path"
}) {}

/** The built-in error, with the header that a 401 must have (RFC 9110, section 11.6.1). */
class WithChallenge extends ApiError.make<WithChallenge>()("unauthenticated", {
  status: 401,
  message: "A valid bearer token is required to access this resource",
  headers: () => ({ "www-authenticate": 'Bearer realm="configurations"' })
}) {}

const LoginFailed = AuditEvent.make("auth-unauthenticated", {
  level: "Warning",
  message: "A request from {ip} for {path} was refused: {reason}",
  fields: { reason: Schema.Literal("it has no token", "its token is unknown") }
})

const LoginLimited = AuditEvent.make("auth-rate-limited", {
  level: "Warning",
  message: "A request from {ip} for {path} was refused: too many logins failed before it"
})

const IpRefused = AuditEvent.make("auth-unauthorized-ip", {
  level: "Warning",
  message: "User '{user}' was refused {path}: they may not come from {ip}"
})

const PathRefused = AuditEvent.make("auth-unauthorized-path", {
  level: "Warning",
  message: "User '{user}' was refused {path}: they may not read it"
})

const extension = Extension.make("auth", {
  errors: [RateLimited, UnauthorizedIp, UnauthorizedPath],
  auditEvents: [LoginFailed, LoginLimited, IpRefused, PathRefused]
})

export const layer = Layer.merge(extension.layer, ErrorRegistry.override(WithChallenge))

const login = Effect.gen(function* () {
  const audit = yield* AuditLog.AuditLog
  const limit = yield* LoginLimit
  const users = yield* Users.Users
  const { ip = "unknown" } = yield* AuditContext.AuditContext

  const token = bearerToken(yield* HttpServerRequest.HttpServerRequest)
  if (Option.isNone(token)) {
    yield* audit.add(LoginFailed, { reason: "it has no token" })
    return yield* new BuiltInErrors.Unauthenticated()
  }
  const user = yield* limit
    .attempt(ip, () => users.byToken(token.value))
    .pipe(
      Effect.catchTag("LimitReached", ({ seconds }) =>
        Effect.zipRight(audit.add(LoginLimited), new RateLimited({ seconds }))
      )
    )
  if (Option.isNone(user)) {
    yield* audit.add(LoginFailed, { reason: "its token is unknown" })
    return yield* new BuiltInErrors.Unauthenticated()
  }
  return user.value
})

const authorize = (user: Users.User) =>
  Effect.gen(function* () {
    const audit = yield* AuditLog.AuditLog
    const { ip = "unknown" } = yield* AuditContext.AuditContext
    const { url } = yield* HttpServerRequest.HttpServerRequest
    if (!Users.mayComeFrom(user, ip)) {
      yield* audit.add(IpRefused)
      return yield* new UnauthorizedIp()
    }
    if (!Users.mayRead(user, RequestPath.normalized(url))) {
      yield* audit.add(PathRefused)
      return yield* new UnauthorizedPath()
    }
  })

/** The user, who is known to the audit log from here on. */
const admit = Effect.gen(function* () {
  const user = yield* login
  yield* AuditContext.identify(user.name)
  yield* authorize(user)
  return user
})

/** For the routes it is provided to: only users come through, and only to what they may read. */
export const middleware = Registrar.middleware(HttpLayerRouter.middleware((handler) => Effect.zipRight(admit, handler)))

export class CurrentUser extends Context.Tag("configuration-server/CurrentUser")<CurrentUser, Users.User>() {}

/** The same for an `HttpApi`. */
export class Authenticated extends HttpApiMiddleware.Tag<Authenticated>()("configuration-server/Authenticated", {
  security: { token: HttpApiSecurity.bearer },
  failure: Schema.Union(BuiltInErrors.Unauthenticated, RateLimited, UnauthorizedIp, UnauthorizedPath),
  provides: CurrentUser
}) {}

export const authenticated = RegisteredApi.middleware(
  Authenticated,
  // The token is read from the request, as for the routes.
  Effect.succeed({ token: () => admit })
)

const bearerToken = ({ headers }: HttpServerRequest.HttpServerRequest): Option.Option<Redacted.Redacted> =>
  Option.map(Option.fromNullable(/^bearer +(\S+) *$/i.exec(headers["authorization"] ?? "")?.[1]), (token) =>
    Redacted.make(token)
  )
