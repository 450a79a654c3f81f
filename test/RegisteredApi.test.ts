import {
  FetchHttpClient,
  HttpApi,
  HttpApiBuilder,
  HttpApiClient,
  HttpApiEndpoint,
  HttpApiError,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSchema,
  HttpApiScalar,
  HttpApiSecurity,
  HttpApiSwagger,
  HttpLayerRouter,
  HttpServerRequest,
  HttpServerResponse
} from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, FiberId, Layer, Option, Redacted, Schema, Stream } from "effect"
import type { Scope } from "effect"
import * as ApiError from "../src/ApiError.js"
import * as AuditContext from "../src/AuditContext.js"
import * as AuditEvent from "../src/AuditEvent.js"
import * as AuditLog from "../src/AuditLog.js"
import * as BuiltInErrors from "../src/BuiltInErrors.js"
import * as ErrorRegistry from "../src/ErrorRegistry.js"
import * as Extension from "../src/Extension.js"
import * as RegisteredApi from "../src/RegisteredApi.js"
import type { InvalidDefinition, RegistrationConflict } from "../src/Registration.js"
import * as Registrar from "../src/Registrar.js"
import * as Http from "./support/http.js"

class NoBadger extends ApiError.make<NoBadger>()("zoo-no-badger", {
  status: 404,
  message: "There is no badger {animal}",
  fields: { animal: Schema.String },
  headers: ({ animal }) => ({ "x-badger": animal })
}) {}
class Asleep extends ApiError.make<Asleep>()("zoo-asleep", {
  status: 429,
  message: "It sleeps for {minutes} more minutes",
  fields: { minutes: Schema.Int },
  headers: ({ minutes }) => ({ "retry-after": String(minutes * 60) })
}) {}
class Closed extends ApiError.make<Closed>()("zoo-closed", { status: 503, message: "The zoo is closed" }) {}
class Lion extends ApiError.make<Lion>()("zoo-lion", { status: 409, message: "There is a lion" }) {}
class LionGone extends ApiError.make<LionGone>()("zoo-lion", { status: 410, message: "There was a lion" }) {}
class NoYoungBadger extends NoBadger {}

const options = { disableListenLog: true }

const test = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) => it.scopedLive(name, body)

const untyped = <A, E, R>(layer: Layer.Layer<A, E, R>) =>
  layer as unknown as Layer.Layer<never, RegistrationConflict | InvalidDefinition>

/** The tests fail on purpose with what the compiler would refuse. */
const serve = <A, E, R>(app: Layer.Layer<A, E, R>, more?: Registrar.Options) =>
  Http.start(Registrar.serve(untyped(app), { ...options, ...more }))

const clientOf = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R>,
  { port }: Http.Running
) => Effect.provide(HttpApiClient.make(api, { baseUrl: `http://127.0.0.1:${port}` }), FetchHttpClient.layer)

/** A failure that the types know nothing of, as from code that is not typed. */
const failing = (failure: unknown) => Effect.fail(failure) as Effect.Effect<never>

const assertQuiet = (server: Http.Running) =>
  Effect.map(server.application, (lines) =>
    assert.deepStrictEqual(
      lines.filter(({ level }) => level !== "DEBUG"),
      []
    )
  )

/** The answer of an exception: registered, logged once, and nothing of it is told. */
const assertException = (
  server: Http.Running,
  answer: Http.Answer,
  logged: RegExp,
  ...secrets: ReadonlyArray<string>
) =>
  Effect.gen(function* () {
    Http.assertError(answer, 500, "internal-server-error")
    for (const secret of secrets) assert.notInclude(answer.body, secret)
    const errors = (yield* server.application).filter(({ level }) => level === "ERROR")
    assert.lengthOf(errors, 1)
    assert.match(JSON.stringify(errors[0]), logged)
  })

/** An api with one endpoint, whose handler does this. */
const single = (
  handler: Effect.Effect<unknown, unknown>,
  change: (endpoint: HttpApiEndpoint.HttpApiEndpoint.AnyWithProps) => unknown = (endpoint) =>
    endpoint.addError(NoBadger)
) => {
  const endpoint = HttpApiEndpoint.post("only", "/only").addSuccess(Schema.Struct({ name: Schema.NonEmptyString }))
  const group = HttpApiGroup.make("all").add(change(endpoint as never) as typeof endpoint)
  // Another endpoint, with errors of its own.
  const other = HttpApiEndpoint.get("other", "/other").addError(Lion)
  const Api = RegisteredApi.make("zoo").add(group.add(other))
  const handlers = RegisteredApi.group(Api, "all", (handlers) =>
    handlers.handle("only", () => handler as Effect.Effect<never>).handle("other", () => new Lion())
  )
  return Layer.provide(RegisteredApi.layer(Api), handlers)
}

const answerOf = (
  handler: Effect.Effect<unknown, unknown>,
  change?: (endpoint: HttpApiEndpoint.HttpApiEndpoint.AnyWithProps) => unknown
) =>
  Effect.gen(function* () {
    const server = yield* serve(single(handler, change))
    return { server, answer: yield* server.request("POST", "/only") }
  })

