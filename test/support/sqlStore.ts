/** What the store in a database promises, shown for each database in the same way. */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { SqlClient } from "@effect/sql"
import { Array as Arr, Context, DateTime, Effect, Either, Exit, Layer, Logger, Order, type Scope, Stream } from "effect"
import fc from "fast-check"
import * as AuditChain from "../../src/AuditChain.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import { AuditSink, type Service } from "../../src/AuditSink.js"
import * as SqlSink from "../../src/AuditSink/Sql.js"
import * as AuditStore from "../../src/AuditStore.js"
import { isAtLeast, levels, toWire, wireLevels } from "../../src/internal/level.js"
import { allOf, chained, nonEmpty, plain, seqs, verified } from "./chains.js"
import type { Place } from "./sinkContract.js"
import type { Database } from "./sqlDatabases.js"

const numbered = (from: number, to: number) =>
  Arr.map(Arr.range(from, to), (number) =>
    AuditRecord.make({ ...plain, message: `Event ${number}`, event: { type: "test", details: { number } } })
  )

/** Opens the store, and hands over what went wrong in the words of its reason. */
export const withStore = <A, E>(
  database: Database,
  body: (store: AuditStore.Service) => Effect.Effect<A, E, SqlClient.SqlClient>,
  options?: SqlSink.StoreOptions
) => Effect.provide(Effect.flatMap(SqlSink.makeStore(options), body), database)

export const withSink = <A, E>(
  database: Database,
  body: (sink: Service, store: AuditStore.Service) => Effect.Effect<A, E>,
  options: Partial<SqlSink.Options> = {}
) =>
  Effect.scoped(
    Effect.flatMap(
      Layer.build(
        SqlSink.layer({ instance: "a", ...options }).pipe(Layer.provide(database), Layer.provide(NodeFileSystem.layer))
      ),
      (context) => body(Context.get(context, AuditSink), Context.get(context, AuditStore.AuditStore))
    )
  )

