/**
 * Appending to chains: one statement for a batch and, where a chain does not go on from where its head is, what to make of it.
 */
import type { SqlClient, SqlError } from "@effect/sql"
import { Array as Arr, Effect } from "effect"
import { genesis } from "../../AuditChain.js"
import { AuditStoreError, type Ledger, type StoredRecord } from "../../AuditStore.js"
import { names, toLists, toRow } from "./Columns.js"
import * as Failure from "./Failure.js"

type Append = Ledger["append"]
type Records = Parameters<Append>[0]

/** Stores those chains that go on from their heads, whole, and says which. */
type Attempt = (chains: ReadonlyArray<Records>) => Effect.Effect<ReadonlyArray<string>, SqlError.SqlError>

/** A larger batch is several statements: SQLite takes 32,766 values in one. */
const longest = 3000

export const make = (sql: SqlClient.SqlClient, guarded: Failure.Guard): Append => {
  const store = Failure.nameOf(sql)
  const attempt = sql.onDialectOrElse({ pg: () => postgres(sql), orElse: () => sqlite(sql) })

  const appendAll = (records: Records): Effect.Effect<void, AuditStoreError> =>
    Effect.gen(function* () {
      const chains = byInstance(records)
      const broken = chains.find((chain) => !isConsecutive(chain))
      if (broken !== undefined) return yield* missing(store, broken[0].instance, "between the records that were given")
      const moved = new Set(yield* guarded(attempt(chains)))
      const refused = chains.filter(([{ instance }]) => !moved.has(instance))
      for (const chain of refused) {
        const rest = yield* guarded(missingIn(chain))
        if (Arr.isNonEmptyReadonlyArray(rest)) yield* appendAll(rest)
      }
    })

  /** What of a chain is not stored, where its head is not the record before it. */
  const missingIn = (chain: Records) =>
    Effect.gen(function* () {
      const [{ instance, prev, seq }] = chain
      const [head] = yield* sql<{ readonly seq: number | string; readonly hash: string }>`
        SELECT seq, hash FROM audit_instances WHERE instance = ${instance}`
      const last = head === undefined ? 0 : Number(head.seq)
      const isForked = yield* differs(chain, head === undefined ? undefined : { seq: last, hash: head.hash })
      if (isForked) return yield* forked(store, instance, seq)
      if (last >= seq) return chain.filter((record) => record.seq > last)
      if (last < seq - 1) return yield* missing(store, instance, `from seq ${last + 1} to ${seq - 1}`)
      // It is there now: another batch of the same chain was stored in between.
      return head?.hash === prev ? chain : yield* forked(store, instance, seq)
    })

  /** Whether other records are stored in the places of these. All before the newest one hang together with it. */
  const differs = (chain: Records, head: { readonly seq: number; readonly hash: string } | undefined) =>
    Effect.gen(function* () {
      if (head === undefined) return false
      const newest = chain.findLast(({ seq }) => seq <= head.seq)
      if (newest === undefined) return false
      if (newest.seq === head.seq) return newest.hash !== head.hash
      const [found] = yield* sql<{ readonly line: string }>`
        SELECT line FROM audit_records WHERE instance = ${newest.instance} AND seq = ${newest.seq}`
      // One that was taken away with its month is not another one.
      return found !== undefined && found.line !== newest.record.line
    })

  return (records) =>
    Effect.forEach(
      Arr.chunksOf(records, longest),
      (chunk) => (Arr.isNonEmptyReadonlyArray(chunk) ? appendAll(chunk) : Effect.void),
      { discard: true }
    )
}

/** In a map: `__proto__` is a name as well. */
const byInstance = (records: Records): ReadonlyArray<Records> => {
  const chains = new Map<string, Arr.NonEmptyArray<StoredRecord>>()
  for (const record of records) {
    const chain = chains.get(record.instance)
    if (chain === undefined) chains.set(record.instance, [record])
    else chain.push(record)
  }
  return [...chains.values()]
}

