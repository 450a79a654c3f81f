/**
 * Everything that is stored, as it is stored: for those who verify, and who must see what no honest program has written.
 */
import { SqlClient, type Statement } from "@effect/sql"
import { Chunk, Effect, Option, Stream } from "effect"
import type { Service, StoredLine } from "../../AuditStore.js"
import { dateAsOnLines, differing, names } from "./Columns.js"
import type * as Failure from "./Failure.js"

type Lines = Service["lines"]

/** A row as it is found: whoever owns a database can put anything there. `place` is what no other row of the record's has. */
interface Found extends Readonly<Record<string, unknown>> {}

/** A part of the answer has no more rows, and not much more text. */
const longest = 1000
const mostBytes = 4_000_000

export const make = (sql: SqlClient.SqlClient, guarded: Failure.Guard): Lines => {
  const columns = sql.onDialectOrElse({
    pg: () => names.map((name) => (name === "date" ? `${dateAsOnLines} AS date` : name)),
    orElse: () => names
  })
  // The same record twice has two dates on PostgreSQL, where partitions allow that.
  const tie = sql.onDialectOrElse({ pg: () => sql.literal("date"), orElse: () => sql.literal("id") })
  const place = sql.onDialectOrElse({ pg: () => sql.literal("date::text"), orElse: () => sql.literal("id") })
  const tieOf = (place: unknown) =>
    sql.onDialectOrElse({ pg: () => sql`${place}::timestamptz`, orElse: () => sql`${place}` })
  const from = ({ instance, place, seq }: Found) =>
    sql`(instance, seq, ${tie}) > (${instance}, ${seq}, ${tieOf(place)})`

  const part = (conditions: ReadonlyArray<Statement.Fragment>) =>
    guarded(
      sql<Found>`SELECT ${sql.literal(columns.join(", "))}, ${place} AS place FROM (
        SELECT *, sum(${size}) OVER (ORDER BY instance, seq, ${tie}) AS bytes FROM (
          SELECT * FROM audit_records ${conditions.length === 0 ? sql.literal("") : sql`WHERE ${sql.and(conditions)}`}
          ORDER BY instance, seq, ${tie} LIMIT ${longest}
        ) AS rows_of_part
      ) AS sized WHERE bytes - ${size} < ${mostBytes} ORDER BY sized.instance, sized.seq, sized.${tie}`.pipe(
        // A larger number than a double holds would become another one, and the next part begin in the wrong place.
        Effect.provideService(SqlClient.SafeIntegers, true)
      )
    )
  const size = sql.literal("(coalesce(octet_length(line), 0) + coalesce(octet_length(message), 0))")

  return ({ after, instance } = {}) => {
    const asked = [
      ...(instance === undefined ? [] : [sql`instance = ${instance}`]),
      ...(after === undefined ? [] : [sql`seq > ${after}`])
    ]
    return Stream.paginateChunkEffect(undefined as Found | undefined, (last) =>
      Effect.map(part(last === undefined ? asked : [...asked, from(last)]), (found) => [
        Chunk.unsafeFromArray(found.map(toLine)),
        found.length === 0 ? Option.none() : Option.some<Found | undefined>(found.at(-1))
      ])
    )
  }
}

const toLine = (found: Found): StoredLine => {
  const line = textOf(found["line"])
  return { instance: textOf(found["instance"]), seq: Number(found["seq"]), line, differing: differing(found, line) }
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : String(value))
