/** A collector that sends its clients elsewhere has taken nothing. */
import { FetchHttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer, type RequestListener } from "node:http"
import * as Otlp from "../../src/AuditSink/Otlp.js"
import { records } from "./testRecords.js"

const serve = (listener: RequestListener) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly close: () => void }>((resume) => {
      const server = createServer(listener).listen(0, "127.0.0.1", () => {
        const { port } = server.address() as { readonly port: number }
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close: () => server.close() }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

describe("a redirection", () => {
  for (const status of [301, 302, 303, 307, 308]) {
    it.scopedLive(`with ${status} is not followed, and says so`, () =>
      Effect.gen(function* () {
        let visits = 0
        const elsewhere = yield* serve((request, response) => {
          visits++
          request.resume()
          response.setHeader("content-type", "application/json").end("{}")
        })
        const collector = yield* serve((request, response) => {
          request.resume()
          response.writeHead(status, { location: elsewhere.url }).end()
        })
        const sink = yield* Otlp.make({ url: `${collector.url}/v1/logs`, headers: { "x-api-key": "HEADERSECRET" } })
        const error = yield* Effect.flip(sink.write(records(1, 2)))
        assert.strictEqual(visits, 0)
        assert.notStrictEqual(error.reason, "Unavailable")
        assert.notInclude(error.message, "HEADERSECRET")
      }).pipe(Effect.provide(FetchHttpClient.layer))
    )
  }

  it.scopedLive("keeps what stands in the URL to itself", () =>
    Effect.gen(function* () {
      const collector = yield* serve((request, response) => {
        request.resume()
        response.writeHead(404, { "content-type": "application/json" })
        response.end(JSON.stringify({ message: `Cannot POST ${request.url}` }))
      })
      const sink = yield* Otlp.make({ url: `${collector.url}/SECRETPATHTOKEN/v1/logs?api_key=QUERYSECRET` })
      const error = yield* Effect.flip(sink.write(records(1, 1)))
      assert.notMatch(error.message, /SECRETPATHTOKEN|QUERYSECRET/)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
