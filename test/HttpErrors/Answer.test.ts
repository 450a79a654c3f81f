import { HttpLayerRouter, HttpServerResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, Option, Schema } from "effect"
import type { Scope } from "effect"
import fc from "fast-check"
import * as ApiError from "../../src/ApiError.js"
import * as AuditEvent from "../../src/AuditEvent.js"
import * as AuditLog from "../../src/AuditLog.js"
import * as AuditRegistry from "../../src/AuditRegistry.js"
import * as BuiltInErrors from "../../src/BuiltInErrors.js"
import * as ErrorRegistry from "../../src/ErrorRegistry.js"
import * as Extension from "../../src/Extension.js"
import * as HttpErrors from "../../src/HttpErrors.js"
import * as Answer from "../../src/internal/answer.js"
import * as Registrar from "../../src/Registrar.js"
import * as Http from "../support/http.js"

class RateLimited extends ApiError.make<RateLimited>()("auth-rate-limited", {
  status: 429,
  message: "Too many failed logins from {ip}, try again in {minutes} minutes",
  fields: { ip: Schema.String, minutes: Schema.Int },
  headers: (error) => ({ "retry-after": String(error.minutes * 60), vary: "cookie" })
}) {}

class Awkward extends ApiError.make<Awkward>()("auth/awk ward", {
  status: 409,
  message: "It is {type}",
  fields: { type: Schema.String, status: Schema.Int, details: Schema.String, error: Schema.String, id: Schema.String }
}) {}

const Failed = AuditEvent.make("auth-failed", { level: "Warning", message: "It failed" })
const Auth = Extension.make("auth", { errors: [RateLimited], auditEvents: [Failed] })

const limited = new RateLimited({ ip: "192.0.2.7", minutes: 15 })

const registries = Layer.merge(ErrorRegistry.layer, AuditRegistry.layer)

const test = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) => it.scopedLive(name, body)

type Handler = Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, unknown>

const serve = (handler: Handler, options?: Registrar.Options, registrations: Layer.Layer<never> = Layer.empty) =>
  Http.start(
    Registrar.serve(
      // The handlers fail with what the compiler would refuse.
      HttpLayerRouter.add("*", "/*", handler as Effect.Effect<HttpServerResponse.HttpServerResponse>).pipe(
        Layer.provide(registrations),
        Layer.provide(Auth.layer)
      ),
      { disableListenLog: true, ...options }
    )
  )

const problem = { headers: { accept: "application/problem+json" } }

