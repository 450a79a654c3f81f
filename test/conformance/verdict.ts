/**
 * What came of a case.
 */
import { Effect } from "effect"
import { compare } from "./compare.js"
import { differences } from "./differences.js"
import { decodeCase, NotPlayable, type RawCase } from "./format.js"
import { play } from "./player.js"

export interface Verdict {
  readonly id: string
  readonly kind: "same" | "different" | "different (known)" | "not playable"
  /** What differed, or why the case cannot be played. */
  readonly details: ReadonlyArray<string>
}

export const verdictOf = (raw: RawCase): Effect.Effect<Verdict> =>
  Effect.gen(function* () {
    const given = yield* decodeCase(raw)
    const details = compare(given, yield* play(given))
    return { id: raw.id, kind: kindOf(raw.id, details), details }
  }).pipe(
    Effect.catchAllDefect((defect) => new NotPlayable({ reason: `the player failed: ${String(defect)}` })),
    Effect.catchTag("NotPlayable", ({ reason }) =>
      Effect.succeed({ id: raw.id, kind: "not playable" as const, details: [reason] })
    )
  )

const kindOf = (id: string, details: ReadonlyArray<string>): Verdict["kind"] => {
  if (details.length === 0) return "same"
  return Object.hasOwn(differences, id) ? "different (known)" : "different"
}
