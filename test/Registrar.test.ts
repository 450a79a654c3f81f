import { HttpLayerRouter, HttpServerResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Chunk,
  Config,
  ConfigError,
  ConfigProvider,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Ref,
  Scope,
  TestClock
} from "effect"
import * as ApiError from "../src/ApiError.js"
import * as AuditContext from "../src/AuditContext.js"
import * as AuditEvent from "../src/AuditEvent.js"
import * as AuditLog from "../src/AuditLog.js"
import type { AuditRecord } from "../src/AuditRecord.js"
import * as AuditRegistry from "../src/AuditRegistry.js"
import * as AuditSink from "../src/AuditSink.js"
import * as ErrorRegistry from "../src/ErrorRegistry.js"
import * as Extension from "../src/Extension.js"
import * as Registrar from "../src/Registrar.js"
import { InvalidDefinition, RegistrationConflict } from "../src/Registration.js"
import * as Http from "./support/http.js"

const ok = HttpServerResponse.text("ok")
const quiet = { disableListenLog: true }

const Step = AuditEvent.make("test-step", { level: "Info", message: "Step {step}" })
const Test = Extension.make("test", { auditEvents: [Step] })
const step = (name: string) => Effect.flatMap(AuditLog.AuditLog, (audit) => audit.add(Step, { step: name }))

/** What starting it fails with. */
const failureOf = <A, E>(served: Layer.Layer<A, E, never>) =>
  Effect.map(Effect.exit(Effect.scoped(Layer.build(served))), (exit) =>
    Exit.match(exit, {
      onSuccess: () => undefined,
      onFailure: (cause) => Option.getOrUndefined(Cause.failureOption(cause))
    })
  )

const inProcess = <A, E>(served: Parameters<typeof Http.startInProcess<A, E>>[0]) =>
  Effect.map(
    Effect.exit(Effect.scoped(Http.startInProcess(served))),
    Exit.match({ onSuccess: () => undefined, onFailure: (cause) => Option.getOrUndefined(Cause.failureOption(cause)) })
  )

