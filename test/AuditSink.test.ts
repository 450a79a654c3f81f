import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Logger, Ref, Scope, TestClock } from "effect"
import fc from "fast-check"
import * as AppLog from "../src/AppLog.js"
import * as AuditEvent from "../src/AuditEvent.js"
import type { Level } from "../src/AuditEvent.js"
import * as AuditLog from "../src/AuditLog.js"
import * as AuditRecord from "../src/AuditRecord.js"
import * as AuditRegistry from "../src/AuditRegistry.js"
import * as AuditSink from "../src/AuditSink.js"

const levels: ReadonlyArray<Level> = ["Debug", "Info", "Warning", "Error", "Fatal"]
const wire = {
  Trace: "DEBUG",
  Debug: "DEBUG",
  Info: "INFO",
  Warning: "WARNING",
  Error: "ERROR",
  Fatal: "CRITICAL"
} as const

const record = (number: number, level: Level = "Info") =>
  AuditRecord.make({
    level: wire[level],
    date: "2024-01-31T12:00:00.000Z",
    message: `Event ${number}`,
    event: { type: "test", details: { number } },
    source: "test"
  })

const batch = (from: number, to: number, level?: Level): AuditSink.Batch => [
  record(from, level),
  ...Array.from({ length: to - from }, (_, n) => record(from + n + 1, level))
]

const numbersOf = (records: ReadonlyArray<AuditRecord.AuditRecord>) =>
  records.map(({ event }) => event.details["number"])

const failure = new AuditSink.AuditSinkError({ sink: "test", reason: "Full", description: "no room" })

type Mode = "works" | "fails" | "dies" | "hangs"

/** A sink that keeps what it was given once that is synced, and can be told to fail or to hang in either step. */
const makeSink = () => {
  const records: Array<AuditRecord.AuditRecord> = []
  const written: Array<AuditRecord.AuditRecord> = []
  /** As the operating system would: what a failing sync leaves is gone. */
  let unsynced: ReadonlyArray<AuditRecord.AuditRecord> = []
  const state = { mode: "works" as Mode, sync: "works" as Mode, open: 0, writes: 0, syncs: 0 }
  const step = (mode: Mode, then: () => void) => {
    if (mode === "hangs") return Effect.never
    if (mode === "dies") return Effect.dieMessage("bug")
    return mode === "fails" ? failure : Effect.sync(then)
  }
  const service: AuditSink.Service = {
    write: (given) =>
      Effect.suspend(() => {
        state.writes++
        return step(state.mode, () => {
          written.push(...given)
          unsynced = [...unsynced, ...given]
        })
      }),
    sync: Effect.suspend(() => {
      state.syncs++
      const given = unsynced
      unsynced = []
      return step(state.sync, () => void records.push(...given))
    })
  }
  const layer = Layer.scoped(
    AuditSink.AuditSink,
    Effect.acquireRelease(
      Effect.sync(() => {
        state.open++
        return service
      }),
      () => Effect.sync(() => state.open--)
    )
  )
  return { records, written, state, layer }
}

/** What the writer does with a batch. */
const store = (sink: AuditSink.Service, given: AuditSink.Batch) => Effect.zipRight(sink.write(given), sink.sync)

const use = <E, R>(layer: Layer.Layer<AuditSink.AuditSink, E, R>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, AuditSink.AuditSink))

const recordLog = Effect.map(
  Effect.sync((): Array<AppLog.Line> => []),
  (lines) => ({
    lines,
    layer: Logger.replace(
      Logger.defaultLogger,
      AppLog.makeLogger((line) => lines.push(line))
    )
  })
)

const settle = Effect.repeatN(Effect.yieldNow(), 30)

describe("memory and console", () => {
  it.scoped("keep the records, and print one line for each", () =>
    Effect.gen(function* () {
      const records = yield* Ref.make<ReadonlyArray<AuditRecord.AuditRecord>>([])
      const memory = yield* use(AuditSink.memory(records))
      yield* memory.write(batch(1, 2))
      yield* memory.write(batch(3, 3))
      assert.deepStrictEqual(numbersOf(yield* Ref.get(records)), [1, 2, 3])
      const console = yield* use(AuditSink.console)
      const given = batch(1, 2)
      const printed: Array<unknown> = []
      yield* Effect.withConsole(console.write(given), {
        ...globalThis.console,
        unsafe: globalThis.console,
        log: (...args: ReadonlyArray<unknown>) => Effect.sync(() => void printed.push(...args))
      } as never)
      assert.deepStrictEqual(printed, [given.map(({ line }) => line).join("\n")])
    })
  )
})

