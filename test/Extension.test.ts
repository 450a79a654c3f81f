import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Option } from "effect"
import * as ApiError from "../src/ApiError.js"
import * as AuditEvent from "../src/AuditEvent.js"
import * as AuditRegistry from "../src/AuditRegistry.js"
import * as ErrorRegistry from "../src/ErrorRegistry.js"
import * as Extension from "../src/Extension.js"
import { InvalidDefinition, Refusals, RegistrationConflict } from "../src/Registration.js"

class Locked extends ApiError.make<Locked>()("auth-locked", { status: 423, message: "locked" }) {}
class Broken extends Error {}
const Failed = AuditEvent.make("auth-failed", { level: "Warning", message: "failed" })

const Auth = Extension.make("auth", {
  errors: [Locked],
  exceptions: [ApiError.fromException(Broken, { id: "auth-broken", message: "broken" })],
  auditEvents: [Failed]
})

const registries = Layer.merge(ErrorRegistry.layer, AuditRegistry.layer)

/** Builds a Layer for new registries, and hands over what is registered, or the failure. */
const build = <A, E>(layer: Layer.Layer<A, E, ErrorRegistry.ErrorRegistry | AuditRegistry.AuditRegistry>) =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(Layer.build(Layer.provideMerge(layer, registries)))
    if (Exit.isFailure(exit)) return { failure: Option.getOrUndefined(Cause.failureOption(exit.cause)) }
    const context = exit.value
    const errors = yield* Effect.provide(ErrorRegistry.ErrorRegistry, context)
    const events = yield* Effect.provide(AuditRegistry.AuditRegistry, context)
    return { errors, events, failure: undefined }
  }).pipe(Effect.scoped)

const dynamic = (name: string, contents: Extension.Contents) => Extension.make(name, contents as {})

describe("make", () => {
  it("keeps what it was given, as plain data", () => {
    assert.strictEqual(Auth.name, "auth")
    assert.deepStrictEqual(Auth.errors, [Locked])
    assert.deepStrictEqual(Auth.auditEvents, [Failed])
    assert.deepStrictEqual(
      Auth.exceptions.map(({ exception, error }) => [exception, error.id, error.status]),
      [[Broken, "auth-broken", 500]]
    )
    assert.deepStrictEqual(Extension.make("empty", {}).errors, [])
  })
})

describe("layer", () => {
  it.effect("registers everything under the name of the extension", () =>
    Effect.gen(function* () {
      const { errors, events } = yield* build(Auth.layer)
      assert.deepStrictEqual(
        (yield* errors!.definitions)
          .filter(({ owner }) => owner === "auth")
          .map(({ error, exceptions }) => [error.id, exceptions]),
        [
          ["auth-locked", []],
          ["auth-broken", ["Broken"]]
        ]
      )
      assert.deepStrictEqual(
        (yield* events!.definitions).filter(({ owner }) => owner === "auth").map(({ event }) => event.type),
        ["auth-failed"]
      )
      assert.strictEqual(errors!.errorOf(new Broken())?.id, "auth-broken")
    })
  )

  it.effect("can be built again and again for the same registries", () =>
    Effect.gen(function* () {
      assert.isUndefined((yield* build(Layer.mergeAll(Auth.layer, Auth.layer, Layer.fresh(Auth.layer)))).failure)
    })
  )

  it.effect("refuses ids and types outside of its name, and registers the others", () =>
    Effect.gen(function* () {
      const stray = dynamic("auth", {
        errors: [Locked, ApiError.make()("other-x" as string, { status: 400, message: "x" as string })],
        exceptions: [ApiError.fromException(Broken, { id: "authentic" as string, message: "x" as string })],
        auditEvents: [AuditEvent.make("auth" as string, { level: "Info", message: "x" as string })]
      })
      const { failure } = yield* build(stray.layer)
      assert.instanceOf(failure, InvalidDefinition)
      assert.deepStrictEqual(
        failure.definitions.map(({ owner, name, problem }) => [owner, name, problem]),
        [
          ["auth", "other-x", "the id does not start with 'auth-'"],
          ["auth", "authentic", "the id does not start with 'auth-'"],
          ["auth", "auth", "the id does not start with 'auth-'"]
        ]
      )
      const refusals: Array<unknown> = []
      const { errors } = yield* build(
        Layer.provide(stray.layer, Layer.succeed(Refusals, refusals as typeof Refusals.Service))
      )
      assert.lengthOf(refusals, 3)
      assert.strictEqual(errors!.errorFor(423), Locked)
    })
  )

  it.effect("lists every conflict within it and with what is registered", () =>
    Effect.gen(function* () {
      const again = dynamic("auth", {
        errors: [
          ApiError.make()("auth-locked" as string, { status: 423, message: "x" as string }),
          ApiError.make()("auth-twice" as string, { status: 400, message: "x" as string }),
          ApiError.make()("auth-twice" as string, { status: 400, message: "y" as string })
        ],
        exceptions: [ApiError.fromException(Broken, { id: "auth-other" as string, message: "x" as string })],
        auditEvents: [AuditEvent.make("auth-failed" as string, { level: "Info", message: "x" as string })]
      })
      const { failure } = yield* build(Layer.provide(again.layer, Auth.layer))
      assert.instanceOf(failure, RegistrationConflict)
      assert.deepStrictEqual(
        failure.conflicts.map(({ kind, name }) => `${kind} ${name}`),
        ["error auth-locked (423)", "error auth-twice (400)", "exception Broken", "audit event auth-failed"]
      )
    })
  )
})
