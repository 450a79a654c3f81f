/** What the file sink has acknowledged survives every loss of power, on a disk that is as unkind as POSIX allows. */
import { FileSystem } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Clock, Duration, Effect, Exit, Logger, Option, Redacted } from "effect"
import { generateKeyPairSync } from "node:crypto"
import { gunzipSync } from "node:zlib"
import * as AuditChain from "../../src/AuditChain.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import * as FileSink from "../../src/AuditSink/File.js"
import * as PowerLoss from "../support/powerLoss.js"

const pair = generateKeyPairSync("ed25519")
const privateKey = Redacted.make(pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString())
const publicKey = pair.publicKey.export({ type: "spki", format: "pem" }).toString()

const path = "/log/audit.log.jsonl"
const sealsPath = "/seals/seals.jsonl"

const record = (id: string) =>
  AuditRecord.make({
    level: "INFO",
    date: "2024-01-31T12:00:00.000Z",
    message: id,
    event: { type: "test-event", details: { id } },
    source: "test"
  })

/** They would be watched for three seconds each. */
const removeClaims = (fs: FileSystem.FileSystem) =>
  Effect.gen(function* () {
    for (const folder of ["/log", "/seals"]) {
      const claims = (yield* fs.readDirectory(folder)).filter((name) => name.includes(".lock-"))
      yield* Effect.forEach(claims, (name) => fs.remove(`${folder}/${name}`))
    }
  })

/** Compression needs turns of the event loop, which nothing else here does. */
const turns = Effect.repeatN(
  Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void))),
  3
)

/** Writes batches until the power fails. */
const run = (options: FileSink.Options, name: string, random: PowerLoss.Random, acknowledged: Array<string>) =>
  Effect.gen(function* () {
    const sink = yield* FileSink.make(options)
    for (let number = 0; ;) {
      const ids = Arr.makeBy(1 + Math.floor(random() * 6), () => `${name}.${number++} ${"x".repeat(random() * 700)}`)
      yield* sink.write(Arr.map(ids, record))
      yield* sink.sync
      acknowledged.push(...ids)
      if (options.compress === true) yield* turns
    }
  }).pipe(Effect.scoped)

/** The lines of the trail, oldest first, and what follows the last of them. */
const readTrail = (fs: FileSystem.FileSystem) =>
  Effect.gen(function* () {
    const names = (yield* fs.readDirectory("/log")).filter((name) => /\.\d{6}(\.gz)?$/.test(name)).sort()
    const plain = names.filter((name) => !name.endsWith(".gz") || !names.includes(name.slice(0, -3)))
    const texts = yield* Effect.forEach([...plain.map((name) => `/log/${name}`), path], (each) =>
      Effect.map(fs.readFile(each), (bytes) => (each.endsWith(".gz") ? gunzipSync(bytes) : Buffer.from(bytes)))
    )
    return { names, lines: Buffer.concat(texts).toString().split("\n") }
  })

/**
 * Time passes with what others do: a program that sleeps lets them take a hundred turns for each second. So claims of dead
 * programs are watched, seals fall due and files are looked after, and nobody waits.
 */
const makeClock = (): Clock.Clock => {
  let millis = 1_700_000_000_000
  return {
    ...Clock.make(),
    unsafeCurrentTimeMillis: () => millis,
    unsafeCurrentTimeNanos: () => BigInt(millis) * 1_000_000n,
    currentTimeMillis: Effect.sync(() => millis),
    currentTimeNanos: Effect.sync(() => BigInt(millis) * 1_000_000n),
    sleep: (duration) => {
      const turns = Math.ceil(Duration.toMillis(duration) / 10)
      return Effect.repeatN(
        Effect.zipRight(
          Effect.yieldNow(),
          Effect.sync(() => (millis += 1))
        ),
        turns
      ).pipe(Effect.asVoid)
    }
  }
}

interface Result {
  readonly acknowledged: ReadonlyArray<string>
  readonly lost: ReadonlyArray<string>
  readonly doubled: ReadonlyArray<string>
  readonly problem: string | undefined
  readonly segments: number
  readonly compressed: number
}

