/**
 * A store in a SQL database, as the commands read it.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import type { SqlClient, SqlError } from "@effect/sql"
import { Cause, Chunk, Context, Effect, Layer, Option, type Scope, Stream } from "effect"
import * as Failure from "../AuditSink/Sql/Failure.js"
import * as SqlSink from "../AuditSink/Sql.js"
import * as AuditStore from "../AuditStore.js"
import type { Address } from "./Address.js"
import { CliError } from "./CliError.js"
import { load, packages } from "./Driver.js"
import { type Entry, entryOf, entryOfLine } from "./Entry.js"
import * as Filter from "./Filter.js"
import { interval, patiently } from "./Following.js"
import * as Log from "./Log.js"
import type { Store, Tail } from "./Store.js"

type Needs = FileSystem.FileSystem | Path.Path | Scope.Scope

export const postgres = ({
  shown,
  url
}: Extract<Address, { readonly _tag: "Postgres" }>): Effect.Effect<Store, CliError, Needs> =>
  Effect.gen(function* () {
    const { layer } = yield* load(shown, packages.postgres, () => import("@effect/sql-pg/PgClient"))
    return yield* make(shown, [], layer({ url, maxConnections: 2, applicationName: "registrar" }))
  })

export const sqlite = ({
  path,
  shown
}: Extract<Address, { readonly _tag: "Sqlite" }>): Effect.Effect<Store, CliError, Needs> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const info = yield* Effect.option(fs.stat(path))
    // The driver would say no more than that it cannot be opened.
    if (Option.isNone(info)) return yield* new CliError({ description: `There is no file '${path}'` })
    if (info.value.type !== "File") return yield* new CliError({ description: `'${path}' is no file` })
    const { layer } = yield* load(shown, packages.sqlite, () => import("@effect/sql-sqlite-node/SqliteClient"))
    const real = yield* Effect.orElseSucceed(fs.realPath(path), () => path)
    const files = ["", "-wal", "-shm", "-journal"].map((suffix) => real + suffix)
    // What is only read is not told how to write.
    return yield* make(shown, files, layer({ filename: path, readonly: true, disableWAL: true }))
  })

/** Longer than a query without an index takes. */
const timeout = "10 minutes"

const make = <E>(
  shown: string,
  files: ReadonlyArray<string>,
  client: Layer.Layer<SqlClient.SqlClient, E | SqlError.SqlError>
): Effect.Effect<Store, CliError, Scope.Scope> =>
  Effect.gen(function* () {
    const failed = ({ description, cause }: AuditStore.AuditStoreError) =>
      new CliError({ description: `'${shown}' cannot be read: ${description}`, cause })
    const layer = Layer.provide(SqlSink.layerStore({ migrate: false, timeout }), client)
    const store = yield* Layer.build(layer).pipe(
      Effect.map(Context.get(AuditStore.AuditStore)),
      Effect.catchAllCause((cause) => {
        if (Cause.isInterruptedOnly(cause)) return Effect.interrupt
        // A driver that cannot open anything throws.
        const error = Cause.squash(cause)
        return Effect.fail(
          error instanceof AuditStore.AuditStoreError
            ? error
            : Failure.toStoreError("", Cause.isDie(cause) ? { cause: error } : error)
        )
      }),
      Effect.mapError(failed),
      Effect.provide(Log.layer)
    )
    const toEffect = <A>(effect: Effect.Effect<A, AuditStore.AuditStoreError>) =>
      Effect.mapError(Effect.provide(effect, Log.layer), failed)
    const toStream = <A>(stream: Stream.Stream<A, AuditStore.AuditStoreError>) =>
      Stream.mapError(Stream.provideLayer(stream, Log.layer), failed)
    return {
      shown,
      files,
      size: toEffect(
        Effect.map(store.instances, (instances) => instances.reduce((sum, { head }) => sum + head.seq, 0))
      ),
      verify: (options) => toEffect(Effect.provideService(AuditStore.verify(options), AuditStore.AuditStore, store)),
      read: (filter) => toStream(read(store, filter)),
      tail: (options) => toStream(tail(store, shown, options))
    }
  })

