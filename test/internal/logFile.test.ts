import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Deferred, Effect, Either, Exit, Fiber, Logger, type Scope } from "effect"
import * as fc from "fast-check"
import * as LogFile from "../../src/internal/logFile.js"
import * as Faulty from "./faultyFileSystem.js"

const test = (name: string, body: Effect.Effect<void, unknown, FileSystem.FileSystem | Scope.Scope>) =>
  it.scoped(name, () => Effect.provide(body, NodeFileSystem.layer))

const temporaryPath = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return `${yield* fs.makeTempDirectoryScoped()}/audit.log`
})

const readText = (path: string) => Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path))

const writeText = (path: string, text: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.writeFileString(path, text))

/** The lines of each file, oldest file first. A crash may leave a gap in the numbers. */
const readFiles = (path: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const end = path.lastIndexOf("/") + 1
    const numbers = (yield* fs.readDirectory(path.slice(0, end)))
      .filter((name) => name.startsWith(path.slice(end)) && !name.endsWith(".torn"))
      .map((name) => Number(name.slice(path.length - end + 1)))
    const paths = numbers.toSorted((a, b) => b - a).map((number) => (number === 0 ? path : `${path}.${number}`))
    return yield* Effect.forEach(paths, (each) =>
      Effect.gen(function* () {
        const lines = (yield* readText(each)).split("\n")
        assert.strictEqual(lines.pop(), "", `${each} ends in the middle of a line`)
        return lines
      })
    )
  })

const readLines = (path: string) => Effect.map(readFiles(path), Arr.flatten)

const openAndAppend = (options: LogFile.Options, lines: ReadonlyArray<string>) =>
  Effect.scoped(Effect.flatMap(LogFile.open(options), (log) => log.append(lines)))

const refusal = (path: string) => Effect.flip(Effect.scoped(LogFile.open({ path })))

const withFaults =
  (decide: Faulty.Decide) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.updateService(effect, FileSystem.FileSystem, (fs) => Faulty.wrap(fs, decide))

/** Fails the operations it is told to, for as long as it is told to. */
const switchableFaults = () => {
  let faults: { readonly [Operation in Faulty.Operation]?: Faulty.Fault } = {}
  const set = (next: typeof faults) => Effect.sync(() => void (faults = next))
  const decide: Faulty.Decide = (operation) => faults[operation]
  return { decide, set }
}

