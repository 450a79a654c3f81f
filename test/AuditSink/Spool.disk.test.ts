/** Spools on a real disk, in real time, in front of real sinks, and under an audit log. */
import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Either, Layer, Logger, type Scope } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as AuditLog from "../../src/AuditLog.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import { AuditSink, combine } from "../../src/AuditSink.js"
import * as FileSink from "../../src/AuditSink/File.js"
import * as Spool from "../../src/AuditSink/Spool.js"
import * as SqlSink from "../../src/AuditSink/Sql.js"
import * as AuditStore from "../../src/AuditStore.js"
import * as Registrar from "../../src/Registrar.js"
import { exists, readLines, temporaryPath, writeText } from "../internal/logFiles.js"
import { Counted, Test } from "../support/auditLog.js"
import { allOf, verified } from "../support/chains.js"
import { describeSink, type Place } from "../support/sinkContract.js"
import { sqlite, type Database } from "../support/sqlDatabases.js"
import { assertValid, instance, makeRemote, numbers, open, takesAnything, unavailable, until, use } from "./spools.js"
import { record, records, store } from "./testRecords.js"
import { readTrail } from "./trails.js"

const onDisk = (
  name: string,
  body: (path: string) => Effect.Effect<void, unknown, FileSystem.FileSystem | Scope.Scope>,
  timeout?: number
) =>
  it.scopedLive(
    name,
    () =>
      Effect.flatMap(temporaryPath, body).pipe(
        Effect.provide(NodeFileSystem.layer),
        Effect.provide(Logger.remove(Logger.defaultLogger))
      ),
    timeout
  )

const seqOf = (line: string) => Number(JSON.parse(line).chain.seq)

/** What was forwarded, and what is in the spool. */
const spoolPlace = (path: string): Place => {
  const forwarded: Array<string> = []
  return {
    layer: takesAnything(forwarded).pipe(
      Spool.through({ path, instance, segmentBytes: 500_000, closeWithin: "1 minute" }),
      Layer.provide(NodeFileSystem.layer)
    ),
    stored: Effect.map(readLines(path), (waiting) => {
      const bySeq = new Map([...forwarded, ...waiting].map((line) => [seqOf(line), line]))
      return [...bySeq.values()].map((line) => Either.getOrThrow(AuditRecord.fromLine(line)))
    }).pipe(Effect.provide(NodeFileSystem.layer), Effect.orDie)
  }
}

describeSink("a spool", {
  place: temporaryPath.pipe(Effect.map(spoolPlace), Effect.provide(NodeFileSystem.layer), Effect.orDie),
  // The file appends it again: it is only ever given after the file was cut back.
  knowsWhatItHas: false
})

describe("a spool in front of a SQL store", () => {
  const spooled = (database: Database, path: string) =>
    SqlSink.layer({ instance }).pipe(Layer.provide(database), Spool.through({ path, instance, segmentBytes: 20_000 }))

  onDisk("lands each record in its place, through restarts, and the store is there beside it", (path) =>
    Effect.gen(function* () {
      const database = yield* sqlite
      for (const life of [0, 1, 2]) {
        const both = Layer.merge(spooled(database, path), Layer.provide(SqlSink.layerStore(), database))
        yield* Effect.gen(function* () {
          const sink = yield* AuditSink
          for (const batch of [1, 2, 3]) {
            const from = life * 300 + batch * 100 - 99
            yield* store(sink, records(from, from + 99))
          }
          const spool = yield* Spool.Spool
          yield* spool.forwarded
          const { records: latest } = yield* Effect.flatMap(AuditStore.AuditStore, (found) =>
            found.page({ types: ["test-event"] })
          )
          assert.strictEqual(latest.length, 100)
        }).pipe(Effect.provide(both))
      }
      yield* Effect.gen(function* () {
        const found = yield* AuditStore.AuditStore
        const all = yield* allOf(found, instance)
        assert.deepStrictEqual(numbers(all.map(({ record }) => record.line)), Arr.range(1, 900))
        assert.deepStrictEqual(
          all.map(({ seq }) => seq),
          Arr.range(1, all.length)
        )
        assert.strictEqual((yield* verified(found, instance)).problem, undefined)
        assert.strictEqual(all.at(-1)!.record.event.type, "registrar-trail-stopped")
      }).pipe(Effect.provide(Layer.provide(SqlSink.layerStore(), database)))
    })
  )
})

