import { FileSystem } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Exit, Logger, Option, Stream } from "effect"
import * as fc from "fast-check"
import { gunzipSync, gzipSync } from "node:zlib"
import * as LogFile from "../../src/internal/logFile.js"
import * as Segments from "../../src/internal/segments.js"
import {
  append,
  eventually,
  exists,
  inMemory,
  inMemoryPath as path,
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

const withFs = <A, E, R>(use: (fs: FileSystem.FileSystem) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(FileSystem.FileSystem, use)

const list = (at: string) => withFs((fs) => Segments.list(fs, at))

describe("list", () => {
  testInMemory(
    "is of segments only, oldest first, each of them once",
    Effect.gen(function* () {
      const others = ["1", "00001", "000001.gz.partial", "torn", "lock-1-000000", "000001.bak", "00000a"]
      const own = ["000010", "000002.gz", "1000000", "999999", "000002"]
      yield* Effect.forEach([...others, ...own], (suffix) => writeText(`${path}.${suffix}`, ""))
      yield* writeText("/log/other.000001", "")
      assert.deepStrictEqual(yield* list(path), [
        { number: 2, path: `${path}.000002`, isCompressed: false },
        { number: 10, path: `${path}.000010`, isCompressed: false },
        { number: 999_999, path: `${path}.999999`, isCompressed: false },
        { number: 1_000_000, path: `${path}.1000000`, isCompressed: false }
      ])
    })
  )
})

describe("compression", () => {
  const compressAll = (at: string) =>
    withFs((fs) =>
      Effect.flatMap(Segments.list(fs, at), (segments) =>
        Effect.forEach(
          segments.filter((segment) => !segment.isCompressed),
          (segment) => Segments.compress(fs, segment, (swap) => swap)
        )
      )
    )

  test(
    "keeps each byte, and the time",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* temporaryPath
      const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => (at * at) % 251)
      yield* fs.writeFile(`${path}.000001`, bytes)
      yield* fs.utimes(`${path}.000001`, 1_600_000_000, 1_600_000_000)
      yield* compressAll(path)
      assert.deepStrictEqual(yield* suffixes(path), [".000001.gz"])
      assert.deepStrictEqual(Uint8Array.from(gunzipSync(yield* fs.readFile(`${path}.000001.gz`))), bytes)
      const { mode, mtime } = yield* fs.stat(`${path}.000001.gz`)
      assert.strictEqual(Option.getOrThrow(mtime).getTime(), 1_600_000_000_000)
      if (process.platform !== "win32") assert.strictEqual(mode & 0o777, 0o600)
      const [segment] = yield* list(path)
      const read = yield* withFs((fs) => Stream.runCollect(Segments.read(fs, segment!)))
      assert.deepStrictEqual(Uint8Array.from(Buffer.concat([...read])), bytes)
    })
  )

  testInMemory(
    "broken off after any operation loses nothing, and is done the next time",
    Effect.gen(function* () {
      const lines = Arr.makeBy(50, (n) => `line ${n}`)
      const attempt = (failsFrom: number, done: "nothing" | "half" | "all") =>
        inMemory(
          Effect.gen(function* () {
            yield* writeText(`${path}.000001`, lines.join("\n") + "\n")
            yield* writeText(path, "active\n")
            let at = 0
            yield* Effect.ignore(
              withFaults(() =>
                at++ < failsFrom ? undefined : { code: "EIO", done: at === failsFrom + 1 ? done : "nothing" }
              )(compressAll(path))
            )
            assert.deepStrictEqual(yield* readFiles(path), [lines, ["active"]])
            yield* withFs((fs) => Segments.removeUnfinished(fs, path))
            yield* compressAll(path)
            assert.deepStrictEqual(yield* readFiles(path), [lines, ["active"]])
            assert.deepStrictEqual(yield* suffixes(path), ["", ".000001.gz"])
            return at
          })
        )
      const count = yield* attempt(Infinity, "nothing")
      assert.isAbove(count, 10)
      for (const done of ["nothing", "half", "all"] as const) {
        for (let failsFrom = 0; failsFrom < count; failsFrom++) yield* attempt(failsFrom, done)
      }
    })
  )

  testInMemory(
    "that fails takes its unfinished file away: it may be a full disk",
    Effect.gen(function* () {
      yield* writeText(`${path}.000001`, "line\n")
      const exit = yield* Effect.exit(
        withFaults((operation) => (operation === "write" ? { code: "ENOSPC", done: "half" } : undefined))(
          compressAll(path)
        )
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(yield* suffixes(path), [".000001"])
    })
  )

  testInMemory(
    "does not mind that the segment is removed meanwhile",
    Effect.gen(function* () {
      yield* writeText(`${path}.000001`, "line\n")
      yield* withFs((fs) =>
        Effect.flatMap(Segments.list(fs, path), ([segment]) =>
          Segments.compress(fs, segment!, (swap) => Effect.zipRight(Effect.orDie(Segments.remove(fs, segment!)), swap))
        )
      )
      assert.deepStrictEqual(yield* suffixes(path), [])
    })
  )

  test(
    "goes on beside the log, and makes up at the start for what is left over",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* writeText(`${path}.000001`, "old\n")
      yield* writeText(`${path}.000001.gz`, "not whole")
      yield* writeText(`${path}.000001.gz.partial`, "not whole either")
      const log = yield* LogFile.open({ path, maxBytes: 4, compress: true }, text)
      yield* append(log, ["one", "two", "three"])
      yield* eventually(
        Effect.map(suffixes(path), (found) => found.filter((suffix) => suffix.endsWith(".gz")).length === 3)
      )
      yield* eventually(
        Effect.map(suffixes(path), (found) =>
          found.every((suffix) => !/\d$|partial$/.test(suffix) || suffix.startsWith(".lock"))
        )
      )
      assert.deepStrictEqual(yield* readFiles(path), [["old"], ["one"], ["two"], ["three"]])
    })
  )

  testInMemory(
    "is no obstacle to going on: the last line is found in a compressed segment as well",
    Effect.gen(function* () {
      const resumed: Array<string | undefined> = []
      const resume = ({ last }: LogFile.Ends) => {
        resumed.push(last)
        return { state: undefined, needsNewFile: false }
      }
      const fs = yield* FileSystem.FileSystem
      yield* fs.writeFile(`${path}.000001.gz`, gzipSync("first\nlast\n"))
      yield* Effect.scoped(LogFile.open({ path }, { ...text, resume }))
      assert.deepStrictEqual(resumed, ["last"])
    })
  )
})