describe("an error that an endpoint declares", () => {
  const Badgers = HttpApiGroup.make("badgers")
    .add(
      HttpApiEndpoint.get("get", "/badgers/:id")
        .setPath(Schema.Struct({ id: Schema.String }))
        .addSuccess(Schema.String)
        .addError(NoBadger)
        .addError(Lion)
    )
    .add(HttpApiEndpoint.post("wake", "/badgers").addSuccess(Schema.String).addError(Asleep).addError(LionGone))
    .addError(Closed)
  class Zoo extends RegisteredApi.make("zoo").add(Badgers) {}

  const failures: Record<string, Effect.Effect<string, NoBadger | Lion | Closed>> = {
    "1": Effect.succeed("one"),
    "2": new NoBadger({ animal: "2" }),
    "3": new Lion(),
    "4": new Closed(),
    "5": new NoYoungBadger({ animal: "5" })
  }
  const badgers = RegisteredApi.group(Zoo, "badgers", (handlers) =>
    handlers
      .handle("get", ({ path }) => failures[path.id]!)
      .handle("wake", ({ request }) =>
        request.headers["x-lion"] === undefined ? new Asleep({ minutes: 2 }) : new LionGone()
      )
  )
  const App = RegisteredApi.layer(Zoo).pipe(Layer.provide(badgers))

  test("is answered with its status, body and headers", () =>
    Effect.gen(function* () {
      const server = yield* serve(App)
      const none = yield* server.request("GET", "/badgers/2")
      assert.deepStrictEqual(Http.assertError(none, 404, "zoo-no-badger"), {
        id: "zoo-no-badger",
        message: "There is no badger 2",
        details: { animal: "2" }
      })
      assert.strictEqual(none.headers["x-badger"], "2")
      const asleep = yield* server.request("POST", "/badgers")
      Http.assertError(asleep, 429, "zoo-asleep")
      assert.strictEqual(asleep.headers["retry-after"], "120")
      Http.assertError(yield* server.request("GET", "/badgers/4"), 503, "zoo-closed")
      Http.assertError(yield* server.request("GET", "/badgers/5"), 404, "zoo-no-badger")
      assert.deepInclude(yield* server.request("GET", "/badgers/1"), { status: 200, body: '"one"' })
      yield* assertQuiet(server)
    }))

  test("is an instance of the very class to the typed client", () =>
    Effect.gen(function* () {
      const server = yield* serve(App)
      const { badgers } = yield* clientOf(Zoo, server)
      assert.strictEqual(yield* badgers.get({ path: { id: "1" } }), "one")
      const none = yield* Effect.flip(badgers.get({ path: { id: "2" } }))
      assert.instanceOf(none, NoBadger)
      assert.deepInclude(none, { animal: "2", message: "There is no badger 2" })
      assert.instanceOf(yield* Effect.flip(badgers.get({ path: { id: "4" } })), Closed)
      const asleep = yield* Effect.flip(badgers.wake())
      assert.instanceOf(asleep, Asleep)
      assert.strictEqual(asleep instanceof Asleep ? asleep.minutes : 0, 2)
      const caught = yield* badgers
        .get({ path: { id: "2" } })
        .pipe(Effect.catchTag("zoo-no-badger", ({ animal }) => Effect.succeed(animal)))
      assert.strictEqual(caught, "2")
    }))

  test("keeps its own status where another one has the same id", () =>
    Effect.gen(function* () {
      const server = yield* serve(App)
      Http.assertError(yield* server.request("GET", "/badgers/3"), 409, "zoo-lion")
      Http.assertError(yield* server.request("POST", "/badgers", { headers: { "x-lion": "1" } }), 410, "zoo-lion")
    }))

  test("has the form that the client prefers", () =>
    Effect.gen(function* () {
      const server = yield* serve(App)
      const headers = { accept: "application/problem+json" }
      const problem = yield* server.request("GET", "/badgers/2", { headers })
      assert.strictEqual(problem.headers["content-type"], "application/problem+json")
      assert.deepInclude(JSON.parse(problem.body), { type: "/errors/zoo-no-badger", status: 404, animal: "2" })
    }))

  test("is registered under the name of the api, and may be an extension's as well", () =>
    Effect.gen(function* () {
      const Menagerie = Extension.make("zoo", { errors: [NoBadger] })
      const registry = yield* ErrorRegistry.make
      const provided = Layer.succeed(ErrorRegistry.ErrorRegistry, registry)
      yield* Http.startInProcess(Registrar.serve(untyped(App.pipe(Layer.provideMerge(Menagerie.layer))), options))
      yield* Layer.build(
        untyped(
          App.pipe(
            Layer.provide(Layer.effect(HttpLayerRouter.HttpRouter, HttpLayerRouter.make)),
            Layer.provide(provided)
          )
        )
      )
      const definitions = yield* registry.definitions
      const own = definitions.filter(({ owner }) => owner === "zoo").map(({ error }) => error)
      assert.sameMembers(own, [NoBadger, Asleep, Closed, Lion, LionGone])
      assert.notInclude(own, BuiltInErrors.BadRequest)
    }))

  test("is answered as it is overridden", () =>
    Effect.gen(function* () {
      class Overridden extends ApiError.make<Overridden>()("zoo-closed", { status: 503, message: "Come again" }) {}
      const server = yield* serve(App.pipe(Layer.provide(ErrorRegistry.override(Overridden))))
      assert.include((yield* server.request("GET", "/badgers/4")).body, "Come again")
    }))

  test("conflicts with another one of its id and status", () =>
    Effect.gen(function* () {
      class Other extends ApiError.make<Other>()("zoo-closed", { status: 503, message: "Closed" }) {}
      const Menagerie = Extension.make("zoo", { errors: [Other] })
      const failed = yield* Effect.flip(serve(App.pipe(Layer.provide(Menagerie.layer))))
      assert.strictEqual(failed._tag, "RegistrationConflict")
      assert.include(String(failed), "zoo-closed (503)")
    }))
})

describe("a failure that an endpoint does not declare", () => {
  test("is an exception, even where another endpoint declares it", () =>
    Effect.gen(function* () {
      const { server, answer } = yield* answerOf(failing(new Lion()))
      yield* assertException(
        server,
        answer,
        /'zoo\.all\.only' has failed with what it does not declare: There is a lion/,
        "lion"
      )
      Http.assertError(yield* server.request("GET", "/other"), 409, "zoo-lion")
    }))

  test("is an exception where it is a built-in error or an abort", () =>
    Effect.gen(function* () {
      for (const failure of [new BuiltInErrors.NotFound(), ErrorRegistry.abort(418), new Error("secret")]) {
        const { answer } = yield* answerOf(Effect.isEffect(failure) ? failure : failing(failure))
        Http.assertError(answer, 500, "internal-server-error")
      }
    }))

  test("answers with what its class is registered for", () =>
    Effect.gen(function* () {
      class Escaped extends Error {}
      const Zoo = Extension.make("zoo", {
        exceptions: [ApiError.fromException(Escaped, { id: "zoo-escaped", message: "An animal has escaped" })]
      })
      for (const handler of [failing(new Escaped("secret")), Effect.die(new Escaped("secret"))]) {
        const server = yield* serve(single(handler).pipe(Layer.provide(Zoo.layer)))
        Http.assertError(yield* server.request("POST", "/only"), 500, "zoo-escaped")
      }
    }))
})

describe("a defect", () => {
  test("is logged once, and nothing of it is told", () =>
    Effect.gen(function* () {
      for (const handler of [
        Effect.die(new Error("secret")),
        Effect.sync((): never => {
          throw new Error("secret")
        })
      ]) {
        const { server, answer } = yield* answerOf(handler)
        yield* assertException(server, answer, /secret/, "secret")
      }
    }))

  test("is none of the errors of another endpoint, nor of its own", () =>
    Effect.gen(function* () {
      for (const error of [new Lion(), new NoBadger({ animal: "secret" })]) {
        const { server, answer } = yield* answerOf(Effect.die(error))
        yield* assertException(server, answer, /'zoo\.all\.only' has died with an error/, "lion", "secret")
      }
    }))

  test("beside a failure is logged, and the failure answered", () =>
    Effect.gen(function* () {
      const failed = Cause.fail(new NoBadger({ animal: "2" }))
      for (const cause of [
        Cause.sequential(failed, Cause.die("secret")),
        Cause.parallel(Cause.die(new Lion()), failed),
        Cause.parallel(Cause.fail(new Lion()), failed)
      ]) {
        const { server, answer } = yield* answerOf(Effect.failCause(cause))
        Http.assertError(answer, 404, "zoo-no-badger")
        assert.lengthOf(
          (yield* server.application).filter(({ level }) => level === "ERROR"),
          1
        )
      }
    }))

  test("may be a response, as everywhere", () =>
    Effect.gen(function* () {
      const { answer } = yield* answerOf(Effect.die(HttpServerResponse.text("thrown", { status: 202 })))
      assert.deepInclude(answer, { status: 202, body: "thrown" })
    }))

  test("an interruption is no error", () =>
    Effect.gen(function* () {
      const { server, answer } = yield* answerOf(Effect.failCause(Cause.interrupt(FiberId.none)))
      Http.assertError(answer, 503, "service-unavailable")
      yield* assertQuiet(server)
    }))
})

describe("a response that does not encode", () => {
  test("is an exception, which tells neither the Schema nor the value", () =>
    Effect.gen(function* () {
      const { server, answer } = yield* answerOf(Effect.succeed({ name: "" }))
      yield* assertException(server, answer, /NonEmptyString/, "NonEmpty", "name", "Decode")
    }))

  test("is an exception where JSON cannot say it", () =>
    Effect.gen(function* () {
      const { server, answer } = yield* answerOf(Effect.succeed(1n), () =>
        HttpApiEndpoint.post("only", "/only").addSuccess(Schema.BigIntFromSelf)
      )
      yield* assertException(server, answer, /JSON/)
    }))
})

