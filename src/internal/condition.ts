/**
 * Waiting until something is so. Whoever changes what it depends on says so, and then everybody who waits looks again.
 */
import { Effect } from "effect"

export interface Condition {
  readonly until: (holds: () => boolean) => Effect.Effect<void>
  readonly unsafeChanged: () => void
}

export const make = (): Condition => {
  const waiting = new Set<() => void>()
  return {
    until: (holds) =>
      Effect.async<void>((resume) => {
        if (holds()) return resume(Effect.void)
        // Deleted while all are looked at, it leaves the others where they are.
        const look = () => {
          if (!holds()) return
          waiting.delete(look)
          resume(Effect.void)
        }
        waiting.add(look)
        return Effect.sync(() => void waiting.delete(look))
      }),
    unsafeChanged: () => {
      for (const look of waiting) look()
    }
  }
}
