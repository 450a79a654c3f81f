import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Option } from "effect"
import fc from "fast-check"
import * as ApiError from "../src/ApiError.js"
import * as BuiltInErrors from "../src/BuiltInErrors.js"
import * as ErrorRegistry from "../src/ErrorRegistry.js"
import type { Refusal } from "../src/Registration.js"

/** An error known only at run time. */
const declare = (id: string, status: number, message = "x") => ApiError.make()(id, { status, message })

const say = (refusals: ReadonlyArray<Refusal>) =>
  refusals.map((refusal) =>
    refusal._tag === "Conflict"
      ? `${refusal.conflict.kind} ${refusal.conflict.name}: ${refusal.conflict.owners.join(", ")}`
      : `invalid ${refusal.name} of ${refusal.owner}: ${refusal.problem}`
  )

const register = (registry: ErrorRegistry.Service, registration: ErrorRegistry.Registration) =>
  Effect.map(registry.register(registration), say)

describe("make", () => {
  it.effect("starts with the built-in definitions", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      assert.deepStrictEqual(
        (yield* registry.definitions).map(({ error, owner, isDefault }) => [error.id, error.status, owner, isDefault]),
        [
          ["bad-request", 400, "effect-registrar", true],
          ["unauthenticated", 401, "effect-registrar", true],
          ["unauthorized", 403, "effect-registrar", true],
          ["not-found", 404, "effect-registrar", true],
          ["method-not-allowed", 405, "effect-registrar", true],
          ["content-too-large", 413, "effect-registrar", true],
          ["unsupported-media-type", 415, "effect-registrar", true],
          ["internal-server-error", 500, "effect-registrar", true],
          ["service-unavailable", 503, "effect-registrar", true],
          ["audit-unavailable", 503, "effect-registrar", false]
        ]
      )
      for (const error of BuiltInErrors.builtIns) assert.strictEqual(registry.errorFor(error.status, error.id), error)
    })
  )

  it.effect("the first definition of a status is its default, and later ones do not change that", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      const [first, second, third] = [declare("a-first", 418), declare("a-second", 418), declare("a-third", 404)]
      assert.deepStrictEqual(yield* register(registry, { owner: "a", errors: [first, second, third] }), [])
      assert.strictEqual(registry.errorFor(418), first)
      assert.strictEqual(registry.errorFor(404), BuiltInErrors.NotFound)
      assert.strictEqual(registry.errorFor(404, "a-third"), third)
      assert.isUndefined(registry.errorFor(418, "a-third"))
      assert.isUndefined(registry.errorFor(402))
    })
  )
})

