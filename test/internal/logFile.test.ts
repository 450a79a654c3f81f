import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Deferred, Effect, Either, Exit, Fiber, Logger } from "effect"
import * as fc from "fast-check"
import { gzipSync } from "node:zlib"
import * as LogFile from "../../src/internal/logFile.js"
import * as LogSegment from "../../src/internal/logSegment.js"
import * as Faulty from "./faultyFileSystem.js"
import {
  append,
  exists,
  inMemory,
  inMemoryPath,
  openAndAppend,
  readFiles,
  readLines,
  readText,
  suffixes,
  switchableFaults,
  telling,
  temporaryPath,
  test,
  testInMemory,
  testInTime,
  text,
  withFaults,
  writeText
} from "./logFiles.js"

const refusal = (path: string) => Effect.flip(Effect.scoped(LogFile.open({ path }, text)))

describe("open", () => {
  test(
    "creates the file, readable for its owner alone",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* temporaryPath
      yield* LogFile.open({ path }, text)
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
      yield* openAndAppend({ path: link, maxBytes: 2 }, ["b", "c"])
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
        yield* Effect.scoped(LogFile.open({ path }, text)).pipe(
          Effect.provide(Logger.replace(Logger.defaultLogger, logger))
        )
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
        LogFile.open({ path }, text).pipe(
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
        const log = yield* LogFile.open({ path, maxBytes: 1000 }, text)
        operations.length = 0
        yield* append(log, Arr.makeBy(100, String))
        yield* append(log, [])
      }).pipe(withFaults((operation) => void operations.push(operation)))
      assert.deepStrictEqual(operations, ["write", "sync"])
      assert.deepStrictEqual(yield* readLines(path), Arr.makeBy(100, String))
    })
  )

  test(
    "does not mix concurrent appends",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const log = yield* LogFile.open({ path, maxBytes: 30 }, text)
      const batches = Arr.makeBy(30, (batch) => Arr.makeBy(7, (line) => `${batch} ${line}`))
      yield* Effect.forEach(batches, (batch) => append(log, batch), { concurrency: "unbounded" })
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
            ...Faulty.wrapFile(at, file, () => undefined),
            writeAll: (bytes) =>
              Effect.gen(function* () {
                yield* file.writeAll(bytes.subarray(0, 3))
                yield* Deferred.succeed(started, undefined)
                yield* Deferred.await(goOn)
                yield* file.writeAll(bytes.subarray(3))
              })
          }))
      }
      const log = yield* LogFile.open({ path }, text).pipe(Effect.provideService(FileSystem.FileSystem, slow))
      const first = yield* Effect.fork(append(log, ["first", "second"]))
      yield* Deferred.await(started)
      const waiting = yield* Effect.fork(append(log, ["never"]))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(waiting)
      const interruption = yield* Effect.fork(Fiber.interrupt(first))
      yield* Effect.yieldNow()
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(interruption)
      yield* append(log, ["third"])
      assert.strictEqual(yield* readText(path), "first\nsecond\nthird\n")
    })
  )

  test(
    "fails once the scope is closed",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const log = yield* Effect.scoped(LogFile.open({ path }, text))
      const error = yield* Effect.flip(append(log, ["late"]))
      assert.strictEqual(error.reason, "Unavailable")
      assert.strictEqual(yield* readText(path), "")
    })
  )
})