describe("sinks of lines", () => {
  const isMadeOfLines = (layer: Layer.Layer<AuditSink.AuditSink, AuditSink.AuditSinkError>) =>
    Effect.map(Layer.build(layer), (context) => AuditSink.isOfLines(Context.get(context, AuditSink.AuditSink)))
  const whole = Layer.sync(AuditSink.AuditSink, () => ({ write: () => Effect.void, sync: Effect.void }))
  const filtered = AuditSink.filter("Error")(AuditSink.console)

  const cases: ReadonlyArray<readonly [string, Layer.Layer<AuditSink.AuditSink, AuditSink.AuditSinkError>, boolean]> = [
    ["the console", AuditSink.console, true],
    ["nothing", AuditSink.empty, true],
    ["a sink of one's own", whole, false],
    ["a filter of lines", filtered, true],
    ["a filter of a sink of one's own", AuditSink.filter("Error")(whole), false],
    ["several of lines", AuditSink.combine(filtered, AuditSink.empty), true],
    ["one that is not among them", AuditSink.combine(AuditSink.console, whole), false]
  ]
  for (const [name, layer, isOfLines] of cases) {
    it.scoped(`${name}: ${isOfLines ? "is one" : "is none"}`, () =>
      Effect.map(isMadeOfLines(layer), (found) => assert.strictEqual(found, isOfLines))
    )
  }

  it.scoped("what is made from a copy of one is given whole records", () =>
    Effect.gen(function* () {
      const records: Array<AuditRecord.AuditRecord> = []
      const inspected = Layer.map(AuditSink.console, (context) =>
        Context.make(AuditSink.AuditSink, {
          ...Context.get(context, AuditSink.AuditSink),
          write: (batch: AuditSink.Batch) => Effect.sync(() => void records.push(...batch))
        })
      )
      const audit = Context.get(
        yield* Layer.build(AuditLog.layer().pipe(Layer.provide(inspected), Layer.provide(AuditRegistry.layer))),
        AuditLog.AuditLog
      )
      const Seen = AuditEvent.make("test-seen", { level: "Info", message: "Seen" })
      // The proof is for the compiler alone.
      yield* audit.require(Seen) as Effect.Effect<void, unknown>
      assert.deepStrictEqual(
        records.map(({ level, message, event }) => ({ level, message, type: event.type })),
        [{ level: "INFO", message: "Seen", type: "test-seen" }]
      )
    })
  )
})

