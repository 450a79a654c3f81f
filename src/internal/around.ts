/**
 * An act between two records: its intent, which is safe before it begins, and its outcome.
 */
import { Cause, Effect, Exit, Option } from "effect"
import { typeOf } from "./cause.js"
import * as Uuid from "./uuid.js"

/** How an act ended. `error` is the tag or class of what it failed with. */
export type Outcome =
  | { readonly _tag: "succeeded" | "interrupted" | "not-attempted" }
  | { readonly _tag: "failed" | "died"; readonly error: string }

/** Taking in is done at once; the effect that is returned waits, and may be interrupted. */
export interface Recorder<E> {
  /** Takes the intent in, or fails. What is returned succeeds once it is safe. */
  readonly announce: (intent: string) => Effect.Effect<Effect.Effect<void, E>, E>
  readonly conclude: (intent: string, outcome: Outcome) => Effect.Effect<Effect.Effect<void>>
}

export const around =
  <U>({ announce, conclude }: Recorder<U>) =>
  <A, E, R>(act: Effect.Effect<A, E, R>): Effect.Effect<A, E | U, R> =>
    // Only the waiting and the act itself can be interrupted, so that no intent is left without its outcome.
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const intent = yield* Uuid.make
        const safe = yield* announce(intent)
        const announced = yield* Effect.exit(restore(safe))
        if (Exit.isFailure(announced)) {
          // It may become safe later, and must not look as if the act had begun.
          yield* conclude(intent, { _tag: "not-attempted" })
          return yield* Effect.failCause(announced.cause)
        }
        const exit = yield* Effect.exit(restore(act))
        yield* restore(yield* conclude(intent, outcomeOf(exit)))
        return yield* exit
      })
    )

/** As the answer of a request tells it: the first failure, or else the first defect. */
const outcomeOf = (exit: Exit.Exit<unknown, unknown>): Outcome => {
  if (Exit.isSuccess(exit)) return { _tag: "succeeded" }
  const failure = Cause.failureOption(exit.cause)
  if (Option.isSome(failure)) return { _tag: "failed", error: typeOf(failure.value) }
  const defect = Cause.dieOption(exit.cause)
  // Only the class: nobody knows what the text of a defect holds.
  return Option.isSome(defect) ? { _tag: "died", error: typeOf(defect.value) } : { _tag: "interrupted" }
}
