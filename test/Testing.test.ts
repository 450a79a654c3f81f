import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as AuditEvent from "../src/AuditEvent.js"
import * as AuditLog from "../src/AuditLog.js"
import * as Extension from "../src/Extension.js"
import * as Registrar from "../src/Registrar.js"
import * as Testing from "../src/Testing.js"

const Ticked = AuditEvent.make("test-ticked", { level: "Info", message: "tick {n}" })
const Test = Extension.make("test", { auditEvents: [Ticked] })
const layer = Test.layer.pipe(Layer.provideMerge(Registrar.layer()), Layer.provideMerge(Testing.layer()))

describe("layer", () => {
  it.effect("has every record that was added, at once", () =>
    Effect.gen(function* () {
      const audit = yield* AuditLog.AuditLog
      const recorded = yield* Testing.Recorded
      for (let n = 0; n < 3; n++) {
        yield* audit.add(Ticked, { n })
        assert.lengthOf(yield* recorded.audit, n + 1)
      }
      assert.deepStrictEqual(
        (yield* recorded.audit).map(({ message }) => message),
        ["tick 0", "tick 1", "tick 2"]
      )
    }).pipe(Effect.provide(layer))
  )

  it.effect("has every line of the application log from Debug on, or from another level", () =>
    Effect.gen(function* () {
      const log = Effect.all([Effect.logTrace("t"), Effect.logDebug("d"), Effect.logInfo("i"), Effect.logError("e")])
      const messages = Effect.gen(function* () {
        yield* log
        const recorded = yield* Testing.Recorded
        return (yield* recorded.application).map(({ message }) => message)
      })
      assert.deepStrictEqual(yield* Effect.provide(messages, Testing.layer()), ["d", "i", "e"])
      assert.deepStrictEqual(yield* Effect.provide(messages, Testing.layer({ level: "Error" })), ["e"])
    })
  )

  it.effect("records for itself alone", () =>
    Effect.gen(function* () {
      const ticked = Effect.gen(function* () {
        const audit = yield* AuditLog.AuditLog
        yield* audit.add(Ticked, { n: 1 })
        const recorded = yield* Testing.Recorded
        return yield* recorded.audit
      }).pipe(Effect.provide(layer))
      assert.lengthOf(yield* ticked, 1)
      assert.lengthOf(yield* ticked, 1)
    })
  )
})
