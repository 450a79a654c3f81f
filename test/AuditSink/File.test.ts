import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Deferred, Effect, Exit, Fiber, Layer, Logger, Redacted, Ref, Scope } from "effect"
import * as AuditChain from "../../src/AuditChain.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import { AuditSink, AuditSinkError, memory } from "../../src/AuditSink.js"
import * as FileSink from "../../src/AuditSink/File.js"
import * as Faulty from "../internal/faultyFileSystem.js"
import {
  eventually,
  exists,
  inMemory,
  inMemoryPath as path,
  readFiles,
  readLines,
  readText,
  suffixes,
  switchableFaults,
  temporaryPath,
  test,
  testInMemory,
  testInTime,
  withFaults,
  writeText
} from "../internal/logFiles.js"
import { record, records, store } from "./testRecords.js"
import { assertValid, numbers, ownTypes, readTrail, verify } from "./trails.js"

const quietly = Effect.provide(Logger.remove(Logger.defaultLogger))

/** Opens the sink, lets it be used, and closes it. */
const use = <A, E, R>(options: FileSink.Options, body: (sink: AuditSink["Type"]) => Effect.Effect<A, E, R>) =>
  Effect.scoped(Effect.flatMap(FileSink.make(options), body))

const add = (options: FileSink.Options, from: number, to: number) =>
  use(options, (sink) => store(sink, records(from, to)))

/** As long as a record and what chains it. */
const chainedSize = AuditChain.link(AuditChain.genesis, record(1).line).line.length + 3

describe("layer", () => {
  test(
    "writes the lines of the records, between those of the trail",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const batch = records(1, 3)
      yield* Effect.flatMap(AuditSink, (sink) => store(sink, batch)).pipe(Effect.provide(FileSink.layer({ path })))
      assert.deepStrictEqual(
        (yield* readLines(path)).slice(1, -1),
        batch.map(({ line }) => line)
      )
      const trail = yield* readTrail(path)
      assert.deepStrictEqual(trail.slice(1, -1), [...batch])
      assert.deepStrictEqual(ownTypes(trail), ["started", "stopped"])
    })
  )

  test(
    "does not start without a folder for its file",
    Effect.gen(function* () {
      const path = (yield* temporaryPath).replace("audit.log", "missing/audit.log")
      const error = yield* Effect.flip(Effect.scoped(Layer.build(FileSink.layer({ path }))))
      assert.instanceOf(error, AuditSinkError)
      assert.strictEqual(error.sink, `file ${path}`)
      assert.strictEqual(error.reason, "Unwritable")
      assert.include(error.message, "create the folder")
    })
  )

  it.scoped.skipIf(process.platform === "win32")("writes to a device, which is neither claimed nor rotated", () =>
    Effect.gen(function* () {
      const sink = yield* FileSink.make({ path: "/dev/null", maxBytes: 10, chain: true, keep: { files: 0 } })
      yield* store(sink, records(1, 3))
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.scoped.skipIf(process.platform !== "linux")("is Full on a disk that is really full", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(FileSink.make({ path: "/dev/full" }))
      assert.instanceOf(error, AuditSinkError)
      assert.strictEqual(error.reason, "Full")
      assert.strictEqual(
        error.message,
        "The audit sink 'file /dev/full' failed: '/dev/full' cannot grow because its disk is full: free some space"
      )
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})

describe("a batch", () => {
  test(
    "that failed in the middle is stored once",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const { decide, set } = switchableFaults()
      const maxBytes = record(1).line.length * 2 + 3
      const sink = yield* withFaults(decide)(FileSink.make({ path, maxBytes }))
      const batch = records(1, 3)
      yield* set({ rename: { code: "EROFS" } })
      const error = yield* Effect.flip(sink.write(batch))
      assert.strictEqual(error.reason, "Unwritable")
      assert.strictEqual(error.sink, `file ${path}`)
      yield* Effect.flip(sink.write(batch))

      yield* set({})
      const more = record(4)
      yield* store(sink, [...batch, more])
      assert.deepStrictEqual(
        (yield* readFiles(path)).map((lines) => lines.length),
        [1, 2, 2]
      )
      assert.deepStrictEqual(numbers(yield* readTrail(path)), [1, 2, 3, 4])
    })
  )

  test(
    "whose sync failed is stored once, in another file",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const { decide, set } = switchableFaults()
      const sink = yield* withFaults(decide)(FileSink.make({ path, chain: true }))
      const batch = records(1, 3)
      yield* sink.write(batch)
      yield* set({ sync: { code: "EIO" } })
      assert.strictEqual((yield* Effect.flip(sink.sync)).reason, "Unavailable")
      yield* set({})
      yield* store(sink, batch)
      assert.deepStrictEqual(
        (yield* readFiles(path)).map((lines) => lines.length),
        [1, 3]
      )
      assert.deepStrictEqual(numbers(yield* readTrail(path)), [1, 2, 3])
      yield* assertValid(path)
    })
  )

  test(
    "is known to be stored when it is interrupted and tried again",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* temporaryPath
      const started = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      let isSlow = false
      const slow: FileSystem.FileSystem = {
        ...fs,
        open: (at, options) =>
          Effect.map(fs.open(at, options), (file): FileSystem.File => {
            const sync = Effect.suspend(() =>
              isSlow
                ? Deferred.succeed(started, undefined).pipe(
                    Effect.zipRight(Deferred.await(goOn)),
                    Effect.zipRight(file.sync)
                  )
                : file.sync
            )
            return { ...Faulty.wrapFile(at, file, () => undefined), sync }
          })
      }
      const sink = yield* FileSink.make({ path }).pipe(Effect.provideService(FileSystem.FileSystem, slow))
      isSlow = true
      const batch = records(1, 3)
      const fiber = yield* Effect.fork(store(sink, batch))
      yield* Deferred.await(started)
      yield* Fiber.interruptFork(fiber)
      yield* Effect.yieldNow()
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.await(fiber)
      assert.deepStrictEqual(numbers(yield* readTrail(path)), [1, 2, 3])
    })
  )
})

