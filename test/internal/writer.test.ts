import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, FiberId, Ref, Scope, TestClock } from "effect"
import fc from "fast-check"
import type { Policy } from "../../src/internal/backlog.js"
import * as Writer from "../../src/internal/writer.js"

interface Item {
  readonly name: string
}

/** What every test of the writer looks at: what was stored, what was said. */
const recorder = () => {
  const stored: Array<string> = []
  const batches: Array<ReadonlyArray<string>> = []
  const said: Array<string> = []
  const options = {
    write: (batch: ReadonlyArray<Item>): Effect.Effect<void, string> =>
      Effect.sync(() => {
        batches.push(batch.map(({ name }) => name))
        stored.push(...batch.map(({ name }) => name))
      }),
    sync: Effect.void as Effect.Effect<void, string>,
    capacity: { items: 100, size: 1_000 },
    dropped: (count: number) => Effect.succeed<Item>({ name: `dropped ${count}` }),
    onFailure: () => Effect.sync(() => void said.push("fails")),
    onRecovery: Effect.sync(() => void said.push("works again")),
    closeWithin: "10 seconds",
    onLoss: (count: number) => Effect.sync(() => void said.push(`lost ${count}`))
  } satisfies Writer.Options<Item, string>
  return { stored, batches, said, options }
}

const item = (name: number | string): Item => ({ name: String(name) })

/** A write that waits at a gate, and fails while it is told to. */
const gated = (write: (batch: ReadonlyArray<Item>) => Effect.Effect<void, string>) => {
  let gate = Deferred.unsafeMake<void>(FiberId.none)
  const state = { failing: false, calls: 0 }
  return {
    state,
    open: Effect.suspend(() => Deferred.succeed(gate, undefined)),
    write: (batch: ReadonlyArray<Item>) =>
      Effect.suspend(() => {
        state.calls++
        return Effect.zipRight(
          Deferred.await(gate),
          Effect.suspend(() => (state.failing ? Effect.fail("full") : write(batch)))
        )
      }),
    close: Effect.map(Deferred.make<void>(), (closed) => {
      gate = closed
    })
  }
}

const offer = (writer: Writer.Writer<Item, string>, item: Item, size: number, policy: Policy = "suspend") =>
  writer.unsafeOffer(item, size, policy)

const safe = (writer: Writer.Writer<Item, string>, position: number) =>
  Effect.async<void, string>(writer.reached(position, "durable"))

/** Lets everything run that can. */
const settle = Effect.repeatN(Effect.yieldNow(), 20)

describe("batches", () => {
  it.scoped("whatever gathers during one write goes into the next one, in order", () =>
    Effect.gen(function* () {
      const { batches, options } = recorder()
      const gate = gated(options.write)
      const writer = yield* Writer.make({ ...options, write: gate.write })
      offer(writer, item(1), 1)
      yield* settle
      for (let n = 2; n <= 5; n++) offer(writer, item(n), 1)
      yield* gate.open
      yield* safe(writer, 5)
      assert.deepStrictEqual(batches, [["1"], ["2", "3", "4", "5"]])
      assert.strictEqual(writer.unsafeAccount().pending, 0)
    })
  )

  it.scoped("nobody is told that an item is safe before it is", () =>
    Effect.gen(function* () {
      const { options } = recorder()
      const gate = gated(options.write)
      const writer = yield* Writer.make({ ...options, write: gate.write })
      const position = offer(writer, item(1), 1)
      const waiting = yield* Effect.fork(safe(writer, position))
      yield* settle
      assert.isNull(yield* Fiber.poll(waiting).pipe(Effect.map((exit) => (exit._tag === "None" ? null : exit.value))))
      yield* gate.open
      yield* Fiber.join(waiting)
    })
  )

  it.scoped("an interrupted waiter is forgotten, and its item written", () =>
    Effect.gen(function* () {
      const { stored, options } = recorder()
      const gate = gated(options.write)
      const writer = yield* Writer.make({ ...options, write: gate.write })
      const position = offer(writer, item(1), 1)
      const waiting = yield* Effect.fork(safe(writer, position))
      yield* settle
      yield* Fiber.interrupt(waiting)
      yield* gate.open
      yield* safe(writer, position)
      assert.deepStrictEqual(stored, ["1"])
    })
  )
})