export const reasonOf = <A>(effect: Effect.Effect<A, AuditStore.AuditStoreError>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const texts = fc.constantFrom(
  "ada",
  "bob",
  "Ada",
  "a_b%c",
  "key-1",
  "ada@example.com",
  "\0",
  "ü ö",
  "x".repeat(300),
  "x".repeat(301)
)

const contents = fc.record({
  level: fc.constantFrom(...wireLevels),
  date: fc.integer({ min: 0, max: 40 }).map((days) => new Date(Date.UTC(2024, 0, 1 + days, 12)).toISOString()),
  message: fc.array(texts, { maxLength: 4 }).map((words) => words.join(" ")),
  event: fc.record({
    type: fc.constantFrom("auth-login", "auth-logout", "AUTH-login", "keys_read", "keysXread"),
    details: fc.record({ user: texts, ip: texts }, { requiredKeys: [] })
  }),
  source: fc.constant("test")
})

const queries = fc.record(
  {
    instance: fc.constantFrom("a", "b", "c"),
    types: fc.array(fc.constantFrom("auth-*", "auth-login", "keys_read", "*", "*-log*", "[a]*", "?eys*"), {
      minLength: 1,
      maxLength: 2
    }),
    level: fc.constantFrom(...levels),
    user: texts,
    ip: texts,
    since: fc.integer({ min: 0, max: 40 }).map((days) => DateTime.unsafeMake(Date.UTC(2024, 0, 1 + days, 12))),
    until: fc.integer({ min: 0, max: 40 }).map((days) => DateTime.unsafeMake(Date.UTC(2024, 0, 1 + days, 12))),
    text: fc.constantFrom("ada", "ADA", "example", "key 1", "ü", "bob ada"),
    order: fc.constantFrom("newest-first" as const, "oldest-first" as const)
  },
  { requiredKeys: [] }
)

/** What the query means, without a database. */
const isWanted =
  (query: AuditStore.Query) =>
  ({ instance, record }: AuditStore.StoredRecord) => {
    const { details, type } = record.event
    const words = (text: string): ReadonlyArray<string> => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []
    const isLike = (pattern: string) =>
      new RegExp(`^${pattern.replaceAll(/[[\]?_%.]/g, "\\$&").replaceAll("*", ".*")}$`).test(type)
    return (
      (query.instance === undefined || query.instance === instance) &&
      (query.types === undefined || query.types.some((each) => typeof each === "string" && isLike(each))) &&
      (query.level === undefined || isAtLeast(record.level, toWire(query.level))) &&
      (query.user === undefined || details["user"] === query.user) &&
      (query.ip === undefined || details["ip"] === query.ip) &&
      (query.since === undefined || record.date >= DateTime.formatIso(query.since)) &&
      (query.until === undefined || record.date < DateTime.formatIso(query.until)) &&
      (query.text === undefined || words(query.text).every((word) => words(record.message).includes(word)))
    )
  }

const byPlace = Order.mapInput(
  Order.tuple(Order.string, Order.string, Order.number),
  ({ instance, record, seq }: AuditStore.StoredRecord) => [record.date, instance, seq] as const
)

export const describeStore = (
  name: string,
  database: Effect.Effect<Database, never, Scope.Scope>,
  // Several connections of one process to SQLite stand still while one of them waits for another.
  { startsTogether }: { readonly startsTogether: boolean }
) => {
  const shows = <E>(what: string, body: (database: Database) => Effect.Effect<void, E, Scope.Scope>) =>
    it.scopedLive(what, () => Effect.flatMap(database, body))

  describe(`the store in ${name}`, () => {
    shows("finds what a query asks for, in its order, page by page and as a stream", (database) =>
      withStore(database, (store) =>
        Effect.gen(function* () {
          const given = fc.sample(fc.array(contents, { minLength: 40, maxLength: 40 }), { numRuns: 3, seed: 7 })
          const stored = given.flatMap((each, index) => chained(each, "abc"[index]))
          yield* store.append(nonEmpty(stored))
          for (const query of fc.sample(queries, { numRuns: 60, seed: 11 })) {
            const found = stored.filter(isWanted(query))
            const expected = Arr.sort(found, query.order === "oldest-first" ? byPlace : Order.reverse(byPlace))
            const streamed = Arr.fromIterable(yield* Stream.runCollect(store.stream(query)))
            assert.deepStrictEqual(streamed, expected, JSON.stringify(query))
            const paged: Array<AuditStore.StoredRecord> = []
            let after: AuditStore.Cursor | undefined
            do {
              const page = yield* store.page(query, { limit: 7, after })
              paged.push(...page.records)
              assert.isTrue(page.records.length === 7 || page.next === undefined)
              after = page.next
            } while (after !== undefined)
            assert.deepStrictEqual(paged, expected)
          }
        })
      )
    )

    shows("keeps its place while records are added", (database) =>
      withStore(database, (store) =>
        Effect.gen(function* () {
          const dated = Arr.map(Arr.range(1, 30), (day) => ({
            date: `2024-01-${String(day).padStart(2, "0")}T00:00:00.000Z`
          }))
          const records = chained(dated)
          yield* store.append(nonEmpty(records.slice(0, 20)))
          const first = yield* store.page({}, { limit: 5 })
          yield* store.append(nonEmpty(records.slice(20)))
          const second = yield* store.page({}, { limit: 5, after: first.next })
          assert.deepStrictEqual(
            [...seqs(first.records), ...seqs(second.records)],
            [20, 19, 18, 17, 16, 15, 14, 13, 12, 11]
          )
        })
      )
    )

    shows("refuses what makes no sense", (database) =>
      withStore(database, (store) =>
        Effect.gen(function* () {
          for (const limit of [0, -1, 1.5, 10_001, NaN]) {
            assert.strictEqual(yield* reasonOf(store.page({}, { limit })), "InvalidQuery")
          }
          for (const after of ["", "x", "W10", "eyJhIjoxfQ", "\0"]) {
            assert.strictEqual(yield* reasonOf(store.page({}, { after })), "InvalidQuery")
          }
          for (const text of ["", " ", '"', "*", "' OR 1=1 --".replaceAll(/\w/g, "")]) {
            assert.strictEqual(yield* reasonOf(store.page({ text })), "InvalidQuery")
          }
          const many = Arr.makeBy(1001, (index) => `word${index}`)
          for (const query of [{ text: many.join(" ") }, { types: many }, { types: [`${"x".repeat(1000)}*`] }]) {
            assert.strictEqual(yield* reasonOf(store.page(query)), "InvalidQuery")
          }
          const after = Buffer.from(JSON.stringify(["9999-99-99T99:99:99.999Z", "a", 1])).toString("base64url")
          assert.strictEqual(yield* reasonOf(store.page({}, { after })), "InvalidQuery")
          assert.deepStrictEqual((yield* store.page({ types: [] })).records, [])
          assert.deepStrictEqual((yield* store.page({ types: ["a\0*"], instance: "\0" })).records, [])
          yield* store.append(nonEmpty(chained([{}, {}])))
          for (const [since, until, found] of [
            [-8.64e15, 8.64e15, 2],
            [8.64e15, 8.64e15, 0],
            [-8.64e15, -8.64e15, 0]
          ] as const) {
            const query = { since: DateTime.unsafeMake(since), until: DateTime.unsafeMake(until) }
            assert.strictEqual((yield* store.page(query)).records.length, found)
          }
        })
      )
    )

    shows("stores a record once, however often and in whatever batches it is given", (database) =>
      withStore(database, (store) =>
        Effect.gen(function* () {
          const records = chained(Arr.makeBy(10, () => ({})))
          yield* store.append(nonEmpty(records.slice(0, 5)))
          yield* store.append(nonEmpty(records.slice(0, 5)))
          yield* store.append(nonEmpty(records.slice(2, 8)))
          yield* store.append(nonEmpty(records.slice(3, 4)))
          yield* store.append(nonEmpty(records))
          assert.deepStrictEqual(yield* allOf(store, "a"), records)
          assert.deepStrictEqual(yield* store.instances, [{ name: "a", head: { seq: 10, hash: records[9]!.hash } }])
        })
      )
    )

    shows("refuses gaps and forks, and stores nothing of them", (database) =>
      withStore(database, (store) =>
        Effect.gen(function* () {
          const records = chained(Arr.makeBy(10, () => ({})))
          const other = chained(Arr.makeBy(10, (n) => ({ message: n < 3 ? plain.message : "another" })))
          const append = (given: ReadonlyArray<AuditStore.StoredRecord>) => store.append(nonEmpty(given))
          assert.strictEqual(yield* reasonOf(append(records.slice(1, 3))), "Missing")
          assert.deepStrictEqual(yield* store.instances, [])
          yield* append(records.slice(0, 5))
          assert.strictEqual(yield* reasonOf(append(records.slice(6))), "Missing")
          assert.strictEqual(yield* reasonOf(append([...records.slice(5, 7), ...records.slice(8)])), "Missing")
          for (const [from, to] of [
            [0, 5],
            [0, 10],
            [3, 4],
            [4, 5],
            [4, 10],
            [5, 6]
          ] as const) {
            assert.strictEqual(yield* reasonOf(append(other.slice(from, to))), "Forked", `${from} to ${to}`)
          }
          assert.deepStrictEqual(yield* allOf(store, "a"), records.slice(0, 5))
          yield* append(records)
          assert.deepStrictEqual(yield* allOf(store, "a"), records)
        })
      )
    )

    shows("takes batches of several instances, and of those the good ones", (database) =>
      withStore(database, (store) =>
        Effect.gen(function* () {
          const [a, b] = [
            chained(
              Arr.makeBy(6, () => ({})),
              "a"
            ),
            chained(
              Arr.makeBy(6, () => ({})),
              "b"
            )
          ]
          const mixed = a.flatMap((record, index) => [record, b[index]!])
          yield* store.append(nonEmpty(mixed.slice(0, 6)))
          assert.strictEqual(yield* reasonOf(store.append(nonEmpty([...a.slice(3), ...b.slice(4)]))), "Missing")
          assert.deepStrictEqual(seqs(yield* allOf(store, "a")), [1, 2, 3, 4, 5, 6])
          assert.deepStrictEqual(seqs(yield* allOf(store, "b")), [1, 2, 3])
        })
      )
    )

    shows("lets several writers of one chain and of many write at once", (database) =>
      withStore(database, (store) =>
        Effect.gen(function* () {
          const chains = Arr.map(Arr.range(1, 6), (number) =>
            chained(
              Arr.makeBy(40, () => ({})),
              `web-${number}`
            )
          )
          const batches = Arr.map(Arr.range(0, 9), (index) =>
            chains.flatMap((chain) => chain.slice(4 * index, 4 * index + 4))
          )
          // The same ones twice at the same time: each is stored once.
          for (const batch of batches) {
            yield* Effect.all(
              [store.append(nonEmpty(batch)), store.append(nonEmpty(batch.toReversed().sort((x, y) => x.seq - y.seq)))],
              {
                concurrency: "unbounded"
              }
            )
          }
          for (const chain of chains) assert.deepStrictEqual(yield* allOf(store, chain[0]!.instance), chain)
        })
      )
    )

    shows("keeps the trail append-only", (database) =>
      withStore(database, (store) =>
        Effect.gen(function* () {
          yield* store.append(nonEmpty(chained([{}, {}])))
          const sql = yield* SqlClient.SqlClient
          const attempts = [
            sql`UPDATE audit_records SET message = 'nothing'`,
            sql`UPDATE audit_records SET user_name = 'bob' WHERE seq = 1`,
            sql`DELETE FROM audit_records WHERE seq = 2`,
            sql`DELETE FROM audit_instances`,
            sql`UPDATE audit_instances SET seq = 1`,
            sql`UPDATE audit_instances SET instance = 'b', seq = 3`
          ]
          for (const attempt of attempts) {
            const { cause } = yield* Effect.flip(attempt)
            assert.include(String(cause), "append-only")
          }
          assert.deepStrictEqual(seqs(yield* allOf(store, "a")), [1, 2])
        })
      )
    )

    shows("answers without what somebody has put there that is no record", (database) =>
      withStore(database, (store) =>
        Effect.gen(function* () {
          yield* store.append(nonEmpty(chained([{}, {}])))
          const sql = yield* SqlClient.SqlClient
          yield* sql`INSERT INTO audit_records (instance, seq, date, level, type, message, line)
            VALUES ('evil', 1, ${plain.date}, 1, 'keys-read', '', 'garbage')`
          assert.deepStrictEqual(seqs((yield* store.page({})).records), [2, 1])
          assert.strictEqual(yield* Stream.runCount(store.stream()), 2)
        })
      ).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
    )

    shows("is made once by programs that start, and again is no harm", (database) =>
      Effect.gen(function* () {
        const stores = Arr.makeBy(5, () => withStore(database, (store) => store.instances))
        const found = yield* Effect.all([...stores, ...stores], {
          concurrency: startsTogether ? "unbounded" : 1
        })
        assert.deepStrictEqual(
          found,
          Arr.makeBy(10, () => [])
        )
      })
    )

    shows("is not there before its tables are made", (database) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(withStore(database, () => Effect.void, { migrate: false }))
        assert.strictEqual(error.reason, "Misconfigured")
        assert.include(error.message, "run the migrations")
      })
    )
  })

  describe(`the sink in ${name}`, () => {
    shows("goes on with its chain where it is opened again, and says so", (database) =>
      Effect.gen(function* () {
        yield* withSink(database, (sink) => sink.write(nonEmpty(numbered(1, 2))))
        yield* withSink(database, (sink) => sink.write(nonEmpty(numbered(3, 4))))
        yield* withStore(database, (store) =>
          Effect.gen(function* () {
            const records = yield* allOf(store, "a")
            assert.deepStrictEqual(
              records.map(({ record }) => record.message),
              [
                "The audit trail starts",
                "Event 1",
                "Event 2",
                "The audit trail stops",
                "The audit trail starts",
                "Event 3",
                "Event 4",
                "The audit trail stops"
              ]
            )
            assert.deepStrictEqual(records[0]!.record.event.details, { instance: "a" })
            assert.strictEqual((yield* verified(store, "a")).problem, undefined)
          })
        )
      })
    )

    shows("seals its chain, by number and at its end", (database) =>
      Effect.gen(function* () {
        const { id, privateKey, publicKey } = yield* AuditChain.generateKeys
        yield* withSink(database, (sink) => sink.write(nonEmpty(numbered(1, 25))), {
          seals: { keys: [privateKey], everyRecords: 10 }
        })
        yield* withStore(database, (store) =>
          Effect.gen(function* () {
            const verifier = AuditChain.verifier({ keys: [Either.getOrThrow(AuditChain.publicKey(publicKey))] })
            for (const { record } of yield* allOf(store, "a")) verifier.line(Buffer.from(record.line))
            const report = verifier.end()
            assert.strictEqual(report.problem, undefined)
            assert.isAtLeast(report.seals, 4)
            assert.strictEqual(report.unsealed, 0)
          })
        )
        const error = yield* Effect.flip(withSink(database, (sink) => sink.write(nonEmpty(numbered(1, 1)))))
        assert.strictEqual(error.reason, "Misconfigured")
        assert.match(error.message, /is sealed/)
        assert.isString(id)
      })
    )

    shows("stores a batch once whose answer was lost", (database) =>
      withSink(database, (sink, store) =>
        Effect.gen(function* () {
          const first = nonEmpty(numbered(1, 3))
          // Interrupted in the middle, wherever that is.
          yield* Effect.exit(Effect.timeout(sink.write(first), "1 millis"))
          yield* Effect.exit(Effect.timeout(sink.write(first), "2 millis"))
          // PostgreSQL may still be told to end the statement before.
          yield* Effect.retry(sink.write([...first, ...numbered(4, 5)]), { times: 3 })
          const records = (yield* allOf(store, "a")).filter(({ record }) => record.event.type === "test")
          assert.deepStrictEqual(
            records.map(({ record }) => record.event.details["number"]),
            [1, 2, 3, 4, 5]
          )
        })
      )
    )

    shows("refuses to write as an instance that another program writes as", (database) =>
      withSink(database, (one) =>
        withSink(database, (other, store) =>
          Effect.gen(function* () {
            yield* one.write(nonEmpty(numbered(1, 2)))
            yield* other.write(nonEmpty(numbered(3, 4)))
            const error = yield* Effect.flip(one.write(nonEmpty(numbered(5, 6))))
            assert.strictEqual(error.reason, "Claimed")
            assert.match(error.message, /two programs write as 'a'/)
            assert.strictEqual((yield* verified(store, "a")).problem, undefined)
          })
        )
      ).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
    )

    shows("stores records that are chained already as they are", (database) =>
      withSink(database, (sink, store) =>
        Effect.gen(function* () {
          const records = chained(Arr.makeBy(5, () => ({})))
          yield* sink.write(nonEmpty(records.slice(0, 3).map(({ record }) => record)))
          // As a spool gives them after a restart: other objects.
          yield* sink.write(nonEmpty(records.map(({ record }) => ({ ...record }))))
          assert.deepStrictEqual(yield* allOf(store, "a"), records)
        })
      )
    )

    shows("refuses names of instances that are none", (database) =>
      Effect.gen(function* () {
        for (const instance of ["", " ", "a b", "a*", "a>", ".a", "a..b", "ä", "x".repeat(129)]) {
          const exit = yield* Effect.exit(withSink(database, () => Effect.void, { instance }))
          assert.isTrue(Exit.isFailure(exit), instance)
        }
      })
    )
  })
}

/** For the contract of sinks. */
export const sqlPlace = (database: Database): Place => ({
  layer: Layer.provide(SqlSink.layer({ instance: "a" }), [database, NodeFileSystem.layer]),
  stored: Effect.orDie(
    withStore(database, (store) => Effect.map(allOf(store, "a"), (records) => records.map(({ record }) => record)))
  )
})
