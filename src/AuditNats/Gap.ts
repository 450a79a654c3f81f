/**
 * Records that a store is missing, brought in from the stream.
 */
import { Array as Arr, Effect, Either, Option } from "effect"
import { headOf } from "../AuditChain.js"
import type { AuditStoreError, Ledger } from "../AuditStore.js"
import * as Chain from "./Chain.js"
import type { Reader } from "./Trail.js"

/** Where in the stream and in the chain there is a record that the store does not take, for want of those before it. */
export interface Place {
  readonly instance: string
  readonly sequence: number
  readonly seq: number
}

/** Stores what is missing before this place, or says why that cannot be. Fails where the store does. */
export const fill = (
  trail: Reader,
  store: Pick<Ledger, "append" | "ends">,
  { instance, seq, sequence }: Place
): Effect.Effect<string | undefined, AuditStoreError> =>
  Effect.gen(function* () {
    let found = yield* Chain.holding(trail, instance, (yield* reachedBy(store, instance)) + 1)
    while (found !== undefined && found.sequence < sequence) {
      const { problem, records } = yield* Chain.recordsOf(trail, found)
      if (!Arr.isNonEmptyReadonlyArray(records)) return `of the message ${found.sequence}, ${problem ?? "none is left"}`
      const exit = yield* Effect.either(store.append(records))
      if (Either.isLeft(exit)) return isOfChain(exit.left) ? exit.left.description : yield* exit.left
      found = yield* Chain.wholeAfter(trail, instance, found.sequence)
    }
    const reached = yield* reachedBy(store, instance)
    return reached >= seq - 1 ? undefined : `record ${reached + 1} is not in the stream`
  })

const reachedBy = (store: Pick<Ledger, "ends">, instance: string) =>
  Effect.map(store.ends(instance), ({ last }) =>
    last === undefined ? 0 : Option.match(headOf(last), { onNone: () => 0, onSome: ({ seq }) => seq })
  )

/** It is the chain that the store does not take, and the store works. */
export const isOfChain = ({ reason }: AuditStoreError): boolean => reason === "Missing" || reason === "Forked"