describe("serve", () => {
  it.scopedLive("two servers in one process share nothing", () =>
    Effect.gen(function* () {
      class Mine extends ApiError.make<Mine>()("shared-mine", { status: 404, message: "of one" }) {}
      class Yours extends ApiError.make<Yours>()("shared-mine", { status: 404, message: "of the other" }) {}
      const EventOne = AuditEvent.make("shared-event", { level: "Info", message: "one" })
      const EventOther = AuditEvent.make("shared-event", { level: "Error", message: "other" })
      const add = (event: AuditEvent.Any) =>
        Effect.flatMap(AuditLog.AuditLog, (audit) => audit.addByType(event.type, {}).pipe(Effect.orDie))
      const [one, other] = yield* Effect.gen(function* () {
        const makeSink = Ref.make<ReadonlyArray<AuditRecord>>([])
        const records = [yield* makeSink, yield* makeSink] as const
        const served = Layer.mergeAll(
          Registrar.serve(
            HttpLayerRouter.add("GET", "/one", Effect.zipRight(add(EventOne), new Mine())).pipe(
              Layer.provide(Extension.make("shared", { errors: [Mine], auditEvents: [EventOne] }).layer)
            ),
            { ...quiet, source: "one" }
          ).pipe(Layer.provide(AuditSink.memory(records[0])))
        )
        const second = Registrar.serve(
          HttpLayerRouter.add("GET", "/other", Effect.zipRight(add(EventOther), new Yours())).pipe(
            Layer.provide(Extension.make("shared", { errors: [Yours], auditEvents: [EventOther] }).layer)
          ),
          { ...quiet, source: "other" }
        ).pipe(Layer.provide(AuditSink.memory(records[1])))
        const one = yield* Http.start(served)
        const other = yield* Http.start(second)
        return [
          { server: one, records: Ref.get(records[0]) },
          { server: other, records: Ref.get(records[1]) }
        ] as const
      })
      assert.strictEqual(
        Http.assertError(yield* one.server.request("GET", "/one"), 404, "shared-mine").message,
        "of one"
      )
      assert.strictEqual(
        Http.assertError(yield* other.server.request("GET", "/other"), 404, "shared-mine").message,
        "of the other"
      )
      Http.assertError(yield* one.server.request("GET", "/other"), 404, "not-found")
      Http.assertError(yield* other.server.request("PUT", "/one"), 404, "not-found")
      assert.deepStrictEqual(
        (yield* one.records).map(({ source, message }) => [source, message]),
        [["one", "one"]]
      )
      assert.deepStrictEqual(
        (yield* other.records).map(({ source, message }) => [source, message]),
        [["other", "other"]]
      )
    })
  )

  it.scopedLive("two servers in one Layer.mergeAll share nothing, even where they are given the same extension", () =>
    Effect.gen(function* () {
      class Gone extends ApiError.make<Gone>()("test-gone", { status: 410, message: "gone" }) {}
      class NotHere extends ApiError.make<NotHere>()("not-found", { status: 404, message: "not here" }) {}
      const Shared = Extension.make("test", { errors: [Gone] })
      const Route = HttpLayerRouter.add("GET", "/", new Gone()).pipe(Layer.provide(Shared.layer))
      const handlers: Array<(request: Request) => Effect.Effect<Response>> = []
      const captured = <A, E>(served: Parameters<typeof Http.startInProcess<A, E>>[0]) =>
        Layer.scopedDiscard(Effect.map(Http.startInProcess(served), ({ request }) => void handlers.push(request)))
      yield* Layer.build(
        Layer.mergeAll(
          captured(Registrar.serve(Layer.provide(Route, ErrorRegistry.override(NotHere)), quiet)),
          captured(Registrar.serve(Route, quiet))
        )
      )
      const messages = yield* Effect.forEach(handlers, (handle) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* handle(new Request("http://localhost/"))).status, 410)
          const answer = yield* handle(new Request("http://localhost/nope"))
          const body: { readonly error: { readonly message: string } } = yield* Effect.promise(() => answer.json())
          return body.error.message
        })
      )
      assert.deepStrictEqual(messages.toSorted(), ["The requested resource could not be found", "not here"].sort())
    })
  )

  it.effect("one failure tells about all conflicts of all extensions, whatever their order", () =>
    Effect.gen(function* () {
      const make = (owner: string) => {
        class Lost extends ApiError.make<Lost>()("shared-lost", { status: 404, message: "x" }) {}
        class Broken extends ApiError.make<Broken>()("shared-broken", { status: 400, message: "x" }) {}
        return {
          errors: [Lost, Broken],
          // One owner each: the ids have to begin with its name.
          layer: Layer.mergeAll(
            Layer.effectDiscard(
              Effect.gen(function* () {
                const errors = yield* ErrorRegistry.ErrorRegistry
                const events = yield* AuditRegistry.AuditRegistry
                const { Refusals } = yield* Effect.promise(() => import("../src/Registration.js"))
                const refusals = yield* Refusals
                refusals.push(
                  ...(yield* errors.register({
                    owner,
                    errors: [Lost, Broken],
                    exceptions: [ApiError.fromException(TypeError, { id: "shared-type", message: owner as string })]
                  })),
                  ...(yield* events.register({
                    owner,
                    auditEvents: [AuditEvent.make("shared-event" as string, { level: "Info", message: "x" as string })]
                  }))
                )
              })
            )
          )
        }
      }
      for (const owners of [
        ["a", "b", "c"],
        ["c", "a", "b"]
      ]) {
        const [one, two, three] = owners.map((owner) => make(owner).layer)
        const App = HttpLayerRouter.add("GET", "/", ok).pipe(Layer.provide(Layer.mergeAll(one!, two!, three!)))
        const failure = yield* inProcess(Registrar.serve(App as Layer.Layer<never>, quiet))
        assert.instanceOf(failure, RegistrationConflict)
        const [first, second, third] = owners as [string, string, string]
        assert.sameDeepMembers(
          [...failure.conflicts],
          [second, third].flatMap((owner) => [
            { kind: "error", name: "shared-lost (404)", owners: [first, owner] },
            { kind: "error", name: "shared-broken (400)", owners: [first, owner] },
            { kind: "exception", name: "TypeError", owners: [first, owner] },
            { kind: "error", name: "shared-type (500)", owners: [first, owner] },
            { kind: "audit event", name: "shared-event", owners: [first, owner] }
          ])
        )
        for (const { name, owners } of failure.conflicts) {
          assert.include(failure.message, `'${name}' is registered by '${owners[0]}' and by '${owners[1]}'`)
        }
      }
    })
  )

  it.effect("two new defaults of one status are a conflict, whatever the order", () =>
    Effect.gen(function* () {
      class One extends ApiError.make<One>()("one-missing", { status: 404, message: "x" }) {}
      class Other extends ApiError.make<Other>()("other-missing", { status: 404, message: "x" }) {}
      const Ones = Extension.make("one", { errors: [One] })
      const overrides = ErrorRegistry.override(One, Other)
      const App = HttpLayerRouter.add("GET", "/", ok)
      const failure = yield* inProcess(Registrar.serve(Layer.provide(App, overrides), quiet))
      assert.instanceOf(failure, RegistrationConflict)
      assert.deepStrictEqual(
        failure.conflicts.map(({ kind, name }) => `${kind} ${name}`),
        ["override other-missing (404)"]
      )
      // Where one of them only replaces what an extension registers, there is none.
      for (const layers of [
        [Ones.layer, overrides],
        [overrides, Ones.layer]
      ] as const) {
        const both = Layer.provide(App, Layer.mergeAll(layers[0], layers[1]))
        assert.isUndefined(yield* inProcess(Registrar.serve(both, quiet)))
      }
    })
  )

  it.effect("extensions that conflict are found out before anything is served", () =>
    Effect.gen(function* () {
      const extension = (message: string) => {
        class Lost extends ApiError.make<Lost>()("test-lost", { status: 404, message: "lost" }) {}
        return Extension.make("test", {
          errors: [Lost],
          auditEvents: [AuditEvent.make("test-lost", { level: "Info", message: message as "x" })]
        })
      }
      const App = HttpLayerRouter.add("GET", "/", ok).pipe(
        Layer.provide(Layer.mergeAll(extension("a").layer, extension("b").layer))
      )
      const failure = yield* inProcess(Registrar.serve(App, quiet))
      assert.instanceOf(failure, RegistrationConflict)
      assert.deepStrictEqual(
        failure.conflicts.map(({ kind, name, owners }) => [kind, name, ...owners]),
        [
          ["error", "test-lost (404)", "test", "test"],
          ["audit event", "test-lost", "test", "test"]
        ]
      )
    })
  )

  it.effect("definitions that are wrong are listed all together, and come before conflicts", () =>
    Effect.gen(function* () {
      const broken = Extension.make("test" as string, {
        errors: [
          ApiError.make()("test-a" as string, { status: 200 as number, message: "{x" as string }),
          ApiError.make()("other-b" as string, { status: 400, message: "x" as string })
        ],
        auditEvents: [AuditEvent.make("test-c" as string, { level: "Loud" as "Info", message: "}" as string })]
      })
      const App = HttpLayerRouter.add("GET", "/", ok).pipe(Layer.provide(broken.layer))
      const failure = yield* inProcess(Registrar.serve(App, quiet))
      assert.instanceOf(failure, InvalidDefinition)
      assert.sameMembers(
        failure.definitions.map(({ name, owner }) => `${owner}: ${name}`),
        ["test: test-a", "test: test-a", "test: other-b", "test: test-c", "test: test-c"]
      )
      for (const { problem } of failure.definitions) assert.include(failure.message, problem)
    })
  )

  it.scopedLive("an extension that is provided twice is registered once", () =>
    Effect.gen(function* () {
      const One = HttpLayerRouter.add("GET", "/one", Effect.as(step("one"), ok)).pipe(Layer.provide(Test.layer))
      const Two = HttpLayerRouter.add("GET", "/two", Effect.as(step("two"), ok)).pipe(Layer.provide(Test.layer))
      const server = yield* Http.start(Registrar.serve(Layer.mergeAll(One, Two), quiet))
      assert.strictEqual((yield* server.request("GET", "/one")).status, 200)
      assert.strictEqual((yield* server.request("GET", "/two")).status, 200)
      assert.lengthOf(yield* server.audit, 2)
    })
  )

  it.scopedLive("what is registered while the server runs counts from then on", () =>
    Effect.gen(function* () {
      const late = HttpLayerRouter.add(
        "POST",
        "/plug-in",
        Effect.gen(function* () {
          const errors = yield* ErrorRegistry.ErrorRegistry
          const events = yield* AuditRegistry.AuditRegistry
          const refused = [
            ...(yield* errors.register({
              owner: "plug-in",
              errors: [
                ApiError.make()("plug-in-late" as string, { status: 409 as number, message: "late {why}" as string })
              ]
            })),
            ...(yield* events.register({
              owner: "plug-in",
              auditEvents: [
                AuditEvent.make("plug-in-late" as string, { level: "Info", message: "late {why}" as string })
              ]
            }))
          ]
          return HttpServerResponse.text(JSON.stringify(refused))
        })
      )
      const use = HttpLayerRouter.add(
        "GET",
        "/use",
        Effect.gen(function* () {
          const audit = yield* AuditLog.AuditLog
          yield* audit.addByType("plug-in-late", { why: "because" }).pipe(Effect.ignore)
          return yield* ErrorRegistry.abort(409, { id: "plug-in-late", fields: { why: "because" } })
        })
      )
      const server = yield* Http.start(Registrar.serve(Layer.mergeAll(late, use) as Layer.Layer<never>, quiet))
      Http.assertError(yield* server.request("GET", "/use"), 409, "conflict")
      assert.strictEqual((yield* server.request("POST", "/plug-in")).body, "[]")
      assert.strictEqual(
        Http.assertError(yield* server.request("GET", "/use"), 409, "plug-in-late").message,
        "late because"
      )
      assert.deepStrictEqual(
        (yield* server.audit).map(({ message }) => message),
        ["late because"]
      )
      const again: ReadonlyArray<{ readonly _tag: string }> = JSON.parse(
        (yield* server.request("POST", "/plug-in")).body
      )
      assert.deepStrictEqual(
        again.map(({ _tag }) => _tag),
        ["Conflict", "Conflict"]
      )
      Http.assertError(yield* server.request("GET", "/use"), 409, "plug-in-late")
    })
  )

  it.scopedLive("closing finishes the requests that run, refuses new ones, and then writes every event", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const records = yield* Ref.make<ReadonlyArray<AuditRecord>>([])
      const App = HttpLayerRouter.add(
        "GET",
        "/",
        Effect.gen(function* () {
          yield* step("before")
          yield* Deferred.succeed(started, undefined)
          yield* Deferred.await(goOn)
          yield* step("after")
          return ok
        })
      ).pipe(Layer.provide(Test.layer))
      const scope = yield* Scope.make()
      const server = yield* Http.start(Registrar.serve(App, quiet).pipe(Layer.provide(AuditSink.memory(records)))).pipe(
        Scope.extend(scope)
      )
      const running = yield* Effect.fork(server.request("GET", "/"))
      yield* Deferred.await(started)
      const closing = yield* Effect.fork(Effect.uninterruptible(Scope.close(scope, Exit.void)))
      const refused = yield* Effect.repeat(server.request("GET", "/nope"), { until: ({ status }) => status !== 404 })
      Http.assertError(refused, 503, "service-unavailable")
      assert.strictEqual(refused.headers["connection"], "close")
      assert.isTrue(Option.isNone(yield* Fiber.poll(closing)))
      yield* Deferred.succeed(goOn, undefined)
      assert.strictEqual((yield* Fiber.join(running)).body, "ok")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(
        (yield* Ref.get(records)).map(({ event }) => event.details["step"]),
        ["before", "after"]
      )
      const lines = yield* server.application
      assert.deepStrictEqual(
        lines.filter(({ level }) => level !== "DEBUG").map(({ message }) => message),
        ["Finishing 1 requests before the end"]
      )
    })
  )

  it.scopedLive("closing does not wait longer than it may for a request that runs, and answers it with 503", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const App = HttpLayerRouter.add("GET", "/", Effect.zipRight(Deferred.succeed(started, undefined), Effect.never))
      const scope = yield* Scope.make()
      const server = yield* Scope.extend(Http.start(Registrar.serve(App, { ...quiet, drainWithin: 10 })), scope)
      const running = yield* Effect.fork(server.request("GET", "/"))
      yield* Deferred.await(started)
      const closing = yield* Effect.fork(Effect.uninterruptible(Scope.close(scope, Exit.void)))
      Http.assertError(yield* Fiber.join(running), 503, "service-unavailable")
      yield* Fiber.join(closing)
      assert.include(
        (yield* server.application).map(({ message }) => message),
        "1 requests did not finish in time and are interrupted"
      )
    })
  )
})

