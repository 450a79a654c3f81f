import {
  HttpApi,
  HttpApiBuilder,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApp,
  HttpIncomingMessage,
  HttpLayerRouter,
  HttpServerError,
  HttpServerRequest,
  HttpServerResponse,
  Multipart
} from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Deferred,
  Effect,
  Exit,
  Fiber,
  FiberId,
  Layer,
  Logger,
  Option,
  ParseResult,
  Redacted,
  Schema,
  Stream
} from "effect"
import type { Scope } from "effect"
import fc from "fast-check"
import * as ApiError from "../src/ApiError.js"
import * as AppLog from "../src/AppLog.js"
import * as BuiltInErrors from "../src/BuiltInErrors.js"
import * as ErrorRegistry from "../src/ErrorRegistry.js"
import * as Extension from "../src/Extension.js"
import { hostileProxy as proxy, throwAlways } from "./support/hostile.js"
import * as HttpErrors from "../src/HttpErrors.js"
import * as Registrar from "../src/Registrar.js"
import * as Http from "./support/http.js"

class NoBadger extends ApiError.make<NoBadger>()("zoo-no-badger", {
  status: 404,
  message: "There is no badger {animal}",
  fields: { animal: Schema.String },
  headers: ({ animal }) => ({ "x-badger": animal })
}) {}

class Escaped extends Error {}
class EscapedAtNight extends Escaped {}

const Zoo = Extension.make("zoo", {
  errors: [NoBadger],
  exceptions: [ApiError.fromException(Escaped, { id: "zoo-escaped", message: "An animal has escaped" })]
})

/** A failure that the types know nothing of, as from code that is not typed. */
const failing = (failure: unknown) => Effect.fail(failure) as Effect.Effect<never>

const ok = HttpServerResponse.text("ok")

/** Nothing worth a line; the platform has some for those who debug it. */
const assertQuiet = (server: Http.Running) =>
  Effect.map(server.application, (lines) =>
    assert.deepStrictEqual(
      lines.filter(({ level }) => level !== "DEBUG"),
      []
    )
  )

const options = { disableListenLog: true }

const test = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) => it.scopedLive(name, body)

const serve = <E, R>(app: Layer.Layer<never, E, R>, more?: Registrar.Options) =>
  // The tests fail on purpose with what the compiler would refuse.
  Http.start(Registrar.serve(app as Layer.Layer<never>, { ...options, ...more }))

const get = (handler: Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, unknown>) =>
  HttpLayerRouter.add("GET", "/", handler as HttpApp.Default).pipe(Layer.provide(Zoo.layer))

/** What the client sees, and the application log, of one GET with this handler. */
const answerOf = (handler: Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, unknown>) =>
  Effect.gen(function* () {
    const server = yield* serve(get(handler))
    const answer = yield* server.request("GET", "/")
    return { answer, lines: yield* server.application }
  })

