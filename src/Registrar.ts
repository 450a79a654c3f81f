/**
 * Everything wired: the registries, the audit log, and an HTTP server in which nothing unregistered leaves a handler.
 *
 * @example
 * import { ApiError, AuditSink, Extension, Registrar } from "effect-registrar"
 * import * as NodeServer from "effect-registrar/HttpErrors/Node"
 * import { HttpLayerRouter } from "@effect/platform"
 * import { Layer } from "effect"
 * import { createServer } from "node:http"
 *
 * class NoBadger extends ApiError.make<NoBadger>()("zoo-no-badger", { status: 404, message: "There is no badger" }) {}
 * const Zoo = Extension.make("zoo", { errors: [NoBadger] })
 *
 * const Badgers = HttpLayerRouter.add("GET", "/badgers", new NoBadger())
 *
 * // Without `Zoo.layer` this does not compile: The error 'zoo-no-badger' is not registered
 * const server = Registrar.serve(Badgers.pipe(Layer.provide(Zoo.layer))).pipe(
 *   Layer.provide(AuditSink.console),
 *   Layer.provide(NodeServer.layer(createServer, { port: 8080 }))
 * )
 */
import { HttpLayerRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import { Config, ConfigError, Effect, Either, Layer, Option } from "effect"
import type { Duration } from "effect"
import type * as ApiError from "./ApiError.js"
import type { AuditContext } from "./AuditContext.js"
import * as AuditLog from "./AuditLog.js"
import * as AuditRegistry from "./AuditRegistry.js"
import type { AuditSink } from "./AuditSink.js"
import * as BuiltInErrors from "./BuiltInErrors.js"
import * as ErrorRegistry from "./ErrorRegistry.js"
import * as HmacKey from "./HmacKey.js"
import * as HttpAudit from "./HttpAudit.js"
import * as HttpErrors from "./HttpErrors.js"
import { canonicalLanguage } from "./internal/accept.js"
import { count, text } from "./internal/config.js"
import * as Drain from "./internal/drain.js"
import { markedNames } from "./internal/markedFields.js"
import * as Tracing from "./internal/tracing.js"
import { Refusals, settle } from "./Registration.js"
import type { InvalidDefinition, Refusal, Registered, RegistrationConflict } from "./Registration.js"

/**
 * @category models
 */
export interface Options extends AuditLog.Options, HttpAudit.Options, HttpErrors.Options {
  /** How paths are matched. */
  readonly routerConfig?: Partial<HttpLayerRouter.FindMyWay.RouterConfig> | undefined
  /** Does not log the address that is listened on. */
  readonly disableListenLog?: boolean | undefined
  /**
   * Whether each request has a span, or only where it is collected: where a tracer is installed, or where the request belongs to a
   * trace. With `"always"`, what a handler calls is in one trace also where nothing here collects it. Default: `"collected"`.
   */
  readonly spans?: "collected" | "always" | undefined
  /** How long closing waits for requests that run. Default: 20 seconds. */
  readonly drainWithin?: Duration.DurationInput | undefined
}

/**
 * The services of an application, without a server.
 *
 * @category services
 */
export type Services = ErrorRegistry.ErrorRegistry | AuditRegistry.AuditRegistry | AuditLog.AuditLog

/**
 * The registries and the audit log, for jobs and for servers of one's own. Each call makes services of their own: two
 * applications in one process share nothing.
 *
 * @category layers
 */
export const layer = (options?: AuditLog.Options): Layer.Layer<Services, never, AuditSink> => {
  const registries = Layer.merge(
    Layer.effect(ErrorRegistry.ErrorRegistry, ErrorRegistry.make),
    Layer.effect(AuditRegistry.AuditRegistry, AuditRegistry.make)
  )
  return Layer.provideMerge(Layer.scoped(AuditLog.AuditLog, AuditLog.make(options)), registries)
}

/**
 * Serves the routes. Whatever a handler fails with, and every audit event it adds, must be registered by a Layer that is
 * provided to the routes; where one is not, the compiler says which.
 *
 * Before anything is served, all registrations are checked together: one `RegistrationConflict` tells about every conflict.
 * When it closes, running requests are finished, then everything added to the audit log is written.
 *
 * A request has a span where a tracer is installed, or where it belongs to a trace (W3C Trace Context, B3); see `spans`.
 *
 * @category layers
 */
export const serve = <A, E, R>(
  app: Layer.Layer<A, E, R> & ApiError.Check<Unregistered<R>>,
  options?: Options
): Layer.Layer<
  A,
  HttpLayerRouter.Request.Without<E> | RegistrationConflict | InvalidDefinition,
  HttpServer.HttpServer | AuditSink | Requirements<R>
> => {
  const given: Layer.Layer<A, E, R> = app
  const routerConfig = Layer.succeed(HttpLayerRouter.RouterConfig, options?.routerConfig ?? {})
  const perServer = Layer.mergeAll(
    Layer.provide(Layer.effect(HttpLayerRouter.HttpRouter, HttpLayerRouter.make), routerConfig),
    Layer.effect(Drain.Drain, makeDrain(options)),
    Layer.sync(Refusals, () => [...wrongOptions(options)])
  )

  const listening = listen(options)
  return (options?.spans === "always" ? listening : Tracing.onlyWhereCollected(listening)).pipe(
    Layer.provideMerge(given),
    // The first is the innermost: failures are answered, then events waited for, then the request counts as finished.
    Layer.provide(HttpErrors.layer(options).pipe(Layer.provide(routerConfig))),
    Layer.provide(HttpAudit.layer(options)),
    Layer.provide(Layer.effectDiscard(countRequests)),
    Layer.provide(perServer),
    Layer.provide(layer(options))
    // The compiler cannot follow requirements through generic Layers. `Requirements` says what is left of them.
  ) as never
}

/**
 * A middleware as a Layer, for the routes that it is provided to, which may fail with registered errors and add audit events
 * as a handler may. The `layer` of an `HttpLayerRouter.Middleware` cannot be used for that: it does not exist for a middleware
 * that needs what the server provides.
 *
 * @example
 * import { HttpLayerRouter, HttpServerRequest } from "@effect/platform"
 * import { AuditEvent, AuditLog, BuiltInErrors, Registrar } from "effect-registrar"
 * import { Effect } from "effect"
 *
 * const LoginFailed = AuditEvent.make("auth-login-failed", { level: "Warning", message: "Login from {ip} failed" })
 *
 * const authenticated = Registrar.middleware(
 *   HttpLayerRouter.middleware((handler) =>
 *     Effect.gen(function* () {
 *       const audit = yield* AuditLog.AuditLog
 *       const { headers } = yield* HttpServerRequest.HttpServerRequest
 *       if (headers["authorization"] !== undefined) return yield* handler
 *       yield* audit.add(LoginFailed)
 *       return yield* new BuiltInErrors.Unauthenticated()
 *     })
 *   )
 * )
 *
 * @category layers
 */
export const middleware = <Config extends MiddlewareConfig>(
  middleware: HttpLayerRouter.Middleware<Config>
): Layer.Layer<
  HttpLayerRouter.Request.From<"Requires", Config["provides"]>,
  Config["layerError"],
  | Config["layerRequires"]
  | HttpLayerRouter.Request.From<"Requires", Config["requires"]>
  | HttpLayerRouter.Request.From<"Error", Config["error"]>
> =>
  // There always is a Layer; the types hide it where requirements are left, which `serve` asks for here.
  middleware.layer as never

interface MiddlewareConfig {
  readonly provides: unknown
  readonly handles: unknown
  readonly error: unknown
  readonly requires: unknown
  readonly layerError: unknown
  readonly layerRequires: unknown
}

const hmacKey = Config.redacted().pipe(
  Config.mapOrFail((secret) =>
    Either.mapLeft(HmacKey.make(secret), ({ message }) => ConfigError.InvalidData([], message))
  ),
  // Around it, or what is not valid would have no name.
  Config.nested("AUDIT_HMAC_KEY")
)

/**
 * What `serveConfig` reads: `LOG_SOURCE`, the name of the application, `TRUSTED_PROXIES`, and `AUDIT_HMAC_KEY`, the key for fields
 * that are marked with `Privacy.hmac`.
 *
 * @category config
 */
export const config: Config.Config<Options> = Config.all({
  source: Config.withDefault(text("LOG_SOURCE"), "app"),
  trustedProxies: Config.withDefault(count("TRUSTED_PROXIES"), 0),
  hmacKey: Config.option(hmacKey)
}).pipe(
  Config.map(({ hmacKey, ...options }) => (Option.isSome(hmacKey) ? { ...options, hmacKey: hmacKey.value } : options))
)

/**
 * `serve`, with options from `Config`. A value that is wrong is a `ConfigError` that names its key, before anything starts.
 *
 * @category layers
 */
export const serveConfig = <A, E, R>(
  app: Layer.Layer<A, E, R> & ApiError.Check<Unregistered<R>>,
  options: Config.Config<Options> = config
): Layer.Layer<
  A,
  HttpLayerRouter.Request.Without<E> | RegistrationConflict | InvalidDefinition | ConfigError.ConfigError,
  HttpServer.HttpServer | AuditSink | Requirements<R>
> => Layer.unwrapEffect(Effect.map(options, (given) => serve(app, given)))

/** Options that come from a calculation or from outside may be what the types cannot refuse. */
const wrongOptions = (options: Options = {}): ReadonlyArray<Refusal> => {
  const { trustedProxies, maxBodySize, capacity, language, problemTypes = "/" } = options
  const wrong = (name: string, problem: string) => ({
    _tag: "Invalid" as const,
    owner: "Registrar.serve",
    name,
    problem
  })
  const given = {
    trustedProxies,
    maxBodySize,
    "capacity.records": capacity?.records,
    "capacity.characters": capacity?.characters
  }
  const numbers = Object.entries(given).flatMap(([name, value]) => {
    const isRight = value === undefined || (Number.isInteger(value) && value >= (name === "trustedProxies" ? 0 : 1))
    return isRight ? [] : [wrong(name, `the option must be a whole number, and not ${String(value)}`)]
  })
  const isLanguage = language === undefined || canonicalLanguage(language) !== undefined
  // The characters of RFC 3986, in which each `%` is followed by two digits.
  const isAddress = /^(?:[\w\-.~:/?#[\]@!$&'()*+,;=]|%[0-9a-f]{2})*$/i.test(problemTypes)
  return [
    ...numbers,
    ...(isLanguage ? [] : [wrong("language", `'${language}' is not a language tag`)]),
    ...(isAddress ? [] : [wrong("problemTypes", `'${problemTypes}' is not the beginning of an address`)])
  ]
}

/** Events whose pseudonyms need a key that there is not: what is masked instead could never be told apart again. */
const unkeyed = (options?: Options) =>
  Effect.gen(function* () {
    const { definitions } = yield* AuditRegistry.AuditRegistry
    if (options?.hmacKey !== undefined) return []
    return (yield* definitions).flatMap(({ event, owner }) =>
      markedNames(event.fields, "pseudonyms").map((field): Refusal => ({
        _tag: "Invalid",
        owner,
        name: event.type,
        problem: `the field '${field}' is marked with Privacy.hmac, and there is no key: give the option hmacKey, or AUDIT_HMAC_KEY to serveConfig`
      }))
    )
  })

/** Opens for requests, once everything is registered and nothing was refused. */
const listen = (options?: Options) =>
  Effect.gen(function* () {
    const errors = yield* ErrorRegistry.ErrorRegistry
    yield* settle([...(yield* Refusals), ...(yield* errors.undecided), ...(yield* unkeyed(options))])
    const router = yield* HttpLayerRouter.HttpRouter
    const drain = yield* Drain.Drain
    const server = HttpServer.serve(router.asHttpEffect(), HttpErrors.lastResort(errors, options))
    // Closes before the server does: it still takes requests, and refuses them, while the last ones finish.
    const drainFirst = Layer.scopedDiscard(Effect.addFinalizer(() => drain.close(options?.drainWithin ?? "20 seconds")))
    const logged = options?.disableListenLog === true ? server : HttpServer.withLogAddress(server)
    return Layer.provideMerge(drainFirst, logged)
  }).pipe(Layer.unwrapEffect)

const makeDrain = (options?: Options) =>
  Effect.map(ErrorRegistry.ErrorRegistry, (errors) => {
    const unavailable = HttpErrors.handle(new BuiltInErrors.ServiceUnavailable(), options)
    return Drain.make(
      Effect.map(
        Effect.provideService(unavailable, ErrorRegistry.ErrorRegistry, errors),
        HttpServerResponse.setHeader("connection", "close")
      )
    )
  })

const countRequests = Effect.gen(function* () {
  const router = yield* HttpLayerRouter.HttpRouter
  const drain = yield* Drain.Drain
  yield* router.addGlobalMiddleware(drain.count)
})

/**
 * What is left to provide to a served application. Proofs are not: `Unregistered` asks for them, in words.
 *
 * @category type-level
 */
export type Requirements<R> = WithoutProofs<
  Exclude<
    | HttpLayerRouter.Request.Without<R>
    // A request has its context. What runs beside the requests, a job for example, has to be given one.
    | Exclude<HttpLayerRouter.Request.Only<"Requires" | "GlobalRequires", R>, AuditContext>,
    HttpLayerRouter.HttpRouter | HttpLayerRouter.Provided | Services
  >
>

type WithoutProofs<R> = R extends Registered<infer _> ? never : R

/**
 * The sentences for what is not registered, or `never`. Of several the compiler prints one: errors come before audit events.
 *
 * @category type-level
 */
export type Unregistered<R> = [UnregisteredErrors<R>] extends [never] ? UnregisteredProofs<R> : UnregisteredErrors<R>

type UnregisteredErrors<R> = UnregisteredError<
  HttpErrors.MustBeRegistered<HttpLayerRouter.Request.Only<"Error", R> | HttpLayerRouter.Request.Only<"GlobalError", R>>
>

type UnregisteredProofs<R> = UnregisteredProof<
  R | HttpLayerRouter.Request.Only<"Requires", R> | HttpLayerRouter.Request.Only<"GlobalRequires", R>
>

type UnregisteredError<E> = unknown extends E
  ? "A route fails with a value of unknown type: give its error a type, or make it a defect with Effect.orDie"
  : E extends ApiError.ApiError<infer Id, {}>
    ? `The error '${Id}' is not registered: provide the layer of its extension`
    : E extends { readonly _tag: infer Tag extends string }
      ? `The failure '${Tag}' is not registered: register its class as an exception of an extension, or make it a defect with Effect.orDie`
      : [E] extends [never]
        ? never
        : "A failure without a _tag is not registered: register its class as an exception of an extension, or make it a defect with Effect.orDie"

type UnregisteredProof<P> =
  P extends Registered<infer X>
    ? X extends { readonly type: infer Type extends string }
      ? `The audit event '${Type}' is not registered: provide the layer of its extension`
      : UnregisteredError<X>
    : never
