/**
 * Forwards what is durable in a spool, removes what was forwarded, and knows how far behind it is.
 *
 * It reads from the disk, whether it is behind by one record or by millions. A batch that fails stays in hand and is tried
 * again, each time a while later, until it succeeds. Nobody who writes to the spool waits for it.
 */
import type { FileSystem } from "@effect/platform"
import {
  type Array as Arr,
  type Cause,
  Clock,
  Duration,
  Effect,
  ExecutionStrategy,
  Fiber,
  Option,
  Schedule,
  Scope
} from "effect"
import * as Condition from "./condition.js"
import * as Say from "./say.js"
import * as Cursor from "./spoolCursor.js"
import * as Files from "./spoolFiles.js"
import type { SpoolMetrics } from "./spoolMetrics.js"
import * as Reader from "./spoolReader.js"
import type { Remote } from "./spoolRemote.js"
import { TrailError } from "./trailFiles.js"

export interface Options<A, E, R> extends Pick<Reader.Options<A>, "path" | "placeOf" | "recordOf" | "most"> {
  readonly instance: string
  /** Where to begin, once the spool is open: after a record or, for a reason that follows the cursor's path in a sentence, with the oldest. */
  readonly from: () => Cursor.Cursor | string
  /** The last record that is durable, and the bytes that were written until then since the spool was opened. */
  readonly unsafeDurable: () => { readonly seq: number; readonly bytes: number }
  /** Looks again when more is durable. */
  readonly until: Condition.Condition["until"]
  readonly remote: Remote<Arr.NonEmptyReadonlyArray<A>, E, R>
  /** When the record came to be, in milliseconds. */
  readonly timeOf: (record: A) => number
  /** What is to be done about a failure that does not go away by itself. */
  readonly adviceOn: (cause: Cause.Cause<unknown>) => string | undefined
  readonly metrics: SpoolMetrics
  readonly closeWithin: Duration.DurationInput
}

/** What is durable and not forwarded: how many records, their bytes, and the age of the oldest of them. */
export interface Lag {
  readonly records: number
  readonly bytes: number
  readonly seconds: number
}

export interface Forwarder<R> {
  /** To be run once the spool is open. When the scope is closed, what is left has `closeWithin`. */
  readonly start: Effect.Effect<void, never, R>
  /** Resumes once everything that is durable now was forwarded. */
  readonly forwarded: Effect.Effect<void>
  readonly lag: Effect.Effect<Lag>
  readonly unsafeHasLag: () => boolean
  /** The bytes of all files of the spool. */
  readonly unsafeSize: () => number
  /** Removes what can be removed, and looks at the disk for the size. `unsynced` bytes of it are not durable yet. */
  readonly findRoom: (unsynced: number) => Effect.Effect<void>
}

/** First after a tenth of a second, then twice as long each time, at most half a minute; and not all programs at the same time. */
export const backOff = Schedule.exponential("100 millis").pipe(
  Schedule.union(Schedule.spaced("30 seconds")),
  Schedule.jittered
)

/** After a crash, what was forwarded in this time is forwarded again. */
const storeCursorEvery = "1 second"

/** A disk that hangs must not hold up the end of the program. */
const longestTidying = "5 seconds"

