import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope, TestClock } from "effect"
import * as Collapse from "../../src/internal/collapse.js"

const open = (options?: Partial<Collapse.Options<string>["capacity"]>) =>
  Effect.gen(function* () {
    const summaries: Array<readonly [kept: string, count: number, now: number]> = []
    const state = { takes: true, lost: 0 }
    const scope = yield* Scope.make()
    const collapse = yield* Scope.extend(
      Collapse.make<string>({
        capacity: { kinds: 3, size: 1_000, ...options },
        summarise: ({ count, kept }, now) => {
          if (state.takes) summaries.push([kept, count, now])
          return state.takes
        },
        onLoss: (count) => Effect.sync(() => void (state.lost += count))
      }),
      scope
    )
    /** As the audit log uses it. */
    const add = (key: string, now: number, within = 1_000, size = 1): "kept" | "counted" => {
      const kind = { group: String(within), within, key }
      if (collapse.unsafeCount(kind, now)) return "counted"
      collapse.unsafeOpen(kind, key, size, now)
      return "kept"
    }
    return { add, collapse, state, summaries, close: Scope.close(scope, Exit.void) }
  })

describe("collapse", () => {
  it.effect("follows no more kinds than it may, and forgets those that are over", () =>
    Effect.gen(function* () {
      const { add, summaries } = yield* open()
      for (const key of ["a", "b", "c", "d", "d"]) assert.strictEqual(add(key, 0), "kept")
      assert.strictEqual(add("a", 1), "counted")
      // The three are over: their places are free, and the one that was counted is summarised.
      assert.strictEqual(add("d", 1_000), "kept")
      assert.deepStrictEqual(summaries, [["a", 1, 1_000]])
      for (const key of ["e", "f"]) assert.strictEqual(add(key, 1_000), "kept")
      for (const key of ["d", "e", "f"]) assert.strictEqual(add(key, 1_001), "counted")
      assert.strictEqual(add("g", 1_001), "kept")
      assert.strictEqual(add("g", 1_001), "kept")
    })
  )

  it.effect("follows no more than the size it may", () =>
    Effect.gen(function* () {
      const { add } = yield* open({ kinds: 100, size: 10 })
      for (const key of ["a", "b", "c"]) assert.strictEqual(add(key, 0, 1_000, 5), "kept")
      for (const key of ["a", "b"]) assert.strictEqual(add(key, 0, 1_000, 5), "counted")
      assert.strictEqual(add("c", 0, 1_000, 5), "kept")
      assert.strictEqual(add("c", 1_000, 1_000, 5), "kept")
      assert.strictEqual(add("c", 1_000, 1_000, 5), "counted")
    })
  )

  it.effect("ends a window when the next one of its kind comes, before the timer does", () =>
    Effect.gen(function* () {
      const { add, summaries } = yield* open()
      add("a", 0)
      add("a", 500)
      assert.strictEqual(add("a", 999), "counted")
      assert.strictEqual(add("a", 1_000), "kept")
      assert.deepStrictEqual(summaries, [["a", 2, 1_000]])
    })
  )

  it.effect("ends a window where the clock was set back", () =>
    Effect.gen(function* () {
      const { add, summaries } = yield* open()
      add("a", 5_000)
      add("a", 5_001)
      assert.strictEqual(add("a", 4_999), "kept")
      assert.deepStrictEqual(summaries, [["a", 1, 4_999]])
    })
  )

  it.effect("sleeps only while something is counted", () =>
    Effect.gen(function* () {
      const { add } = yield* open()
      const sleepers = Effect.map(TestClock.sleeps(), (sleeps) => [...sleeps])
      add("a", 0)
      yield* Effect.yieldNow()
      assert.deepStrictEqual(yield* sleepers, [])
      add("a", 1)
      add("a", 2)
      yield* Effect.repeatN(Effect.yieldNow(), 10)
      assert.deepStrictEqual(yield* sleepers, [1_000])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* sleepers, [])
    })
  )

  it.effect("ends each window in its own time, whatever their lengths", () =>
    Effect.gen(function* () {
      const { add, summaries } = yield* open()
      add("slow", 0, 60_000)
      add("slow", 0, 60_000)
      yield* TestClock.adjust("10 seconds")
      add("quick", 10_000)
      add("quick", 10_000)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(summaries, [["quick", 1, 11_000]])
      yield* TestClock.adjust("49 seconds")
      assert.deepStrictEqual(summaries[1], ["slow", 1, 60_000])
    })
  )

  it.effect("goes on counting where the summary is not taken in, and offers it again", () =>
    Effect.gen(function* () {
      const { add, collapse, state, summaries } = yield* open()
      add("a", 0)
      add("a", 0)
      state.takes = false
      yield* TestClock.adjust("1 second")
      assert.strictEqual(add("a", 1_500), "counted")
      // Also where the next one comes before the timer does.
      assert.strictEqual(add("a", 2_500), "counted")
      assert.strictEqual(collapse.unsafeCounted(), 3)
      state.takes = true
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(
        summaries.map(([kept, count]) => [kept, count]),
        [["a", 3]]
      )
    })
  )

  it.effect("summarises everything when it closes, and counts nothing afterwards", () =>
    Effect.gen(function* () {
      const { add, close, state, summaries } = yield* open()
      for (const key of ["a", "a", "b", "b", "b"]) add(key, 0)
      yield* close
      assert.deepStrictEqual(summaries, [
        ["a", 1, 0],
        ["b", 2, 0]
      ])
      for (const key of ["a", "c", "c"]) assert.strictEqual(add(key, 1), "kept")
      assert.strictEqual(state.lost, 0)
      yield* TestClock.adjust("1 hour")
      assert.lengthOf(summaries, 2)
    })
  )

  it.effect("says how many are lost that it cannot summarise when it closes", () =>
    Effect.gen(function* () {
      const { add, close, state } = yield* open()
      for (const key of ["a", "a", "b", "b", "b"]) add(key, 0)
      state.takes = false
      yield* close
      assert.strictEqual(state.lost, 3)
    })
  )
})
