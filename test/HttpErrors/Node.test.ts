import { HttpApp, HttpLayerRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { createServer } from "node:http"
import { connect, type Socket } from "node:net"
import * as ApiError from "../../src/ApiError.js"
import * as ErrorRegistry from "../../src/ErrorRegistry.js"
import * as NodeServer from "../../src/HttpErrors/Node.js"
import * as Registrar from "../../src/Registrar.js"
import * as Http from "../support/http.js"

const Hello = HttpLayerRouter.add("GET", "/", HttpServerResponse.text("hello"))

const start = <A, E>(app: Layer.Layer<A, E, HttpLayerRouter.HttpRouter | ErrorRegistry.ErrorRegistry>) =>
  Http.start(Registrar.serve(app, { disableListenLog: true }))

/** What came over the wire, as an answer. */
const parse = (text: string): Http.Answer => {
  const [head = "", body = ""] = text.split("\r\n\r\n", 2)
  const [first = "", ...lines] = head.split("\r\n")
  assert.match(first, /^HTTP\/1\.1 \d{3} .+$/)
  return {
    status: Number(first.split(" ")[1]),
    headers: Object.fromEntries(lines.map((line) => [line.split(": ")[0]!.toLowerCase(), line.split(": ")[1]])),
    body
  }
}

const refused: ReadonlyArray<readonly [name: string, bytes: string, status: number, id: string]> = [
  ["what is no HTTP", "hello there\r\n\r\n", 400, "bad-request"],
  ["a method that is none", "get / HTTP/1.1\r\nhost: x\r\n\r\n", 400, "bad-request"],
  ["a version that is none", "GET / HTTP/9.9\r\nhost: x\r\n\r\n", 400, "bad-request"],
  ["a header without a colon", "GET / HTTP/1.1\r\nhost: x\r\nnonsense\r\n\r\n", 400, "bad-request"],
  [
    "two different lengths",
    "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    400,
    "bad-request"
  ],
  ["a length that is none", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: abc\r\n\r\n", 400, "bad-request"],
  [
    "a length beside chunks",
    "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    400,
    "bad-request"
  ],
  [
    "a header that is too large",
    `GET / HTTP/1.1\r\nhost: x\r\nx-large: ${"x".repeat(40_000)}\r\n\r\n`,
    431,
    "request-header-fields-too-large"
  ],
  [
    "a path that is too large",
    `GET /${"x".repeat(40_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
    431,
    "request-header-fields-too-large"
  ]
]

describe("layer", () => {
  for (const [name, bytes, status, id] of refused) {
    it.scopedLive(`${name} is answered with ${id}, and the connection is closed`, () =>
      Effect.gen(function* () {
        const server = yield* start(Hello)
        const answer = parse(yield* server.raw(bytes))
        Http.assertError(answer, status, id)
        assert.strictEqual(answer.headers["connection"], "close")
        assert.strictEqual(answer.headers["content-length"], String(Buffer.byteLength(answer.body)))
        assert.strictEqual((yield* server.request("GET", "/")).body, "hello")
      })
    )
  }

  it.scopedLive("a broken request after a good one leaves the first answer whole", () =>
    Effect.gen(function* () {
      const server = yield* start(Hello)
      const text = yield* server.raw("GET / HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n")
      assert.strictEqual(parse(text).status, 200)
      assert.match(text, /\r\n\r\nhello($|HTTP\/1.1 400 )/)
    })
  )

  it.scopedLive("the answers are those that the application has registered", () =>
    Effect.gen(function* () {
      class Garbage extends ApiError.make<Garbage>()("bad-request", { status: 400, message: "What was that?" }) {}
      class Headers extends ApiError.make<Headers>()("too-many-headers", { status: 431, message: "Less, please" }) {}
      const server = yield* start(Hello.pipe(Layer.provideMerge(ErrorRegistry.override(Garbage, Headers))))
      const garbage = Http.assertError(parse(yield* server.raw("nonsense\r\n\r\n")), 400, "bad-request")
      assert.strictEqual(garbage.message, "What was that?")
      const large = `GET / HTTP/1.1\r\nhost: x\r\nx-large: ${"x".repeat(40_000)}\r\n\r\n`
      assert.strictEqual(
        Http.assertError(parse(yield* server.raw(large)), 431, "too-many-headers").message,
        "Less, please"
      )
    })
  )

  it.scopedLive("half a request and then silence holds nobody else up", () =>
    Effect.gen(function* () {
      const server = yield* start(Hello)
      const silent = yield* Effect.fork(server.raw("GET / HTTP/1.1\r\nhost:"))
      assert.strictEqual((yield* server.request("GET", "/")).body, "hello")
      yield* Fiber.interrupt(silent)
      assert.strictEqual((yield* server.request("GET", "/")).body, "hello")
      assert.deepStrictEqual(yield* server.application, [])
    })
  )

  it.scopedLive("a request that comes before the application has started is answered with 503", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(NodeServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
      const { address } = Context.get(context, HttpServer.HttpServer)
      const port = address._tag === "TcpAddress" ? address.port : assert.fail("no TCP")
      const answer = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/`))
      assert.strictEqual(answer.status, 503)
      assert.include(yield* Effect.promise(() => answer.text()), '"id":"service-unavailable"')
    })
  )

  it.scopedLive("a handler whose own request turns out to be nonsense is interrupted", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<Exit.Exit<unknown, unknown>>()
      const server = yield* start(
        HttpLayerRouter.add(
          "POST",
          "/",
          Deferred.succeed(started, undefined).pipe(
            Effect.zipRight(Effect.never),
            Effect.onExit((exit) => Deferred.succeed(ended, exit))
          )
        )
      )
      const head = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
      const asking = yield* Effect.fork(server.raw(head, "nonsense\r\n\r\n"))
      yield* Deferred.await(started)
      assert.isTrue(Exit.isInterrupted(yield* Deferred.await(ended)))
      Http.assertError(parse(yield* Fiber.join(asking)), 400, "bad-request")
    })
  )

  it.scopedLive("nonsense behind a request waits for the answer to the request", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const server = yield* start(
        HttpLayerRouter.add(
          "GET",
          "/",
          Deferred.succeed(started, undefined).pipe(
            Effect.zipRight(Deferred.await(go)),
            Effect.as(HttpServerResponse.text("first"))
          )
        )
      )
      const asking = yield* Effect.fork(server.raw("GET / HTTP/1.1\r\nhost: x\r\n\r\n", "nonsense\r\n\r\n"))
      yield* Deferred.await(started)
      yield* Deferred.succeed(go, undefined)
      const text = yield* Fiber.join(asking)
      assert.match(text, /^HTTP\/1\.1 200 OK[^]*first[^]*HTTP\/1\.1 400 Bad Request[^]*"bad-request"/)
    })
  )

  const unanswered: ReadonlyArray<readonly [name: string, bytes: string, status: number, id: string]> = [
    ["a request without a host", "GET / HTTP/1.1\r\n\r\n", 400, "bad-request"],
    ["an expectation that is none", "GET / HTTP/1.1\r\nhost: x\r\nexpect: cake\r\n\r\n", 417, "expectation-failed"],
    ["CONNECT", "CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n", 501, "not-implemented"]
  ]
  for (const [name, bytes, status, id] of unanswered) {
    it.scopedLive(`${name} is answered with ${id}`, () =>
      Effect.gen(function* () {
        const server = yield* start(Hello)
        const text = yield* server.raw(bytes)
        assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `))
        assert.include(text, `{"error":{"id":"${id}","message":"`)
      })
    )
  }

  it.scopedLive("a response that cannot be sent is answered as an error of the server, whole", () =>
    Effect.gen(function* () {
      const prepared = (
        prepare: (response: HttpServerResponse.HttpServerResponse) => HttpServerResponse.HttpServerResponse
      ) =>
        Effect.as(
          HttpApp.appendPreResponseHandler((_request, response) => Effect.sync(() => prepare(response))),
          HttpServerResponse.text("x")
        )
      const server = yield* start(
        Layer.mergeAll(
          HttpLayerRouter.add("GET", "/raw", Effect.succeed(HttpServerResponse.raw({ a: 1 }))),
          HttpLayerRouter.add("GET", "/status", Effect.succeed(HttpServerResponse.text("x", { status: 99 }))),
          HttpLayerRouter.add("GET", "/late-header", prepared(HttpServerResponse.setHeader("a", "a\r\nb"))),
          HttpLayerRouter.add("GET", "/late-status", prepared(HttpServerResponse.setStatus(99)))
        )
      )
      for (const path of ["/raw", "/status", "/late-header", "/late-status"]) {
        Http.assertError(yield* server.request("GET", path), 500, "internal-server-error")
      }
    })
  )

  it.scopedLive("connections that never become requests do not hold up the end", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* Scope.extend(start(Hello), scope)
      const connected = (bytes: string) =>
        Effect.acquireRelease(
          Effect.async<Socket>((resume) => {
            const socket = connect(server.port, "127.0.0.1", () =>
              socket.write(bytes, () => resume(Effect.succeed(socket)))
            )
            socket.on("error", () => {})
          }),
          (socket) => Effect.sync(() => socket.destroy())
        )
      for (const bytes of ["", "GET / HTTP/1.1\r\nhost: x\r\n"]) yield* connected(bytes)
      // One after them, so that they have arrived.
      assert.strictEqual((yield* server.request("GET", "/")).status, 200)
      yield* Scope.close(scope, Exit.void)
    })
  )
})
