/**
 * Why a database did not do what it was asked for, in sentences for whoever has to mend it. Drivers' errors end here.
 */
import type { SqlClient, SqlError } from "@effect/sql"
import { type Duration, Effect, Predicate } from "effect"
import { AuditStoreError } from "../../AuditStore.js"

export const nameOf = (sql: SqlClient.SqlClient): string =>
  sql.onDialectOrElse({ pg: () => "PostgreSQL", sqlite: () => "SQLite", orElse: () => "SQL" })

/** Ends what takes too long, and says in our words why something fails. */
export type Guard = <A>(
  effect: Effect.Effect<A, SqlError.SqlError | AuditStoreError>
) => Effect.Effect<A, AuditStoreError>

export const guard = (sql: SqlClient.SqlClient, timeout: Duration.DurationInput): Guard => {
  const store = nameOf(sql)
  const tooLate = new AuditStoreError({
    store,
    reason: "Unavailable",
    description: "it did not answer in time: nobody knows whether it did what it was asked for"
  })
  return (effect) =>
    effect.pipe(
      // What hangs may hang in its own end as well.
      Effect.disconnect,
      Effect.timeoutFail({ duration: timeout, onTimeout: () => tooLate }),
      Effect.mapError((error) => (error instanceof AuditStoreError ? error : toStoreError(store, error)))
    )
}

export const toStoreError = (store: string, error: unknown): AuditStoreError => {
  const cause = rootOf(error)
  const code = codeOf(cause)
  const [, reason, problem] = problems.find(([codes]) => codes.test(code)) ?? [
    code,
    "Unavailable",
    `it could not be used (${messageOf(cause)})`
  ]
  return new AuditStoreError({
    store,
    reason,
    description: code === "" ? problem : `${problem} (${code})`,
    cause: error
  })
}

/** What the driver said: a migration that fails has the failure of a statement as its cause, and that has the driver's. */
const rootOf = (error: unknown): unknown =>
  Predicate.hasProperty(error, "cause") && error.cause !== undefined && codeOf(error) === ""
    ? rootOf(error.cause)
    : error

/** SQLSTATE, SQLite's result code, or the operating system's. A connection that cannot be made has several. */
const codeOf = (cause: unknown): string => {
  if (Predicate.hasProperty(cause, "code") && typeof cause.code === "string") return cause.code
  if (Predicate.hasProperty(cause, "errors") && Array.isArray(cause.errors)) return codeOf(cause.errors[0])
  return ""
}

const messageOf = (cause: unknown): string => {
  const message = cause instanceof Error ? cause.message : String(cause)
  return message.startsWith("Could not locate the bindings file")
    ? "its driver was not built: allow the install script of 'better-sqlite3', and run 'npm rebuild better-sqlite3'"
    : message
}

const problems: ReadonlyArray<readonly [codes: RegExp, reason: AuditStoreError["reason"], problem: string]> = [
  [
    /^ECONN|^EPIPE|^ETIMEDOUT|^ENETUNREACH|^EHOSTUNREACH|^08|^57P/,
    "Unavailable",
    "it cannot be reached, or has ended the connection"
  ],
  [/^ENOTFOUND|^EAI_AGAIN/, "Unavailable", "its host name is not known: correct it, or wait for the name service"],
  [/^53300/, "Unavailable", "it has too many connections: raise its limit, or lower 'maxConnections'"],
  [/^53100|^SQLITE_FULL/, "Full", "its disk is full: free some space"],
  [/^53/, "Unavailable", "it has run out of memory or of another resource"],
  [/^28/, "Misconfigured", "it does not let this user in: correct the user or the password"],
  [/^3D000/, "Misconfigured", "there is no such database: create it, or correct its name"],
  [/^42501/, "Unwritable", "this role may not do that: grant it what 'docs/guides/audit-store.md' says"],
  [
    /^42P01|^42883|^3F000|^SQLITE_ERROR/,
    "Misconfigured",
    "its tables are missing or old: run the migrations, or let the sink do it"
  ],
  [/^25006|^SQLITE_READONLY/, "Unwritable", "it is read-only"],
  [
    /^SQLITE_CANTOPEN|^SQLITE_PERM|^SQLITE_AUTH/,
    "Unwritable",
    "its file cannot be opened: correct the path or its rights"
  ],
  [/^SQLITE_BUSY|^SQLITE_LOCKED/, "Unavailable", "another program holds its lock"],
  [
    /^SQLITE_CORRUPT|^SQLITE_NOTADB/,
    "Unwritable",
    "its file is damaged, or is no database: restore it, or give another path"
  ]
]
