// The layers of the library, in a router that the platform serves.
import { HttpLayerRouter } from "@effect/platform"
import { Layer } from "effect"
import { AuditSink, HttpAudit, HttpErrors, Registrar } from "../../../dist/index.js"
import { ok } from "./byHand.mjs"
import { launch } from "./launch.mjs"

const routes = HttpLayerRouter.add("GET", "/ok", ok).pipe(
  Layer.provide(HttpErrors.layer()),
  Layer.provide(HttpAudit.layer()),
  Layer.provide(Registrar.layer()),
  Layer.provide(AuditSink.empty)
)

launch(HttpLayerRouter.serve(routes, { disableLogger: true, disableListenLog: true }))
