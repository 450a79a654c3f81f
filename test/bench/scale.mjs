// Searches in a store that holds many records: it is filled once, for all cases.
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { fill } from "./fill.mjs"
import { withSchema } from "./postgres.mjs"
import { inChild, interleave } from "./rounds.mjs"

/** Gives `use` the setting with the address of the store. Its tables are those that the library makes. */
export const around = (setting, use) =>
  withSchema(async ({ url }) => {
    // Not before it is needed: a run of other parts may do without the database, and without this module.
    const SqlSink = await import("../../dist/AuditSink/Sql.js")
    await Effect.runPromise(Effect.provide(SqlSink.migrate, PgClient.layer({ url: Redacted.make(url) })))
    await fill({ url, rows: setting.rows })
    return use({ ...setting, store: url })
  })

/** They are slower than what else is measured, and differ less: three rounds. */
export const compare = (each, { folder, rows, store }) =>
  interleave({ ...each, rounds: 3 }, inChild(each.work, folder, [store, String(rows)]))
