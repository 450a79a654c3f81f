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
