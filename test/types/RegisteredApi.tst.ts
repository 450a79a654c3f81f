import {
  HttpApi,
  HttpApiBuilder,
  HttpApiClient,
  HttpApiEndpoint,
  HttpApiError,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiScalar,
  HttpApiSecurity,
  HttpApiSwagger,
  HttpLayerRouter,
  OpenApi,
  type Etag,
  type FileSystem,
  type HttpClient,
  type HttpClientError,
  type HttpPlatform,
  type HttpServer,
  type HttpServerResponse,
  type Path
} from "@effect/platform"
import {
  ApiError,
  AuditContext,
  AuditEvent,
  AuditLog,
  type AuditSink,
  BuiltInErrors,
  ErrorRegistry,
  Extension,
  RegisteredApi,
  Registrar,
  type Registration
} from "effect-registrar"
import { Context, Effect, Layer, type ParseResult, type Redacted, Schema } from "effect"
import { describe, expect, test } from "tstyche"

class NoBadger extends ApiError.make<NoBadger>()("zoo-no-badger", {
  status: 404,
  message: "There is no badger {animal}",
  fields: { animal: Schema.String }
}) {}
class Lion extends ApiError.make<Lion>()("zoo-lion", { status: 409, message: "There is a lion" }) {}
class Closed extends ApiError.make<Closed>()("zoo-closed", { status: 503, message: "The zoo is closed" }) {}
class Foreign extends Schema.TaggedError<Foreign>()("Foreign", {}) {}

const LoginFailed = AuditEvent.make("auth-login-failed", { level: "Warning", message: "Login from {ip} failed" })
const Auth = Extension.make("auth", { auditEvents: [LoginFailed] })

class Database extends Context.Tag("Database")<Database, { readonly size: number }>() {}

const get = HttpApiEndpoint.get("get", "/badgers").addSuccess(Schema.String).addError(NoBadger)
const put = HttpApiEndpoint.put("put", "/badgers").addError(Lion)
const Badgers = HttpApiGroup.make("badgers").add(get).add(put)
class Zoo extends RegisteredApi.make("zoo").add(Badgers).addError(Closed) {}

declare const effect: <A, E = never, R = never>() => Effect.Effect<A, E, R>

const badgers = RegisteredApi.group(Zoo, "badgers", (handlers) =>
  handlers.handle("get", () => effect<string, NoBadger>()).handle("put", () => effect<void>())
)
const App = RegisteredApi.layer(Zoo).pipe(Layer.provide(badgers))

type OfPlatform = Etag.Generator | FileSystem.FileSystem | HttpPlatform.HttpPlatform | Path.Path
type Served<R = never> = Layer.Layer<
  Registration.ErrorProof<NoBadger | Lion | Closed>,
  Registration.RegistrationConflict | Registration.InvalidDefinition,
  HttpServer.HttpServer | AuditSink.AuditSink | OfPlatform | R
>

