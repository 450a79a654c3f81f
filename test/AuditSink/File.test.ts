import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Deferred, Effect, Fiber, Layer, type Scope } from "effect"
import * as AuditRecord from "../../src/AuditRecord.js"
import { AuditSink, AuditSinkError, type Batch } from "../../src/AuditSink.js"
import * as FileSink from "../../src/AuditSink/File.js"
import * as Faulty from "../internal/faultyFileSystem.js"

const test = (name: string, body: Effect.Effect<void, unknown, FileSystem.FileSystem | Scope.Scope>) =>
  it.scoped(name, () => Effect.provide(body, NodeFileSystem.layer))

const temporaryPath = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return `${yield* fs.makeTempDirectoryScoped()}/audit.log.jsonl`
})

const readText = (path: string) => Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path))

const record = (number: number) =>
  AuditRecord.make({
    level: "INFO",
    date: "2024-01-31T12:00:00.000Z",
    message: `Event ${number} has happened`,
    event: { type: "test-event", details: { number } },
    source: "test"
  })

const records = (from: number, to: number): Batch => Arr.map(Arr.range(from, to), record)

const textOf = (batch: ReadonlyArray<AuditRecord.AuditRecord>) => batch.map(({ line }) => line + "\n").join("")

const write = (batch: Batch) => Effect.flatMap(AuditSink, (sink) => sink.write(batch))

describe("layer", () => {
  test(
    "writes the lines of the records",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const batch = records(1, 3)
      yield* write(batch).pipe(Effect.provide(FileSink.layer({ path })))
      const text = yield* readText(path)
      assert.strictEqual(text, textOf(batch))
      const [first] = text.split("\n")
      assert.deepStrictEqual(yield* AuditRecord.fromLine(first!), batch[0])
    })
  )

  test(
    "rotates",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const batch = records(1, 5)
      const maxBytes = batch[0].line.length * 2 + 3
      yield* write(batch).pipe(Effect.provide(FileSink.layer({ path, maxBytes, backups: 1 })))
      assert.strictEqual(yield* readText(path), textOf(batch.slice(4)))
      assert.strictEqual(yield* readText(`${path}.1`), textOf(batch.slice(2, 4)))
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
})

describe("write", () => {
  test(
    "stores a batch that failed in the middle once",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* temporaryPath
      let fault: Faulty.Fault | undefined
      const faulty = Faulty.wrap(fs, (operation) => (operation === "rename" ? fault : undefined))
      const maxBytes = record(1).line.length * 2 + 3
      const sink = yield* FileSink.make({ path, maxBytes }).pipe(Effect.provideService(FileSystem.FileSystem, faulty))
      const batch = records(1, 3)
      fault = { code: "EROFS" }
      const error = yield* Effect.flip(sink.write(batch))
      assert.strictEqual(error.reason, "Unwritable")
      assert.strictEqual(error.sink, `file ${path}`)
      yield* Effect.flip(sink.write(batch))

      fault = undefined
      const more = record(4)
      yield* sink.write([...batch, more])
      yield* sink.write([...batch, more])
      assert.strictEqual(yield* readText(`${path}.1`), textOf(batch.slice(0, 2)))
      assert.isFalse(yield* fs.exists(`${path}.2`))
      assert.strictEqual(yield* readText(path), textOf([batch[2]!, more]))
    })
  )

  test(
    "knows what it has stored when it is interrupted and tried again",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* temporaryPath
      const started = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const slow: FileSystem.FileSystem = {
        ...fs,
        open: (at, options) =>
          Effect.map(fs.open(at, options), (file): FileSystem.File => {
            const sync = Deferred.succeed(started, undefined).pipe(
              Effect.zipRight(Deferred.await(goOn)),
              Effect.zipRight(file.sync)
            )
            return Object.create(file, { sync: { value: at === path ? sync : file.sync } })
          })
      }
      const sink = yield* FileSink.make({ path }).pipe(Effect.provideService(FileSystem.FileSystem, slow))
      const batch = records(1, 3)
      const fiber = yield* Effect.fork(sink.write(batch))
      yield* Deferred.await(started)
      yield* Fiber.interruptFork(fiber)
      yield* Effect.yieldNow()
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.await(fiber)
      yield* sink.write(batch)
      assert.strictEqual(yield* readText(path), textOf(batch))
    })
  )

  it.scoped.skipIf(process.platform !== "linux")("is Full on a disk that is really full", () =>
    Effect.gen(function* () {
      const error = yield* write(records(1, 3)).pipe(Effect.provide(FileSink.layer({ path: "/dev/full" })), Effect.flip)
      assert.instanceOf(error, AuditSinkError)
      assert.strictEqual(error.reason, "Full")
      assert.strictEqual(
        error.message,
        "The audit sink 'file /dev/full' failed: '/dev/full' cannot grow because its disk is full: free some space"
      )
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})
