import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Layer, Ref, Schema, TestClock } from "effect"
import fc from "fast-check"
import * as AuditContext from "../../src/AuditContext.js"
import * as AuditEvent from "../../src/AuditEvent.js"
import * as AuditLog from "../../src/AuditLog.js"
import type { AuditRecord } from "../../src/AuditRecord.js"
import * as AuditSink from "../../src/AuditSink.js"
import * as Extension from "../../src/Extension.js"
import * as Registrar from "../../src/Registrar.js"
import { assertLine, run as runWith, settle } from "../support/auditLog.js"

const Denied = AuditEvent.make("flood-denied", {
  level: "Error",
  message: "{user} was denied {what}",
  fields: { what: Schema.String, attempt: Schema.Int },
  collapse: { within: "1 minute", by: ["ip", "what"] }
})
const Same = AuditEvent.make("flood-same", {
  level: "Info",
  message: "The same {what}",
  collapse: { within: "10 seconds" }
})
const Flood = Extension.make("flood", { auditEvents: [Denied, Same] })

type Proofs = Layer.Layer.Success<typeof Flood.layer>

const run = <A, E>(
  body: (given: Parameters<Parameters<typeof runWith>[0]>[0]) => Effect.Effect<A, E, Proofs | Registrar.Services>,
  options?: AuditLog.Options
) => runWith((given) => Effect.provide(body(given), Flood.layer), options)

const from = (ip: string, user: string) => Effect.provide(AuditContext.layer({ ip, path: "/a", user }))

const seen = (records: ReadonlyArray<AuditRecord>) => records.map(({ event }) => [event.type, event.details["count"]])

