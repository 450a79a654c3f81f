/** What the verifier of a store says of what its owner does to it, shown for each database in the same way. */
import { assert, describe, it } from "@effect/vitest"
import { SqlClient } from "@effect/sql"
import { Deferred, Effect, Either, Fiber, Layer, type Scope } from "effect"
import * as AuditChain from "../../src/AuditChain.js"
import type * as AuditFleet from "../../src/AuditFleet.js"
import * as SqlSink from "../../src/AuditSink/Sql.js"
import * as AuditStore from "../../src/AuditStore.js"
import { forged, recordOf, type Trail, trail } from "./fleets.js"
import { nonEmpty } from "./chains.js"
import type { Database } from "./sqlDatabases.js"

export const storedOf = ({ lines, name }: Trail) =>
  nonEmpty(lines.map((line) => Either.getOrThrow(AuditStore.fromLine(name, line))))

/** As whoever owns the database: what keeps the trail append-only is switched off first. */
export const asOwner = <A, E>(attack: Effect.Effect<A, E, SqlClient.SqlClient>) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const switchOff = sql.onDialectOrElse({
      pg: () => Effect.asVoid(sql`SET LOCAL session_replication_role = replica`),
      orElse: () =>
        Effect.flatMap(sql<{ readonly name: string }>`SELECT name FROM sqlite_schema WHERE type = 'trigger'`, (found) =>
          Effect.forEach(found, ({ name }) => sql`DROP TRIGGER ${sql(name)}`, { discard: true })
        )
    })
    yield* sql.withTransaction(Effect.zipRight(switchOff, attack))
  })

const trails = [trail("web-1", [1200]), trail("web-2", [20]), trail("web-3", [20])]

type Attack = (sql: SqlClient.SqlClient) => Effect.Effect<unknown, unknown>

/** Another record in the place of `seq`, a month later, because PostgreSQL has the key of the date as well. */
const insert =
  (instance: string, seq: number, line: string): Attack =>
  (sql) =>
    sql`INSERT INTO audit_records ${sql.insert({ instance, seq, date: "2024-01-31T23:00:00.000Z", level: 1, type: "test-event", user_name: null, ip: null, request_id: null, message: "", line })}`

const lineOf = (instance: string, seq: number) => trails.find(({ name }) => name === instance)!.lines[seq - 1]!

const attacks: Readonly<Record<string, readonly [Attack, string, AuditFleet.Reason]>> = {
  "changes the user that a record is found by": [
    (sql) => sql`UPDATE audit_records SET user_name = 'somebody' WHERE instance = 'web-2' AND seq = 7`,
    "web-2",
    "ColumnMismatch"
  ],
  "takes the user away": [
    (sql) => sql`UPDATE audit_records SET user_name = NULL WHERE instance = 'web-2' AND seq = 7`,
    "web-2",
    "ColumnMismatch"
  ],
  "changes its type": [
    (sql) => sql`UPDATE audit_records SET type = 'harmless' WHERE instance = 'web-2' AND seq = 7`,
    "web-2",
    "ColumnMismatch"
  ],
  "changes its level": [
    (sql) => sql`UPDATE audit_records SET level = 0 WHERE instance = 'web-2' AND seq = 7`,
    "web-2",
    "ColumnMismatch"
  ],
  "changes its date by a millisecond": [
    (sql) =>
      sql.onDialectOrElse({
        pg: () => sql`UPDATE audit_records SET date = date + interval '1 ms' WHERE instance = 'web-2' AND seq = 7`,
        orElse: () =>
          sql`UPDATE audit_records SET date = substr(date, 1, 20) || '001Z' WHERE instance = 'web-2' AND seq = 7`
      }),
    "web-2",
    "ColumnMismatch"
  ],
  "changes the message and the address": [
    (sql) => sql`UPDATE audit_records SET message = 'nothing', ip = '::1' WHERE instance = 'web-2' AND seq = 7`,
    "web-2",
    "ColumnMismatch"
  ],
  "changes a line": [
    (sql) => sql`UPDATE audit_records SET line = replace(line, 'user-', 'USER-') WHERE instance = 'web-2' AND seq = 7`,
    "web-2",
    "Modified"
  ],
  "empties a line": [
    (sql) => sql`UPDATE audit_records SET line = '' WHERE instance = 'web-2' AND seq = 7`,
    "web-2",
    "NotChained"
  ],
  "deletes one": [(sql) => sql`DELETE FROM audit_records WHERE instance = 'web-1' AND seq = 700`, "web-1", "Missing"],
  "deletes the last ones": [
    (sql) => sql`DELETE FROM audit_records WHERE instance = 'web-1' AND seq > 1000`,
    "web-1",
    "Cut"
  ],
  "deletes an instance": [(sql) => sql`DELETE FROM audit_records WHERE instance = 'web-3'`, "web-3", "Absent"],
  "deletes all": [(sql) => sql`DELETE FROM audit_records`, "web-3", "Absent"],
  "gives two records each other's place": [
    (sql) =>
      Effect.forEach(
        [
          [7, 100],
          [8, 7],
          [100, 8]
        ] as const,
        ([from, to]) => sql`UPDATE audit_records SET seq = ${to} WHERE instance = 'web-2' AND seq = ${from}`
      ),
    "web-2",
    "Missing"
  ],
  "moves one to the end": [
    (sql) => sql`UPDATE audit_records SET seq = 9000000000000000001 WHERE instance = 'web-2' AND seq = 7`,
    "web-2",
    "ColumnMismatch"
  ],
  "gives an instance another name": [
    (sql) => sql`UPDATE audit_records SET instance = 'job-1' WHERE instance = 'web-2'`,
    "job-1",
    "Renamed"
  ],
  "copies an instance": [
    (sql) => Effect.forEach(trails[1]!.lines, (line, index) => insert("job-1", index + 1, line)(sql)),
    "job-1",
    "Renamed"
  ],
  "adds an instance": [
    (sql) => insert("ghost", 1, AuditChain.link(AuditChain.genesis, recordOf(1).line).line)(sql),
    "ghost",
    "HeadMismatch"
  ],
  "adds what is no record": [
    (sql) => insert("ghost", 1, AuditChain.link(AuditChain.genesis, '{"message":"hello","source":"app"}').line)(sql),
    "ghost",
    "ColumnMismatch"
  ],
  "sets a head back": [
    (sql) => sql`UPDATE audit_instances SET seq = 3 WHERE instance = 'web-2'`,
    "web-2",
    "HeadMismatch"
  ],
  "changes the hash of a head": [
    (sql) => sql`UPDATE audit_instances SET hash = from_hash WHERE instance = 'web-2'`,
    "web-2",
    "HeadMismatch"
  ],
  "deletes a head": [(sql) => sql`DELETE FROM audit_instances WHERE instance = 'web-2'`, "web-2", "HeadMismatch"]
}

