import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, TestClock } from "effect"
import * as AuditLog from "../../src/AuditLog.js"
import { AuditUnavailable } from "../../src/BuiltInErrors.js"
import * as Registrar from "../../src/Registrar.js"
import { Counted, makeSink, run, settle, Test, Ticked } from "../support/auditLog.js"

const isWaiting = (fiber: Fiber.Fiber<unknown, unknown>) =>
  Effect.map(Fiber.poll(fiber), (exit) => exit._tag === "None")

describe("add", () => {
  for (const [addWaitsFor, whenWritten, whenDurable] of [
    [undefined, false, false],
    ["accepted", false, false],
    ["written", true, false],
    ["durable", true, true]
  ] as const) {
    it.effect(`waits for what is ${addWaitsFor ?? "accepted, where nothing is said"}`, () =>
      run(
        ({ audit, sink }) =>
          Effect.gen(function* () {
            const [write, sync] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
            sink.state.gate = Deferred.await(write)
            sink.state.syncGate = Deferred.await(sync)
            const adding = yield* Effect.fork(audit.add(Ticked))
            yield* settle
            assert.strictEqual(yield* isWaiting(adding), whenWritten)
            yield* Deferred.succeed(write, undefined)
            yield* settle
            assert.strictEqual(yield* isWaiting(adding), whenDurable)
            yield* Deferred.succeed(sync, undefined)
            yield* Fiber.join(adding)
          }),
        { addWaitsFor }
      )
    )
  }

  it.effect("that waits goes on at once where the sink fails, and the event is written later", () =>
    Effect.gen(function* () {
      const { records } = yield* run(
        ({ audit, sink }) =>
          Effect.gen(function* () {
            sink.state.sync = "fails"
            yield* audit.add(Counted, { count: 1 })
            yield* audit.add(Counted, { count: 2 })
            sink.state.sync = "works"
            yield* TestClock.adjust("1 second")
          }),
        { addWaitsFor: "durable" }
      )
      assert.deepStrictEqual(
        records.map(({ event }) => event.details["count"]),
        [1, 2]
      )
    })
  )

  it.effect("that waits does so once where the sink hangs, until it moves again", () =>
    run(
      ({ audit, sink }) =>
        Effect.gen(function* () {
          const gate = yield* Deferred.make<void>()
          sink.state.syncGate = Deferred.await(gate)
          const first = yield* Effect.fork(audit.add(Ticked))
          yield* TestClock.adjust("3 seconds")
          yield* Fiber.join(first)
          yield* audit.add(Ticked)
          yield* Deferred.succeed(gate, undefined)
          yield* settle
          const again = yield* Deferred.make<void>()
          sink.state.syncGate = Deferred.await(again)
          const waiting = yield* Effect.fork(audit.add(Ticked))
          yield* settle
          assert.isTrue(yield* isWaiting(waiting))
          yield* Deferred.succeed(again, undefined)
          yield* Fiber.join(waiting)
        }),
      { addWaitsFor: "durable", waitAtMost: "3 seconds" }
    )
  )
})

describe("require and flush", () => {
  it.effect("wait for what is durable, whatever add waits for", () =>
    run(({ audit, sink }) =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        sink.state.syncGate = Deferred.await(gate)
        const waiting = [yield* Effect.fork(audit.require(Ticked)), yield* Effect.fork(audit.flush)]
        yield* settle
        for (const fiber of waiting) assert.isTrue(yield* isWaiting(fiber))
        yield* Deferred.succeed(gate, undefined)
        for (const fiber of waiting) yield* Fiber.join(fiber)
        assert.lengthOf(sink.records, 1)
      })
    )
  )

  it.effect("fail where the sync fails, and the event is stored once when it works again", () =>
    Effect.gen(function* () {
      const { records, lines } = yield* run(({ audit, sink }) =>
        Effect.gen(function* () {
          sink.state.sync = "fails"
          assert.instanceOf(yield* Effect.flip(audit.require(Ticked)), AuditUnavailable)
          assert.instanceOf(yield* Effect.flip(audit.flush), AuditUnavailable)
          sink.state.sync = "works"
          yield* TestClock.adjust("1 second")
          yield* audit.flush
        })
      )
      assert.lengthOf(records, 1)
      assert.lengthOf(lines, 2)
    })
  )

  it.effect("wait in the finalizers of an interrupted fiber as well", () =>
    run(({ audit, sink }) =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        sink.state.gate = Deferred.await(gate)
        const exits: Array<Exit.Exit<void, AuditUnavailable>> = []
        const working = yield* Effect.fork(
          Effect.onInterrupt(Effect.never, () =>
            Effect.map(Effect.exit(audit.require(Ticked)), (exit) => void exits.push(exit))
          )
        )
        yield* settle
        const interrupting = yield* Effect.fork(Fiber.interrupt(working))
        yield* settle
        assert.lengthOf(exits, 0)
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(interrupting)
        assert.deepStrictEqual(exits, [Exit.void])
        assert.lengthOf(sink.records, 1)
      })
    )
  )
})

describe("a logger that throws", () => {
  it.effect("does not stop what is stored", () =>
    Effect.gen(function* () {
      const sink = makeSink()
      sink.state.mode = "fails"
      const throwing = Logger.make(() => {
        throw new Error("ENOSPC")
      })
      yield* Effect.gen(function* () {
        const audit = yield* AuditLog.AuditLog
        yield* audit.add(Ticked)
        yield* settle
        sink.state.mode = "works"
        yield* TestClock.adjust("1 second")
        yield* audit.require(Ticked)
      }).pipe(
        Effect.provide(Test.layer.pipe(Layer.provideMerge(Registrar.layer()), Layer.provide(sink.layer))),
        Effect.provide(Logger.replace(Logger.defaultLogger, throwing))
      )
      assert.lengthOf(sink.records, 2)
    })
  )
})