describe("rotation by size", () => {
  test(
    "counts bytes with the line ends, and keeps everything unless told otherwise",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const lines = Arr.makeBy(12, (n) => String(n).padEnd(100_190, "."))
      const log = yield* LogFile.open({ path, maxBytes: 3 * 100_191 }, text)
      yield* Effect.forEach(lines, (line) => append(log, [line]))
      assert.deepStrictEqual(yield* readFiles(path), Arr.chunksOf(lines, 3))
    })
  )

  test(
    "happens in the middle of a write as well",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const lines = Arr.makeBy(12, (n) => String(n).padEnd(100_190, "."))
      yield* openAndAppend({ path, maxBytes: 3 * 100_191 }, lines)
      assert.deepStrictEqual(yield* readFiles(path), Arr.chunksOf(lines, 3))
    })
  )

  test(
    "counts bytes, not characters",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* openAndAppend({ path, maxBytes: 10 }, ["😀😀", "a"])
      assert.deepStrictEqual(yield* readFiles(path), [["😀😀"], ["a"]])
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
    "goes on from the size of the file that is there",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* writeText(path, "1234\n")
      yield* openAndAppend({ path, maxBytes: 10 }, ["678", "1"])
      assert.deepStrictEqual(yield* readFiles(path), [["1234", "678"], ["1"]])
    })
  )

  test(
    "numbers a segment above all there are, compressed ones too, and renames none",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* temporaryPath
      yield* writeText(`${path}.000003`, "old\n")
      yield* fs.writeFile(`${path}.000007.gz`, gzipSync("newer\n"))
      yield* writeText(`${path}.8`, "not ours")
      yield* openAndAppend({ path, maxBytes: 2 }, ["a", "b"])
      assert.deepStrictEqual(yield* suffixes(path), ["", ".000003", ".000007.gz", ".000008", ".8"])
      assert.strictEqual(yield* readText(`${path}.000008`), "a\n")
      assert.strictEqual(yield* readText(`${path}.000003`), "old\n")
    })
  )

  test(
    "goes on where what the format says about it fills the new file by itself",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const log = yield* LogFile.open({ path, maxBytes: 10, keep: { files: 1 } }, telling)
      yield* append(log, ["a".repeat(9), "b".repeat(9), "c".repeat(9), "d".repeat(9)])
      assert.deepStrictEqual(yield* readFiles(path), [
        [`trimming: audit.log.000001, next: ${"b".repeat(9)}`, "c".repeat(9)],
        ["trimming: audit.log.000002, next: trimming: audit.log.000001, next: bbbbbbbbb", "d".repeat(9)]
      ])
    })
  )

  test(
    "makes the new names safe before it goes on",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const done: Array<string> = []
      yield* Effect.gen(function* () {
        const log = yield* LogFile.open({ path, maxBytes: 2 }, text)
        done.length = 0
        yield* append(log, ["a", "b"])
      }).pipe(
        withFaults((operation, at) => {
          if (["rename", "sync", "write"].includes(operation))
            done.push(`${operation} ${at === path ? "file" : "folder"}`)
          return undefined
        })
      )
      assert.deepStrictEqual(done, [
        "write file",
        "sync file",
        "rename file",
        "sync folder",
        "sync folder",
        "write file",
        "sync file"
      ])
    })
  )
})

describe("rotation by time", () => {
  const day = Date.UTC(2024, 1, 28)
  const options = { path: inMemoryPath, rotateEvery: "1 day" } as const
  const hour = 3_600_000

  testInTime("begins a new file at midnight UTC, though nothing is written", day + 23 * hour, (pass) =>
    Effect.gen(function* () {
      const log = yield* LogFile.open(options, text)
      yield* append(log, ["a"])
      yield* pass(hour - 1)
      assert.deepStrictEqual(yield* readFiles(inMemoryPath), [["a"]])
      yield* pass("1 second")
      assert.deepStrictEqual(yield* readFiles(inMemoryPath), [["a"], []])
      yield* append(log, ["b"])
      assert.deepStrictEqual(yield* readFiles(inMemoryPath), [["a"], ["b"]])
    })
  )

  testInTime("leaves a file alone in which there is nothing", day, (pass) =>
    Effect.gen(function* () {
      yield* LogFile.open(options, text)
      yield* pass("3 days")
      assert.deepStrictEqual(yield* readFiles(inMemoryPath), [[]])
    })
  )

  testInTime("goes by when the file was last written to, after a restart as well", day + 12 * hour, (pass) =>
    Effect.gen(function* () {
      yield* openAndAppend(options, ["a"])
      yield* pass("11 hours")
      yield* openAndAppend(options, ["b"])
      assert.deepStrictEqual(yield* readFiles(inMemoryPath), [["a", "b"]])
      yield* pass("2 hours")
      yield* openAndAppend(options, ["c"])
      assert.deepStrictEqual(yield* readFiles(inMemoryPath), [["a", "b"], ["c"]])
    })
  )

  testInTime("counts hours, and any other period, in the same way", day + 5 * hour, (pass) =>
    Effect.gen(function* () {
      const log = yield* LogFile.open({ path: inMemoryPath, rotateEvery: "6 hours" }, text)
      for (let hour = 6; hour < 30; hour++) {
        yield* pass("1 hour")
        yield* append(log, [String(hour)])
      }
      assert.deepStrictEqual(
        (yield* readFiles(inMemoryPath)).map((lines) => lines.map(Number)),
        Arr.chunksOf(Arr.range(6, 29), 6)
      )
    })
  )

  testInTime("is made up for when it could not be done in time", day + 23 * hour, (pass) =>
    Effect.gen(function* () {
      const { decide, set } = switchableFaults()
      const log = yield* withFaults(decide)(LogFile.open(options, text))
      yield* append(log, ["a"])
      yield* set({ rename: { code: "EACCES" } })
      yield* pass("2 hours")
      assert.strictEqual((yield* Effect.flip(log.write(["b"]))).reason, "Unwritable")
      yield* set({})
      yield* append(log, ["b"])
      assert.deepStrictEqual(yield* readFiles(inMemoryPath), [["a"], ["b"]])
    })
  )
})

