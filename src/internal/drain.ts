/**
 * Closing without cutting anybody off: requests that run are finished, those that still come are refused.
 */
import type { HttpServerResponse } from "@effect/platform"
import { Context, Deferred, Effect, type Duration, type Scope } from "effect"

interface Service {
  /** Counts a request until its response is sent, or refuses it when closing has begun. */
  readonly count: <E, R>(
    app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | Scope.Scope>
  /** Begins to refuse, and resumes when nothing runs any more, or after the time given. */
  readonly close: (within: Duration.DurationInput) => Effect.Effect<void>
}

export class Drain extends Context.Tag("effect-registrar/internal/Drain")<Drain, Service>() {}

export const make = (refuse: Effect.Effect<HttpServerResponse.HttpServerResponse>): Service => {
  let running = 0
  let closed: Deferred.Deferred<void> | undefined

  const leave = Effect.suspend(() => {
    running--
    return running === 0 && closed !== undefined ? Effect.asVoid(Deferred.succeed(closed, undefined)) : Effect.void
  })

  return {
    count: (app) =>
      Effect.suspend(() => {
        if (closed !== undefined) return refuse
        running++
        // The scope of the request closes when its response is sent, a streamed one included.
        return Effect.zipRight(
          Effect.addFinalizer(() => leave),
          app
        )
      }),
    close: (within) =>
      Effect.gen(function* () {
        closed = yield* Deferred.make<void>()
        if (running === 0) return
        yield* Effect.logInfo(`Finishing ${running} requests before the end`)
        const finished = yield* Effect.timeoutOption(Effect.interruptible(Deferred.await(closed)), within)
        if (finished._tag === "None") yield* Effect.logWarning(`${running} requests did not finish in time`)
      })
  }
}
