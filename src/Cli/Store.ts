/**
 * The trails of a fleet, in a store or a stream: what the commands do with either.
 */
import type { Effect, Stream } from "effect"
import type * as AuditFleet from "../AuditFleet.js"
import type { CliError } from "./CliError.js"
import type { Entry } from "./Entry.js"
import type * as Filter from "./Filter.js"

export interface Store {
  /** Its address, as it may be shown. */
  readonly shown: string
  /** The files that it is in. */
  readonly files: ReadonlyArray<string>
  /** How many records it has taken in. */
  readonly size: Effect.Effect<number, CliError>
  /** `onProgress` is told how many records were read. */
  readonly verify: (options: Verification) => Effect.Effect<AuditFleet.Report, CliError>
  /** What the filter lets pass, from the oldest on. */
  readonly read: (filter: Filter.Filter) => Stream.Stream<ReadonlyArray<Entry>, CliError>
  /** The last ones that the filter lets pass, and then those that are added, if somebody follows. */
  readonly tail: (options: Tail) => Stream.Stream<ReadonlyArray<Entry>, CliError>
}

export interface Verification extends Omit<AuditFleet.Options, "source"> {
  readonly onProgress: (records: number) => Effect.Effect<void>
}

export interface Tail {
  readonly filter: Filter.Filter
  readonly lines: number
  readonly isFollowing: boolean
}
