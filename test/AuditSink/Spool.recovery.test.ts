/** What becomes of a spool whose files somebody, or a crash, has changed. */
import { FileSystem } from "@effect/platform"
import { assert, describe } from "@effect/vitest"
import { Array as Arr, Deferred, Effect, Either, Exit, Fiber, Option, Scope } from "effect"
import { gzipSync } from "node:zlib"
import * as FileSink from "../../src/AuditSink/File.js"
import * as Cursor from "../../src/internal/spoolCursor.js"
import * as Faulty from "../internal/faultyFileSystem.js"
import { exists, pathsOf, readText, withFaults, writeText } from "../internal/logFiles.js"
import {
  makeRemote,
  messages,
  metrics,
  numbers,
  open,
  path,
  takesAnything,
  test,
  until,
  unavailable,
  use,
  assertValid
} from "./spools.js"
import { record, records, store } from "./testRecords.js"

const cursorPath = `${path}.cursor`
const small = { maxBytes: 100_000, segmentBytes: 2000 }

const range = (from: number, to: number) => Arr.range(from, to)

const readCursor = Effect.map(
  readText(cursorPath),
  (text) =>
    JSON.parse(text) as {
      readonly v: number
      readonly instance: string
      readonly seq: number
      readonly hash: string
      readonly crc32: string
    }
)
const writeCursor = (cursor: object) => writeText(cursorPath, JSON.stringify({ crc32: "00000000", ...cursor }))

const seqsOf = (lines: ReadonlyArray<string>) => lines.map((line) => Number(JSON.parse(line).chain.seq))

/** Stores the records and forwards them, or leaves them in the spool. */
const live = (
  remote: ReturnType<typeof makeRemote>,
  from: number,
  to: number,
  forwards: boolean,
  options: object = {}
) =>
  Effect.gen(function* () {
    remote.steps.write = forwards ? Effect.void : unavailable
    yield* use(remote.layer, ({ sink }) => store(sink, records(from, to)), {
      ...options,
      ...(forwards ? {} : { closeWithin: 0 })
    })
    remote.steps.write = Effect.void
  })

const forwardAll = (remote: ReturnType<typeof makeRemote>, options: object = {}) =>
  use(remote.layer, ({ spool }) => spool.forwarded, options)