describe("unknown paths and wrong methods", () => {
  const Prefixed = HttpLayerRouter.use((router) =>
    Effect.gen(function* () {
      const api = router.prefixed("/api")
      yield* api.add("GET", "/items", ok)
      yield* api.prefixed("/v2").add("PUT", "/items/:id", ok)
      yield* api.addAll([HttpLayerRouter.route("DELETE", "/items", ok)])
    })
  )
  const Api = HttpApi.make("api").add(
    HttpApiGroup.make("group")
      .add(HttpApiEndpoint.get("get", "/http-api/:id").setPath(Schema.Struct({ id: Schema.String })))
      .add(HttpApiEndpoint.patch("patch", "/http-api/:id").setPath(Schema.Struct({ id: Schema.String })))
  )
  const App = Layer.mergeAll(
    HttpLayerRouter.add("GET", "/things", ok),
    HttpLayerRouter.add("POST", "/things", ok),
    HttpLayerRouter.add("DELETE", "/things/:id", ok),
    HttpLayerRouter.add("POST", "/things/special", ok),
    HttpLayerRouter.add("GET", "/files/*", ok),
    HttpLayerRouter.add("*", "/everything", ok),
    HttpLayerRouter.add("OPTIONS", "/own-options", HttpServerResponse.empty({ status: 204 })),
    HttpLayerRouter.addAll([HttpLayerRouter.route("GET", "/many", ok), HttpLayerRouter.route("PUT", "/many", ok)], {
      prefix: "/added"
    }),
    Prefixed,
    HttpLayerRouter.addHttpApi(Api).pipe(
      Layer.provide(
        HttpApiBuilder.group(Api, "group", (handlers) =>
          handlers.handle("get", () => Effect.void).handle("patch", () => Effect.void)
        )
      )
    )
  )

  const allowed: ReadonlyArray<readonly [path: string, allow: string, wrong: string]> = [
    ["/things", "GET, HEAD, OPTIONS, POST", "DELETE"],
    ["/things?a=b", "GET, HEAD, OPTIONS, POST", "PUT"],
    ["/things/7", "DELETE, OPTIONS", "GET"],
    ["/things/a%20b", "DELETE, OPTIONS", "GET"],
    ["/things/special", "DELETE, OPTIONS, POST", "GET"],
    ["/files/a/b/c", "GET, HEAD, OPTIONS", "POST"],
    ["/own-options", "OPTIONS", "GET"],
    ["/added/many", "GET, HEAD, OPTIONS, PUT", "POST"],
    ["/api/items", "DELETE, GET, HEAD, OPTIONS", "POST"],
    ["/api/v2/items/1", "OPTIONS, PUT", "GET"],
    ["/http-api/1", "GET, HEAD, OPTIONS, PATCH", "POST"]
  ]

  test("a wrong method is answered with the methods that are right, wherever the route was added", () =>
    Effect.gen(function* () {
      const server = yield* serve(App as Layer.Layer<never>)
      for (const [path, allow, wrong] of allowed) {
        const answer = yield* server.request(wrong, path)
        Http.assertError(answer, 405, "method-not-allowed")
        assert.strictEqual(answer.headers["allow"], allow, path)
        if (path !== "/own-options") {
          const asked = yield* server.request("OPTIONS", path)
          assert.strictEqual(asked.status, 200, path)
          assert.strictEqual(asked.headers["allow"], allow, path)
          assert.strictEqual(asked.body, "")
        }
        // Every method that is named really is allowed.
        for (const method of allow.split(", ")) {
          assert.notStrictEqual((yield* server.request(method, path)).status, 405, `${method} ${path}`)
        }
      }
      assert.strictEqual((yield* server.request("OPTIONS", "/own-options")).status, 204)
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]) {
        assert.strictEqual((yield* server.request(method, "/everything")).status, 200, method)
      }
      yield* assertQuiet(server)
    }))

  test("a path that is unknown, odd or broken is answered with not-found, never with a 500", () =>
    Effect.gen(function* () {
      const server = yield* serve(App as Layer.Layer<never>)
      const paths = [
        "/nope",
        "/",
        "/things/",
        "/api",
        "//",
        "/things/%zz",
        "/files/%",
        "/things/%ff",
        "/%00",
        "/files/%c3%28"
      ]
      for (const path of paths) {
        const answer = yield* server.request("PUT", path)
        assert.include([404, 405], answer.status, path)
        Http.assertError(answer, answer.status, answer.status === 404 ? "not-found" : "method-not-allowed")
        const read = yield* server.request("GET", path)
        assert.include([200, 400, 404, 405], read.status, path)
        if (read.status !== 200) assert.strictEqual(read.headers["content-type"], "application/json", path)
      }
      for (const method of ["PROPFIND", "TRACE", "DELETE"]) {
        Http.assertError(yield* server.request(method, "/nope"), 404, "not-found")
      }
      Http.assertError(yield* server.request("PROPFIND", "/things"), 405, "method-not-allowed")
      Http.assertError(yield* server.request("OPTIONS", "/nope"), 404, "not-found")
      Http.assertError(yield* server.request("OPTIONS", "*"), 404, "not-found")
      yield* assertQuiet(server)
    }))

  test("HEAD answers as GET does, without the body", () =>
    Effect.gen(function* () {
      const server = yield* serve(App as Layer.Layer<never>)
      const good = yield* server.request("HEAD", "/things")
      assert.deepStrictEqual([good.status, good.body, good.headers["content-length"]], [200, "", "2"])
      const bad = yield* server.request("HEAD", "/nope")
      assert.deepStrictEqual([bad.status, bad.body, bad.headers["content-type"]], [404, "", "application/json"])
      assert.isAbove(Number(bad.headers["content-length"]), 0)
    }))

  test("paths are compared as the router is configured", () =>
    Effect.gen(function* () {
      const server = yield* serve(App as Layer.Layer<never>, {
        routerConfig: { caseSensitive: false, ignoreTrailingSlash: true }
      })
      assert.strictEqual((yield* server.request("GET", "/THINGS/")).status, 200)
      assert.strictEqual((yield* server.request("PUT", "/THINGS/")).headers["allow"], "GET, HEAD, OPTIONS, POST")
    }))
})

