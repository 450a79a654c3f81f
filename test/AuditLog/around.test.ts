import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Deferred, Effect, Exit, Fiber, TestClock } from "effect"
import fc from "fast-check"
import * as ApiError from "../../src/ApiError.js"
import * as AuditContext from "../../src/AuditContext.js"
import * as AuditLog from "../../src/AuditLog.js"
import type { AuditRecord } from "../../src/AuditRecord.js"
import { AuditUnavailable } from "../../src/BuiltInErrors.js"
import { assertLine, Counted, run, settle, Ticked } from "../support/auditLog.js"

class Locked extends ApiError.make<Locked>()("test-locked", { status: 423, message: "It is locked" }) {}
class Tagged extends Data.TaggedError("Tagged")<{ readonly secret: string }> {}
class Foreign extends Error {}

const secret = "hunter2-secret"

const seen = (records: ReadonlyArray<AuditRecord>) =>
  records.map(({ event: { details, type }, level }) => [level, type, details])

/** One intent, and one outcome after it, tied together. */
const assertPair = (records: ReadonlyArray<AuditRecord>) => {
  for (const record of records) assertLine(record)
  const intents = new Set(records.map(({ event }) => event.intent))
  assert.strictEqual(intents.size, 1)
  assert.match([...intents][0]!, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
}

describe("around", () => {
  for (const [name, act, outcome] of [
    ["succeeds", Effect.succeed("done"), ["INFO", "registrar-act-succeeded", {}]],
    ["fails with a registered error", new Locked(), ["WARNING", "registrar-act-failed", { error: "test-locked" }]],
    ["fails with a tag", new Tagged({ secret }), ["WARNING", "registrar-act-failed", { error: "Tagged" }]],
    ["fails with a class", Effect.fail(new Foreign(secret)), ["WARNING", "registrar-act-failed", { error: "Foreign" }]],
    ["fails with text", Effect.fail(secret), ["WARNING", "registrar-act-failed", { error: "string" }]],
    ["dies", Effect.die(new Foreign(secret)), ["ERROR", "registrar-act-died", { error: "Foreign" }]],
    ["dies of text", Effect.die(secret), ["ERROR", "registrar-act-died", { error: "string" }]],
    [
      "fails, and its finalizer dies",
      Effect.ensuring(new Locked(), Effect.die(new Foreign(secret))),
      ["WARNING", "registrar-act-failed", { error: "test-locked" }]
    ],
    ["interrupts itself", Effect.interrupt, ["WARNING", "registrar-act-interrupted", {}]]
  ] as const) {
    it.effect(`records the intent and the outcome of an act that ${name}, and hands its exit on`, () =>
      Effect.gen(function* () {
        const { records, value } = yield* run(() =>
          (act as Effect.Effect<string, unknown>).pipe(
            AuditLog.around(Counted, { count: 1 }),
            Effect.exit,
            AuditContext.withUser("ada")
          )
        )
        const [level, type, details] = outcome
        assert.deepStrictEqual(seen(records), [
          ["WARNING", "test-counted", { user: "ada", count: 1 }],
          [level, type, { user: "ada", event: "test-counted", ...details }]
        ])
        assertPair(records)
        assert.notInclude(records.map(({ line }) => line).join(), secret)
        assert.deepStrictEqual(yield* Effect.exit(act as Effect.Effect<string, unknown>), value)
      })
    )
  }

  it.effect("says in the line what belongs together, and nothing where nothing does", () =>
    Effect.gen(function* () {
      const { records } = yield* run(({ audit }) =>
        Effect.zipRight(audit.add(Ticked), AuditLog.around(Ticked)(Effect.void))
      )
      const [alone, intent] = records.map(({ line }) => JSON.parse(line).event)
      assert.deepStrictEqual(Object.keys(alone), ["type", "details"])
      assert.deepStrictEqual(Object.keys(intent), ["type", "details", "intent"])
    })
  )

  it.effect("begins once the intent is durable: intent, what the act adds, outcome", () =>
    Effect.gen(function* () {
      const { records } = yield* run(({ audit, sink }) =>
        Effect.gen(function* () {
          const sync = yield* Deferred.make<void>()
          sink.state.syncGate = Deferred.await(sync)
          let begun = false
          const act = Effect.zipRight(
            Effect.sync(() => (begun = true)),
            audit.add(Ticked)
          )
          const acting = yield* Effect.fork(AuditLog.around(Counted, { count: 1 })(act))
          yield* settle
          assert.isFalse(begun)
          yield* Deferred.succeed(sync, undefined)
          yield* Fiber.join(acting)
        })
      )
      assert.deepStrictEqual(
        records.map(({ event }) => event.type),
        ["test-counted", "test-ticked", "registrar-act-succeeded"]
      )
    })
  )

  for (const sick of ["mode", "sync"] as const) {
    it.effect(
      `does not begin where the sink fails (${sick}), and says so behind the intent that is written later`,
      () =>
        Effect.gen(function* () {
          let begun = false
          const { records } = yield* run(({ sink }) =>
            Effect.gen(function* () {
              sink.state[sick] = "fails"
              const act = AuditLog.around(Ticked)(Effect.sync(() => (begun = true)))
              assert.instanceOf(yield* Effect.flip(act), AuditUnavailable)
              sink.state[sick] = "works"
              yield* TestClock.adjust("1 second")
            })
          )
          assert.isFalse(begun)
          assert.deepStrictEqual(seen(records), [
            ["DEBUG", "test-ticked", {}],
            ["WARNING", "registrar-act-not-attempted", { event: "test-ticked" }]
          ])
          assertPair(records)
        })
    )
  }

  it.effect("does not begin where the sink hangs", () =>
    Effect.gen(function* () {
      let begun = false
      const { records } = yield* run(
        ({ sink }) =>
          Effect.gen(function* () {
            const gate = yield* Deferred.make<void>()
            sink.state.gate = Deferred.await(gate)
            const act = AuditLog.around(Ticked)(Effect.sync(() => (begun = true)))
            const acting = yield* Effect.fork(Effect.flip(act))
            yield* TestClock.adjust("3 seconds")
            assert.instanceOf(yield* Fiber.join(acting), AuditUnavailable)
            yield* Deferred.succeed(gate, undefined)
          }),
        { waitAtMost: "3 seconds" }
      )
      assert.isFalse(begun)
      assert.deepStrictEqual(
        records.map(({ event }) => event.type),
        ["test-ticked", "registrar-act-not-attempted"]
      )
    })
  )

  it.effect("does not begin where the intent is dropped, and leaves nothing behind", () =>
    Effect.gen(function* () {
      let begun = false
      const { records } = yield* run(
        ({ audit, sink }) =>
          Effect.gen(function* () {
            const gate = yield* Deferred.make<void>()
            sink.state.gate = Deferred.await(gate)
            yield* audit.add(Counted, { count: 1 })
            const act = AuditLog.around(Ticked)(Effect.sync(() => (begun = true)))
            assert.instanceOf(yield* Effect.flip(act), AuditUnavailable)
            yield* Deferred.succeed(gate, undefined)
          }),
        { capacity: { records: 1 }, whenFull: "drop-new" }
      )
      assert.isFalse(begun)
      assert.deepStrictEqual(
        records.map(({ event }) => event.type),
        ["test-counted", "registrar-events-dropped"]
      )
    })
  )

  it.effect("records the outcome where the queue is full, whatever its level would do", () =>
    Effect.gen(function* () {
      const { records } = yield* run(
        ({ audit, sink }) =>
          AuditLog.around(Ticked)(
            Effect.gen(function* () {
              const gate = yield* Deferred.make<void>()
              sink.state.gate = Deferred.await(gate)
              for (let count = 1; count <= 4; count++) yield* audit.add(Counted, { count })
              yield* Effect.forkDaemon(Effect.zipRight(settle, Deferred.succeed(gate, undefined)))
            })
          ),
        { capacity: { records: 2 }, whenFull: "drop-new" }
      )
      assert.deepStrictEqual(
        records.map(({ event }) => event.type).filter((type) => type !== "test-counted"),
        ["test-ticked", "registrar-act-succeeded", "registrar-events-dropped"]
      )
    })
  )

  it.effect("in the finalizers of an interrupted fiber acts, and records both", () =>
    Effect.gen(function* () {
      let done = false
      const { records } = yield* run(() =>
        Effect.gen(function* () {
          const act = AuditLog.around(Ticked)(Effect.sync(() => (done = true)))
          const working = yield* Effect.fork(Effect.onInterrupt(Effect.never, () => Effect.exit(act)))
          yield* settle
          yield* Fiber.interrupt(working)
        })
      )
      assert.isTrue(done)
      assert.deepStrictEqual(
        records.map(({ event }) => event.type),
        ["test-ticked", "registrar-act-succeeded"]
      )
    })
  )

  it.effect.prop(
    "interrupted at any moment, has one outcome for each intent, and the act runs only behind a durable one",
    [fc.integer({ min: 0, max: 40 }), fc.constantFrom("works" as const, "fails" as const), fc.boolean()],
    ([steps, mode, isSlow]) =>
      Effect.gen(function* () {
        const acts = { begun: 0, ended: 0, unannounced: 0 }
        const { records } = yield* run(({ sink }) =>
          Effect.gen(function* () {
            sink.state.mode = mode
            if (isSlow) sink.state.gate = Effect.repeatN(Effect.yieldNow(), 5)
            const act = Effect.sync(() => {
              acts.begun++
              if (sink.records.length === 0) acts.unannounced++
            }).pipe(
              Effect.zipRight(Effect.repeatN(Effect.yieldNow(), 5)),
              Effect.zipRight(Effect.sync(() => acts.ended++))
            )
            const acting = yield* Effect.fork(AuditLog.around(Ticked)(act))
            yield* Effect.repeatN(Effect.yieldNow(), steps)
            yield* Fiber.interrupt(acting)
            sink.state.mode = "works"
            yield* TestClock.adjust("2 seconds")
          })
        )
        const types = records.map(({ event }) => event.type)
        assert.strictEqual(acts.unannounced, 0)
        if (types.length === 0) return assert.strictEqual(acts.begun, 0)
        assertPair(records)
        assert.lengthOf(types, 2)
        assert.strictEqual(types[0], "test-ticked")
        if (acts.ended === 1) assert.strictEqual(types[1], "registrar-act-succeeded")
        else if (acts.begun === 1) assert.strictEqual(types[1], "registrar-act-interrupted")
        else assert.include(["registrar-act-not-attempted", "registrar-act-interrupted"], types[1])
      }),
    { fastCheck: { numRuns: 60 } }
  )

  it.effect("ties each of many that run at the same time to its own outcome", () =>
    Effect.gen(function* () {
      const { records } = yield* run(() =>
        Effect.forEach(
          Array.from({ length: 500 }, (_, count) => count),
          (count) =>
            Effect.exit(
              AuditLog.around(Counted, { count })(
                Effect.zipRight(
                  Effect.repeatN(Effect.yieldNow(), count % 7),
                  count % 2 === 0 ? Effect.void : new Locked()
                )
              )
            ),
          { concurrency: "unbounded" }
        )
      )
      const byIntent = new Map<string, Array<AuditRecord>>()
      for (const record of records) {
        const intent = record.event.intent!
        byIntent.set(intent, [...(byIntent.get(intent) ?? []), record])
      }
      assert.strictEqual(byIntent.size, 500)
      for (const [intent, outcome, ...others] of byIntent.values()) {
        assert.isEmpty(others)
        const isEven = Number(intent!.event.details["count"]) % 2 === 0
        assert.strictEqual(outcome!.event.type, isEven ? "registrar-act-succeeded" : "registrar-act-failed")
      }
    })
  )

  it.effect("waits for its outcome as add does", () =>
    run(
      ({ sink }) =>
        Effect.gen(function* () {
          const gate = yield* Deferred.make<void>()
          const acting = yield* Effect.fork(
            AuditLog.around(Ticked)(Effect.sync(() => (sink.state.syncGate = Deferred.await(gate))))
          )
          yield* settle
          assert.strictEqual((yield* Fiber.poll(acting))._tag, "None")
          yield* Deferred.succeed(gate, undefined)
          yield* Fiber.join(acting)
          assert.lengthOf(sink.records, 2)
        }),
      { addWaitsFor: "durable" }
    )
  )

  it.effect("is interrupted as its act would be", () =>
    run(() =>
      Effect.gen(function* () {
        const acting = yield* Effect.fork(AuditLog.around(Ticked)(Effect.never))
        yield* settle
        const exit = yield* Fiber.interrupt(acting)
        assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
      })
    )
  )
})
