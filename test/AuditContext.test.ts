import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as AuditContext from "../src/AuditContext.js"

const current = Effect.map(Effect.serviceOption(AuditContext.AuditContext), Option.getOrUndefined)

describe("withUser", () => {
  it.effect("adds the user to what is known, for what runs inside", () =>
    Effect.gen(function* () {
      const [inside, nested, after] = yield* Effect.all([
        AuditContext.withUser("ada")(current),
        AuditContext.withUser("ada")(AuditContext.withUser("bob")(current)),
        current
      ]).pipe(Effect.provide(AuditContext.layer({ ip: "192.0.2.1", path: "/a" })))
      assert.deepStrictEqual(inside, { ip: "192.0.2.1", path: "/a", user: "ada" })
      assert.deepStrictEqual(nested, { ip: "192.0.2.1", path: "/a", user: "bob" })
      assert.deepStrictEqual(after, { ip: "192.0.2.1", path: "/a" })
    })
  )

  it.effect("makes a context where there is none", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* AuditContext.withUser("ada")(current), { user: "ada" })
      assert.isUndefined(yield* current)
    })
  )

  it.effect("reaches what is forked inside", () =>
    Effect.gen(function* () {
      const forked = Effect.flatMap(Effect.fork(current), (fiber) => fiber)
      assert.deepStrictEqual(yield* AuditContext.withUser("ada")(forked), { user: "ada" })
    })
  )
})

describe("identify", () => {
  it.effect("names the user for the rest of what the context was made for", () =>
    Effect.gen(function* () {
      const [before, after] = yield* Effect.all([current, Effect.zipRight(AuditContext.identify("ada"), current)]).pipe(
        Effect.map((contexts) => contexts.map((context) => context?.user)),
        Effect.provide(AuditContext.layer({ path: "/a" }))
      )
      // One object: who looked at it before sees the user now.
      assert.deepStrictEqual([before, after], ["ada", "ada"])
    })
  )

  it.effect("reaches no other run of the same layer", () =>
    Effect.gen(function* () {
      const context = { path: "/a" }
      const layer = AuditContext.layer(context)
      yield* Effect.provide(AuditContext.identify("ada"), layer)
      assert.deepStrictEqual(yield* Effect.provide(current, layer), { path: "/a" })
      assert.deepStrictEqual(context, { path: "/a" })
    })
  )

  it.effect("inside of withUser it is the one that counts, there alone", () =>
    Effect.gen(function* () {
      const inside = AuditContext.withUser("bob")(Effect.zipRight(AuditContext.identify("ada"), current))
      const [within, outside] = yield* Effect.provide(Effect.all([inside, current]), AuditContext.layer({}))
      assert.deepStrictEqual([within?.user, outside?.user], ["ada", undefined])
    })
  )

  it.effect("leaves alone what others may share", () =>
    Effect.gen(function* () {
      const shared = Object.freeze({ path: "/a" })
      yield* AuditContext.identify("ada").pipe(Effect.provideService(AuditContext.AuditContext, shared))
      assert.deepStrictEqual(shared, { path: "/a" })
    })
  )

  it.effect("does nothing without a context", () => AuditContext.identify("ada"))
})

describe("forgettingOnFailure", () => {
  const layer = AuditContext.layer({ path: "/a" })
  const identifies = AuditContext.identify("ada")

  it.effect("forgets whom the effect identified, where it fails, dies or is interrupted", () =>
    Effect.gen(function* () {
      for (const end of [Effect.fail("no"), Effect.die("no"), Effect.interrupt]) {
        const attempt = Effect.exit(AuditContext.forgettingOnFailure(Effect.zipRight(identifies, end)))
        assert.deepStrictEqual(yield* Effect.provide(Effect.zipRight(attempt, current), layer), { path: "/a" })
      }
    })
  )

  it.effect("puts back whom somebody identified before", () =>
    Effect.gen(function* () {
      const attempt = Effect.exit(AuditContext.forgettingOnFailure(Effect.zipRight(identifies, Effect.fail("no"))))
      const all = Effect.all([AuditContext.identify("bob"), attempt])
      assert.strictEqual((yield* Effect.provide(Effect.zipRight(all, current), layer))?.user, "bob")
    })
  )

  it.effect("keeps whom it identified, where it succeeds, and leaves alone what others may share", () =>
    Effect.gen(function* () {
      const keeps = Effect.zipRight(AuditContext.forgettingOnFailure(identifies), current)
      assert.strictEqual((yield* Effect.provide(keeps, layer))?.user, "ada")
      const shared = Object.freeze({ user: "bob" })
      yield* Effect.exit(AuditContext.forgettingOnFailure(Effect.fail("no"))).pipe(
        Effect.provideService(AuditContext.AuditContext, shared)
      )
      yield* Effect.exit(AuditContext.forgettingOnFailure(Effect.fail("no")))
      assert.deepStrictEqual(shared, { user: "bob" })
    })
  )
})
