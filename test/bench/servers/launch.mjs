// A server in a process of its own: it tells its parent the port and, when asked, what it has used.
import { HttpServer } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { createServer } from "node:http"

/** Lets a thing be done before the question is answered. */
const collectGarbage = () => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

/** `settled` resumes when what earlier requests have left to do is done: it belongs to their CPU time. */
const answerParent = (settled) => {
  process.on("disconnect", () => process.exit())
  process.on("message", async (question) => {
    await settled()
    process.send(question === "heap" ? collectGarbage() : process.cpuUsage())
  })
}

/** A Layer that serves on the `HttpServer` that it is given: that of the platform, or of the library. */
export const launch = (served, settled = () => Effect.void, { layer } = NodeHttpServer) => {
  answerParent(() => Effect.runPromise(settled()))
  const announce = HttpServer.addressWith(({ port }) => Effect.sync(() => process.send({ port })))
  Layer.effectDiscard(announce).pipe(
    Layer.provideMerge(served),
    Layer.provide(layer(createServer, { host: "127.0.0.1", port: 0 })),
    Layer.launch,
    NodeRuntime.runMain
  )
}

/** The same for a server without Effect. `listen` takes the address, and resumes with the server of Node. */
export const launchPlain = async (listen) => {
  answerParent(async () => {})
  const server = await listen({ host: "127.0.0.1", port: 0 })
  process.send({ port: server.address().port })
}
