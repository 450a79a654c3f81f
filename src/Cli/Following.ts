/**
 * How somebody waits for what is added to a store.
 */
import { Effect, Schedule } from "effect"
import type { AuditStoreError } from "../AuditStore.js"
import { visible } from "../internal/visible.js"
import { note } from "./Standard.js"

/** How often it is asked. */
export const interval = "1 second"

/** A server that is started again is waited for, and who follows is told. */
export const patiently =
  (shown: string) =>
  <A>(effect: Effect.Effect<A, AuditStoreError>): Effect.Effect<A, AuditStoreError> =>
    Effect.suspend(() => {
      let isTold = false
      const tell = ({ description }: AuditStoreError) =>
        Effect.suspend(() => {
          if (isTold) return Effect.void
          isTold = true
          return note(visible(`'${shown}' cannot be read now, and is tried again: ${description}`))
        })
      return effect.pipe(
        Effect.tapError((error) => (error.reason === "Unavailable" ? tell(error) : Effect.void)),
        Effect.retry({ schedule: Schedule.spaced(interval), while: ({ reason }) => reason === "Unavailable" })
      )
    })