describe("requests that cannot be read", () => {
  const Body = Schema.Struct({ count: Schema.NumberFromString })
  const App = Layer.mergeAll(
    HttpLayerRouter.add(
      "POST",
      "/json",
      Effect.as(
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (r) => r.json),
        ok
      )
    ),
    HttpLayerRouter.add(
      "POST",
      "/text",
      Effect.as(
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (r) => r.text),
        ok
      )
    ),
    HttpLayerRouter.add(
      "POST",
      "/stream",
      Effect.as(
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (r) => Stream.runDrain(r.stream)),
        ok
      )
    ),
    HttpLayerRouter.add(
      "POST",
      "/bytes",
      Effect.as(
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (r) => r.arrayBuffer),
        ok
      )
    ),
    HttpLayerRouter.add(
      "POST",
      "/form",
      Effect.as(
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (r) => r.urlParamsBody),
        ok
      )
    ),
    HttpLayerRouter.add("POST", "/ignored", ok),
    HttpLayerRouter.add("POST", "/schema", Effect.as(HttpServerRequest.schemaBodyJson(Body), ok)),
    HttpLayerRouter.add(
      "GET",
      "/headers",
      Effect.as(HttpServerRequest.schemaHeaders(Schema.Struct({ "x-count": Schema.NumberFromString })), ok)
    ),
    HttpLayerRouter.add("GET", "/query", Effect.as(HttpServerRequest.schemaSearchParams(Body), ok)),
    HttpLayerRouter.add("GET", "/path/:count", Effect.as(HttpLayerRouter.schemaPathParams(Body), ok)),
    HttpLayerRouter.add("POST", "/multipart", Effect.as(HttpServerRequest.schemaBodyMultipart(Body), ok)),
    HttpLayerRouter.add(
      "POST",
      "/parts",
      Effect.as(
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (r) => Stream.runDrain(r.multipartStream)),
        ok
      )
    )
  )

  const json = { "content-type": "application/json" }
  const form = { "content-type": "application/x-www-form-urlencoded" }
  const multipart = { "content-type": "multipart/form-data; boundary=x" }
  const part = (name: string, value: string) =>
    `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`

  const requests: ReadonlyArray<readonly [name: string, method: string, path: string, Http.RequestOptions?]> = [
    ["malformed JSON", "POST", "/json", { body: "{", headers: json }],
    ["malformed JSON for a Schema", "POST", "/schema", { body: "{", headers: json }],
    ["JSON that is nested too deep", "POST", "/json", { body: "[".repeat(300) + "]".repeat(300), headers: json }],
    ["JSON that does not fit the Schema", "POST", "/schema", { body: "{}", headers: json }],
    ["no body where there is a Schema", "POST", "/schema", { headers: json }],
    ["a header that does not fit its Schema", "GET", "/headers", { headers: { "x-count": "secret-value" } }],
    ["a query that does not fit its Schema", "GET", "/query?count=secret-value"],
    ["a path that does not fit its Schema", "GET", "/path/secret-value"],
    ["a body that is not UTF-8", "POST", "/text", { body: Uint8Array.of(0xff, 0xfe) }],
    ["JSON that is not UTF-8", "POST", "/json", { body: Uint8Array.of(0x22, 0xff, 0x22), headers: json }],
    ["a form that is not UTF-8", "POST", "/form", { body: Uint8Array.of(0x61, 0x3d, 0xff), headers: form }],
    ["a multipart body without an end", "POST", "/multipart", { body: part("count", "1"), headers: multipart }],
    [
      "a multipart body without a boundary",
      "POST",
      "/multipart",
      { body: "x", headers: { "content-type": "multipart/form-data" } }
    ],
    ["a multipart body that is none", "POST", "/multipart", { body: "x", headers: json }],
    [
      "a multipart body that does not fit its Schema",
      "POST",
      "/multipart",
      { body: part("count", "secret-value") + "--x--\r\n", headers: multipart }
    ]
  ]

  for (const [name, method, path, options] of requests) {
    test(`${name} is answered with bad-request, and is no error of the server`, () =>
      Effect.gen(function* () {
        const server = yield* serve(App as Layer.Layer<never>)
        const answer = yield* server.request(method, path, options)
        const { message } = Http.assertError(answer, 400, "bad-request")
        assert.strictEqual(message, "The request could not be understood")
        yield* assertQuiet(server)
      }))
  }

  test("a body is read once, whoever asks for it, and holds nothing but its own bytes", () =>
    Effect.gen(function* () {
      const twice = Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const bytes = yield* request.arrayBuffer
        const [text, json] = yield* Effect.all([request.text, request.json], { concurrency: "unbounded" })
        return HttpServerResponse.unsafeJson({ bytes: Buffer.from(bytes).toString(), text, json })
      })
      const server = yield* serve(HttpLayerRouter.add("POST", "/", twice))
      for (const sent of [{ body: '{"a":1}' }, { chunks: ['{"a"', ":1}"] }, { body: `"${"x".repeat(200_000)}"` }]) {
        const text = sent.body ?? '{"a":1}'
        const { body } = yield* server.request("POST", "/", { headers: json, ...sent })
        assert.deepStrictEqual(JSON.parse(body), { bytes: text, text, json: JSON.parse(text) })
      }
    }))

  test("a body that was read as a stream, or cut off, is not waited for", () =>
    Effect.gen(function* () {
      const streamFirst = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        Stream.runDrain(request.stream).pipe(Effect.zipRight(request.text), Effect.map(HttpServerResponse.text))
      )
      const server = yield* serve(HttpLayerRouter.add("POST", "/", streamFirst))
      assert.strictEqual((yield* server.request("POST", "/", { body: "hello" })).status, 200)
    }))

  test("a limit of the platform is none of the request's", () =>
    Effect.gen(function* () {
      const limited = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text).pipe(
        HttpIncomingMessage.withMaxBodySize(Option.some(4)),
        Effect.map(HttpServerResponse.text)
      )
      const server = yield* serve(HttpLayerRouter.add("POST", "/", limited))
      assert.strictEqual((yield* server.request("POST", "/", { body: "0123456789" })).body, "0123456789")
    }))

  test("a length that is a lie does not lift the limit, where the server does not look at it", () =>
    Effect.gen(function* () {
      const text = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        Effect.map(request.text, HttpServerResponse.text)
      )
      const routes = HttpLayerRouter.add("POST", "/", text) as Layer.Layer<never>
      const server = yield* Http.startInProcess(Registrar.serve(routes, { ...options, maxBodySize: 10 }))
      const lie = { method: "POST", headers: { "content-length": "5" }, body: "x".repeat(1_000) }
      const answer = yield* server.request(new Request("http://localhost/", lie))
      assert.strictEqual(answer.status, 413)
    }))

  test("who stops waiting for a body can still answer", () =>
    Effect.gen(function* () {
      const impatient = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        Effect.as(
          Effect.raceFirst(request.json, Effect.yieldNow()),
          HttpServerResponse.text("too slow", { status: 408 })
        )
      )
      const server = yield* serve(HttpLayerRouter.add("POST", "/", impatient))
      for (const announced of ["content-length: 10", "transfer-encoding: chunked"]) {
        const answer = yield* server.raw(`POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${announced}\r\n\r\n`)
        assert.match(answer, /^HTTP\/1.1 408 [^]*too slow/)
      }
    }))

  const limited = { maxBodySize: 1_000 }
  /** The server hangs up by itself: what is left of the body is nothing it could go on with. */
  const keepAlive = { connection: "keep-alive" }

  test("a body that fits is read as it is, whichever way", () =>
    Effect.gen(function* () {
      const server = yield* serve(App as Layer.Layer<never>, limited)
      for (const [path, options] of [
        ["/json", { body: '{"ü":1}', headers: json }],
        ["/text", { body: "ü".repeat(500) }],
        ["/text", { chunks: ["ü".repeat(250), "ü".repeat(250)] }],
        ["/stream", { body: "x".repeat(1_000) }],
        ["/bytes", { body: Uint8Array.of(0xff) }],
        ["/form", { body: "a=b", headers: form }],
        ["/schema", { body: '{"count":"1"}', headers: json }],
        ["/multipart", { body: part("count", "1") + "--x--\r\n", headers: multipart }],
        ["/parts", { body: part("count", "1") + "--x--\r\n", headers: multipart }]
      ] as const) {
        const answer = yield* server.request("POST", path, options)
        assert.deepStrictEqual([answer.status, answer.body], [200, "ok"], path)
      }
    }))

  for (const path of ["/json", "/text", "/stream", "/bytes", "/form", "/ignored", "/schema"]) {
    test(`a body that says it is too large is answered with content-too-large on ${path}`, () =>
      Effect.gen(function* () {
        const server = yield* serve(App as Layer.Layer<never>, limited)
        const answer = yield* server.request("POST", path, { body: "x".repeat(1_001), headers: keepAlive })
        Http.assertError(answer, 413, "content-too-large")
        // The rest of the body would be taken for the next request.
        assert.strictEqual(answer.headers["connection"], "close")
        assert.strictEqual(answer.headers["connection"], "close")
        yield* assertQuiet(server)
      }))
  }

  for (const path of ["/json", "/text", "/stream", "/bytes", "/form", "/schema"]) {
    test(`a body in chunks that becomes too large is answered with content-too-large on ${path}`, () =>
      Effect.gen(function* () {
        const server = yield* serve(App as Layer.Layer<never>, limited)
        const answer = yield* server.request("POST", path, {
          headers: keepAlive,
          chunks: Array.from({ length: 20 }, () => "x".repeat(1_000))
        })
        Http.assertError(answer, 413, "content-too-large")
        // The rest of the body would be taken for the next request.
        assert.strictEqual(answer.headers["connection"], "close")
        assert.strictEqual(answer.headers["connection"], "close")
        yield* assertQuiet(server)
      }))
  }

  for (const path of ["/multipart", "/parts"]) {
    test(`parts in chunks that become too large are answered with content-too-large on ${path}`, () =>
      Effect.gen(function* () {
        const server = yield* serve(App as Layer.Layer<never>, limited)
        const answer = yield* server.request("POST", path, {
          headers: { ...multipart, ...keepAlive },
          chunks: [...Array.from({ length: 20 }, (_, n) => part(`count${n}`, "x".repeat(500))), "--x--\r\n"]
        })
        Http.assertError(answer, 413, "content-too-large")
        // The rest of the body would be taken for the next request.
        assert.strictEqual(answer.headers["connection"], "close")
        assert.strictEqual(answer.headers["connection"], "close")
        yield* assertQuiet(server)
      }))
  }
})