describe("laws", () => {
  /** A sink described as data, so that two can be compared by what ends up in each member. */
  type Shape =
    | { readonly _tag: "member"; readonly index: number }
    | { readonly _tag: "empty" }
    | { readonly _tag: "combine"; readonly parts: ReadonlyArray<Shape> }
    | { readonly _tag: "filter"; readonly level: Level; readonly of: Shape }

  const members = 3
  const shape = fc.letrec<{ shape: Shape }>((tie) => ({
    shape: fc.oneof(
      { maxDepth: 3 },
      fc.integer({ min: 0, max: members - 1 }).map((index): Shape => ({ _tag: "member", index })),
      fc.constant<Shape>({ _tag: "empty" }),
      fc.array(tie("shape"), { maxLength: 3 }).map((parts): Shape => ({ _tag: "combine", parts })),
      fc.tuple(fc.constantFrom(...levels), tie("shape")).map(([level, of]): Shape => ({ _tag: "filter", level, of }))
    )
  })).shape

  const interpret = (
    sinks: ReadonlyArray<ReturnType<typeof makeSink>>,
    given: Shape
  ): Layer.Layer<AuditSink.AuditSink> => {
    switch (given._tag) {
      case "member":
        return sinks[given.index]!.layer
      case "empty":
        return AuditSink.empty
      case "combine":
        return AuditSink.combine(...given.parts.map((part) => interpret(sinks, part)))
      case "filter":
        return AuditSink.filter(given.level)(interpret(sinks, given.of))
    }
  }

  const stored = (given: Shape, batches: ReadonlyArray<AuditSink.Batch>) =>
    Effect.gen(function* () {
      const sinks = Array.from({ length: members }, makeSink)
      const sink = yield* use(interpret(sinks, given))
      for (const each of batches) yield* store(sink, each)
      return sinks.map(({ records }) => [...records].map(({ line }) => line).sort())
    }).pipe(Effect.scoped)

  const batches = fc.array(
    fc.array(fc.tuple(fc.integer(), fc.constantFrom(...levels)), { minLength: 1, maxLength: 5 }).map((items) => {
      const [first, ...others] = items.map(([number, level]) => record(number, level))
      return [first!, ...others] as const
    }),
    { maxLength: 4 }
  )

  const same = (
    name: string,
    left: (a: Shape, b: Shape, c: Shape) => Shape,
    right: (a: Shape, b: Shape, c: Shape) => Shape
  ) =>
    it.effect.prop(
      name,
      [shape, shape, shape, batches],
      ([a, b, c, given]) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* stored(left(a, b, c), given), yield* stored(right(a, b, c), given))
        }),
      { fastCheck: { numRuns: 25 } }
    )

  const combine = (...parts: ReadonlyArray<Shape>): Shape => ({ _tag: "combine", parts })
  const empty: Shape = { _tag: "empty" }
  const filter = (level: Level, of: Shape): Shape => ({ _tag: "filter", level, of })

  same(
    "combine is associative",
    (a, b, c) => combine(combine(a, b), c),
    (a, b, c) => combine(a, combine(b, c))
  )
  same(
    "combine flattens",
    (a, b, c) => combine(combine(a, b), c),
    (a, b, c) => combine(a, b, c)
  )
  same(
    "empty is its unit on the left",
    (a) => combine(empty, a),
    (a) => a
  )
  same(
    "empty is its unit on the right",
    (a) => combine(a, empty),
    (a) => a
  )
  same(
    "combine of nothing is empty",
    () => combine(),
    () => empty
  )
  same(
    "combine is commutative in what is stored",
    (a, b) => combine(a, b),
    (a, b) => combine(b, a)
  )
  same(
    "filter distributes over combine",
    (a, b) => filter("Warning", combine(a, b)),
    (a, b) => combine(filter("Warning", a), filter("Warning", b))
  )
  same(
    "of two filters the stricter one counts",
    (a) => filter("Info", filter("Error", a)),
    (a) => filter("Error", a)
  )
  same(
    "filters commute",
    (a) => filter("Info", filter("Error", a)),
    (a) => filter("Error", filter("Info", a))
  )
  same(
    "the lowest filter lets everything through",
    (a) => filter("Debug", a),
    (a) => a
  )
})

describe("filter", () => {
  it.scoped("lets through what is at least as severe", () =>
    Effect.gen(function* () {
      for (const [index, minimum] of levels.entries()) {
        const { layer, records } = makeSink()
        const sink = yield* use(AuditSink.filter(minimum)(layer))
        for (const [number, level] of levels.entries()) yield* store(sink, [record(number, level)])
        assert.deepStrictEqual(numbersOf(records), levels.map((_, number) => number).slice(index))
      }
    })
  )

  it.scoped("does not bother the sink with an empty batch, nor hides its failure", () =>
    Effect.gen(function* () {
      const { layer, state } = makeSink()
      state.mode = "fails"
      const sink = yield* use(AuditSink.filter("Error")(layer))
      yield* store(sink, batch(1, 3, "Info"))
      assert.strictEqual(yield* Effect.flip(store(sink, batch(1, 3, "Error"))), failure)
    })
  )
})