describe("register", () => {
  it.effect("refuses the same id and status twice, names both owners, and keeps the first", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      const [first, second] = [declare("a-x", 404, "first"), declare("a-x", 404, "second")]
      assert.deepStrictEqual(yield* register(registry, { owner: "one", errors: [first] }), [])
      assert.deepStrictEqual(yield* register(registry, { owner: "two", errors: [second] }), [
        "error a-x (404): one, two"
      ])
      assert.strictEqual(registry.errorFor(404, "a-x"), first)
      assert.deepStrictEqual(yield* register(registry, { owner: "mine", errors: [declare("not-found", 404)] }), [
        "error not-found (404): effect-registrar, mine"
      ])
    })
  )

  it.effect("takes one id with several statuses, and the very same definition again and again", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      const errors = [declare("a-x", 404), declare("a-x", 410), declare("a-y", 404)]
      for (const owner of ["one", "two"]) assert.deepStrictEqual(yield* register(registry, { owner, errors }), [])
      assert.lengthOf(
        (yield* registry.definitions).filter(({ owner }) => owner === "one"),
        3
      )
      assert.lengthOf(
        (yield* registry.definitions).filter(({ owner }) => owner === "two"),
        0
      )
    })
  )

  it.effect("registers all that can be, and lists all that cannot", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      const good = declare("a-good", 404)
      assert.deepStrictEqual(
        yield* register(registry, {
          owner: "a",
          errors: [
            declare("a-status", 200),
            declare("a-open", 400, "{x"),
            declare("a-stray", 400, "}"),
            declare("a-empty", 400, "{}"),
            good,
            declare("not-found", 404)
          ],
          exceptions: [{ exception: TypeError, error: declare("a-exception", 400) }]
        }),
        [
          "invalid a-status of a: the status 200 is not an error status: use 400 to 599",
          "invalid a-open of a: The template '{x' is malformed: a '{' is never closed; write '{{' for a literal brace",
          "invalid a-stray of a: The template '}' is malformed: there is a stray '}'; write '}}' for a literal brace",
          "invalid a-empty of a: The template '{}' is malformed: a parameter has no name",
          "error not-found (404): effect-registrar, a",
          "invalid a-exception of a: the exception 'TypeError' must answer with a 5xx status, not 400"
        ]
      )
      assert.strictEqual(registry.errorFor(404, "a-good"), good)
    })
  )

  it.effect("never crashes on what is known only at run time", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      for (const text of [
        "{message}",
        "{__proto__}",
        "{constructor}",
        "{toString}",
        "{_tag}",
        "{stack}",
        "{name}",
        "{cause}"
      ]) {
        const error = declare(`a-${text}`, 400, text)
        const refused = yield* register(registry, { owner: "a", errors: [error] })
        if (text === "{constructor}" || text === "{toString}") assert.deepStrictEqual(refused, [])
        else assert.match(refused.join(), /is taken by every error/)
      }
      for (const status of [Number.NaN, -1, 404.5, Infinity, "404", undefined, null]) {
        assert.lengthOf(yield* register(registry, { owner: "a", errors: [declare("a-x", status as number)] }), 1)
      }
      for (const message of [null, 7, {}]) {
        assert.lengthOf(yield* register(registry, { owner: "a", errors: [declare("a-x", 400, message as string)] }), 1)
      }
      for (const id of ["__proto__", "constructor", "", "a b", "\n"]) {
        assert.deepStrictEqual(yield* register(registry, { owner: "a", errors: [declare(id, 400)] }), [])
        assert.strictEqual(registry.errorFor(400, id)?.id, id)
      }
    })
  )

  it.effect("refuses the same exception twice, and lists every conflict that it brings", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      const exception = (id: string) => ApiError.fromException(TypeError, { id, message: "x" })
      assert.deepStrictEqual(
        yield* register(registry, {
          owner: "one",
          exceptions: [exception("a-type")],
          errors: [declare("a-taken", 500)]
        }),
        []
      )
      assert.deepStrictEqual(yield* register(registry, { owner: "two", exceptions: [exception("b-type")] }), [
        "exception TypeError: one, two"
      ])
      assert.deepStrictEqual(yield* register(registry, { owner: "three", exceptions: [exception("a-taken")] }), [
        "exception TypeError: one, three",
        "error a-taken (500): one, three"
      ])
    })
  )

  it.effect("lets several classes share one answer, of a 5xx status of its own", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      class A extends Error {}
      class B extends Error {}
      const error = declare("a-busy", 503)
      const exceptions = [ApiError.fromException(A, error), ApiError.fromException(B, error)]
      assert.deepStrictEqual(yield* register(registry, { owner: "a", exceptions }), [])
      assert.deepStrictEqual(yield* register(registry, { owner: "a", errors: [error], exceptions }), [])
      for (const failure of [new A(), new B()]) assert.strictEqual(registry.errorOf(failure), error)
      assert.isUndefined(registry.errorOf(new Error("x")))
      const definition = (yield* registry.definitions).find((each) => each.error === error)
      assert.deepStrictEqual(definition?.exceptions, ["A", "B"])
    })
  )

  it.effect("finds nothing for what has no class", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      const revoked = Proxy.revocable({}, {})
      revoked.revoke()
      for (const failure of [
        null,
        undefined,
        1,
        "x",
        Symbol("s"),
        1n,
        Object.create(null),
        revoked.proxy,
        {},
        [],
        () => 1
      ]) {
        assert.isUndefined(registry.errorOf(failure))
      }
    })
  )
})

