// Records into PostgreSQL: a schema of its own each time.
import { PgClient } from "@effect/sql-pg"
import { Redacted } from "effect"
import { stopwatch } from "../measure.mjs"
import { serverCpu, withSchema } from "../postgres.mjs"
import * as Store from "./store.mjs"

/** What the server has used is counted as well. */
const stopwatchOfBoth = () => {
  const before = serverCpu()
  const taken = stopwatch()
  return () => ({ ...taken(), server: serverCpu() - before })
}

const withTables = async (_folder, use) => {
  const before = serverCpu()
  const { server, ...result } = await withSchema(({ client, url }) =>
    use({
      layer: PgClient.layer({ url: Redacted.make(url) }),
      client,
      open: () => client.query("SELECT audit_partition($1)", [Store.month]),
      placeholder: (at) => `$${at + 1}`,
      insert: (text) => (values) => client.query(text, values),
      stopwatch: stopwatchOfBoth,
      count: async () => Number((await client.query("SELECT count(*) FROM audit_records")).rows[0].count)
    })
  )
  return { ...result, server: server / result.count, elsewhere: serverCpu() - before }
}

export const contestants = {
  ...Store.contestants(withTables),
  prepared: Store.insertingWith(
    withTables,
    ({ client }, text) =>
      (values) =>
        client.query({ name: "insert", text, values })
  )
}