describe("the cursor", () => {
  test("names the last record that was forwarded", ({ remote }) =>
    Effect.gen(function* () {
      yield* live(remote, 1, 5, true)
      const last = JSON.parse(remote.lines.at(-1)!).chain
      const { crc32, ...cursor } = yield* readCursor
      assert.deepStrictEqual(cursor, { v: 1, instance: "web-1", seq: last.seq, hash: last.hash })
      assert.match(crc32, /^[0-9a-f]{8}$/)
    }))

  test("is there from the beginning, also where nothing was forwarded", ({ pass, remote, said }) =>
    Effect.gen(function* () {
      remote.steps.open = Effect.never
      yield* use(remote.layer, () => pass("2 seconds"), { closeWithin: 0 })
      assert.strictEqual((yield* readCursor).seq, 0)
      remote.steps.open = Effect.void
      yield* forwardAll(remote)
      assert.isFalse(messages(said).some((message) => message.includes("cursor")))
    }))

  test("is not taken back by a program that forwards nothing", ({ remote }) =>
    Effect.gen(function* () {
      yield* live(remote, 1, 5, true)
      yield* live(remote, 6, 9, false)
      yield* live(remote, 10, 12, false)
      yield* forwardAll(remote)
      assert.deepStrictEqual(numbers(remote.lines), range(1, 12))
      assert.strictEqual(remote.counts.again, 0)
      assertValid(remote.lines)
    }))

  for (const [what, change, sentence] of [
    ["is missing", Effect.flatMap(FileSystem.FileSystem, (fs) => fs.remove(cursorPath)), "is missing"],
    ["is empty", writeText(cursorPath, ""), "is damaged"],
    ["is no JSON", writeText(cursorPath, "\0\0\0\ud800"), "is damaged"],
    ["has no hash", writeCursor({ v: 1, instance: "web-1", seq: 3 }), "is damaged"],
    ["has a negative number", writeCursor({ v: 1, instance: "web-1", seq: -3, hash: "0".repeat(64) }), "is damaged"],
    ["is of another version", writeCursor({ v: 2, instance: "web-1", seq: 3, hash: "0".repeat(64) }), "is damaged"],
    ["is huge", writeText(cursorPath, "x".repeat(5000)), "is no cursor"],
    [
      "is of another chain",
      Effect.flatMap(FileSystem.FileSystem, (fs) => Cursor.write(fs, path, "web-1", { seq: 3, hash: "ab".repeat(32) })),
      "does not belong to the chain"
    ],
    [
      "has another number",
      Effect.flatMap(readCursor, (cursor) => writeCursor({ ...cursor, seq: cursor.seq + 1000 })),
      "is damaged (its checksum is another one)"
    ],
    [
      "is a folder",
      Effect.flatMap(FileSystem.FileSystem, (fs) =>
        Effect.zipRight(fs.remove(cursorPath), fs.makeDirectory(`${cursorPath}/in/it`, { recursive: true }))
      ),
      "cannot be read"
    ]
  ] as const) {
    test(`that ${what} is told, and everything there is forwarded again`, ({ remote, said }) =>
      Effect.gen(function* () {
        yield* live(remote, 1, 5, true)
        yield* live(remote, 6, 9, false)
        yield* change
        yield* forwardAll(remote)
        const warning = messages(said, "WARNING").find((message) => message.startsWith(`'${cursorPath}' ${sentence}`))
        assert.include(warning, "what is still in the spool is forwarded, again if it was")
        assert.deepStrictEqual(numbers(remote.lines), range(1, 9))
        assert.isAbove(remote.counts.again, 5)
        assertValid(remote.lines)
        if (what === "is a folder") return
        // It is right again.
        yield* forwardAll(remote)
        assert.strictEqual(messages(said, "WARNING").filter((message) => message.includes(".cursor")).length, 1)
      }))
  }

  test("ahead of the spool is told, and its number is not used again", ({ remote, said }) =>
    Effect.gen(function* () {
      yield* live(remote, 1, 5, true)
      const fs = yield* FileSystem.FileSystem
      const before = yield* fs.readFile(path)
      yield* live(remote, 6, 9, true)
      // As where the disk has lost what it had confirmed.
      yield* fs.writeFile(path, before)
      yield* live(remote, 10, 12, true)
      assert.include(
        messages(said, "WARNING").find((message) => message.includes("cursor")),
        "names record 13, and the spool ends with record 7"
      )
      assert.deepStrictEqual(numbers(remote.lines), range(1, 12))
      assertValid(remote.lines)
    }))

  test("keeps the chain where all other files are gone", ({ remote, said }) =>
    Effect.gen(function* () {
      yield* live(remote, 1, 5, true)
      const fs = yield* FileSystem.FileSystem
      yield* fs.remove(path)
      yield* live(remote, 6, 9, true)
      assert.include(
        messages(said, "WARNING").find((message) => message.includes("cursor")),
        "names record 7, and the spool ends with record 0"
      )
      assert.deepStrictEqual(numbers(remote.lines), range(1, 9))
      assertValid(remote.lines)
    }))

  for (const [code, goesOn] of [
    ["ENOSPC", true],
    ["EIO", false]
  ] as const) {
    test(`that cannot be written (${code}) stops nothing, and costs no record`, ({ pass, remote, said }) =>
      Effect.gen(function* () {
        yield* live(remote, 1, 5, true)
        const decide: Faulty.Decide = (operation, at) =>
          operation === "write" && at.includes(".cursor.partial") ? { code } : undefined
        yield* withFaults(decide)(
          use(
            remote.layer,
            ({ sink, spool }) =>
              Effect.gen(function* () {
                for (const number of range(6, 30)) {
                  yield* store(sink, [record(number)])
                  yield* spool.forwarded
                  yield* pass("1 second")
                }
              }),
            small
          )
        )
        assert.deepStrictEqual(numbers(remote.lines), range(6 - 5, 30))
        // On a full disk it is written in place, or there would never be room again.
        assert.strictEqual((yield* readCursor).seq, goesOn ? remote.lines.length : 7)
        assert.strictEqual((yield* pathsOf(path)).length <= 2, goesOn)
        const told = messages(said, "WARNING").filter((message) => message.includes("cannot be removed"))
        assert.strictEqual(told.length, goesOn ? 0 : 1)
        yield* live(remote, 31, 33, true)
        assert.deepStrictEqual(numbers(remote.lines), range(1, 33))
        assertValid(remote.lines)
      }))
  }
})