describe("failures", () => {
  it.scoped("a write that fails or dies is repeated with the same items, and said once per outage", () =>
    Effect.gen(function* () {
      const { stored, said, options } = recorder()
      const attempts = yield* Ref.make(0)
      const writer = yield* Writer.make({
        ...options,
        write: (batch) =>
          Effect.flatMap(
            Ref.updateAndGet(attempts, (n) => n + 1),
            (n) =>
              n === 1 ? Effect.fail("full") : n === 2 ? Effect.dieMessage("bug in the sink") : options.write(batch)
          )
      })
      offer(writer, item(1), 1)
      yield* TestClock.adjust("10 seconds")
      yield* safe(writer, 1)
      assert.deepStrictEqual(stored, ["1"])
      assert.deepStrictEqual(said, ["fails", "works again"])
      assert.strictEqual(yield* Ref.get(attempts), 3)
    })
  )

  it.scoped("who waits is told at the first failure", () =>
    Effect.gen(function* () {
      const { options } = recorder()
      const writer = yield* Writer.make({ ...options, write: () => Effect.fail("full"), closeWithin: 0 })
      const position = offer(writer, item(1), 1)
      assert.deepStrictEqual(yield* Effect.exit(safe(writer, position)), Exit.fail("full"))
    })
  )

  it.scoped("who begins to wait during an outage is told at once, and nobody waits for the next attempt", () =>
    Effect.gen(function* () {
      const { stored, options } = recorder()
      const gate = gated(options.write)
      gate.state.failing = true
      const writer = yield* Writer.make({ ...options, write: gate.write })
      const first = yield* Effect.fork(safe(writer, offer(writer, item(1), 1)))
      yield* settle
      // Taken in while the write that is about to fail runs: part of a later batch.
      const second = yield* Effect.fork(safe(writer, offer(writer, item(2), 1)))
      yield* settle
      yield* gate.open
      assert.deepStrictEqual(yield* Fiber.await(first), Exit.fail("full"))
      assert.deepStrictEqual(yield* Fiber.await(second), Exit.fail("full"))
      const third = offer(writer, item(3), 1)
      assert.deepStrictEqual(yield* Effect.exit(safe(writer, third)), Exit.fail("full"))
      gate.state.failing = false
      yield* TestClock.adjust("1 second")
      yield* safe(writer, third)
      assert.deepStrictEqual(stored, ["1", "2", "3"])
    })
  )

  it.scoped("is tried again within a second however long the outage lasts", () =>
    Effect.gen(function* () {
      const { stored, options } = recorder()
      const gate = gated(options.write)
      yield* gate.open
      gate.state.failing = true
      const writer = yield* Writer.make({ ...options, write: gate.write })
      offer(writer, item(1), 1)
      yield* TestClock.adjust("30 seconds")
      gate.state.failing = false
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(stored, ["1"])
    })
  )
})

describe("a full queue", () => {
  it.scoped("holds producers up until there is room", () =>
    Effect.gen(function* () {
      const { options } = recorder()
      const gate = gated(options.write)
      const writer = yield* Writer.make({ ...options, write: gate.write, capacity: { items: 2, size: 1_000 } })
      offer(writer, item(1), 1)
      yield* Effect.async(writer.room)
      offer(writer, item(2), 1)
      const held = yield* Effect.fork(Effect.async(writer.room))
      yield* settle
      assert.strictEqual((yield* Fiber.poll(held))._tag, "None")
      yield* gate.open
      yield* Fiber.join(held)
    })
  )

  it.scoped("is full by size as well as by number", () =>
    Effect.gen(function* () {
      const { options } = recorder()
      const gate = gated(options.write)
      const writer = yield* Writer.make({ ...options, write: gate.write, capacity: { items: 100, size: 10 } })
      assert.strictEqual(offer(writer, item(1), 10), 1)
      const held = yield* Effect.fork(Effect.async(writer.room))
      yield* settle
      assert.strictEqual((yield* Fiber.poll(held))._tag, "None")
      assert.strictEqual(offer(writer, item(2), 10), 2)
      assert.strictEqual(offer(writer, item(3), 1), 0)
      yield* gate.open
      yield* Fiber.join(held)
    })
  )

  it.scoped("takes nothing more in at twice the capacity, and counts what it dropped", () =>
    Effect.gen(function* () {
      const { stored, options } = recorder()
      const gate = gated(options.write)
      const writer = yield* Writer.make({ ...options, write: gate.write, capacity: { items: 3, size: 1_000 } })
      const positions = Array.from({ length: 10 }, (_, n) => offer(writer, item(n), 1))
      assert.deepStrictEqual(positions, [1, 2, 3, 4, 5, 6, 0, 0, 0, 0])
      yield* gate.open
      yield* settle
      assert.deepStrictEqual(stored, ["0", "1", "2", "3", "4", "5", "dropped 4"])
    })
  )

  it.scoped("drops what does not wait for room at the capacity", () =>
    Effect.gen(function* () {
      const { stored, options } = recorder()
      const gate = gated(options.write)
      const writer = yield* Writer.make({
        ...options,
        write: gate.write,
        capacity: { items: 3, size: 1_000 }
      })
      const positions = Array.from({ length: 5 }, (_, n) => offer(writer, item(n), 1, "drop-new"))
      assert.deepStrictEqual(positions, [1, 2, 3, 0, 0])
      yield* gate.open
      yield* settle
      assert.deepStrictEqual(stored, ["0", "1", "2", "dropped 2"])
    })
  )

  it.scoped("a producer that is interrupted while it is held up leaves the others waiting", () =>
    Effect.gen(function* () {
      const { options } = recorder()
      const gate = gated(options.write)
      const writer = yield* Writer.make({ ...options, write: gate.write, capacity: { items: 1, size: 1_000 } })
      offer(writer, item(1), 1)
      const [one, other] = [
        yield* Effect.fork(Effect.async(writer.room)),
        yield* Effect.fork(Effect.async(writer.room))
      ]
      yield* settle
      yield* Fiber.interrupt(one)
      assert.strictEqual((yield* Fiber.poll(other))._tag, "None")
      yield* gate.open
      yield* Fiber.join(other)
    })
  )
})

