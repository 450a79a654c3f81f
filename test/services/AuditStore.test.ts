/** What the verifier says of a store in PostgreSQL. */
import { Effect } from "effect"
import { postgres } from "../support/sqlDatabases.js"
import { describeAttacks } from "../support/storeAttacks.js"

describeAttacks("PostgreSQL", postgres, {
  "takes a line away": [
    (sql) =>
      Effect.all([
        sql`ALTER TABLE audit_records ALTER COLUMN line DROP NOT NULL`,
        sql`UPDATE audit_records SET line = NULL WHERE instance = 'web-2' AND seq = 7`
      ]),
    "web-2",
    "NotChained"
  ],
  "moves one beyond all time": [
    (sql) =>
      Effect.all([
        sql`CREATE TABLE beyond PARTITION OF audit_records DEFAULT`,
        sql`UPDATE audit_records SET date = 'infinity' WHERE instance = 'web-2' AND seq = 7`
      ]),
    "web-2",
    "ColumnMismatch"
  ]
})