describe("open", () => {
  test(
    "creates the file, readable for its owner alone",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* temporaryPath
      yield* LogFile.open({ path })
      const { mode, size } = yield* fs.stat(path)
      assert.strictEqual(Number(size), 0)
      if (process.platform !== "win32") assert.strictEqual(mode & 0o777, 0o600)
    })
  )

  test(
    "keeps what is there",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* openAndAppend({ path }, ["a", "b"])
      yield* openAndAppend({ path }, ["c"])
      assert.strictEqual(yield* readText(path), "a\nb\nc\n")
    })
  )

  test(
    "follows a link, and rotates beside the file it leads to",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* temporaryPath
      const link = yield* temporaryPath
      yield* writeText(path, "a\n")
      yield* fs.symlink(path, link)
      yield* openAndAppend({ path: link, maxBytes: 4 }, ["b", "c"])
      assert.deepStrictEqual(yield* readFiles(path), [["a"], ["b"], ["c"]])
      assert.strictEqual(yield* readText(link), "c\n")
    })
  )

  test(
    "says what to do when the folder is missing",
    Effect.gen(function* () {
      const path = (yield* temporaryPath).replace("audit.log", "missing/audit.log")
      const error = yield* refusal(path)
      assert.strictEqual(error.reason, "Unwritable")
      assert.strictEqual(
        error.message,
        `'${path}' cannot be created because its folder does not exist: create the folder, or correct the path`
      )
    })
  )

  test(
    "says what to do when the path is a folder, or goes through a file",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* writeText(path, "")
      const folder = path.slice(0, path.lastIndexOf("/"))
      const isFolder = yield* refusal(folder)
      assert.strictEqual(isFolder.reason, "Unwritable")
      assert.strictEqual(isFolder.message, `'${folder}' is a folder: give the path of a file inside it`)
      const throughFile = yield* refusal(`${path}/audit.log`)
      assert.strictEqual(throughFile.reason, "Unwritable")
      assert.include(
        throughFile.message,
        `'${path}/audit.log' cannot be created because a part of its path is no folder`
      )
      assert.strictEqual((yield* refusal("\0")).reason, "Unwritable")
    })
  )

  test(
    "says what to do when the file may not be written",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      for (const [code, reason, advice] of [
        ["EACCES", "Unwritable", "write access"],
        ["EROFS", "Unwritable", "mount it writable"],
        ["ENOSPC", "Full", "free some space"],
        ["EDQUOT", "Full", "quota"],
        ["EMFILE", "Unavailable", "raise its limit"],
        ["EIO", "Unavailable", "EIO"]
      ] as const) {
        const error = yield* withFaults((operation) => (operation === "open" ? { code } : undefined))(refusal(path))
        assert.strictEqual(error.reason, reason)
        assert.include(error.message, advice)
        assert.include(error.message, path)
        assert.strictEqual(error.written, 0)
      }
    })
  )

  test(
    "cuts at any byte lose no whole line, and no byte",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const whole = new TextEncoder().encode('{"a":1}\n{"ü":"😀"}\n\n{"c":3}\n')
      for (let cut = 0; cut <= whole.length; cut++) {
        const path = yield* temporaryPath
        const left = whole.subarray(0, cut)
        yield* fs.writeFile(path, left)
        const warnings: Array<unknown> = []
        const logger = Logger.make(({ logLevel, message }) => void warnings.push(logLevel.label, String(message)))
        yield* Effect.scoped(LogFile.open({ path })).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
        const end = left.lastIndexOf(10) + 1
        assert.deepStrictEqual(Uint8Array.from(yield* fs.readFile(path)), left.slice(0, end))
        if (end === cut) {
          assert.isFalse(yield* fs.exists(`${path}.torn`))
          assert.deepStrictEqual(warnings, [])
        } else {
          const torn = yield* fs.readFile(`${path}.torn`)
          assert.deepStrictEqual(Uint8Array.from(torn), Uint8Array.of(...left.slice(end), 10))
          assert.strictEqual(warnings[0], "WARN")
          assert.include(warnings[1] as string, `'${path}'`)
          assert.include(warnings[1] as string, `'${path}.torn'`)
        }
      }
    })
  )

  test(
    "adds to what was torn before",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* writeText(path, "a\nto")
      yield* openAndAppend({ path }, ["b"])
      yield* writeText(path, "a\nb\nrn")
      yield* openAndAppend({ path }, ["c"])
      assert.strictEqual(yield* readText(path), "a\nb\nc\n")
      assert.strictEqual(yield* readText(`${path}.torn`), "to\nrn\n")
    })
  )

  test(
    "reads only the end of a large file",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const torn = "x".repeat(100_000)
      yield* writeText(path, "line\n".repeat(400_000) + torn)
      let reads = 0
      yield* withFaults((operation) => void (operation === "read" && reads++))(openAndAppend({ path }, ["b"]))
      assert.isBelow(reads, 10)
      assert.strictEqual((yield* readText(path)).slice(-12), "line\nline\nb\n".slice(-12))
      assert.strictEqual(yield* readText(`${path}.torn`), torn + "\n")
    })
  )

  test(
    "has the torn line safe elsewhere before it is cut off",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* writeText(path, "a\ntorn")
      const done: Array<string> = []
      yield* Effect.asVoid(
        LogFile.open({ path }).pipe(
          Effect.scoped,
          withFaults((operation, at) => {
            done.push(`${operation} ${at.endsWith(".torn") ? "torn" : "log"}`)
            return undefined
          })
        )
      )
      assert.isBelow(done.indexOf("sync torn"), done.indexOf("truncate log"))
      assert.include(done, "sync torn")
    })
  )

  test(
    "leaves a torn line alone while there is nowhere to keep it",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* writeText(path, "a\ntorn")
      const error = yield* withFaults((operation, at) =>
        operation === "write" && at.endsWith(".torn") ? { code: "ENOSPC", done: "half" } : undefined
      )(refusal(path))
      assert.strictEqual(error.reason, "Full")
      assert.include(error.message, `'${path}.torn'`)
      assert.strictEqual(yield* readText(path), "a\ntorn")
    })
  )
})