describe("a request that does not decode", () => {
  const Item = Schema.Struct({ name: Schema.NonEmptyString, count: Schema.Int })
  const Later = Schema.String.pipe(
    Schema.filterEffect((text) => Effect.as(Effect.yieldNow(), text === "good" ? true : "must be good"))
  )
  const Items = HttpApiGroup.make("items")
    .add(
      HttpApiEndpoint.put("put", "/items/:id")
        .setPath(Schema.Struct({ id: Schema.NumberFromString }))
        .setUrlParams(Schema.Struct({ page: Schema.NumberFromString }))
        .setHeaders(Schema.Struct({ "x-count": Schema.NumberFromString }))
        .setPayload(Schema.Struct({ items: Schema.Array(Item), secret: Schema.Redacted(Schema.NumberFromString) }))
    )
    .add(
      HttpApiEndpoint.get("find", "/find").setPayload(
        Schema.Struct({ page: Schema.NumberFromString, size: Schema.NumberFromString })
      )
    )
    .add(
      HttpApiEndpoint.get("list", "/list").setUrlParams(Schema.Struct({ ids: Schema.Array(Schema.NumberFromString) }))
    )
    .add(HttpApiEndpoint.post("later", "/later").setPayload(Schema.Struct({ text: Later })))
    .add(HttpApiEndpoint.post("numbers", "/numbers").setPayload(Schema.Array(Schema.Number)))
  class Shop extends RegisteredApi.make("shop").add(Items) {}
  const items = RegisteredApi.group(Shop, "items", (handlers) =>
    handlers
      .handle("put", () => Effect.void)
      .handle("find", () => Effect.void)
      .handle("list", () => Effect.void)
      .handle("later", () => Effect.void)
      .handle("numbers", () => Effect.void)
  )
  const App = RegisteredApi.layer(Shop).pipe(Layer.provide(items))
  const json = { "content-type": "application/json", "x-count": "1" }
  const good = JSON.stringify({ items: [], secret: "1" })

  const issuesOf = (answer: Http.Answer) =>
    (Http.assertError(answer, 400, "bad-request").details.issues as ReadonlyArray<Record<string, string>>).map(
      ({ in: part, path, reason }) => `${part}: ${path} ${reason}`
    )

  test("is told what is wrong in the path, the query, the headers and the body", () =>
    Effect.gen(function* () {
      const server = yield* serve(App)
      assert.strictEqual((yield* server.request("PUT", "/items/1?page=1", { body: good, headers: json })).status, 204)
      assert.deepStrictEqual(
        issuesOf(yield* server.request("PUT", "/items/hunter2?page=1", { body: good, headers: json })),
        ["path: id must be a number"]
      )
      assert.deepStrictEqual(
        issuesOf(yield* server.request("PUT", "/items/1?page=hunter2", { body: good, headers: json })),
        ["query: page must be a number"]
      )
      assert.deepStrictEqual(
        issuesOf(
          yield* server.request("PUT", "/items/1?page=1", { body: good, headers: { ...json, "x-count": "hunter2" } })
        ),
        ["headers: x-count must be a number"]
      )
      const body = JSON.stringify({ items: [{ name: "" }, { name: "tea", count: "hunter2" }], secret: "hunter2" })
      const answer = yield* server.request("PUT", "/items/1?page=1", { body, headers: json })
      assert.deepStrictEqual(issuesOf(answer), [
        "body: items[0].name must be a non empty string",
        "body: items[0].count is missing",
        "body: items[1].count must be a number",
        "body: secret is not valid"
      ])
      for (const secret of ["hunter2", "NonEmptyString", "NumberFromString", "HttpApiDecodeError"]) {
        assert.notInclude(answer.body, secret)
      }
      yield* assertQuiet(server)
    }))

  test("is told so where the query is the payload, and where a parameter is repeated", () =>
    Effect.gen(function* () {
      const server = yield* serve(App)
      assert.deepStrictEqual(issuesOf(yield* server.request("GET", "/find?page=x")), [
        "query: page must be a number",
        "query: size is missing"
      ])
      assert.strictEqual((yield* server.request("GET", "/list?ids=1")).status, 204)
      assert.strictEqual((yield* server.request("GET", "/list?ids=1&ids=2")).status, 204)
      assert.deepStrictEqual(issuesOf(yield* server.request("GET", "/list?ids=x&ids=2")), [
        "query: ids[0] must be a number"
      ])
    }))

  test("is told that a parameter is given more than once", () =>
    Effect.gen(function* () {
      const server = yield* serve(App)
      assert.deepStrictEqual(issuesOf(yield* server.request("GET", "/find?page=1&page=2&size=3")), [
        "query: page is given more than once"
      ])
      assert.deepStrictEqual(
        issuesOf(yield* server.request("PUT", "/items/1?page=1&page=2", { body: good, headers: json })),
        ["query: page is given more than once"]
      )
    }))

  test("is answered at once where a Schema holds itself in several forms", () =>
    Effect.gen(function* () {
      type Nested = ({ readonly a: number } | { readonly b: number }) & { readonly c?: Nested | undefined }
      const self = Schema.optional(Schema.suspend((): Schema.Schema<Nested> => Nested))
      const Nested: Schema.Schema<Nested> = Schema.Union(
        Schema.Struct({ a: Schema.Int, c: self }),
        Schema.Struct({ b: Schema.Int, c: self })
      )
      const Renamed = Schema.transform(Schema.Struct({ tree: Nested }), Schema.Any, {
        strict: false,
        decode: ({ tree }) => tree,
        encode: (tree) => ({ tree })
      })
      const Recursive = HttpApiGroup.make("all")
        .add(HttpApiEndpoint.post("body", "/body").setPayload(Nested))
        .add(HttpApiEndpoint.post("renamed", "/renamed").setPayload(Renamed))
        .add(
          HttpApiEndpoint.get("query", "/query").setUrlParams(
            Schema.Struct({ tree: Schema.parseJson(Nested), page: Schema.NumberFromString })
          )
        )
        .add(
          HttpApiEndpoint.get("headers", "/headers").setHeaders(Schema.Struct({ "x-tree": Schema.parseJson(Nested) }))
        )
      const Api = RegisteredApi.make("nested").add(Recursive)
      const handlers = RegisteredApi.group(Api, "all", (handlers) =>
        handlers
          .handle("body", () => Effect.void)
          .handle("renamed", () => Effect.void)
          .handle("query", () => Effect.void)
          .handle("headers", () => Effect.void)
      )
      const server = yield* serve(RegisteredApi.layer(Api).pipe(Layer.provide(handlers)))
      const deep = '{"c":'.repeat(200) + "{}" + "}".repeat(200)
      for (const send of [
        server.request("POST", "/body", { body: deep, headers: json }),
        server.request("POST", "/renamed", { body: `{"tree":${deep}}`, headers: json }),
        server.request("GET", `/query?page=x&tree=${encodeURIComponent(deep)}`),
        server.request("GET", "/headers", { headers: { "x-tree": deep } })
      ]) {
        const start = performance.now()
        Http.assertError(yield* send, 400, "bad-request")
        assert.isBelow(performance.now() - start, 1000)
      }
      yield* assertQuiet(server)
    }))

  test("is told so by a Schema that takes its time", () =>
    Effect.gen(function* () {
      const server = yield* serve(App)
      const send = (text: string) => server.request("POST", "/later", { body: JSON.stringify({ text }), headers: json })
      assert.strictEqual((yield* send("good")).status, 204)
      assert.deepStrictEqual(issuesOf(yield* send("bad")), ["body: text must be good"])
    }))

  test("is told no more than can be read", () =>
    Effect.gen(function* () {
      const server = yield* serve(App)
      const send = (length: number) =>
        server.request("POST", "/numbers", { body: JSON.stringify(Array.from({ length }, () => "x")), headers: json })
      assert.lengthOf(issuesOf(yield* send(100)), 20)
      // Everything that is wrong in it could be larger than the body itself.
      assert.lengthOf(issuesOf(yield* send(5_000)), 1)
    }))

  test("is the same failure to the typed client", () =>
    Effect.gen(function* () {
      const server = yield* serve(App)
      const { items } = yield* clientOf(Shop, server)
      // Its own Schema lets this pass: what is good is for the server to say.
      const lenient = { text: Schema.String }
      const Lenient = RegisteredApi.make("shop").add(
        HttpApiGroup.make("items").add(HttpApiEndpoint.post("later", "/later").setPayload(Schema.Struct(lenient)))
      )
      yield* items.later({ payload: { text: "good" } })
      const failed = yield* Effect.flip((yield* clientOf(Lenient, server)).items.later({ payload: { text: "bad" } }))
      assert.instanceOf(failed, BuiltInErrors.BadRequest)
      assert.deepStrictEqual(failed instanceof BuiltInErrors.BadRequest ? failed.issues : [], [
        { in: "body", path: "text", reason: "must be good" }
      ])
    }))
})

