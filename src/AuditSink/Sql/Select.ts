/**
 * Reading: what queries mean in SQL. Answers are paged by key, from the place where the last page ended, and so the thousandth page
 * costs what the first one does.
 */
import type { SqlClient, Statement } from "@effect/sql"
import { Array as Arr, Chunk, DateTime, Effect, Either, Encoding, Option, Schema, Stream } from "effect"
import * as AuditStore from "../../AuditStore.js"
import { levels } from "../../internal/level.js"
import * as Say from "../../internal/say.js"
import { dateAsOnLines, storable, toKey } from "./Columns.js"
import * as Failure from "./Failure.js"
import * as Lines from "./Lines.js"

type Reading = Pick<AuditStore.Service, "ends" | "instances" | "page" | "stream" | "chain" | "lines">

interface Found {
  readonly instance: string
  readonly seq: number | string
  /** What it is found by, which somebody may have made another one than that of its line. */
  readonly date: string
  readonly line: string
}

const standardLimit = 100
const longestLimit = 10_000
const ofStream = 1000

export const make = (sql: SqlClient.SqlClient, guarded: Failure.Guard): Reading => {
  const store = Failure.nameOf(sql)
  const where = conditions(sql)

  const toRecord = ({ instance, line }: Found) =>
    Either.mapLeft(
      AuditStore.fromLine(instance, line),
      (cause) =>
        new AuditStore.AuditStoreError({
          store,
          reason: "Unwritable",
          description: `a record of '${instance}' is damaged: verify the store`,
          cause
        })
    )

  const select = (conditions: ReadonlyArray<Statement.Fragment>, order: Statement.Fragment, limit: number) =>
    guarded(
      sql<Found>`SELECT instance, seq, ${date} AS date, line FROM audit_records WHERE ${sql.and(conditions)} ORDER BY ${order} LIMIT ${limit}`
    )

  const date = sql.literal(sql.onDialectOrElse({ pg: () => dateAsOnLines, orElse: () => "date" }))

  const page: Reading["page"] = (query, { after, limit = standardLimit } = {}) =>
    Effect.gen(function* () {
      if (!Number.isInteger(limit) || limit < 1 || limit > longestLimit) {
        return yield* invalid(store, `a page has from 1 to ${longestLimit} records, and not ${limit}`)
      }
      const isNewestFirst = query.order !== "oldest-first"
      const place =
        after === undefined
          ? undefined
          : yield* Option.match(parseCursor(after), {
              onNone: () => invalid(store, "the cursor is none that a page of this store has given"),
              onSome: Effect.succeed
            })
      const conditions = yield* where(query, store)
      const from = place === undefined ? [] : [beyond(sql, place, isNewestFirst)]
      const direction = sql.literal(isNewestFirst ? "DESC" : "ASC")
      // The column, and not what is made of it: that has no index.
      const order = sql`audit_records.date ${direction}, instance ${direction}, seq ${direction}`
      const found = yield* select([...conditions, ...from], order, limit + 1)
      const [damaged, records] = Arr.separate(found.slice(0, limit).map(toRecord))
      // One that somebody has put there must not keep everybody from the others.
      if (damaged.length > 0) yield* Say.warning(`${damaged.length} records are left out of an answer`, damaged[0])
      const last = found.length > limit ? found[limit - 1] : undefined
      return { records, next: last === undefined ? undefined : formatCursor(last) }
    })

  const stream: Reading["stream"] = (query = {}) =>
    Stream.paginateChunkEffect(undefined as AuditStore.Cursor | undefined, (after) =>
      Effect.map(page(query, { after, limit: ofStream }), ({ next, records }) => [
        Chunk.unsafeFromArray(records),
        next === undefined ? Option.none() : Option.some<AuditStore.Cursor | undefined>(next)
      ])
    )

  const chain: Reading["chain"] = (instance, { after = 0 } = {}) =>
    Stream.paginateChunkEffect(after, (seq) =>
      select([sql`instance = ${instance}`, sql`seq > ${seq}`], sql`seq ASC`, ofStream).pipe(
        Effect.flatMap(Effect.forEach(toRecord)),
        Effect.map((records) => [
          Chunk.unsafeFromArray(records),
          records.length < ofStream ? Option.none() : Option.some(records.at(-1)!.seq)
        ])
      )
    )

  const lineAt = (instance: string, direction: "ASC" | "DESC") =>
    Effect.map(select([sql`instance = ${instance}`], sql`seq ${sql.literal(direction)}`, 1), ([found]) => found?.line)

  const heads = (condition: Statement.Fragment) =>
    Effect.map(
      guarded(
        sql<{ readonly instance: string; readonly seq: number | string; readonly hash: string }>`
          SELECT instance, seq, hash FROM audit_instances WHERE ${condition} ORDER BY instance`
      ),
      (found) => found.map(({ hash, instance, seq }) => ({ name: instance, head: { seq: Number(seq), hash } }))
    )

  return {
    page,
    stream,
    chain,
    lines: Lines.make(sql, guarded),
    ends: (instance) =>
      Effect.all({
        first: lineAt(instance, "ASC"),
        last: lineAt(instance, "DESC"),
        head: Effect.map(heads(sql`instance = ${instance}`), ([found]) => found?.head)
      }),
    instances: heads(sql`1 = 1`)
  }
}