describe("an audit log", () => {
  onDisk("whose spool has a remote sink that hangs requires as if there were none", (path) =>
    Effect.gen(function* () {
      const remote = makeRemote()
      remote.steps.write = Effect.uninterruptible(Effect.never)
      const file = path.replace("audit.log", "required.log")
      const sink = combine(
        FileSink.layer({ path: file }),
        remote.layer.pipe(Spool.through({ path, instance, closeWithin: "100 millis" }))
      )
      const audited = Test.layer.pipe(
        Layer.provideMerge(Registrar.layer({ waitAtMost: "5 seconds" })),
        Layer.provide(sink)
      )
      yield* Effect.gen(function* () {
        const audit = yield* AuditLog.AuditLog
        yield* audit.require(Counted, { count: 0 })
        yield* until(() => remote.attempts.length > 0)
        for (const count of Arr.range(1, 200)) yield* audit.require(Counted, { count })
        assert.strictEqual((yield* audit.account).pending, 0)
      }).pipe(Effect.provide(audited))
      assert.strictEqual(remote.attempts.length, 1)
      const counts = (yield* readTrail(file)).flatMap(({ event }) =>
        event.type === Counted.type ? [event.details["count"]] : []
      )
      assert.deepStrictEqual(counts, Arr.range(0, 200))
      // All of it is in the spool, for the next program.
      const next = makeRemote()
      yield* use(next.layer, ({ spool }) => spool.forwarded, { path })
      const forwarded = next.lines.filter((line) => line.includes(Counted.type))
      assert.strictEqual(forwarded.length, 201)
      assertValid(next.lines)
    })
  )
})

describe("a spool", () => {
  onDisk(
    "that is 100,000 records behind catches up in little memory",
    (path) =>
      Effect.gen(function* () {
        setFlagsFromString("--expose-gc")
        const collect = runInNewContext("gc") as () => void
        const remote = makeRemote()
        remote.steps.write = unavailable
        const options = { path, closeWithin: 0, maxBatch: { records: 500 } }
        yield* use(
          remote.layer,
          ({ sink }) =>
            Effect.forEach(Arr.range(0, 99), (batch) => store(sink, records(batch * 1000 + 1, batch * 1000 + 1000)), {
              discard: true
            }),
          options
        )
        let count = 0
        let bytes = 0
        let next = 1
        let most = 0
        const counting = Layer.succeed(AuditSink, {
          write: (batch) =>
            Effect.sync(() => {
              assert.isAtMost(batch.length, 500)
              for (const { event, line } of batch) {
                bytes += line.length + 1
                if (event.type === "test-event") assert.strictEqual(event.details["number"], next++)
              }
              if (count++ % 10 === 0) {
                collect()
                const { arrayBuffers, heapUsed } = process.memoryUsage()
                most = Math.max(most, heapUsed + arrayBuffers)
              }
            }),
          sync: Effect.void
        })
        collect()
        const { arrayBuffers, heapUsed } = process.memoryUsage()
        yield* use(counting, ({ spool }) => spool.forwarded, options)
        assert.strictEqual(next, 100_001)
        assert.isAbove(bytes, 25_000_000)
        assert.isBelow(most - heapUsed - arrayBuffers, 10_000_000)
      }),
    120_000
  )

  onDisk("may hold a line that is longer than any record", (path) =>
    Effect.gen(function* () {
      const remote = makeRemote()
      remote.steps.write = unavailable
      const options = { path, segmentBytes: 2000, closeWithin: 0 }
      yield* use(remote.layer, ({ sink }) => store(sink, records(1, 40)), options)
      const oldest = `${path}.000001`
      const fs = yield* FileSystem.FileSystem
      const [first = "", ...others] = (yield* fs.readFileString(oldest)).split("\n")
      yield* writeText(oldest, [first, "x".repeat(40_000_000), ...others].join("\n"))
      remote.steps.write = Effect.void
      yield* use(remote.layer, ({ spool }) => spool.forwarded, options)
      assert.deepStrictEqual(numbers(remote.lines), Arr.range(1, 40))
      assert.strictEqual(Number((yield* fs.stat(`${path}.torn`)).size), 40_000_001)
    })
  )

  onDisk("follows a link, and keeps to the file that it leads to", (path) =>
    Effect.gen(function* () {
      const remote = makeRemote()
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      yield* fs.symlink(`${folder}/real.jsonl`, path)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { sink, spool } = yield* open(remote.layer, { path })
          yield* store(sink, [record(1)])
          yield* spool.forwarded
          const second = yield* Effect.flip(open(remote.layer, { path: `${folder}/real.jsonl` }))
          assert.strictEqual(second.reason, "Claimed")
        })
      )
      assert.isTrue(yield* exists(`${folder}/real.jsonl.cursor`))
      assert.deepStrictEqual(numbers(remote.lines), [1])
    })
  )

  onDisk("refuses a device", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(open(makeRemote().layer, { path: "/dev/null" })))
      assert.strictEqual(error.reason, "Misconfigured")
      assert.include(error.message, "'/dev/null' keeps nothing: give the path of a file")
    })
  )
})
