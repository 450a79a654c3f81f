// A server for a long time: `node soaked.mjs <audit file>`.
import { HttpLayerRouter } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import * as File from "../../../dist/AuditSink/File.js"
import * as NodeServer from "../../../dist/HttpErrors/Node.js"
import { Registrar } from "../../../dist/index.js"
import { launch } from "./launch.mjs"
import { audited, Bench, routes } from "./registered.mjs"

const [path] = process.argv.slice(2)

const served = Layer.mergeAll(
  routes,
  // Long enough for its client to go away.
  HttpLayerRouter.add("GET", "/slow", Effect.zipRight(Effect.sleep("100 millis"), audited))
)

// A small part of the trail is kept: what grows is to be the memory, if anything.
const sink = File.layer({ path, chain: true, maxBytes: 20_000_000, keep: { files: 2 } })

launch(
  Registrar.serve(Layer.provide(served, Bench.layer), { disableListenLog: true }).pipe(
    Layer.provide(sink),
    Layer.provide(NodeFileSystem.layer)
  ),
  undefined,
  NodeServer
)
