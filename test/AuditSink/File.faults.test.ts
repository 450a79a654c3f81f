/** The file sink under the audit log, while the disk fails in every way. */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Clock, Effect, Either, Layer, Logger, Schedule } from "effect"
import { spawn } from "node:child_process"
import * as AuditLog from "../../src/AuditLog.js"
import * as FileSink from "../../src/AuditSink/File.js"
import { AuditUnavailable } from "../../src/BuiltInErrors.js"
import * as Registrar from "../../src/Registrar.js"
import * as Faulty from "../internal/faultyFileSystem.js"
import * as JumpClock from "../internal/jumpClock.js"
import { inMemory, inMemoryPath as path, readLines, temporaryPath, withFaults } from "../internal/logFiles.js"
import { Counted, Test } from "../support/auditLog.js"
import { record, records, store } from "./testRecords.js"
import { assertValid, numbers, readTrail } from "./trails.js"

const quietly = Effect.provide(Logger.remove(Logger.defaultLogger))

/** Time flies, but not past what is ready to run. */
const hurriedly = <A, E, R>(body: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const { clock, jump } = JumpClock.make(1_700_000_000_000)
    const hurry = Effect.forever(Effect.zipRight(Effect.repeatN(Effect.yieldNow(), 30), jump("50 millis")))
    return Effect.withClock(Effect.scoped(Effect.zipRight(Effect.forkScoped(hurry), body)), clock)
  })

const notOfClaims =
  (decide: Faulty.Decide): Faulty.Decide =>
  (operation, at) =>
    at.includes(".lock-") || at.startsWith("/proc/") ? undefined : decide(operation, at)

const countsOf = (at: string) =>
  Effect.map(readTrail(at), (trail) =>
    trail.filter(({ event }) => event.type === Counted.type).map(({ event }) => Number(event.details["count"]))
  )

/** Each event is required once, and so is known to be durable or not. */
const requireAll = (audit: AuditLog.Service, from: number, to: number) =>
  Effect.forEach(Arr.range(from, to), (count) => Effect.either(audit.require(Counted, { count })))

/** Ten events before, ten while the disk fails, and then until one is durable again. */
const play = (decide: (isFailing: boolean) => Faulty.Decide) => {
  let isFailing = false
  const sink = FileSink.layer({ path, chain: true, maxBytes: 1500, keep: { bytes: 1_000_000 } })
  return Effect.gen(function* () {
    const audit = yield* AuditLog.AuditLog
    for (const before of yield* requireAll(audit, 0, 9)) assert.isTrue(Either.isRight(before))
    isFailing = true
    const during = yield* requireAll(audit, 10, 19)
    // What is looked at without being asked is looked at now.
    yield* Effect.sleep("2 seconds")
    isFailing = false
    const end = yield* Clock.currentTimeMillis
    yield* Effect.retry(audit.flush, Schedule.spaced("10 millis"))
    assert.isAtMost((yield* Clock.currentTimeMillis) - end, 1100)
    for (const after of yield* requireAll(audit, 20, 29)) assert.isTrue(Either.isRight(after))
    return during
  }).pipe(
    Effect.provide(Test.layer.pipe(Layer.provideMerge(Registrar.layer()), Layer.provide(sink))),
    withFaults(notOfClaims((operation, at) => decide(isFailing)(operation, at))),
    hurriedly
  )
}

const assertAllOnce = Effect.gen(function* () {
  assert.deepStrictEqual(yield* countsOf(path), Arr.range(0, 29))
  yield* assertValid(path)
})

const codeOf: { readonly [Operation in Faulty.Operation]?: ReadonlyArray<string> } = {
  open: ["EMFILE", "EACCES", "ENOSPC"],
  write: ["ENOSPC", "EIO"],
  rename: ["EACCES", "ENOSPC"]
}

