/**
 * Many producers, one writer fiber: group commit without timers. While one batch is stored the next one gathers, so the time
 * that takes is the batching window. Memory is bounded, and what could not be taken in is counted.
 */
import { Deferred, Effect, Fiber, Schedule } from "effect"
import type { Cause, Duration, Scope } from "effect"
import * as Backlog from "./backlog.js"
import type { Capacity, Policy, Position } from "./backlog.js"
import type { Register } from "./patience.js"

export type { Policy, Position }

export interface Options<A, E> {
  /** Succeeds once the operating system, or a server, has the batch. Never called while `sync` runs. */
  readonly write: (batch: ReadonlyArray<A>) => Effect.Effect<void, E>
  /**
   * Succeeds once what was written is durable. After a failure of either the same items are written again, until both
   * succeed; newer ones wait.
   */
  readonly sync: Effect.Effect<void, E>
  /** Items, and their sizes together, beyond which the policies apply. At twice as much, nothing is taken in. */
  readonly capacity: Capacity
  /** The item that tells about dropped ones. It is written, once there is room again, before anything newer. */
  readonly dropped: (count: number) => Effect.Effect<A>
  /** Told about each item that was not taken in or gave way, and after each batch. */
  readonly onDropped?: (item: A) => void
  readonly onDurable?: (count: number) => void
  /** Called at the first failure of an outage, and when storing works again. */
  readonly onFailure: (cause: Cause.Cause<E>) => Effect.Effect<void>
  readonly onRecovery: Effect.Effect<void>
  /** How long closing waits for what is still to be stored. What is left then is handed to `onLoss`, as far as it was taken in. */
  readonly closeWithin: Duration.DurationInput
  readonly onLoss: (count: number, items: ReadonlyArray<A>) => Effect.Effect<void>
}

/** How far an item has come. */
export type Stage = "written" | "durable"

/** Every item offered is in one of the three others: `accepted = durable + dropped + pending`, at every moment. */
export interface Account {
  readonly accepted: number
  readonly durable: number
  readonly dropped: number
  readonly pending: number
}

export interface Writer<A, E> {
  /** Takes an item in, at once and without failing. A `kept` one never gives way to newer ones. */
  readonly unsafeOffer: (item: A, size: number, policy: Policy, kept?: boolean) => Position
  readonly unsafeHasRoom: () => boolean
  /** Whether anything that suspends is taken in. */
  readonly unsafeTakesMore: () => boolean
  /** For `Effect.async`: resumes at once or, when the queue is full, when there is room again. */
  readonly room: Register<never>
  /**
   * For `Effect.async`: resumes once everything up to the position that was not dropped is that far. Fails at once while storing fails, though it
   * is tried again.
   */
  readonly reached: (position: Position, stage: Stage) => Register<E>
  /** The position of the newest item, and of the newest that is that far. */
  readonly unsafeLast: () => Position
  readonly unsafeReached: (stage: Stage) => Position
  readonly unsafeAccount: () => Account
}

interface Waiter<E> {
  readonly position: Position
  readonly resume: (effect: Effect.Effect<void, E>) => void
}

const stages: ReadonlyArray<Stage> = ["written", "durable"]

/** At once after short trouble, within a second after long. */
const retryAfter = Schedule.exponential("50 millis").pipe(Schedule.union(Schedule.spaced("1 second")))

