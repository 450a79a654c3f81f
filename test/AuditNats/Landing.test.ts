import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, type Scope, TestClock } from "effect"
import * as Landing from "../../src/AuditNats/Landing.js"
import { AuditStoreError, type Service } from "../../src/AuditStore.js"
import { allOf, chained } from "../support/chains.js"
import { heard } from "../support/consumers.js"
import { sqlite } from "../support/sqlDatabases.js"
import { withStore } from "../support/sqlStore.js"
import { memoryStream, type MemoryStream } from "./streams.js"

const chainOf = (instance: string, size = 9, message = "Event") =>
  chained(
    Arr.makeBy(size, (number) => ({ message: `${message} ${number + 1}` })),
    instance
  )

interface Given {
  readonly stream: MemoryStream
  readonly store: Service
  readonly landing: Landing.Landing
  readonly said: ReadonlyArray<string>
  readonly counts: { landed: number; rejected: number }
  /** Delivers what is at these places, and lands what is due. */
  readonly deliver: (...sequences: ReadonlyArray<number>) => Effect.Effect<void, AuditStoreError>
  readonly assertStored: (instance: string, chain: ReturnType<typeof chainOf>) => Effect.Effect<void, AuditStoreError>
}

/** With a store in SQLite, or with what the test makes of it. */
const landing = <E>(
  what: string,
  body: (given: Given) => Effect.Effect<void, E, Scope.Scope>,
  make: (store: Service) => Service = (store) => store
) =>
  it.scoped(what, () =>
    Effect.flatMap(sqlite, (database) =>
      withStore(database, (store) => {
        const stream = memoryStream()
        const counts = { landed: 0, rejected: 0 }
        const account = {
          landed: (records: number) => void (counts.landed += records),
          rejected: (messages: number) => void (counts.rejected += messages)
        }
        const landing = Landing.make(stream, make(store), account, 4)
        const { layer, said } = heard()
        return body({
          stream,
          store,
          landing,
          said,
          counts,
          deliver: (...sequences) => Effect.zipRight(landing.take(sequences.map(stream.deliver)), landing.land),
          assertStored: (instance, chain) =>
            Effect.map(allOf(store, instance), (found) => assert.deepStrictEqual(found, chain))
        }).pipe(Effect.provide(layer), Effect.scoped)
      })
    )
  )

const failing = (reason: AuditStoreError["reason"] = "Unavailable") =>
  new AuditStoreError({ store: "test", reason, description: "it is away" })

