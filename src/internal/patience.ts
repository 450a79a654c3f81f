/**
 * Waiting for what may never come: at most for a time and, once somebody has waited in vain, not at all until something
 * moves again. Whoever has waited in vain has waited for all.
 *
 * One fiber watches the deadlines of all who wait: a timer for each, and a race with it, would cost more than what is waited
 * for. It is not the waiting fiber that ends the wait, and so regions that cannot be interrupted are no exception.
 */
import { Duration, Effect, FiberSet } from "effect"
import type { Exit, Scope } from "effect"

/**
 * Says when it has come, at once or later, as `Effect.async` wants it. What it returns stops that; where nothing is returned, one
 * who is interrupted is forgotten when it comes, or when the time is over.
 */
export type Register<E> = (resume: (exit: Exit.Exit<void, E>) => void) => void | Effect.Effect<void>

export interface Patience {
  /** Until it comes, and what is made of it then. Where it does not come in time, `inVain` is what comes instead. */
  readonly wait: <E, E2>(
    register: Register<E>,
    come: (exit: Exit.Exit<void, E>) => Effect.Effect<void, E2>,
    inVain: Effect.Effect<void, E2>
  ) => Effect.Effect<void, E2>
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
    const clock = yield* Effect.clock
    /** In milliseconds, of no calendar, which nobody sets. */
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1_000_000
    let inVainAt: number | undefined
    // In the order of their deadlines. What is over goes when it comes first, which is nearly at once: all end in that order.
    let waits: Array<Wait> = []
    let first = 0
    let isWatching = false

    const skipOver = () => {
      while (waits[first]?.isOver === true) first++
      if (first === 0 || first * 2 < waits.length) return
      waits = waits.slice(first)
      first = 0
    }

    const giveUp = Effect.sync(() => {
      inVainAt = options.progress()
      options.onInVain()
    })

    const watch: Effect.Effect<void> = Effect.suspend(() => {
      skipOver()
      const next = waits[first]
      if (next === undefined) {
        isWatching = false
        return Effect.void
      }
      return Effect.sleep(next.deadline - now()).pipe(
        Effect.map(() => {
          const time = now()
          waits.filter((wait) => !wait.isOver && wait.deadline <= time).forEach((wait) => wait.end())
        }),
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

    return {
      wait: <E, E2>(
        register: Register<E>,
        come: (exit: Exit.Exit<void, E>) => Effect.Effect<void, E2>,
        inVain: Effect.Effect<void, E2>
      ) =>
        Effect.async<void, E2>((resume) => {
          if (inVainAt === options.progress()) return resume(inVain)
          const wait: Wait = {
            deadline: now() + atMost,
            isOver: false,
            end: () => {
              wait.isOver = true
              resume(Effect.zipRight(Effect.zipRight(stop ?? Effect.void, giveUp), inVain))
            }
          }
          const stop = register((exit) => {
            if (wait.isOver) return
            wait.isOver = true
            resume(come(exit))
          })
          if (!wait.isOver) add(wait)
          if (stop === undefined) return
          return Effect.suspend(() => {
            wait.isOver = true
            return stop
          })
        })
    }
  })
