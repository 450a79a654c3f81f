import {
  HttpLayerRouter,
  HttpServerResponse,
  type HttpBody,
  type HttpServer,
  type HttpServerError,
  type HttpServerRequest
} from "@effect/platform"
import {
  ApiError,
  type AuditContext,
  AuditEvent,
  AuditLog,
  type AuditSink,
  BuiltInErrors,
  ErrorRegistry,
  Extension,
  Registrar,
  type Registration
} from "effect-registrar"
import { type ConfigError, Context, Data, Effect, Layer, type ParseResult, Schema } from "effect"
import { describe, expect, test } from "tstyche"

class Locked extends ApiError.make<Locked>()("auth-locked", { status: 423, message: "The account is locked" }) {}
class Limited extends ApiError.make<Limited>()("auth-limited", {
  status: 429,
  message: "Try again in {minutes} minutes",
  fields: { minutes: Schema.Int }
}) {}
class NoBadger extends ApiError.make<NoBadger>()("zoo-no-badger", { status: 404, message: "There is no badger" }) {}
class NoYoungBadger extends NoBadger {}

class UpstreamDown extends Data.TaggedError("UpstreamDown")<{ readonly url: string }> {}
class Untagged extends Error {
  readonly path = "untagged"
}
class PlainError extends Error {}

const LoginFailed = AuditEvent.make("auth-login-failed", { level: "Warning", message: "Login from {ip}: {reason}" })
const LoggedOut = AuditEvent.make("auth-logged-out", { level: "Info", message: "'{user}' has logged out" })

const Auth = Extension.make("auth", { errors: [Locked, Limited], auditEvents: [LoginFailed, LoggedOut] })
const Zoo = Extension.make("zoo", { errors: [NoBadger] })

class Database extends Context.Tag("Database")<Database, { readonly size: number }>() {}

type Response = HttpServerResponse.HttpServerResponse
declare const handlerThatFailsWith: <E>() => Effect.Effect<Response, E>
declare const handlerThatNeeds: <R>() => Effect.Effect<Response, never, R>
declare const name: string

const failing = <E>() => HttpLayerRouter.add("GET", "/", handlerThatFailsWith<E>())
const needing = <R>() => HttpLayerRouter.add("GET", "/", handlerThatNeeds<R>())
const auditing = needing<Registration.Registered<typeof LoginFailed> | AuditLog.AuditLog | AuditContext.AuditContext>()

type Served<E = never, R = never> = Layer.Layer<
  never,
  E | Registration.RegistrationConflict | Registration.InvalidDefinition,
  HttpServer.HttpServer | AuditSink.AuditSink | R
>