describe("settings", () => {
  const wrong: ReadonlyArray<readonly [Partial<LogFile.Options>, string]> = [
    [{ path: "" }, "The path is empty: give the path of a file"],
    [{ maxBytes: 0 }, "maxBytes must be a whole number above 0, not 0"],
    [{ maxBytes: 1.5 }, "maxBytes must be a whole number above 0, not 1.5"],
    [{ keep: { files: -1 } }, "keep.files must be a whole number, not -1"],
    [{ keep: { bytes: 0 } }, "keep.bytes must be a whole number above 0, not 0"],
    [{ keep: { for: 0 } }, 'keep.for must be a duration such as "1 day", not 0'],
    [{ rotateEvery: -1 }, 'rotateEvery must be a duration such as "1 day", not -1'],
    // Where nothing checks types.
    [{ rotateEvery: "daily" as "1 day" }, 'rotateEvery must be a duration such as "1 day", not daily']
  ]
  for (const [options, message] of wrong) {
    testInMemory(
      `are refused before anything is opened: ${message}`,
      Effect.gen(function* () {
        const error = yield* Effect.flip(LogFile.open({ path: inMemoryPath, ...options }, text))
        assert.strictEqual(error.reason, "Misconfigured")
        assert.strictEqual(error.message, message)
        assert.deepStrictEqual(yield* suffixes(inMemoryPath), [])
      })
    )
  }
})