describe("override", () => {
  it.effect("takes the place of the definition with the same id and status, for failures, aborts and documents", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      const mine = declare("not-found", 404, "mine")
      assert.deepStrictEqual(yield* register(registry, { owner: "app", overrides: [mine] }), [])
      assert.strictEqual(registry.errorFor(404), mine)
      assert.strictEqual(registry.errorFor(404, "not-found"), mine)
      assert.strictEqual(registry.errorOf(new BuiltInErrors.NotFound()), mine)
      const found = (yield* registry.definitions).filter(({ error }) => error.status === 404)
      assert.deepStrictEqual(
        found.map(({ error, owner, isDefault }) => [error.id, error.text, owner, isDefault]),
        [["not-found", "mine", "app", true]]
      )
    })
  )

  it.effect("with a new id becomes the default of its status", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      const mine = declare("page-not-found", 404, "mine")
      const teapot = declare("teapot", 418)
      assert.deepStrictEqual(yield* register(registry, { owner: "app", overrides: [mine, teapot] }), [])
      assert.strictEqual(registry.errorFor(404), mine)
      assert.strictEqual(registry.errorFor(404, "page-not-found"), mine)
      assert.strictEqual(registry.errorFor(404, "not-found"), BuiltInErrors.NotFound)
      assert.strictEqual(registry.errorOf(new BuiltInErrors.NotFound()), mine)
      assert.strictEqual(registry.errorFor(418), teapot)
    })
  )

  it.effect("answers for the exceptions of the definition that it replaces", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      const mine = declare("a-type", 500, "mine")
      yield* register(registry, {
        owner: "a",
        exceptions: [ApiError.fromException(TypeError, { id: "a-type", message: "x" })]
      })
      assert.deepStrictEqual(yield* register(registry, { owner: "app", overrides: [mine] }), [])
      assert.strictEqual(registry.errorOf(new TypeError("x")), mine)
    })
  )

  it.effect("is refused twice for one place, but not for the same definition", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      const one = declare("not-found", 404, "one")
      assert.deepStrictEqual(yield* register(registry, { owner: "app", overrides: [one, one] }), [])
      assert.deepStrictEqual(
        yield* register(registry, { owner: "other", overrides: [declare("not-found", 404, "two")] }),
        ["override not-found (404): app, other"]
      )
      assert.deepStrictEqual(yield* register(registry, { owner: "other", overrides: [declare("x", 200)] }), [
        "invalid x of other: the status 200 is not an error status: use 400 to 599"
      ])
    })
  )

  it.effect("is refused twice for the default of one status, unless the id is registered after all", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      yield* register(registry, { owner: "app", overrides: [declare("one", 405), declare("two", 405)] })
      yield* register(registry, { owner: "other", overrides: [declare("three", 405)] })
      assert.deepStrictEqual(say(yield* registry.undecided), [
        "override two (405): app, app",
        "override three (405): app, other"
      ])
      yield* register(registry, { owner: "late", errors: [declare("one", 405), declare("three", 405)] })
      assert.deepStrictEqual(say(yield* registry.undecided), [])
      assert.strictEqual(registry.errorFor(405)?.id, "two")
    })
  )

  it.effect("makes no difference whether it comes before or after what it overrides", () =>
    Effect.promise(() => {
      const statuses = [404, 418] as const
      const ids = ["not-found", "a-one", "a-two"] as const
      const errors = statuses.flatMap((status) =>
        ids.filter((id) => id !== "not-found").map((id) => declare(id, status, "registered"))
      )
      const overrides = statuses.flatMap((status) => ids.map((id) => declare(id, status, "overridden")))
      const registrations = [
        ...errors.map((error) => ({ errors: [error] })),
        ...overrides.map((error) => ({ overrides: [error] }))
      ]
      return fc.assert(
        fc.asyncProperty(
          fc
            .subarray(registrations)
            .chain((chosen) =>
              fc.tuple(fc.constant(chosen), fc.shuffledSubarray(chosen, { minLength: chosen.length }))
            ),
          ([chosen, shuffled]) =>
            Effect.gen(function* () {
              // Two errors of one status in another order have another default; that is not what this is about.
              const order = (list: typeof chosen) => [
                ...list
                  .filter((each) => "errors" in each)
                  .sort((a, b) => registrations.indexOf(a) - registrations.indexOf(b))
              ]
              const inOrder = [...order(chosen), ...chosen.filter((each) => "overrides" in each)]
              let next = 0
              const ordered = order(shuffled)
              const mixed = shuffled.map((each) => ("errors" in each ? ordered[next++]! : each))
              const results = yield* Effect.forEach([inOrder, mixed], (list) =>
                Effect.gen(function* () {
                  const registry = yield* ErrorRegistry.make
                  const refused = yield* Effect.forEach(list, (each) => register(registry, { owner: "x", ...each }))
                  const answers = statuses.flatMap((status) => [
                    registry.errorFor(status),
                    ...ids.map((id) => registry.errorFor(status, id))
                  ])
                  const undecided = yield* registry.undecided
                  return { refused: refused.flat().length + undecided.length, answers }
                })
              )
              // Which of two that exclude each other is refused depends on which came first.
              if (results[0]!.refused === 0 || results[1]!.refused === 0) assert.deepStrictEqual(results[0], results[1])
            }).pipe(Effect.runPromise)
        ),
        { numRuns: 500 }
      )
    })
  )

  it.effect("as a Layer is built for each registry that it is provided to", () =>
    Effect.gen(function* () {
      class Mine extends ApiError.make<Mine>()("not-found", { status: 404, message: "mine" }) {}
      class Other extends ApiError.make<Other>()("not-found", { status: 404, message: "other" }) {}
      const override = ErrorRegistry.override(Mine)
      const build = Layer.build(Layer.provideMerge(override, ErrorRegistry.layer))
      for (const _ of [1, 2]) {
        const registry = yield* Effect.provide(ErrorRegistry.ErrorRegistry, yield* build)
        assert.strictEqual(registry.errorFor(404), Mine)
      }
      const exit = yield* Effect.exit(
        Layer.build(Layer.provide(Layer.merge(override, ErrorRegistry.override(Other)), ErrorRegistry.layer))
      )
      const failure = Exit.isFailure(exit) ? Option.getOrThrow(Cause.failureOption(exit.cause)) : assert.fail("built")
      assert.strictEqual(failure._tag, "RegistrationConflict")
      assert.include(
        failure.message,
        "the override 'not-found (404)' is registered by two that are called 'the application'"
      )
    }).pipe(Effect.scoped)
  )
})

