/**
 * Many producers, one writer fiber: group commit without timers. While one batch is being written the next one gathers, so
 * the time a write takes is the batching window. Memory is bounded, and what could not be taken in is counted.
 */
import { Deferred, Effect, Fiber, Schedule } from "effect"
import type { Cause, Duration, Scope } from "effect"

export interface Options<A, E> {
  /** Succeeds once the batch is safe. After a failure it is called again with the same items, until it succeeds. */
  readonly write: (batch: ReadonlyArray<A>) => Effect.Effect<void, E>
  /** Items, and their sizes together, beyond which producers are slowed down. At twice as much, items are dropped. */
  readonly capacity: { readonly items: number; readonly size: number }
  /** Drops at the capacity instead of slowing down. */
  readonly whenFull: "suspend" | "drop"
  /** The item that tells about dropped ones. It is written, once there is room again, before anything newer. */
  readonly dropped: (count: number) => Effect.Effect<A>
  /** Called at the first failure of an outage, and when writing works again. */
  readonly onFailure: (cause: Cause.Cause<E>) => Effect.Effect<void>
  readonly onRecovery: Effect.Effect<void>
  /** How long closing waits for what is still to be written. What is left then is handed to `onLoss`, as far as it was taken in. */
  readonly closeWithin: Duration.DurationInput
  readonly onLoss: (count: number, items: ReadonlyArray<A>) => Effect.Effect<void>
}

/** The position of an item: how many were taken in up to it. 0 says that it was dropped. */
export type Position = number

export interface Writer<A, E> {
  /** Takes an item in, at once and without failing. */
  readonly unsafeOffer: (item: A, size: number) => Position
  readonly unsafeHasRoom: () => boolean
  /** Resumes at once or, when the queue is full, when there is room again. */
  readonly room: Effect.Effect<void>
  /** Resumes once everything up to the position is safe. Fails at once while writing fails, though it is tried again. */
  readonly written: (position: Position) => Effect.Effect<void, E>
  /** Items taken in and not yet written. */
  readonly unsafePending: () => number
  /** The position of the newest item, and of the newest that is safe. */
  readonly unsafeLast: () => Position
  readonly unsafeSafe: () => Position
}

interface Waiter<E> {
  readonly position: Position
  readonly resume: (effect: Effect.Effect<void, E>) => void
}

/** At once after short trouble, within a second after long. */
const retryAfter = Schedule.exponential("50 millis").pipe(Schedule.union(Schedule.spaced("1 second")))

export const make = <A, E>(options: Options<A, E>): Effect.Effect<Writer<A, E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { capacity } = options
    let queue: Array<A> = []
    let queueSize = 0
    let inFlight: ReadonlyArray<A> = []
    let pending = 0
    let pendingSize = 0
    let last: Position = 0
    let safe: Position = 0
    let dropped = 0
    let closing = false
    let closed = false
    /** Why writing fails, for as long as it does. */
    let outage: Cause.Cause<E> | undefined
    let wakeWriter: (() => void) | undefined
    let waiters: Array<Waiter<E>> = []
    let suspended: Array<(effect: Effect.Effect<void>) => void> = []

    const isFull = (times: number) => pending >= capacity.items * times || pendingSize >= capacity.size * times

    const wake = () => {
      const resume = wakeWriter
      wakeWriter = undefined
      resume?.()
    }

    const unsafeOffer = (item: A, size: number): Position => {
      if (closed || isFull(options.whenFull === "drop" ? 1 : 2)) {
        dropped++
        wake()
        return 0
      }
      queue.push(item)
      queueSize += size
      pending++
      pendingSize += size
      wake()
      return ++last
    }

    const unsafeHasRoom = () => options.whenFull === "drop" || !isFull(1)

    const room = Effect.async<void>((resume) => {
      if (unsafeHasRoom()) return resume(Effect.void)
      suspended.push(resume)
      return Effect.sync(() => {
        suspended = suspended.filter((other) => other !== resume)
      })
    })

    const written = (position: Position): Effect.Effect<void, E> =>
      Effect.async((resume) => {
        if (position <= safe) return resume(Effect.void)
        if (outage !== undefined) return resume(Effect.failCause(outage))
        const waiter = { position, resume }
        waiters.push(waiter)
        return Effect.sync(() => {
          waiters = waiters.filter((other) => other !== waiter)
        })
      })

    const settleWaiters = (upTo: Position, effect: Effect.Effect<void, E>) => {
      if (waiters.length === 0) return
      const settled = waiters.filter(({ position }) => position <= upTo)
      if (settled.length === waiters.length) waiters = []
      else waiters = waiters.filter(({ position }) => position > upTo)
      for (const { resume } of settled) resume(effect)
    }

    const releaseRoom = () => {
      if (suspended.length === 0 || isFull(1)) return
      const released = suspended
      suspended = []
      for (const resume of released) resume(Effect.void)
    }

    const untilWork = Effect.async<void>((resume) => {
      if (queue.length > 0 || dropped > 0 || closing) return resume(Effect.void)
      wakeWriter = () => resume(Effect.void)
      return Effect.sync(() => {
        wakeWriter = undefined
      })
    })

    const writeBatch = Effect.gen(function* () {
      const items = queue
      const size = queueSize
      const upTo = last
      const lost = dropped
      queue = []
      queueSize = 0
      inFlight = items
      // What was dropped is newer than everything in this batch, and older than whatever is taken in from now on.
      const batch = lost > 0 ? [...items, yield* options.dropped(lost)] : items
      yield* Effect.suspend(() => options.write(batch)).pipe(
        Effect.sandbox,
        Effect.tapError((cause) => {
          const isFirst = outage === undefined
          outage = cause
          // Those as well who wait for what comes after this batch: it has to wait for the end of the outage.
          settleWaiters(last, Effect.failCause(cause))
          return isFirst ? options.onFailure(cause) : Effect.void
        }),
        Effect.retry(retryAfter),
        // The schedule never ends, so this is the success.
        Effect.ignore
      )
      if (outage !== undefined) yield* options.onRecovery
      outage = undefined
      dropped -= lost
      safe = upTo
      inFlight = []
      pending -= items.length
      pendingSize -= size
      settleWaiters(upTo, Effect.void)
      releaseRoom()
    })

    const idle = yield* Deferred.make<void>()
    const run: Effect.Effect<void> = untilWork.pipe(
      Effect.zipRight(
        Effect.suspend(() => {
          if (queue.length > 0 || dropped > 0) return Effect.zipRight(writeBatch, run)
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
        const left = pending + dropped
        if (left > 0) yield* options.onLoss(left, [...inFlight, ...queue])
        settleWaiters(last, Effect.interrupt)
        const released = suspended
        suspended = []
        for (const resume of released) resume(Effect.void)
      })
    )

    return {
      unsafeOffer,
      unsafeHasRoom,
      room,
      written,
      unsafePending: () => pending,
      unsafeLast: () => last,
      unsafeSafe: () => safe
    }
  })