describe("a failure that is not registered", () => {
  test("is named by the id of the error", () => {
    // @ts-expect-error The error 'auth-locked' is not registered: provide the layer of its extension
    Registrar.serve(failing<Locked>())
    // @ts-expect-error The error 'auth-limited' is not registered: provide the layer of its extension
    Registrar.serve(failing<Limited>())
  })

  test("is named by the tag of an exception's class", () => {
    // @ts-expect-error The failure 'UpstreamDown' is not registered: register its class as an exception of an extension, or make it a defect with Effect.orDie
    Registrar.serve(failing<UpstreamDown>())
  })

  test("is described where it has no tag", () => {
    // @ts-expect-error A failure without a _tag is not registered: register its class as an exception of an extension, or make it a defect with Effect.orDie
    Registrar.serve(failing<Error>())
    // @ts-expect-error A failure without a _tag is not registered: register its class as an exception of an extension, or make it a defect with Effect.orDie
    Registrar.serve(failing<string>())
    // @ts-expect-error A route fails with a value of unknown type: give its error a type, or make it a defect with Effect.orDie
    Registrar.serve(failing<unknown>())
  })

  test("is found where the failure is any", () => {
    // @ts-expect-error A route fails with a value of unknown type
    Registrar.serve(failing<ReturnType<typeof JSON.parse>>())
  })

  test("is one of several", () => {
    type Several = HttpLayerRouter.Request.From<"Error", Locked | NoBadger | UpstreamDown>
    expect<Registrar.Unregistered<Several>>().type.toBe<
      | "The error 'auth-locked' is not registered: provide the layer of its extension"
      | "The error 'zoo-no-badger' is not registered: provide the layer of its extension"
      | "The failure 'UpstreamDown' is not registered: register its class as an exception of an extension, or make it a defect with Effect.orDie"
    >()
    // @ts-expect-error The error 'zoo-no-badger' is not registered: provide the layer of its extension
    Registrar.serve(failing<Locked | NoBadger>())
  })

  test("comes before an audit event that is not registered either", () => {
    // @ts-expect-error The error 'auth-locked' is not registered: provide the layer of its extension
    Registrar.serve(Layer.merge(auditing, failing<Locked>()))
  })

  test("is found beside registered ones", () => {
    // @ts-expect-error The error 'zoo-no-badger' is not registered: provide the layer of its extension
    Registrar.serve(failing<Locked | NoBadger>().pipe(Layer.provide(Auth.layer)))
  })

  test("is found where the layer is provided to other routes only", () => {
    const some = failing<Locked>().pipe(Layer.provide(Auth.layer))
    // @ts-expect-error The error 'auth-limited' is not registered: provide the layer of its extension
    Registrar.serve(Layer.merge(some, failing<Limited>()))
    expect(Registrar.serve).type.toBeCallableWith(some)
  })

  test("is found in global middleware", () => {
    const middleware = HttpLayerRouter.middleware(
      (app) => Effect.zipRight(Effect.flatMap(handlerThatFailsWith<Locked>(), Effect.succeed), app),
      { global: true }
    )
    // @ts-expect-error The error 'auth-locked' is not registered: provide the layer of its extension
    Registrar.serve(Layer.provide(failing<never>(), middleware))
    const registered = failing<never>().pipe(Layer.provide(middleware), Layer.provide(Auth.layer))
    expect(Registrar.serve(registered)).type.toBe<Served>()
  })

  test("is found in middleware of a route", () => {
    const middleware = HttpLayerRouter.middleware((app) => Effect.zipRight(handlerThatFailsWith<Locked>(), app))
    // @ts-expect-error The error 'auth-locked' is not registered: provide the layer of its extension
    Registrar.serve(failing<never>().pipe(Layer.provide(middleware.layer)))
    const registered = failing<never>().pipe(Layer.provide(middleware.layer), Layer.provide(Auth.layer))
    expect(Registrar.serve(registered)).type.toBe<Served>()
  })

  test("is found where the options come from Config", () => {
    // @ts-expect-error The error 'auth-locked' is not registered: provide the layer of its extension
    Registrar.serveConfig(failing<Locked>())
  })
})

describe("an audit event that is not registered", () => {
  test("is named by its type", () => {
    // @ts-expect-error The audit event 'auth-login-failed' is not registered: provide the layer of its extension
    Registrar.serve(auditing)
  })

  test("is one of several", () => {
    type Several = HttpLayerRouter.Request.From<
      "Requires",
      Registration.Registered<typeof LoginFailed> | Registration.Registered<typeof LoggedOut>
    >
    expect<Registrar.Unregistered<Several>>().type.toBe<
      | "The audit event 'auth-login-failed' is not registered: provide the layer of its extension"
      | "The audit event 'auth-logged-out' is not registered: provide the layer of its extension"
    >()
  })

  test("is found where a handler adds it", () => {
    const route = HttpLayerRouter.add(
      "GET",
      "/",
      Effect.gen(function* () {
        const audit = yield* AuditLog.AuditLog
        yield* audit.add(LoggedOut)
        return HttpServerResponse.empty()
      })
    )
    // @ts-expect-error The audit event 'auth-logged-out' is not registered: provide the layer of its extension
    Registrar.serve(route)
    expect(Registrar.serve(Layer.provide(route, Auth.layer))).type.toBe<Served>()
  })

  test("is found where global middleware adds it", () => {
    type Needed = Registration.Registered<typeof LoginFailed>
    const middleware = HttpLayerRouter.middleware((app) => Effect.zipRight(handlerThatNeeds<Needed>(), app), {
      global: true
    })
    // @ts-expect-error The audit event 'auth-login-failed' is not registered: provide the layer of its extension
    Registrar.serve(Layer.provide(failing<never>(), middleware))
    const registered = failing<never>().pipe(Layer.provide(middleware), Layer.provide(Auth.layer))
    expect(Registrar.serve(registered)).type.toBe<Served>()
  })

  test("is found where middleware of a route adds it", () => {
    const middleware = Registrar.middleware(
      HttpLayerRouter.middleware((app) =>
        Effect.gen(function* () {
          const audit = yield* AuditLog.AuditLog
          yield* audit.add(LoginFailed, { reason: "unknown token" })
          return yield* app
        })
      )
    )
    const route = failing<never>().pipe(Layer.provide(middleware))
    // @ts-expect-error The audit event 'auth-login-failed' is not registered: provide the layer of its extension
    Registrar.serve(route)
    expect(Registrar.serve(Layer.provide(route, Auth.layer))).type.toBe<Served>()
  })

  test("is found where something else than a route adds it", () => {
    const job = Layer.effectDiscard(handlerThatNeeds<Registration.Registered<typeof LoginFailed>>())
    // @ts-expect-error The audit event 'auth-login-failed' is not registered: provide the layer of its extension
    Registrar.serve(Layer.merge(failing<never>(), job))
  })
})