describe("a body", () => {
  const Form = Schema.Struct({ name: Schema.NonEmptyString })
  const Parts = HttpApiSchema.Multipart(Schema.Struct({ name: Schema.NonEmptyString }), {
    maxParts: Option.some(2),
    maxFieldSize: 100
  })
  const Merge = HttpApiSchema.withEncoding(Form, { kind: "Json", contentType: "application/merge-patch+json" })
  const Bodies = HttpApiGroup.make("bodies")
    .add(HttpApiEndpoint.post("json", "/json").setPayload(Form).addSuccess(Schema.String))
    .add(HttpApiEndpoint.patch("merge", "/json").setPayload(Merge).addSuccess(Schema.String))
    .add(
      HttpApiEndpoint.post("form", "/form")
        .setPayload(HttpApiSchema.withEncoding(Form, { kind: "UrlParams" }))
        .addSuccess(Schema.String)
    )
    .add(HttpApiEndpoint.post("text", "/text").setPayload(HttpApiSchema.Text()).addSuccess(Schema.String))
    .add(HttpApiEndpoint.post("bytes", "/bytes").setPayload(HttpApiSchema.Uint8Array()).addSuccess(Schema.String))
    .add(
      HttpApiEndpoint.post("either", "/either")
        .setPayload(Schema.Union(Form, HttpApiSchema.Text()))
        .addSuccess(Schema.String)
    )
    .add(HttpApiEndpoint.post("parts", "/parts").setPayload(Parts).addSuccess(Schema.String))
    .add(
      HttpApiEndpoint.post("stream", "/stream")
        .setPayload(HttpApiSchema.MultipartStream(Schema.Struct({ name: Schema.String }), { maxFieldSize: 100 }))
        .addSuccess(Schema.String)
    )
    .add(HttpApiEndpoint.post("raw", "/raw").setPayload(Form).addSuccess(Schema.String))
    .add(HttpApiEndpoint.post("none", "/none").addSuccess(Schema.String))
  class Api extends RegisteredApi.make("bodies").add(Bodies) {}
  const bodies = RegisteredApi.group(Api, "bodies", (handlers) =>
    handlers
      .handle("json", ({ payload }) => Effect.succeed(payload.name))
      .handle("merge", ({ payload }) => Effect.succeed(payload.name))
      .handle("form", ({ payload }) => Effect.succeed(payload.name))
      .handle("text", ({ payload }) => Effect.succeed(payload))
      .handle("bytes", ({ payload }) => Effect.succeed(String(payload.length)))
      .handle("either", ({ payload }) => Effect.succeed(typeof payload === "string" ? payload : payload.name))
      .handle("parts", ({ payload }) => Effect.succeed(payload.name))
      .handle("stream", ({ payload }) => Effect.map(Effect.orDie(Stream.runCount(payload)), String))
      .handleRaw("raw", ({ request }) => Effect.orDie(request.text))
      .handle("none", () => Effect.succeed("none"))
  )
  const App = RegisteredApi.layer(Api).pipe(Layer.provide(bodies))

  const of = (type: string | undefined, body: string | Uint8Array): Http.RequestOptions => ({
    body,
    headers: type === undefined ? {} : { "content-type": type }
  })
  const json = of("application/json; charset=utf-8", '{"name":"tea"}')
  const form = of("application/x-www-form-urlencoded", "name=tea")
  const text = of("text/plain", "tea")
  const bytes = of("image/png", Uint8Array.of(1, 2, 3))
  const part = (value: string) => `--x\r\ncontent-disposition: form-data; name="name"\r\n\r\n${value}\r\n`
  const parts = of("multipart/form-data; boundary=x", `${part("tea")}--x--\r\n`)

  test("of a kind that the endpoint takes is read", () =>
    Effect.gen(function* () {
      const server = yield* serve(App)
      const taken: ReadonlyArray<readonly [path: string, options: Http.RequestOptions, answer: string]> = [
        ["/json", json, '"tea"'],
        ["/json", of(undefined, '{"name":"tea"}'), '"tea"'],
        ["/form", form, '"tea"'],
        ["/text", text, '"tea"'],
        ["/text", of("text/csv", "tea"), '"tea"'],
        ["/bytes", bytes, '"3"'],
        ["/either", json, '"tea"'],
        ["/either", text, '"tea"'],
        ["/parts", parts, '"tea"'],
        ["/stream", parts, '"1"'],
        ["/raw", bytes, '"\\u0001\\u0002\\u0003"'],
        ["/none", bytes, '"none"']
      ]
      for (const [path, options, body] of taken) {
        assert.deepInclude(yield* server.request("POST", path, options), { status: 200, body }, path)
      }
      const merge = of("application/merge-patch+json", '{"name":"tea"}')
      assert.deepInclude(yield* server.request("PATCH", "/json", merge), { status: 200, body: '"tea"' })
      yield* assertQuiet(server)
    }))

  test("of another kind is answered with unsupported-media-type, before it is read", () =>
    Effect.gen(function* () {
      const server = yield* serve(App)
      const refused: ReadonlyArray<readonly [path: string, options: Http.RequestOptions]> = [
        ["/json", form],
        ["/json", text],
        ["/json", bytes],
        ["/json", parts],
        ["/json", of("multipart/form-data", "malformed")],
        ["/form", json],
        ["/form", of("application/json", "malformed")],
        ["/form", of(undefined, "name=tea")],
        ["/text", json],
        ["/text", of("image/png", "x")],
        ["/bytes", text],
        ["/either", form],
        ["/parts", json],
        ["/stream", form],
        ["/json", { chunks: ["x"], headers: { "content-type": "text/plain" } }]
      ]
      for (const [path, options] of refused) {
        const answer = yield* server.request("POST", path, options)
        Http.assertError(answer, 415, "unsupported-media-type")
      }
      yield* assertQuiet(server)
    }))

  test("that is not there has no kind", () =>
    Effect.gen(function* () {
      const server = yield* serve(App)
      for (const [path, type] of [
        ["/json", "text/plain"],
        ["/form", "text/plain"],
        ["/form", undefined],
        ["/parts", undefined]
      ] as const) {
        Http.assertError(yield* server.request("POST", path, of(type, "")), 400, "bad-request")
      }
    }))

  test("that is malformed is answered with bad-request", () =>
    Effect.gen(function* () {
      const server = yield* serve(App)
      for (const [path, options] of [
        ["/json", of("application/json", "{")],
        ["/json", of("application/json", Uint8Array.of(0x22, 0xff, 0x22))],
        ["/form", of("application/x-www-form-urlencoded", Uint8Array.of(0x61, 0x3d, 0xff))],
        ["/parts", of("multipart/form-data; boundary=x", part("tea"))],
        ["/parts", of("multipart/form-data", "x")],
        ["/stream", of("multipart/form-data", "x")]
      ] as const) {
        Http.assertError(yield* server.request("POST", path, options), 400, "bad-request")
      }
      yield* assertQuiet(server)
    }))

  test("that is too large, or has too many or too large parts, is answered with content-too-large", () =>
    Effect.gen(function* () {
      const server = yield* serve(App, { maxBodySize: 1_000 })
      const large = JSON.stringify({ name: "x".repeat(1_000) })
      for (const [path, options] of [
        ["/json", of("application/json", large)],
        ["/json", { chunks: [large], headers: { "content-type": "application/json" } }],
        ["/parts", of("multipart/form-data; boundary=x", `${part("x".repeat(101))}--x--\r\n`)],
        ["/parts", of("multipart/form-data; boundary=x", `${part("a") + part("b") + part("c")}--x--\r\n`)],
        ["/stream", of("multipart/form-data; boundary=x", `${part("x".repeat(101))}--x--\r\n`)]
      ] as const) {
        Http.assertError(yield* server.request("POST", path, options), 413, "content-too-large")
      }
      // Read as the endpoint says, and not as the platform would, but no further.
      const merge = { chunks: [large], headers: { "content-type": "application/merge-patch+json" } }
      Http.assertError(yield* server.request("PATCH", "/json", merge), 413, "content-too-large")
      yield* assertQuiet(server)
    }))
})