describe("layer", () => {
  it.effect("gives jobs the registries and the audit log", () =>
    Effect.gen(function* () {
      const records = yield* Ref.make<ReadonlyArray<AuditRecord>>([])
      yield* step("one").pipe(
        AuditContext.withUser("robot"),
        Effect.provide(AuditContext.layer({ path: "nightly" })),
        Effect.provide(Test.layer.pipe(Layer.provideMerge(Registrar.layer({ source: "job" })))),
        Effect.provide(AuditSink.memory(records))
      )
      const written = yield* Ref.get(records)
      assert.deepStrictEqual(
        written.map(({ event, source }) => [source, event.details]),
        [["job", { path: "nightly", user: "robot", step: "one" }]]
      )
    })
  )

  it.effect("makes services of its own at each call", () =>
    Effect.gen(function* () {
      const build = Layer.build(Layer.provide(Registrar.layer(), AuditSink.empty))
      const one = yield* Effect.provide(ErrorRegistry.ErrorRegistry, yield* build)
      const other = yield* Effect.provide(ErrorRegistry.ErrorRegistry, yield* build)
      assert.notStrictEqual(one, other)
      yield* one.register({
        owner: "one",
        errors: [ApiError.make()("x" as string, { status: 400, message: "x" as string })]
      })
      assert.isUndefined(other.errorFor(400, "x"))
    }).pipe(Effect.scoped)
  )

  it.effect("fails by itself at the first extension that is refused", () =>
    Effect.gen(function* () {
      const other = Extension.make("test", {
        auditEvents: [AuditEvent.make("test-step", { level: "Info", message: "Another {step}" })]
      })
      const failure = yield* failureOf(
        Layer.mergeAll(Test.layer, other.layer).pipe(Layer.provide(Registrar.layer()), Layer.provide(AuditSink.empty))
      )
      assert.instanceOf(failure, RegistrationConflict)
      assert.deepStrictEqual(failure.conflicts, [{ kind: "audit event", name: "test-step", owners: ["test", "test"] }])
    })
  )
})

