import { assert, describe, it } from "vitest"
import fc from "fast-check"
import * as Backlog from "../../src/internal/backlog.js"

const make = (capacity: Backlog.Capacity) => {
  const dropped: Array<number> = []
  const backlog = Backlog.make<number>(capacity, (item) => dropped.push(item))
  return { backlog, dropped }
}

describe("drop-old", () => {
  it("lets the oldest go that was taken in on that condition", () => {
    const { backlog, dropped } = make({ items: 3, size: 100 })
    backlog.offer(1, 1, "suspend")
    backlog.offer(2, 1, "drop-old")
    backlog.offer(3, 1, "drop-old")
    assert.strictEqual(backlog.offer(4, 1, "drop-old"), 4)
    assert.deepStrictEqual(dropped, [2])
    assert.deepStrictEqual(backlog.take(), [1, 3, 4])
  })

  it("lets nothing go that has been taken, nor what is kept: then the new one is dropped", () => {
    const { backlog, dropped } = make({ items: 3, size: 100 })
    backlog.offer(1, 1, "drop-old")
    backlog.take()
    backlog.offer(2, 1, "drop-old", true)
    backlog.offer(3, 1, "suspend")
    assert.strictEqual(backlog.offer(4, 1, "drop-old"), 0)
    assert.deepStrictEqual(dropped, [4])
    assert.deepStrictEqual(backlog.take(), [2, 3])
  })

  it("lets as many go as the size of the new one needs, and none where they are not enough", () => {
    const { backlog, dropped } = make({ items: 100, size: 10 })
    for (let item = 1; item <= 5; item++) backlog.offer(item, 2, "drop-old")
    assert.isAbove(backlog.offer(6, 5, "drop-old"), 0)
    assert.deepStrictEqual(dropped, [1])
    assert.isAbove(backlog.offer(7, 5, "drop-old"), 0)
    assert.deepStrictEqual(dropped, [1, 2, 3])
    const full = make({ items: 100, size: 10 })
    full.backlog.offer(1, 8, "suspend")
    full.backlog.offer(2, 2, "drop-old")
    full.backlog.offer(3, 4, "suspend")
    assert.strictEqual(full.backlog.offer(4, 50, "drop-old"), 0)
    assert.deepStrictEqual(full.dropped, [4])
  })

  it("makes room for one that suspends at twice the capacity, not before", () => {
    const { backlog, dropped } = make({ items: 2, size: 100 })
    backlog.offer(1, 1, "drop-old")
    for (let item = 2; item <= 4; item++) backlog.offer(item, 1, "suspend")
    assert.deepStrictEqual(dropped, [])
    assert.isAbove(backlog.offer(5, 1, "suspend"), 0)
    assert.strictEqual(backlog.offer(6, 1, "suspend"), 0)
    assert.deepStrictEqual(dropped, [1, 6])
    assert.deepStrictEqual(backlog.take(), [2, 3, 4, 5])
  })

  it("costs each item the same, and keeps nothing of what is gone", () => {
    const { backlog } = make({ items: 1_000, size: Infinity })
    const time = (count: number) => {
      const start = performance.now()
      for (let item = 0; item < count; item++) backlog.offer(item, 1, "drop-old")
      return performance.now() - start
    }
    time(100_000)
    // With a search or a shift of the whole it would be a thousand times as long.
    assert.isBelow(time(1_000_000), 5_000)
    assert.lengthOf(backlog.take(), 1_000)
  })
})

describe("laws", () => {
  /** The same said in the plainest way. */
  const plain = (capacity: Backlog.Capacity) => {
    interface Entry {
      readonly item: number
      readonly size: number
      readonly yields: boolean
    }
    let waiting: Array<Entry> = []
    let taken: ReadonlyArray<Entry> = []
    const dropped: Array<number> = []
    const isFull = (entries: ReadonlyArray<Entry>, times: number) =>
      entries.length >= capacity.items * times ||
      entries.reduce((sum, { size }) => sum + size, 0) >= capacity.size * times
    return {
      dropped,
      offer: (item: number, size: number, policy: Backlog.Policy, kept: boolean) => {
        const times = policy === "suspend" ? 2 : 1
        const leaving: Array<Entry> = []
        if (isFull([...taken, ...waiting], times)) {
          const candidates = policy === "drop-new" ? [] : waiting.filter(({ yields }) => yields)
          const suffices = () =>
            leaving.length > 0 &&
            (leaving.reduce((sum, entry) => sum + entry.size, 0) >= size ||
              !isFull(
                [...taken, ...waiting].filter((entry) => !leaving.includes(entry)),
                times
              ))
          while (!suffices() && candidates.length > 0) leaving.push(candidates.shift()!)
          if (!suffices()) {
            dropped.push(item)
            return
          }
        }
        waiting = waiting.filter((entry) => !leaving.includes(entry))
        dropped.push(...leaving.map((entry) => entry.item))
        waiting.push({ item, size, yields: policy === "drop-old" && !kept })
      },
      take: () => {
        taken = waiting
        waiting = []
        return taken.map(({ item }) => item)
      },
      release: () => {
        taken = []
      },
      pending: () => taken.length + waiting.length
    }
  }

  const step = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        _tag: fc.constant("offer" as const),
        size: fc.integer({ min: 1, max: 6 }),
        policy: fc.constantFrom<Backlog.Policy>("suspend", "drop-new", "drop-old", "drop-old"),
        kept: fc.integer({ min: 0, max: 3 }).map((n) => n === 0)
      })
    },
    // In this order, as the writer does.
    { weight: 1, arbitrary: fc.constant({ _tag: "store" as const }) }
  )

  it("is what the plainest way gives", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 80 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 15 }),
        (script, items, size) => {
          const { backlog, dropped } = make({ items, size })
          const model = plain({ items, size })
          script.forEach((each, index) => {
            if (each._tag === "offer") {
              const position = backlog.offer(index, each.size, each.policy, each.kept)
              model.offer(index, each.size, each.policy, each.kept)
              assert.strictEqual(position > 0, dropped.at(-1) !== index)
            } else {
              backlog.release()
              model.release()
              assert.deepStrictEqual(backlog.take(), model.take())
            }
            assert.deepStrictEqual(dropped, model.dropped)
            assert.strictEqual(backlog.pending(), model.pending())
          })
          assert.deepStrictEqual(backlog.waiting(), model.take())
        }
      ),
      { numRuns: 2_000 }
    )
  })
})