export const make = <A, E, R>(
  fs: FileSystem.FileSystem,
  options: Options<A, E, R>
): Effect.Effect<Forwarder<R>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { from, instance, metrics, path, remote, timeOf, unsafeDurable } = options
    const files = Files.make(fs, path, (line) => options.placeOf(line)?.seq)
    // Closed after the end, which still reads.
    const reading = yield* Effect.flatMap(Effect.scope, (scope) => Scope.fork(scope, ExecutionStrategy.sequential))
    const reader = yield* Scope.extend(Reader.make(fs, { ...options, files }), reading)
    const driver = yield* Schedule.driver(backOff)
    const progress = Condition.make()

    let isPlaced = false
    /** Taken, and not stored by the remote. */
    let inHand: Reader.Taken<A> | undefined
    /** All before it was forwarded, or is not there. */
    let position = 0
    let forwarded: Cursor.Cursor | undefined
    /** The cursor as it is on the disk, and up to where files were removed. */
    let stored: Cursor.Cursor | undefined
    let cleared: Cursor.Cursor | undefined

    // Bytes: of all that was ever there, those that were forwarded, and those that are not there any more.
    let before = 0
    let passed = 0
    let gone = 0
    const total = () => before + unsafeDurable().bytes

    let outage: "failing" | "broken" | undefined
    let isUntidy = false
    let closing: "no" | "in a hurry" | "yes" = "no"

    const behind = () => Math.max(0, unsafeDurable().seq - position)

    const lagAt = (now: number): Lag => {
      const records = behind()
      if (records === 0) return { records, bytes: 0, seconds: 0 }
      const oldest = inHand === undefined ? now : timeOf(inHand.records[0])
      return { records, bytes: Math.max(0, total() - passed), seconds: Math.max(0, (now - oldest) / 1000) }
    }
    const lag = Effect.map(Clock.currentTimeMillis, lagAt)

    const unsafeSize = () => total() - gone

    const measured = Effect.scoped(Effect.flatMap(files.list, (snapshot) => files.size(snapshot)))
    const measure = (unsynced: number) =>
      Effect.ignore(Effect.map(measured, (size) => void (gone = total() + unsynced - size)))

    const tell = Effect.map(lag, (lag) => {
      metrics.lag(lag)
      metrics.size(unsafeSize())
    })

    // Forwarding

    /** Finds its place, before anything else. */
    const place = Effect.gen(function* () {
      const cursor = from()
      const isFound = typeof cursor !== "string" && (yield* reader.goTo(cursor)) === "Found"
      if (isFound) {
        forwarded = cursor
        position = cursor.seq
      } else {
        const why = typeof cursor === "string" ? cursor : "does not belong to the chain that is there"
        yield* Say.warning(`'${Cursor.pathOf(path)}' ${why}: what is still in the spool is forwarded, again if it was`)
      }
      isPlaced = true
    })

    const next = Effect.gen(function* () {
      for (;;) {
        yield* options.until(() => unsafeDurable().seq > reader.last())
        const { seq } = unsafeDurable()
        const taken = yield* reader.take(seq)
        if (taken !== undefined) return taken
        const from = reader.last() + 1
        if (from <= seq) {
          const description = `Records ${from} to ${seq} are not in the files of the spool '${path}': somebody has taken them away`
          return yield* new TrailError({ reason: "NotFound", description })
        }
      }
    })

    const forward = Effect.gen(function* () {
      if (!isPlaced) yield* place
      const taken = (inHand ??= yield* next)
      const { last, records } = taken
      position = last.seq - records.length
      passed = taken.passed - taken.bytes
      yield* tell
      yield* remote.store(records)
      inHand = undefined
      position = last.seq
      forwarded = last
      passed = behind() === 0 ? total() : taken.passed
      metrics.forwarded(records.length)
      progress.unsafeChanged()
      if (outage !== undefined) yield* recover
      yield* tell
    })

    const recover = Effect.suspend(() => {
      outage = undefined
      metrics.outage(0)
      return Effect.zipRight(driver.reset, Say.warning(`The spool '${path}' forwards again; ${behind()} records wait`))
    })

    const fail = (cause: Cause.Cause<unknown>) =>
      Effect.suspend(() => {
        metrics.outage(1)
        const advice = options.adviceOn(cause)
        const isKnown = outage === "broken" || (outage === "failing" && advice === undefined)
        outage = advice === undefined ? (outage ?? "failing") : "broken"
        if (isKnown) return tell
        const message = `The spool '${path}' cannot forward: ${behind()} records wait in it, and it is tried again until it can`
        const said = advice === undefined ? Say.warning(message, cause) : Say.error(`${message}, but ${advice}`, cause)
        return Effect.zipRight(said, tell)
      })

    const pause = Effect.raceFirst(
      Effect.ignore(driver.next(undefined)),
      progress.until(() => closing === "in a hurry")
    ).pipe(
      Effect.map(() => {
        if (closing === "in a hurry") closing = "yes"
      })
    )

    const run = forward.pipe(
      Effect.catchAllCause((cause) => Effect.zipRight(fail(cause), pause)),
      Effect.forever
    )

    // Housekeeping

    const oneAtATime = Effect.unsafeMakeSemaphore(1).withPermits(1)

    const tidy = Effect.gen(function* () {
      const cursor = forwarded
      if (cursor === undefined) return
      if (cursor !== stored) {
        yield* Cursor.write(fs, path, instance, cursor)
        stored = cursor
      }
      if (cursor !== cleared) {
        gone += yield* files.removeBefore(cursor.seq + 1)
        cleared = cursor
      }
      isUntidy = false
    }).pipe(
      Effect.catchAllCause((cause) => {
        if (isUntidy) return Effect.void
        isUntidy = true
        return Say.warning(
          `What was forwarded cannot be removed from the spool '${path}', or not be noted: it is tried again`,
          cause
        )
      }),
      Effect.uninterruptible,
      oneAtATime
    )

    const keepHouse = Effect.sleep(storeCursorEvery).pipe(Effect.zipRight(tidy), Effect.zipRight(tell), Effect.forever)

    // Start and end

    let fibers: ReadonlyArray<Fiber.Fiber<unknown>> = []
    const start = Effect.gen(function* () {
      before = Option.getOrElse(yield* Effect.option(measured), () => 0) - unsafeDurable().bytes
      // Daemons, because closing must not wait for what hangs.
      fibers = [
        yield* Effect.forkDaemon(Effect.interruptible(run)),
        yield* Effect.forkDaemon(Effect.interruptible(keepHouse))
      ]
    })

    const end = Effect.gen(function* () {
      if (fibers.length === 0) return
      const clock = yield* Effect.clock
      const began = clock.unsafeCurrentTimeMillis()
      yield* driver.reset
      closing = "in a hurry"
      progress.unsafeChanged()
      yield* within(
        options.closeWithin,
        progress.until(() => isPlaced && behind() === 0)
      )
      yield* within(longestTidying, Fiber.interruptAll(fibers))
      yield* within(longestTidying, tidy)
      const closed = yield* Effect.forkDaemon(remote.close)
      const left = Duration.toMillis(options.closeWithin) - (clock.unsafeCurrentTimeMillis() - began)
      if (left > 0) yield* within(left, Fiber.await(closed))
      if (behind() > 0) {
        yield* Say.warning(`${behind()} records stay in the spool '${path}', and are forwarded when it is opened again`)
      }
    })
    yield* Effect.addFinalizer(() => end)

    return {
      start,
      forwarded: Effect.suspend(() => {
        const { seq } = unsafeDurable()
        return progress.until(() => position >= seq)
      }),
      lag,
      unsafeHasLag: () => behind() > 0,
      unsafeSize,
      findRoom: (unsynced) => Effect.zipRight(tidy, measure(unsynced))
    }
  })

/** Waits at most so long, also where nothing can be interrupted. */
const within = <A>(duration: Duration.DurationInput, effect: Effect.Effect<A>) =>
  effect.pipe(Effect.disconnect, Effect.interruptible, Effect.timeoutOption(duration), Effect.asVoid)
