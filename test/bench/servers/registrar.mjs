// The routes as the library serves them:
// `node registrar.mjs [spans-always | <audit file> durable|written|accepted [chain]]`.
import { NodeFileSystem } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import * as File from "../../../dist/AuditSink/File.js"
import * as NodeServer from "../../../dist/HttpErrors/Node.js"
import { AuditLog, AuditSink, Registrar } from "../../../dist/index.js"
import { launch } from "./launch.mjs"
import { Bench, routes } from "./registered.mjs"

const [first, responseWaitsFor, chain] = process.argv.slice(2)
const [spans, path] = first === "spans-always" ? ["always"] : ["collected", first]
let settled = Effect.void

const served = Layer.mergeAll(
  routes,
  Layer.effectDiscard(
    Effect.map(AuditLog.AuditLog, ({ flush }) => {
      settled = flush
    })
  )
)
const file = () => File.layer({ path, chain: chain === "chain" }).pipe(Layer.provide(NodeFileSystem.layer))

launch(
  Registrar.serve(Layer.provide(served, Bench.layer), { responseWaitsFor, spans, disableListenLog: true }).pipe(
    Layer.provide(path === undefined ? AuditSink.empty : file())
  ),
  () => settled,
  NodeServer
)
