/** The store in PostgreSQL. */
import { SqlClient } from "@effect/sql"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect } from "effect"
import { allOf, chained, nonEmpty, seqs } from "../support/chains.js"
import { connected, postgres, schema, schemaUrl } from "../support/sqlDatabases.js"
import { describeStore, reasonOf, withStore } from "../support/sqlStore.js"

describeStore("PostgreSQL", postgres, { startsTogether: true })

describe("PostgreSQL", () => {
  it.scopedLive("has a partition for each month, made when its first record comes", () =>
    Effect.flatMap(postgres, (database) =>
      withStore(database, (store) =>
        Effect.gen(function* () {
          const dates = [
            "2023-12-31T23:59:59.999Z",
            "2024-01-01T00:00:00.000Z",
            "2024-01-31T23:59:59.999Z",
            "2024-03-01T00:00:00.000Z"
          ]
          yield* store.append(nonEmpty(chained(dates.map((date) => ({ date })))))
          const sql = yield* SqlClient.SqlClient
          const partitions = yield* sql<{ readonly name: string; readonly count: string }>`
            SELECT tableoid::regclass::text AS name, count(*) AS count FROM audit_records GROUP BY 1 ORDER BY 1`
          assert.deepStrictEqual(
            partitions.map(({ count, name }) => [name, Number(count)]),
            [
              ["audit_records_2023_12", 1],
              ["audit_records_2024_01", 2],
              ["audit_records_2024_03", 1]
            ]
          )
          for (const table of ["audit_records", "audit_records_2024_01", "audit_instances"]) {
            const { cause } = yield* Effect.flip(sql`TRUNCATE ${sql(table)} CASCADE`)
            assert.include(String(cause), "append-only")
          }
          const { cause } = yield* Effect.flip(sql`DELETE FROM audit_records_2024_01`)
          assert.include(String(cause), "append-only")
        })
      )
    )
  )

  it.scopedLive("goes on with its chains after their months were taken away", () =>
    Effect.flatMap(postgres, (database) =>
      Effect.gen(function* () {
        const [first, second] = chained([{}, { date: "2024-02-01T00:00:00.000Z" }])
        const away = [
          "ALTER TABLE audit_records DETACH PARTITION audit_records_2024_01",
          "ALTER TABLE audit_records_2024_01 RENAME TO kept_2024_01"
        ]
        yield* withStore(database, (store) =>
          Effect.gen(function* () {
            yield* store.append(nonEmpty([first!]))
            const sql = yield* SqlClient.SqlClient
            for (const statement of away) yield* sql.unsafe(statement)
            // Given again, as after a restart of a spool: it is there no more, and nobody has taken its place.
            yield* store.append(nonEmpty([first!]))
            yield* store.append(nonEmpty([first!, second!]))
            assert.deepStrictEqual(seqs(yield* allOf(store, "a")), [2])
            const { head } = yield* store.ends("a")
            assert.deepStrictEqual(head, { seq: 2, hash: second!.hash })
          })
        )
      })
    )
  )

  it.scopedLive("stores nothing but what the heads of the chains say, whoever asks for it", () =>
    Effect.flatMap(postgres, (database) =>
      withStore(database, (store) =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const zeros = "0".repeat(64)
          const append = (chain: ReadonlyArray<unknown>, rows: ReadonlyArray<readonly [string, number, string]>) =>
            sql.unsafe(`SELECT audit_append(${Arr.makeBy(15, (at) => `$${at + 1}`).join(", ")})`, [
              ...chain.map((value) => [value]),
              rows.map(([instance]) => instance),
              rows.map(([, seq]) => seq),
              rows.map(([, , date]) => date),
              ...[1, "t", null, null, null, "m", "l"].map((value) => rows.map(() => value))
            ])
          const date = "2024-01-01T00:00:00Z"
          for (const [chain, rows] of [
            [["a", 1, zeros, 1, "h"], [["a", 2, date]]],
            [["a", 1, zeros, 1000, "h"], [["a", 1, date]]],
            [
              ["a", 1, zeros, 2, "h"],
              [
                ["a", 1, date],
                ["a", 1, "2024-02-01T00:00:00Z"]
              ]
            ],
            [
              ["a", 1, zeros, 1, "h"],
              [
                ["a", 1, date],
                ["b", 1, date]
              ]
            ],
            [["a", 1, zeros, 1, "h"], []],
            [["a", 1, zeros, 1, "h"], [["a", 1, "2027-01-01T00:00:00Z BC"]]],
            [["a", 1, zeros, 1, "h"], [["a", 1, "infinity"]]]
          ] as const) {
            const { cause } = yield* Effect.flip(append(chain, rows))
            assert.include(String(cause), "not those of the chains", JSON.stringify(rows))
          }
          assert.deepStrictEqual(yield* store.instances, [])
          yield* append(["a", 1, zeros, 1, "h"], [["a", 1, date]])
          assert.strictEqual((yield* store.instances).length, 1)
        })
      )
    )
  )

  it.scopedLive("makes partitions while others read", () =>
    Effect.flatMap(postgres, (database) =>
      withStore(database, (store) =>
        Effect.gen(function* () {
          const records = chained(["2024-01-01", "2024-02-01"].map((day) => ({ date: `${day}T00:00:00.000Z` })))
          yield* store.append(nonEmpty(records.slice(0, 1)))
          const sql = yield* SqlClient.SqlClient
          // A transaction that has read the table holds its lock until it ends.
          yield* sql.withTransaction(
            Effect.gen(function* () {
              yield* sql`SELECT count(*) FROM audit_records`
              yield* withStore(database, (other) => other.append(nonEmpty(records.slice(1))))
            })
          )
          assert.deepStrictEqual(seqs(yield* allOf(store, "a")), [1, 2])
        })
      )
    )
  )

  it.scopedLive("lets a role write that may do nothing else", () =>
    Effect.gen(function* () {
      const name = yield* schema
      const role = `${name}_writer`
      const owner = connected(schemaUrl(name))
      yield* withStore(owner, () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          // As docs/guides/audit-store.md says.
          yield* sql.unsafe(`CREATE ROLE "${role}"`)
          yield* sql.unsafe(`GRANT USAGE ON SCHEMA "${name}" TO "${role}"`)
          yield* sql.unsafe(`GRANT EXECUTE ON FUNCTION audit_append TO "${role}"`)
          yield* sql.unsafe(`GRANT SELECT ON audit_records, audit_instances TO "${role}"`)
        })
      )
      yield* Effect.addFinalizer(() =>
        Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`)).pipe(
          Effect.provide(owner),
          Effect.orDie
        )
      )
      const writer = connected(schemaUrl(name, role))
      yield* withStore(
        writer,
        (store) =>
          Effect.gen(function* () {
            const records = chained(["2024-01-01", "2024-02-01"].map((day) => ({ date: `${day}T00:00:00.000Z` })))
            yield* store.append(nonEmpty(records))
            assert.deepStrictEqual(seqs(yield* allOf(store, "a")), [1, 2])
            const sql = yield* SqlClient.SqlClient
            // What runs with the owner's rights must not be led to a table of the caller's, with triggers of its own.
            yield* sql.withTransaction(
              Effect.gen(function* () {
                yield* sql`CREATE TEMPORARY TABLE audit_instances (instance text PRIMARY KEY, from_seq bigint, from_hash text, seq bigint, hash text) ON COMMIT DROP`
                yield* store.append(nonEmpty(chained([{}], "temporary")))
              })
            )
            assert.deepStrictEqual(
              (yield* store.instances).map(({ name }) => name),
              ["a", "temporary"]
            )
            for (const statement of [
              "INSERT INTO audit_records (instance, seq, date, level, type, message, line) VALUES ('a', 9, now(), 1, '', '', '')",
              "UPDATE audit_records SET message = ''",
              "DELETE FROM audit_records",
              "TRUNCATE audit_records",
              "DROP TABLE audit_records",
              "ALTER TABLE audit_records DISABLE TRIGGER ALL",
              "INSERT INTO audit_instances VALUES ('b', 0, '', 1, '')",
              "UPDATE audit_instances SET seq = 100",
              "SELECT audit_partition('2024-05-01')"
            ]) {
              const { cause } = yield* Effect.flip(sql.unsafe(statement))
              assert.match(String(cause), /permission denied|must be owner/, statement)
            }
          }),
        { migrate: false }
      )
      assert.strictEqual(
        yield* reasonOf(withStore(connected(schemaUrl("pg_catalog", role)), () => Effect.void)),
        "Unwritable"
      )
    })
  )
})
