// The audited route as an application is deployed, with its logs from `Config`: `node configured.mjs <audit file>`.
import { NodeFileSystem } from "@effect/platform-node"
import { ConfigProvider, Layer } from "effect"
import * as NodeServer from "../../../dist/HttpErrors/Node.js"
import { Logs, Registrar } from "../../../dist/index.js"
import { launch } from "./launch.mjs"
import { Bench, routes } from "./registered.mjs"

const [path] = process.argv.slice(2)

// No rotation: every line is looked for in this file, and the day may end during a round.
const environment = ConfigProvider.fromMap(
  new Map([
    ["LOG_SOURCE", "app"],
    ["AUDIT_FILE_PATH", path],
    ["AUDIT_CHAIN", "true"],
    ["APPLICATION_CONSOLE_LEVEL", "INFO"]
  ])
)

launch(
  Registrar.serveConfig(Layer.provide(routes, Bench.layer)).pipe(
    Layer.provide(Logs.layerConfig()),
    Layer.provide(NodeFileSystem.layer),
    Layer.provide(Layer.setConfigProvider(environment))
  ),
  undefined,
  NodeServer
)