describe("append", () => {
  test(
    "writes once and syncs once",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const operations: Array<string> = []
      yield* Effect.gen(function* () {
        const log = yield* LogFile.open({ path, maxBytes: 1000 })
        operations.length = 0
        yield* log.append(Arr.makeBy(100, String))
        yield* log.append([])
      }).pipe(withFaults((operation) => void operations.push(operation)))
      assert.deepStrictEqual(operations, ["write", "sync"])
      assert.deepStrictEqual(yield* readLines(path), Arr.makeBy(100, String))
    })
  )

  test(
    "does not mix concurrent appends",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const log = yield* LogFile.open({ path, maxBytes: 30, backups: 100 })
      const batches = Arr.makeBy(30, (batch) => Arr.makeBy(7, (line) => `${batch} ${line}`))
      yield* Effect.forEach(batches, (batch) => log.append(batch), { concurrency: "unbounded" })
      const stored = Arr.chunksOf(yield* readLines(path), 7)
      assert.deepStrictEqual(
        stored.toSorted((a, b) => Number.parseInt(a[0]) - Number.parseInt(b[0])),
        batches
      )
    })
  )

  test(
    "is not broken off by an interruption",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* temporaryPath
      const started = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const slow: FileSystem.FileSystem = {
        ...fs,
        open: (at, options) =>
          Effect.map(fs.open(at, options), (file) => ({
            ...file,
            stat: file.stat,
            sync: file.sync,
            truncate: (length) => file.truncate(length),
            writeAll: (bytes) =>
              Effect.gen(function* () {
                yield* file.writeAll(bytes.subarray(0, 3))
                yield* Deferred.succeed(started, undefined)
                yield* Deferred.await(goOn)
                yield* file.writeAll(bytes.subarray(3))
              })
          }))
      }
      const log = yield* LogFile.open({ path }).pipe(Effect.provideService(FileSystem.FileSystem, slow))
      const first = yield* Effect.fork(log.append(["first", "second"]))
      yield* Deferred.await(started)
      const waiting = yield* Effect.fork(log.append(["never"]))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(waiting)
      const interruption = yield* Effect.fork(Fiber.interrupt(first))
      yield* Effect.yieldNow()
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(interruption)
      yield* log.append(["third"])
      assert.strictEqual(yield* readText(path), "first\nsecond\nthird\n")
    })
  )

  test(
    "fails once the scope is closed",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const log = yield* Effect.scoped(LogFile.open({ path }))
      const error = yield* Effect.flip(log.append(["late"]))
      assert.strictEqual(error.reason, "Unavailable")
      assert.strictEqual(yield* readText(path), "")
    })
  )
})

