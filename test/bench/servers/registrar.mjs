// The routes as the library serves them: `node registrar.mjs [<audit file> durable|written|accepted]`.
import { HttpLayerRouter } from "@effect/platform"
import { Effect, Layer } from "effect"
import * as File from "../../../dist/AuditSink/File.js"
import { AuditLog, AuditSink, Registrar } from "../../../dist/index.js"
import { ok } from "./byHand.mjs"
import { launch } from "./launch.mjs"
import { audited, Bench, limited } from "./registered.mjs"

const [path, responseWaitsFor] = process.argv.slice(2)
let settled = Effect.void

const routes = Layer.mergeAll(
  HttpLayerRouter.add("GET", "/ok", ok),
  HttpLayerRouter.add("GET", "/limited", limited),
  HttpLayerRouter.add("GET", "/audited", audited),
  Layer.effectDiscard(
    Effect.map(AuditLog.AuditLog, ({ flush }) => {
      settled = flush
    })
  )
)

launch(
  Registrar.serve(Layer.provide(routes, Bench.layer), { responseWaitsFor, disableListenLog: true }).pipe(
    Layer.provide(path === undefined ? AuditSink.empty : File.layer({ path }))
  ),
  () => settled
)