describe("middleware", () => {
  const LoginFailed = AuditEvent.make("auth-login-failed", { level: "Warning", message: "Login from {ip} failed" })
  const Read = AuditEvent.make("auth-read", { level: "Info", message: "'{user}' has read" })
  class Locked extends ApiError.make<Locked>()("auth-locked", { status: 423, message: "The account is locked" }) {}
  const Auth = Extension.make("auth", { auditEvents: [LoginFailed, Read] })

  class User extends Context.Tag("User")<User, string>() {}
  class Authenticated extends HttpApiMiddleware.Tag<Authenticated>()("Authenticated", {
    failure: Schema.Union(BuiltInErrors.Unauthenticated, Locked),
    provides: User,
    security: { token: HttpApiSecurity.bearer, key: HttpApiSecurity.apiKey({ in: "header", key: "x-key" }) }
  }) {}
  class Open extends HttpApiMiddleware.Tag<Open>()("Open", { failure: Closed }) {}
  class Checked extends HttpApiMiddleware.Tag<Checked>()("Checked", { failure: Lion }) {}

  const authenticated = RegisteredApi.middleware(
    Authenticated,
    Effect.gen(function* () {
      const audit = yield* AuditLog.AuditLog
      const decide = (credential: Redacted.Redacted) =>
        Effect.gen(function* () {
          const secret = Redacted.value(credential)
          if (secret === "locked") return yield* new Locked()
          if (secret !== "ada") {
            yield* audit.add(LoginFailed)
            return yield* new BuiltInErrors.Unauthenticated()
          }
          yield* AuditContext.identify(secret)
          return secret
        })
      return { token: decide, key: decide }
    })
  )
  const open = RegisteredApi.middleware(
    Open,
    Effect.succeed(
      Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) =>
        headers["x-closed"] === undefined ? Effect.void : new Closed()
      )
    )
  )
  const checked = RegisteredApi.middleware(
    Checked,
    Effect.succeed(
      Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) =>
        headers["x-lion"] === undefined
          ? Effect.void
          : headers["x-lion"] === "badger"
            ? failing(new NoBadger({ animal: "2" }))
            : new Lion()
      )
    )
  )

  const Notes = HttpApiGroup.make("notes")
    .add(
      HttpApiEndpoint.post("read", "/notes")
        .setPayload(Schema.Struct({ id: Schema.Int }))
        .addSuccess(Schema.String)
    )
    .middleware(Authenticated)
    .add(HttpApiEndpoint.get("check", "/check").addSuccess(Schema.String).middleware(Checked))
  class Api extends RegisteredApi.make("notes").add(Notes).middleware(Open) {}
  const notes = RegisteredApi.group(Api, "notes", (handlers) =>
    Effect.gen(function* () {
      const audit = yield* AuditLog.AuditLog
      return handlers
        .handle("read", () =>
          Effect.gen(function* () {
            yield* audit.add(Read)
            return yield* User
          })
        )
        .handle("check", () => User)
    })
  )
  const App = RegisteredApi.layer(Api).pipe(
    Layer.provide(notes),
    Layer.provide([authenticated, open, checked]),
    Layer.provide(Auth.layer)
  )
  const serveTyped = Http.start(Registrar.serve(App, options))
  const json = { "content-type": "application/json" }
  const ada = { ...json, authorization: "Bearer ada" }

  test("fails with its errors, and provides what it has found", () =>
    Effect.gen(function* () {
      const server = yield* serveTyped
      const read = (headers: Record<string, string>, body = '{"id":1}') =>
        server.request("POST", "/notes", { headers, body })
      assert.deepInclude(yield* read(ada), { status: 200, body: '"ada"' })
      Http.assertError(yield* read(json), 401, "unauthenticated")
      Http.assertError(yield* read({ ...json, "x-key": "locked" }), 423, "auth-locked")
      assert.strictEqual((yield* read({ ...json, "x-key": "ada" })).status, 200)
      Http.assertError(yield* read({ ...ada, "x-closed": "1" }), 503, "zoo-closed")
      Http.assertError(yield* server.request("GET", "/check", { headers: { ...ada, "x-lion": "1" } }), 409, "zoo-lion")
      yield* assertQuiet(server)
    }))

  test("stands in front of handlers that read the request themselves", () =>
    Effect.gen(function* () {
      class OfGroup extends HttpApiMiddleware.Tag<OfGroup>()("OfGroup", { failure: Closed }) {}
      class OfEndpoint extends HttpApiMiddleware.Tag<OfEndpoint>()("OfEndpoint", { failure: Lion }) {}
      const refusing = <E>(header: string, error: Effect.Effect<never, E>) =>
        Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) =>
          headers[header] === undefined ? Effect.void : error
        )
      const Raw = RegisteredApi.make("raw").add(
        HttpApiGroup.make("all")
          .add(HttpApiEndpoint.post("raw", "/raw").addSuccess(Schema.String).middleware(OfEndpoint))
          .middleware(OfGroup)
      )
      let handled = 0
      const handlers = RegisteredApi.group(Raw, "all", (handlers) =>
        handlers.handleRaw("raw", ({ request }) =>
          Effect.zipRight(
            Effect.sync(() => handled++),
            Effect.orDie(request.text)
          )
        )
      )
      const server = yield* serve(
        RegisteredApi.layer(Raw).pipe(
          Layer.provide(handlers),
          Layer.provide(Layer.succeed(OfGroup, refusing("x-closed", new Closed()))),
          Layer.provide(Layer.succeed(OfEndpoint, refusing("x-lion", new Lion())))
        )
      )
      const send = (headers: Record<string, string>) => server.request("POST", "/raw", { body: "tea", headers })
      Http.assertError(yield* send({ "x-closed": "1" }), 503, "zoo-closed")
      Http.assertError(yield* send({ "x-lion": "1" }), 409, "zoo-lion")
      assert.strictEqual(handled, 0)
      assert.deepInclude(yield* send({}), { status: 200, body: '"tea"' })
    }))

  test("that fails leaves nobody identified", () =>
    Effect.gen(function* () {
      const half = RegisteredApi.middleware(
        Authenticated,
        Effect.succeed({
          // Knows who it is before it knows whether that is true.
          token: () => Effect.zipRight(AuditContext.identify("mallory"), new BuiltInErrors.Unauthenticated()),
          key: () => Effect.succeed("guest")
        })
      )
      const guests = RegisteredApi.layer(Api).pipe(
        Layer.provide(notes),
        Layer.provide([half, open, checked]),
        Layer.provide(Auth.layer)
      )
      const server = yield* serve(guests)
      const headers = { ...json, authorization: "Bearer x", "x-key": "guest" }
      const answer = yield* server.request("POST", "/notes", { headers, body: '{"id":1}' })
      assert.deepInclude(answer, { status: 200, body: '"guest"' })
      const events = (yield* server.audit).filter(({ event }) => event.type === "auth-read")
      assert.lengthOf(events, 1)
      assert.notInclude(JSON.stringify(yield* server.audit), "mallory")
    }))

  test("comes before anything else is told of the request", () =>
    Effect.gen(function* () {
      const server = yield* serveTyped
      const send = (headers: Record<string, string>, body: string) =>
        server.request("POST", "/notes", { headers, body })
      for (const [headers, body, status] of [
        [json, "{}", 400],
        [json, "{", 400],
        [{ "content-type": "text/plain" }, "x", 415]
      ] as const) {
        Http.assertError(yield* send(headers, body), 401, "unauthenticated")
        assert.strictEqual((yield* send({ ...headers, authorization: "Bearer ada" }, body)).status, status)
        Http.assertError(yield* send({ ...headers, "x-closed": "1" }, body), 503, "zoo-closed")
      }
    }))

  test("fails with nothing that it does not declare", () =>
    Effect.gen(function* () {
      const server = yield* serveTyped
      const answer = yield* server.request("GET", "/check", { headers: { ...ada, "x-lion": "badger" } })
      yield* assertException(server, answer, /'notes\.notes\.check' has failed with what it does not declare/, "badger")
    }))

  test("and handlers add events in the context of the request", () =>
    Effect.gen(function* () {
      const server = yield* serveTyped
      yield* server.request("POST", "/notes", { headers: json, body: '{"id":1}' })
      yield* server.request("POST", "/notes", { headers: ada, body: '{"id":1}' })
      const events = (yield* server.audit).filter(({ event }) => event.type.startsWith("auth-"))
      assert.deepStrictEqual(
        events.map(({ event }) => [event.type, event.details["ip"], event.details["path"], event.details["user"]]),
        [
          // One for each kind of credential.
          ["auth-login-failed", "127.0.0.1", "/notes", undefined],
          ["auth-login-failed", "127.0.0.1", "/notes", undefined],
          ["auth-read", "127.0.0.1", "/notes", "ada"]
        ]
      )
    }))

  test("and handlers do so even where their layers have a context of their own", () =>
    Effect.gen(function* () {
      const server = yield* serve(App.pipe(Layer.provide(AuditContext.layer({ path: "job", user: "job" }))))
      yield* server.request("POST", "/notes", { headers: json, body: '{"id":1}' })
      yield* server.request("POST", "/notes", { headers: ada, body: '{"id":1}' })
      const events = (yield* server.audit).filter(({ event }) => event.type.startsWith("auth-"))
      assert.lengthOf(events, 3)
      for (const { event } of events) assert.deepInclude(event.details, { path: "/notes" })
      assert.notInclude(JSON.stringify(events), "job")
    }))

  test("is an instance of its error's class to the typed client", () =>
    Effect.gen(function* () {
      const { notes } = yield* clientOf(Api, yield* serveTyped)
      assert.instanceOf(yield* Effect.flip(notes.read({ payload: { id: 1 } })), BuiltInErrors.Unauthenticated)
    }))
})

