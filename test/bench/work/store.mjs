// Records into a database: a loop of INSERT with the driver, the sink, and the whole audit log.
import { NodeContext } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import assert from "node:assert/strict"
import * as AuditChain from "../../../dist/AuditChain.js"
import * as Columns from "../../../dist/AuditSink/Sql/Columns.js"
import * as SqlSink from "../../../dist/AuditSink/Sql.js"
import { AuditLog, AuditRecord, AuditSink } from "../../../dist/index.js"
import * as Registered from "../servers/registered.mjs"
import { repeat, runWith } from "./effect.mjs"

/** Of a round. */
const count = 20_000

const instance = "web-1"
export const month = "2024-01-01"
const morning = Date.parse("2024-01-10T08:00:00.000Z")
const nouns = ["invoice", "contract", "photo", "letter", "backup", "report", "draft", "minutes", "budget", "plan"]

/** What a server of files records: each user, address, folder and word comes many times, in no order. */
const recordOf = (index) => {
  const [user, noun] = [`user${(index * 7919) % 1000}`, nouns[index % nouns.length]]
  const ip = `192.0.2.${(index * 31) % 256}`
  const path = `/projects/${(index * 104_729) % 500}/${noun}`
  return AuditRecord.make({
    level: index % 20 === 0 ? "WARNING" : "INFO",
    date: new Date(morning + index * 10).toISOString(),
    message: `${user} has opened ${noun} ${index} of ${path} from ${ip}`,
    event: {
      type: `files-${["opened", "saved", "shared", "closed"][index % 4]}`,
      details: { ip, path, user, item: noun, number: index },
      requestId: `${index.toString(16).padStart(8, "0")}-7d3c-4e1b-9f00-5a2b8c6d4e10`
    },
    source: "files"
  })
}

const recordsOf = (length) => Array.from({ length }, (_, index) => recordOf(index))

/** The rows that the sink makes of these: a list of values each. */
const rowsOf = (records) => {
  let head = AuditChain.genesis
  return records.map((record) => {
    const linked = AuditChain.link(head, record.line)
    head = linked.head
    const row = Columns.toRow({ instance, seq: head.seq, record: { ...record, line: linked.line } })
    return Columns.names.map((name) => row[name])
  })
}

const inBatches = (all, size) =>
  Array.from({ length: all.length / size }, (_, index) => all.slice(index * size, (index + 1) * size))

/** `placeholder` is given the number of a value in the statement, from 0 on. */
const insertText = (size, placeholder) => {
  const width = Columns.names.length
  const row = (at) => `(${Columns.names.map((_, index) => placeholder(at * width + index)).join(", ")})`
  return `INSERT INTO audit_records (${Columns.names.join(", ")}) VALUES ${Array.from({ length: size }, (_, at) => row(at)).join(", ")}`
}

/** The rows are ready before the time begins, and so is the text. */
const inserting = (size, insertOf) => {
  const batches = inBatches(rowsOf(recordsOf(count)), size)
  return async (database) => {
    await database.open()
    const insert = insertOf(database, insertText(size, database.placeholder))
    const taken = database.stopwatch()
    for (const batch of batches) await insert(batch.flat())
    return { count, ...taken() }
  }
}

const timed = (database, effect) =>
  Effect.suspend(() => {
    const taken = database.stopwatch()
    return Effect.map(effect, () => ({ count, ...taken() }))
  })

const sinkOf = ({ layer }) => SqlSink.layer({ instance }).pipe(Layer.provide(layer), Layer.provide(NodeContext.layer))

/** The records are ready before the time begins. With a first one the trail is opened, and its month made. */
const writing = (size) => {
  const [first, ...others] = recordsOf(count + 1)
  const batches = inBatches(others, size)
  return (database) =>
    Effect.gen(function* () {
      const sink = yield* AuditSink.AuditSink
      const store = (batch) => Effect.zipRight(sink.write(batch), sink.sync)
      yield* store([first])
      return yield* timed(database, Effect.forEach(batches, store, { discard: true }))
    }).pipe(Effect.provide(sinkOf(database)), Effect.runPromise)
}

const adding = (database) =>
  runWith(
    Effect.gen(function* () {
      const audit = yield* AuditLog.AuditLog
      const add = (files) => audit.add(Registered.Listed, { files })
      yield* audit.require(Registered.Listed, { files: 0 })
      return yield* timed(database, Effect.zipRight(repeat(count, add), audit.flush))
    }),
    { sink: sinkOf(database) }
  )

/** Each in tables that were just made, and are gone afterwards. */
const stored = (withDatabase, prepare) => (folder) => {
  const store = prepare()
  return () =>
    withDatabase(folder, async (database) => {
      await Effect.runPromise(Effect.provide(SqlSink.migrate, database.layer))
      const result = await store(database)
      const found = await database.count()
      assert.ok(found >= result.count, `${result.count} records were stored, and ${found} are there`)
      return result
    })
}

const insert = (database, text) => database.insert(text)

/** `withDatabase` gives its callback a database of its own. */
export const contestants = (withDatabase) => ({
  insert: stored(withDatabase, () => inserting(1000, insert)),
  sink: stored(withDatabase, () => writing(1000)),
  log: stored(withDatabase, () => adding),
  insert100: stored(withDatabase, () => inserting(100, insert)),
  sink100: stored(withDatabase, () => writing(100))
})

/** The same loop with another statement. */
export const insertingWith = (withDatabase, insertOf) => stored(withDatabase, () => inserting(1000, insertOf))