describe("the trail", () => {
  testInMemory(
    "says when it was not closed, and goes on in the same chain",
    Effect.gen(function* () {
      yield* add({ path, chain: true }, 1, 2)
      const crashed = yield* Scope.make()
      const sink = yield* Scope.extend(FileSink.make({ path, chain: true }), crashed)
      yield* store(sink, records(3, 4))
      const left = yield* readText(path)
      yield* Scope.close(crashed, Exit.void)
      yield* writeText(path, left)

      yield* add({ path, chain: true }, 5, 5)
      const trail = yield* readTrail(path)
      assert.deepStrictEqual(ownTypes(trail), ["started", "stopped", "started", "recovered", "started", "stopped"])
      assert.deepStrictEqual(numbers(trail), [1, 2, 3, 4, 5])
      const [recovered] = trail.filter(({ event }) => event.type.endsWith("-recovered"))
      assert.deepStrictEqual(recovered!.event.details, { tornBytes: 0, keptIn: null })
      assert.strictEqual((yield* assertValid(path)).records, trail.length)
    })
  )

  for (const chain of [false, true]) {
    testInMemory(
      `says how much of a torn line was set aside, wherever it was torn: ${chain ? "" : "not "}chained`,
      Effect.gen(function* () {
        yield* add({ path, chain }, 1, 2)
        const whole = yield* readText(path)
        const start = whole.slice(0, -1).lastIndexOf("\n") + 1
        for (let cut = start; cut < whole.length; cut++) {
          yield* inMemory(
            Effect.gen(function* () {
              yield* writeText(path, whole.slice(0, cut))
              yield* add({ path, chain }, 3, 3)
              const trail = yield* readTrail(path)
              assert.deepStrictEqual(ownTypes(trail), ["started", "recovered", "started", "stopped"])
              assert.deepStrictEqual(numbers(trail), [1, 2, 3])
              const torn = cut - start
              const { keptIn, tornBytes } = trail.find(({ event }) => event.type.endsWith("-recovered"))!.event.details
              assert.deepStrictEqual([tornBytes, keptIn], [torn, torn === 0 ? null : `${path}.torn`])
              if (torn > 0) assert.strictEqual(yield* readText(`${path}.torn`), whole.slice(start, cut) + "\n")
              if (chain) yield* assertValid(path)
            })
          )
        }
      }).pipe(quietly)
    )
  }

  testInMemory(
    "goes on in a new file where it is chained from then on",
    Effect.gen(function* () {
      yield* add({ path }, 1, 2)
      yield* add({ path, chain: true }, 3, 4)
      yield* add({ path, chain: true }, 5, 5)
      assert.deepStrictEqual(
        (yield* readFiles(path)).map((lines) => lines.length),
        [4, 7]
      )
      assert.strictEqual((yield* assertValid(path)).unchained, 4)
      assert.deepStrictEqual(numbers(yield* readTrail(path)), [1, 2, 3, 4, 5])
    })
  )

  testInMemory(
    "is not opened with less than it was written with",
    Effect.gen(function* () {
      const refusal = (options: FileSink.Options) =>
        Effect.map(Effect.flip(Effect.scoped(FileSink.make(options))), ({ description, reason }) => ({
          description,
          reason
        }))
      const seals = { keys: [(yield* AuditChain.generateKeys).privateKey] } as const
      for (const [name, written, given, problem] of [
        ["chained", { chain: true }, {}, "is chained: set 'chain' (AUDIT_CHAIN), or give another path"],
        ["sealed", { seals }, {}, "is chained: set 'chain' (AUDIT_CHAIN), or give another path"],
        [
          "unsealed",
          { seals },
          { chain: true },
          "is sealed: give 'seals' (AUDIT_SEAL_KEY or AUDIT_SEAL_KEY_FILES), or another path"
        ]
      ] as const) {
        yield* add({ path: `${path}.${name}`, ...written }, 1, 2)
        assert.deepStrictEqual(yield* refusal({ path: `${path}.${name}`, ...given }), {
          description: `'${path}.${name}' ${problem}`,
          reason: "Misconfigured"
        })
      }
    })
  )

  testInTime("begins a new file where the old one is of yesterday", Date.UTC(2024, 1, 28, 12), (pass) =>
    Effect.gen(function* () {
      const options = { path, chain: true, rotateEvery: "1 day" } as const
      yield* add(options, 1, 2)
      yield* pass("11 hours")
      yield* add(options, 3, 4)
      yield* pass("2 hours")
      yield* add(options, 5, 6)
      assert.deepStrictEqual(
        (yield* readFiles(path)).map((lines) => lines.length),
        [8, 4]
      )
      yield* assertValid(path)
    })
  )

  testInMemory(
    "is one chain through rotation and restarts",
    Effect.gen(function* () {
      const options = { path, chain: true, maxBytes: chainedSize * 3 }
      for (let from = 1; from < 40; from += 4) yield* add(options, from, from + 3)
      assert.isAbove((yield* readFiles(path)).length, 15)
      assert.deepStrictEqual(numbers(yield* readTrail(path)), Arr.range(1, 40))
      yield* assertValid(path)
    })
  )

  testInMemory(
    "says what retention removes, and still verifies",
    Effect.gen(function* () {
      yield* add({ path, chain: true, maxBytes: chainedSize * 3, keep: { files: 2 } }, 1, 30)
      const trail = yield* readTrail(path)
      assert.lengthOf(yield* readFiles(path), 3)
      const trimmed = trail.filter(({ event }) => event.type.endsWith("-trimmed"))
      assert.isNotEmpty(trimmed)
      const report = yield* assertValid(path)
      assert.isAbove(report.first!, 1)
      assert.strictEqual(trimmed.at(-1)!.event.details["before"], report.first)
    })
  )

  for (const compress of [false, true]) {
    test(
      `goes on after it has removed segments that are larger than one read${compress ? ", compressed ones too" : ""}`,
      Effect.gen(function* () {
        const path = yield* temporaryPath
        const sink = yield* FileSink.make({ path, maxBytes: 3_000_000, keep: { files: 1 }, compress, chain: true })
        const large = Arr.map(Arr.range(1, 2000), (number) => bigRecord(number))
        for (const _ of Arr.range(1, 8)) yield* store(sink, [large[0]!, ...large.slice(1)])
        yield* eventually(
          Effect.map(suffixes(path), (found) => found.filter((suffix) => /^\.\d+/.test(suffix)).length === 1)
        )
      })
    )
  }

  testInMemory(
    "loses its oldest segments first, so that a crash in between leaves no gap",
    Effect.gen(function* () {
      yield* add({ path, maxBytes: chainedSize * 4, chain: true }, 1, 30)
      let removals = 0
      const second: Faulty.Decide = (operation, at) =>
        operation === "remove" && /\.\d{6}$/.test(at) && ++removals > 1 ? { code: "EIO" } : undefined
      yield* add({ path, maxBytes: chainedSize * 4, keep: { files: 1 }, chain: true }, 31, 31).pipe(
        withFaults(second),
        quietly
      )
      assert.isAbove(removals, 1)
      yield* assertValid(path)
    })
  )

  testInMemory(
    "is not stopped by a folder that is named like a segment",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const options = { path, maxBytes: chainedSize * 3, keep: { files: 2 }, chain: true }
      yield* fs.makeDirectory(`${path}.000007`)
      yield* add(options, 1, 40)
      yield* writeText(path, "")
      yield* add(options, 41, 45)
      assert.isTrue(yield* exists(`${path}.000007`))
      assert.lengthOf(
        (yield* suffixes(path)).filter((suffix) => /^\.\d{6}$/.test(suffix)),
        3
      )
    }).pipe(quietly)
  )

  testInMemory(
    "leaves a record that was changed while it was closed to a verifier",
    Effect.gen(function* () {
      yield* add({ path, chain: true }, 1, 20)
      const [first, ...others] = yield* readLines(path)
      yield* writeText(path, [first, others[0]!.replace("Event 1", "Event 2"), ...others.slice(1), ""].join("\n"))
      yield* add({ path, chain: true }, 21, 22)
      assert.isFalse(yield* exists(`${path}.torn`))
      const { problem } = yield* verify(path)
      assert.strictEqual(problem?.reason, "Modified")
      assert.strictEqual(problem?.record, 2)
    })
  )

  testInMemory(
    "never takes the place of a segment that is there",
    Effect.gen(function* () {
      const last = `${path}.999999999999999`
      yield* writeText(last, "theirs\n")
      const sink = yield* FileSink.make({ path, maxBytes: chainedSize, chain: true })
      const error = yield* Effect.flip(store(sink, records(1, 5)))
      assert.strictEqual(error.reason, "Unwritable")
      assert.include(error.description, "no number is left")
      assert.strictEqual(yield* readText(last), "theirs\n")
    })
  )

  testInTime("is not stopped by a logger that throws", 0, (pass) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const sink = yield* FileSink.make({ path, chain: true })
      yield* store(sink, records(1, 2))
      yield* fs.remove(path)
      yield* pass("1 second")
      yield* store(sink, records(3, 4))
      assert.deepStrictEqual(numbers(yield* readTrail(path)), [3, 4])
    }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, throwingLogger)))
  )
})

