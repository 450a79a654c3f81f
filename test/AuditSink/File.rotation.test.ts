/** A thousand rotations while many add. */
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Layer } from "effect"
import * as AuditLog from "../../src/AuditLog.js"
import * as FileSink from "../../src/AuditSink/File.js"
import * as Registrar from "../../src/Registrar.js"
import { inMemory, inMemoryPath, pathsOf, temporaryPath, test } from "../internal/logFiles.js"
import { Counted, Test } from "../support/auditLog.js"
import { assertValid, readTrail } from "./trails.js"

const auditLog = (options: FileSink.Options) =>
  Test.layer.pipe(Layer.provideMerge(Registrar.layer()), Layer.provide(FileSink.layer(options)))

const countsOf = (path: string) =>
  Effect.map(readTrail(path), (trail) =>
    trail.filter(({ event }) => event.type === Counted.type).map(({ event }) => Number(event.details["count"]))
  )

/** Each of the producers adds its numbers in order, and waits for each to be durable. */
const produce = (producers: number, each: number) =>
  Effect.flatMap(AuditLog.AuditLog, (audit) =>
    Effect.forEach(
      Arr.range(0, producers - 1),
      (producer) =>
        Effect.forEach(
          Arr.range(0, each - 1),
          (number) => audit.require(Counted, { count: producer * each + number }),
          {
            discard: true
          }
        ),
      { concurrency: "unbounded", discard: true }
    )
  )

const assertComplete = (counts: ReadonlyArray<number>, producers: number, each: number) => {
  assert.lengthOf(counts, producers * each)
  for (let producer = 0; producer < producers; producer++) {
    const own = counts.filter((count) => Math.floor(count / each) === producer)
    assert.deepStrictEqual(own, Arr.range(producer * each, producer * each + each - 1))
  }
}

describe("rotation under load", () => {
  it.live("loses and doubles nothing in 1,000 of them", () =>
    Effect.gen(function* () {
      const [producers, each] = [16, 256]
      yield* produce(producers, each).pipe(
        Effect.provide(auditLog({ path: inMemoryPath, chain: true, maxBytes: 1200 }))
      )
      assert.isAbove((yield* pathsOf(inMemoryPath)).length, 1000)
      assertComplete(yield* countsOf(inMemoryPath), producers, each)
      yield* assertValid(inMemoryPath)
    }).pipe(Effect.scoped, inMemory)
  )

  test(
    "loses and doubles nothing on the disk, with compression going on",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const [producers, each] = [32, 40]
      yield* produce(producers, each).pipe(
        Effect.provide(auditLog({ path, chain: true, maxBytes: 20_000, compress: true }))
      )
      assert.isAbove((yield* pathsOf(path)).length, 20)
      assertComplete(yield* countsOf(path), producers, each)
      yield* assertValid(path)
    })
  )

  it.live("and retention keep the newest, and what is kept is whole", () =>
    Effect.gen(function* () {
      const [producers, each] = [16, 64]
      yield* produce(producers, each).pipe(
        Effect.provide(auditLog({ path: inMemoryPath, chain: true, maxBytes: 3000, keep: { files: 4 } }))
      )
      assert.lengthOf(yield* pathsOf(inMemoryPath), 5)
      const counts = yield* countsOf(inMemoryPath)
      assert.strictEqual(new Set(counts).size, counts.length)
      const report = yield* assertValid(inMemoryPath)
      assert.isAbove(report.first!, 900)
    }).pipe(Effect.scoped, inMemory)
  )
})
