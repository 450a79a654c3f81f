/**
 * Closing without cutting anybody off: requests that run are finished, those that still come are refused. Only what does not
 * finish in time is interrupted; otherwise the server would wait for it without end.
 */
import type { HttpServerResponse } from "@effect/platform"
import { Context, Deferred, Effect, FiberId, Scope, type Duration, type Fiber } from "effect"
import * as Say from "./say.js"

interface Service {
  /** Counts a request until its response is sent, or refuses it when closing has begun. */
  readonly count: <E, R>(
    app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | Scope.Scope>
  /** Begins to refuse, and resumes when nothing runs any more. What runs longer than the time given is interrupted. */
  readonly close: (within: Duration.DurationInput) => Effect.Effect<void>
}

export class Drain extends Context.Tag("effect-registrar/internal/Drain")<Drain, Service>() {}

export const make = (refuse: Effect.Effect<HttpServerResponse.HttpServerResponse>): Service => {
  const running = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
  let closed: Deferred.Deferred<void> | undefined

  const leave = (fiber: Fiber.RuntimeFiber<unknown, unknown>) => {
    running.delete(fiber)
    if (running.size === 0 && closed !== undefined) Deferred.unsafeDone(closed, Effect.void)
  }

  return {
    count: (app) =>
      Effect.withFiberRuntime((fiber) => {
        if (closed !== undefined) return refuse
        running.add(fiber)
        let isStreamed = false
        // A finalizer of the scope would do for all, but costs more than the rest of this library does for a request.
        fiber.addObserver(() => isStreamed || leave(fiber))
        return Effect.tap(app, ({ body }) => {
          if (body._tag !== "Stream") return Effect.void
          isStreamed = true
          // Some servers let the fiber end before the stream does: its scope is what closes after it.
          return Effect.flatMap(Effect.scope, (scope) =>
            Scope.addFinalizer(
              scope,
              Effect.sync(() => leave(fiber))
            )
          )
        })
      }),
    close: (within) =>
      Effect.gen(function* () {
        closed = yield* Deferred.make<void>()
        if (running.size === 0) return
        yield* Say.info(`Finishing ${running.size} requests before the end`)
        const allFinished = Effect.interruptible(Deferred.await(closed))
        const finished = yield* Effect.timeoutOption(allFinished, within)
        if (finished._tag === "Some") return
        yield* Say.warning(`${running.size} requests did not finish in time and are interrupted`)
        for (const fiber of running) fiber.unsafeInterruptAsFork(FiberId.none)
        // For what they still record, and for their answers.
        yield* Effect.timeoutOption(allFinished, "1 second")
      })
  }
}