describe("what is registered is served", () => {
  test("with the layer of its extension", () => {
    expect(Registrar.serve(failing<Locked | Limited>().pipe(Layer.provide(Auth.layer)))).type.toBe<Served>()
    expect(Registrar.serve(auditing.pipe(Layer.provide(Auth.layer)))).type.toBe<Served>()
  })

  test("with the layers of several extensions", () => {
    const app = Layer.mergeAll(failing<Locked>(), failing<NoBadger>(), auditing)
    expect(Registrar.serve(app.pipe(Layer.provide([Auth.layer, Zoo.layer])))).type.toBe<Served>()
  })

  test("until the layer is taken away", () => {
    // @ts-expect-error The error 'zoo-no-badger' is not registered: provide the layer of its extension
    Registrar.serve(Layer.mergeAll(failing<Locked>(), failing<NoBadger>(), auditing).pipe(Layer.provide(Auth.layer)))
  })

  test("and so is a subclass of it", () => {
    expect(Registrar.serve(failing<NoYoungBadger>().pipe(Layer.provide(Zoo.layer)))).type.toBe<Served>()
  })

  test("and so is an exception by its class", () => {
    const Upstream = Extension.make("upstream", {
      exceptions: [ApiError.fromException(UpstreamDown, { id: "upstream-down", message: "The upstream is down" })]
    })
    expect(Registrar.serve(failing<UpstreamDown>().pipe(Layer.provide(Upstream.layer)))).type.toBe<Served>()
    const Files = Extension.make("files", {
      exceptions: [ApiError.fromException(Untagged, { id: "files-untagged", message: "There is a file without a tag" })]
    })
    expect(Registrar.serve(failing<Untagged>().pipe(Layer.provide(Files.layer)))).type.toBe<Served>()
  })
})

describe("what needs no registration is served", () => {
  test("built-in errors", () => {
    expect(Registrar.serve(failing<BuiltInErrors.BuiltIn>())).type.toBe<Served>()
    expect(Registrar.serve(failing<BuiltInErrors.NotFound>())).type.toBe<Served>()
  })

  test("abort", () => {
    expect(Registrar.serve(HttpLayerRouter.add("GET", "/", ErrorRegistry.abort(418)))).type.toBe<Served>()
  })

  test("failures of the framework", () => {
    expect(Registrar.serve(failing<HttpServerError.RequestError>())).type.toBe<Served>()
    expect(Registrar.serve(failing<HttpBody.HttpBodyError>())).type.toBe<Served>()
    expect(Registrar.serve(failing<ParseResult.ParseError>())).type.toBe<Served>()
  })

  test("what require fails with", () => {
    const route = HttpLayerRouter.add(
      "GET",
      "/",
      Effect.gen(function* () {
        const audit = yield* AuditLog.AuditLog
        yield* audit.require(LoggedOut)
        return HttpServerResponse.empty()
      })
    )
    expect(Registrar.serve(Layer.provide(route, Auth.layer))).type.toBe<Served>()
  })

  test("errors known only at run time", () => {
    const Dynamic = ApiError.make()(name, { status: 404, message: name })
    expect(Registrar.serve(failing<InstanceType<typeof Dynamic>>())).type.toBe<Served>()
    const Prefixed = ApiError.make()(`plugin-${name}`, { status: 404, message: "There is none" })
    expect(Registrar.serve(failing<InstanceType<typeof Prefixed>>())).type.toBe<Served>()
  })
})

