// A server in a process of its own: it tells its parent the port and, when asked, the CPU time it has used.
import { HttpServer } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { createServer } from "node:http"

/** `settled` resumes when what earlier requests have left to do is done: it belongs to their CPU time. */
export const launch = (served, settled = () => Effect.void) => {
  process.on("disconnect", () => process.exit())
  process.on("message", async () => {
    await Effect.runPromise(settled())
    process.send(process.cpuUsage())
  })
  const announce = HttpServer.addressWith(({ port }) => Effect.sync(() => process.send({ port })))
  Layer.effectDiscard(announce).pipe(
    Layer.provideMerge(served),
    Layer.provide(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 })),
    Layer.launch,
    NodeRuntime.runMain
  )
}