describe("an api", () => {
  test("is served with the handlers of its groups", () => {
    expect(Registrar.serve(App)).type.toBe<Served>()
  })

  test("keeps its id, its groups and its errors", () => {
    expect(RegisteredApi.make("zoo")).type.toBe<
      HttpApi.HttpApi<"zoo", never, BuiltInErrors.BadRequest, RegisteredApi.ServeItWithRegisteredApiLayer>
    >()
    expect(RegisteredApi.layer).type.toBeCallableWith(Zoo.prefix("/v1"))
    expect(RegisteredApi.layer).type.toBeCallableWith(RegisteredApi.make("outer").addHttpApi(Zoo))
  })

  test("gives its client the errors of each endpoint, and no others", () => {
    type Client = Effect.Effect.Success<ReturnType<typeof makeClient>>
    const makeClient = () => HttpApiClient.make(Zoo)
    type FailureOf<Name extends "get" | "put"> = Effect.Effect.Error<ReturnType<Client["badgers"][Name]>>
    type OfClient = HttpClientError.HttpClientError | ParseResult.ParseError | BuiltInErrors.BadRequest | Closed
    expect<FailureOf<"get">>().type.toBe<NoBadger | OfClient>()
    expect<FailureOf<"put">>().type.toBe<Lion | OfClient>()
    expect(makeClient()).type.toBeAssignableTo<Effect.Effect<unknown, never, HttpClient.HttpClient>>()
    const ofGroup = HttpApiClient.group(Zoo, { group: "badgers", httpClient: {} as HttpClient.HttpClient })
    expect(ofGroup).type.toBeAssignableTo<Effect.Effect<unknown>>()
  })

  test("does not compile where the platform serves it", () => {
    const platforms = HttpApiBuilder.group(Zoo, "badgers", (handlers) =>
      handlers.handle("get", () => effect<string>()).handle("put", () => effect<void>())
    )
    expect<Layer.Layer.Context<typeof platforms>>().type.toBe<never>()
    const served = HttpLayerRouter.serve(HttpLayerRouter.addHttpApi(Zoo).pipe(Layer.provide(platforms)))
    expect<Layer.Layer.Context<typeof served>>().type.toBe<
      RegisteredApi.ServeItWithRegisteredApiLayer | HttpServer.HttpServer | OfPlatform
    >()
    const launch = (layer: Layer.Layer<never, unknown, HttpServer.HttpServer | OfPlatform>) => layer
    // @ts-expect-error Type 'ServeItWithRegisteredApiLayer' is not assignable to type
    launch(served)
    expect<Layer.Layer.Context<ReturnType<typeof api>>>().type.toBe<
      RegisteredApi.ServeItWithRegisteredApiLayer | HttpApiGroup.ApiGroup<"zoo", "badgers">
    >()
    const api = () => HttpApiBuilder.api(Zoo)
  })

  test("is documented by the platform, changed by it, and held by others", () => {
    expect(OpenApi.fromApi).type.toBeCallableWith(Zoo)
    expect(HttpApiScalar.layerHttpLayerRouter).type.toBeCallableWith({ api: Zoo, path: "/docs" })
    expect(HttpApiSwagger.layerHttpLayerRouter).type.toBeCallableWith({ api: Zoo, path: "/docs" })

    class Outer extends RegisteredApi.make("outer").addHttpApi(Zoo.prefix("/v1")).annotate(OpenApi.Title, "Outer") {}
    const handlers = RegisteredApi.group(Outer, "badgers", (handlers) =>
      handlers.handle("get", () => effect<string>()).handle("put", () => effect<void>())
    )
    expect(handlers).type.toBe<Layer.Layer<RegisteredApi.Group<"outer", "badgers">>>()
    expect(Registrar.serve(RegisteredApi.layer(Outer).pipe(Layer.provide(handlers)))).type.toBe<Served>()
    const makeClient = () => HttpApiClient.make(Outer)
    expect<Effect.Effect.Context<ReturnType<typeof makeClient>>>().type.toBe<HttpClient.HttpClient>()

    // Within an api of the platform its groups require it.
    const platforms = HttpApiBuilder.group(HttpApi.make("outer").addHttpApi(Zoo), "badgers", (handlers) =>
      handlers.handle("get", () => effect<string>()).handle("put", () => effect<void>())
    )
    expect<Layer.Layer.Context<typeof platforms>>().type.toBe<RegisteredApi.ServeItWithRegisteredApiLayer>()
  })

  test("still requires its middleware, whatever that provides", () => {
    class Guard extends HttpApiMiddleware.Tag<Guard>()("Guard") {}
    const Guarded = Zoo.middleware(Guard)
    expect(Registrar.serve(RegisteredApi.layer(Guarded).pipe(Layer.provide(badgers)))).type.toBe<Served<Guard>>()
  })
})

describe("a failure that an endpoint does not declare", () => {
  test("does not compile, even where another endpoint declares it", () => {
    RegisteredApi.group(Zoo, "badgers", (handlers) =>
      handlers
        // @ts-expect-error Type 'Lion' is not assignable to type
        .handle("get", () => effect<string, NoBadger | Lion>())
        .handle("put", () => effect<void>())
    )
  })

  test("does not compile where it is no error of the api at all", () => {
    RegisteredApi.group(Zoo, "badgers", (handlers) =>
      handlers
        .handle("get", () => effect<string>())
        // @ts-expect-error Type 'Foreign' is not assignable to type
        .handle("put", () => effect<void, Foreign>())
    )
  })

  test("is not one where the whole api declares it", () => {
    const handlers = RegisteredApi.group(Zoo, "badgers", (handlers) =>
      handlers.handle("get", () => effect<string, Closed>()).handle("put", () => new BuiltInErrors.BadRequest())
    )
    expect(handlers).type.toBe<Layer.Layer<RegisteredApi.Group<"zoo", "badgers">>>()
  })
})

