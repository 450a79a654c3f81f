import { FileSystem } from "@effect/platform"
import { assert, describe } from "@effect/vitest"
import { Array as Arr, Deferred, Effect, Either, Exit, Fiber, Layer, Option, Scope } from "effect"
import * as AuditChain from "../../src/AuditChain.js"
import { AuditSink, AuditSinkError } from "../../src/AuditSink.js"
import * as FileSink from "../../src/AuditSink/File.js"
import * as Spool from "../../src/AuditSink/Spool.js"
import { readLines, suffixes } from "../internal/logFiles.js"
import {
  assertValid,
  instance,
  makeRemote,
  messages,
  metrics,
  numbers,
  open,
  path,
  test,
  unavailable,
  until,
  use
} from "./spools.js"
import { record, records, store } from "./testRecords.js"
import { verifyLines } from "./trails.js"

const range = (from: number, to: number) => Arr.range(from, to)

/** While so much time passes. */
const meanwhile = <A, E, R>(passing: Effect.Effect<void>, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    yield* passing
    const exit = yield* Fiber.poll(fiber)
    return yield* Option.getOrThrowWith(exit, () => new Error("It has not ended in time"))
  })

describe("a spool", () => {
  test("forwards what is durable, in order and once, with what the trail says of itself", ({ remote }) =>
    Effect.gen(function* () {
      yield* use(remote.layer, ({ sink, spool }) =>
        Effect.gen(function* () {
          yield* store(sink, records(1, 3))
          yield* store(sink, records(4, 500))
          yield* spool.forwarded
          assert.deepStrictEqual(numbers(remote.lines), range(1, 500))
          assert.deepStrictEqual(yield* spool.lag, { records: 0, bytes: 0, seconds: 0 })
          assert.deepStrictEqual(yield* readLines(path), remote.lines)
        })
      )
      assertValid(remote.lines)
      const types = remote.lines.map((line) => JSON.parse(line).event)
      assert.deepStrictEqual(
        [types.at(0), types.at(-1)].map(({ type, details }) => [type, details]),
        [
          ["registrar-trail-started", { instance }],
          ["registrar-trail-stopped", {}]
        ]
      )
      assert.deepStrictEqual([remote.counts.opened, remote.counts.closed, remote.counts.again], [1, 1, 0])
    }))

  test("goes on where it was when it is opened again, and forwards nothing twice", ({ remote, said }) =>
    Effect.gen(function* () {
      for (const life of range(0, 4)) {
        yield* use(remote.layer, ({ sink }) => store(sink, records(life * 10 + 1, life * 10 + 10)))
      }
      assert.deepStrictEqual(numbers(remote.lines), range(1, 50))
      assertValid(remote.lines)
      assert.strictEqual(remote.counts.again, 0)
      assert.deepStrictEqual(messages(said, "WARNING", "ERROR"), [])
    }))

  test("does not forward what is not durable yet", ({ pass, remote }) =>
    Effect.gen(function* () {
      yield* use(remote.layer, ({ sink, spool }) =>
        Effect.gen(function* () {
          yield* sink.write(records(1, 3))
          yield* spool.forwarded
          yield* pass("400 millis")
          assert.deepStrictEqual(numbers(remote.lines), [])
          yield* sink.sync
          yield* spool.forwarded
          assert.deepStrictEqual(numbers(remote.lines), [1, 2, 3])
        })
      )
    }))

  test("removes segments once all of them was forwarded, and the chain goes on", ({ pass, remote }) =>
    Effect.gen(function* () {
      const options = { maxBytes: 100_000, segmentBytes: 2000 }
      yield* use(
        remote.layer,
        ({ sink, spool }) =>
          Effect.gen(function* () {
            remote.steps.write = Effect.never
            yield* Effect.forEach(range(1, 50), (number) => store(sink, [record(number)]))
            yield* pass("2 seconds")
            assert.isAbove((yield* suffixes(path)).length, 8)
            remote.steps.write = Effect.void
            yield* pass("40 seconds")
            yield* spool.forwarded
            yield* pass("1 second")
            const left = (yield* suffixes(path)).filter((suffix) => /^\.\d+$/.test(suffix))
            assert.isAtMost(left.length, 1)
          }),
        options
      )
      yield* use(remote.layer, ({ sink }) => store(sink, records(51, 60)), options)
      assert.deepStrictEqual(numbers(remote.lines), range(1, 60))
      assertValid(remote.lines)
    }))

  test("keeps the end of the chain in a file, also where all was forwarded and a new file has nothing durable", ({
    pass,
    remote
  }) =>
    Effect.gen(function* () {
      const options = { maxBytes: 100_000, segmentBytes: 1000 }
      const scope = yield* Scope.make()
      const { sink, spool } = yield* Scope.extend(open(remote.layer, options), scope)
      yield* store(sink, records(1, 3))
      // Into a new file, and not synced.
      yield* sink.write(records(4, 6))
      yield* spool.forwarded
      yield* pass("2 seconds")
      const lines = yield* readLines(path)
      assert.include(numbers(lines), 3)
      yield* sink.sync
      yield* Scope.close(scope, Exit.void)
    }))

  test("signs its chain, and what is forwarded is signed", ({ pass, remote }) =>
    Effect.gen(function* () {
      const { privateKey, publicKey } = yield* AuditChain.generateKeys
      yield* use(
        remote.layer,
        ({ sink }) =>
          Effect.forEach(range(1, 30), (number) => Effect.zipRight(store(sink, [record(number)]), pass("10 seconds"))),
        { seals: { keys: [privateKey], everyRecords: 7 } }
      )
      const report = verifyLines(remote.lines, { keys: [Either.getOrThrow(AuditChain.publicKey(publicKey))] })
      assert.strictEqual(report.problem?.message, undefined)
      assert.isAbove(report.seals, 5)
      assert.strictEqual(report.unsealed, 0)
      assert.deepStrictEqual(numbers(remote.lines), range(1, 30))
    }))

  test("gives a batch that failed again, the same records", ({ pass, remote }) =>
    Effect.gen(function* () {
      remote.steps.sync = unavailable
      yield* use(remote.layer, ({ sink }) =>
        Effect.gen(function* () {
          yield* store(sink, records(1, 3))
          yield* until(() => remote.attempts.length > 0)
          yield* store(sink, records(4, 6))
          yield* pass("10 seconds")
          remote.steps.sync = Effect.void
          yield* pass("40 seconds")
        })
      )
      const [first, ...others] = remote.attempts.map(({ batch }) => batch)
      const again = others.filter((batch) => batch[0] === first![0])
      assert.isAbove(again.length, 3)
      for (const batch of again) assert.deepStrictEqual(batch, first)
      assert.deepStrictEqual(numbers(remote.lines), range(1, 6))
      // It has said itself that it fails.
      assert.strictEqual(remote.counts.opened, 1)
    }))

  test("gives batches that are bounded, in records and in bytes", ({ pass, remote }) =>
    Effect.gen(function* () {
      remote.steps.write = unavailable
      const large = { ...record(26), line: record(26).line.replace("happened", "x".repeat(20_000)) }
      yield* use(
        remote.layer,
        ({ sink }) =>
          Effect.gen(function* () {
            yield* store(sink, [...records(1, 25), large, ...records(27, 50)])
            remote.steps.write = Effect.void
            yield* pass("1 minute")
          }),
        { maxBatch: { records: 7, bytes: 3000 } }
      )
      assert.deepStrictEqual(numbers(remote.lines), range(1, 50))
      const sizes = remote.attempts.map(({ batch }) => batch.length)
      assert.strictEqual(Math.max(...sizes), 7)
      for (const { batch } of remote.attempts) {
        const bytes = batch.reduce((total, { line }) => total + line.length, 0)
        assert.isTrue(bytes <= 3000 || batch.length === 1, `${batch.length} records with ${bytes} bytes`)
      }
    }))
})