describe("the files", () => {
  test("may end in the middle of a line, which is set aside and not forwarded", ({ remote, said }) =>
    Effect.gen(function* () {
      yield* live(remote, 1, 5, false)
      const fs = yield* FileSystem.FileSystem
      const text = yield* readText(path)
      const whole = text.split("\n").slice(0, -2).join("\n") + "\n"
      yield* fs.writeFileString(path, whole + record(6).line.slice(0, 40))
      yield* live(remote, 7, 9, true)
      assert.deepStrictEqual(numbers(remote.lines), [1, 2, 3, 4, 5, 7, 8, 9])
      assert.strictEqual(yield* readText(`${path}.torn`), `${record(6).line.slice(0, 40)}\n`)
      assert.isTrue(messages(said, "WARNING").some((message) => message.includes("did not end with a whole line")))
      assertValid(remote.lines)
    }))

  test("that are read may be rotated, many times, while they are", ({ remote }) =>
    Effect.gen(function* () {
      yield* use(
        remote.layer,
        ({ sink, spool }) =>
          Effect.gen(function* () {
            for (const number of range(1, 300)) {
              yield* store(sink, [record(number)])
              if (number % 7 === 0) yield* Effect.yieldNow()
              if (number % 50 === 0) yield* spool.forwarded
            }
            yield* spool.forwarded
          }),
        { ...small, segmentBytes: 1000 }
      )
      assert.deepStrictEqual(numbers(remote.lines), range(1, 300))
      assert.strictEqual(remote.counts.again, 0)
      assertValid(remote.lines)
    }))

  test("may be compressed by somebody", ({ remote }) =>
    Effect.gen(function* () {
      yield* live(remote, 1, 30, false, small)
      const fs = yield* FileSystem.FileSystem
      const [oldest = ""] = yield* pathsOf(path)
      yield* fs.writeFile(`${oldest}.gz`, gzipSync(yield* fs.readFile(oldest)))
      yield* fs.remove(oldest)
      yield* live(remote, 31, 33, true, small)
      assert.deepStrictEqual(numbers(remote.lines), range(1, 33))
      assert.isFalse(yield* exists(`${oldest}.gz`))
    }))

  test("that are removed before they were forwarded are told, and the others are forwarded", ({ remote, said }) =>
    Effect.gen(function* () {
      yield* live(remote, 1, 40, false, small)
      const paths = yield* pathsOf(path)
      const fs = yield* FileSystem.FileSystem
      const lost = seqsOf((yield* readText(paths[2]!)).trim().split("\n"))
      yield* fs.remove(paths[2]!)
      const taken: Array<string> = []
      const sink = { ...remote, layer: takesAnything(taken) }
      yield* forwardAll(sink, small)
      const all = yield* Effect.succeed(seqsOf(taken))
      assert.deepStrictEqual(
        all,
        range(1, all.at(-1)!).filter((seq) => !lost.includes(seq))
      )
      assert.include(
        messages(said, "ERROR").join("\n"),
        `Records ${lost[0]} to ${lost.at(-1)} are missing in the spool '${path}'`
      )
    }))

  test("that a ledger needs and that are gone stop it, and say so", ({ pass, remote, said }) =>
    Effect.gen(function* () {
      yield* live(remote, 1, 40, false, small)
      const fs = yield* FileSystem.FileSystem
      yield* fs.remove((yield* pathsOf(path))[2]!)
      yield* use(
        remote.layer,
        ({ sink }) =>
          Effect.gen(function* () {
            yield* store(sink, records(41, 43))
            yield* pass("3 minutes")
            assert.strictEqual((yield* metrics())["outage"], 1)
          }),
        { ...small, closeWithin: 0 }
      )
      assert.isTrue(messages(said, "ERROR").some((message) => message.includes("that does not end by itself")))
      // Nothing is removed that was not confirmed.
      assert.isAbove((yield* pathsOf(path)).length, 3)
    }))

  test("that are damaged in a record are forwarded without it, which is kept and told", ({ remote, said }) =>
    Effect.gen(function* () {
      yield* live(remote, 1, 40, false, small)
      const [oldest = ""] = yield* pathsOf(path)
      const text = yield* readText(oldest)
      yield* writeText(oldest, text.replace("Event 3 has", "Event 3 had"))
      const taken: Array<string> = []
      yield* forwardAll({ ...remote, layer: takesAnything(taken) }, small)
      assert.deepStrictEqual(
        numbers(taken),
        range(1, 40).filter((number) => number !== 3)
      )
      const error = messages(said, "ERROR").join("\n")
      assert.include(error, `'${oldest}' holds 324 bytes after record 3 that are damaged`)
      assert.include(error, "Records 4 to 4 are missing")
      assert.include(yield* readText(`${path}.torn`), "Event 3 had")
    }))

  test("may hold lines of somebody else, which are kept and told", ({ remote, said }) =>
    Effect.gen(function* () {
      yield* live(remote, 1, 40, false, small)
      const [oldest = ""] = yield* pathsOf(path)
      const lines = (yield* readText(oldest)).trim().split("\n")
      const foreign = [record(99).line, "hello", "", "\u0000", `{"a":"${"x".repeat(70_000)}"}`]
      yield* writeText(oldest, [...foreign, lines[0], ...foreign, ...lines.slice(1), ...foreign].join("\n") + "\n")
      yield* forwardAll(remote, small)
      assert.deepStrictEqual(numbers(remote.lines), range(1, 40))
      assertValid(remote.lines)
      assert.strictEqual(
        messages(said, "ERROR").filter((message) => message.includes("were never written by the spool")).length,
        3
      )
      const kept = yield* readText(`${path}.torn`)
      assert.strictEqual(kept.split(record(99).line).length, 4)
    }))

  test("that cannot be read are tried again, and nothing is lost", ({ pass, remote, said }) =>
    Effect.gen(function* () {
      yield* live(remote, 1, 40, false, small)
      let isFailing = true
      const decide: Faulty.Decide = (operation, at) =>
        isFailing && operation === "read" && /\.00000[24]$/.test(at) ? { code: "EIO" } : undefined
      yield* withFaults(decide)(
        use(
          remote.layer,
          ({ sink, spool }) =>
            Effect.gen(function* () {
              yield* pass("1 minute")
              assert.strictEqual((yield* metrics())["outage"], 1)
              yield* store(sink, records(41, 42))
              isFailing = false
              yield* pass("40 seconds")
              yield* spool.forwarded
            }),
          small
        )
      )
      assert.deepStrictEqual(numbers(remote.lines), range(1, 42))
      assertValid(remote.lines)
      assert.isTrue(messages(said, "ERROR").some((message) => message.includes("its files have to be put right")))
    }))

  test("may be taken away while the spool is open: what is gone is told, and the rest forwarded", ({ pass, said }) =>
    Effect.gen(function* () {
      const taken: Array<string> = []
      const fs = yield* FileSystem.FileSystem
      yield* use(takesAnything(taken), ({ sink, spool }) =>
        Effect.gen(function* () {
          yield* store(sink, records(1, 5))
          yield* spool.forwarded
          yield* fs.rename(path, `${path}.moved`)
          yield* pass("2 seconds")
          yield* store(sink, records(6, 9))
          yield* spool.forwarded
          yield* fs.remove(path)
          yield* pass("2 seconds")
          yield* store(sink, records(10, 12))
          yield* pass("40 seconds")
          yield* spool.forwarded
        })
      )
      assert.deepStrictEqual(numbers(taken), range(1, 12))
      assertValid(taken)
      assert.isTrue(messages(said, "WARNING").some((message) => message.includes("was moved by somebody else")))
    }))

  test("keep their numbers going upwards, so that a removed one that is back is not the newest", ({ pass, remote }) =>
    Effect.gen(function* () {
      let newest = 0
      for (const round of range(0, 9)) {
        yield* live(remote, round * 10 + 1, round * 10 + 10, true, small)
        yield* use(remote.layer, () => pass("2 seconds"), small)
        const [segment = "", ...others] = (yield* pathsOf(path)).filter((each) => each !== path)
        assert.deepStrictEqual(others, [])
        const number = Number(segment.slice(path.length + 1))
        assert.isAtLeast(number, newest + 1)
        newest = number
      }
    }))

  test("that somebody puts among them with records from long ago cost none that is not forwarded", ({
    pass,
    remote,
    said
  }) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* live(remote, 1, 10, true, small)
      const old = yield* fs.readFile(path)
      yield* live(remote, 11, 50, false, small)
      const newest = (yield* pathsOf(path)).at(-2)!
      yield* fs.writeFile(`${path}.${String(Number(newest.slice(path.length + 1)) + 5).padStart(6, "0")}`, old)
      remote.steps.write = unavailable
      yield* use(remote.layer, () => pass("5 seconds"), { ...small, closeWithin: 0 })
      yield* live(remote, 51, 55, true, small)
      yield* use(remote.layer, () => pass("2 seconds"), small)
      assert.deepStrictEqual(numbers(remote.lines), range(1, 55))
      assertValid(remote.lines)
      assert.deepStrictEqual(messages(said, "ERROR"), [])
      assert.isAtMost((yield* pathsOf(path)).length, 2)
    }))

  test("may be those of a chained trail from before, which is forwarded as well", ({ remote }) =>
    Effect.gen(function* () {
      yield* Effect.scoped(Effect.flatMap(FileSink.make({ path, chain: true }), (file) => store(file, records(1, 5))))
      yield* live(remote, 6, 9, true)
      assert.deepStrictEqual(numbers(remote.lines), range(1, 9))
      assertValid(remote.lines)
    }))
})