describe("events that collapse", () => {
  it.effect("are recorded once, then counted, and summarised when their time is over", () =>
    Effect.gen(function* () {
      const { records, value } = yield* run(({ audit, sink }) =>
        Effect.gen(function* () {
          yield* TestClock.setTime(Date.UTC(2024, 0, 1))
          for (let attempt = 1; attempt <= 5; attempt++) {
            yield* audit.add(Denied, { what: "keys", attempt }).pipe(from("192.0.2.1", `user${attempt}`))
            yield* TestClock.adjust("5 seconds")
          }
          yield* audit.add(Denied, { what: "files", attempt: 1 }).pipe(from("192.0.2.1", "ada"))
          yield* TestClock.adjust("34 seconds")
          assert.lengthOf(sink.records, 2)
          assert.strictEqual((yield* audit.account).collapsed, 4)
          yield* TestClock.adjust("1 seconds")
          yield* settle
          assert.lengthOf(sink.records, 3)
          return yield* audit.account
        })
      )
      assert.deepStrictEqual(value, { accepted: 3, durable: 3, dropped: 0, pending: 0, collapsed: 4 })
      for (const record of records) assertLine(record)
      const [kept, , summary] = records
      assert.deepStrictEqual(kept!.event.details, {
        ip: "192.0.2.1",
        path: "/a",
        user: "user1",
        what: "keys",
        attempt: 1
      })
      assert.deepStrictEqual(
        { level: summary!.level, date: summary!.date, message: summary!.message, event: summary!.event },
        {
          level: "ERROR",
          date: "2024-01-01T00:01:00.000Z",
          message: "'flood-denied' happened 4 more times, from 2024-01-01T00:00:05.000Z to 2024-01-01T00:00:20.000Z",
          event: {
            type: "registrar-events-collapsed",
            // The others had other users: only what they collapse by is said of all.
            details: {
              ip: "192.0.2.1",
              event: "flood-denied",
              count: 4,
              first: "2024-01-01T00:00:05.000Z",
              last: "2024-01-01T00:00:20.000Z",
              details: kept!.event.details
            }
          }
        }
      )
    })
  )

  it.effect("are the same in all details where nothing else is said", () =>
    Effect.gen(function* () {
      const { records } = yield* run(({ audit }) =>
        Effect.gen(function* () {
          for (const ip of ["192.0.2.1", "192.0.2.2", "192.0.2.1"]) {
            yield* audit.add(Same, { what: 1 }).pipe(from(ip, "ada"))
            yield* audit.add(Same, { what: 2 }).pipe(from(ip, "ada"))
          }
        })
      )
      assert.deepStrictEqual(seen(records), [
        ...Array.from({ length: 4 }, () => ["flood-same", undefined]),
        ["registrar-events-collapsed", 1],
        ["registrar-events-collapsed", 1]
      ])
      assert.deepStrictEqual(records[4]!.event.details["user"], "ada")
      assert.strictEqual(records[4]!.level, "INFO")
    })
  )

  it.effect("begin a new window after the end of one, measured from its first event", () =>
    Effect.gen(function* () {
      const { records } = yield* run(({ audit }) =>
        Effect.gen(function* () {
          for (let n = 0; n < 7; n++) {
            yield* audit.add(Same, { what: 1 })
            yield* TestClock.adjust("4 seconds")
          }
          yield* TestClock.adjust("1 minute")
          yield* audit.add(Same, { what: 1 })
        })
      )
      assert.deepStrictEqual(seen(records), [
        ["flood-same", undefined],
        ["registrar-events-collapsed", 2],
        ["flood-same", undefined],
        ["registrar-events-collapsed", 2],
        ["flood-same", undefined],
        ["flood-same", undefined]
      ])
    })
  )

  it.effect("are counted to the last one on flush, and the window stays open", () =>
    Effect.gen(function* () {
      const { records } = yield* run(({ audit, sink }) =>
        Effect.gen(function* () {
          for (let n = 0; n < 3; n++) yield* audit.add(Same, { what: 1 })
          yield* audit.flush
          assert.deepStrictEqual(seen(sink.records), [
            ["flood-same", undefined],
            ["registrar-events-collapsed", 2]
          ])
          yield* audit.add(Same, { what: 1 })
        })
      )
      assert.deepStrictEqual(seen(records).slice(2), [["registrar-events-collapsed", 1]])
    })
  )

  it.effect("that are required, or stand around an act, are recorded each", () =>
    Effect.gen(function* () {
      const { records } = yield* run(({ audit }) =>
        Effect.gen(function* () {
          for (let n = 0; n < 3; n++) {
            yield* audit.require(Same, { what: 1 })
            yield* AuditLog.around(Same, { what: 1 })(Effect.void)
          }
        })
      )
      assert.strictEqual(records.filter(({ event }) => event.type === "flood-same").length, 6)
      assert.notInclude(
        records.map(({ event }) => event.type),
        "registrar-events-collapsed"
      )
    })
  )

  it.effect("of a type known at run time collapse as well", () =>
    Effect.gen(function* () {
      const { records } = yield* run(({ audit }) =>
        Effect.zipRight(audit.add(Same, { what: 1 }), audit.addByType("flood-same", { what: 1 }))
      )
      assert.deepStrictEqual(seen(records), [
        ["flood-same", undefined],
        ["registrar-events-collapsed", 1]
      ])
    })
  )

  it.effect("go on being counted while the queue takes nothing in", () =>
    Effect.gen(function* () {
      const { records, lines } = yield* run(
        ({ audit, sink }) =>
          Effect.gen(function* () {
            const gate = yield* Deferred.make<void>()
            sink.state.gate = Deferred.await(gate)
            yield* audit.add(Same, { what: 0 })
            yield* audit.add(Same, { what: 0 })
            yield* Effect.fork(audit.add(Same, { what: 1 }))
            yield* TestClock.adjust("10 seconds")
            yield* audit.add(Same, { what: 0 })
            yield* Deferred.succeed(gate, undefined)
            yield* settle
            yield* TestClock.adjust("10 seconds")
          }),
        { capacity: { records: 1 }, waitAtMost: 0 }
      )
      assert.deepStrictEqual(seen(records), [
        ["flood-same", undefined],
        ["flood-same", undefined],
        ["registrar-events-collapsed", 2]
      ])
      assert.deepStrictEqual(lines, [])
    })
  )

  it.effect("are summarised although the queue is full and drops what is new", () =>
    Effect.gen(function* () {
      const { records } = yield* run(
        ({ audit, sink }) =>
          Effect.gen(function* () {
            const gate = yield* Deferred.make<void>()
            sink.state.gate = Deferred.await(gate)
            for (const what of [0, 0, 0, 1, 2]) yield* audit.add(Same, { what })
            yield* TestClock.adjust("10 seconds")
            yield* Deferred.succeed(gate, undefined)
          }),
        { capacity: { records: 1 }, whenFull: "drop-new" }
      )
      assert.deepStrictEqual(seen(records), [
        ["flood-same", undefined],
        ["registrar-events-dropped", 2],
        ["registrar-events-collapsed", 2]
      ])
    })
  )

  it.effect("are summarised when the log closes", () =>
    Effect.gen(function* () {
      const records = yield* Ref.make<ReadonlyArray<AuditRecord>>([])
      yield* Effect.gen(function* () {
        const audit = yield* AuditLog.AuditLog
        for (let n = 0; n < 4; n++) yield* audit.add(Same, { what: 1 })
      }).pipe(
        Effect.provide(
          Flood.layer.pipe(Layer.provideMerge(Registrar.layer()), Layer.provide(AuditSink.memory(records)))
        )
      )
      assert.deepStrictEqual(seen(yield* Ref.get(records)), [
        ["flood-same", undefined],
        ["registrar-events-collapsed", 3]
      ])
    })
  )

  it.effect("that cannot be summarised before the end are said to be lost", () =>
    Effect.gen(function* () {
      const { lines } = yield* run(
        ({ audit, sink }) =>
          Effect.gen(function* () {
            sink.state.mode = "hangs"
            for (const what of [1, 1, 1, 2]) yield* audit.add(Same, { what })
          }),
        { capacity: { records: 1 }, waitAtMost: 0, closeWithin: 0 }
      )
      assert.include(
        lines.map(({ message }) => message),
        "2 audit events were only counted, and are lost"
      )
    })
  )

  it.effect.prop(
    "are each recorded or counted, however they fall into windows",
    [
      fc.array(
        fc.tuple(fc.integer({ min: 0, max: 2 }), fc.constantFrom(0, 0, 1, 4_999, 5_000, 9_999, 10_000, 10_001)),
        {
          maxLength: 60
        }
      )
    ],
    ([script]) =>
      Effect.gen(function* () {
        const { records, value } = yield* run(({ audit }) =>
          Effect.gen(function* () {
            for (const [what, millis] of script) {
              yield* audit.add(Same, { what })
              if (millis > 0) yield* TestClock.adjust(Duration.millis(millis))
            }
            return yield* audit.account
          })
        )
        for (const kind of [0, 1, 2]) {
          const added = script.filter(([what]) => what === kind).length
          const kept = records.filter(({ event }) => event.type === "flood-same" && event.details["what"] === kind)
          const counted = records
            .filter(({ event }) => (event.details["details"] as { what?: unknown } | undefined)?.what === kind)
            .reduce((sum, { event }) => sum + Number(event.details["count"]), 0)
          assert.strictEqual(kept.length + counted, added)
          // Those that are kept are apart by a whole window.
          const times = kept.map(({ date }) => Date.parse(date))
          times.slice(1).forEach((time, n) => assert.isAtLeast(time - times[n]!, 10_000))
        }
        const recorded = records.filter(({ event }) => event.type === "flood-same").length
        assert.strictEqual(recorded + value.collapsed, script.length)
      }),
    { fastCheck: { numRuns: 40 } }
  )
})
