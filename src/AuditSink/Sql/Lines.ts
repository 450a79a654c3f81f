/**
 * Everything that is stored, as it is stored: for those who verify, and who must see what no honest program has written. The keys of the
 * tables are not relied on: whoever owns them can take them away.
 */
import { SqlClient, type Statement } from "@effect/sql"
import { Chunk, Effect, Option, Stream } from "effect"
import type { Service, StoredLine } from "../../AuditStore.js"
import { dateAsOnLines, differing, names } from "./Columns.js"
import type * as Failure from "./Failure.js"

type Lines = Service["lines"]

/** A row as it is found: anything may be in it. */
interface Found extends Readonly<Record<string, unknown>> {}

/** A part of the answer has no more rows, and not much more text. */
const longest = 1000
const mostBytes = 4_000_000

export const make = (sql: SqlClient.SqlClient, guarded: Failure.Guard): Lines => {
  const { after: afterRow, order, place, selected } = rowsIn(sql)
  const size = sql.literal("(coalesce(octet_length(line), 0) + coalesce(octet_length(message), 0))")
  const part = (conditions: ReadonlyArray<Statement.Fragment>) =>
    guarded(
      sql<Found>`SELECT ${selected} FROM (
        SELECT *, sum(${size}) OVER (ORDER BY ${order("found")} ROWS UNBOUNDED PRECEDING) AS bytes FROM (
          SELECT *, ${place} FROM audit_records
          ${conditions.length === 0 ? sql.literal("") : sql`WHERE ${sql.and(conditions)}`}
          ORDER BY ${order("audit_records")} LIMIT ${longest}
        ) AS found
      ) AS sized WHERE bytes - ${size} < ${mostBytes} ORDER BY ${order("sized")}`.pipe(
        // A larger number than a double holds would become another one, and the next part begin in the wrong place.
        Effect.provideService(SqlClient.SafeIntegers, true),
        Effect.map((found) => found.map((row) => ({ row, line: toLine(row) })))
      )
    )

  const parts = (conditions: ReadonlyArray<Statement.Fragment>) =>
    Stream.paginateChunkEffect(undefined as Found | undefined, (last) =>
      Effect.map(part(last === undefined ? conditions : [...conditions, afterRow(last)]), (found) => [
        Chunk.unsafeFromArray(found.map(({ line }) => line)),
        found.length === 0 ? Option.none() : Option.some<Found | undefined>(found.at(-1)?.row)
      ])
    )

  return ({ after, instance } = {}) => {
    const asked = [
      ...(instance === undefined ? [] : [sql`instance = ${instance}`]),
      ...(after === undefined ? [] : [sql`seq > ${after}`])
    ]
    if (asked.length > 0) return parts(asked)
    // What has no place in the order is nowhere after anything.
    const placeless = part([sql`(instance IS NULL OR seq IS NULL)`])
    return Stream.concat(
      parts([sql`instance IS NOT NULL AND seq IS NOT NULL`]),
      Stream.fromIterableEffect(Effect.map(placeless, (found) => found.map(({ line }) => line)))
    )
  }
}

/** How rows are read, and told from others with the same number: by where they are. */
const rowsIn = (sql: SqlClient.SqlClient) =>
  sql.onDialectOrElse({
    pg: () => ({
      place: sql.literal("tableoid AS place_table, ctid AS place_row"),
      order: (from: string) =>
        from === "audit_records"
          ? sql.literal("instance, seq, date, tableoid, ctid")
          : sql.literal(
              ["instance", "seq", "date", "place_table", "place_row"].map((name) => `${from}.${name}`).join()
            ),
      selected: sql.literal(
        [
          ...names.map((name) => (name === "date" ? `${dateAsOnLines} AS date` : name)),
          "date::text AS place_date",
          "place_table::text AS place_table",
          "place_row::text AS place_row"
        ].join()
      ),
      after: ({ instance, place_date, place_row, place_table, seq }: Found) =>
        sql`(instance, seq, date, tableoid, ctid) > (${instance}, ${seq}, ${place_date}::timestamptz, ${place_table}::oid, ${place_row}::tid)`
    }),
    orElse: () => ({
      place: sql.literal("rowid AS place_row"),
      order: (from: string) =>
        from === "audit_records"
          ? sql.literal("instance, seq, rowid")
          : sql.literal(`${from}.instance, ${from}.seq, ${from}.place_row`),
      selected: sql.literal([...names, "place_row"].join()),
      after: ({ instance, place_row, seq }: Found) => sql`(instance, seq, rowid) > (${instance}, ${seq}, ${place_row})`
    })
  })

const toLine = (found: Found): StoredLine => {
  const line = textOf(found["line"])
  return { instance: textOf(found["instance"]), seq: Number(found["seq"]), line, differing: differing(found, line) }
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : String(value))
