/** One server of a fleet: `POST /events/:count` adds so many events. Takes the folder, the instance and the database. */
import { HttpLayerRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted, Schema } from "effect"
import { createServer } from "node:http"
import * as AuditEvent from "../../src/AuditEvent.js"
import * as AuditLog from "../../src/AuditLog.js"
import * as Spool from "../../src/AuditSink/Spool.js"
import * as SqlSink from "../../src/AuditSink/Sql.js"
import * as Extension from "../../src/Extension.js"
import * as NodeServer from "../../src/HttpErrors/Node.js"
import * as Registrar from "../../src/Registrar.js"

const [folder = "", instance = "", url = ""] = process.argv.slice(2)

const Counted = AuditEvent.make("fleet-counted", {
  level: "Info",
  message: "{count} at {path} for {user}",
  fields: { count: Schema.Int }
})
const Fleet = Extension.make("fleet", { auditEvents: [Counted] })

let last = 0

const add = HttpLayerRouter.add(
  "POST",
  "/events/:count",
  Effect.gen(function* () {
    const { count } = yield* HttpLayerRouter.schemaPathParams(Schema.Struct({ count: Schema.NumberFromString }))
    const audit = yield* AuditLog.AuditLog
    for (let index = 0; index < count; index++) yield* audit.add(Counted, { count: ++last })
    return HttpServerResponse.text(String(last))
  }).pipe(Effect.orDie)
)

const sink = SqlSink.layer({ instance }).pipe(
  Layer.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 3 })),
  Spool.through({ path: `${folder}/${instance}.jsonl`, instance, closeWithin: "5 minutes" })
)

const ready = HttpServer.addressWith((address) =>
  Effect.sync(() => process.stdout.write(`${address._tag === "TcpAddress" ? address.port : 0}\n`))
)

Layer.effectDiscard(ready).pipe(
  Layer.provide(Registrar.serve(add.pipe(Layer.provide(Fleet.layer)), { disableListenLog: true })),
  Layer.provideMerge(NodeServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
  Layer.provide(sink),
  Layer.provide(NodeContext.layer),
  Layer.launch,
  NodeRuntime.runMain
)
