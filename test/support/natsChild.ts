/**
 * A program of a fleet. `publish` writes events as one instance, in batches of different sizes; `consume` lands the stream in a
 * SQLite file until it is killed.
 */
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { Array as Arr, Effect, Layer, Schedule } from "effect"
import * as AuditConsumer from "../../src/AuditConsumer.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import { AuditSink } from "../../src/AuditSink.js"
import * as NatsSink from "../../src/AuditSink/Nats.js"
import * as SqlSink from "../../src/AuditSink/Sql.js"

const [role, servers = "", stream = "", name = "", count = ""] = process.argv.slice(2)
const here = { servers, stream, subject: stream }

const record = (number: number) =>
  AuditRecord.make({
    level: "INFO",
    date: new Date(Date.UTC(2024, 0, 31, 12, 0, 0, number)).toISOString(),
    message: `Event ${number} of ${name}`,
    event: { type: "test-event", details: { number } },
    source: "test"
  })

const publish = Effect.gen(function* () {
  const sink = yield* AuditSink
  let number = 1
  while (number <= Number(count)) {
    const end = Math.min(Number(count), number + ((number * 7) % 400))
    // The same records, until they are stored: what a sink is promised.
    const batch = Arr.map(Arr.range(number, end), record)
    yield* Effect.retry(Effect.zipRight(sink.write(batch), sink.sync), Schedule.spaced("50 millis"))
    number = end + 1
  }
}).pipe(Effect.provide(NatsSink.layer({ ...here, instance: name })), Effect.provide(NodeContext.layer))

const consume = AuditConsumer.layer({ ...here, ackWait: "1 seconds", batch: 20 }).pipe(
  Layer.provide(SqlSink.layerStore()),
  Layer.provide(SqliteClient.layer({ filename: name })),
  Layer.launch
)

NodeRuntime.runMain<unknown, void>(role === "publish" ? publish : consume)
