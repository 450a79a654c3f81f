// The routes as the platform serves them.
import { HttpLayerRouter } from "@effect/platform"
import { Layer } from "effect"
import { limited, ok } from "./byHand.mjs"
import { launch } from "./launch.mjs"

const routes = Layer.mergeAll(HttpLayerRouter.add("GET", "/ok", ok), HttpLayerRouter.add("GET", "/limited", limited))

launch(HttpLayerRouter.serve(routes, { disableLogger: true, disableListenLog: true }))