describe("an api", () => {
  const simple = <const Id extends string, const Path extends string>(
    id: Id,
    path: Path,
    error: typeof NoBadger | typeof Lion
  ) => {
    const Api = RegisteredApi.make(id).add(
      HttpApiGroup.make("all").add(
        HttpApiEndpoint.get("get", `/${path}/:id`)
          .setPath(Schema.Struct({ id: Schema.NumberFromString }))
          .addSuccess(Schema.String)
          .addError(error as typeof Lion)
      )
    )
    const handlers = RegisteredApi.group(Api, "all", (handlers) =>
      handlers.handle("get", ({ path }) =>
        path.id === 1 ? Effect.succeed(id) : failing(error === Lion ? new Lion() : new NoBadger({ animal: "2" }))
      )
    )
    return { Api, handlers, routes: Layer.provide(RegisteredApi.layer(Api), handlers) }
  }
  const left = simple("left", "left", Lion)
  const right = simple("right", "right", NoBadger)
  const Plain = Layer.merge(
    HttpLayerRouter.add("GET", "/plain", HttpServerResponse.text("plain")),
    HttpLayerRouter.add("POST", "/left/:id", new Closed())
  )
  const Menagerie = Extension.make("zoo", { errors: [Closed] })

  test("stands beside another one and beside plain routes, in any order", () =>
    Effect.gen(function* () {
      const plain = Layer.provide(Plain, Menagerie.layer)
      for (const app of [
        Layer.mergeAll(left.routes, right.routes, plain),
        Layer.mergeAll(plain, right.routes, left.routes),
        Layer.mergeAll(right.routes, plain, left.routes)
      ]) {
        const server = yield* serve(app)
        assert.strictEqual((yield* server.request("GET", "/left/1")).body, '"left"')
        assert.strictEqual((yield* server.request("GET", "/right/1")).body, '"right"')
        assert.strictEqual((yield* server.request("GET", "/plain")).body, "plain")
        Http.assertError(yield* server.request("GET", "/left/2"), 409, "zoo-lion")
        Http.assertError(yield* server.request("GET", "/right/2"), 404, "zoo-no-badger")
        Http.assertError(yield* server.request("POST", "/left/2"), 503, "zoo-closed")
        Http.assertError(yield* server.request("GET", "/left/x"), 400, "bad-request")
        Http.assertError(yield* server.request("GET", "/nowhere"), 404, "not-found")
        const wrong = yield* server.request("DELETE", "/left/1")
        Http.assertError(wrong, 405, "method-not-allowed")
        assert.strictEqual(wrong.headers["allow"], "GET, HEAD, OPTIONS, POST")
        const asked = yield* server.request("OPTIONS", "/right/1")
        assert.deepStrictEqual([asked.status, asked.headers["allow"]], [200, "GET, HEAD, OPTIONS"])
        const head = yield* server.request("HEAD", "/left/1")
        assert.deepStrictEqual([head.status, head.body, head.headers["content-length"]], [200, "", "6"])
        assert.deepInclude(yield* server.request("HEAD", "/left/2"), { status: 409, body: "" })
        yield* assertQuiet(server)
      }
    }))

  test("is answered by the same handlers under a prefix", () =>
    Effect.gen(function* () {
      const Prefixed = left.Api.prefix("/v1")
      const server = yield* serve(
        RegisteredApi.layer(Prefixed, { openapiPath: "/openapi.json" }).pipe(Layer.provide(left.handlers))
      )
      assert.strictEqual((yield* server.request("GET", "/v1/left/1")).body, '"left"')
      Http.assertError(yield* server.request("GET", "/v1/left/2"), 409, "zoo-lion")
      assert.strictEqual((yield* server.request("PUT", "/v1/left/2")).headers["allow"], "GET, HEAD, OPTIONS")
      Http.assertError(yield* server.request("GET", "/left/1"), 404, "not-found")
      const { all } = yield* clientOf(Prefixed, server)
      assert.instanceOf(yield* Effect.flip(all.get({ path: { id: 2 } })), Lion)
      const document = JSON.parse((yield* server.request("GET", "/openapi.json")).body)
      assert.deepStrictEqual(Object.keys(document.paths), ["/v1/left/{id}"])
    }))

  test("is answered under the prefix of its router", () =>
    Effect.gen(function* () {
      const prefixed = Layer.effect(
        HttpLayerRouter.HttpRouter,
        Effect.map(HttpLayerRouter.HttpRouter, (router) => router.prefixed("/v2"))
      )
      const server = yield* serve(Layer.merge(right.routes, Layer.provide(left.routes, prefixed)))
      assert.strictEqual((yield* server.request("GET", "/v2/left/1")).body, '"left"')
      Http.assertError(yield* server.request("GET", "/v2/left/2"), 409, "zoo-lion")
      Http.assertError(yield* server.request("GET", "/v2/left/x"), 400, "bad-request")
      assert.strictEqual((yield* server.request("PUT", "/v2/left/2")).headers["allow"], "GET, HEAD, OPTIONS")
      Http.assertError(yield* server.request("GET", "/right/2"), 404, "zoo-no-badger")
      Http.assertError(yield* server.request("GET", "/left/1"), 404, "not-found")
    }))

  test("holds others, with their errors and their middleware", () =>
    Effect.gen(function* () {
      class Guard extends HttpApiMiddleware.Tag<Guard>()("Guard", { failure: Closed }) {}
      const guard = Layer.succeed(
        Guard,
        Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) =>
          headers["x-closed"] === undefined ? Effect.void : new Closed()
        )
      )
      const Inner = RegisteredApi.make("inner")
        .add(
          HttpApiGroup.make("inner").add(
            HttpApiEndpoint.get("get", "/inner").addSuccess(Schema.String).addError(NoBadger)
          )
        )
        .middleware(Guard)
        .prefix("/deep")
      class Outer extends RegisteredApi.make("outer")
        .add(HttpApiGroup.make("outer").add(HttpApiEndpoint.get("get", "/outer").addSuccess(Schema.String)))
        .addHttpApi(Inner) {}
      const handlers = Layer.mergeAll(
        RegisteredApi.group(Outer, "inner", (handlers) => handlers.handle("get", () => new NoBadger({ animal: "2" }))),
        RegisteredApi.group(Outer, "outer", (handlers) =>
          handlers.handle("get", () => failing(new NoBadger({ animal: "2" })))
        )
      )
      const server = yield* serve(RegisteredApi.layer(Outer).pipe(Layer.provide(handlers), Layer.provide(guard)))
      const closed = { headers: { "x-closed": "1" } }
      Http.assertError(yield* server.request("GET", "/deep/inner"), 404, "zoo-no-badger")
      Http.assertError(yield* server.request("GET", "/deep/inner", closed), 503, "zoo-closed")
      Http.assertError(yield* server.request("GET", "/outer", closed), 500, "internal-server-error")
      const { inner } = yield* clientOf(Outer, server)
      assert.instanceOf(yield* Effect.flip(inner.get()), NoBadger)
    }))

  test("is added once, wherever its layer is provided", () =>
    Effect.gen(function* () {
      const routes = RegisteredApi.layer(left.Api)
      const App = Layer.merge(Layer.provide(Plain, routes), routes).pipe(
        Layer.provide(left.handlers),
        Layer.provide(Menagerie.layer)
      )
      const server = yield* serve(App)
      assert.strictEqual((yield* server.request("GET", "/left/1")).status, 200)
    }))

  test("streams its responses", () =>
    Effect.gen(function* () {
      const Api = RegisteredApi.make("streams").add(
        HttpApiGroup.make("all").add(HttpApiEndpoint.get("get", "/stream").addError(NoBadger))
      )
      const handlers = RegisteredApi.group(Api, "all", (handlers) =>
        handlers.handle("get", () =>
          Effect.succeed(HttpServerResponse.stream(Stream.make("a", "b").pipe(Stream.encodeText)))
        )
      )
      const server = yield* serve(RegisteredApi.layer(Api).pipe(Layer.provide(handlers)))
      assert.deepInclude(yield* server.request("GET", "/stream"), { status: 200, body: "ab" })
    }))
})