/** Without what tells two records from one another. */
const withoutKeys = (sql: SqlClient.SqlClient): Effect.Effect<unknown, unknown> =>
  sql.onDialectOrElse({
    pg: (): Effect.Effect<unknown, unknown> => sql`ALTER TABLE audit_records DROP CONSTRAINT audit_records_pkey`,
    orElse: () =>
      Effect.all([
        sql`CREATE TABLE others AS SELECT * FROM audit_records`,
        sql`DROP TABLE audit_records`,
        sql`ALTER TABLE others RENAME TO audit_records`
      ])
  })

const columns = "instance, seq, date, level, type, user_name, ip, request_id, message, line"

const verified = Effect.map(AuditStore.verify(), ({ problems }) =>
  problems.map(({ instance, reason }) => [instance, reason] as const)
)

export const describeAttacks = (
  name: string,
  database: Effect.Effect<Database, never, Scope.Scope>,
  own: typeof attacks
) => {
  const withTrails = <A, E>(body: Effect.Effect<A, E, AuditStore.AuditStore | SqlClient.SqlClient>) =>
    Effect.flatMap(database, (database) =>
      Effect.gen(function* () {
        const store = yield* AuditStore.AuditStore
        for (const trail of trails) yield* store.append(storedOf(trail))
        return yield* body
      }).pipe(Effect.provide(Layer.provideMerge(SqlSink.layerStore(), database)))
    )

  describe(`the store in ${name} is verified`, () => {
    it.scopedLive("and is valid, whatever is found in its messages", () =>
      withTrails(
        Effect.gen(function* () {
          const store = yield* AuditStore.AuditStore
          const hostile = ["\0", "\ud800", "x".repeat(3_000_000), "ü".repeat(300), "'; DROP TABLE audit_records; --"]
          const details = (text: string) => ({ user: text, ip: text })
          const records = hostile.map((text, nth) =>
            recordOf(nth, { message: text, event: { type: text, details: details(text), requestId: text } })
          )
          let head = AuditChain.genesis
          const lines = records.map(({ line }) => {
            const linked = AuditChain.link(head, line)
            head = linked.head
            return linked.line
          })
          yield* store.append(storedOf({ name: "hostile", lines }))
          const report = yield* AuditStore.verify({ expected: ["web-1", "hostile"] })
          assert.deepStrictEqual(report.problems, [])
          assert.strictEqual(report.records, trails.flatMap(({ lines }) => lines).length + hostile.length)
        })
      )
    )

    it.scopedLive("each record once, also where some are missing", () =>
      withTrails(
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* asOwner(sql`DELETE FROM audit_records WHERE instance = 'web-1' AND seq IN (5, 1202)`)
          const { problems, records } = yield* AuditStore.verify()
          assert.lengthOf(problems, 1)
          assert.strictEqual(records, trails.flatMap(({ lines }) => lines).length - 2)
        })
      )
    )

    it.scopedLive("while programs write to it", () =>
      withTrails(
        Effect.gen(function* () {
          const store = yield* AuditStore.AuditStore
          const busy = trail("busy", [600])
          const begun = yield* Deferred.make<void>()
          const writing = yield* Effect.fork(
            Effect.gen(function* () {
              const all = storedOf(busy)
              for (let at = 0; at < all.length; at += 20) {
                yield* store.append(nonEmpty(all.slice(at, at + 20)))
                yield* Deferred.succeed(begun, undefined)
                yield* Effect.yieldNow()
              }
            })
          )
          yield* Deferred.await(begun)
          const read: Array<number> = []
          while ((yield* Fiber.poll(writing))._tag === "None") {
            const { instances, problems } = yield* AuditStore.verify()
            assert.deepStrictEqual(problems, [])
            read.push(instances.find(({ instance }) => instance === "busy")?.chain.records ?? 0)
          }
          yield* Fiber.join(writing)
          assert.deepStrictEqual((yield* AuditStore.verify()).problems, [])
          assert.isTrue(read.some((records) => records > 0 && records < busy.lines.length))
        })
      )
    )

    it.scopedLive("and is not valid where its owner adds a second record in any place, also between two parts", () =>
      withTrails(
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* asOwner(withoutKeys(sql))
          const newest = sql.onDialectOrElse({
            pg: () =>
              sql.literal(
                "ctid = (SELECT max(ctid) FROM audit_records AS other WHERE other.instance = audit_records.instance AND other.seq = audit_records.seq)"
              ),
            orElse: () => sql.literal("rowid = (SELECT max(rowid) FROM audit_records)")
          })
          for (const seq of [1, 999, 1000, 1001, 1202]) {
            const line = forged(lineOf("web-1", seq))
            // In all that it could be known by, it is the same one.
            const copy = sql`INSERT INTO audit_records (${sql.literal(columns)})
              SELECT ${sql.literal(columns)} FROM audit_records WHERE instance = 'web-1' AND seq = ${seq}`
            const change = sql`UPDATE audit_records SET line = ${line} WHERE instance = 'web-1' AND seq = ${seq} AND ${newest}`
            yield* asOwner(Effect.zipRight(copy, change))
            const problems = yield* verified
            assert.isTrue(
              problems.some(([instance, reason]) => instance === "web-1" && reason === "Forked"),
              `${seq}: ${JSON.stringify(problems)}`
            )
            yield* asOwner(sql`DELETE FROM audit_records WHERE line = ${line}`)
            assert.deepStrictEqual(yield* verified, [])
          }
        })
      )
    )

    it.scopedLive("and is not valid where its owner adds what has no number, or no name", () =>
      withTrails(
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const nullable = sql.onDialectOrElse({
            pg: (): Effect.Effect<unknown, unknown> =>
              Effect.all([
                sql`ALTER TABLE audit_records ALTER COLUMN seq DROP NOT NULL`,
                sql`ALTER TABLE audit_records ALTER COLUMN instance DROP NOT NULL`
              ]),
            orElse: () => Effect.void
          })
          yield* asOwner(Effect.zipRight(withoutKeys(sql), nullable))
          assert.deepStrictEqual(yield* verified, [])
          for (const column of ["seq", "instance"]) {
            yield* asOwner(
              sql`INSERT INTO audit_records (${sql.literal(columns)})
                SELECT ${sql.literal(columns.replace(column, "NULL"))} FROM audit_records WHERE instance = 'web-1' AND seq = 5`
            )
            assert.isNotEmpty(yield* verified, column)
            yield* asOwner(sql`DELETE FROM audit_records WHERE ${sql(column)} IS NULL`)
          }
        })
      )
    )

    for (const [what, [attack, instance, reason]] of Object.entries({ ...attacks, ...own })) {
      it.scopedLive(`and is not valid where its owner ${what}`, () =>
        withTrails(
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* verified, [])
            const sql = yield* SqlClient.SqlClient
            yield* asOwner(attack(sql))
            const problems = yield* verified
            assert.isTrue(
              problems.some(([name, found]) => name === instance && found === reason),
              JSON.stringify(problems)
            )
          })
        )
      )
    }
  })
}
