import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Metric, TestClock } from "effect"
import { assertLine, Counted, Moved, run, settle, Ticked } from "../support/auditLog.js"

describe("a full queue", () => {
  it.effect("holds up those who add until there is room, and loses nothing", () =>
    Effect.gen(function* () {
      const { records, lines } = yield* run(
        ({ audit, sink }) =>
          Effect.gen(function* () {
            sink.state.mode = "fails"
            let added = 0
            const adding = yield* Effect.fork(
              Effect.forEach(Array.from({ length: 10 }), () => Effect.tap(audit.add(Ticked), () => ++added))
            )
            yield* settle
            assert.strictEqual(added, 2)
            sink.state.mode = "works"
            yield* TestClock.adjust("1 second")
            yield* Fiber.join(adding)
            assert.strictEqual(added, 10)
          }),
        { capacity: { records: 3 } }
      )
      assert.lengthOf(records, 10)
      assert.deepStrictEqual(
        lines.map(({ message }) => message),
        ["The audit log cannot be written; it is tried again until it can", "The audit log can be written again"]
      )
    })
  )

  it.effect("holds nobody up for longer than they wait at most", () =>
    run(
      ({ audit, sink }) =>
        Effect.gen(function* () {
          sink.state.mode = "hangs"
          const adding = yield* Effect.fork(audit.add(Ticked))
          const finalizing = yield* Effect.fork(Effect.ensuring(Effect.void, audit.add(Ticked)))
          yield* TestClock.adjust("10 seconds")
          yield* Fiber.join(adding)
          yield* Fiber.join(finalizing)
        }),
      { capacity: { records: 1 }, closeWithin: 0 }
    )
  )

  it.effect("drops where it is told to: the trail and the application log have the exact count", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2024, 0, 1))
      const { records, lines } = yield* run(
        ({ audit, sink }) =>
          Effect.gen(function* () {
            sink.state.mode = "fails"
            for (let count = 1; count <= 10; count++) yield* audit.add(Counted, { count })
            sink.state.mode = "works"
            yield* TestClock.adjust("1 second")
            yield* audit.add(Counted, { count: 11 })
          }),
        { capacity: { records: 4 }, whenFull: "drop-new" }
      )
      assert.deepStrictEqual(
        records.map(({ event, level }) => [level, event.type, event.details]),
        [
          ...[1, 2, 3, 4].map((count) => ["WARNING", "test-counted", { count }]),
          ["ERROR", "registrar-events-dropped", { count: 6 }],
          ["WARNING", "test-counted", { count: 11 }]
        ]
      )
      for (const record of records) assertLine(record)
      assert.deepStrictEqual(
        lines.map(({ level, message }) => [level, message]).filter(([, message]) => message?.includes("dropped")),
        [
          ["ERROR", "Audit events are dropped, the first of them 'test-counted': the audit log is full or closed"],
          ["ERROR", "6 audit events were dropped, because too many were waiting to be written"]
        ]
      )
    })
  )

  it.effect("is never fuller than twice its capacity, whatever those who are held up do", () =>
    Effect.gen(function* () {
      const { records } = yield* run(
        ({ audit, sink }) =>
          Effect.gen(function* () {
            sink.state.mode = "fails"
            const adding = yield* Effect.forkAll(Array.from({ length: 50 }, () => audit.add(Ticked)))
            yield* settle
            sink.state.mode = "works"
            yield* TestClock.adjust("1 second")
            yield* Fiber.join(adding)
          }),
        { capacity: { records: 5 } }
      )
      assert.lengthOf(records, 11)
      assert.deepStrictEqual(records[10]!.event, { type: "registrar-events-dropped", details: { count: 40 } })
    })
  )

  it.effect("does with each level what is said for it", () =>
    Effect.gen(function* () {
      const { records, lines } = yield* run(
        ({ audit, sink }) =>
          Effect.gen(function* () {
            const gate = yield* Deferred.make<void>()
            sink.state.gate = Deferred.await(gate)
            yield* audit.add(Ticked)
            yield* settle
            // One is being written: room for three more.
            for (const what of [1, 2, 3, 4, 5]) yield* audit.add(Moved, { what, where: "" })
            yield* audit.add(Ticked)
            // Not named, and so held up.
            const held = yield* Effect.fork(audit.add(Counted, { count: 1 }))
            yield* settle
            assert.strictEqual((yield* Fiber.poll(held))._tag, "None")
            yield* audit.add(Moved, { what: 6, where: "" })
            assert.deepStrictEqual(yield* audit.account, {
              accepted: 9,
              durable: 0,
              dropped: 4,
              pending: 5,
              collapsed: 0
            })
            yield* Deferred.succeed(gate, undefined)
            yield* Fiber.join(held)
          }),
        { capacity: { records: 4 }, whenFull: { Debug: "drop-new", Info: "drop-old" } }
      )
      assert.deepStrictEqual(
        records.map(({ event }) => event.details["what"] ?? event.type),
        ["test-ticked", 4, 5, "test-counted", 6, "registrar-events-dropped"]
      )
      assert.deepStrictEqual(records.at(-1)!.event.details, { count: 4 })
      assert.include(
        lines.map(({ message }) => message),
        "Audit events are dropped, the first of them 'test-moved': the audit log is full or closed"
      )
    })
  )

  it.effect("lets nothing give way that is required", () =>
    Effect.gen(function* () {
      const { records } = yield* run(
        ({ audit, sink }) =>
          Effect.gen(function* () {
            const gate = yield* Deferred.make<void>()
            sink.state.gate = Deferred.await(gate)
            yield* audit.add(Ticked)
            yield* settle
            const required = yield* Effect.fork(audit.require(Counted, { count: 0 }))
            yield* settle
            for (let count = 1; count <= 10; count++) yield* audit.add(Counted, { count })
            yield* Deferred.succeed(gate, undefined)
            yield* Fiber.join(required)
          }),
        { capacity: { records: 3 }, whenFull: "drop-old" }
      )
      assert.deepStrictEqual(
        records.map(({ event }) => event.details["count"]),
        [undefined, 0, 10, 9]
      )
    })
  )

  it.effect("accounts exactly for what it dropped over several outages", () =>
    Effect.gen(function* () {
      const { records, value } = yield* run(
        ({ audit, sink }) =>
          Effect.gen(function* () {
            for (const step of ["mode", "sync", "mode"] as const) {
              sink.state[step] = "fails"
              for (let count = 1; count <= 10; count++) {
                yield* audit.add(Counted, { count })
                yield* TestClock.adjust("100 millis")
                const { accepted, durable, dropped, pending } = yield* audit.account
                assert.strictEqual(accepted, durable + dropped + pending)
              }
              sink.state[step] = "works"
              yield* TestClock.adjust("1 second")
            }
            return yield* audit.account
          }),
        { capacity: { records: 4 }, whenFull: "drop-old" }
      )
      const [reports, events] = [
        records.filter(({ event }) => event.type === "registrar-events-dropped"),
        records.filter(({ event }) => event.type === "test-counted")
      ]
      const reported = reports.reduce((sum, { event }) => sum + Number(event.details["count"]), 0)
      assert.deepStrictEqual(value, {
        accepted: 30,
        durable: events.length,
        dropped: reported,
        pending: 0,
        collapsed: 0
      })
      assert.lengthOf(reports, 3)
      assert.strictEqual(reported, 30 - events.length)
    })
  )
})