describe("landing", () => {
  landing("stores what is delivered and acknowledges it then", ({ assertStored, counts, deliver, stream }) =>
    Effect.gen(function* () {
      const [a, b] = [chainOf("a"), chainOf("b")]
      for (const at of [0, 3, 6]) for (const chain of [a, b]) stream.publish(chain.slice(at, at + 3))
      yield* deliver(1, 2, 3)
      assert.deepStrictEqual(stream.answers, ["ack 1", "ack 3", "ack 2"])
      yield* deliver(4, 5, 6)
      yield* assertStored("a", a)
      yield* assertStored("b", b)
      assert.deepStrictEqual(counts, { landed: 18, rejected: 0 })
    })
  )

  landing("brings what was delivered in another order into that of the stream", ({ assertStored, deliver, stream }) =>
    Effect.gen(function* () {
      const a = chainOf("a")
      for (const at of [0, 3, 6]) stream.publish(a.slice(at, at + 3))
      yield* deliver(3, 1, 2)
      yield* assertStored("a", a)
      assert.deepStrictEqual(stream.answers, ["ack 1", "ack 2", "ack 3"])
    })
  )

  landing("answers once what was delivered twice", ({ assertStored, deliver, landing, stream }) =>
    Effect.gen(function* () {
      const a = chainOf("a")
      for (const at of [0, 3, 6]) stream.publish(a.slice(at, at + 3))
      yield* deliver(2, 2, 3, 2)
      assert.strictEqual(landing.weight(), 2)
      yield* deliver(1, 3)
      yield* TestClock.adjust("1 second")
      yield* landing.land
      yield* assertStored("a", a)
      assert.deepStrictEqual(stream.answers, ["ack 1", "ack 2", "ack 3"])
      // And acknowledges what comes though it is stored.
      yield* deliver(2)
      assert.deepStrictEqual(stream.answers.slice(3), ["ack 2"])
    })
  )

  landing("takes records that the stream has twice, in other messages", ({ assertStored, deliver, said, stream }) =>
    Effect.gen(function* () {
      const a = chainOf("a")
      stream.publish(a.slice(0, 3))
      stream.publish(a.slice(0, 5))
      stream.publish(a.slice(3, 5))
      stream.publish(a.slice(5))
      yield* deliver(1, 2, 3, 4)
      yield* assertStored("a", a)
      assert.deepStrictEqual(said, [])
    })
  )

  landing(
    "waits a moment for what is missing, and asks the store now and then",
    ({ assertStored, deliver, landing, stream }) =>
      Effect.gen(function* () {
        const [a, b] = [chainOf("a"), chainOf("b")]
        stream.publish(a.slice(0, 3))
        stream.publish(a.slice(3))
        stream.publish(b)
        yield* deliver(2, 3)
        // The other instance does not wait.
        yield* assertStored("b", b)
        assert.deepStrictEqual(stream.answers, ["ack 3"])
        assert.isAtMost((yield* landing.wait) ?? Infinity, 25)
        yield* TestClock.adjust("2 seconds")
        yield* landing.land
        assert.isAtLeast((yield* landing.wait) ?? 0, 250)
        yield* deliver(1)
        yield* TestClock.adjust("500 millis")
        yield* landing.land
        yield* assertStored("a", a)
        assert.strictEqual(yield* landing.wait, undefined)
      })
  )

  landing(
    "reads what is missing from the stream, where it does not come",
    ({ assertStored, deliver, landing, said, stream }) =>
      Effect.gen(function* () {
        const [a, b] = [chainOf("a", 30), chainOf("b", 30)]
        for (const at of Arr.range(0, 9)) for (const chain of [a, b]) stream.publish(chain.slice(at * 3, at * 3 + 3))
        yield* deliver(1, 2, 3)
        yield* deliver(17, 19)
        yield* TestClock.adjust("3 seconds")
        yield* landing.land
        yield* assertStored("a", a)
        yield* assertStored("b", b.slice(0, 3))
        assert.deepStrictEqual(stream.answers.toSorted(), ["ack 1", "ack 17", "ack 19", "ack 2", "ack 3"])
        assert.deepStrictEqual(said, [])
      })
  )

  landing("joins the parts of a record when the last one comes, and only then", ({ assertStored, deliver, stream }) =>
    Effect.gen(function* () {
      const a = chained([{ message: "x" }, { message: "y".repeat(3000) }, { message: "z" }])
      // An attempt that was given up after its second part, and another one.
      stream.publish(a.slice(0, 1))
      const parts = stream.publish(a.slice(1, 2), 1000, 2)
      const again = stream.publish(a.slice(1, 2), 1000)
      const [end] = stream.publish(a.slice(2))
      yield* deliver(1, ...parts, ...again.slice(0, -1))
      yield* assertStored("a", a.slice(0, 1))
      yield* deliver(again.at(-1)!, end!)
      yield* assertStored("a", a)
      assert.strictEqual(
        stream.answers.filter((answer) => answer.startsWith("ack")).length,
        2 + again.length + parts.length
      )
    })
  )

  landing("gives back what it has when it ends", ({ deliver, landing, stream }) =>
    Effect.gen(function* () {
      const a = chainOf("a")
      stream.publish(a.slice(0, 3))
      stream.publish(a.slice(3, 6))
      stream.publish(a.slice(6))
      yield* deliver(2, 3)
      yield* landing.release
      assert.deepStrictEqual(stream.answers, ["nak 2", "nak 3"])
      assert.strictEqual(landing.weight(), 0)
    })
  )
})

