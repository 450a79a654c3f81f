/**
 * A clock that stands still until it is told to pass, and then goes from one sleeper to the next: all that falls due happens in its
 * order, and nobody waits.
 */
import { Clock, Duration, Effect } from "effect"

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}

export interface VirtualClock {
  readonly clock: Clock.Clock
  /** Until nothing is left to be done in this time. */
  readonly pass: (duration: Duration.DurationInput) => Effect.Effect<void>
  readonly set: (millis: number) => Effect.Effect<void>
}

export const make = (start = 0): VirtualClock => {
  let millis = start
  const sleepers = new Set<Sleeper>()
  const sleep = (duration: Duration.Duration) =>
    Effect.async<void>((resume) => {
      if (Duration.toMillis(duration) <= 0) return resume(Effect.void)
      const sleeper = { until: millis + Duration.toMillis(duration), wake: () => resume(Effect.void) }
      sleepers.add(sleeper)
      return Effect.sync(() => void sleepers.delete(sleeper))
    })

  const passTo = (target: number): Effect.Effect<void> =>
    Effect.zipRight(
      settle,
      Effect.suspend(() => {
        const next = Math.min(...[...sleepers].map(({ until }) => until))
        if (next > target) {
          millis = target
          return Effect.void
        }
        millis = Math.max(millis, next)
        for (const sleeper of sleepers) {
          if (sleeper.until > millis) continue
          sleepers.delete(sleeper)
          sleeper.wake()
        }
        return passTo(target)
      })
    )

  return {
    clock: {
      ...Clock.make(),
      unsafeCurrentTimeMillis: () => millis,
      unsafeCurrentTimeNanos: () => BigInt(Math.floor(millis * 1_000_000)),
      currentTimeMillis: Effect.sync(() => millis),
      currentTimeNanos: Effect.sync(() => BigInt(Math.floor(millis * 1_000_000))),
      sleep
    },
    pass: (duration) => Effect.suspend(() => passTo(millis + Duration.toMillis(duration))),
    set: (to) => Effect.sync(() => void (millis = to))
  }
}

/** Lets everything run that can, with turns of the event loop for what asks for one. */
const settle = Effect.repeatN(
  Effect.zipRight(
    Effect.repeatN(Effect.yieldNow(), 30),
    Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
  ),
  2
)