const isConsecutive = (chain: Records): boolean =>
  chain.every((record, index) => {
    const before = chain[index - 1]
    return before === undefined || (record.seq === before.seq + 1 && record.prev === before.hash)
  })

const postgres =
  (sql: SqlClient.SqlClient): Attempt =>
  (chains) => {
    const { line: lines, ...lists } = toLists(chains.flat())
    const heads = headColumns.map((column) => chains.map(column))
    const columns = names.filter((name) => name !== "line").map((name) => lists[name])
    // Joined, because the driver takes as long to make an array of long texts as the server does to store them.
    const isJoined = !lines.some((line) => line.includes("\n"))
    return Effect.map(
      sql.unsafe<{ readonly moved: ReadonlyArray<string> }>(isJoined ? callWithText : callWithArray, [
        ...heads,
        ...columns,
        isJoined ? lines.join("\n") : lines
      ]),
      ([result]) => result?.moved ?? []
    )
  }

const headColumns: ReadonlyArray<(chain: Records) => string | number> = [
  ([{ instance }]) => instance,
  ([{ seq }]) => seq,
  ([{ prev }]) => prev,
  (chain) => Arr.lastNonEmpty(chain).seq,
  (chain) => Arr.lastNonEmpty(chain).hash
]

const parameters = Arr.makeBy(headColumns.length + names.length - 1, (at) => `$${at + 1}`).join(", ")
const ofLines = `$${headColumns.length + names.length}`
const callWithArray = `SELECT audit_append(${parameters}, ${ofLines}) AS moved`
const callWithText = `SELECT audit_append(${parameters}, string_to_array(${ofLines}, E'\\n')) AS moved`

const sqlite =
  (sql: SqlClient.SqlClient): Attempt =>
  (chains) =>
    sql.withTransaction(
      Effect.gen(function* () {
        const moved: Array<Records> = []
        for (const chain of chains) if ((yield* moveHead(sql, chain)).length > 0) moved.push(chain)
        if (moved.length > 0) yield* insert(sql, moved.flat())
        return moved.map(([{ instance }]) => instance)
      })
    )

/** As text: the helper that makes it of rows takes as long as the database does. */
const insert = (sql: SqlClient.SqlClient, records: ReadonlyArray<StoredRecord>) => {
  const values: Array<unknown> = []
  for (const record of records) {
    const row = toRow(record)
    for (const name of names) values.push(row[name])
  }
  const rows = `${placeholders}, `.repeat(records.length).slice(0, -2)
  return sql.unsafe(`INSERT INTO audit_records (${names.join(", ")}) VALUES ${rows}`, values)
}

const placeholders = `(${names.map(() => "?").join(", ")})`

const moveHead = (sql: SqlClient.SqlClient, chain: Records) => {
  const [{ instance, prev, seq }] = chain
  const last = Arr.lastNonEmpty(chain)
  const isBeginning = seq === 1 && prev === genesis.hash ? 1 : 0
  return sql`INSERT INTO audit_instances (instance, from_seq, from_hash, seq, hash)
    SELECT ${instance}, ${seq - 1}, ${prev}, ${last.seq}, ${last.hash}
    WHERE ${isBeginning} = 1 OR EXISTS (SELECT 1 FROM audit_instances WHERE instance = ${instance})
    ON CONFLICT (instance) DO UPDATE
      SET from_seq = excluded.from_seq, from_hash = excluded.from_hash, seq = excluded.seq, hash = excluded.hash
      WHERE audit_instances.seq = excluded.from_seq AND audit_instances.hash = excluded.from_hash
    RETURNING instance`
}

const missing = (store: string, instance: string, where: string) =>
  new AuditStoreError({
    store,
    reason: "Missing",
    description: `records of '${instance}' are missing ${where}: what comes after them is not stored`
  })

const forked = (store: string, instance: string, seq: number) =>
  new AuditStoreError({
    store,
    reason: "Forked",
    description: `the place of record ${seq} of '${instance}' is taken by another record: two programs write as '${instance}', or somebody has changed the store`
  })