const read = (store: AuditStore.Service, filter: Filter.Filter) => {
  const predicate = Filter.toPredicate(filter)
  const instance = Option.getOrUndefined(filter.instance)
  const query = Filter.toQuery(filter)
  // What is verified elsewhere must be in the order of its chain, and is as it is.
  if (instance !== undefined && Filter.isOpen(filter)) {
    return Stream.map(Stream.chunks(store.lines({ instance })), (lines) =>
      Chunk.toReadonlyArray(lines).flatMap(({ line }) => entryOfLine(instance, line, predicate))
    )
  }
  return Stream.map(Stream.chunks(store.stream({ ...query, order: "oldest-first" })), (records) =>
    Chunk.toReadonlyArray(records).flatMap(({ instance, record }) => entryOf(instance, record, predicate))
  )
}

// The last ones

type Seen = Map<string, number>

/** `shown` is what the store is called where it cannot be read for a time. */
export const tail = (store: AuditStore.Service, shown: string, { filter, isFollowing, lines }: Tail) =>
  Stream.unwrap(
    Effect.gen(function* () {
      if (!isFollowing) return Stream.fromEffect(last(store, filter, lines, undefined))
      // How far chains go is known before their records are looked for: what comes in between is shown as added.
      const seen: Seen = new Map((yield* store.instances).map(({ head, name }) => [name, head.seq]))
      const begin = Stream.fromEffect(last(store, filter, lines, seen))
      return Stream.concat(begin, Stream.repeatEffect(added(store, shown, filter, seen)))
    })
  )

const last = (store: AuditStore.Service, filter: Filter.Filter, lines: number, seen: Seen | undefined) =>
  Effect.gen(function* () {
    const predicate = Filter.toPredicate(filter)
    const query: AuditStore.Query = { ...Filter.toQuery(filter), order: "newest-first" }
    const found: Array<Entry> = []
    let after: AuditStore.Cursor | undefined
    while (found.length < lines) {
      // What the store cannot tell is told here, of more records than are missing.
      const limit = Math.min(longestPage, Math.max(shortestPage, lines - found.length))
      const { next, records } = yield* store.page(query, { limit, after })
      for (const { instance, record, seq } of records) {
        const isLater = seen !== undefined && seq > (seen.get(instance) ?? 0)
        if (!isLater) found.push(...entryOf(instance, record, predicate))
      }
      if (next === undefined) break
      after = next
    }
    return found.slice(0, lines).toReversed()
  })

const shortestPage = 100
const longestPage = 1000

/**
 * What comes after what was seen. The order of dates is not that in which records are stored: a transaction may come late, and a clock may
 * go back. The heads of the chains say what is there.
 */
const added = (store: AuditStore.Service, shown: string, filter: Filter.Filter, seen: Seen) =>
  Effect.gen(function* () {
    const predicate = Filter.toPredicate(filter)
    const isWanted = (name: string) => Option.isNone(filter.instance) || filter.instance.value === name
    for (;;) {
      const heads = yield* store.instances
      const behind = heads.filter(({ head, name }) => isWanted(name) && head.seq > (seen.get(name) ?? 0))
      if (behind.length === 0) {
        yield* Effect.sleep(interval)
        continue
      }
      const parts = yield* Effect.forEach(behind, ({ head, name }) =>
        store.lines({ instance: name, after: seen.get(name) ?? 0 }).pipe(
          Stream.take(longestPage),
          Stream.runCollect,
          Effect.map((lines) => ({ name, head, lines: Chunk.toReadonlyArray(lines) }))
        )
      )
      // Those that are missing are for a verifier to find.
      for (const { head, lines, name } of parts) seen.set(name, lines.at(-1)?.seq ?? head.seq)
      const entries = byDate(
        parts.map(({ lines, name }) => lines.flatMap(({ line }) => entryOfLine(name, line, predicate)))
      )
      if (entries.length > 0) return entries
    }
  }).pipe(patiently(shown))

/** One order for the records of several chains, each of which keeps its own. */
const byDate = (parts: ReadonlyArray<ReadonlyArray<Entry>>): ReadonlyArray<Entry> =>
  parts
    .flatMap((entries) => {
      let date = ""
      return entries.map((entry) => {
        if (entry._tag === "Record" && entry.record.date > date) date = entry.record.date
        return { entry, date }
      })
    })
    .sort((a, b) => (a.date < b.date ? -1 : a.date > b.date ? 1 : 0))
    .map(({ entry }) => entry)
