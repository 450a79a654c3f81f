/** What a spool has acknowledged reaches the remote sink, once and in order, through any number of losses of power. */
import { FileSystem } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Clock, Duration, Effect, Exit, Logger, Random } from "effect"
import * as PowerLoss from "../support/powerLoss.js"
import { assertValid, makeRemote, numbers, open, unavailable } from "./spools.js"
import { record } from "./testRecords.js"

const options = { maxBytes: 40_000, segmentBytes: 1500, maxBatch: { records: 5 } }

/** Time passes with what others do: a program that sleeps lets them take a hundred turns for each second. */
const makeClock = (): Clock.Clock => {
  let millis = 1_700_000_000_000
  const turn = Effect.zipRight(
    Effect.yieldNow(),
    Effect.sync(() => void (millis += 1))
  )
  return {
    ...Clock.make(),
    unsafeCurrentTimeMillis: () => millis,
    unsafeCurrentTimeNanos: () => BigInt(Math.round(millis)) * 1_000_000n,
    currentTimeMillis: Effect.sync(() => millis),
    currentTimeNanos: Effect.sync(() => BigInt(Math.round(millis)) * 1_000_000n),
    sleep: (duration) => Effect.asVoid(Effect.repeatN(turn, Math.ceil(Duration.toMillis(duration) / 10)))
  }
}

interface Figures {
  readonly acknowledged: ReadonlyArray<number>
  readonly forwarded: ReadonlyArray<unknown>
  readonly lines: ReadonlyArray<string>
  readonly again: number
  readonly error: string | undefined
}

/** Loses the power some times in a row, and then lets the remote sink have everything. */
const play = (seed: number, diskOptions?: PowerLoss.Options): Effect.Effect<Figures, unknown> => {
  const random = PowerLoss.makeRandom(seed)
  const disk = PowerLoss.make(diskOptions)
  const remote = makeRemote()
  const acknowledged: Array<number> = []
  let number = 0

  /** Writes batches until the power fails. The remote sink takes them, or does not. */
  const live = Effect.gen(function* () {
    const { sink } = yield* open(remote.layer, options)
    for (;;) {
      remote.steps.write = random() < 0.3 ? unavailable : Effect.void
      remote.steps.sync = random() < 0.1 ? unavailable : Effect.void
      const batch = Arr.makeBy(1 + Math.floor(random() * 6), () => record(++number))
      yield* sink.write(batch)
      yield* sink.sync
      acknowledged.push(...batch.map(({ event }) => Number(event.details["number"])))
      if (random() < 0.3) yield* Effect.sleep(random() * 2000)
    }
  }).pipe(Effect.scoped)

  return Effect.gen(function* () {
    let fs = disk.fileSystem
    yield* fs.makeDirectory("/log")
    disk.syncAll()
    for (const life of Arr.range(1, 4)) {
      disk.powerLossAt(1 + Math.floor(random() * 50 * 3 ** Math.floor(random() * 4)), random)
      yield* Effect.exit(Effect.provideService(live, FileSystem.FileSystem, fs))
      fs = disk.restart()
      assert.isAtMost(life, 4)
    }
    Object.assign(remote.steps, { write: Effect.void, sync: Effect.void })
    const last = yield* Effect.flatMap(open(remote.layer, options), ({ spool }) => spool.forwarded).pipe(
      Effect.timeoutFail({ duration: "5 minutes", onTimeout: () => new Error("It is not forwarded") }),
      Effect.scoped,
      Effect.provideService(FileSystem.FileSystem, fs),
      Effect.exit
    )
    return {
      acknowledged,
      forwarded: numbers(remote.lines),
      lines: remote.lines,
      again: remote.counts.again,
      error: Exit.isFailure(last) ? `seed ${seed}: ${last.cause.toString()}` : undefined
    }
  }).pipe(
    Effect.withRandom(Random.make(seed)),
    Effect.withClock(makeClock()),
    Effect.provide(Logger.remove(Logger.defaultLogger))
  )
}

const problemOf = ({ acknowledged, error, forwarded, lines }: Figures) => {
  const there = new Set(forwarded)
  const lost = acknowledged.filter((number) => !there.has(number))
  if (error !== undefined) return error
  if (lost.length > 0) return `lost: ${lost.join()}`
  if (there.size < forwarded.length) return "doubled"
  if (forwarded.some((number, index) => index > 0 && Number(number) < Number(forwarded[index - 1])))
    return "out of order"
  assertValid(lines)
  return undefined
}

describe("a spool that loses power", () => {
  // In parts: the test runner takes a minute without a word for a failure.
  for (const first of Arr.range(0, 3).map((part) => part * 12 + 1)) {
    it.live(
      `forwards what it has acknowledged, once: ${first} to ${first + 11} of 48 times`,
      () =>
        Effect.gen(function* () {
          const results = yield* Effect.forEach(Arr.range(first, first + 11), (seed) =>
            Effect.map(play(seed), (figures) => ({ seed, ...figures }))
          )
          for (const { seed, ...figures } of results) assert.strictEqual(problemOf(figures), undefined, `seed ${seed}`)
          // Otherwise nothing would have been put at risk.
          assert.isAbove(results.filter(({ acknowledged }) => acknowledged.length > 20).length, 5)
          assert.isAbove(results.filter(({ again }) => again > 0).length, 2)
        }),
      60_000
    )
  }

  it.live(
    "loses some on a disk that does not sync files: the test can tell",
    () =>
      Effect.gen(function* () {
        const results = yield* Effect.forEach(Arr.range(1, 10), (seed) => play(seed, { ignoreFileSync: true }))
        assert.isAbove(results.filter((figures) => problemOf(figures) !== undefined).length, 2)
      }),
    60_000
  )
})
