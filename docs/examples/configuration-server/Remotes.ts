/**
 * Where the audit trail goes besides its file: a database, a stream, a collector, as far as they are set. Each is behind a spool of its
 * own, so that the server starts and goes on without it, and nothing that it has missed is lost.
 */
import { FetchHttpClient, FileSystem } from "@effect/platform"
import type { SqlClient } from "@effect/sql"
import { PgClient } from "@effect/sql-pg"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { Effect, Layer, Redacted, Schedule } from "effect"
import type { AuditSink } from "effect-registrar"
import * as AuditConsumer from "effect-registrar/AuditConsumer"
import * as NatsSink from "effect-registrar/AuditSink/Nats"
import * as OtlpSink from "effect-registrar/AuditSink/Otlp"
import * as Spool from "effect-registrar/AuditSink/Spool"
import * as SqlSink from "effect-registrar/AuditSink/Sql"
import type { Settings } from "./Settings.js"
import * as StartError from "./StartError.js"

const isSqlite = /^sqlite:(?:\/\/)?/

const database = (url: Redacted.Redacted): Layer.Layer<SqlClient.SqlClient, unknown> =>
  isSqlite.test(Redacted.value(url))
    ? SqliteClient.layer({ filename: Redacted.value(url).replace(isSqlite, "") })
    : // Without a limit it waits for ever for a server that takes connections and does not answer; old connections may be dead.
      PgClient.layer({ url, connectTimeout: "5 seconds", connectionTTL: "5 minutes" })

/** The sinks of those that are set. */
export const sinks = (settings: Settings) => {
  const { databaseUrl, instance, natsUrl } = settings
  const spooled = <E, R>(name: string, remote: Layer.Layer<AuditSink.AuditSink, E, R>) =>
    remote.pipe(
      Spool.through({ path: `${settings.logDir}/spool/${name}.jsonl`, instance, closeWithin: "2 seconds" }),
      Layer.provide(folder(`${settings.logDir}/spool`))
    )
  return [
    ...(natsUrl === undefined ? [] : [spooled("nats", NatsSink.layer({ servers: Redacted.value(natsUrl), instance }))]),
    // With a stream, what lands in the database comes from there.
    ...(databaseUrl === undefined || natsUrl !== undefined
      ? []
      : [spooled("database", Layer.provide(SqlSink.layer({ instance }), database(databaseUrl)))]),
    ...(settings.sendsToCollector
      ? [spooled("otlp", Layer.provide(OtlpSink.layerConfig(), FetchHttpClient.layer))]
      : [])
  ]
}

/** Lands what all instances have put into the stream in the database, once both are there. */
export const consumer = ({ databaseUrl, natsUrl }: Settings): Layer.Layer<never> => {
  if (databaseUrl === undefined || natsUrl === undefined) return Layer.empty
  const consumer = AuditConsumer.layer({ servers: Redacted.value(natsUrl) }).pipe(
    Layer.provide(SqlSink.layerStore()),
    Layer.provide(database(databaseUrl))
  )
  return Layer.launch(consumer).pipe(
    Effect.tapError((error) => Effect.logWarning("The audit consumer cannot work yet; it is tried again", error)),
    Effect.retry(Schedule.jittered(Schedule.spaced("10 seconds"))),
    // What cannot be interrupted must not hold up the end.
    Effect.disconnect,
    Effect.forkScoped,
    Layer.scopedDiscard
  )
}

const folder = (path: string) =>
  FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => fs.makeDirectory(path, { recursive: true })),
    Effect.mapError(StartError.fromPlatform("The folder LOG_DIR")),
    Layer.effectDiscard
  )
