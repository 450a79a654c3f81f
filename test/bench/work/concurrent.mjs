// As many requests at once, without a server: each waits for its event to be durable.
import { HttpLayerRouter } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { Layer } from "effect"
import assert from "node:assert/strict"
import { join } from "node:path"
import { HttpAudit, HttpErrors, Registrar } from "../../../dist/index.js"
import { audited, Bench } from "../servers/registered.mjs"
import { fileSink } from "./effect.mjs"

const total = 10_000

const concurrent = (level) => (folder) => {
  let run = 0
  return async () => {
    const routes = HttpLayerRouter.add("GET", "/audited", audited).pipe(
      Layer.provide(Bench.layer),
      Layer.provide(HttpErrors.layer()),
      Layer.provide(HttpAudit.layer({ responseWaitsFor: "durable" })),
      Layer.provideMerge(Registrar.layer()),
      Layer.provide(fileSink({ path: join(folder, `audit-${run++}`), chain: true })),
      Layer.provideMerge(NodeContext.layer)
    )
    const { dispose, handler } = HttpLayerRouter.toWebHandler(routes, { disableLogger: true })
    // A single one takes its time: it waits for a sync of its own.
    const count = level === 1 ? total / 10 : total
    let left = count
    const worker = async () => {
      while (left-- > 0) {
        const response = await handler(new Request("http://bench/audited"))
        assert.equal(response.status, 200)
      }
    }
    // The first request builds the layers.
    await handler(new Request("http://bench/audited"))
    const start = performance.now()
    await Promise.all(Array.from({ length: level }, worker))
    const seconds = (performance.now() - start) / 1000
    await dispose()
    return { count, seconds }
  }
}

export const contestants = {
  1: concurrent(1),
  100: concurrent(100),
  1000: concurrent(1_000),
  10000: concurrent(10_000)
}