describe("a remote sink", () => {
  test("that hangs holds nobody up, is closed after a while, and opened anew", ({ pass, remote, said }) =>
    Effect.gen(function* () {
      remote.steps.write = Effect.uninterruptible(Effect.never)
      yield* use(remote.layer, ({ sink, spool }) =>
        Effect.gen(function* () {
          yield* store(sink, records(1, 3))
          yield* until(() => remote.attempts.length > 0)
          yield* store(sink, records(4, 6))
          assert.strictEqual((yield* spool.lag).records, 7)
          yield* pass("29 seconds")
          assert.deepStrictEqual([remote.counts.opened, remote.counts.closed], [1, 0])
          yield* pass("2 seconds")
          assert.deepStrictEqual([remote.counts.opened, remote.counts.closed], [2, 1])
          remote.steps.write = Effect.void
          yield* pass("31 seconds")
          yield* spool.forwarded
          assert.deepStrictEqual([remote.counts.opened, remote.counts.closed], [3, 2])
        })
      )
      assert.deepStrictEqual(numbers(remote.lines), range(1, 6))
      const [failed, works] = messages(said, "WARNING")
      assert.include(failed, "cannot forward: ")
      assert.include(works, "forwards again")
    }))

  test("that hangs while it closes is left behind", ({ pass, remote }) =>
    Effect.gen(function* () {
      remote.steps.write = Effect.never
      remote.steps.close = Effect.never
      const scope = yield* Scope.make()
      const { sink, spool } = yield* Scope.extend(open(remote.layer), scope)
      yield* store(sink, records(1, 3))
      yield* until(() => remote.attempts.length > 0)
      remote.steps.write = Effect.void
      yield* pass("36 seconds")
      yield* spool.forwarded
      assert.deepStrictEqual(numbers(remote.lines), range(1, 3))
      yield* meanwhile(pass("5 seconds"), Scope.close(scope, Exit.void))
    }))

  test("is waited for at the end, but not for longer than it may take", ({ pass, remote, said }) =>
    Effect.gen(function* () {
      remote.steps.write = Effect.uninterruptible(Effect.never)
      const scope = yield* Scope.make()
      const { sink } = yield* Scope.extend(open(remote.layer, { closeWithin: "3 seconds" }), scope)
      yield* store(sink, records(1, 3))
      yield* until(() => remote.attempts.length > 0)
      yield* meanwhile(pass("3 seconds"), Scope.close(scope, Exit.void))
      assert.include(messages(said, "WARNING").at(-1), "5 records stay in the spool")
      // By the next program.
      const next = makeRemote()
      yield* use(next.layer, ({ spool }) => spool.forwarded)
      assert.deepStrictEqual(numbers(next.lines), [1, 2, 3])
    }))

  for (const [where, hangs] of [
    ["while it opens", { open: true, close: false }],
    ["while it closes", { open: false, close: true }],
    ["while it opens and closes", { open: true, close: true }]
  ] as const) {
    test(`that hangs for ever ${where} does not hold up the end`, ({ pass }) =>
      Effect.gen(function* () {
        const never = (isSo: boolean) => (isSo ? Effect.uninterruptible(Effect.never) : Effect.void)
        const remote = Layer.scoped(
          AuditSink,
          Effect.addFinalizer(() => never(hangs.close)).pipe(
            Effect.zipRight(hangs.open ? Effect.never : Effect.void),
            Effect.as({ write: () => never(true), sync: Effect.void })
          )
        )
        const scope = yield* Scope.make()
        const { sink } = yield* Scope.extend(open(remote, { closeWithin: "3 seconds" }), scope)
        yield* store(sink, records(1, 3))
        yield* pass("1 second")
        yield* meanwhile(pass("3 seconds"), Scope.close(scope, Exit.void))
      }))
  }

  test("is tried at once at the end, however long the next attempt was to wait", ({ pass, remote }) =>
    Effect.gen(function* () {
      remote.steps.write = unavailable
      yield* use(remote.layer, ({ sink }) =>
        Effect.gen(function* () {
          yield* store(sink, records(1, 3))
          yield* pass("2 minutes")
          remote.steps.write = Effect.void
        })
      )
      assert.deepStrictEqual(numbers(remote.lines), [1, 2, 3])
    }))

  test("that fails is tried again after 0.1, 0.2, … 30 seconds, each a fifth sooner or later", ({ pass, remote }) =>
    Effect.gen(function* () {
      remote.steps.write = unavailable
      yield* use(remote.layer, ({ sink }) =>
        Effect.gen(function* () {
          yield* store(sink, records(1, 3))
          yield* until(() => remote.attempts.length > 0)
          yield* pass("10 minutes")
          const times = remote.attempts.map(({ at }) => at)
          const delays = times.slice(1).map((at, index) => at - times[index]!)
          assert.isAtLeast(delays.length, 20)
          delays.forEach((delay, index) => {
            const middle = Math.min(100 * 2 ** index, 30_000)
            assert.isAtLeast(delay, Math.floor(0.8 * middle), `delay ${index}`)
            assert.isAtMost(delay, Math.ceil(1.2 * middle), `delay ${index}`)
          })
          assert.isAbove(new Set(delays.slice(10)).size, 5, "the delays differ")

          remote.steps.write = Effect.void
          yield* pass("40 seconds")
          remote.steps.write = unavailable
          const before = remote.attempts.length
          yield* store(sink, records(4, 4))
          yield* until(() => remote.attempts.length > before)
          yield* pass("121 millis")
          assert.isAtLeast(remote.attempts.length, before + 2)
          remote.steps.write = Effect.void
        })
      )
      assert.deepStrictEqual(numbers(remote.lines), range(1, 4))
    }))

  test("that has failed for minutes is opened anew", ({ pass, remote }) =>
    Effect.gen(function* () {
      remote.steps.write = unavailable
      yield* use(remote.layer, ({ sink }) =>
        Effect.gen(function* () {
          yield* store(sink, records(1, 3))
          yield* pass("4 minutes")
          assert.strictEqual(remote.counts.opened, 1)
          yield* pass("2 minutes")
          assert.strictEqual(remote.counts.opened, 2)
          remote.steps.write = Effect.void
        })
      )
    }))

  for (const [where, fail] of [
    ["cannot be opened", (remote) => (remote.steps.open = Effect.fail(new Error("no such host")))],
    ["dies when it is opened", (remote) => (remote.steps.open = Effect.dieMessage("a bug"))],
    ["hangs when it is opened", (remote) => (remote.steps.open = Effect.never)],
    ["dies while it writes", (remote) => (remote.steps.write = Effect.dieMessage("a bug"))],
    ["dies while it syncs", (remote) => (remote.steps.sync = Effect.dieMessage("a bug"))],
    ["interrupts itself", (remote) => (remote.steps.write = Effect.interrupt)]
  ] as ReadonlyArray<readonly [string, (remote: ReturnType<typeof makeRemote>) => unknown]>) {
    test(`that ${where} is tried again until it works`, ({ pass, remote }) =>
      Effect.gen(function* () {
        fail(remote)
        yield* use(remote.layer, ({ sink, spool }) =>
          Effect.gen(function* () {
            yield* store(sink, records(1, 3))
            yield* pass("5 minutes")
            assert.deepStrictEqual([(yield* metrics())["outage"], (yield* spool.lag).records], [1, 4])
            Object.assign(remote.steps, { open: Effect.void, write: Effect.void, sync: Effect.void })
            yield* pass("70 seconds")
            yield* spool.forwarded
            assert.strictEqual((yield* metrics())["outage"], 0)
          })
        )
        assert.deepStrictEqual(numbers(remote.lines), [1, 2, 3])
        assert.strictEqual(remote.counts.closed, remote.counts.opened)
      }))
  }

  test("whose layer throws is an outage like others", ({ pass, remote }) =>
    Effect.gen(function* () {
      let isBroken = true
      const layer = Layer.suspend(() => {
        if (isBroken) throw new Error("a bug")
        return remote.layer
      })
      yield* use(layer, ({ sink }) =>
        Effect.gen(function* () {
          yield* store(sink, records(1, 3))
          yield* pass("1 minute")
          isBroken = false
          yield* pass("40 seconds")
        })
      )
      assert.deepStrictEqual(numbers(remote.lines), [1, 2, 3])
    }))

  test("is said to fail once, as an error where somebody has to mend it, and to work again", ({ pass, remote, said }) =>
    Effect.gen(function* () {
      const error = (reason: AuditSinkError["reason"]) =>
        new AuditSinkError({ sink: "remote", reason, description: "so it is" })
      yield* use(remote.layer, ({ sink }) =>
        Effect.gen(function* () {
          for (const reason of ["Unavailable", "Misconfigured", "Claimed", "Unavailable"] as const) {
            remote.steps.write = error(reason)
            yield* store(sink, [record(1)])
            yield* pass("3 minutes")
          }
          remote.steps.write = Effect.void
          yield* pass("40 seconds")
        })
      )
      const lines = said.filter(({ level }) => level !== "DEBUG")
      assert.deepStrictEqual(
        lines.map(({ level }) => level),
        ["WARNING", "ERROR", "WARNING"]
      )
      assert.include(lines[0]!.message, "tried again until it can")
      assert.include(lines[1]!.message, "that does not end by itself")
      assert.include(JSON.stringify(lines[1]), "so it is")
      assert.include(lines[2]!.message, "forwards again")
    }))
})