describe("what the types cannot see is refused", () => {
  const refused = <A, E, R>(layer: Layer.Layer<A, E, R>) => Effect.map(Effect.flip(serve(layer)), String)
  const groupOf = (endpoint: HttpApiEndpoint.HttpApiEndpoint.Any) => HttpApiGroup.make("all").add(endpoint)
  const handlersOf = (api: HttpApi.HttpApi.Any) =>
    RegisteredApi.group(
      api as HttpApi.HttpApi<"zoo">,
      "all" as never,
      ((handlers: { handle: (name: string, handler: () => Effect.Effect<void>) => never }) =>
        handlers.handle("get", () => Effect.void)) as never
    )
  const build = (api: HttpApi.HttpApi.Any, handlers = handlersOf(api)) =>
    RegisteredApi.layer(api as HttpApi.HttpApi<"zoo">).pipe(Layer.provide(untyped(handlers)))

  test("an api of the platform", () =>
    Effect.gen(function* () {
      const Api = HttpApi.make("zoo").add(groupOf(HttpApiEndpoint.get("get", "/")))
      assert.include(yield* refused(build(Api)), "the api was made with HttpApi.make: make it with RegisteredApi.make")
    }))

  test("an api of the platform within", () =>
    Effect.gen(function* () {
      const Inner = HttpApi.make("inner").add(groupOf(HttpApiEndpoint.get("get", "/")))
      const Api = RegisteredApi.make("zoo").addHttpApi(Inner)
      assert.include(yield* refused(build(Api)), "the api was made with HttpApi.make: make it with RegisteredApi.make")
    }))

  test("an error of another kind", () =>
    Effect.gen(function* () {
      class Foreign extends Schema.TaggedError<Foreign>()("Foreign", {}) {}
      const endpoint = HttpApiEndpoint.get("get", "/")
        .addError(Foreign)
        .addError(HttpApiError.NotFound)
        .addError(Schema.String)
      const said = yield* refused(build(RegisteredApi.make("zoo").add(groupOf(endpoint))))
      for (const name of ["Foreign", "NotFound", "String"]) assert.match(said, new RegExp(`${name}.*no ApiError`, "i"))
    }))

  test("another status than the error's own", () =>
    Effect.gen(function* () {
      const endpoint = HttpApiEndpoint.get("get", "/").addError(NoBadger, { status: 410 })
      const said = yield* refused(build(RegisteredApi.make("zoo").add(groupOf(endpoint))))
      assert.include(said, "the api gives it the status 410, but its own is 404")
      const same = HttpApiEndpoint.get("get", "/").addError(NoBadger, { status: 404 })
      const server = yield* serve(build(RegisteredApi.make("zoo").add(groupOf(same))))
      assert.strictEqual((yield* server.request("GET", "/")).status, 204)
    }))

  test("handlers of an earlier form of the api", () =>
    Effect.gen(function* () {
      class Guard extends HttpApiMiddleware.Tag<Guard>()("Guard") {}
      const endpoint = HttpApiEndpoint.get("get", "/")
      const Before = RegisteredApi.make("zoo").add(groupOf(endpoint))
      const guard = Layer.succeed(Guard, Effect.void)
      for (const After of [
        RegisteredApi.make("zoo").add(groupOf(endpoint.middleware(Guard))),
        RegisteredApi.make("zoo").add(groupOf(endpoint).middleware(Guard)),
        RegisteredApi.make("zoo").add(groupOf(endpoint.addSuccess(Schema.String))),
        RegisteredApi.make("zoo").add(groupOf(HttpApiEndpoint.get("other", "/")))
      ]) {
        const said = yield* refused(build(After, handlersOf(Before)).pipe(Layer.provide(guard)))
        assert.include(said, "has changed since its handlers were built")
      }
    }))

  /** Two apis of one id, each with its handlers. */
  const versions = () => {
    const of = (path: "/v1/items" | "/v2/items", name: string) => {
      const Api = RegisteredApi.make("shop").add(
        HttpApiGroup.make("items").add(HttpApiEndpoint.get("list", path).addSuccess(Schema.String))
      )
      const handlers = RegisteredApi.group(Api, "items", (handlers) =>
        handlers.handle("list", () => Effect.succeed(name))
      )
      return { Api, handlers }
    }
    return [of("/v1/items", "first"), of("/v2/items", "second")] as const
  }

  test("a second, different api of the same id", () =>
    Effect.gen(function* () {
      const [v1, v2] = versions()
      const apart = Layer.mergeAll(
        RegisteredApi.layer(v1.Api).pipe(Layer.provide(v1.handlers)),
        RegisteredApi.layer(v2.Api).pipe(Layer.provide(v2.handlers))
      )
      const together = Layer.mergeAll(RegisteredApi.layer(v1.Api), RegisteredApi.layer(v2.Api)).pipe(
        Layer.provide(Layer.mergeAll(v1.handlers, v2.handlers))
      )
      const prefixed = Layer.effect(
        HttpLayerRouter.HttpRouter,
        Effect.map(HttpLayerRouter.HttpRouter, (router) => router.prefixed("/deep"))
      )
      const below = Layer.mergeAll(
        RegisteredApi.layer(v1.Api).pipe(Layer.provide(v1.handlers)),
        RegisteredApi.layer(v2.Api).pipe(Layer.provide(v2.handlers), Layer.provide(prefixed))
      )
      for (const app of [apart, together, below]) {
        assert.include(
          yield* refused(app),
          "'shop' of 'shop': another api of this id is in the router: give each its own"
        )
      }
    }))

  test("handlers of another api of the same id", () =>
    Effect.gen(function* () {
      const [v1, v2] = versions()
      const said = yield* refused(RegisteredApi.layer(v1.Api).pipe(Layer.provide(v2.handlers)))
      assert.include(said, "'items.list' of 'shop': it has changed since its handlers were built")
      // Whatever they are prefixed with later, they are the same.
      const deep = RegisteredApi.layer(v1.Api.prefix("/a").prefix("/b")).pipe(Layer.provide(v1.handlers))
      const server = yield* serve(deep)
      assert.strictEqual((yield* server.request("GET", "/b/a/v1/items")).body, '"first"')
      const Root = RegisteredApi.make("zoo").add(groupOf(HttpApiEndpoint.get("get", "/")))
      const below = RegisteredApi.layer(Root.prefix("/v1") as HttpApi.HttpApi.Any as HttpApi.HttpApi<"zoo">)
      const root = yield* serve(below.pipe(Layer.provide(untyped(handlersOf(Root)))))
      assert.strictEqual((yield* root.request("GET", "/v1")).status, 204)
    }))

  test("names with slashes are no others' names", () =>
    Effect.gen(function* () {
      const of = <const Id extends string, const Name extends string>(id: Id, name: Name, path: "/one" | "/other") => {
        const Api = RegisteredApi.make(id).add(
          HttpApiGroup.make(name).add(HttpApiEndpoint.get("get", path).addSuccess(Schema.String))
        )
        const build = (handlers: { handle: (name: string, handler: () => Effect.Effect<string>) => never }) =>
          handlers.handle("get", () => Effect.succeed(path))
        const handlers = RegisteredApi.group(
          Api as HttpApi.HttpApi.Any as HttpApi.HttpApi<Id>,
          name as never,
          build as never
        )
        return {
          routes: RegisteredApi.layer(Api as HttpApi.HttpApi.Any as HttpApi.HttpApi<Id>),
          handlers: untyped(handlers)
        }
      }
      const one = of("a/b", "c", "/one")
      const other = of("a", "b/c", "/other")
      for (const handlers of [Layer.merge(one.handlers, other.handlers), Layer.merge(other.handlers, one.handlers)]) {
        const server = yield* serve(Layer.merge(one.routes, other.routes).pipe(Layer.provide(handlers)))
        for (const path of ["/one", "/other"]) {
          assert.strictEqual((yield* server.request("GET", path)).body, `"${path}"`)
        }
      }
    }))

  test("a Schema that cannot be documented, where the document is served", () =>
    Effect.gen(function* () {
      const endpoint = HttpApiEndpoint.get("get", "/").addSuccess(Schema.BigIntFromSelf)
      const Api = RegisteredApi.make("zoo").add(groupOf(endpoint))
      const layer = RegisteredApi.layer(Api as HttpApi.HttpApi.Any as HttpApi.HttpApi<"zoo">, {
        openapiPath: "/openapi.json"
      })
      const said = yield* refused(layer.pipe(Layer.provide(untyped(handlersOf(Api)))))
      assert.match(said, /openapi\.json.*the document cannot be made/)
      yield* serve(build(Api))
    }))

  test("the platform's handlers", () =>
    Effect.gen(function* () {
      const Api = RegisteredApi.make("zoo").add(HttpApiGroup.make("all").add(HttpApiEndpoint.get("get", "/")))
      const handlers = HttpApiBuilder.group(Api, "all", (handlers) => handlers.handle("get", () => Effect.void))
      const exit = yield* Effect.exit(serve(RegisteredApi.layer(Api).pipe(Layer.provide(handlers))))
      assert.isTrue(Exit.isFailure(exit))
    }))
})