describe("retention", () => {
  const day = 24 * 3_600_000

  it.effect("keeps the newest files within every limit, and never leaves a gap", () => {
    const segment = fc.record({
      size: fc.integer({ min: 1, max: 50 }),
      age: fc.integer({ min: 0, max: 20 }),
      gap: fc.integer({ min: 1, max: 3 }),
      isCompressed: fc.boolean()
    })
    const property = fc.asyncProperty(
      fc.array(segment, { maxLength: 8 }),
      fc.integer({ min: 0, max: 50 }),
      fc.record({
        files: fc.option(fc.integer({ min: 0, max: 8 }), { nil: undefined }),
        bytes: fc.option(fc.integer({ min: 1, max: 200 }), { nil: undefined }),
        days: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined })
      }),
      (segments, activeSize, { bytes, days, files }) =>
        inMemory(
          Effect.gen(function* () {
            const fs = yield* FileSystem.FileSystem
            const now = 100 * day
            yield* writeText(path, "x".repeat(activeSize))
            let number = 0
            const paths: Array<string> = []
            for (const { age, gap, isCompressed, size } of segments) {
              number += gap
              const at = Segments.pathOf(path, number) + (isCompressed ? ".gz" : "")
              yield* writeText(at, "x".repeat(size))
              yield* fs.utimes(at, (now - age * day) / 1000, (now - age * day) / 1000)
              paths.push(at)
            }
            const keep = { files, bytes, millis: days === undefined ? undefined : days * day }
            const { kept, removed } = yield* Segments.beyond(fs, path, keep, now)
            assert.deepStrictEqual(
              [...removed, ...kept].map((each) => each.path),
              paths
            )

            /** What the limits say of keeping the newest so many. */
            const fits = (count: number) => {
              const newest = segments.slice(segments.length - count)
              return (
                count <= (files ?? Infinity) &&
                (count === 0 || activeSize + newest.reduce((sum, { size }) => sum + size, 0) <= (bytes ?? Infinity)) &&
                newest.every(({ age }) => age <= (days ?? Infinity))
              )
            }
            const expected = Arr.range(0, segments.length)
              .filter((count) => Arr.range(0, count).every(fits))
              .at(-1)
            assert.strictEqual(kept.length, expected)
          })
        ).pipe(Effect.runPromise)
    )
    return Effect.promise(() => fc.assert(property, { numRuns: 300 }))
  })

  testInMemory(
    "by count removes what is one too many, at each rotation",
    Effect.gen(function* () {
      yield* openAndAppend({ path, maxBytes: 2, keep: { files: 3 } }, ["0", "1", "2", "3", "4", "5"])
      assert.deepStrictEqual(yield* readFiles(path), [["2"], ["3"], ["4"], ["5"]])
      yield* openAndAppend({ path, maxBytes: 2, keep: { files: 0 } }, ["6"])
      assert.deepStrictEqual(yield* readFiles(path), [["6"]])
    })
  )

  testInMemory(
    "by bytes counts all files together",
    Effect.gen(function* () {
      yield* openAndAppend({ path, maxBytes: 4, keep: { bytes: 12 } }, ["111", "222", "333", "444", "555"])
      assert.deepStrictEqual(yield* readFiles(path), [["222"], ["333"], ["444"], ["555"]])
    })
  )

  testInTime("by age goes by when a file was last written to, and needs no rotation", 100 * day, (pass) =>
    Effect.gen(function* () {
      const log = yield* LogFile.open({ path, rotateEvery: "1 day", keep: { for: "3 days" } }, text)
      for (let number = 0; number < 6; number++) {
        yield* append(log, [String(number)])
        yield* pass("1 day")
      }
      assert.deepStrictEqual(yield* readFiles(path), [["3"], ["4"], ["5"], []])
      yield* pass("1 minute")
      assert.deepStrictEqual(yield* readFiles(path), [["4"], ["5"], []])
      yield* pass("5 days")
      assert.deepStrictEqual(yield* readFiles(path), [[]])
    })
  )

  testInMemory(
    "is said before it is done",
    Effect.gen(function* () {
      const said: Array<string> = []
      const fs = yield* FileSystem.FileSystem
      const looking: FileSystem.FileSystem = {
        ...fs,
        remove: (at, options) => {
          const look = Effect.tap(fs.readFileString(path), (text) => Effect.sync(() => said.push(text)))
          return Effect.zipRight(/\.\d{6}$/.test(at) ? look : Effect.void, fs.remove(at, options))
        }
      }
      yield* Effect.scoped(
        Effect.flatMap(LogFile.open({ path, maxBytes: 2, keep: { files: 1 } }, telling), (log) =>
          append(log, ["a", "b", "c"])
        )
      ).pipe(Effect.provideService(FileSystem.FileSystem, looking))
      assert.deepStrictEqual(said, ["trimming: audit.log.000001, next: b\n"])
    })
  )

  testInMemory(
    "takes both files of a compression that was broken off",
    Effect.gen(function* () {
      for (const suffix of [".000001", ".000001.gz", ".000002"]) yield* writeText(path + suffix, "old\n")
      yield* openAndAppend({ path, keep: { files: 1 } }, ["a"])
      yield* Effect.void
      assert.deepStrictEqual(yield* readLines(path), ["old", "a"])
      assert.isFalse(yield* exists(`${path}.000001.gz`))
    })
  )

  testInMemory(
    "that cannot be done does not hold up the log",
    Effect.gen(function* () {
      const warnings: Array<string> = []
      const logger = Logger.make(({ message }) => void warnings.push(String(message)))
      const { decide, set } = switchableFaults()
      yield* set({ remove: { code: "EACCES" } })
      yield* withFaults(decide)(openAndAppend({ path, maxBytes: 2, keep: { files: 0 } }, ["a", "b", "c"])).pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      )
      assert.deepStrictEqual(yield* readFiles(path), [["a"], ["b"], ["c"]])
      assert.include(warnings.join(), `Old files of the log '${path}' cannot be removed`)
      assert.strictEqual(yield* readText(path), "c\n")
    })
  )
})