describe("a failed write or sync", () => {
  const lines = ["first", "second", "third"]

  test(
    "leaves nothing behind when a write breaks off",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const { decide, set } = switchableFaults()
      const log = yield* withFaults(decide)(LogFile.open({ path }, text))
      yield* append(log, ["zeroth"])
      yield* set({ write: { code: "ENOSPC", done: "half" } })
      const error = yield* Effect.flip(append(log, lines))
      assert.strictEqual(error.reason, "Full")
      assert.strictEqual(error.written, 0)
      assert.strictEqual(yield* readText(path), "zeroth\n")
      yield* set({})
      yield* append(log, lines)
      assert.deepStrictEqual(yield* readLines(path), ["zeroth", ...lines])
    })
  )

  test(
    "is cut off later when it cannot be cut off at once",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const { decide, set } = switchableFaults()
      const log = yield* withFaults(decide)(LogFile.open({ path }, text))
      yield* append(log, ["zeroth"])
      yield* set({ write: { code: "EIO", done: "all" }, truncate: { code: "EIO" } })
      assert.strictEqual((yield* Effect.flip(append(log, lines))).reason, "Unavailable")
      yield* set({ truncate: { code: "EIO" } })
      assert.strictEqual((yield* Effect.flip(append(log, lines))).reason, "Unavailable")
      yield* set({})
      yield* append(log, lines)
      assert.deepStrictEqual(yield* readLines(path), ["zeroth", ...lines])
      assert.isFalse(yield* exists(`${path}.torn`))
    })
  )

  test(
    "tells how many lines earlier files have taken",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const { decide, set } = switchableFaults()
      const log = yield* withFaults(decide)(LogFile.open({ path, maxBytes: 10 }, text))
      yield* set({ rename: { code: "EACCES" } })
      const error = yield* Effect.flip(append(log, ["1", "2", "3", "4", "5", "6", "7"]))
      assert.strictEqual(error.reason, "Unwritable")
      assert.strictEqual(error.written, 5)
      yield* set({})
      yield* append(log, ["6", "7"])
      assert.deepStrictEqual(yield* readFiles(path), [
        ["1", "2", "3", "4", "5"],
        ["6", "7"]
      ])
    })
  )

  testInMemory(
    "goes on in another file after a failed sync, and never syncs what it wrote again",
    Effect.gen(function* () {
      const { decide, set } = switchableFaults()
      const log = yield* withFaults(decide)(LogFile.open({ path: inMemoryPath }, text))
      yield* append(log, ["zeroth"])
      yield* set({ sync: { code: "EIO" } })
      yield* log.write(lines)
      assert.strictEqual((yield* Effect.flip(log.sync)).written, 0)
      assert.strictEqual(yield* readText(inMemoryPath), "zeroth\n")
      assert.strictEqual((yield* Effect.flip(log.sync)).reason, "Unavailable")
      yield* set({})
      yield* append(log, lines)
      assert.deepStrictEqual(yield* readFiles(inMemoryPath), [["zeroth"], lines])
    })
  )

  testInMemory(
    "makes one segment of an outage, however often sync fails",
    Effect.gen(function* () {
      const { decide, set } = switchableFaults()
      const log = yield* withFaults(decide)(LogFile.open({ path: inMemoryPath }, text))
      for (const line of Arr.makeBy(5, String)) {
        yield* append(log, [line])
        yield* set({ sync: { code: "EIO" } })
        for (let attempt = 0; attempt < 3; attempt++) yield* Effect.flip(append(log, ["failed"]))
        yield* set({})
      }
      assert.deepStrictEqual(yield* readFiles(inMemoryPath), [["0"], ["1"], ["2"], ["3"], ["4"], []])
    })
  )

  testInTime("of what the format says takes along what was not synced, and says so", 0, (pass) =>
    Effect.gen(function* () {
      const { decide, set } = switchableFaults()
      const log = yield* withFaults(decide)(
        LogFile.open(
          { path: inMemoryPath },
          { ...text, note: (_, { _tag }) => [_tag === "Tick" ? "!\n" : "", undefined] }
        )
      )
      yield* log.write(["a"])
      yield* set({ write: { code: "EIO" } })
      yield* pass("500 millis")
      yield* set({})
      assert.strictEqual((yield* Effect.flip(log.sync)).written, 0)
      yield* append(log, ["a"])
      assert.deepStrictEqual(
        (yield* readLines(inMemoryPath)).filter((line) => line !== "!"),
        ["a"]
      )
    })
  )

  testInMemory(
    "of what the format says about old files costs no line, and doubles none",
    Effect.gen(function* () {
      const { decide, set } = switchableFaults()
      const decideLate: Faulty.Decide = (operation, at) =>
        operation === "write" && writes++ === 1 ? decide(operation, at) : undefined
      let writes = 0
      const log = yield* withFaults(decideLate)(
        LogFile.open({ path: inMemoryPath, maxBytes: 2, keep: { files: 0 } }, telling)
      )
      yield* set({ write: { code: "ENOSPC", done: "half" } })
      yield* append(log, ["a", "b"]).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
      assert.deepStrictEqual(yield* readFiles(inMemoryPath), [["a"], ["b"]])
    })
  )

  it.scoped.skipIf(process.platform !== "linux")("is Full on a disk that is really full", () =>
    Effect.gen(function* () {
      const log = yield* LogFile.open({ path: "/dev/full", maxBytes: 10 }, text)
      for (let attempt = 0; attempt < 2; attempt++) {
        const error = yield* Effect.flip(append(log, lines))
        assert.strictEqual(error.reason, "Full")
        assert.strictEqual(error.message, "'/dev/full' cannot grow because its disk is full: free some space")
      }
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})

/** Batches of one to four lines; with 24 bytes a file, some stay inside it and some go over one or two ends. */
const batches = [["a0"], ["b0", "b1"], ["c0", "c1", "c2", "c3"], ["d0"], ["x".repeat(40), "e1"], ["f0", "f1", "f2"]]
const allLines = batches.flat()

/** What the audit log does: lines that were not stored are written again, until they are. */
const appendAll = (log: LogFile.LogFile, acknowledged: Array<string>, attempts = Infinity) =>
  Effect.forEach(batches, (batch) =>
    Effect.gen(function* () {
      let rest = batch
      for (let attempt = 0; attempt < attempts; attempt++) {
        const result = yield* Effect.either(append(log, rest))
        const written = Either.isRight(result) ? rest.length : result.left.written
        acknowledged.push(...rest.slice(0, written))
        rest = rest.slice(written)
        if (Either.isRight(result)) return
      }
    })
  )

/** Claims are another matter: nothing about them fails here. */
const run = (maxBytes: number | undefined, decide: Faulty.Decide, attempts?: number) => {
  const acknowledged: Array<string> = []
  const decideOnLog: Faulty.Decide = (operation, at) =>
    at.includes(".lock-") || at.startsWith("/proc/") ? undefined : decide(operation, at)
  return Effect.gen(function* () {
    const log = yield* Effect.retry(withFaults(decideOnLog)(LogFile.open({ path: inMemoryPath, maxBytes }, text)), {
      times: attempts ?? 100
    })
    yield* appendAll(log, acknowledged, attempts)
  }).pipe(
    Effect.scoped,
    Effect.exit,
    Effect.map((exit) => ({ exit, acknowledged }))
  )
}

const countOperations = (maxBytes: number | undefined) =>
  inMemory(
    Effect.gen(function* () {
      let count = 0
      yield* run(maxBytes, () => void count++)
      return count
    })
  )

describe("whatever fails", () => {
  const quietly = Effect.provide(Logger.remove(Logger.defaultLogger))

  for (const maxBytes of [24, undefined]) {
    for (const done of ["nothing", "half", "all"] as const) {
      it.effect(`no line is lost or doubled: ${maxBytes ?? "no"} limit, ${done} of the operation done`, () =>
        Effect.gen(function* () {
          const count = yield* countOperations(maxBytes)
          assert.isAbove(count, 15)
          for (const duration of [1, 3]) {
            for (let first = 0; first < count; first++) {
              let at = 0
              const where = `operations ${first} to ${first + duration - 1}`
              yield* inMemory(
                Effect.gen(function* () {
                  const { exit, acknowledged } = yield* run(maxBytes, () => {
                    const fails = at >= first && at < first + duration
                    at += 1
                    return fails ? { code: "EIO", done } : undefined
                  })
                  assert.isTrue(Exit.isSuccess(exit), where)
                  assert.deepStrictEqual(acknowledged, allLines, where)
                  assert.deepStrictEqual(yield* readLines(inMemoryPath), allLines, where)
                })
              )
            }
          }
        }).pipe(quietly)
      )
    }
  }

  it.effect("no line is lost or doubled by any mixture of failures", () => {
    const code = fc.constantFrom("ENOSPC", "EIO", "EACCES", "EMFILE")
    const done = fc.constantFrom("nothing" as const, "half" as const, "all" as const)
    const fault = fc.option(fc.record({ code, done }), { nil: undefined, freq: 2 })
    const property = fc.asyncProperty(fc.array(fault, { maxLength: 200 }), (faults) =>
      Effect.gen(function* () {
        const rest = faults.values()
        yield* run(24, () => rest.next().value)
        assert.deepStrictEqual(yield* readLines(inMemoryPath), allLines)
      }).pipe(inMemory, quietly, Effect.runPromise)
    )
    return Effect.promise(() => fc.assert(property, { numRuns: 300 }))
  })

  for (const maxBytes of [24, undefined]) {
    it.effect(`a crash at any operation loses no acknowledged line: ${maxBytes ?? "no"} limit`, () =>
      Effect.gen(function* () {
        const count = yield* countOperations(maxBytes)
        for (const done of ["nothing", "half", "all"] as const) {
          for (let crash = 0; crash < count; crash++) {
            let at = 0
            const dead = (): Faulty.Fault | undefined => {
              const fault = at < crash ? undefined : { code: "EIO", done: at === crash ? done : ("nothing" as const) }
              at += 1
              return fault
            }
            yield* inMemory(
              Effect.gen(function* () {
                const { acknowledged } = yield* run(maxBytes, dead, 1)
                yield* openAndAppend({ path: inMemoryPath, maxBytes }, ["after"])
                const stored = yield* readLines(inMemoryPath)
                assert.strictEqual(stored.pop(), "after")
                // Beyond what was acknowledged there may be whole lines of the write that was under way.
                assert.deepStrictEqual(stored, allLines.slice(0, stored.length))
                assert.isAtLeast(stored.length, acknowledged.length)
              })
            )
          }
        }
      }).pipe(quietly)
    )
  }
})

describe("a very long write", () => {
  testInMemory(
    "is synced in between, so that recovery need not look back any further",
    Effect.gen(function* () {
      const lines = Arr.makeBy(9, (number) => `${number}${"x".repeat(LogSegment.longestAppend / 4)}`)
      const operations: Array<Faulty.Operation> = []
      const record: Faulty.Decide = (operation, path) => {
        if (path === inMemoryPath && (operation === "write" || operation === "sync")) operations.push(operation)
        return undefined
      }
      const log = yield* withFaults(record)(LogFile.open({ path: inMemoryPath }, text))
      yield* log.write(lines)
      assert.deepStrictEqual(operations, ["write", "sync", "write", "sync", "write"])
      yield* log.sync
      assert.deepStrictEqual(yield* readLines(inMemoryPath), lines)
    })
  )
})