describe("the lag", () => {
  test("is a metric, in records, bytes and seconds", ({ pass, remote, set }) =>
    Effect.gen(function* () {
      // Metrics are those of the whole process.
      const at = `${path}-measured`
      remote.steps.write = unavailable
      yield* set(Date.parse(record(1).date))
      yield* use(
        remote.layer,
        ({ sink, spool }) =>
          Effect.gen(function* () {
            yield* store(sink, records(1, 9))
            yield* until(() => remote.attempts.length > 0)
            yield* pass("90 seconds")
            const bytes = (yield* readLines(at)).reduce((total, line) => total + line.length + 1, 0)
            const found = yield* metrics(at)
            assert.deepInclude(found, { lag_records: 10, lag_bytes: bytes, forwarded: 0, outage: 1, size_bytes: bytes })
            assert.closeTo(found["lag_seconds"]!, 90, 1)
            assert.deepStrictEqual({ ...(yield* spool.lag), seconds: 0 }, { records: 10, bytes, seconds: 0 })
            remote.steps.write = Effect.void
            yield* pass("40 seconds")
            assert.deepInclude(yield* metrics(at), {
              lag_records: 0,
              lag_bytes: 0,
              lag_seconds: 0,
              forwarded: 10,
              outage: 0,
              size_bytes: bytes
            })
          }),
        { path: at }
      )
    }))

  test("is known after a restart", ({ pass, remote }) =>
    Effect.gen(function* () {
      const options = { maxBytes: 100_000, segmentBytes: 2000, closeWithin: 0 }
      yield* use(
        remote.layer,
        ({ sink, spool }) => Effect.zipRight(store(sink, records(1, 30)), spool.forwarded),
        options
      )
      remote.steps.write = unavailable
      yield* use(remote.layer, ({ sink }) => store(sink, records(31, 60)), options)
      yield* use(
        remote.layer,
        ({ spool }) =>
          Effect.gen(function* () {
            yield* pass("1 second")
            const waiting = (yield* readLines(path)).filter((line) => JSON.parse(line).chain.seq > remote.lines.length)
            const { bytes, records } = yield* spool.lag
            assert.deepStrictEqual(
              { records, bytes },
              { records: waiting.length, bytes: waiting.reduce((total, line) => total + line.length + 1, 0) }
            )
          }),
        options
      )
    }))
})