describe("combine", () => {
  it.scoped("fails when a member fails, and gives only that one the records again", () =>
    Effect.gen(function* () {
      const [one, other] = [makeSink(), makeSink()]
      const sink = yield* use(AuditSink.combine(one.layer, other.layer))
      const first = batch(1, 2)
      one.state.mode = "fails"
      assert.strictEqual(yield* Effect.flip(store(sink, first)), failure)
      yield* Effect.flip(store(sink, first))
      assert.deepStrictEqual([numbersOf(one.written), numbersOf(other.written)], [[], [1, 2]])
      // The other one fails while the first one recovers, with more in the batch.
      const more = [...first, record(3)] as const
      one.state.mode = "works"
      other.state.mode = "dies"
      assert.isTrue(Exit.isFailure(yield* Effect.exit(store(sink, more))))
      other.state.mode = "works"
      yield* store(sink, more)
      yield* store(sink, [record(4)])
      assert.deepStrictEqual(
        [numbersOf(one.records), numbersOf(other.records)],
        [
          [1, 2, 3, 4],
          [1, 2, 3, 4]
        ]
      )
    })
  )

  it.scoped("gives what could not be synced again to that member alone, and does not sync the others twice", () =>
    Effect.gen(function* () {
      const [one, other] = [makeSink(), makeSink()]
      const sink = yield* use(AuditSink.combine(one.layer, other.layer))
      const first = batch(1, 2)
      other.state.sync = "fails"
      assert.strictEqual(yield* Effect.flip(store(sink, first)), failure)
      assert.deepStrictEqual([numbersOf(one.records), numbersOf(other.records)], [[1, 2], []])
      // The one that has synced would fail now, and has nothing to do with it.
      one.state.sync = "fails"
      other.state.sync = "works"
      yield* store(sink, first)
      assert.deepStrictEqual([one.state.writes, one.state.syncs, other.state.writes, other.state.syncs], [1, 1, 2, 2])
      // Now it has something to sync.
      const second = batch(3, 3)
      assert.strictEqual(yield* Effect.flip(store(sink, second)), failure)
      one.state.sync = "works"
      yield* store(sink, second)
      for (const { records } of [one, other]) assert.deepStrictEqual(numbersOf(records), [1, 2, 3])
      assert.deepStrictEqual([one.state.writes, other.state.writes], [3, 3])
    })
  )

  it.scoped("does not write again what a member has written while another one could not", () =>
    Effect.gen(function* () {
      const [one, other] = [makeSink(), makeSink()]
      const sink = yield* use(AuditSink.combine(one.layer, other.layer))
      const first = batch(1, 2)
      other.state.mode = "fails"
      assert.strictEqual(yield* Effect.flip(sink.write(first)), failure)
      other.state.mode = "works"
      // Written by both, synced by neither: then both have to write again.
      yield* sink.write(first)
      assert.deepStrictEqual([one.state.writes, other.state.writes], [1, 2])
      one.state.sync = "dies"
      other.state.sync = "fails"
      assert.isTrue(Exit.isFailure(yield* Effect.exit(sink.sync)))
      assert.deepStrictEqual([one.state.syncs, other.state.syncs], [1, 1])
      one.state.sync = "works"
      other.state.sync = "works"
      yield* store(sink, first)
      assert.deepStrictEqual([one.state.writes, other.state.writes], [2, 3])
      for (const { records } of [one, other]) assert.deepStrictEqual(numbersOf(records), [1, 2])
    })
  )

  const ends = fc.constantFrom("works" as const, "write" as const, "sync" as const)

  it.effect.prop(
    "stores every record once in each member, however they fail",
    [fc.array(fc.tuple(ends, ends), { maxLength: 12 })],
    ([script]) =>
      Effect.gen(function* () {
        const sinks = [makeSink(), makeSink()] as const
        const sink = yield* use(AuditSink.combine(sinks[0].layer, sinks[1].layer))
        let waiting: ReadonlyArray<AuditRecord.AuditRecord> = []
        let next = 0
        for (const ends of [...script, ["works", "works"] as const]) {
          // The writer gives the same batch again, and nothing newer before it is stored.
          if (waiting.length === 0) waiting = [record(next++), record(next++)]
          sinks.forEach(({ state }, index) => {
            state.mode = ends[index] === "write" ? "fails" : "works"
            state.sync = ends[index] === "sync" ? "fails" : "works"
          })
          const exit = yield* Effect.exit(store(sink, waiting as unknown as AuditSink.Batch))
          if (Exit.isSuccess(exit)) waiting = []
        }
        for (const { records } of sinks) {
          assert.deepStrictEqual(
            numbersOf(records),
            Array.from({ length: next }, (_, n) => n)
          )
        }
      }).pipe(Effect.scoped),
    { fastCheck: { numRuns: 100 } }
  )

  it.scoped("writes to all at the same time, and waits for the slowest", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const fast = makeSink()
      const slow = Layer.succeed(AuditSink.AuditSink, { write: () => Deferred.await(gate), sync: Effect.void })
      const sink = yield* use(AuditSink.combine(slow, fast.layer))
      const writing = yield* Effect.fork(store(sink, batch(1, 2)))
      yield* settle
      assert.deepStrictEqual(numbersOf(fast.written), [1, 2])
      assert.strictEqual((yield* Fiber.poll(writing))._tag, "None")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(writing)
    })
  )

  it.effect("opens and closes its members", () =>
    Effect.gen(function* () {
      const [one, other] = [makeSink(), makeSink()]
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* use(AuditSink.combine(one.layer, AuditSink.filter("Error")(other.layer)))
          assert.deepStrictEqual([one.state.open, other.state.open], [1, 1])
        })
      )
      assert.deepStrictEqual([one.state.open, other.state.open], [0, 0])
    })
  )

  it.scoped("fails to open when a member does", () =>
    Effect.gen(function* () {
      const broken = Layer.fail(failure) as Layer.Layer<AuditSink.AuditSink, AuditSink.AuditSinkError>
      assert.strictEqual(yield* Effect.flip(use(AuditSink.combine(AuditSink.empty, broken))), failure)
    })
  )
})

