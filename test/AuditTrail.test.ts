import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AuditChain from "../src/AuditChain.js"
import * as AuditTrail from "../src/AuditTrail.js"

const key = Effect.flatMap(AuditChain.generateKeys, ({ privateKey }) => AuditChain.signingKey(privateKey))

const chained = Effect.map(key, (key) =>
  AuditTrail.chained({
    sealer: {
      everyRecords: 100,
      everyMillis: 60_000,
      seal: (head, date, trimmed) => AuditChain.seal(head, { date, every: 100, keys: [key], trimmed }),
      unsent: () => [],
      settled: () => Effect.void
    }
  })
)

describe("a chained trail", () => {
  it.effect("is sealed when it is time, also where the clock was set back", () =>
    Effect.gen(function* () {
      const format = yield* chained
      const { state } = format.resume({ first: undefined, last: undefined })
      const [, opened] = format.note(state, { _tag: "Opened", torn: undefined }, 1_000_000)
      const [, added] = format.line(opened, '{"level":"INFO","source":"test"}', 1_000_000)
      const isSealed = (now: number) => format.note(added, { _tag: "Tick" }, now)[0] !== ""
      assert.deepStrictEqual([1_000_001, 1_059_999, 1_060_000, 999_999].map(isSealed), [false, false, true, true])
    })
  )
})