describe("config", () => {
  const read = (values: Record<string, string>) =>
    Effect.withConfigProvider(Effect.exit(Registrar.config), ConfigProvider.fromMap(new Map(Object.entries(values))))

  it.effect("reads the source and the proxies, and has defaults", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read({}), Exit.succeed({ source: "app", trustedProxies: 0 }))
      assert.deepStrictEqual(
        yield* read({ LOG_SOURCE: "shop", TRUSTED_PROXIES: "2" }),
        Exit.succeed({ source: "shop", trustedProxies: 2 })
      )
    })
  )

  it.effect("names the key of what is wrong, all of them", () =>
    Effect.gen(function* () {
      for (const [values, keys] of [
        [{ LOG_SOURCE: "" }, ["LOG_SOURCE"]],
        [{ TRUSTED_PROXIES: "many" }, ["TRUSTED_PROXIES"]],
        [{ TRUSTED_PROXIES: "-1" }, ["TRUSTED_PROXIES"]],
        [{ TRUSTED_PROXIES: "1.5" }, ["TRUSTED_PROXIES"]]
      ] as const) {
        const exit = yield* read(values)
        const text = Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "nothing"
        for (const key of keys) assert.include(text, key)
        assert.strictEqual(
          Exit.isFailure(exit)
            ? Chunk.toReadonlyArray(Cause.failures(exit.cause)).every(ConfigError.isConfigError)
            : false,
          true
        )
      }
    })
  )

  it.effect("fails the server before anything starts", () =>
    Effect.gen(function* () {
      let built = false
      const App = Layer.merge(
        HttpLayerRouter.add("GET", "/", ok),
        Layer.effectDiscard(Effect.sync(() => (built = true)))
      )
      const failure = yield* inProcess(Registrar.serveConfig(App)).pipe(
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["TRUSTED_PROXIES", "x"]])))
      )
      assert.isTrue(ConfigError.isConfigError(failure))
      assert.isFalse(built)
      assert.isTrue(Config.isConfig(Registrar.config))
      yield* TestClock.adjust(0)
    })
  )
})