describe("a registration proves no more than it says", () => {
  test("not for a class that adds nothing to Error", () => {
    const Plain = Extension.make("plain", {
      exceptions: [ApiError.fromException(PlainError, { id: "plain-error", message: "Something is wrong" })]
    })
    // @ts-expect-error The error 'auth-locked' is not registered: provide the layer of its extension
    Registrar.serve(failing<Locked>().pipe(Layer.provide(Plain.layer)))
    // @ts-expect-error The failure 'UpstreamDown' is not registered: register its class as an exception of an extension, or make it a defect with Effect.orDie
    Registrar.serve(failing<UpstreamDown>().pipe(Layer.provide(Plain.layer)))
    // @ts-expect-error A failure without a _tag is not registered: register its class as an exception of an extension, or make it a defect with Effect.orDie
    Registrar.serve(failing<PlainError>().pipe(Layer.provide(Plain.layer)))
  })

  test("not for ids known only at run time", () => {
    const Dynamic = Extension.make(name, { errors: [ApiError.make()(name, { status: 404, message: name })] })
    // @ts-expect-error The error 'auth-locked' is not registered: provide the layer of its extension
    Registrar.serve(failing<Locked>().pipe(Layer.provide(Dynamic.layer)))

    const errors: ReadonlyArray<ApiError.Any> = [Locked]
    // @ts-expect-error The error 'auth-locked' is not registered: provide the layer of its extension
    Registrar.serve(failing<Locked>().pipe(Layer.provide(Extension.make("auth", { errors }).layer)))
  })

  test("not for ids of which only the beginning is known", () => {
    const OfPlugins = ApiError.make()(`zoo-${name}`, { status: 404, message: "There is none" })
    const Plugin = Extension.make("zoo", { errors: [OfPlugins] })
    // @ts-expect-error The error 'zoo-no-badger' is not registered: provide the layer of its extension
    Registrar.serve(failing<NoBadger>().pipe(Layer.provide(Plugin.layer)))
  })

  test("not for event types known only at run time", () => {
    const dynamic = AuditEvent.make(name, { level: "Info", message: name })
    const Dynamic = Extension.make(name, { auditEvents: [dynamic] })
    // @ts-expect-error The audit event 'auth-login-failed' is not registered: provide the layer of its extension
    Registrar.serve(auditing.pipe(Layer.provide(Dynamic.layer)))
  })

  test("not for what an exception answers with", () => {
    class Down extends ApiError.make<Down>()("upstream-down", { status: 503, message: "The upstream is down" }) {}
    const Upstream = Extension.make("upstream", { exceptions: [ApiError.fromException(UpstreamDown, Down)] })
    // @ts-expect-error The error 'auth-locked' is not registered: provide the layer of its extension
    Registrar.serve(failing<Locked>().pipe(Layer.provide(Upstream.layer)))
    // @ts-expect-error The error 'upstream-down' is not registered: provide the layer of its extension
    Registrar.serve(failing<Down>().pipe(Layer.provide(Upstream.layer)))
    const Both = Extension.make("upstream", {
      errors: [Down],
      exceptions: [ApiError.fromException(UpstreamDown, Down)]
    })
    expect(Registrar.serve(failing<Down | UpstreamDown>().pipe(Layer.provide(Both.layer)))).type.toBe<Served>()
  })
})

describe("a served application requires", () => {
  test("a server and a sink, and nothing else", () => {
    expect(Registrar.serve(failing<never>())).type.toBe<Served>()
    expect(Registrar.serve(auditing.pipe(Layer.provide(Auth.layer)))).type.toBe<Served>()
  })

  test("nothing that belongs to the request or to the registrar", () => {
    type Own = Registrar.Services | AuditContext.AuditContext
    type OfTheRequest = HttpServerRequest.HttpServerRequest | HttpLayerRouter.Provided
    expect(Registrar.serve(needing<Own | OfTheRequest>())).type.toBe<Served>()
  })

  test("the services of its handlers", () => {
    expect(Registrar.serve(needing<Database>())).type.toBe<Served<never, Database>>()
  })

  test("the services of its middleware", () => {
    const middleware = HttpLayerRouter.middleware((app) => Effect.zipRight(handlerThatNeeds<Database>(), app), {
      global: true
    })
    expect(Registrar.serve(Layer.provide(failing<never>(), middleware))).type.toBe<Served<never, Database>>()
  })

  test("the services of its layers", () => {
    const layer = Layer.effectDiscard(Database)
    expect(Registrar.serve(Layer.merge(failing<never>(), layer))).type.toBe<Served<never, Database>>()
  })
})

describe("a served application that does not compile", () => {
  test("says so once, and not again where it is launched", () => {
    expect<Registrar.Requirements<Layer.Layer.Context<typeof auditing>>>().type.toBe<never>()
  })
})

describe("a served application fails", () => {
  test("with what its layers fail with", () => {
    const layer = Layer.effectDiscard(new UpstreamDown({ url: "" }))
    expect(Registrar.serve(Layer.merge(failing<never>(), layer))).type.toBe<Served<UpstreamDown>>()
  })

  test("with ConfigError where its options come from Config", () => {
    expect(Registrar.serveConfig(failing<never>())).type.toBe<Served<ConfigError.ConfigError>>()
  })
})
