/**
 * Where the records come from that a command reads: the files of a log, or a store.
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import { Effect, Option, type Scope, Stream } from "effect"
import type { TrailError } from "../internal/trailFiles.js"
import * as Address from "./Address.js"
import { CliError } from "./CliError.js"
import { type Entry, entriesOf } from "./Entry.js"
import * as Files from "./Files.js"
import * as Filter from "./Filter.js"
import type * as Progress from "./Progress.js"
import * as Stores from "./Stores.js"

export interface Source {
  /** Those that it is in. */
  readonly files: ReadonlyArray<string>
  /** What the filter lets pass, some at a time. */
  readonly entries: Stream.Stream<ReadonlyArray<Entry>, CliError | TrailError>
  readonly progress: () => Omit<Progress.State, "records">
}

export const open = (
  names: ReadonlyArray<string>,
  filter: Filter.Filter
): Effect.Effect<Source, CliError | TrailError, FileSystem.FileSystem | Path.Path | Scope.Scope> =>
  Effect.gen(function* () {
    const address = yield* addressIn(names)
    if (address !== undefined) return yield* ofStore(address, filter)
    yield* forFiles(filter)
    const trail = yield* Files.open(names)
    const predicate = Filter.toPredicate(filter)
    return {
      files: trail.files.map(({ path }) => path),
      entries: Stream.map(trail.steps, (step) => entriesOf(step, predicate)),
      progress: () => ({ done: trail.taken(), total: trail.size, unit: "bytes" })
    }
  })

const ofStore = (address: string, filter: Filter.Filter) =>
  Effect.gen(function* () {
    const store = yield* Stores.open(address)
    // Of a part, nobody knows how much it is.
    const isAll = Filter.isOpen(filter) && Option.isNone(filter.instance)
    const total = isAll ? yield* store.size : 0
    let done = 0
    const source: Source = {
      files: store.files,
      entries: Stream.tap(store.read(filter), (entries) => Effect.sync(() => (done += entries.length))),
      progress: () => ({ done, total, unit: "records" })
    }
    return source
  })

/** The address among what was named, which stands alone. */
export const addressIn = (names: ReadonlyArray<string>): Effect.Effect<string | undefined, CliError> => {
  const address = names.find(Address.isAddress)
  if (address === undefined || names.length === 1) return Effect.succeed(address)
  return new CliError({
    description: `'${Address.show(address)}' is given with others: give the address of a store alone`
  })
}

/** What makes sense for stores only. */
export const forFiles = (filter: Filter.Filter): Effect.Effect<void, CliError> =>
  Option.isNone(filter.instance)
    ? Effect.void
    : new CliError({ description: "--instance is for stores and streams: the log in files is that of one instance" })