const invalid = (store: string, description: string) =>
  new AuditStore.AuditStoreError({ store, reason: "InvalidQuery", description })

// Conditions

const conditions = (sql: SqlClient.SqlClient) => (query: AuditStore.Query, store: string) =>
  Effect.gen(function* () {
    const { instance, ip, level, requestId, since, text, types, until, user } = query
    const words = text === undefined ? undefined : wordsOf(text)
    if (words?.length === 0) return yield* invalid(store, "the text has no word that could be looked for")
    if ((words?.length ?? 0) > mostParts) return yield* invalid(store, `the text has more than ${mostParts} words`)
    if ((types?.length ?? 0) > mostParts) return yield* invalid(store, `there are more than ${mostParts} types`)
    if (types?.some((type) => typeof type === "string" && type.includes("*") && type.length > longestPattern)) {
      return yield* invalid(store, `a type with '*' has more than ${longestPattern} characters`)
    }
    const all: Array<Statement.Fragment> = []
    if (instance !== undefined) all.push(sql`instance = ${toKey(instance)}`)
    if (types !== undefined) all.push(ofTypes(sql, types))
    if (level !== undefined) all.push(sql`level >= ${levels.indexOf(level)}`)
    if (user !== undefined) all.push(sql`user_name = ${toKey(user)}`)
    if (ip !== undefined) all.push(sql`ip = ${toKey(ip)}`)
    if (requestId !== undefined) all.push(sql`request_id = ${toKey(requestId)}`)
    if (since !== undefined) all.push(sql`date >= ${toDate(since)}`)
    if (until !== undefined) all.push(sql`date < ${toDate(until)}`)
    if (words !== undefined) all.push(withWords(sql, words))
    // A list of conditions must not be empty.
    return all.length === 0 ? [sql`1 = 1`] : all
  })

/** More takes databases to their limits. */
const mostParts = 1000
const longestPattern = 1000

/** With four digits of a year, as in the database. No record is of another. */
const toDate = (moment: DateTime.DateTime) =>
  DateTime.formatIso(DateTime.clamp(moment, { minimum: earliest, maximum: latest }))

const earliest = DateTime.unsafeMake("0001-01-01T00:00:00.000Z")
const latest = DateTime.unsafeMake("9999-12-31T23:59:59.999Z")

const ofTypes = (sql: SqlClient.SqlClient, types: NonNullable<AuditStore.Query["types"]>) => {
  const texts = types.map((type) => (typeof type === "string" ? type : type.type))
  const exact = texts.filter((type) => !type.includes("*")).map(toKey)
  const patterns = texts.filter((type) => type.includes("*")).map(storable)
  return sql.or([exact.length === 0 ? sql`1 = 0` : sql`type IN ${sql.in(exact)}`, ...patterns.map(like(sql))])
}

/** The `LIKE` of SQLite does not tell capital letters from small ones. */
const like = (sql: SqlClient.SqlClient) => (type: string) =>
  sql.onDialectOrElse({
    pg: () => sql`type LIKE ${type.replaceAll(/[!%_]/g, "!$&").replaceAll("*", "%")} ESCAPE '!'`,
    orElse: () => sql`type GLOB ${type.replaceAll(/[[?]/g, "[$&]")}`
  })

/** As the indexes see them: nothing that has a meaning in their own languages is left. */
const wordsOf = (text: string) => text.match(/[\p{L}\p{N}\p{M}]*[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu) ?? []

const withWords = (sql: SqlClient.SqlClient, words: ReadonlyArray<string>) =>
  sql.onDialectOrElse({
    pg: () => sql`words @@ plainto_tsquery('simple', ${words.join(" ")})`,
    orElse: () =>
      sql`id IN (SELECT rowid FROM audit_texts WHERE audit_texts MATCH ${words.map((word) => `"${word}"`).join(" ")})`
  })

// Cursors

interface Place {
  readonly date: string
  readonly instance: string
  readonly seq: number
}

/** The date alone as well, by which PostgreSQL leaves out whole months. */
const beyond = (sql: SqlClient.SqlClient, { date, instance, seq }: Place, isNewestFirst: boolean) => {
  const comparison = sql.literal(isNewestFirst ? "<" : ">")
  return sql`audit_records.date ${comparison}= ${date} AND (audit_records.date, instance, seq) ${comparison} (${date}, ${instance}, ${seq})`
}

const formatCursor = ({ date, instance, seq }: Found): AuditStore.Cursor =>
  Encoding.encodeBase64Url(JSON.stringify([date, instance, Number(seq)]))

const parseCursor = (cursor: AuditStore.Cursor): Option.Option<Place> =>
  Option.flatMap(Either.getRight(Encoding.decodeBase64UrlString(cursor)), decodePlace).pipe(
    Option.map(([date, instance, seq]) => ({ date, instance, seq })),
    Option.filter(({ date, instance }) => !Number.isNaN(Date.parse(date)) && storable(instance) === instance)
  )

const decodePlace = Schema.decodeOption(
  Schema.parseJson(
    Schema.Tuple(
      Schema.String.pipe(Schema.pattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)),
      Schema.String,
      Schema.Int
    )
  )
)