describe("an error that is no ApiError", () => {
  const apiWith = <S extends Schema.Schema.Any>(error: S) =>
    RegisteredApi.make("zoo").add(HttpApiGroup.make("badgers").add(HttpApiEndpoint.get("get", "/").addError(error)))

  test("is named", () => {
    // @ts-expect-error The api declares the error 'Foreign', which is no ApiError: declare it with ApiError.make
    RegisteredApi.layer(apiWith(Foreign))
    // @ts-expect-error The api declares the error 'NotFound', which is no ApiError: declare it with ApiError.make
    RegisteredApi.layer(apiWith(HttpApiError.NotFound))
  })

  test("is described where it has no tag", () => {
    // @ts-expect-error The api declares an error without a _tag, which is no ApiError: declare it with ApiError.make
    RegisteredApi.layer(apiWith(Schema.String))
    // @ts-expect-error The api declares an error of unknown type: declare it with ApiError.make
    RegisteredApi.layer(apiWith(Schema.Unknown))
  })

  test("is found wherever it is declared", () => {
    // @ts-expect-error The api declares the error 'Foreign', which is no ApiError: declare it with ApiError.make
    RegisteredApi.layer(Zoo.addError(Foreign))
    // @ts-expect-error The api declares the error 'Foreign', which is no ApiError: declare it with ApiError.make
    RegisteredApi.layer(RegisteredApi.make("zoo").add(Badgers.addError(Foreign)))

    class Guard extends HttpApiMiddleware.Tag<Guard>()("Guard", { failure: Foreign }) {}
    // @ts-expect-error The api declares the error 'Foreign', which is no ApiError: declare it with ApiError.make
    RegisteredApi.layer(RegisteredApi.make("zoo").add(Badgers.middleware(Guard)))
    // @ts-expect-error The api declares the error 'Foreign', which is no ApiError: declare it with ApiError.make
    RegisteredApi.layer(Zoo.middleware(Guard))
  })

  test("is not an error that is known only at run time", () => {
    const Dynamic = ApiError.make()("plugin-x" as string, { status: 404, message: "x" })
    expect(RegisteredApi.layer).type.toBeCallableWith(Zoo.addError(Dynamic))
  })
})

describe("an api of the platform", () => {
  test("is told how it is made", () => {
    // @ts-expect-error The api was made with HttpApi.make: make it with RegisteredApi.make
    RegisteredApi.layer(HttpApi.make("zoo").add(Badgers))
  })

  test("is found within another one", () => {
    // @ts-expect-error The api was made with HttpApi.make: make it with RegisteredApi.make
    RegisteredApi.layer(Zoo.addHttpApi(HttpApi.make("inner").add(HttpApiGroup.make("inner").add(get))))
  })
})

describe("the handlers of a group", () => {
  test("are asked for", () => {
    expect(Registrar.serve(RegisteredApi.layer(Zoo))).type.toBe<Served<RegisteredApi.Group<"zoo", "badgers">>>()
  })

  test("are not those of another api, nor the platform's", () => {
    class Other extends RegisteredApi.make("other").add(Badgers) {}
    const others = RegisteredApi.group(Other, "badgers", (handlers) =>
      handlers.handle("get", () => effect<string>()).handle("put", () => effect<void>())
    )
    const platforms = HttpApiBuilder.group(Zoo, "badgers", (handlers) =>
      handlers.handle("get", () => effect<string>()).handle("put", () => effect<void>())
    )
    type Missing = RegisteredApi.Group<"zoo", "badgers">
    expect(RegisteredApi.layer(Zoo).pipe(Layer.provide(others))).type.toBeAssignableTo<
      Layer.Layer<never, unknown, Missing | OfPlatform | ErrorRegistry.ErrorRegistry | HttpLayerRouter.HttpRouter>
    >()
    expect(Registrar.serve(RegisteredApi.layer(Zoo).pipe(Layer.provide(others)))).type.toBe<Served<Missing>>()
    expect(Registrar.serve(RegisteredApi.layer(Zoo).pipe(Layer.provide(platforms)))).type.toBe<Served<Missing>>()
  })

  test("are all asked for, by name", () => {
    // @ts-expect-error Endpoint not handled: put
    RegisteredApi.group(Zoo, "badgers", (handlers) => handlers.handle("get", () => effect<string>()))
    // @ts-expect-error is not assignable to parameter of type '"badgers"'
    RegisteredApi.group(Zoo, "lions", (handlers) => handlers)
  })

  test("add audit events in the context of the request, once these are registered", () => {
    const auditing = RegisteredApi.group(Zoo, "badgers", (handlers) =>
      handlers
        .handle("get", () =>
          Effect.gen(function* () {
            const audit = yield* AuditLog.AuditLog
            yield* audit.add(LoginFailed)
            return "badger"
          })
        )
        .handle("put", () => effect<void>())
    )
    type Needed =
      | AuditLog.AuditLog
      | Registration.Registered<typeof LoginFailed>
      | HttpLayerRouter.Request<"Requires", AuditContext.AuditContext>
    expect<Layer.Layer.Context<typeof auditing>>().type.toBe<Needed>()
    const app = RegisteredApi.layer(Zoo).pipe(Layer.provide(auditing))
    // @ts-expect-error The audit event 'auth-login-failed' is not registered: provide the layer of its extension
    Registrar.serve(app)
    expect(Registrar.serve(app.pipe(Layer.provide(Auth.layer)))).type.toBe<Served>()
  })

  test("require their services", () => {
    const needing = RegisteredApi.group(Zoo, "badgers", (handlers) =>
      handlers.handle("get", () => effect<string, never, Database>()).handle("put", () => effect<void>())
    )
    expect(Registrar.serve(RegisteredApi.layer(Zoo).pipe(Layer.provide(needing)))).type.toBe<Served<Database>>()
  })

  test("may be made by an Effect that fails", () => {
    const made = RegisteredApi.group(Zoo, "badgers", (handlers) =>
      Effect.gen(function* () {
        yield* effect<void, Foreign, Database>()
        return handlers.handle("get", () => effect<string>()).handle("put", () => effect<void>())
      })
    )
    expect(made).type.toBe<Layer.Layer<RegisteredApi.Group<"zoo", "badgers">, Foreign, Database>>()
  })
})

