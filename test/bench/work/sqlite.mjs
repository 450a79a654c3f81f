// Records into SQLite: a file of its own each time, on the disk that the other files are on.
import { SqliteClient } from "@effect/sql-sqlite-node"
import { mkdtempSync } from "node:fs"
import { join } from "node:path"
import { Sqlite } from "../drivers.mjs"
import { stopwatch } from "../measure.mjs"
import * as Store from "./store.mjs"

/** As durable as the sink: it syncs with each commit. */
const open = (filename) => {
  const client = new Sqlite(filename)
  client.pragma("journal_mode = WAL")
  client.pragma("synchronous = FULL")
  return client
}

const withFile = async (folder, use) => {
  const filename = join(mkdtempSync(join(folder, "sqlite-")), "audit.db")
  let client
  try {
    return await use({
      layer: SqliteClient.layer({ filename }),
      open: () => (client = open(filename)),
      placeholder: () => "?",
      insert: (text) => {
        const statement = client.prepare(text)
        return (values) => statement.run(values)
      },
      stopwatch,
      count: () => (client ??= open(filename)).prepare("SELECT count(*) AS count FROM audit_records").get().count
    })
  } finally {
    client?.close()
  }
}

export const contestants = Store.contestants(withFile)