describe("the metrics", () => {
  const metricsOf = (source: string) =>
    Effect.map(Metric.snapshot, (pairs) =>
      Object.fromEntries(
        pairs.flatMap(({ metricKey, metricState }) => {
          // Those that count by type have another tag.
          const isOwn = metricKey.tags.map(({ key, value }) => `${key}=${value}`).join() === `source=${source}`
          const value = "count" in metricState ? metricState.count : "value" in metricState ? metricState.value : NaN
          return isOwn ? [[metricKey.name.replace("registrar_audit_", ""), value]] : []
        })
      )
    )

  it.effect("tell the account, each for its own source, and whether there is an outage", () =>
    Effect.gen(function* () {
      yield* run(({ audit }) => Effect.zipRight(audit.add(Ticked), audit.flush), { source: "one" })
      yield* run(
        ({ audit, sink }) =>
          Effect.gen(function* () {
            sink.state.sync = "fails"
            for (let count = 1; count <= 5; count++) yield* audit.add(Counted, { count })
            yield* settle
            assert.deepStrictEqual(yield* metricsOf("other"), {
              events_accepted: 5,
              events_durable: 0,
              events_dropped: 2,
              events_collapsed: 0,
              events_pending: 3,
              failures: 1,
              outage: 1
            })
            sink.state.sync = "works"
            yield* TestClock.adjust("1 second")
            assert.deepStrictEqual(yield* metricsOf("other"), {
              events_accepted: 5,
              events_durable: 3,
              events_dropped: 2,
              events_collapsed: 0,
              events_pending: 0,
              failures: 1,
              outage: 0
            })
          }),
        { source: "other", capacity: { records: 3 }, whenFull: "drop-new" }
      )
      assert.deepStrictEqual(yield* metricsOf("one"), {
        events_accepted: 1,
        events_durable: 1,
        events_dropped: 0,
        events_collapsed: 0,
        events_pending: 0,
        failures: 0,
        outage: 0
      })
    })
  )

  it.effect("show a sink that hangs as an outage, once somebody has waited for it in vain", () =>
    run(
      ({ audit, sink }) =>
        Effect.gen(function* () {
          const gate = yield* Deferred.make<void>()
          sink.state.gate = Deferred.await(gate)
          const waiting = yield* Effect.fork(Effect.flip(audit.require(Ticked)))
          yield* settle
          assert.strictEqual((yield* metricsOf("hanging"))["outage"], 0)
          yield* TestClock.adjust("3 seconds")
          yield* Fiber.join(waiting)
          assert.strictEqual((yield* metricsOf("hanging"))["outage"], 1)
          yield* Deferred.succeed(gate, undefined)
          yield* settle
          assert.strictEqual((yield* metricsOf("hanging"))["outage"], 0)
        }),
      { source: "hanging", waitAtMost: "3 seconds" }
    )
  )
})
