/** What the verifier says of a store in SQLite. PostgreSQL is in `test/services`. */
import { sqlite } from "./support/sqlDatabases.js"
import { describeAttacks } from "./support/storeAttacks.js"

describeAttacks("SQLite", sqlite, {
  "makes a line of bytes": [
    (sql) => sql`UPDATE audit_records SET line = x'00ff' WHERE instance = 'web-2' AND seq = 7`,
    "web-2",
    "NotChained"
  ],
  "makes a number of text": [
    (sql) => sql`UPDATE audit_records SET seq = 'seven' WHERE instance = 'web-2' AND seq = 7`,
    "web-2",
    "ColumnMismatch"
  ],
  "makes the last number larger than a double can hold": [
    (sql) => sql`UPDATE audit_records SET seq = 9000000000000000001 WHERE instance = 'web-3' AND seq = 22`,
    "web-3",
    "ColumnMismatch"
  ],
  "makes a number of another kind": [
    (sql) => sql`UPDATE audit_records SET seq = 7.5, level = 'loud' WHERE instance = 'web-2' AND seq = 7`,
    "web-2",
    "ColumnMismatch"
  ]
})