/** As an application log on the same full disk is. */
const throwingLogger = Logger.make(() => {
  throw new Error("ENOSPC")
})

const bigRecord = (number: number) =>
  AuditRecord.make({
    level: "INFO",
    date: "2024-01-31T12:00:00.000Z",
    message: "x".repeat(1000),
    event: { type: "test-event", details: { number } },
    source: "test"
  })

describe("seals", () => {
  const keys = Effect.runSync(AuditChain.generateKeys)
  const publicKeys = [Effect.runSync(AuditChain.publicKey(keys.publicKey))]
  const sealed = (seals: Partial<FileSink.Seals> = {}): FileSink.Options => ({
    path,
    seals: { keys: [keys.privateKey], ...seals }
  })
  const outside = Effect.map(Ref.make<ReadonlyArray<AuditRecord.AuditRecord>>([]), (stored) => ({
    to: memory(stored),
    lines: Effect.map(Ref.get(stored), (records) => records.map(({ line }) => line))
  }))

  testInMemory(
    "are made when the file is opened, closed and rotated, and after so many records",
    Effect.gen(function* () {
      yield* add({ ...sealed({ everyRecords: 5 }), maxBytes: chainedSize * 30 }, 1, 50)
      const lines = yield* readFiles(path)
      assert.isAbove(lines.length, 1)
      for (const file of lines) assert.isTrue(AuditChain.isSeal(file.at(-1)!))
      assert.isTrue(AuditChain.isSeal(lines[0]![0]!))
      const report = yield* assertValid(path, { keys: publicKeys })
      assert.isAtLeast(report.seals, 12)
      assert.strictEqual(report.unsealed, 0)
    })
  )

  testInTime("are made after so long, where there is anything to seal", 0, (pass) =>
    Effect.gen(function* () {
      const sink = yield* FileSink.make(sealed({ every: "10 seconds" }))
      const count = Effect.map(readLines(path), (lines) => lines.filter(AuditChain.isSeal).length)
      yield* pass("1 minute")
      assert.strictEqual(yield* count, 1)
      yield* store(sink, records(1, 3))
      yield* pass("1 second")
      assert.strictEqual(yield* count, 2)
      yield* pass("1 minute")
      assert.strictEqual(yield* count, 2)
    })
  )

  testInMemory(
    "go to the second place, and show that the end was cut off",
    Effect.gen(function* () {
      const { lines, to } = yield* outside
      yield* add({ ...sealed({ everyRecords: 5, to }), maxBytes: chainedSize * 10 }, 1, 50)
      const stored = (yield* readLines(path)).filter(AuditChain.isSeal)
      assert.deepStrictEqual(yield* lines, stored)
      yield* assertValid(path, { keys: publicKeys, outsideSeals: stored })
      yield* writeText(path, "")
      assert.strictEqual((yield* verify(path, { outsideSeals: stored })).problem?.reason, "Cut")
    })
  )

  testInMemory(
    "are all in the second place after the end, also where nothing was added",
    Effect.gen(function* () {
      const { lines, to } = yield* outside
      for (const _ of Arr.range(1, 3)) yield* Effect.scoped(FileSink.make(sealed({ to })))
      assert.deepStrictEqual(yield* lines, (yield* readLines(path)).filter(AuditChain.isSeal))
    })
  )

  testInTime("that were cut off again never reach the second place", 0, (pass) =>
    Effect.gen(function* () {
      const { lines, to } = yield* outside
      const { decide, set } = switchableFaults()
      const sink = yield* withFaults(decide)(FileSink.make(sealed({ every: "10 seconds", to })))
      yield* store(sink, records(1, 3))
      yield* set({ write: { code: "ENOSPC", done: "half" } })
      yield* pass("10 seconds")
      yield* set({})
      yield* store(sink, records(4, 6))
      yield* pass("10 seconds")
      const outsideSeals = yield* lines
      assert.lengthOf(outsideSeals, 2)
      yield* assertValid(path, { keys: publicKeys, outsideSeals })
    })
  )

  testInMemory(
    "cover what retention removes before it is gone",
    Effect.gen(function* () {
      let removed = 0
      const fs = yield* FileSystem.FileSystem
      const options = { ...sealed({ everyRecords: 7 }), maxBytes: chainedSize * 5, keep: { files: 1 } }
      const looking: FileSystem.FileSystem = {
        ...fs,
        remove: (at, given) =>
          Effect.zipRight(
            fs.remove(at, given),
            Effect.gen(function* () {
              if (!/\.\d{6}$/.test(at)) return
              removed++
              yield* assertValid(path, { keys: publicKeys })
            }).pipe(Effect.orDie, Effect.provideService(FileSystem.FileSystem, fs))
          )
      }
      yield* add(options, 1, 60).pipe(Effect.provideService(FileSystem.FileSystem, looking))
      assert.isAbove(removed, 5)
    })
  )

  testInMemory(
    "are made with each of two keys while they are exchanged",
    Effect.gen(function* () {
      const other = yield* AuditChain.generateKeys
      yield* writeText("/log/key.pem", Redacted.value(other.privateKey))
      yield* add(sealed(), 1, 3)
      yield* add(sealed({ keys: [keys.privateKey, { file: "/log/key.pem" }] }), 4, 6)
      yield* assertValid(path, { keys: publicKeys })
      const lines = yield* readLines(path)
      assert.isTrue(lines.slice(-1).every((line) => line.includes(other.id) && line.includes(keys.id)))
    })
  )

  testInMemory(
    "are refused with a key, or a setting, that is wrong, before anything is opened",
    Effect.gen(function* () {
      const wrong: ReadonlyArray<readonly [Partial<FileSink.Seals>, string]> = [
        [{ keys: [Redacted.make("secret")] }, "a key of seals.keys: The private key is not PEM"],
        [{ keys: [Redacted.make(keys.publicKey)] }, "is a public key"],
        [{ keys: [{ file: "/log/missing.pem" }] }, "'/log/missing.pem'"],
        [{ everyRecords: 0 }, "seals.everyRecords must be a whole number above 0, not 0"],
        [{ every: 0 }, 'seals.every must be a duration such as "1 minute", not 0']
      ]
      for (const [seals, message] of wrong) {
        const error = yield* Effect.flip(FileSink.make(sealed(seals)))
        assert.strictEqual(error.reason, "Misconfigured")
        assert.include(error.message, message)
        assert.notInclude(error.message, "secret")
        assert.deepStrictEqual(yield* readFiles(path), [])
      }
    })
  )
})

