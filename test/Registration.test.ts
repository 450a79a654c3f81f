import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Registration from "../src/Registration.js"

const conflict = (name: string): Registration.Refusal => ({
  _tag: "Conflict",
  conflict: { kind: "error", name, owners: ["one", "two"] }
})
const invalid = (name: string): Registration.Refusal => ({ _tag: "Invalid", owner: "one", name, problem: "is wrong" })

describe("settle", () => {
  it.effect("succeeds when nothing was refused", () => Registration.settle([]))

  it.effect("lists every conflict, in sentences", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(Registration.settle([conflict("a (400)"), conflict("b (404)")]))
      assert.instanceOf(failure, Registration.RegistrationConflict)
      assert.strictEqual(
        failure.message,
        "Registrations exclude each other:\n" +
          "- the error 'a (400)' is registered by 'one' and by 'two'\n" +
          "- the error 'b (404)' is registered by 'one' and by 'two'"
      )
    })
  )

  it.effect("lists every definition that is wrong", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(Registration.settle([invalid("a"), conflict("b"), invalid("c")]))
      assert.instanceOf(failure, Registration.InvalidDefinition)
      assert.strictEqual(
        failure.message,
        "Definitions are invalid:\n- 'a' of 'one': is wrong\n- 'c' of 'one': is wrong"
      )
    })
  )
})

describe("report", () => {
  it.effect("fails at once where nobody gathers", () =>
    Effect.gen(function* () {
      assert.instanceOf(yield* Effect.flip(Registration.report([conflict("a")])), Registration.RegistrationConflict)
    })
  )

  it.effect("hands over to those who gather", () =>
    Effect.gen(function* () {
      const gathered: Array<Registration.Refusal> = []
      const report = (refusal: Registration.Refusal) =>
        Effect.provideService(Registration.report([refusal]), Registration.Refusals, gathered)
      yield* report(conflict("a"))
      yield* report(invalid("b"))
      assert.deepStrictEqual(gathered, [conflict("a"), invalid("b")])
    })
  )
})