describe("options that make no sense", () => {
  it.effect("are refused together, before anything is served", () =>
    Effect.gen(function* () {
      const options = { trustedProxies: -1, maxBodySize: 1.5, language: "english!", problemTypes: "no address" }
      const failure = yield* inProcess(Registrar.serve(HttpLayerRouter.add("GET", "/", ok), options))
      assert.instanceOf(failure, InvalidDefinition)
      assert.deepStrictEqual(
        failure.definitions.map(({ name, owner, problem }) => `${owner} ${name}: ${problem}`),
        [
          "Registrar.serve trustedProxies: the option must be a whole number, and not -1",
          "Registrar.serve maxBodySize: the option must be a whole number, and not 1.5",
          "Registrar.serve language: 'english!' is not a language tag",
          "Registrar.serve problemTypes: 'no address' is not the beginning of an address"
        ]
      )
    })
  )

  it.effect("others are taken", () =>
    Effect.gen(function* () {
      for (const problemTypes of ["", "/errors/", "https://docs.example.org/e.html#", "urn:error:", "/%20/"]) {
        const failure = yield* inProcess(
          Registrar.serve(HttpLayerRouter.add("GET", "/", ok), { problemTypes, language: "pt-BR" })
        )
        assert.isUndefined(failure, problemTypes)
      }
    })
  )
})