describe("rotation", () => {
  test(
    "keeps the newest files, and counts bytes with the line ends",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* temporaryPath
      const lines = Arr.makeBy(38, (n) => String(n).padEnd(100_190, "."))
      const log = yield* LogFile.open({ path, maxBytes: 1024 * 1024, backups: 2 })
      yield* Effect.forEach(lines, (line) => log.append([line]))
      assert.deepStrictEqual(yield* readFiles(path), [lines.slice(10, 20), lines.slice(20, 30), lines.slice(30)])
      assert.isFalse(yield* fs.exists(`${path}.3`))
    })
  )

  test(
    "happens in the middle of an append as well",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const lines = Arr.makeBy(38, (n) => String(n).padEnd(100_190, "."))
      yield* openAndAppend({ path, maxBytes: 1024 * 1024, backups: 2 }, lines)
      assert.deepStrictEqual(yield* readFiles(path), [lines.slice(10, 20), lines.slice(20, 30), lines.slice(30)])
    })
  )

  test(
    "comes before the line that would reach the limit",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* openAndAppend({ path, maxBytes: 10 }, ["1234", "678", "1234", "6789", "1"])
      assert.deepStrictEqual(yield* readFiles(path), [["1234", "678"], ["1234"], ["6789", "1"]])
    })
  )

  test(
    "counts bytes, not characters",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* openAndAppend({ path, maxBytes: 16 }, ["äöü", "äöü", "😀", "äö", "x"])
      assert.deepStrictEqual(yield* readFiles(path), [
        ["äöü", "äöü"],
        ["😀", "äö", "x"]
      ])
    })
  )

  test(
    "gives a line larger than the limit a file of its own",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const large = "x".repeat(50)
      yield* openAndAppend({ path, maxBytes: 10 }, [large, "a", large, large, "b"])
      assert.deepStrictEqual(yield* readFiles(path), [[large], ["a"], [large], [large], ["b"]])
    })
  )

  test(
    "keeps five files unless told otherwise",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* openAndAppend({ path, maxBytes: 1 }, Arr.makeBy(10, String))
      assert.deepStrictEqual(yield* readFiles(path), [["4"], ["5"], ["6"], ["7"], ["8"], ["9"]])
    })
  )

  test(
    "never happens when no backups may be kept: nothing is lost",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* openAndAppend({ path, maxBytes: 5, backups: 0 }, Arr.makeBy(10, String))
      assert.deepStrictEqual(yield* readFiles(path), [Arr.makeBy(10, String)])
    })
  )

  test(
    "goes on from the size of the file that is there",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* writeText(path, "1234\n")
      yield* openAndAppend({ path, maxBytes: 10 }, ["678", "1"])
      assert.deepStrictEqual(yield* readFiles(path), [["1234", "678"], ["1"]])
    })
  )

  test(
    "fills the gap an interrupted rotation left, instead of dropping the oldest file",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* writeText(`${path}.3`, "oldest\n")
      yield* writeText(`${path}.1`, "old\n")
      yield* openAndAppend({ path, maxBytes: 2, backups: 3 }, ["a", "b"])
      assert.deepStrictEqual(yield* readFiles(path), [["oldest"], ["old"], ["a"], ["b"]])
    })
  )
})