describe("closing", () => {
  const closeable = (options: Writer.Options<Item, string>) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const writer = yield* Scope.extend(Writer.make(options), scope)
      // As a Layer or `Effect.scoped` closes it.
      return { writer, close: Effect.uninterruptible(Scope.close(scope, Exit.void)) }
    })

  it.effect("writes what waits", () =>
    Effect.gen(function* () {
      const { stored, said, options } = recorder()
      const gate = gated(options.write)
      const { writer, close } = yield* closeable({ ...options, write: gate.write })
      for (let n = 1; n <= 3; n++) offer(writer, item(n), 1)
      const closing = yield* Effect.fork(close)
      yield* settle
      yield* gate.open
      yield* Fiber.join(closing)
      assert.deepStrictEqual(stored, ["1", "2", "3"])
      assert.deepStrictEqual(said, [])
    })
  )

  it.effect("writes the account of what was dropped", () =>
    Effect.gen(function* () {
      const { stored, options } = recorder()
      const gate = gated(options.write)
      const { writer, close } = yield* closeable({
        ...options,
        write: gate.write,
        capacity: { items: 1, size: 1_000 }
      })
      for (let n = 1; n <= 3; n++) offer(writer, item(n), 1, "drop-new")
      const closing = yield* Effect.fork(close)
      yield* gate.open
      yield* Fiber.join(closing)
      assert.deepStrictEqual(stored, ["1", "dropped 2"])
    })
  )

  it.effect("with a write that hangs ends in time, and says what is lost", () =>
    Effect.gen(function* () {
      const { said, options } = recorder()
      const { writer, close } = yield* closeable({ ...options, write: () => Effect.never })
      for (let n = 1; n <= 3; n++) offer(writer, item(n), 1)
      const closing = yield* Effect.fork(close)
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual((yield* Fiber.poll(closing))._tag, "None")
      yield* TestClock.adjust("1 seconds")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(said, ["lost 3"])
    })
  )

  it.effect("with a write that cannot be interrupted ends in time as well", () =>
    Effect.gen(function* () {
      const { said, options } = recorder()
      const { writer, close } = yield* closeable({ ...options, write: () => Effect.uninterruptible(Effect.never) })
      offer(writer, item(1), 1)
      const closing = yield* Effect.fork(close)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(said, ["lost 1"])
    })
  )

  it.effect("with a write that fails says what is lost", () =>
    Effect.gen(function* () {
      const { said, options } = recorder()
      const { writer, close } = yield* closeable({ ...options, write: () => Effect.fail("full") })
      offer(writer, item(1), 1)
      const closing = yield* Effect.fork(close)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(said, ["fails", "lost 1"])
    })
  )

  it.effect("releases everybody, and takes nothing more in afterwards", () =>
    Effect.gen(function* () {
      const { options } = recorder()
      const { writer, close } = yield* closeable({
        ...options,
        write: () => Effect.never,
        capacity: { items: 1, size: 1_000 }
      })
      const waiting = yield* Effect.fork(safe(writer, offer(writer, item(1), 1)))
      const held = yield* Effect.fork(Effect.async(writer.room))
      yield* settle
      const closing = yield* Effect.fork(close)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(waiting)))
      yield* Fiber.join(held)
      assert.strictEqual(offer(writer, item(2), 1), 0)
    })
  )

  it.effect("an item that comes in at the very end is written or refused, never forgotten", () =>
    Effect.gen(function* () {
      const { stored, options } = recorder()
      const { writer, close } = yield* closeable(options)
      const closing = yield* Effect.fork(close)
      const positions: Array<number> = []
      while ((yield* Fiber.poll(closing))._tag === "None") {
        positions.push(offer(writer, item(positions.length), 1))
        yield* Effect.yieldNow()
      }
      yield* settle
      const accepted = positions.flatMap((position, n) => (position > 0 ? [String(n)] : []))
      assert.isAbove(positions.length, accepted.length)
      assert.deepStrictEqual(stored, accepted)
    })
  )
})

