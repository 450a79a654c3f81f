/** Databases of their own, each made for one test and gone after it. */
import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import type { SqlClient } from "@effect/sql"
import { PgClient } from "@effect/sql-pg"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { Effect, Layer, Redacted, type Scope } from "effect"
import { randomUUID } from "node:crypto"
import { databaseUrl } from "./services.js"

/** Opens a connection each time it is built. */
export type Database = Layer.Layer<SqlClient.SqlClient>

export const sqlite: Effect.Effect<Database, never, Scope.Scope> = FileSystem.FileSystem.pipe(
  Effect.flatMap((fs) => fs.makeTempDirectoryScoped()),
  Effect.map((folder) => Layer.orDie(SqliteClient.layer({ filename: `${folder}/audit.db` }))),
  Effect.provide(NodeFileSystem.layer),
  Effect.orDie
)

/** The address of a schema in the database of the tests, or of another role's. */
export const schemaUrl = (schema: string, role?: string): string => {
  const url = new URL(databaseUrl)
  url.searchParams.set("options", `-c search_path=${schema}${role === undefined ? "" : ` -c role=${role}`}`)
  return url.href.replaceAll("+", "%20")
}

const admin = <A, E>(use: (sql: SqlClient.SqlClient) => Effect.Effect<A, E>) =>
  Effect.flatMap(PgClient.PgClient, use).pipe(
    Effect.provide(PgClient.layer({ url: Redacted.make(databaseUrl) })),
    Effect.orDie
  )

export const schema: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.suspend(() => {
    const name = `test_${randomUUID().replaceAll("-", "")}`
    return Effect.as(
      admin((sql) => sql`CREATE SCHEMA ${sql(name)}`),
      name
    )
  }),
  (name) => admin((sql) => sql`DROP SCHEMA ${sql(name)} CASCADE`)
)

export const connected = (url: string): Database => Layer.orDie(PgClient.layer({ url: Redacted.make(url) }))

export const postgres: Effect.Effect<Database, never, Scope.Scope> = Effect.map(schema, (name) =>
  connected(schemaUrl(name))
)
