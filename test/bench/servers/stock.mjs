// The routes as the platform serves them: `node stock.mjs [untraced | with-logger | <log file>]`.
import { HttpLayerRouter, HttpMiddleware, PlatformLogger } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { Layer, Logger } from "effect"
import { limited, logged, ok } from "./byHand.mjs"
import { launch } from "./launch.mjs"

const [mode = "plain"] = process.argv.slice(2)

const routes = Layer.mergeAll(
  HttpLayerRouter.add("GET", "/ok", ok),
  HttpLayerRouter.add("GET", "/limited", limited),
  HttpLayerRouter.add("GET", "/logged", logged)
)
const served = HttpLayerRouter.serve(routes, { disableLogger: mode !== "with-logger", disableListenLog: true })

const toFile = (path) =>
  Logger.replaceScoped(Logger.defaultLogger, PlatformLogger.toFile(Logger.jsonLogger, path)).pipe(
    Layer.provide(NodeFileSystem.layer)
  )

const layers = {
  plain: () => served,
  untraced: () => HttpMiddleware.withTracerDisabledWhen(served, () => true),
  "with-logger": () => Layer.provide(served, Logger.json)
}
launch(mode in layers ? layers[mode]() : Layer.provide(served, toFile(mode)))