describe("answers", () => {
  test("a registered error is sent with its fields and headers, as a failure and as a defect, and is not logged", () =>
    Effect.gen(function* () {
      for (const handler of [new NoBadger({ animal: "Bob" }), Effect.die(new NoBadger({ animal: "Bob" }))]) {
        const { answer, lines } = yield* answerOf(handler)
        assert.strictEqual(
          answer.body,
          '{"error":{"id":"zoo-no-badger","message":"There is no badger Bob","details":{"animal":"Bob"}}}'
        )
        assert.deepStrictEqual([answer.status, answer.headers["x-badger"]], [404, "Bob"])
        assert.deepStrictEqual(lines, [])
      }
    }))

  test("an error without fields has no details", () =>
    Effect.gen(function* () {
      const { answer } = yield* answerOf(new BuiltInErrors.Unauthenticated())
      assert.deepStrictEqual(Object.keys(Http.assertError(answer, 401, "unauthenticated")), ["id", "message"])
    }))

  test("headers that HTTP does not allow are left out, and the application log says so", () =>
    Effect.gen(function* () {
      for (const animal of ["a\r\nx-injected: yes", "\u0000", "€", "\ud800"]) {
        const { answer, lines } = yield* answerOf(new NoBadger({ animal }))
        Http.assertError(answer, 404, "zoo-no-badger")
        assert.notProperty(answer.headers, "x-badger")
        assert.notProperty(answer.headers, "x-injected")
        assert.deepStrictEqual(
          lines.map(({ level, message }) => [level, message]),
          [["ERROR", `The answer 'zoo-no-badger' is incomplete: the header "x-badger" cannot be sent`]]
        )
      }
    }))

  test("an exception answers with what its class is registered for, and is logged once with the id that the client is told", () =>
    Effect.gen(function* () {
      for (const handler of [failing(new EscapedAtNight("the tiger")), Effect.die(new EscapedAtNight("the tiger"))]) {
        const { answer, lines } = yield* answerOf(handler)
        assert.strictEqual(answer.body, '{"error":{"id":"zoo-escaped","message":"An animal has escaped"}}')
        assert.strictEqual(answer.status, 500)
        assert.lengthOf(lines, 1)
        const { annotations, errorInfo, errorType, level, message, module } = lines[0]!
        assert.deepStrictEqual(
          { errorType, level, message, module },
          {
            errorType: "EscapedAtNight",
            level: "ERROR",
            message: "Unhandled exception for GET /",
            module: "effect-registrar"
          }
        )
        assert.include(errorInfo ?? "", "the tiger")
        assert.include(errorInfo ?? "", "HttpErrors.test.ts")
        const requestId = answer.headers["x-request-id"]
        assert.match(String(requestId), /^[0-9a-f]{16}$/)
        assert.deepStrictEqual(annotations, { requestId })
      }
    }))

  const exceptions: ReadonlyArray<readonly [name: string, exception: unknown]> = [
    ["an Error", new TypeError("hunter2")],
    ["text", "hunter2"],
    ["a number", 7],
    ["null", null],
    ["undefined", undefined],
    ["a symbol", Symbol("hunter2")],
    ["a bigint", 7n],
    ["a function", () => "hunter2"],
    ["an object", { _tag: "Mine", password: "hunter2" }],
    ["an object without prototype", Object.assign(Object.create(null), { message: "hunter2" })],
    ["a proxy that throws", proxy],
    [
      "a function proxy that throws",
      new Proxy(() => {}, { get: throwAlways, has: throwAlways, getPrototypeOf: throwAlways })
    ],
    ["an error whose message throws", Object.defineProperty(new Error("x"), "message", { get: throwAlways })],
    ["an error whose stack is no text", Object.assign(new Error("x"), { stack: { hunter2: 1 } })],
    [
      "an error that is its own cause",
      (() => {
        const error = new Error("x")
        return Object.assign(error, { cause: error })
      })()
    ],
    [
      "something that only says it is an ApiError",
      { [Symbol.for("effect-registrar/ApiError")]: true, _tag: "zoo-no-badger" }
    ]
  ]

  for (const [name, exception] of exceptions) {
    test(`${name} that nobody registered is answered with internal-server-error, failing and thrown`, () =>
      Effect.gen(function* () {
        for (const cause of [Cause.fail(exception), Cause.die(exception)]) {
          const { answer, lines } = yield* answerOf(Effect.failCause(cause))
          Http.assertError(answer, 500, "internal-server-error")
          assert.notInclude(answer.body, "hunter2")
          assert.lengthOf(lines, 1)
          assert.deepStrictEqual(lines[0]!.annotations, { requestId: answer.headers["x-request-id"] })
          assert.isString(lines[0]!.errorType)
          assert.isString(lines[0]!.errorInfo)
        }
      }))
  }

  test("an error that nobody registered is an exception", () =>
    Effect.gen(function* () {
      class Stray extends ApiError.make<Stray>()("stray", { status: 404, message: "x" }) {}
      const { answer, lines } = yield* answerOf(failing(new Stray()))
      Http.assertError(answer, 500, "internal-server-error")
      assert.deepStrictEqual(
        lines.map(({ errorType }) => errorType),
        ["stray"]
      )
    }))

  test("a ParseError thrown as a defect is an exception: it was not the client's doing", () =>
    Effect.gen(function* () {
      const { answer, lines } = yield* answerOf(
        Effect.zipRight(Effect.orDie(Schema.decodeUnknown(Schema.Int)("hunter2")), ok)
      )
      Http.assertError(answer, 500, "internal-server-error")
      assert.deepStrictEqual(
        lines.map(({ errorType }) => errorType),
        ["ParseError"]
      )
    }))

  test("a response that cannot be encoded is an exception", () =>
    Effect.gen(function* () {
      const circular: Record<string, unknown> = {}
      circular["self"] = circular
      for (const handler of [
        HttpServerResponse.json(circular),
        HttpServerResponse.json({ big: 1n }),
        Effect.sync(() => HttpServerResponse.unsafeJson(circular)),
        HttpServerResponse.schemaJson(Schema.Struct({ n: Schema.Int }))({ n: 1.5 }).pipe(Effect.orDie),
        HttpServerResponse.text("x", { headers: { "x-bad": "a\r\nb" } })
      ]) {
        const { answer } = yield* answerOf(handler)
        Http.assertError(answer, 500, "internal-server-error")
      }
    }))

  test("a response made by the handler is left alone, whatever its status", () =>
    Effect.gen(function* () {
      for (const status of [200, 204, 304, 400, 404, 418, 500, 503]) {
        const own = HttpServerResponse.empty({ status, headers: { "x-own": "yes" } })
        for (const handler of [Effect.succeed(own), Effect.die(own)]) {
          const { answer, lines } = yield* answerOf(handler)
          assert.deepStrictEqual([answer.status, answer.body, answer.headers["x-own"]], [status, "", "yes"])
          assert.deepStrictEqual(lines, [])
        }
      }
    }))

  test("a stream is sent as it is", () =>
    Effect.gen(function* () {
      const chunks = Array.from({ length: 50 }, (_, n) => `chunk ${n}\n`)
      const stream = Stream.fromIterable(chunks).pipe(
        Stream.tap(() => Effect.yieldNow()),
        Stream.encodeText
      )
      const { answer } = yield* answerOf(Effect.succeed(HttpServerResponse.stream(stream)))
      assert.deepStrictEqual([answer.status, answer.body], [200, chunks.join("")])
    }))

  test("a stream that fails midway is cut off, so that nobody takes it for whole, and is logged under the request's id", () =>
    Effect.gen(function* () {
      for (const failure of [Stream.fail("hunter2"), Stream.die("hunter2")]) {
        const stream = Stream.concat(Stream.make("half,"), failure).pipe(Stream.encodeText)
        const server = yield* serve(get(Effect.succeed(HttpServerResponse.stream(stream))))
        const received = yield* server.raw("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        // Whatever has come of it: not the chunk that ends it.
        assert.notInclude(received, "\r\n0\r\n")
        assert.notInclude(received, "hunter2")
        const lines = (yield* server.application).filter(({ level }) => level === "ERROR")
        assert.deepStrictEqual(
          lines.map(({ message }) => message),
          ["Unhandled exception for GET /"]
        )
        // The server goes on.
        assert.strictEqual((yield* server.request("GET", "/nope")).status, 404)
      }
    }))

  test("a handler that dies before its response is sent is answered", () =>
    Effect.gen(function* () {
      const { answer, lines } = yield* answerOf(
        Effect.as(
          HttpApp.appendPreResponseHandler(() => Effect.dieMessage("hunter2")),
          ok
        )
      )
      Http.assertError(answer, 500, "internal-server-error")
      assert.notInclude(answer.body, "hunter2")
      assert.isAtLeast(lines.length, 1)
    }))

  test("middleware that fails or dies is answered like a handler", () =>
    Effect.gen(function* () {
      for (const failure of [failing(new NoBadger({ animal: "Bob" })), failing(new Escaped()), Effect.die("hunter2")]) {
        const middleware = HttpLayerRouter.use((router) => router.addGlobalMiddleware(() => failure as never))
        const server = yield* serve(Layer.merge(get(ok), middleware))
        for (const path of ["/", "/nope"]) {
          const answer = yield* server.request("GET", path)
          assert.include([404, 500], answer.status)
          Http.assertError(answer, answer.status, JSON.parse(answer.body).error.id)
          assert.notInclude(answer.body, "hunter2")
        }
      }
    }))

  test("multipart errors are the client's, but for those of the server", () =>
    Effect.gen(function* () {
      const expected = {
        Parse: 400,
        FileTooLarge: 413,
        FieldTooLarge: 413,
        BodyTooLarge: 413,
        TooManyParts: 413,
        InternalError: 500
      } as const
      for (const reason of [
        "Parse",
        "FileTooLarge",
        "FieldTooLarge",
        "BodyTooLarge",
        "TooManyParts",
        "InternalError"
      ] as const) {
        const { answer } = yield* answerOf(new Multipart.MultipartError({ reason, cause: "x" }))
        assert.strictEqual(answer.status, expected[reason])
      }
    }))
})

describe("abort", () => {
  const abortOf = (...args: Parameters<typeof ErrorRegistry.abort>) => answerOf(ErrorRegistry.abort(...args))

  test("with a status alone answers with its default", () =>
    Effect.gen(function* () {
      for (const error of BuiltInErrors.builtIns) {
        const { answer, lines } = yield* abortOf(error.status)
        const first = BuiltInErrors.builtIns.find(({ status }) => status === error.status)!
        assert.strictEqual(Http.assertError(answer, error.status, first.id).message, first.text)
        assert.deepStrictEqual(lines, [])
      }
    }))

  test("with a description answers with that in place of the message", () =>
    Effect.gen(function* () {
      const { answer } = yield* abortOf(404, { description: "It is gone" })
      assert.strictEqual(Http.assertError(answer, 404, "not-found").message, "It is gone")
    }))

  test("with a status that has no definition makes the id from the reason phrase", () =>
    Effect.gen(function* () {
      for (const [status, id, message] of [
        [402, "payment-required", "Payment Required"],
        [418, "i-m-a-teapot", "I'm a teapot"],
        [414, "request-uri-too-long", "Request URI Too Long"],
        [451, "unavailable-for-legal-reasons", "Unavailable For Legal Reasons"],
        [499, "unknown-error", "Unknown Error"],
        [599, "unknown-error", "Unknown Error"]
      ] as const) {
        const { answer, lines } = yield* abortOf(status)
        assert.strictEqual(Http.assertError(answer, status, id).message, message)
        assert.strictEqual(
          Http.assertError((yield* abortOf(status, { description: "x" })).answer, status, id).message,
          "x"
        )
        assert.deepStrictEqual(lines, [])
      }
    }))

  test("with a registered id answers with that error, its fields and its headers", () =>
    Effect.gen(function* () {
      const { answer, lines } = yield* abortOf(404, {
        id: "zoo-no-badger",
        fields: { animal: "Bob" },
        description: "not used",
        headers: { "x-more": "yes" }
      })
      const { details, message } = Http.assertError(answer, 404, "zoo-no-badger")
      assert.deepStrictEqual([message, details], ["There is no badger Bob", { animal: "Bob" }])
      assert.deepStrictEqual([answer.headers["x-badger"], answer.headers["x-more"]], ["Bob", "yes"])
      assert.deepStrictEqual(lines, [])
    }))

  test("with a registered id and fields that do not fit still answers, and logs it", () =>
    Effect.gen(function* () {
      const { answer, lines } = yield* abortOf(404, { id: "zoo-no-badger", fields: { animal: 7 } })
      Http.assertError(answer, 404, "zoo-no-badger")
      assert.deepStrictEqual(
        lines.map(({ level }) => level),
        ["ERROR"]
      )
    }))

  test("with an unknown id answers with the status's default, and is an Error in the application log", () =>
    Effect.gen(function* () {
      for (const [status, id, answered] of [
        [404, "nope", "not-found"],
        [404, "__proto__", "not-found"],
        [403, "zoo-no-badger", "unauthorized"],
        [418, "nope", "i-m-a-teapot"]
      ] as const) {
        const { answer, lines } = yield* abortOf(status, { id })
        Http.assertError(answer, status, answered)
        assert.deepStrictEqual(
          lines.map(({ level, message }) => [level, message]),
          [["ERROR", `abort was given the id '${id}', which is not registered for ${status}`]]
        )
      }
    }))

  test("with a status that is no error answers with internal-server-error, and is an Error in the application log", () =>
    Effect.gen(function* () {
      for (const status of [0, 200, 399, 600, 404.5, Number.NaN, -1, Infinity]) {
        const { answer, lines } = yield* abortOf(status)
        Http.assertError(answer, 500, "internal-server-error")
        assert.deepStrictEqual(
          lines.map(({ level, message }) => [level, message]),
          [["ERROR", `abort was given ${status}, which is not an error status`]]
        )
      }
    }))

  test("with headers that HTTP does not allow leaves them out", () =>
    Effect.gen(function* () {
      const { answer, lines } = yield* abortOf(404, { headers: { "x-a": "a\r\nx-b: c", "x y": "z", "x-c": "fine" } })
      Http.assertError(answer, 404, "not-found")
      assert.deepStrictEqual(
        [answer.headers["x-a"], answer.headers["x-b"], answer.headers["x-c"]],
        [undefined, undefined, "fine"]
      )
      assert.deepStrictEqual(
        lines.map(({ level }) => level),
        ["ERROR"]
      )
    }))
})

describe("causes", () => {
  /** Answers a cause without a server, and hands over what was logged. */
  const answerCause = (cause: Cause.Cause<unknown>, register?: ErrorRegistry.Registration) =>
    Effect.gen(function* () {
      const lines: Array<AppLog.Line> = []
      const registry = yield* ErrorRegistry.make
      if (register !== undefined) assert.deepStrictEqual(yield* registry.register(register), [])
      const response = yield* HttpErrors.handle(Effect.failCause(cause) as Effect.Effect<never>).pipe(
        Effect.provideService(ErrorRegistry.ErrorRegistry, registry),
        Effect.provide(
          Logger.replace(
            Logger.defaultLogger,
            AppLog.makeLogger((line) => lines.push(line))
          )
        )
      )
      const body = yield* Effect.promise(() => HttpServerResponse.toWeb(response).text())
      return {
        status: response.status,
        id: JSON.parse(body).error.id as string,
        body,
        headers: response.headers,
        lines
      }
    })

  const notFound = Cause.fail(new BuiltInErrors.NotFound())
  const bug = Cause.die(new Error("bug"))

  for (const [name, cause] of [
    ["before", Cause.sequential(bug, notFound)],
    ["after", Cause.sequential(notFound, bug)],
    ["beside", Cause.parallel(bug, notFound)],
    ["around", Cause.parallel(Cause.sequential(bug, notFound), Cause.interrupt(FiberId.none))]
  ] as const) {
    it.effect(`a defect ${name} a failure: the client gets the failure, the defect is logged once`, () =>
      Effect.gen(function* () {
        const { headers, id, lines } = yield* answerCause(cause)
        assert.strictEqual(id, "not-found")
        assert.lengthOf(lines, 1)
        assert.include(lines[0]!.errorInfo ?? "", "bug")
        assert.strictEqual(lines[0]!.annotations?.["requestId"], headers["x-request-id"])
      })
    )
  }

  test("a finalizer that dies beside a failure does not hide it", () =>
    Effect.gen(function* () {
      const { answer, lines } = yield* answerOf(
        Effect.ensuring(new NoBadger({ animal: "Bob" }), Effect.dieMessage("the door is stuck"))
      )
      Http.assertError(answer, 404, "zoo-no-badger")
      assert.lengthOf(lines, 1)
      assert.include(lines[0]!.errorInfo ?? "", "the door is stuck")
    }))

  it.effect("an empty cause is answered", () =>
    Effect.gen(function* () {
      const { id, lines } = yield* answerCause(Cause.empty)
      assert.strictEqual(id, "internal-server-error")
      assert.lengthOf(lines, 1)
    })
  )

  it.effect("an interruption by the server is a service-unavailable, and is not logged", () =>
    Effect.gen(function* () {
      for (const cause of [
        Cause.interrupt(FiberId.none),
        Cause.parallel(Cause.interrupt(FiberId.none), Cause.interrupt(FiberId.runtime(1, 1)))
      ]) {
        const { id, lines, status } = yield* answerCause(cause)
        assert.deepStrictEqual([status, id, lines], [503, "service-unavailable", []])
      }
    })
  )

  it.effect("an interruption by the client passes through", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(answerCause(Cause.interrupt(HttpServerError.clientAbortFiberId)))
      assert.isTrue(Exit.isInterrupted(exit))
    })
  )

  it.effect("an interruption beside a failure does not hide it", () =>
    Effect.gen(function* () {
      for (const fiberId of [FiberId.none, HttpServerError.clientAbortFiberId]) {
        const { id } = yield* answerCause(Cause.parallel(Cause.interrupt(fiberId), notFound))
        assert.strictEqual(id, "not-found")
      }
    })
  )

  const secret = "hunter2-secret"
  const carrying: fc.Arbitrary<unknown> = fc.constantFrom(
    secret,
    new Error(secret),
    new TypeError("x", { cause: new Error(secret) }),
    { _tag: secret, secret },
    [secret],
    Symbol(secret),
    new Escaped(secret),
    Redacted.make(secret),
    new ErrorRegistry.Aborted({ status: 404, id: secret }),
    new ErrorRegistry.Aborted({ status: 1, description: secret }),
    ParseResult.parseError(new ParseResult.Type(Schema.Int.ast, secret)),
    new HttpServerError.ResponseError({
      request: HttpServerRequest.fromWeb(new Request("http://localhost/")),
      response: HttpServerResponse.empty(),
      reason: "Decode",
      description: secret
    }),
    new HttpServerError.RequestError({
      request: HttpServerRequest.fromWeb(new Request(`http://localhost/${secret}`)),
      reason: "Decode",
      description: secret
    })
  )
  const anyCause = fc.letrec<{ cause: Cause.Cause<unknown> }>((tie) => ({
    cause: fc.oneof(
      { maxDepth: 4 },
      carrying.map(Cause.fail),
      carrying.map(Cause.die),
      fc.constant(Cause.empty),
      fc.constant(Cause.interrupt(FiberId.none)),
      fc.tuple(tie("cause"), tie("cause")).map(([left, right]) => Cause.parallel(left, right)),
      fc.tuple(tie("cause"), tie("cause")).map(([left, right]) => Cause.sequential(left, right))
    )
  })).cause

  it.effect("no cause of a thousand shows the client anything of what it carries", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(anyCause, async (cause) => {
          const { body, headers, lines, status } = await Effect.runPromise(answerCause(cause))
          assert.isAtLeast(status, 400)
          assert.notInclude(body + JSON.stringify(headers), "hunter2")
          assert.deepStrictEqual(Object.keys(JSON.parse(body)), ["error"])
          assert.isAtMost(lines.length, 2)
        }),
        { numRuns: 1_000 }
      )
    )
  )

  it.effect("the most specific registered class answers, whatever the order of registration", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 8 }).chain((depth) =>
            fc.record({
              depth: fc.constant(depth),
              registered: fc.shuffledSubarray(Array.from({ length: depth }, (_, n) => n)),
              thrown: fc.integer({ min: 0, max: depth - 1 }),
              asDefect: fc.boolean(),
              ofErrors: fc.boolean()
            })
          ),
          async ({ asDefect, depth, ofErrors, registered, thrown }) => {
            const classes: Array<new () => object> = []
            for (let n = 0; n < depth; n++) {
              const Parent = classes[n - 1] ?? (ofErrors ? Error : Object)
              classes.push(class extends Parent {})
            }
            const failure = new classes[thrown]!()
            const { id, lines } = await Effect.runPromise(
              answerCause(asDefect ? Cause.die(failure) : Cause.fail(failure), {
                owner: "test",
                exceptions: registered.map((n) =>
                  ApiError.fromException(classes[n]!, { id: `test-${n}` as string, message: "x" as string })
                )
              })
            )
            const expected = Math.max(-1, ...registered.filter((n) => n <= thrown))
            assert.strictEqual(id, expected === -1 ? "internal-server-error" : `test-${expected}`)
            assert.lengthOf(lines, 1)
          }
        ),
        { numRuns: 100 }
      )
    )
  )

  it.effect("a secret in the fields of an error is hidden in its body and message", () =>
    Effect.gen(function* () {
      const optional = Schema.optionalWith(Schema.Redacted(Schema.String), { as: "Option" })
      class Locked extends ApiError.make<Locked>()("test-locked", {
        status: 423,
        message: "The token {token} is locked: {nested} {token:>50}",
        fields: {
          token: Schema.Redacted(Schema.String),
          nested: Schema.Struct({ all: Schema.Array(Schema.Redacted(Schema.String)) }),
          optional,
          text: Schema.String
        },
        headers: ({ token }) => ({ "x-token": String(token) })
      }) {}
      const hidden = Redacted.make(secret)
      const locked = new Locked({
        token: hidden,
        nested: { all: [hidden] },
        optional: Schema.decodeSync(Schema.Option(Schema.Redacted(Schema.String)))({ _tag: "Some", value: secret }),
        // What does not fit its Schema is left out, not shown.
        text: hidden as never
      })
      const { body, headers, lines, status } = yield* answerCause(Cause.fail(locked), {
        owner: "test",
        errors: [Locked]
      })
      assert.strictEqual(status, 423)
      assert.notInclude(body + JSON.stringify(headers) + JSON.stringify(lines), "hunter2")
      assert.include(body, "<redacted>")
      assert.deepStrictEqual(Object.keys(JSON.parse(body).error.details), ["token", "nested", "optional"])
      assert.lengthOf(lines, 1)
    })
  )
})

describe("clients that go away", () => {
  test("are no error: the handler is interrupted, and nothing is logged at Error", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<Exit.Exit<unknown, unknown>>()
      const server = yield* serve(
        get(
          Deferred.succeed(started, undefined).pipe(
            Effect.zipRight(Effect.never),
            Effect.onExit((exit) => Deferred.succeed(ended, exit))
          )
        )
      )
      const asking = yield* Effect.fork(server.request("GET", "/"))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(asking)
      assert.isTrue(Exit.isInterrupted(yield* Deferred.await(ended)))
      assert.strictEqual((yield* server.request("GET", "/nope")).status, 404)
      assert.deepStrictEqual(
        (yield* server.application).filter(({ level }) => level === "ERROR" || level === "CRITICAL"),
        []
      )
    }))
})

describe("handle", () => {
  it.effect("answers a pipeline without a router", () =>
    Effect.gen(function* () {
      const response = yield* HttpErrors.handle(Effect.fail(new BuiltInErrors.Unauthorized())).pipe(
        Effect.provide(ErrorRegistry.layer)
      )
      assert.strictEqual(response.status, 403)
    })
  )
})