describe("while the disk fails", () => {
  for (const operation of Faulty.operations) {
    for (const code of codeOf[operation] ?? ["EIO"]) {
      it.live(`in ${operation} with ${code}, nothing is lost, doubled or held up, and it goes on afterwards`, () =>
        Effect.forEach(["nothing", "half", "all"] as const, (done) =>
          Effect.gen(function* () {
            let times = 0
            yield* play((isFailing) => (asked) => {
              if (!isFailing || asked !== operation) return undefined
              return times++ === 0 ? { code, done } : undefined
            })
            yield* assertAllOnce
          }).pipe(
            inMemory,
            Effect.zipRight(
              Effect.gen(function* () {
                const during = yield* play(
                  (isFailing) => (asked) => (isFailing && asked === operation ? { code, done } : undefined)
                )
                for (const result of during) {
                  if (Either.isLeft(result)) assert.instanceOf(result.left, AuditUnavailable)
                }
                const failed = during.filter(Either.isLeft).length
                if (operation === "write" || operation === "sync") assert.strictEqual(failed, 10)
                else if (["rename", "open", "readDirectory"].includes(operation)) assert.isAbove(failed, 0)
                else assert.isAtMost(failed, 10)
                yield* assertAllOnce
              }).pipe(inMemory)
            )
          )
        ).pipe(quietly)
      )
    }
  }

  it.live("in everything at once, nothing is lost, doubled or held up", () =>
    Effect.gen(function* () {
      const during = yield* play((isFailing) => () => (isFailing ? { code: "EIO", done: "half" } : undefined))
      assert.isTrue(during.every(Either.isLeft))
      yield* assertAllOnce
    }).pipe(inMemory, quietly)
  )
})

describe("a crash at any operation", () => {
  const options: FileSink.Options = { path, chain: true, maxBytes: 1500, keep: { files: 2 } }
  const batches = [records(1, 3), records(4, 4), records(5, 14), records(15, 17)]

  const run = (acknowledged: Array<number>) =>
    Effect.gen(function* () {
      const sink = yield* FileSink.make(options)
      for (const batch of batches) {
        yield* store(sink, batch)
        acknowledged.push(...batch.map(({ event }) => Number(event.details["number"])))
      }
    }).pipe(Effect.scoped)

  it.effect("of rotation and retention loses nothing that is kept, doubles nothing, and leaves a valid chain", () =>
    Effect.gen(function* () {
      const attempt = (crash: number, done: "nothing" | "half" | "all") =>
        inMemory(
          Effect.gen(function* () {
            const acknowledged: Array<number> = []
            let at = 0
            yield* Effect.exit(
              withFaults(
                notOfClaims(() =>
                  at++ < crash ? undefined : { code: "EIO", done: at === crash + 1 ? done : "nothing" }
                )
              )(run(acknowledged))
            )
            yield* Effect.scoped(
              Effect.flatMap(FileSink.make({ ...options, keep: undefined }), (sink) => store(sink, [record(99)]))
            )
            const stored = numbers(yield* readTrail(path))
            assert.strictEqual(stored.pop(), 99)
            const from = stored[0] ?? 1
            assert.deepStrictEqual(stored, stored.length === 0 ? [] : Arr.range(from, from + stored.length - 1))
            if (acknowledged.length > 0 && stored.length > 0) assert.isAtLeast(stored.at(-1)!, acknowledged.at(-1)!)
            const { problem } = yield* assertValid(path)
            assert.isUndefined(problem)
            return at
          })
        )
      const count = yield* attempt(Infinity, "nothing")
      assert.isAbove(count, 60)
      for (const done of ["nothing", "half", "all"] as const) {
        for (let crash = 0; crash < count; crash++) yield* attempt(crash, done)
      }
    }).pipe(quietly)
  )
})

describe("a disk that is really full", () => {
  // A limit for the size of files stands for the end of a disk: that needs no rights. 16 blocks of 512 bytes.
  it.scopedLive.skipIf(process.platform === "win32")(
    "keeps what it has acknowledged, and goes on when there is room",
    () =>
      Effect.gen(function* () {
        const path = yield* temporaryPath
        const command = 'ulimit -f 16 && exec "$0" --import tsx "$1" "$2"'
        const child = spawn("sh", ["-c", command, process.execPath, `${import.meta.dirname}/fillingChild.ts`, path], {
          env: { ...process.env, TSX_DISABLE_CACHE: "1" },
          stdio: ["ignore", "pipe", "inherit"]
        })
        let output = ""
        child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()))
        yield* Effect.async<void>((resume) => void child.once("close", () => resume(Effect.void)))
        const { acknowledged, reason } = JSON.parse(output) as {
          readonly acknowledged: number
          readonly reason: string
        }
        assert.strictEqual(reason, "Full")
        assert.isAbove(acknowledged, 5)
        assert.deepStrictEqual(numbers(yield* readTrail(path)), Arr.range(1, acknowledged))

        yield* Effect.scoped(
          Effect.flatMap(FileSink.make({ path, chain: true }), (sink) => store(sink, [record(acknowledged + 1)]))
        )
        assert.deepStrictEqual(numbers(yield* readTrail(path)), Arr.range(1, acknowledged + 1))
        yield* assertValid(path)
        assert.isAbove((yield* readLines(path)).length, acknowledged + 3)
      }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})