describe("problem details", () => {
  test("are sent to who prefers them", () =>
    Effect.gen(function* () {
      const server = yield* serve(limited)
      const answer = yield* server.request("POST", "/login?token=secret", problem)
      assert.strictEqual(answer.status, 429)
      assert.strictEqual(answer.headers["content-type"], "application/problem+json")
      assert.strictEqual(answer.headers["retry-after"], "900")
      assert.strictEqual(answer.headers["vary"], "cookie, accept")
      assert.deepStrictEqual(JSON.parse(answer.body), {
        type: "/errors/auth-rate-limited",
        title: "Auth rate limited",
        status: 429,
        detail: "Too many failed logins from 192.0.2.7, try again in 15 minutes",
        instance: `/login#${String(answer.headers["x-request-id"])}`,
        ip: "192.0.2.7",
        minutes: 15
      })
      const plain = yield* server.request("POST", "/login")
      Http.assertError(plain, 429, "auth-rate-limited")
      assert.strictEqual(plain.headers["vary"], "cookie, accept")
    }))

  test("always or never, if the application says so, and with its catalogue", () =>
    Effect.gen(function* () {
      const always = yield* serve(limited, { problemDetails: "always", problemTypes: "https://docs.example.org/e#" })
      const answer = yield* always.request("GET", "/")
      assert.strictEqual(answer.headers["content-type"], "application/problem+json")
      assert.strictEqual(answer.headers["vary"], "cookie")
      assert.strictEqual(JSON.parse(answer.body).type, "https://docs.example.org/e#auth-rate-limited")
      // What never reaches a handler, too.
      assert.include(yield* always.raw("nonsense\r\n\r\n"), "content-type: application/problem+json")

      const never = yield* serve(limited, { problemDetails: "never" })
      Http.assertError(yield* never.request("GET", "/", problem), 429, "auth-rate-limited")
    }))

  test("for what the framework refuses, for exceptions and for abort", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [Handler, status: number, id: string]> = [
        [Effect.die(new Error("hunter2")), 500, "internal-server-error"],
        [ErrorRegistry.abort(418, { description: "No coffee" }), 418, "i-m-a-teapot"],
        [new BuiltInErrors.NotFound(), 404, "not-found"]
      ]
      for (const [handler, status, id] of cases) {
        const server = yield* serve(handler)
        const answer = yield* server.request("GET", "/", problem)
        const { detail, type, ...rest } = JSON.parse(answer.body)
        assert.deepStrictEqual([answer.status, rest.status, type], [status, status, `/errors/${id}`])
        assert.isNotEmpty(detail)
        assert.notInclude(answer.body, "hunter2")
      }
    }))

  test("have an instance that is a reference, whatever the path is", () =>
    Effect.gen(function* () {
      const server = yield* serve(limited)
      for (const path of ["/", "//evil.example/x", "/a%20b", "/a|b^c`d{e}", "/a\\b", "/%zz", "/a%"]) {
        const { instance } = JSON.parse((yield* server.request("GET", path, problem)).body)
        const url = new URL(instance, "http://here.example/")
        assert.strictEqual(url.host, "here.example", instance)
        assert.match(instance, /^\/(?:[\w\-.~!$&'()*+,;=:@/]|%[0-9a-f]{2})*#[0-9a-f]{16}$/i)
      }
    }))

  it("keep fields with the names of their own members apart, and are read back by the class", () => {
    const error = new Awkward({ type: "t", status: 1, details: "d", error: "e", id: "i" })
    const sent = JSON.parse(Answer.toProblem(Awkward.answer(error), { instance: "#1" }))
    assert.deepStrictEqual(sent, {
      type: "/errors/auth%2Fawk%20ward",
      title: "Auth/awk ward",
      status: 409,
      detail: "It is t",
      instance: "#1",
      error: "e",
      id: "i",
      details: { type: "t", status: 1, details: "d" }
    })
    assert.deepStrictEqual({ ...Schema.decodeUnknownSync(Awkward)(sent) }, { ...error })
  })

  it("and the library's own form are read by the class, for random fields", () => {
    const reads = Schema.decodeUnknownSync(Awkward)
    const fields = fc.record({
      type: fc.string(),
      status: fc.integer(),
      details: fc.string(),
      error: fc.string(),
      id: fc.string()
    })
    fc.assert(
      fc.property(fields, (given) => {
        const error = new Awkward(given)
        const answer = Awkward.answer(error)
        for (const body of [answer.body, Answer.toProblem(answer, { instance: "#1" })]) {
          const read = reads(JSON.parse(body))
          assert.instanceOf(read, Awkward)
          assert.deepStrictEqual({ ...read }, { ...error })
          assert.strictEqual(read.message, error.message)
        }
      })
    )
  })

  it("of one class are not read by another", () => {
    const sent = JSON.parse(Answer.toProblem(BuiltInErrors.NotFound.answer({}), {}))
    assert.isTrue(Option.isNone(Schema.decodeUnknownOption(BuiltInErrors.Unauthorized)(sent)))
    for (const broken of [null, 7, "x", {}, { type: 1, detail: "x" }, { type: "/errors/%zz", detail: "x" }]) {
      assert.isTrue(Option.isNone(Schema.decodeUnknownOption(BuiltInErrors.NotFound)(broken)))
    }
  })
})

describe("the id of the request", () => {
  const acting = Effect.gen(function* () {
    const audit = yield* AuditLog.AuditLog
    yield* audit.add(Failed)
    yield* Effect.logInfo("working")
    return yield* Effect.die("oh")
  })

  test("is the same in the answer, in each line of the application log, and in the records", () =>
    Effect.gen(function* () {
      const server = yield* serve(acting)
      const { headers } = yield* server.request("GET", "/")
      const id = headers["x-request-id"]
      assert.match(String(id), /^[0-9a-f]{16}$/)
      assert.deepStrictEqual(
        (yield* server.audit).map(({ event }) => event.requestId),
        [id]
      )
      assert.deepStrictEqual(
        (yield* server.application).map(({ annotations, message }) => [message, annotations?.["requestId"]]),
        [
          ["working", id],
          ["Unhandled exception for GET /", id]
        ]
      )
      assert.notStrictEqual((yield* server.request("GET", "/")).headers["x-request-id"], id)
    }))

  test("comes from outside only where that is trusted", () =>
    Effect.gen(function* () {
      const headers = { "x-request-id": "given-by-proxy" }
      const trusting = yield* serve(acting, { trustRequestId: true })
      assert.strictEqual((yield* trusting.request("GET", "/", { headers })).headers["x-request-id"], "given-by-proxy")
      assert.deepStrictEqual(
        (yield* trusting.audit).map(({ event }) => event.requestId),
        ["given-by-proxy"]
      )
      const others = yield* serve(acting)
      assert.match(String((yield* others.request("GET", "/", { headers })).headers["x-request-id"]), /^[0-9a-f]{16}$/)
    }))

  test("is on each error, and not on what a handler made itself", () =>
    Effect.gen(function* () {
      for (const handler of [limited, new BuiltInErrors.NotFound(), ErrorRegistry.abort(418)]) {
        const server = yield* serve(handler)
        assert.property((yield* server.request("GET", "/")).headers, "x-request-id")
      }
      const own = yield* serve(Effect.succeed(HttpServerResponse.text("mine", { status: 400 })))
      assert.notProperty((yield* own.request("GET", "/")).headers, "x-request-id")
    }))
})

describe("languages", () => {
  const German = Layer.merge(
    ErrorRegistry.translation("de", Auth.errors, {
      "auth-rate-limited": "Zu viele Anmeldungen von {ip}, in {minutes} Minuten geht es wieder"
    }),
    ErrorRegistry.translation("de", BuiltInErrors.builtIns, { "not-found": "Das gibt es hier nicht" })
  ) as unknown as Layer.Layer<never>

  test("an error is answered in the language that is preferred, in both forms", () =>
    Effect.gen(function* () {
      const server = yield* serve(limited, {}, German)
      const german = "Zu viele Anmeldungen von 192.0.2.7, in 15 Minuten geht es wieder"
      const answer = yield* server.request("GET", "/", { headers: { "accept-language": "fr, de-AT;q=0.8" } })
      const { details, message } = Http.assertError(answer, 429, "auth-rate-limited")
      assert.deepStrictEqual([message, details], [german, { ip: "192.0.2.7", minutes: 15 }])
      assert.strictEqual(answer.headers["content-language"], "de")
      assert.strictEqual(answer.headers["vary"], "cookie, accept, accept-language")

      const headers = { accept: "application/problem+json", "accept-language": "de" }
      assert.strictEqual(JSON.parse((yield* server.request("GET", "/", { headers })).body).detail, german)
    }))

  test("the declared message stays for everybody else, and for errors without a translation", () =>
    Effect.gen(function* () {
      const server = yield* serve(limited, {}, German)
      for (const language of ["en, de;q=0.9", "fr", "*", "de;q=0"]) {
        const answer = yield* server.request("GET", "/", { headers: { "accept-language": language } })
        assert.match(Http.assertError(answer, 429, "auth-rate-limited").message, /^Too many/)
        assert.strictEqual(answer.headers["content-language"], "en")
      }
      const other = yield* serve(new BuiltInErrors.Unauthorized(), {}, German)
      const answer = yield* other.request("GET", "/", { headers: { "accept-language": "de" } })
      assert.match(Http.assertError(answer, 403, "unauthorized").message, /^You are not/)
      assert.notProperty(answer.headers, "content-language")
    }))

  test("what the framework refuses is translated as well", () =>
    Effect.gen(function* () {
      const server = yield* Http.start(
        Registrar.serve(Layer.provide(HttpLayerRouter.add("GET", "/", HttpServerResponse.empty()), German), {
          disableListenLog: true
        })
      )
      const answer = yield* server.request("GET", "/missing", { headers: { "accept-language": "de" } })
      assert.strictEqual(Http.assertError(answer, 404, "not-found").message, "Das gibt es hier nicht")
    }))
})

describe("telemetry", () => {
  const countOf = (name: string, tags: Readonly<Record<string, string>>) =>
    Effect.map(Metric.snapshot, (pairs) =>
      pairs
        .filter(
          ({ metricKey }) =>
            metricKey.name === name &&
            Object.entries(tags).every(([key, value]) => metricKey.tags.some((t) => t.key === key && t.value === value))
        )
        .reduce((sum, { metricState }) => sum + Number((metricState as unknown as { count: number }).count), 0)
    )

  test("errors are counted by id and status, audit events by type", () =>
    Effect.gen(function* () {
      const failing = Effect.gen(function* () {
        const audit = yield* AuditLog.AuditLog
        yield* audit.add(Failed)
        return yield* limited
      })
      const server = yield* serve(failing, { source: "counting" })
      for (let n = 0; n < 3; n++) yield* server.request("GET", "/")
      const errors = { source: "counting", id: "auth-rate-limited", status: "429" }
      assert.strictEqual(yield* countOf("registrar_errors", errors), 3)
      assert.strictEqual(yield* countOf("registrar_audit_events", { source: "counting", type: "auth-failed" }), 3)
    }))

  test("the span of the request is told the id of the error", () =>
    Effect.gen(function* () {
      const app = HttpErrors.handle(Effect.as(limited, HttpServerResponse.empty()))
      const attributes = yield* Effect.gen(function* () {
        yield* app
        return Object.fromEntries((yield* Effect.currentSpan).attributes)
      }).pipe(Effect.withSpan("request"), Effect.provide(Layer.provideMerge(Auth.layer, registries)))
      assert.deepStrictEqual(attributes, { "error.id": "auth-rate-limited" })
    }))
})
