import { HttpLayerRouter, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer } from "effect"
import type { Scope } from "effect"
import * as AuditContext from "../src/AuditContext.js"
import * as AuditEvent from "../src/AuditEvent.js"
import * as AuditLog from "../src/AuditLog.js"
import type { AuditRecord } from "../src/AuditRecord.js"
import { AuditSink, AuditSinkError } from "../src/AuditSink.js"
import * as BuiltInErrors from "../src/BuiltInErrors.js"
import * as ErrorRegistry from "../src/ErrorRegistry.js"
import * as Extension from "../src/Extension.js"
import * as HttpAudit from "../src/HttpAudit.js"
import * as Registrar from "../src/Registrar.js"
import * as Http from "./support/http.js"

const Step = AuditEvent.make("test-step", { level: "Info", message: "Step {step} of {user} at {path} from {ip}" })
const Test = Extension.make("test", { auditEvents: [Step] })

const step = (name: string) => Effect.flatMap(AuditLog.AuditLog, (audit) => audit.add(Step, { step: name }))

const ok = HttpServerResponse.text("ok")

const routes = (handler: Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, unknown>) =>
  // The handlers fail with what the compiler would refuse.
  HttpLayerRouter.add("*", "/*", handler as Effect.Effect<HttpServerResponse.HttpServerResponse>).pipe(
    Layer.provide(Test.layer)
  )

const serve = (
  handler: Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, unknown>,
  options?: Registrar.Options,
  sink?: Layer.Layer<AuditSink>
) => Http.start(Registrar.serve(routes(handler), { disableListenLog: true, ...options }), sink)

const serveInProcess = (handler: Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, unknown>) =>
  Http.startInProcess(Registrar.serve(routes(handler), { disableListenLog: true }))

const test = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) => it.scopedLive(name, body)

const stepsOf = (records: ReadonlyArray<AuditRecord>) => records.map(({ event }) => event.details["step"])

describe("the context", () => {
  test("has the address and the path of the request as it was sent, without the query", () =>
    Effect.gen(function* () {
      const server = yield* serve(Effect.as(step("one"), ok))
      for (const path of ["/a/b", "/a%20b?token=secret", "/", "//x/../y", "/user%0d%0aname"]) {
        yield* server.request("GET", path)
      }
      assert.deepStrictEqual(
        (yield* server.audit).map(({ event }) => [event.details["ip"], event.details["path"], event.details["user"]]),
        ["/a/b", "/a%20b", "/", "//x/../y", "/user%0d%0aname"].map((path) => ["127.0.0.1", path, null])
      )
    }))

  test("trusts only as many proxies as it is told to", () =>
    Effect.gen(function* () {
      const forwarded = { headers: { "x-forwarded-for": "203.0.113.9, 192.0.2.2 , 192.0.2.1" } }
      for (const [trustedProxies, ip] of [
        [undefined, "127.0.0.1"],
        [0, "127.0.0.1"],
        [1, "192.0.2.1"],
        [2, "192.0.2.2"]
      ] as const) {
        const server = yield* serve(Effect.as(step("one"), ok), { trustedProxies })
        yield* server.request("GET", "/", forwarded)
        assert.deepStrictEqual(
          (yield* server.audit).map(({ event }) => event.details["ip"]),
          [ip]
        )
      }
    }))

  test("takes the user in, for what runs inside", () =>
    Effect.gen(function* () {
      const server = yield* serve(
        step("before").pipe(
          Effect.zipRight(AuditContext.withUser("ada")(step("inside"))),
          Effect.zipRight(step("after")),
          Effect.as(ok)
        )
      )
      yield* server.request("GET", "/")
      assert.deepStrictEqual(
        (yield* server.audit).map(({ event }) => [event.details["step"], event.details["user"]]),
        [
          ["before", null],
          ["inside", "ada"],
          ["after", null]
        ]
      )
    }))

  test("is never that of another request: a thousand at the same time, each with its own user", () =>
    Effect.gen(function* () {
      const steps = 4
      const ask = yield* serveInProcess(
        Effect.gen(function* () {
          const request = yield* HttpServerRequest.HttpServerRequest
          const user = request.headers["x-user"] ?? ""
          yield* Effect.gen(function* () {
            for (let n = 0; n < steps; n++) {
              yield* step(`${user} ${n}`)
              yield* Effect.repeatN(Effect.yieldNow(), (Number(user) * 7 + n) % 5)
            }
          }).pipe(AuditContext.withUser(user))
          return Number(user) % 3 === 0 ? yield* new BuiltInErrors.NotFound() : ok
        })
      )
      yield* Effect.forEach(
        Array.from({ length: 1_000 }, (_, n) => n),
        (n) => ask.request(new Request(`http://localhost/path/${n}`, { headers: { "x-user": String(n) } })),
        { concurrency: 100, discard: true }
      )
      const stepsByUser = new Map<string, Array<unknown>>()
      for (const { event } of yield* ask.audit) {
        const { path, user, step } = event.details
        assert.strictEqual(path, `/path/${String(user)}`)
        stepsByUser.set(String(user), [...(stepsByUser.get(String(user)) ?? []), step])
      }
      assert.strictEqual(stepsByUser.size, 1_000)
      for (const [user, taken] of stepsByUser) {
        assert.deepStrictEqual(
          taken,
          Array.from({ length: steps }, (_, n) => `${user} ${n}`)
        )
      }
    }))
})