export const make = <A, E>(options: Options<A, E>): Effect.Effect<Writer<A, E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    let accepted = 0
    let dropped = 0
    /** How many of them the stored items tell about. */
    let reported = 0
    const drop = (item: A) => {
      dropped++
      options.onDropped?.(item)
    }
    const backlog = Backlog.make(options.capacity, drop)
    const reached = { written: 0, durable: 0 }
    let durable = 0
    let inFlight: ReadonlyArray<A> = []
    let closing = false
    let closed = false
    /** Why storing fails, for as long as it does. */
    let outage: Cause.Cause<E> | undefined
    let wakeWriter: (() => void) | undefined
    // Sets, because many may give up at once.
    const waiters: Record<Stage, Set<Waiter<E>>> = { written: new Set(), durable: new Set() }
    const suspended = new Set<(effect: Effect.Effect<void>) => void>()

    const wake = () => {
      const resume = wakeWriter
      wakeWriter = undefined
      resume?.()
    }

    const unsafeOffer: Writer<A, E>["unsafeOffer"] = (item, size, policy, kept) => {
      accepted++
      if (closed) {
        drop(item)
        return 0
      }
      const position = backlog.offer(item, size, policy, kept)
      wake()
      return position
    }

    const room: Register<never> = (resume) => {
      if (!backlog.isFull()) return resume(Effect.void)
      suspended.add(resume)
      return Effect.sync(() => void suspended.delete(resume))
    }

    const reach: Writer<A, E>["reached"] = (position, stage) => (resume) => {
      if (position <= reached[stage]) return resume(Effect.void)
      if (outage !== undefined) return resume(Effect.failCause(outage))
      const waiter = { position, resume }
      waiters[stage].add(waiter)
      return Effect.sync(() => void waiters[stage].delete(waiter))
    }

    const settle = (stage: Stage, upTo: Position, effect: Effect.Effect<void, E>) => {
      for (const waiter of waiters[stage]) {
        if (waiter.position > upTo) continue
        waiters[stage].delete(waiter)
        waiter.resume(effect)
      }
    }

    const advance = (stage: Stage, upTo: Position) => {
      reached[stage] = upTo
      settle(stage, upTo, Effect.void)
    }

    const releaseAll = () => {
      const released = [...suspended]
      suspended.clear()
      for (const resume of released) resume(Effect.void)
    }

    const hasWork = () => backlog.hasWaiting() || dropped > reported

    const untilWork = Effect.async<void>((resume) => {
      if (hasWork() || closing) return resume(Effect.void)
      wakeWriter = () => resume(Effect.void)
      return Effect.sync(() => {
        wakeWriter = undefined
      })
    })

    const fail = (cause: Cause.Cause<E>) => {
      const isFirst = outage === undefined
      outage = cause
      // What was written and could not be synced has to be written again.
      reached.written = reached.durable
      // Those as well who wait for what comes after this batch: it has to wait for the end of the outage.
      for (const stage of stages) settle(stage, backlog.last(), Effect.failCause(cause))
      return isFirst ? options.onFailure(cause) : Effect.void
    }

    const storeBatch = Effect.gen(function* () {
      const upTo = backlog.last()
      const items = backlog.take()
      const lost = dropped - reported
      inFlight = items
      // What was dropped is older than whatever is taken in from now on.
      const batch = lost > 0 ? [...items, yield* options.dropped(lost)] : items
      yield* Effect.suspend(() => options.write(batch)).pipe(
        Effect.zipRight(Effect.sync(() => advance("written", upTo))),
        Effect.zipRight(options.sync),
        Effect.sandbox,
        Effect.tapError(fail),
        Effect.retry(retryAfter),
        // The schedule never ends, so this is the success.
        Effect.ignore
      )
      if (outage !== undefined) yield* options.onRecovery
      outage = undefined
      reported += lost
      durable += items.length
      inFlight = []
      backlog.release()
      options.onDurable?.(items.length)
      advance("durable", upTo)
      if (!backlog.isFull()) releaseAll()
    })

    const idle = yield* Deferred.make<void>()
    const run: Effect.Effect<void> = untilWork.pipe(
      Effect.zipRight(
        Effect.suspend(() => {
          if (hasWork()) return Effect.zipRight(storeBatch, run)
          if (!closing) return run
          // At once, or an item could come in that nobody writes any more.
          closed = true
          return Effect.asVoid(Deferred.succeed(idle, undefined))
        })
      )
    )
    // A daemon, because closing must not wait for a write that hangs.
    const fiber = yield* Effect.forkDaemon(run)
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        closing = true
        wake()
        yield* Effect.timeoutOption(Effect.interruptible(Deferred.await(idle)), options.closeWithin)
        closed = true
        yield* Fiber.interruptFork(fiber)
        const left = backlog.pending() + dropped - reported
        if (left > 0) yield* options.onLoss(left, [...inFlight, ...backlog.waiting()])
        for (const stage of stages) settle(stage, backlog.last(), Effect.interrupt)
        releaseAll()
      })
    )

    return {
      unsafeOffer,
      unsafeHasRoom: () => !backlog.isFull(),
      unsafeTakesMore: () => !closed && !backlog.isFull(2),
      room,
      reached: reach,
      unsafeLast: backlog.last,
      unsafeReached: (stage) => reached[stage],
      unsafeAccount: () => ({ accepted, durable, dropped, pending: backlog.pending() })
    }
  })
