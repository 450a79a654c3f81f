import { HttpLayerRouter, HttpMiddleware, HttpServerResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Context, DefaultServices, Effect, Layer, Option, Tracer } from "effect"
import * as Registrar from "../../src/Registrar.js"
import * as Http from "../support/http.js"

const trace = "0af7651916cd43dd8448eb211c80319c"
const traced = { traceparent: `00-${trace}-b7ad6b7169203331-01` }

/** Answers with the trace that the handler runs in. */
const route = HttpLayerRouter.add(
  "GET",
  "/",
  Effect.map(Effect.option(Effect.currentSpan), (span) =>
    HttpServerResponse.text(Option.match(span, { onNone: () => "none", onSome: ({ traceId }) => traceId }))
  )
)
const served = Registrar.serve(route, { disableListenLog: true })

const traceOf = (headers?: Record<string, string>) => (server: Http.Running) =>
  Effect.map(server.request("GET", "/", { ...(headers && { headers }) }), ({ body }) => body)

/** One that could give spans to a collector. It makes the same ones as Effect's own. */
const collector = Layer.suspend(() => {
  const own = Context.get(DefaultServices.liveServices, Tracer.Tracer)
  return Layer.setTracer(Tracer.make({ span: own.span.bind(own), context: own.context.bind(own) }))
})

describe("the span of a request", () => {
  it.scopedLive("is not made where nothing collects it", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Effect.flatMap(Http.start(served), traceOf()), "none")
    })
  )

  it.scopedLive("is made for a request that belongs to a trace", () =>
    Effect.gen(function* () {
      const server = yield* Http.start(served)
      assert.strictEqual(yield* traceOf(traced)(server), trace)
      assert.strictEqual(yield* traceOf({ b3: `${trace}-b7ad6b7169203331-1` })(server), trace)
      const manyHeaders = { "x-b3-traceid": trace, "x-b3-spanid": "b7ad6b7169203331", "x-b3-sampled": "1" }
      assert.strictEqual(yield* traceOf(manyHeaders)(server), trace)
    })
  )

  it.scopedLive("is not made for what only looks like a trace", () =>
    Effect.gen(function* () {
      const server = yield* Http.start(served)
      assert.strictEqual(yield* traceOf({ traceparent: "garbage" })(server), "none")
    })
  )

  it.scopedLive("is always made where the application says so", () =>
    Effect.gen(function* () {
      const always = Registrar.serve(route, { disableListenLog: true, spans: "always" })
      assert.match(yield* Effect.flatMap(Http.start(always), traceOf()), /^[0-9a-f]{32}$/)
    })
  )

  it.scopedLive("is made where there is a tracer, wherever that is provided", () =>
    Effect.gen(function* () {
      for (const each of [
        Layer.provide(served, collector),
        Registrar.serve(Layer.provide(route, collector), { disableListenLog: true })
      ]) {
        assert.match(yield* Effect.flatMap(Http.start(each), traceOf()), /^[0-9a-f]{32}$/)
      }
    })
  )

  it.scopedLive("is not made where the application says so itself", () =>
    Effect.gen(function* () {
      const disabled = HttpMiddleware.withTracerDisabledWhen(served, () => true)
      assert.strictEqual(yield* Effect.flatMap(Http.start(disabled), traceOf(traced)), "none")
    })
  )
})