describe("the bound", () => {
  const options = { maxBytes: 20_000, segmentBytes: 4000 }

  test("refuses what goes beyond, and takes it once something was forwarded", ({ pass, remote }) =>
    Effect.gen(function* () {
      remote.steps.write = unavailable
      yield* use(
        remote.layer,
        ({ sink, spool }) =>
          Effect.gen(function* () {
            let number = 0
            const fill = Effect.suspend(() => store(sink, [record(++number)]))
            const error = yield* Effect.flip(Effect.forever(fill))
            assert.strictEqual(error.reason, "Full")
            assert.include(error.message, "it holds as much as it may, 20000 bytes")
            const bytes = (yield* readLines(path)).reduce((total, line) => total + line.length + 1, 0)
            assert.isAtMost(bytes, 20_000)
            assert.isAbove(bytes, 19_000)
            assert.strictEqual((yield* Effect.flip(store(sink, [record(number)]))).reason, "Full")

            remote.steps.write = Effect.void
            yield* pass("40 seconds")
            yield* spool.forwarded
            yield* store(sink, [record(number)])
            yield* spool.forwarded
            assert.deepStrictEqual(numbers(remote.lines), range(1, number))
            // And on, for as long as the remote sink takes it.
            for (const next of range(number + 1, 300)) {
              yield* store(sink, [record(next)])
              yield* spool.forwarded
            }
          }),
        options
      )
      assert.deepStrictEqual(numbers(remote.lines), range(1, 300))
      assertValid(remote.lines)
    }))

  test("lets a batch that is larger than the bound through in parts, each record once", ({ remote }) =>
    Effect.gen(function* () {
      yield* use(
        remote.layer,
        ({ sink, spool }) =>
          Effect.gen(function* () {
            const batch = records(1, 500)
            let failures = 0
            const attempt = Effect.tapError(store(sink, batch), () => Effect.sync(() => void failures++))
            yield* Effect.retry(attempt, { while: () => Effect.as(spool.forwarded, true) })
            assert.isAbove(failures, 5)
            yield* store(sink, records(501, 501))
          }),
        options
      )
      assert.deepStrictEqual(numbers(remote.lines), range(1, 501))
    }))

  test("takes a record that is larger than the bound where nothing else waits", ({ remote }) =>
    Effect.gen(function* () {
      const large = (number: number) => ({
        ...record(number),
        line: record(number).line.replace("happened", "x".repeat(30_000))
      })
      yield* use(
        remote.layer,
        ({ sink, spool }) =>
          Effect.gen(function* () {
            yield* spool.forwarded
            yield* store(sink, [large(1)])
            yield* spool.forwarded
            yield* store(sink, [large(2)])
            assert.strictEqual((yield* Effect.flip(store(sink, [record(3)]))).reason, "Full")
            yield* spool.forwarded
            yield* store(sink, [record(3)])
          }),
        options
      )
      assert.deepStrictEqual(numbers(remote.lines), [1, 2, 3])
    }))

  test("counts what is there when it is opened", ({ remote }) =>
    Effect.gen(function* () {
      remote.steps.write = unavailable
      const fill = (from: number) =>
        use(
          remote.layer,
          ({ sink }) => Effect.flip(Effect.forEach(range(from, 300), (number) => store(sink, [record(number)]))),
          { ...options, closeWithin: 0 }
        )
      yield* fill(1)
      yield* fill(101)
      const bytes = (yield* readLines(path)).reduce((total, line) => total + line.length + 1, 0)
      assert.isBelow(bytes, 21_000)
    }))
})