describe("stages", () => {
  /** A store in two steps, each of which can be held up or made to fail. */
  const twoSteps = () => {
    const said: Array<string> = []
    const gates = {
      write: Effect.void as Effect.Effect<void, string>,
      sync: Effect.void as Effect.Effect<void, string>
    }
    const { options, said: outages } = recorder()
    return {
      said,
      outages,
      gates,
      options: {
        ...options,
        write: (batch: ReadonlyArray<Item>) =>
          Effect.suspend(() => {
            said.push(`write ${batch.map(({ name }) => name).join()}`)
            return gates.write
          }),
        sync: Effect.suspend(() => {
          said.push("sync")
          return gates.sync
        })
      } satisfies Writer.Options<Item, string>
    }
  }

  const isWaiting = (fiber: Fiber.Fiber<unknown, unknown>) =>
    Effect.map(Fiber.poll(fiber), (exit) => exit._tag === "None")

  it.scoped("each batch is written, then synced, before the next one is written", () =>
    Effect.gen(function* () {
      const { gates, options, said } = twoSteps()
      const gate = yield* Deferred.make<void>()
      gates.sync = Deferred.await(gate)
      const writer = yield* Writer.make(options)
      offer(writer, item(1), 1)
      yield* settle
      offer(writer, item(2), 1)
      yield* settle
      assert.deepStrictEqual(said, ["write 1", "sync"])
      yield* Deferred.succeed(gate, undefined)
      yield* safe(writer, 2)
      assert.deepStrictEqual(said, ["write 1", "sync", "write 2", "sync"])
    })
  )

  it.scoped("who waits for the write goes on before the sync, and who waits for the sync after it", () =>
    Effect.gen(function* () {
      const { gates, options } = twoSteps()
      const [writing, syncing] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      gates.write = Deferred.await(writing)
      gates.sync = Deferred.await(syncing)
      const writer = yield* Writer.make(options)
      const position = offer(writer, item(1), 1)
      const written = yield* Effect.fork(Effect.async(writer.reached(position, "written")))
      const durable = yield* Effect.fork(Effect.async(writer.reached(position, "durable")))
      yield* settle
      assert.deepStrictEqual([yield* isWaiting(written), yield* isWaiting(durable)], [true, true])
      yield* Deferred.succeed(writing, undefined)
      yield* Fiber.join(written)
      yield* settle
      assert.isTrue(yield* isWaiting(durable))
      assert.deepStrictEqual(writer.unsafeAccount(), { accepted: 1, durable: 0, dropped: 0, pending: 1 })
      assert.deepStrictEqual([writer.unsafeReached("written"), writer.unsafeReached("durable")], [1, 0])
      yield* Deferred.succeed(syncing, undefined)
      yield* Fiber.join(durable)
      assert.deepStrictEqual(writer.unsafeAccount(), { accepted: 1, durable: 1, dropped: 0, pending: 0 })
    })
  )

  it.scoped("after a sync that failed the same items are written again, and nobody is told that they are written", () =>
    Effect.gen(function* () {
      const { gates, options, outages, said } = twoSteps()
      gates.sync = Effect.fail("lost")
      const writer = yield* Writer.make(options)
      const position = offer(writer, item(1), 1)
      yield* Effect.async(writer.reached(position, "written"))
      assert.deepStrictEqual(yield* Effect.exit(safe(writer, position)), Exit.fail("lost"))
      assert.deepStrictEqual(yield* Effect.exit(Effect.async(writer.reached(position, "written"))), Exit.fail("lost"))
      offer(writer, item(2), 1)
      gates.sync = Effect.void
      yield* TestClock.adjust("1 second")
      yield* safe(writer, 2)
      assert.deepStrictEqual(said, ["write 1", "sync", "write 1", "sync", "write 2", "sync"])
      assert.deepStrictEqual(outages, ["fails", "works again"])
    })
  )

  it.scoped("a sync is not tried where the write failed", () =>
    Effect.gen(function* () {
      const { gates, options, said } = twoSteps()
      gates.write = Effect.fail("full")
      const writer = yield* Writer.make({ ...options, closeWithin: 0 })
      offer(writer, item(1), 1)
      yield* settle
      assert.deepStrictEqual(said, ["write 1"])
    })
  )
})

