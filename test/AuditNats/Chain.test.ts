import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Either } from "effect"
import fc from "fast-check"
import { genesis } from "../../src/AuditChain.js"
import * as Chain from "../../src/AuditNats/Chain.js"
import * as Message from "../../src/AuditNats/Message.js"
import { chained } from "../support/chains.js"
import { memoryStream } from "./streams.js"

const chain = chained(Arr.makeBy(60, (number) => ({ message: "x".repeat((number % 5) * 300) })))

/** What happens to a stream: records of ours in messages or parts, records given up, other instances, strangers, retention. */
const steps = fc.array(
  fc.oneof(
    fc.record({
      what: fc.constant("append" as const),
      size: fc.integer({ min: 1, max: 8 }),
      limit: fc.constantFrom(400, 1000, 5000)
    }),
    fc.record({ what: fc.constantFrom("giveUp" as const, "other" as const, "stranger" as const, "retire" as const) })
  ),
  { maxLength: 40 }
)

const made = (given: typeof steps extends fc.Arbitrary<infer A> ? A : never) => {
  const stream = memoryStream()
  const other = chained([{}], "b")
  /** Of each record that is there as a whole, the place where it ends. */
  const places = new Map<number, number>()
  let next = 0
  let oldest = 1
  let last = 0
  for (const step of given) {
    if (step.what === "append") {
      const records = chain.slice(next, next + step.size)
      if (records.length === 0) continue
      const published = Message.cut(records as [(typeof records)[0]], step.limit)
      const sequences = stream.publish(records, step.limit)
      for (const [index, message] of published.entries()) {
        if (Message.isWhole(message))
          for (const seq of Arr.range(message.first, message.last)) places.set(seq, sequences[index]!)
      }
      next += records.length
      last = sequences.at(-1)!
    } else if (step.what === "giveUp") {
      const record = chain[next]
      if (record === undefined) continue
      const parts = Message.cut([record], 400).length
      if (parts === 1) continue
      last = stream.publish([record], 400, parts - 1).at(-1)!
    } else if (step.what === "other") stream.publish(other)
    else if (step.what === "stranger") stream.publishText("a", "hello")
    else stream.remove(oldest++)
  }
  for (const [seq, place] of places) if (place < oldest) places.delete(seq)
  return { stream, places, head: next, last }
}

describe("holding", () => {
  it("finds the message that holds a record, whatever else is in the stream", () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 60 }), (given, seq) => {
        const { places, stream } = made(given)
        const found = Effect.runSync(Chain.holding(stream, "a", seq))
        const expected = places.get(seq)
        if (expected !== undefined) return assert.strictEqual(found?.sequence, expected)
        // Where it is none, what comes after it, if anything does.
        const later = Math.min(...[...places].filter(([each]) => each > seq).map(([, place]) => place))
        assert.strictEqual(found?.sequence ?? Infinity, later)
      })
    )
  })

  it("looks at few messages", () => {
    const stream = memoryStream()
    let looks = 0
    for (const at of Arr.range(0, 59)) {
      stream.publish(chain.slice(at, at + 1))
      for (const name of ["b", "c", "d"]) stream.publish(chained([{}], name))
    }
    const counting = {
      ...stream,
      next: (instance: string, after: number) => Effect.suspend(() => (looks++, stream.next(instance, after)))
    }
    assert.strictEqual(Effect.runSync(Chain.holding(counting, "a", 17))?.sequence, 65)
    assert.isAtMost(looks, 9)
  })
})

describe("the end", () => {
  it("is the last whole record, before what was given up", () => {
    fc.assert(
      fc.property(steps, (given) => {
        const { head, last, places, stream } = made(given.filter(({ what }) => what !== "stranger"))
        const end = Effect.runSync(Chain.end(stream, "a"))
        if (places.has(head)) {
          assert.deepStrictEqual(end.head, { seq: head, hash: chain[head - 1]!.hash })
          assert.strictEqual(end.whole?.sequence, places.get(head))
          assert.strictEqual(end.sequence, last)
        } else if (head === 0) assert.include([genesis, undefined], end.head)
        else assert.strictEqual(end.head, undefined)
      })
    )
  })

  it("is not believed where its headers point elsewhere", () => {
    const hash = "0".repeat(64)
    for (const after of [1, 2, 3, 4, 100]) {
      const stream = memoryStream()
      stream.publish(chained([{}], "b"))
      const headers = new Map(Message.headersOf({ first: 1, last: 1, hash, part: { number: 1, of: 2 } }, after))
      stream.publishMessage(
        "a",
        Message.read((name) => headers.get(name))
      )
      stream.publish(chained([{}], "b"))
      const exit = Effect.runSync(Effect.either(Chain.end(stream, "a")))
      if (after === 4 || after === 100) assert.isTrue(Either.isRight(exit))
      else
        assert.match(
          Either.getOrThrow(Either.flip(exit)).message,
          /somebody else publishes to 'audit.a'.*sequence number 2/
        )
    }
  })
})

describe("a record in parts", () => {
  it("is not looked for in the whole stream, whatever its headers say", () => {
    const stream = memoryStream()
    for (const record of chain.slice(0, 50)) stream.publish([record])
    const headers = new Map(
      Message.headersOf({ first: 51, last: 51, hash: chain[50]!.hash, part: { number: 999_999, of: 999_999 } }, 0)
    )
    stream.publishMessage(
      "a",
      Message.read((name) => headers.get(name))
    )
    let looks = 0
    const counting = {
      ...stream,
      next: (instance: string, after: number) => Effect.suspend(() => (looks++, stream.next(instance, after)))
    }
    const { records } = Effect.runSync(Effect.flatMap(stream.at(51), (last) => Chain.recordsOf(counting, last!)))
    assert.deepStrictEqual(records, [])
    assert.strictEqual(looks, 1)
  })
})
