/** The trail of one instance in a ledger that fails, as the sink of a database or a stream has it. */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Logger } from "effect"
import * as AuditLedger from "../src/AuditLedger.js"
import * as AuditStore from "../src/AuditStore.js"
import { records } from "./AuditSink/testRecords.js"

const makeLedger = () => {
  const stored: Array<AuditStore.StoredRecord> = []
  const given: Array<number> = []
  const state = { fails: false, answerIsLost: false }
  const failure = new AuditStore.AuditStoreError({ store: "test", reason: "Unavailable", description: "it is away" })
  const ledger: AuditStore.Ledger = {
    name: "test",
    ends: () => Effect.succeed({ first: stored[0]?.record.line, last: stored.at(-1)?.record.line }),
    append: (batch) =>
      Effect.suspend(() => {
        given.push(batch.length)
        if (state.fails) return failure
        stored.push(...batch.filter(({ seq }) => seq > stored.length))
        return state.answerIsLost ? failure : Effect.void
      })
  }
  return { stored, given, state, ledger }
}

const withSink = <A, E>(
  ledger: AuditStore.Ledger,
  use: (sink: Effect.Effect.Success<ReturnType<typeof AuditLedger.sink>>) => Effect.Effect<A, E>
) =>
  AuditLedger.sink(ledger, { instance: "a" }).pipe(
    Effect.flatMap(use),
    Effect.scoped,
    Effect.provide([NodeFileSystem.layer, Logger.remove(Logger.defaultLogger)])
  )

const numbers = (stored: ReadonlyArray<AuditStore.StoredRecord>) =>
  stored.flatMap(({ record }) => (record.event.type === "test-event" ? [Number(record.event.details["number"])] : []))

describe("the sink of a ledger", () => {
  it.effect("stores what was given up with what comes next, and does not let it grow", () =>
    Effect.gen(function* () {
      const { given, ledger, state, stored } = makeLedger()
      yield* withSink(ledger, (sink) =>
        Effect.gen(function* () {
          state.fails = true
          // As one does who gives a batch up that fails.
          for (let from = 1; from < 100; from += 10) yield* Effect.flip(sink.write(records(from, from + 9)))
          assert.isAtMost(Math.max(...given), 11)
          state.fails = false
          yield* sink.write(records(101, 102))
          assert.deepStrictEqual(numbers(stored), [...Arr.range(1, 10), 101, 102])
        })
      )
    })
  )

  it.effect("stores each record once, in whatever cuts it is given again", () =>
    Effect.gen(function* () {
      const { ledger, state, stored } = makeLedger()
      yield* withSink(ledger, (sink) =>
        Effect.gen(function* () {
          const [first, second, third] = [records(1, 3), records(4, 6), records(7, 9)]
          const all = [...first, ...second] as const
          state.answerIsLost = true
          yield* Effect.flip(sink.write(all))
          state.answerIsLost = false
          for (const batch of [first, second, third]) yield* Effect.zipRight(sink.write(batch), sink.sync)
          assert.deepStrictEqual(numbers(stored), Arr.range(1, 9))
        })
      )
    })
  )

  it.effect("goes on with a chain whose last records were taken away", () =>
    Effect.gen(function* () {
      const { ledger, stored } = makeLedger()
      const head = { seq: 41, hash: "a".repeat(64) }
      stored.length = 41
      yield* withSink({ ...ledger, ends: () => Effect.succeed({ first: undefined, last: undefined, head }) }, (sink) =>
        sink.write(records(1, 1))
      )
      assert.deepStrictEqual([stored[41]?.seq, stored[41]?.prev], [42, head.hash])
    })
  )
})

describe("the sink of a ledger behind a spool", () => {
  it.effect("refuses to be another instance than the spool is", () =>
    Effect.gen(function* () {
      const { ledger } = makeLedger()
      const open = (instance: string) =>
        withSink(ledger, () => Effect.void).pipe(Effect.provideService(AuditLedger.SpooledInstance, instance))
      yield* open("a")
      const error = yield* Effect.flip(open("b"))
      assert.strictEqual(error.reason, "Misconfigured")
      assert.include(error.message, "writes as 'b', and not as 'a'")
    })
  )
})
