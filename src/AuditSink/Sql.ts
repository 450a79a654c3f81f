/**
 * Audit records in a SQL database: PostgreSQL, or SQLite where a store is wanted that can be searched and needs no server.
 *
 * A batch is one statement. It is durable when the database has committed it, and stored once however often it is given. The
 * database itself keeps the trail append-only: it refuses updates and deletions, and a chain with a gap or a fork in it.
 * On PostgreSQL the table is partitioned by month, and an application may write with no right but that of calling one function.
 *
 * The driver is the application's choice: `@effect/sql-pg` or `@effect/sql-sqlite-node`.
 *
 * @example
 * import { NodeContext } from "@effect/platform-node"
 * import { SqliteClient } from "@effect/sql-sqlite-node"
 * import { AuditRecord, AuditSink, AuditStore } from "effect-registrar"
 * import * as SqlSink from "effect-registrar/AuditSink/Sql"
 * import { Effect, Layer } from "effect"
 *
 * const trail = SqlSink.layer({ instance: "web-1" }).pipe(
 *   Layer.provide(SqliteClient.layer({ filename: ":memory:" })),
 *   Layer.provide(NodeContext.layer)
 * )
 *
 * const record = AuditRecord.make({
 *   level: "INFO",
 *   date: "2024-01-31T12:00:00.000Z",
 *   message: "ada has read the key a",
 *   event: { type: "keys-read", details: { user: "ada", id: "a" } },
 *   source: "keys"
 * })
 *
 * const program = Effect.gen(function* () {
 *   const sink = yield* AuditSink.AuditSink
 *   yield* sink.write([record])
 *   const store = yield* AuditStore.AuditStore
 *   const { records } = yield* store.page({ user: "ada", text: "key" })
 *   console.log(records.map(({ instance, seq, record }) => `${instance} ${seq}: ${record.message}`)) // [ 'web-1 2: ada has read the key a' ]
 * })
 *
 * Effect.runPromise(Effect.provide(program, trail))
 */
import type { FileSystem } from "@effect/platform"
import { SqlClient } from "@effect/sql"
import { type Duration, Effect, Layer, type Scope } from "effect"
import * as AuditLedger from "../AuditLedger.js"
import { AuditSink, type AuditSinkError, type Service } from "../AuditSink.js"
import { AuditStore, type AuditStoreError, type Service as Store } from "../AuditStore.js"
import * as Append from "./Sql/Append.js"
import * as Failure from "./Sql/Failure.js"
import * as Migrations from "./Sql/Migrations.js"
import * as Select from "./Sql/Select.js"

/**
 * @category models
 */
export interface StoreOptions {
  /**
   * Makes the tables where they are missing, and brings them up to date. With `false` somebody else does, with `migrate`, such as a
   * role that owns them. Default: `true`.
   */
  readonly migrate?: boolean | undefined
  /** How long the database may take for a batch, or for a part of an answer. Default: 30 seconds. */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * @category models
 */
export interface Options extends StoreOptions, AuditLedger.Options {}

/**
 * The store in the database. Fails where the tables are not there, or the database is not.
 *
 * @category constructors
 */
export const makeStore = (options: StoreOptions = {}): Effect.Effect<Store, AuditStoreError, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const guarded = Failure.guard(sql, options.timeout ?? "30 seconds")
    yield* guarded(durably(sql))
    if (options.migrate !== false) yield* migrate
    const select = Select.make(sql, guarded)
    // A database that is missing, or without its tables, is noticed before anything starts.
    yield* select.instances
    return { name: Failure.nameOf(sql), append: Append.make(sql, guarded), ...select }
  })

/** SQLite syncs only now and then where it writes ahead, unless it is told to with each commit. What it may forget needs no file. */
const durably = (sql: SqlClient.SqlClient) =>
  sql.onDialectOrElse({
    sqlite: () => Effect.zipRight(sql`PRAGMA synchronous = FULL`, sql`PRAGMA temp_store = MEMORY`),
    orElse: () => Effect.void
  })

/**
 * Makes the tables where they are missing, and brings them up to date. Safe to be run by several programs at once.
 *
 * @category constructors
 */
export const migrate: Effect.Effect<void, AuditStoreError, SqlClient.SqlClient> = Migrations.run

/**
 * A sink that writes the trail of one instance.
 *
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<Service, AuditSinkError, SqlClient.SqlClient | FileSystem.FileSystem | Scope.Scope> =>
  makeStore(options).pipe(
    Effect.mapError(AuditLedger.toSinkError),
    Effect.flatMap((store) => AuditLedger.sink(store, options))
  )

/**
 * The store alone, for those who read.
 *
 * @category layers
 */
export const layerStore = (options?: StoreOptions): Layer.Layer<AuditStore, AuditStoreError, SqlClient.SqlClient> =>
  Layer.effect(AuditStore, makeStore(options))

/**
 * The sink and the store, as Layers.
 *
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<AuditSink | AuditStore, AuditSinkError, SqlClient.SqlClient | FileSystem.FileSystem> =>
  Layer.scoped(
    AuditSink,
    Effect.flatMap(AuditStore, (store) => AuditLedger.sink(store, options))
  ).pipe(Layer.provideMerge(Layer.mapError(layerStore(options), AuditLedger.toSinkError)))