describe("the layer of an api", () => {
  const failing = <E>() => HttpLayerRouter.add("GET", "/", effect<HttpServerResponse.HttpServerResponse, E>())

  test("proves the errors that the api declares", () => {
    expect(Registrar.serve).type.toBeCallableWith(Layer.provide(failing<NoBadger | Closed>(), App))
  })

  test("proves no others", () => {
    class Unknown extends ApiError.make<Unknown>()("zoo-unknown", { status: 404, message: "Unknown" }) {}
    // @ts-expect-error The error 'zoo-unknown' is not registered: provide the layer of its extension
    Registrar.serve(Layer.provide(failing<NoBadger | Unknown>(), App))
  })
})

describe("middleware", () => {
  class User extends Context.Tag("User")<User, string>() {}
  class Authenticated extends HttpApiMiddleware.Tag<Authenticated>()("Authenticated", {
    failure: BuiltInErrors.Unauthenticated,
    provides: User,
    security: { token: HttpApiSecurity.bearer }
  }) {}
  class Open extends HttpApiMiddleware.Tag<Open>()("Open", { failure: Closed }) {}

  test("adds audit events in the context of the request, once these are registered", () => {
    const authenticated = RegisteredApi.middleware(
      Authenticated,
      Effect.gen(function* () {
        const audit = yield* AuditLog.AuditLog
        return {
          token: (token: Redacted.Redacted) => Effect.as(audit.add(LoginFailed), String(token))
        }
      })
    )
    type Needed =
      | AuditLog.AuditLog
      | Registration.Registered<typeof LoginFailed>
      | HttpLayerRouter.Request<"Requires", AuditContext.AuditContext>
    expect<Layer.Layer.Context<typeof authenticated>>().type.toBe<Needed>()
    expect<Layer.Layer.Success<typeof authenticated>>().type.toBe<Authenticated>()

    class Api extends RegisteredApi.make("api").add(HttpApiGroup.make("all").add(get).middleware(Authenticated)) {}
    const all = RegisteredApi.group(Api, "all", (handlers) => handlers.handle("get", () => User))
    const app = RegisteredApi.layer(Api).pipe(Layer.provide(all), Layer.provide(authenticated))
    // @ts-expect-error The audit event 'auth-login-failed' is not registered: provide the layer of its extension
    Registrar.serve(app)
    expect(Registrar.serve(app.pipe(Layer.provide(Auth.layer)))).type.toBeAssignableTo<
      Layer.Layer<never, unknown, HttpServer.HttpServer | AuditSink.AuditSink | OfPlatform>
    >()
  })

  test("is asked for", () => {
    class Api extends RegisteredApi.make("api").add(HttpApiGroup.make("all").add(get)).middleware(Open) {}
    const all = RegisteredApi.group(Api, "all", (handlers) => handlers.handle("get", () => effect<string>()))
    expect<Layer.Layer.Context<typeof without>>().type.toBe<
      Open | OfPlatform | ErrorRegistry.ErrorRegistry | HttpLayerRouter.HttpRouter
    >()
    const without = RegisteredApi.layer(Api).pipe(Layer.provide(all))
  })

  test("requires what its functions require, but not what the request has", () => {
    const open = RegisteredApi.middleware(
      Open,
      Effect.succeed(effect<void, Closed, Database | HttpLayerRouter.Provided>())
    )
    expect(open).type.toBe<Layer.Layer<Open, never, Database>>()
  })

  test("fails with what it declares alone", () => {
    // @ts-expect-error is not assignable
    RegisteredApi.middleware(Open, Effect.succeed(effect<void, Lion>()))
    // @ts-expect-error is not assignable
    RegisteredApi.middleware(Authenticated, Effect.succeed({ token: () => effect<number>() }))
    // @ts-expect-error is not assignable
    RegisteredApi.middleware(Authenticated, Effect.succeed({ key: () => effect<string>() }))
  })
})