describe("what others do to the file", () => {
  for (const [reason, deed] of [
    ["moved", (fs: FileSystem.FileSystem) => fs.rename(path, "/log/elsewhere")],
    ["deleted", (fs: FileSystem.FileSystem) => fs.remove(path)],
    ["truncated", (fs: FileSystem.FileSystem) => fs.truncate(path, 0)],
    ["truncated", (fs: FileSystem.FileSystem) => fs.truncate(path, 300)],
    ["changed", (fs: FileSystem.FileSystem) => fs.writeFileString(path, "half a li", { flag: "a" })]
  ] as const) {
    testInTime(`is in the trail within a second: ${reason}`, 0, (pass) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const sink = yield* FileSink.make({ path, chain: true })
        yield* store(sink, records(1, 5))
        yield* deed(fs)
        yield* pass("1 second")
        const [first] = (yield* readFiles(path)).at(-1)!
        const { event } = yield* AuditRecord.fromLine(first!)
        assert.deepStrictEqual([event.type, event.details], ["registrar-trail-continued", { reason }])
        yield* store(sink, records(6, 9))
        const trail = yield* readTrail(path)
        assert.deepStrictEqual(numbers(trail).slice(-4), [6, 7, 8, 9])
        if (reason === "changed") yield* assertValid(path)
        if (reason === "moved") {
          yield* fs.rename("/log/elsewhere", `${path}.000000`)
          assert.deepStrictEqual(numbers(yield* readTrail(path)), Arr.range(1, 9))
          yield* assertValid(path)
        }
        if (reason === "truncated") assert.strictEqual((yield* verify(path)).problem?.reason, "Missing")
      }).pipe(quietly)
    )
  }

  testInTime("is not taken for done because the file cannot be looked at", 0, (pass) =>
    Effect.gen(function* () {
      let failures = 0
      const sink = yield* FileSink.make({ path, chain: true }).pipe(
        withFaults((operation) => (operation === "stat" && failures-- > 0 ? { code: "EIO" } : undefined))
      )
      for (failures of [1, 2, 3]) {
        yield* pass("500 millis")
        yield* store(sink, records(failures, failures))
        yield* pass("2 seconds")
      }
      assert.deepStrictEqual(ownTypes(yield* readTrail(path)), ["started"])
    }).pipe(quietly)
  )

  testInTime("is said once there is room for it", 0, (pass) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { decide, set } = switchableFaults()
      yield* withFaults(decide)(FileSink.make({ path, chain: true }))
      yield* set({ write: { code: "ENOSPC", done: "half" }, open: { code: "EMFILE" } })
      yield* fs.rename(path, "/log/elsewhere")
      yield* pass("5 seconds")
      yield* set({ write: { code: "ENOSPC", done: "half" } })
      yield* pass("5 seconds")
      yield* set({})
      yield* pass("1 second")
      assert.deepStrictEqual(ownTypes(yield* readTrail(path)), ["continued"])
    }).pipe(quietly)
  )

  testInTime("to what was not synced yet costs no record and doubles none", 0, (pass) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      for (const [cut, chain] of [
        [0, true],
        [600, true],
        [600, false]
      ] as const) {
        yield* inMemory(
          Effect.gen(function* () {
            const fs = yield* FileSystem.FileSystem
            const sink = yield* FileSink.make({ path, chain })
            yield* sink.write(records(1, 5))
            yield* fs.truncate(path, cut)
            yield* pass("1 second")
            yield* Effect.flip(sink.sync)
            yield* store(sink, records(1, 5))
            assert.deepStrictEqual(numbers(yield* readTrail(path)), [1, 2, 3, 4, 5])
          }).pipe(Effect.scoped)
        )
      }
      assert.isFalse(yield* fs.exists(path))
    }).pipe(quietly)
  )

  testInTime("with another file put in its place keeps that one as it is", 0, (pass) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const sink = yield* FileSink.make({ path })
      yield* store(sink, records(1, 2))
      yield* fs.rename(path, "/log/elsewhere")
      yield* writeText(path, record(50).line + "\n")
      yield* store(sink, records(3, 4))
      yield* pass("1 second")
      yield* store(sink, records(5, 6))
      assert.deepStrictEqual(yield* readText(`${path}.000001`), record(50).line + "\n")
      assert.deepStrictEqual(numbers(yield* readTrail(path)), [50, 5, 6])
      yield* fs.rename("/log/elsewhere", path)
      assert.deepStrictEqual(numbers(yield* readTrail(path)), [50, 1, 2, 3, 4])
    }).pipe(quietly)
  )

  test(
    "is looked for at once after a signal",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* temporaryPath
      const sink = yield* FileSink.make({ path, chain: true, reopenOn: "SIGHUP" })
      yield* store(sink, records(1, 2))
      yield* fs.rename(path, `${path}.old`)
      process.kill(process.pid, "SIGHUP")
      yield* eventually(Effect.map(readTrail(path), (trail) => trail.length > 0))
      assert.deepStrictEqual(ownTypes(yield* readTrail(path)), ["continued"])
    }).pipe(quietly)
  )
})