describe("the document", () => {
  const Zoo = RegisteredApi.make("zoo").add(
    HttpApiGroup.make("badgers").add(HttpApiEndpoint.get("get", "/badgers").addError(NoBadger).addError(Closed))
  )
  const badgers = RegisteredApi.group(Zoo, "badgers", (handlers) => handlers.handle("get", () => Effect.void))

  test("is served, and shown by Scalar and by Swagger", () =>
    Effect.gen(function* () {
      const App = Layer.mergeAll(
        RegisteredApi.layer(Zoo, { openapiPath: "/docs/openapi.json" }).pipe(Layer.provide(badgers)),
        HttpApiScalar.layerHttpLayerRouter({ api: Zoo, path: "/docs/scalar" }),
        HttpApiSwagger.layerHttpLayerRouter({ api: Zoo, path: "/docs/swagger" })
      )
      const server = yield* serve(App)
      const document = yield* server.request("GET", "/docs/openapi.json")
      assert.strictEqual(document.headers["content-type"], "application/json")
      const { responses } = JSON.parse(document.body).paths["/badgers"].get
      assert.sameMembers(Object.keys(responses), ["204", "400", "404", "503"])
      assert.sameMembers(Object.keys(responses[404].content), ["application/json", "application/problem+json"])
      for (const path of ["/docs/scalar", "/docs/swagger"]) {
        const page = yield* server.request("GET", path)
        assert.strictEqual(page.status, 200)
        for (const id of ["zoo-no-badger", "zoo-closed", "bad-request"]) assert.include(page.body, id, path)
      }
    }))
})