describe("bestEffort", () => {
  it.scoped("hands everything on, in order", () =>
    Effect.gen(function* () {
      const { layer, records } = makeSink()
      const sink = yield* use(AuditSink.bestEffort()(layer))
      for (let n = 0; n < 10; n++) yield* store(sink, batch(n * 3, n * 3 + 2))
      yield* settle
      assert.deepStrictEqual(
        numbersOf(records),
        Array.from({ length: 30 }, (_, n) => n)
      )
    })
  )

  for (const mode of ["fails", "dies"] as const) {
    it.scoped(`does not fail when the sink ${mode}: it says how many records are missing, once it works again`, () =>
      Effect.gen(function* () {
        const { layer: log, lines } = yield* recordLog
        const { layer, records, state } = makeSink()
        const sink = yield* Effect.provide(use(AuditSink.bestEffort()(layer)), log)
        state.mode = mode
        yield* store(sink, batch(1, 3))
        yield* settle
        yield* store(sink, batch(4, 5))
        yield* settle
        state.mode = "works"
        yield* store(sink, batch(6, 6))
        yield* settle
        assert.deepStrictEqual(numbersOf(records), [6])
        assert.deepStrictEqual(
          lines.map(({ level, message }) => [level, message]),
          [
            ["WARNING", "An optional audit sink fails; records are left out of it"],
            ["WARNING", "An optional audit sink works again; 5 records are missing from it"]
          ]
        )
      })
    )
  }

  it.effect("never waits for a sink that hangs, is bounded, and says at the end what is missing", () =>
    Effect.gen(function* () {
      const { layer: log, lines } = yield* recordLog
      const { layer, state } = makeSink()
      state.mode = "hangs"
      const scope = yield* Scope.make()
      const optional = AuditSink.bestEffort({ capacity: 5, closeWithin: "2 seconds" })(layer)
      const sink = yield* use(optional).pipe(Scope.extend(scope), Effect.provide(log))
      yield* store(sink, batch(1, 2))
      yield* settle
      yield* store(sink, batch(3, 20))
      const closing = yield* Effect.fork(Effect.uninterruptible(Scope.close(scope, Exit.void)))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(
        lines.map(({ level, message }) => [level, message]),
        [["WARNING", "20 records are missing from an optional audit sink"]]
      )
    })
  )

  it.effect("writes what it still has when it closes, and has nothing to say of it", () =>
    Effect.gen(function* () {
      const { layer: log, lines } = yield* recordLog
      const { layer, records, state } = makeSink()
      yield* Effect.gen(function* () {
        const sink = yield* use(AuditSink.bestEffort()(layer))
        yield* store(sink, batch(1, 5))
      }).pipe(Effect.scoped, Effect.provide(log))
      assert.deepStrictEqual(numbersOf(records), [1, 2, 3, 4, 5])
      assert.deepStrictEqual(lines, [])
      assert.strictEqual(state.open, 0)
    })
  )

  it.scoped("is left out, and says so, where the sink cannot be opened", () =>
    Effect.gen(function* () {
      const { layer: log, lines } = yield* recordLog
      for (const broken of [Layer.fail(failure), Layer.die("bug")]) {
        const optional = AuditSink.bestEffort()(broken as Layer.Layer<AuditSink.AuditSink, AuditSink.AuditSinkError>)
        const sink = yield* Effect.provide(use(optional), log)
        yield* store(sink, batch(1, 2))
      }
      assert.deepStrictEqual(
        lines.map(({ message }) => message),
        Array(2).fill("An optional audit sink could not be opened and is left out")
      )
    })
  )

  it.scoped("beside a required sink neither fails nor slows it", () =>
    Effect.gen(function* () {
      const [required, optional] = [makeSink(), makeSink()]
      optional.state.mode = "hangs"
      const sink = yield* use(
        AuditSink.combine(required.layer, AuditSink.bestEffort({ capacity: 1, closeWithin: 0 })(optional.layer))
      )
      for (let n = 0; n < 5; n++) yield* store(sink, batch(n, n))
      assert.deepStrictEqual(numbersOf(required.records), [0, 1, 2, 3, 4])
    })
  )
})