describe("the disk", () => {
  test("that fails to sync has nothing forwarded that is written differently later", ({ pass, remote }) =>
    Effect.gen(function* () {
      let isFailing = false
      const decide: Faulty.Decide = (operation, at) =>
        isFailing && operation === "sync" && at === path ? { code: "EIO" } : undefined
      yield* withFaults(decide)(
        use(remote.layer, ({ sink, spool }) =>
          Effect.gen(function* () {
            yield* store(sink, records(1, 3))
            yield* spool.forwarded
            for (const round of range(1, 5)) {
              isFailing = true
              assert.isTrue(Either.isLeft(yield* Effect.either(store(sink, records(100 + round, 104 + round)))))
              yield* pass("50 millis")
              isFailing = false
              // Other records than those that failed.
              yield* store(sink, [record(3 + round)])
            }
            yield* spool.forwarded
          })
        )
      )
      assert.deepStrictEqual(numbers(remote.lines), range(1, 8))
      assertValid(remote.lines)
      assert.deepStrictEqual(remote.counts.again, 0)
    }))

  for (const cut of ["the write", "the sync"] as const) {
    test(`that fails in ${cut} after others were durable has none of it forwarded`, ({ pass, remote }) =>
      Effect.gen(function* () {
        let failing: Faulty.Operation | undefined
        const decide: Faulty.Decide = (operation, at) =>
          operation === failing && at === path ? { code: "EIO", done: "half" } : undefined
        yield* withFaults(decide)(
          use(remote.layer, ({ sink, spool }) =>
            Effect.gen(function* () {
              for (const round of range(0, 4)) {
                const gate = yield* Deferred.make<void>()
                remote.steps.write = Deferred.await(gate)
                const before = remote.attempts.length
                yield* store(sink, [record(round * 3 + 1)])
                yield* until(() => remote.attempts.length > before)
                // Durable, and behind it what is not: both are in the file when it is read next.
                yield* store(sink, [record(round * 3 + 2)])
                yield* sink.write(records(900, 902))
                remote.steps.write = Effect.void
                yield* Deferred.succeed(gate, undefined)
                yield* spool.forwarded
                failing = cut === "the write" ? "write" : "sync"
                const failed = cut === "the write" ? sink.write([record(903)]) : sink.sync
                assert.isTrue(Either.isLeft(yield* Effect.either(failed)))
                failing = undefined
                // In the places of those.
                yield* store(sink, [record(round * 3 + 3)])
                yield* spool.forwarded
              }
              yield* pass("1 second")
            })
          )
        )
        assert.deepStrictEqual(numbers(remote.lines), range(1, 15))
        assertValid(remote.lines)
      }))
  }

  test("may show the beginning of a line that is never finished, and another one in its place", ({ pass, remote }) =>
    Effect.gen(function* () {
      const cut = yield* Deferred.make<void>()
      let isCutting = false
      const cutting = Effect.updateService(FileSystem.FileSystem, (fs) => ({
        ...fs,
        open: (at, options) =>
          Effect.map(fs.open(at, options), (file) => ({
            ...file,
            writeAll: (bytes) =>
              Effect.suspend(() => {
                if (at !== path || !isCutting) return file.writeAll(bytes)
                isCutting = false
                const half = file.writeAll(bytes.subarray(0, bytes.length - 50))
                return Effect.zipRight(Effect.zipRight(half, Deferred.await(cut)), Effect.asVoid(fs.stat("/nowhere")))
              })
          }))
      }))
      yield* cutting(
        use(remote.layer, ({ sink, spool }) =>
          Effect.gen(function* () {
            const gate = yield* Deferred.make<void>()
            remote.steps.write = Deferred.await(gate)
            yield* store(sink, [record(1)])
            yield* until(() => remote.attempts.length > 0)
            yield* store(sink, [record(2)])
            isCutting = true
            const writing = yield* Effect.fork(Effect.either(sink.write([record(900)])))
            yield* Effect.repeatN(Effect.yieldNow(), 100)
            yield* Deferred.succeed(gate, undefined)
            yield* spool.forwarded
            yield* Deferred.succeed(cut, undefined)
            assert.isTrue(Either.isLeft(yield* Fiber.join(writing)))
            yield* store(sink, [record(3)])
            yield* spool.forwarded
            yield* pass("1 second")
          })
        )
      )
      assert.deepStrictEqual(numbers(remote.lines), [1, 2, 3])
      assertValid(remote.lines)
      assert.isFalse(yield* exists(`${path}.torn`))
    }))

  for (const [when, before] of [
    ["at the end", "100 millis"],
    ["before the end", "2 seconds"]
  ] as const) {
    test(`that hangs ${when}, where the cursor is, does not hold it up for ever`, ({ pass, remote }) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const hanging = Effect.updateService(FileSystem.FileSystem, (fs) => ({
          ...fs,
          rename: (from, to) => (from.includes(".cursor") ? Effect.uninterruptible(Effect.never) : fs.rename(from, to))
        }))
        const { sink, spool } = yield* Scope.extend(hanging(open(remote.layer)), scope)
        yield* store(sink, records(1, 3))
        yield* spool.forwarded
        yield* pass(before)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* pass("20 seconds")
        assert.isTrue(Option.isSome(yield* Fiber.poll(closing)))
        assert.deepStrictEqual(numbers(remote.lines), [1, 2, 3])
      }))
  }

  test("that is full refuses, and takes more when there is room", ({ pass, remote }) =>
    Effect.gen(function* () {
      let isFull = false
      const decide: Faulty.Decide = (operation, at) =>
        isFull && operation === "write" && !at.includes(".lock-") ? { code: "ENOSPC", done: "half" } : undefined
      yield* withFaults(decide)(
        use(remote.layer, ({ sink, spool }) =>
          Effect.gen(function* () {
            yield* store(sink, records(1, 3))
            isFull = true
            const error = yield* Effect.flip(store(sink, records(4, 6)))
            assert.strictEqual(error.reason, "Full")
            yield* spool.forwarded
            yield* pass("3 seconds")
            isFull = false
            yield* store(sink, records(4, 6))
            yield* spool.forwarded
          })
        )
      )
      assert.deepStrictEqual(numbers(remote.lines), range(1, 6))
      assertValid(remote.lines)
    }))
})

describe("a spool that is lost with its disk", () => {
  test("is told that its numbers are taken, and what to do", ({ pass, remote, said }) =>
    Effect.gen(function* () {
      yield* live(remote, 1, 5, true)
      const other = `${path}-on-a-new-disk`
      yield* use(remote.layer, ({ sink }) => Effect.zipRight(store(sink, records(6, 9)), pass("1 minute")), {
        path: other,
        closeWithin: 0
      })
      assert.deepStrictEqual(numbers(remote.lines), range(1, 5))
      assert.include(
        messages(said, "ERROR").join(),
        "Where this spool is new, because the old disk is lost, give it a new instance"
      )
    }))
})
