/**
 * What is in the hands of whoever lands messages.
 */
import { Array as Arr } from "effect"
import type { StoredRecord } from "../AuditStore.js"
import type { Delivery } from "./Pull.js"

/** A message with its records. */
export interface Cargo {
  readonly delivery: Delivery
  readonly records: Arr.NonEmptyReadonlyArray<StoredRecord>
}

/** What is in our hands of one instance, in the order of the stream. */
export interface Chained {
  readonly instance: string
  cargo: Array<Cargo>
  /** Since when it is too early, while it is. */
  early: number | undefined
  /** How often the store has refused it for a reason that is not its chain's, while it took others, and since when. */
  refusals: number
  refused: number
  /** Whether no more of it is kept than its first message. */
  isThin: boolean
  /** Not tried before. */
  due: number
}

/** As much of it, from the beginning, as is consecutive. */
export const runOf = (cargo: ReadonlyArray<Cargo>): ReadonlyArray<Cargo> => {
  const end = cargo.findIndex((each, index) => {
    const before = cargo[index - 1]
    if (before === undefined) return false
    const [last, next] = [Arr.lastNonEmpty(before.records), each.records[0]]
    return next.seq !== last.seq + 1 || next.prev !== last.hash
  })
  return end === -1 ? cargo : cargo.slice(0, end)
}