describe("what can never land", () => {
  landing("is said with its place, and not delivered again", ({ counts, deliver, said, stream }) =>
    Effect.gen(function* () {
      stream.publishText("a", "hello")
      yield* deliver(1)
      yield* deliver()
      assert.deepStrictEqual(stream.answers, ["term 1"])
      assert.deepStrictEqual(said, [
        "ERROR The message 1 of the stream 'MEMORY' is not stored of 'a', and kept in the stream: it was not written by an audit sink"
      ])
      assert.strictEqual(counts.rejected, 1)
    })
  )

  landing(
    "stops the instance whose records are gone, at once from then on, and no other",
    ({ assertStored, counts, deliver, landing, said, stream }) =>
      Effect.gen(function* () {
        const [a, b] = [chainOf("a", 12), chainOf("b", 12)]
        for (const at of [0, 3, 6, 9]) for (const chain of [a, b]) stream.publish(chain.slice(at, at + 3))
        stream.remove(3)
        yield* deliver(1, 2, 4, 5)
        assert.deepStrictEqual(stream.answers.toSorted(), ["ack 1", "ack 2", "ack 4"])
        yield* TestClock.adjust("3 seconds")
        yield* landing.land
        assert.strictEqual(stream.answers.at(-1), "term 5")
        assert.match(said[0]!, /message 5 .* of 'a'.*its chain is broken: record 4 is not in the stream/)
        // Without waiting for what will not come.
        yield* deliver(6, 7, 8)
        assert.deepStrictEqual(stream.answers.slice(-3).toSorted(), ["ack 6", "ack 8", "term 7"])
        yield* assertStored("a", a.slice(0, 3))
        yield* assertStored("b", b)
        assert.deepStrictEqual(counts, { landed: 15, rejected: 2 })
      })
  )

  landing(
    "goes on with an instance once somebody has mended its chain, and leaves nothing out",
    ({ assertStored, deliver, landing, store, stream }) =>
      Effect.gen(function* () {
        const a = chainOf("a", 15)
        for (const at of [0, 3, 6, 9, 12]) stream.publish(a.slice(at, at + 3))
        stream.remove(2)
        yield* deliver(1, 3)
        yield* TestClock.adjust("3 seconds")
        yield* landing.land
        yield* deliver(4)
        assert.deepStrictEqual(stream.answers, ["ack 1", "term 3", "term 4"])
        yield* store.append([a[3]!, a[4]!, a[5]!])
        yield* TestClock.adjust("1 minute")
        yield* deliver(5)
        yield* TestClock.adjust("3 seconds")
        yield* landing.land
        yield* assertStored("a", a)
      })
  )

  landing(
    "is the chain of another program, and not the instance's own",
    ({ assertStored, deliver, landing, said, stream }) =>
      Effect.gen(function* () {
        const a = chainOf("a", 12)
        const fork = chained(
          Arr.makeBy(6, () => ({ message: "another" })),
          "a",
          a[2]!
        )
        stream.publish(a.slice(0, 3))
        stream.publish(a.slice(3, 6))
        stream.publish(fork.slice(0, 3))
        stream.publish(fork.slice(3))
        stream.publish(a.slice(6, 9))
        stream.publish(a.slice(9))
        yield* deliver(1, 2, 3, 4, 5, 6)
        yield* TestClock.adjust("3 seconds")
        yield* landing.land
        yield* assertStored("a", a)
        assert.deepStrictEqual(
          stream.answers.filter((answer) => answer.startsWith("term")),
          ["term 3", "term 4"]
        )
        for (const line of said) assert.match(line, /taken by another record/)
      })
  )

  landing("does not take with it what can land", ({ assertStored, deliver, landing, stream }) =>
    Effect.gen(function* () {
      const a = chainOf("a", 6)
      const other = chained(
        Arr.makeBy(6, () => ({ message: "another" })),
        "a",
        a[2]!
      )
      stream.publish(a.slice(0, 3))
      stream.publish(other.slice(3))
      stream.publish(a.slice(3))
      yield* deliver(1, 2, 3)
      yield* TestClock.adjust("3 seconds")
      yield* landing.land
      yield* assertStored("a", a)
      assert.deepStrictEqual(stream.answers, ["ack 1", "term 2", "ack 3"])
    })
  )

  landing("is damaged in its middle: what comes before is stored", ({ assertStored, counts, deliver, said, stream }) =>
    Effect.gen(function* () {
      const a = chainOf("a", 6)
      stream.publish([
        ...a.slice(0, 2),
        { ...a[2]!, record: { ...a[2]!.record, line: a[2]!.record.line.replace("Event", "event") } }
      ])
      yield* deliver(1)
      assert.match(said[0] ?? "", /message 1 .* not stored of 'a'.*its line 3 is damaged/)
      yield* assertStored("a", a.slice(0, 2))
      assert.deepStrictEqual(counts, { landed: 2, rejected: 1 })
    })
  )
})