describe("a failed append", () => {
  const lines = ["first", "second", "third"]

  test(
    "leaves nothing behind when a write breaks off",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const { decide, set } = switchableFaults()
      const log = yield* withFaults(decide)(LogFile.open({ path }))
      yield* log.append(["zeroth"])
      yield* set({ write: { code: "ENOSPC", done: "half" } })
      const error = yield* Effect.flip(log.append(lines))
      assert.strictEqual(error.reason, "Full")
      assert.strictEqual(error.written, 0)
      assert.strictEqual(yield* readText(path), "zeroth\n")
      yield* set({})
      yield* log.append(lines)
      assert.deepStrictEqual(yield* readLines(path), ["zeroth", ...lines])
    })
  )

  test(
    "is cut off later when it cannot be cut off at once",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* temporaryPath
      const { decide, set } = switchableFaults()
      const log = yield* withFaults(decide)(LogFile.open({ path }))
      yield* log.append(["zeroth"])
      yield* set({ write: { code: "EIO", done: "all" }, truncate: { code: "EIO" } })
      assert.strictEqual((yield* Effect.flip(log.append(lines))).reason, "Unavailable")
      yield* set({ truncate: { code: "EIO" } })
      assert.strictEqual((yield* Effect.flip(log.append(lines))).reason, "Unavailable")
      yield* set({})
      yield* log.append(lines)
      assert.deepStrictEqual(yield* readLines(path), ["zeroth", ...lines])
      assert.isFalse(yield* fs.exists(`${path}.torn`))
    })
  )

  test(
    "tells how many lines earlier files have taken",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const { decide, set } = switchableFaults()
      const log = yield* withFaults(decide)(LogFile.open({ path, maxBytes: 10 }))
      yield* set({ rename: { code: "EACCES" } })
      const error = yield* Effect.flip(log.append(["1", "2", "3", "4", "5", "6"]))
      assert.strictEqual(error.reason, "Unwritable")
      assert.strictEqual(error.written, 4)
      yield* set({})
      yield* log.append(["5", "6"])
      assert.deepStrictEqual(yield* readFiles(path), [
        ["1", "2", "3", "4"],
        ["5", "6"]
      ])
    })
  )

  test(
    "goes on in another file after a failed fsync, and never syncs the failed handle again",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const { decide, set } = switchableFaults()
      const log = yield* withFaults(decide)(LogFile.open({ path, maxBytes: 1000 }))
      yield* log.append(["zeroth"])
      yield* set({ sync: { code: "EIO" } })
      assert.strictEqual((yield* Effect.flip(log.append(lines))).written, 0)
      assert.strictEqual(yield* readText(path), "zeroth\n")
      yield* set({})
      yield* log.append(lines)
      assert.deepStrictEqual(yield* readFiles(path), [["zeroth"], lines])
    })
  )

  test(
    "does not rotate backups away while fsync keeps failing",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const { decide, set } = switchableFaults()
      const log = yield* withFaults(decide)(LogFile.open({ path, maxBytes: 1000, backups: 2 }))
      for (const line of Arr.makeBy(10, String)) {
        yield* log.append([line])
        yield* set({ sync: { code: "EIO" } })
        for (let attempt = 0; attempt < 3; attempt++) yield* Effect.flip(log.append(["failed"]))
        yield* set({})
      }
      assert.deepStrictEqual(yield* readFiles(path), [["0"], ["1"], ["2", "3", "4", "5", "6", "7", "8", "9"]])
    })
  )

  test(
    "never rotates a file without a limit, not even after a failed fsync",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const { decide, set } = switchableFaults()
      const log = yield* withFaults(decide)(LogFile.open({ path }))
      yield* log.append(["zeroth"])
      yield* set({ sync: { code: "EIO" } })
      yield* Effect.flip(log.append(lines))
      yield* set({})
      yield* log.append(lines)
      assert.deepStrictEqual(yield* readFiles(path), [["zeroth", ...lines]])
    })
  )

  it.scoped.skipIf(process.platform !== "linux")("is Full on a disk that is really full", () =>
    Effect.gen(function* () {
      const log = yield* LogFile.open({ path: "/dev/full", maxBytes: 10 })
      for (let attempt = 0; attempt < 2; attempt++) {
        const error = yield* Effect.flip(log.append(lines))
        assert.strictEqual(error.reason, "Full")
        assert.strictEqual(error.message, "'/dev/full' cannot grow because its disk is full: free some space")
      }
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})

/** Appends of one to four lines; with 24 bytes a file, some stay inside it and some go over one or two ends. */
const batches = [["a0"], ["b0", "b1"], ["c0", "c1", "c2", "c3"], ["d0"], ["x".repeat(40), "e1"], ["f0", "f1", "f2"]]
const allLines = batches.flat()

/** What the audit log does: lines that were not stored are appended again, until they are. */
const appendAll = (log: LogFile.LogFile, acknowledged: Array<string>, attempts = Infinity) =>
  Effect.forEach(batches, (batch) =>
    Effect.gen(function* () {
      let rest = batch
      for (let attempt = 0; attempt < attempts; attempt++) {
        const result = yield* Effect.either(log.append(rest))
        const written = Either.isRight(result) ? rest.length : result.left.written
        acknowledged.push(...rest.slice(0, written))
        rest = rest.slice(written)
        if (Either.isRight(result)) return
      }
    })
  )

/** Without fsync, which would make these hundreds of runs slow and proves nothing where no power fails. */
const withoutSync = (fs: FileSystem.FileSystem): FileSystem.FileSystem => ({
  ...fs,
  open: (path, options) =>
    Effect.map(fs.open(path, options), (file) => Object.create(file, { sync: { value: Effect.void } }))
})

const run = (path: string, maxBytes: number | undefined, decide: Faulty.Decide, attempts?: number) => {
  const acknowledged: Array<string> = []
  return Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const log = yield* Effect.retry(
      Effect.provideService(
        LogFile.open({ path, maxBytes, backups: 50 }),
        FileSystem.FileSystem,
        Faulty.wrap(withoutSync(fs), decide)
      ),
      { times: attempts ?? 100 }
    )
    yield* appendAll(log, acknowledged, attempts)
  }).pipe(
    Effect.scoped,
    Effect.exit,
    Effect.map((exit) => ({ exit, acknowledged }))
  )
}

