/** The store in SQLite. That in PostgreSQL is shown in `test/services`. */
import { sqlite } from "../support/sqlDatabases.js"
import { describeStore } from "../support/sqlStore.js"

describeStore("SQLite", sqlite, { startsTogether: false })