describe("while the store fails", () => {
  let isAway = true
  landing(
    "everything is kept, and lands afterwards",
    ({ assertStored, deliver, landing, stream }) =>
      Effect.gen(function* () {
        isAway = true
        const [a, b] = [chainOf("a"), chainOf("b")]
        for (const at of [0, 3, 6]) for (const chain of [a, b]) stream.publish(chain.slice(at, at + 3))
        assert.strictEqual((yield* Effect.flip(deliver(1, 2, 3))).description, "it is away")
        for (const _ of Arr.range(1, 20)) yield* Effect.flip(landing.land)
        assert.strictEqual(landing.weight(), 3)
        assert.deepStrictEqual(stream.answers, [])
        isAway = false
        yield* deliver(4, 5, 6)
        yield* assertStored("a", a)
        yield* assertStored("b", b)
      }),
    (store) => ({ ...store, append: (records) => (isAway ? Effect.fail(failing()) : store.append(records)) })
  )

  let isPicky = true
  landing(
    "over the records of one instance, the others do not wait for it, and it is brought in later",
    ({ assertStored, counts, deliver, landing, said, stream }) =>
      Effect.gen(function* () {
        isPicky = true
        const [a, b] = [chainOf("a", 120), chainOf("b", 120)]
        for (const at of Arr.range(0, 39)) {
          for (const chain of [a, b]) stream.publish(chain.slice(at * 3, at * 3 + 3))
          // The consumer tries again when it fails.
          yield* Effect.eventually(deliver(2 * at + 1, 2 * at + 2))
          yield* TestClock.adjust("2 seconds")
          assert.isAtMost(landing.weight(), 3)
          // It may be a passing trouble.
          if (at === 12) assert.deepStrictEqual(said, [])
          if (at === 30) isPicky = false
        }
        yield* assertStored("b", b)
        assert.match(said[0]!, /message 1 .* of 'a'.*the store refuses it again and again/)
        assert.include(stream.answers, "nak 3")
        assert.isAtLeast(counts.rejected, 1)
        yield* TestClock.adjust("1 minute")
        const [last] = stream.publish(chainOf("a", 123).slice(120))
        yield* deliver(last!)
        yield* TestClock.adjust("3 seconds")
        yield* landing.land
        yield* assertStored("a", chainOf("a", 123))
      }),
    (store) => ({
      ...store,
      append: (records) =>
        isPicky && records.some(({ instance }) => instance === "a")
          ? Effect.dieMessage("It breaks")
          : store.append(records)
    })
  )

  landing(
    "with a full disk, nothing is given up, though it takes what it has already",
    ({ deliver, landing, said, stream }) =>
      Effect.gen(function* () {
        const [a, b] = [chainOf("a"), chainOf("b")]
        stream.publish(a.slice(0, 3))
        stream.publish(b)
        for (const _ of Arr.range(1, 40)) {
          yield* Effect.eventually(deliver(1, 2))
          yield* TestClock.adjust("30 seconds")
        }
        assert.deepStrictEqual(said, [])
        assert.strictEqual(landing.weight(), 1)
      }),
    (store) => ({
      ...store,
      append: (records) =>
        records.some(({ instance }) => instance === "a") ? Effect.fail(failing("Full")) : store.append(records)
    })
  )

  landing(
    "and only tells that something is too early, nothing is given up",
    ({ deliver, landing, stream }) =>
      Effect.gen(function* () {
        const [a, b] = [chainOf("a"), chainOf("b")]
        stream.publish(a.slice(0, 3))
        stream.publish(b.slice(3))
        for (const _ of Arr.range(1, 40)) {
          yield* Effect.either(deliver(1, 2))
          yield* TestClock.adjust("30 seconds")
        }
        assert.notInclude(stream.answers, "term 1")
        assert.strictEqual(landing.weight(), 1)
      }),
    (store) => ({
      ...store,
      append: (records) =>
        records.some(({ instance }) => instance === "a") ? Effect.fail(failing()) : store.append(records)
    })
  )
})