/** Loses the power some times in a row, then reads what is left. */
const play = (seed: number, compress: boolean, options?: PowerLoss.Options): Effect.Effect<Result> =>
  Effect.gen(function* () {
    const random = PowerLoss.makeRandom(seed)
    const disk = PowerLoss.make(options)
    let fs = disk.fileSystem
    yield* fs.makeDirectory("/log")
    yield* fs.makeDirectory("/seals")
    disk.syncAll()

    const sink: FileSink.Options = {
      path,
      maxBytes: 3000,
      compress,
      ...(random() < 0.2
        ? {}
        : { seals: { keys: [privateKey], everyRecords: 4, to: FileSink.layer({ path: sealsPath }) } })
    }
    const acknowledged: Array<string> = []
    for (const name of ["a", "b", "c"]) {
      disk.powerLossAt(1 + Math.floor(random() * 250), random)
      yield* Effect.exit(Effect.provideService(run(sink, name, random, acknowledged), FileSystem.FileSystem, fs))
      fs = disk.restart()
      if (compress) yield* removeClaims(fs)
    }
    // Once more, for the recovery.
    const reopened = yield* Effect.exit(
      Effect.provideService(Effect.scoped(FileSink.make(sink)), FileSystem.FileSystem, fs)
    )
    if (Exit.isFailure(reopened)) return yield* Effect.dieMessage(`seed ${seed}: ${reopened.cause.toString()}`)

    const { names, lines } = yield* readTrail(fs)
    const torn = lines.pop() ?? ""
    const outsideSeals = (yield* Effect.orElseSucceed(fs.readFileString(sealsPath), () => "")).split("\n")
    const verifier = AuditChain.verifier({ keys: [yield* AuditChain.publicKey(publicKey)], outsideSeals })
    for (const line of lines) verifier.line(Buffer.from(line))
    const { problem } = verifier.end({ tornBytes: Buffer.byteLength(torn) })

    const timesById = new Map<string, number>()
    for (const line of lines) {
      const id = Option.getOrUndefined(Option.getRight(AuditRecord.fromLine(line)))?.message ?? ""
      timesById.set(id, (timesById.get(id) ?? 0) + 1)
    }
    return {
      acknowledged,
      lost: acknowledged.filter((id) => !timesById.has(id)),
      doubled: acknowledged.filter((id) => (timesById.get(id) ?? 0) > 1),
      problem: sink.seals === undefined ? undefined : problem?.message,
      segments: names.length,
      compressed: names.filter((name) => name.endsWith(".gz")).length
    }
  }).pipe(Effect.orDie, Effect.provide(Logger.replace(Logger.defaultLogger, Logger.none)))

const plays = (from: number, to: number, options?: PowerLoss.Options) =>
  Effect.forEach(Arr.range(from, to), (seed) =>
    Effect.map(Effect.withClock(play(seed, false, options), makeClock()), (result) => ({ seed, ...result }))
  )

const isWell = ({ seed, lost, doubled, problem }: Result & { readonly seed: number }) =>
  assert.deepStrictEqual({ lost, doubled, problem }, { lost: [], doubled: [], problem: undefined }, `seed ${seed}`)

describe("a trail that loses power", () => {
  // In parts: the test runner takes a minute without a word for a failure.
  for (const first of Arr.range(0, 9).map((part) => part * 100 + 1)) {
    it.effect(
      `keeps what it has acknowledged, once, and stays valid: ${first} to ${first + 99} of 1,000 times`,
      () =>
        Effect.gen(function* () {
          const results = yield* plays(first, first + 99)
          results.forEach(isWell)
          // Otherwise nothing would have been put at risk.
          assert.isAbove(results.filter(({ acknowledged }) => acknowledged.length > 20).length, 50)
          assert.isAbove(results.filter(({ segments }) => segments > 5).length, 25)
        }),
      60_000
    )
  }

  // In real time, because compression runs beside the program.
  it.live("compresses, and keeps all of it", () =>
    Effect.gen(function* () {
      const results = yield* Effect.forEach(Arr.range(1, 60), (seed) =>
        Effect.map(play(seed, true), (result) => ({ seed, ...result }))
      )
      results.forEach(isWell)
      assert.isAbove(results.filter(({ compressed }) => compressed > 0).length, 20)
    })
  )

  for (const options of [{ ignoreFileSync: true }, { ignoreFolderSync: true }]) {
    it.effect(
      `loses some on a disk with ${Object.keys(options).join()}: the test can tell`,
      () =>
        Effect.gen(function* () {
          const results = yield* plays(1, 60, options)
          assert.isAbove(results.filter(({ lost, problem }) => lost.length > 0 || problem !== undefined).length, 20)
        }),
      60_000
    )
  }
})
