/**
 * Many producers, one writer fiber: group commit without timers. While one batch is stored the next one gathers, so the time
 * that takes is the batching window. Memory is bounded, and what could not be taken in is counted.
 */
import { Cause, Deferred, Effect, Exit, Fiber, FiberId } from "effect"
import type { Duration, Scope } from "effect"
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
   * is tried again. Nobody can stop waiting, which would cost more than what is waited for: whoever is interrupted is forgotten
   * with the next batch.
   */
  readonly reached: (position: Position, stage: Stage) => Register<E>
  /** The position of the newest item, and of the newest that is that far. */
  readonly unsafeLast: () => Position
  readonly unsafeReached: (stage: Stage) => Position
  readonly unsafeAccount: () => Account
  readonly unsafePending: () => number
}

interface Waiter<E> {
  readonly position: Position
  readonly resume: (exit: Exit.Exit<void, E>) => void
}

const stages: ReadonlyArray<Stage> = ["written", "durable"]

/** In milliseconds, and twice as long each time: at once after short trouble, within a second after long. */
const firstDelay = 50
const longestDelay = 1000

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
    const waiters: Record<Stage, Array<Waiter<E>>> = { written: [], durable: [] }
    const suspended = new Set<(exit: Exit.Exit<void>) => void>()

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
      if (!backlog.isFull()) return resume(Exit.void)
      suspended.add(resume)
      return Effect.sync(() => void suspended.delete(resume))
    }

    const reach: Writer<A, E>["reached"] = (position, stage) => (resume) => {
      if (position <= reached[stage]) return resume(Exit.void)
      if (outage !== undefined) return resume(Exit.failCause(outage))
      waiters[stage].push({ position, resume })
    }

    const settle = (stage: Stage, upTo: Position, exit: Exit.Exit<void, E>) => {
      const settled = waiters[stage]
      waiters[stage] = settled.filter(({ position }) => position > upTo)
      for (const { position, resume } of settled) if (position <= upTo) resume(exit)
    }

    const advance = (stage: Stage, upTo: Position) => {
      reached[stage] = upTo
      settle(stage, upTo, Exit.void)
    }

    const releaseAll = () => {
      const released = [...suspended]
      suspended.clear()
      for (const resume of released) resume(Exit.void)
    }

    const hasWork = () => backlog.hasWaiting() || dropped > reported

    // Whoever interrupts it closes, and nothing wakes it after that.
    const untilWork = Effect.async<void>((resume) => {
      if (hasWork() || closing) return resume(Effect.void)
      wakeWriter = () => resume(Effect.void)
    })

    const fail = (cause: Cause.Cause<E>) => {
      const isFirst = outage === undefined
      outage = cause
      // What was written and could not be synced has to be written again.
      reached.written = reached.durable
      // Those as well who wait for what comes after this batch: it has to wait for the end of the outage.
      for (const stage of stages) settle(stage, backlog.last(), Exit.failCause(cause))
      return isFirst ? options.onFailure(cause) : Effect.void
    }

    /** Tries until it succeeds. Without a Schedule: each run of one would keep the batch until the next full collection. */
    const storeAll = (batch: ReadonlyArray<A>, upTo: Position, delay: number): Effect.Effect<void> =>
      Effect.suspend(() => options.write(batch)).pipe(
        Effect.flatMap(() => {
          advance("written", upTo)
          return options.sync
        }),
        Effect.catchAllCause((cause) =>
          fail(cause).pipe(
            Effect.zipRight(Effect.sleep(delay)),
            Effect.zipRight(Effect.suspend(() => storeAll(batch, upTo, Math.min(2 * delay, longestDelay))))
          )
        )
      )

    const storeBatch = Effect.gen(function* () {
      const upTo = backlog.last()
      const items = backlog.take()
      const lost = dropped - reported
      inFlight = items
      // What was dropped is older than whatever is taken in from now on.
      const batch = lost > 0 ? [...items, yield* options.dropped(lost)] : items
      yield* storeAll(batch, upTo, firstDelay)
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
        for (const stage of stages) settle(stage, backlog.last(), Exit.failCause(Cause.interrupt(FiberId.none)))
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
      unsafePending: backlog.pending,
      unsafeAccount: () => ({ accepted, durable, dropped, pending: backlog.pending() })
    }
  })
