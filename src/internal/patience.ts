/**
 * Waiting for what may never come: at most for a time and, once somebody has waited in vain, not at all until something
 * moves again. Whoever has waited in vain has waited for all.
 *
 * One fiber watches the deadlines of all who wait: a timer for each, and a race with it, would cost more than what is waited
 * for. It is not the waiting fiber that ends the wait, and so regions that cannot be interrupted are no exception.
 */
import { Clock, Context, Duration, Effect, FiberSet } from "effect"
import type { Scope } from "effect"

/** Says when it has come, at once or later, as `Effect.async` wants it; what it returns stops that. */
export type Register<E> = (resume: (effect: Effect.Effect<void, E>) => void) => void | Effect.Effect<void>

export interface Patience {
  /** Whether it came. */
  readonly wait: <E>(register: Register<E>) => Effect.Effect<boolean, E>
}

interface Wait {
  readonly deadline: number
  isOver: boolean
  readonly end: () => void
}

export const make = (options: {
  readonly atMost: Duration.DurationInput
  /** Changes whenever something moves. */
  readonly progress: () => number
  readonly onInVain: () => void
}): Effect.Effect<Patience, never, Scope.Scope> =>
  Effect.gen(function* () {
    const atMost = Duration.toMillis(options.atMost)
    const fork = yield* FiberSet.makeRuntime<never>()
    let inVainAt: number | undefined
    // In the order of their deadlines. What is over goes when it comes first, which is nearly at once: all end in that order.
    let waits: Array<Wait> = []
    let first = 0
    let isWatching = false

    const skipOver = () => {
      while (waits[first]?.isOver === true) first++
      if (first * 2 < waits.length) return
      waits = waits.slice(first)
      first = 0
    }

    const giveUp = () => {
      inVainAt = options.progress()
      options.onInVain()
      return false
    }

    const watch: Effect.Effect<void> = Effect.suspend(() => {
      skipOver()
      const next = waits[first]
      if (next === undefined) {
        isWatching = false
        return Effect.void
      }
      return now.pipe(
        Effect.flatMap((now) => Effect.sleep(next.deadline - now)),
        Effect.zipRight(now),
        Effect.map((now) => waits.filter((wait) => !wait.isOver && wait.deadline <= now).forEach((wait) => wait.end())),
        Effect.zipRight(watch)
      )
    })

    const add = (wait: Wait) => {
      skipOver()
      waits.push(wait)
      if (isWatching) return
      isWatching = true
      fork(watch)
    }

    const waitFor = <E>(register: Register<E>, now: number): Effect.Effect<boolean, E> =>
      Effect.async((resume) => {
        const wait: Wait = {
          deadline: now + atMost,
          isOver: false,
          end: () => {
            wait.isOver = true
            resume(Effect.zipRight(stop ?? Effect.void, Effect.sync(giveUp)))
          }
        }
        const stop = register((effect) => {
          if (wait.isOver) return
          wait.isOver = true
          resume(Effect.as(effect, true))
        })
        if (!wait.isOver) add(wait)
        return Effect.suspend(() => {
          wait.isOver = true
          return stop ?? Effect.void
        })
      })

    return {
      wait: <E>(register: Register<E>): Effect.Effect<boolean, E> =>
        Effect.withFiberRuntime((fiber) => {
          if (inVainAt === options.progress()) return Effect.succeed(false)
          return waitFor(register, millisOf(Context.get(fiber.currentDefaultServices, Clock.Clock)))
        })
    }
  })

/** That of no calendar, which nobody sets. */
const millisOf = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1_000_000

const now = Effect.clockWith((clock) => Effect.sync(() => millisOf(clock)))
