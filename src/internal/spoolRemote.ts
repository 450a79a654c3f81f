/**
 * A sink that may fail, hang or die: whoever uses it gets an answer in time, and it is made anew where nothing else may help.
 */
import { Cause, Clock, Data, Duration, Effect, Exit, Fiber, Option, Scope } from "effect"

/** What is used of a sink. */
export interface Sink<A, E> {
  readonly write: (batch: A) => Effect.Effect<void, E>
  readonly sync: Effect.Effect<void, E>
}

/** It did not answer in time. */
export class TooLate extends Data.TaggedError("TooLate")<{
  readonly doing: "open" | "store"
  readonly millis: number
}> {
  override get message() {
    return this.doing === "open"
      ? `it could not be opened within ${this.millis} ms`
      : `it did not answer within ${this.millis} ms: nobody knows whether it has stored what it was given`
  }
}

export interface Remote<A, E, R> {
  /** Writes and syncs, after it has opened the sink where it is not open. */
  readonly store: (batch: A) => Effect.Effect<void, E | TooLate, R>
  /** Closes the sink. Resumes at the latest after some seconds, whatever becomes of that. */
  readonly close: Effect.Effect<void>
}

/** One that fails for so long may have lost its connection for good. */
const renewAfter = Duration.toMillis("5 minutes")

const longestClose = "5 seconds"

export const make = <A, E, E2, R>(options: {
  readonly open: Effect.Effect<Sink<A, E>, E2, R | Scope.Scope>
  readonly timeout: Duration.DurationInput
}): Remote<A, E | E2, Exclude<R, Scope.Scope>> => {
  const millis = Duration.toMillis(options.timeout)
  let current: { readonly sink: Sink<A, E>; readonly scope: Scope.CloseableScope } | undefined
  let failingSince: number | undefined

  /** Ends the wait, and not what may never end. */
  const inTime = <B, E3, R3>(
    doing: TooLate["doing"],
    effect: Effect.Effect<B, E3, R3>
  ): Effect.Effect<Exit.Exit<B, E3 | TooLate>, never, R3> =>
    Effect.gen(function* () {
      // Its failure is told here, and not by the fiber.
      const fiber = yield* Effect.forkDaemon(Effect.interruptible(Effect.exit(effect)))
      const exit = yield* Fiber.await(fiber).pipe(
        Effect.timeoutOption(millis),
        Effect.onInterrupt(() => Fiber.interruptFork(fiber))
      )
      if (Option.isSome(exit)) return Exit.flatten(exit.value)
      yield* Fiber.interruptFork(fiber)
      return Exit.fail(new TooLate({ doing, millis }))
    })

  const closeScope = (scope: Scope.CloseableScope) =>
    Effect.forkDaemon(Scope.close(scope, Exit.void)).pipe(
      Effect.flatMap((closing) => Effect.timeoutOption(Fiber.await(closing), longestClose)),
      Effect.asVoid
    )

  const close = Effect.suspend(() => {
    if (current === undefined) return Effect.void
    const { scope } = current
    current = undefined
    return closeScope(scope)
  })

  const open = Effect.gen(function* () {
    const scope = yield* Scope.make()
    const opening = inTime("open", Scope.extend(options.open, scope))
    const sink = yield* Effect.flatten(opening).pipe(
      Effect.tapErrorCause(() => closeScope(scope)),
      // Whoever interrupts it is about to end.
      Effect.onInterrupt(() => Effect.forkDaemon(closeScope(scope)))
    )
    return (current = { sink, scope })
  })

  return {
    store: (batch) =>
      Effect.gen(function* () {
        const { sink } = current ?? (yield* open)
        const storing = Effect.suspend(() => Effect.zipRight(sink.write(batch), sink.sync))
        const exit = yield* inTime("store", storing)
        if (Exit.isSuccess(exit)) {
          failingSince = undefined
          return
        }
        const now = yield* Clock.currentTimeMillis
        failingSince ??= now
        const isOver = now - failingSince >= renewAfter
        if (isOver) failingSince = undefined
        if (isOver || !isAnswer(exit.cause)) yield* close
        return yield* exit
      }),
    close
  }
}

/** It has said itself that it fails, and so it is still there. */
const isAnswer = (cause: Cause.Cause<unknown>): boolean => Cause.isFailType(cause) && !(cause.error instanceof TooLate)