describe("laws", () => {
  const steps = fc.array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          _tag: fc.constant("offer" as const),
          size: fc.integer({ min: 1, max: 4 }),
          policy: fc.constantFrom<Policy>("suspend", "drop-new", "drop-old"),
          kept: fc.boolean()
        })
      },
      { weight: 1, arbitrary: fc.constant({ _tag: "breakWrite" as const }) },
      { weight: 1, arbitrary: fc.constant({ _tag: "breakSync" as const }) },
      { weight: 2, arbitrary: fc.constant({ _tag: "mend" as const }) },
      {
        weight: 2,
        arbitrary: fc.record({ _tag: fc.constant("yield" as const), times: fc.integer({ min: 1, max: 5 }) })
      },
      {
        weight: 2,
        arbitrary: fc.record({ _tag: fc.constant("wait" as const), millis: fc.integer({ min: 1, max: 400 }) })
      }
    ),
    { maxLength: 60 }
  )

  it.effect.prop(
    "everything offered is stored once and in order, or counted as dropped, and the account holds at every moment",
    [steps],
    ([script]) =>
      Effect.gen(function* () {
        /** What the sink keeps for good, and what a failing sync loses. */
        const stored: Array<string> = []
        let written: Array<string> = []
        const dropped: Array<string> = []
        const kept: Array<string> = []
        let failing: "write" | "sync" | undefined
        let offered = 0
        yield* Effect.scoped(
          Effect.gen(function* () {
            const writer = yield* Writer.make<Item, string>({
              ...recorder().options,
              capacity: { items: 4, size: 12 },
              onDropped: ({ name }) => dropped.push(name),
              write: (batch) =>
                Effect.zipRight(
                  Effect.yieldNow(),
                  Effect.suspend(() => {
                    if (failing === "write") return Effect.fail("full")
                    written = batch.map(({ name }) => name)
                    return Effect.void
                  })
                ),
              sync: Effect.zipRight(
                Effect.yieldNow(),
                Effect.suspend(() => {
                  if (failing === "sync") return Effect.fail("lost")
                  stored.push(...written)
                  return Effect.void
                })
              )
            })
            const look = () => {
              const { accepted, durable, dropped: gone, pending } = writer.unsafeAccount()
              assert.strictEqual(accepted, offered)
              assert.strictEqual(accepted, durable + gone + pending)
              assert.strictEqual(gone, dropped.length)
              assert.isAtMost(pending, 8)
            }
            for (const step of script) {
              if (step._tag === "offer") {
                const name = String(offered++)
                const position = writer.unsafeOffer(item(name), step.size, step.policy, step.kept)
                if (position > 0 && step.kept) kept.push(name)
              } else if (step._tag === "yield") {
                for (let n = 0; n < step.times; n++) yield* Effect.tap(Effect.yieldNow(), look)
              } else if (step._tag === "wait") yield* TestClock.adjust(Duration.millis(step.millis))
              else failing = step._tag === "mend" ? undefined : step._tag === "breakSync" ? "sync" : "write"
              look()
            }
            failing = undefined
            yield* TestClock.adjust("2 seconds")
            look()
            assert.strictEqual(writer.unsafeAccount().pending, 0)
          })
        )
        const isReport = (name: string) => name.startsWith("dropped ")
        const reported = stored.filter(isReport).reduce((sum, name) => sum + Number(name.slice("dropped ".length)), 0)
        assert.strictEqual(reported, dropped.length)
        const isDropped = new Set(dropped)
        assert.deepStrictEqual(
          stored.filter((name) => !isReport(name)),
          Array.from({ length: offered }, (_, n) => String(n)).filter((name) => !isDropped.has(name))
        )
        assert.isFalse(kept.some((name) => isDropped.has(name)))
      }),
    { fastCheck: { numRuns: 100 } }
  )
})