const countOperations = (path: string, maxBytes: number | undefined) =>
  Effect.gen(function* () {
    let count = 0
    yield* run(path, maxBytes, () => void count++)
    return count
  })

describe("whatever fails", () => {
  for (const maxBytes of [24, undefined]) {
    for (const done of ["nothing", "half", "all"] as const) {
      test(
        `no line is lost or doubled: ${maxBytes ?? "no"} limit, ${done} of the operation done`,
        Effect.gen(function* () {
          const count = yield* countOperations(yield* temporaryPath, maxBytes)
          assert.isAbove(count, 15)
          for (const duration of [1, 3]) {
            for (let first = 0; first < count; first++) {
              const path = yield* temporaryPath
              let at = 0
              const { exit, acknowledged } = yield* run(path, maxBytes, () => {
                const fails = at >= first && at < first + duration
                at += 1
                return fails ? { code: "EIO", done } : undefined
              })
              const where = `operations ${first} to ${first + duration - 1}`
              assert.isTrue(Exit.isSuccess(exit), where)
              assert.deepStrictEqual(acknowledged, allLines, where)
              assert.deepStrictEqual(yield* readLines(path), allLines, where)
            }
          }
        })
      )
    }
  }

  test(
    "no line is lost or doubled by any mixture of failures",
    Effect.gen(function* () {
      const runtime = yield* Effect.runtime<FileSystem.FileSystem>()
      const code = fc.constantFrom("ENOSPC", "EIO", "EACCES", "EMFILE")
      const done = fc.constantFrom("nothing" as const, "half" as const, "all" as const)
      const fault = fc.option(fc.record({ code, done }), { nil: undefined, freq: 2 })
      const property = fc.asyncProperty(fc.array(fault, { maxLength: 200 }), (faults) =>
        Effect.gen(function* () {
          const path = yield* temporaryPath
          const rest = faults.values()
          yield* run(path, 24, () => rest.next().value)
          assert.deepStrictEqual(yield* readLines(path), allLines)
        }).pipe(Effect.scoped, Effect.provide(runtime), Effect.runPromise)
      )
      yield* Effect.promise(() => fc.assert(property, { numRuns: 200 }))
    })
  )

  for (const maxBytes of [24, undefined]) {
    test(
      `a crash at any operation loses no acknowledged line: ${maxBytes ?? "no"} limit`,
      Effect.gen(function* () {
        const count = yield* countOperations(yield* temporaryPath, maxBytes)
        for (const done of ["nothing", "half", "all"] as const) {
          for (let crash = 0; crash < count; crash++) {
            const path = yield* temporaryPath
            let at = 0
            const { acknowledged } = yield* run(
              path,
              maxBytes,
              () => {
                const fault = at < crash ? undefined : { code: "EIO", done: at === crash ? done : ("nothing" as const) }
                at += 1
                return fault
              },
              1
            )
            yield* openAndAppend({ path, maxBytes, backups: 50 }, ["after"])
            const stored = yield* readLines(path)
            assert.strictEqual(stored.pop(), "after")
            // Beyond what was acknowledged there may be whole lines of the append that was under way.
            assert.deepStrictEqual(stored, allLines.slice(0, stored.length))
            assert.isAtLeast(stored.length, acknowledged.length)
          }
        }
      }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
    )
  }
})