describe("events", () => {
  for (const [name, ending] of [
    ["a failure", new BuiltInErrors.NotFound()],
    ["an abort", ErrorRegistry.abort(418)],
    ["a foreign failure", Effect.fail(new Error("x"))],
    ["a defect", Effect.dieMessage("x")],
    [
      "a throw",
      Effect.sync(() => {
        throw new Error("x")
      })
    ],
    ["an interruption", Effect.interrupt]
  ] as const) {
    test(`added before ${name} are written, in order, before the answer is sent`, () =>
      Effect.gen(function* () {
        const server = yield* serve(step("one").pipe(Effect.zipRight(step("two")), Effect.zipRight(ending)))
        assert.isAtLeast((yield* server.request("GET", "/")).status, 400)
        assert.deepStrictEqual(stepsOf(yield* server.audit), ["one", "two"])
      }))
  }

  /** A sink that says when the given number of records has come. */
  const counting = (expected: number) =>
    Effect.gen(function* () {
      const records: Array<AuditRecord> = []
      const complete = yield* Deferred.make<void>()
      const sink = Layer.succeed(AuditSink, {
        write: (batch) =>
          Effect.suspend(() => {
            records.push(...batch)
            return records.length >= expected ? Effect.asVoid(Deferred.succeed(complete, undefined)) : Effect.void
          }),
        sync: Effect.void
      })
      return { records, complete: Deferred.await(complete), sink }
    })

  test("added before the client went away are written, and so are those of its finalizers", () =>
    Effect.gen(function* () {
      const { complete, records, sink } = yield* counting(2)
      const started = yield* Deferred.make<void>()
      const handler = step("one").pipe(
        Effect.zipRight(Deferred.succeed(started, undefined)),
        Effect.zipRight(Effect.never),
        Effect.ensuring(step("finalizer"))
      )
      const server = yield* serve(handler, {}, sink)
      const asking = yield* Effect.fork(server.request("GET", "/"))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(asking)
      yield* complete
      assert.deepStrictEqual(stepsOf(records), ["one", "finalizer"])
    }))

  test("are waited for by the response, unless it is told not to", () =>
    Effect.gen(function* () {
      for (const responseWaitsFor of [undefined, "durable", "written", "accepted"] as const) {
        const [writing, syncing] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const [goOn, syncOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const sink = Layer.succeed(AuditSink, {
          write: () => Effect.zipRight(Deferred.succeed(writing, undefined), Deferred.await(goOn)),
          sync: Effect.zipRight(Deferred.succeed(syncing, undefined), Deferred.await(syncOn))
        })
        const handler = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ url }) =>
          Effect.as(url === "/quiet" ? Effect.void : step("one"), ok)
        )
        const server = yield* serve(handler, { responseWaitsFor }, sink)
        const asking = yield* Effect.fork(server.request("GET", "/"))
        yield* Deferred.await(writing)
        if (responseWaitsFor === "accepted") yield* Fiber.join(asking)
        // Requests that add nothing come and go meanwhile.
        for (let n = 0; n < 5; n++) assert.strictEqual((yield* server.request("GET", "/quiet")).body, "ok")
        assert.strictEqual((yield* Fiber.poll(asking))._tag === "None", responseWaitsFor !== "accepted")
        yield* Deferred.succeed(goOn, undefined)
        if (responseWaitsFor === "written") yield* Fiber.join(asking)
        yield* Deferred.await(syncing)
        for (let n = 0; n < 5; n++) assert.strictEqual((yield* server.request("GET", "/quiet")).body, "ok")
        const isHeld = responseWaitsFor === undefined || responseWaitsFor === "durable"
        assert.strictEqual((yield* Fiber.poll(asking))._tag === "None", isHeld)
        yield* Deferred.succeed(syncOn, undefined)
        yield* Fiber.join(asking)
      }
    }))

  test("of a handler that fails are waited for as well, whoever answers it, and whoever gives it up", () =>
    Effect.gen(function* () {
      for (const end of [Effect.fail("no"), Effect.die("no"), Effect.never]) {
        const [syncing, syncOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const sink = Layer.succeed(AuditSink, {
          write: () => Effect.void,
          sync: Effect.zipRight(Deferred.succeed(syncing, undefined), Deferred.await(syncOn))
        })
        const givenUp = HttpLayerRouter.middleware(
          (app) => Effect.raceFirst(Effect.interruptible(app), Effect.as(Deferred.await(syncing), ok)),
          { global: true }
        )
        const plain = HttpLayerRouter.serve(
          routes(
            Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ url }) =>
              url === "/quiet" ? Effect.succeed(ok) : Effect.zipRight(step("one"), end)
            )
          ).pipe(Layer.provide(HttpAudit.layer()), Layer.provide(end === Effect.never ? givenUp : Layer.empty)),
          { disableListenLog: true, disableLogger: true }
        )
        const server = yield* Http.start(Layer.provide(plain, Registrar.layer()), sink)
        const asking = yield* Effect.fork(server.request("GET", "/"))
        yield* Deferred.await(syncing)
        // Long enough for an answer that is not held back.
        for (let n = 0; n < 5; n++) assert.strictEqual((yield* server.request("GET", "/quiet")).body, "ok")
        assert.strictEqual((yield* Fiber.poll(asking))._tag, "None")
        yield* Deferred.succeed(syncOn, undefined)
        yield* Fiber.join(asking)
      }
    }))

  test("hold no response up for longer than they may, where the sink hangs", () =>
    Effect.gen(function* () {
      const sink = Layer.succeed(AuditSink, { write: () => Effect.never, sync: Effect.void })
      const server = yield* serve(Effect.as(step("one"), ok), { waitAtMost: "50 millis", closeWithin: 0 }, sink)
      assert.strictEqual((yield* server.request("GET", "/")).body, "ok")
    }))

  test("hold no response up where the sink fails", () =>
    Effect.gen(function* () {
      const sink = Layer.succeed(AuditSink, {
        write: () => new AuditSinkError({ sink: "test", reason: "Full", description: "no room" }),
        sync: Effect.void
      })
      const server = yield* serve(Effect.as(step("one"), ok), { waitAtMost: "1 hour", closeWithin: 0 }, sink)
      for (let n = 0; n < 3; n++) assert.strictEqual((yield* server.request("GET", "/")).body, "ok")
      const errors = (yield* server.application).filter(({ level }) => level === "ERROR")
      assert.lengthOf(errors, 1)
    }))

  test("that are required and cannot be written are answered with audit-unavailable", () =>
    Effect.gen(function* () {
      let acted = false
      const handler = Effect.gen(function* () {
        const audit = yield* AuditLog.AuditLog
        yield* audit.require(Step, { step: "intent" })
        acted = true
        return yield* ok
      })
      const sink = Layer.succeed(AuditSink, {
        write: () => new AuditSinkError({ sink: "test", reason: "Full", description: "no room" }),
        sync: Effect.void
      })
      const server = yield* serve(handler, { closeWithin: 0 }, sink)
      Http.assertError(yield* server.request("GET", "/"), 503, "audit-unavailable")
      assert.isFalse(acted)
      const exit = yield* Effect.exit(server.request("GET", "/"))
      assert.isTrue(Exit.isSuccess(exit))
    }))
})
