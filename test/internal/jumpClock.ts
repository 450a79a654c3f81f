/**
 * A clock that a test moves at once over any time: whoever sleeps wakes up at most once, as after a machine was asleep. The
 * test clock of Effect goes through all that happens in between, which for a file that is looked at twice a second is a lot.
 */
import { Clock, Duration, Effect } from "effect"

export interface JumpClock {
  readonly clock: Clock.Clock
  readonly jump: (duration: Duration.DurationInput) => Effect.Effect<void>
}

export const make = (start: number): JumpClock => {
  let millis = start
  let sleepers: ReadonlyArray<{ readonly until: number; readonly wake: () => void }> = []
  const sleep = (duration: Duration.Duration) =>
    Effect.async<void>((resume) => {
      const sleeper = { until: millis + Duration.toMillis(duration), wake: () => resume(Effect.void) }
      sleepers = [...sleepers, sleeper]
      return Effect.sync(() => {
        sleepers = sleepers.filter((other) => other !== sleeper)
      })
    })
  return {
    clock: {
      ...Clock.make(),
      unsafeCurrentTimeMillis: () => millis,
      unsafeCurrentTimeNanos: () => BigInt(millis) * 1_000_000n,
      currentTimeMillis: Effect.sync(() => millis),
      currentTimeNanos: Effect.sync(() => BigInt(millis) * 1_000_000n),
      sleep
    },
    jump: (duration) =>
      Effect.sync(() => {
        millis += Duration.toMillis(duration)
        const due = sleepers.filter(({ until }) => until <= millis)
        sleepers = sleepers.filter(({ until }) => until > millis)
        for (const { wake } of due) wake()
      })
  }
}
