// A store that was filled, read as an application reads it.
import { SqlClient, Statement } from "@effect/sql"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"
import * as SqlSink from "../../../dist/AuditSink/Sql.js"
import { AuditStore } from "../../../dist/index.js"
import { serverCpu } from "../postgres.mjs"

/** Runs it with the store, and counts what the server has used. */
export const reading = async (url, effect) => {
  const client = PgClient.layer({ url: Redacted.make(url) })
  const store = SqlSink.layerStore({ migrate: false, timeout: "5 minutes" })
  const before = serverCpu()
  const result = await effect.pipe(Effect.provide(Layer.provideMerge(store, client)), Effect.runPromise)
  return { ...result, elsewhere: serverCpu() - before }
}

/** A page, and the milliseconds that it took. */
export const timedPage = (query, options) =>
  Effect.gen(function* () {
    const store = yield* AuditStore.AuditStore
    const start = performance.now()
    const page = yield* store.page(query, options)
    return { ...page, milliseconds: performance.now() - start }
  })

/** What the server did for a page: how many blocks of 8 kB it looked at, and along which indexes it found them, or in the whole table. */
export const explain = (query, options) =>
  Effect.gen(function* () {
    const store = yield* AuditStore.AuditStore
    const sql = yield* SqlClient.SqlClient
    let compiled
    const remember = (statement) => Effect.sync(() => ((compiled = statement.compile()), statement))
    yield* Statement.withTransformer(store.page(query, options), remember)
    const [text, values] = compiled
    const [answer] = yield* sql.unsafe(`EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ${text}`, values)
    const { Plan: plan } = answer["QUERY PLAN"][0]
    const parents = new Map((yield* sql.unsafe(parentIndexes)).map(({ index, parent }) => [index, parent]))
    return {
      blocks: plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
      scans: [...new Set(nodesOf(plan).flatMap((node) => scanOf(node, parents)))].toSorted()
    }
  })

/** Each month has its own, under a name that the server gives it. */
const parentIndexes = `
  SELECT child.relname AS index, parent.relname AS parent
  FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid JOIN pg_class parent ON parent.oid = inhparent
  WHERE child.relkind = 'i' AND child.relnamespace = current_schema::regnamespace`

const nodesOf = (node) => [node, ...(node.Plans ?? []).flatMap(nodesOf)]

/** Of those that were reached. */
const scanOf = (node, parents) => {
  if (node["Actual Loops"] === 0) return []
  if (node["Index Name"] !== undefined) return [parents.get(node["Index Name"]) ?? node["Index Name"]]
  return node["Node Type"] === "Seq Scan" ? ["table"] : []
}