describe("opening", () => {
  const refusal = (options: Partial<Spool.Options>, remote: Layer.Layer<AuditSink, unknown> = makeRemote().layer) =>
    Effect.flip(use(remote, () => Effect.void, options))

  test("refuses options that make no sense, with a sentence", () =>
    Effect.gen(function* () {
      for (const [options, sentence] of [
        [{ instance: "web 1" }, "the name of an instance has letters"],
        [{ path: "" }, "give the path of a file"],
        [{ maxBytes: 0 }, "maxBytes must be a whole number above 0, not 0"],
        [{ maxBytes: 3 }, "segmentBytes must be a whole number above 0, not 0"],
        [{ segmentBytes: 1.5 }, "segmentBytes must be"],
        [{ maxBytes: 10_000, segmentBytes: 5000 }, "at most a quarter of maxBytes"],
        [{ maxBatch: { records: 0 } }, "maxBatch.records must be"],
        [{ maxBatch: { bytes: NaN } }, "maxBatch.bytes must be"],
        [{ timeout: 0 }, "timeout must be a duration"],
        [{ timeout: "soon" as "1 second" }, "timeout must be a duration"]
      ] as const) {
        const error = yield* refusal(options)
        assert.include(error.message, sentence)
      }
      assert.strictEqual((yield* refusal({ path: "/nowhere/audit.log" })).reason, "Unwritable")
    }))

  test("refuses a second spool, and a second sink, on the same path", ({ pass, remote }) =>
    Effect.gen(function* () {
      yield* use(remote.layer, ({ sink, spool }) =>
        Effect.gen(function* () {
          const second = yield* meanwhile(pass("10 seconds"), refusal({}))
          assert.strictEqual(second.reason, "Claimed")
          assert.include(second.message, "end that one, or give this one a file of its own")
          const file = yield* meanwhile(pass("10 seconds"), Effect.flip(Effect.scoped(FileSink.make({ path }))))
          assert.strictEqual(file.reason, "Claimed")
          yield* store(sink, records(1, 3))
          yield* spool.forwarded
        })
      )
      // Nothing is left of those that were refused.
      yield* use(remote.layer, ({ sink }) => store(sink, records(4, 6)))
      assert.deepStrictEqual(numbers(remote.lines), range(1, 6))
      assert.deepStrictEqual(yield* suffixes(path), ["", ".cursor"])
    }))

  test("waits for the end of the one before, which still forwards", ({ pass, remote }) =>
    Effect.gen(function* () {
      remote.steps.write = Effect.never
      const scope = yield* Scope.make()
      const { sink } = yield* Scope.extend(open(remote.layer, { closeWithin: "4 seconds" }), scope)
      yield* store(sink, records(1, 3))
      yield* until(() => remote.attempts.length > 0)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* pass("1 second")
      const second = yield* meanwhile(pass("2 seconds"), refusal({}))
      assert.strictEqual(second.reason, "Claimed")
      yield* pass("2 seconds")
      yield* Fiber.join(closing)
      remote.steps.write = Effect.void
      yield* use(remote.layer, ({ spool }) => spool.forwarded)
      assert.deepStrictEqual(numbers(remote.lines), [1, 2, 3])
    }))

  test("can be tried again in the same scope", ({ remote }) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* fs.writeFileString(path, '{"a":1}\n')
      yield* Effect.flip(open(remote.layer))
      yield* fs.remove(path)
      const { sink, spool } = yield* open(remote.layer)
      yield* store(sink, records(1, 3))
      yield* spool.forwarded
      assert.deepStrictEqual(numbers(remote.lines), [1, 2, 3])
    }))

  test("refuses the trail of somebody else", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(Effect.flatMap(FileSink.make({ path }), (file) => store(file, records(1, 3))))
      const error = yield* refusal({})
      assert.strictEqual(error.reason, "Misconfigured")
      assert.include(error.message, "is not chained: give the spool a path of its own")
    }))

  test("refuses the spool of another instance", () =>
    Effect.gen(function* () {
      yield* use(makeRemote().layer, ({ spool }) => spool.forwarded)
      const error = yield* refusal({ instance: "web-2" })
      assert.strictEqual(error.reason, "Misconfigured")
      assert.include(error.message, "is the spool of 'web-1'")
    }))

  test("does not wait for the remote sink", ({ remote }) =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      remote.steps.open = Deferred.await(gate)
      yield* use(remote.layer, ({ sink, spool }) =>
        Effect.gen(function* () {
          yield* store(sink, records(1, 3))
          yield* Deferred.succeed(gate, undefined)
          yield* spool.forwarded
        })
      )
      assert.deepStrictEqual(numbers(remote.lines), [1, 2, 3])
    }))
})

describe("what is forwarded", () => {
  test("has to be read again: a format belongs to the remote sink", () =>
    Effect.gen(function* () {
      yield* use(makeRemote().layer, ({ sink }) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(sink.write([{ ...record(1), line: '{"@timestamp":"2024"}' }]))
          assert.strictEqual(error.reason, "Misconfigured")
          assert.include(error.message, "give a format to the remote sink, before 'Spool.through'")
          yield* store(sink, [{ ...record(1), line: ` ${record(1).line}` }])
        })
      )
    }))
})