describe("abort", () => {
  it.effect("is a failure that says how the request ends", () =>
    Effect.gen(function* () {
      const aborted = yield* Effect.flip(ErrorRegistry.abort(404, { id: "a-x", description: "gone" }))
      assert.instanceOf(aborted, ErrorRegistry.Aborted)
      assert.strictEqual(aborted.message, "Aborted with 404 a-x")
      assert.strictEqual((yield* Effect.flip(ErrorRegistry.abort(404))).message, "Aborted with 404")
    })
  )
})

describe("translation", () => {
  class Locked extends ApiError.make<Locked>()("auth-locked", { status: 423, message: "{user} is locked" }) {}

  const translated = (...translations: ReadonlyArray<ErrorRegistry.Translation>) => ({ owner: "app", translations })
  const german = { language: "de", error: Locked, text: "{user} ist gesperrt" }

  it.effect("is kept by language, whatever the case of its tag", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      const french = { language: "FR-ch", error: Locked, text: "{user} est bloqué" }
      assert.deepStrictEqual(yield* register(registry, translated(german, french, german)), [])
      assert.deepStrictEqual(
        Array.from(registry.translationsOf(Locked), ([language, { text }]) => [language, text]),
        [
          ["de", german.text],
          ["fr-ch", french.text]
        ]
      )
      assert.strictEqual(registry.translationsOf(BuiltInErrors.NotFound).size, 0)
    })
  )

  it.effect("refuses what is no language, no template, or names what is no field, and keeps the first of two", () =>
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.make
      const refused = yield* register(
        registry,
        translated(
          { ...german, language: "german, please" },
          { ...german, text: "{user ist gesperrt" },
          { ...german, text: "{usr} ist gesperrt" },
          german,
          { ...german, text: "gesperrt" }
        )
      )
      assert.deepStrictEqual(refused, [
        "invalid auth-locked of app: 'german, please' is not a language tag",
        "invalid auth-locked of app: The template '{user ist gesperrt' is malformed: a '{' is never closed; write '{{' for a literal brace",
        "invalid auth-locked of app: the message in 'de' names '{usr}', which is not one of the fields",
        "translation auth-locked (423) in 'de': app, app"
      ])
      assert.strictEqual(registry.translationsOf(Locked).get("de")?.text, german.text)
    })
  )

  it.effect("as a layer fails for ids known only at run time that nobody has", () =>
    Effect.gen(function* () {
      const texts: Record<string, string> = { "auth-locked": german.text, "auth-loked": "x", constructor: "x" }
      const exit = yield* Effect.exit(
        Layer.build(Layer.provide(ErrorRegistry.translation("de", [Locked], texts), ErrorRegistry.layer))
      )
      const error = Option.getOrThrow(Cause.failureOption(Exit.isFailure(exit) ? exit.cause : Cause.empty))
      assert.strictEqual(
        error.message,
        "Definitions are invalid:\n" +
          "- 'auth-loked' of 'the application': no error with this id is among those that are translated\n" +
          "- 'constructor' of 'the application': no error with this id is among those that are translated"
      )
    }).pipe(Effect.scoped)
  )
})
