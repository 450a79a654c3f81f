/** Events carry the trace that they happen in, where somebody collects it. */
import { HttpLayerRouter, HttpServerResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Tracer } from "effect"
import * as AuditLog from "../../src/AuditLog.js"
import * as Registrar from "../../src/Registrar.js"
import { assertLine, run, Test, Ticked } from "../support/auditLog.js"
import * as Http from "../support/http.js"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const spanId = "b7ad6b7169203331"

/** Its spans have these ids, whatever they are. */
const collecting = (ids: { readonly traceId: string; readonly spanId: string }) =>
  Tracer.make({
    span: (name, parent, context, links, startTime, kind) => ({
      _tag: "Span",
      ...ids,
      name,
      parent,
      context,
      links,
      kind,
      sampled: true,
      status: { _tag: "Started", startTime },
      attributes: new Map(),
      end: () => {},
      attribute: () => {},
      event: () => {},
      addLinks: () => {}
    }),
    context: (f) => f()
  })

/** What an event has that is added in these surroundings, beside its type and details. */
const traceIn = (surround: <A, E, R>(adding: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) =>
  Effect.map(
    run(({ audit }) => Effect.zipRight(surround(audit.add(Ticked)), audit.flush)),
    ({ records }) => {
      assert.lengthOf(records, 1)
      assertLine(records[0]!)
      const { details: _, type, ...rest } = records[0]!.event
      assert.strictEqual(type, Ticked.type)
      return rest
    }
  )

describe("an event", () => {
  it.effect("outside of any span has no trace", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* traceIn((adding) => adding), {})
      assert.deepStrictEqual(yield* traceIn(Effect.withTracer(collecting({ traceId, spanId }))), {})
    })
  )

  it.effect("in a span that nobody collects has no trace", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* traceIn(Effect.withSpan("test")), {})
      assert.deepStrictEqual(
        yield* traceIn((adding) => adding.pipe(Effect.withSpan("inner"), Effect.withSpan("outer"))),
        {}
      )
    })
  )

  it.effect("in a span that is collected has its ids", () =>
    Effect.gen(function* () {
      const tracer = collecting({ traceId, spanId })
      const traced = yield* traceIn((adding) => adding.pipe(Effect.withSpan("test"), Effect.withTracer(tracer)))
      assert.deepStrictEqual(traced, { traceId, spanId })
    })
  )

  it.effect("in a trace from outside has its ids, and those of the span that goes on with it", () =>
    Effect.gen(function* () {
      const outside = Tracer.externalSpan({ traceId, spanId })
      assert.deepStrictEqual(yield* traceIn(Effect.withParentSpan(outside)), { traceId, spanId })
      const within = yield* traceIn((adding) =>
        adding.pipe(Effect.withSpan("inner"), Effect.withSpan("outer"), Effect.withParentSpan(outside))
      )
      assert.strictEqual(within.traceId, traceId)
      assert.match(String(within.spanId), /^[0-9a-f]{16}$/)
      assert.notStrictEqual(within.spanId, spanId)
    })
  )

  it.effect("has no trace where tracing is switched off", () =>
    Effect.gen(function* () {
      const tracer = collecting({ traceId, spanId })
      const traced = yield* traceIn((adding) =>
        adding.pipe(Effect.withSpan("test"), Effect.withTracer(tracer), Effect.withTracerEnabled(false))
      )
      assert.deepStrictEqual(traced, {})
    })
  )

  it.effect("has no ids that W3C Trace Context does not know", () =>
    Effect.gen(function* () {
      for (const ids of [
        { traceId: "0".repeat(32), spanId },
        { traceId, spanId: "0".repeat(16) },
        { traceId: traceId.toUpperCase(), spanId },
        { traceId: traceId.slice(16), spanId },
        { traceId: `${traceId}0`, spanId },
        { traceId: `${traceId}\n`, spanId },
        { traceId, spanId: "" },
        { traceId, spanId: `${spanId}"` },
        { traceId: [traceId] as unknown as string, spanId }
      ]) {
        const outside = Tracer.externalSpan(ids)
        assert.deepStrictEqual(yield* traceIn(Effect.withParentSpan(outside)), {})
      }
    })
  )

  it.effect("is recorded also where its span throws", () =>
    Effect.gen(function* () {
      const hostile = {
        ...Tracer.externalSpan({ traceId, spanId }),
        get traceId(): string {
          throw new Error("trap")
        }
      }
      assert.deepStrictEqual(yield* traceIn(Effect.withParentSpan(hostile)), {})
    })
  )
})

describe("both records of an act", () => {
  it.effect("have the trace of the act", () =>
    Effect.gen(function* () {
      const { records } = yield* run(() =>
        Effect.void.pipe(AuditLog.around(Ticked), Effect.withParentSpan(Tracer.externalSpan({ traceId, spanId })))
      )
      assert.deepStrictEqual(
        records.map(({ event }) => [event.traceId, event.spanId]),
        [
          [traceId, spanId],
          [traceId, spanId]
        ]
      )
    })
  )
})

describe("an event of a request", () => {
  const route = HttpLayerRouter.add(
    "GET",
    "/",
    Effect.gen(function* () {
      const audit = yield* AuditLog.AuditLog
      yield* audit.add(Ticked)
      const span = yield* Effect.option(Effect.currentSpan)
      return HttpServerResponse.text(Option.match(span, { onNone: () => "", onSome: ({ spanId }) => spanId }))
    })
  )
  const app = Layer.provide(route, Test.layer)
  const traceparent = { traceparent: `00-${traceId}-${spanId}-01` }

  it.scopedLive("has the trace of the request, as the request has it", () =>
    Effect.gen(function* () {
      const server = yield* Http.start(Registrar.serve(app, { disableListenLog: true }))
      yield* server.request("GET", "/")
      const { body } = yield* server.request("GET", "/", { headers: traceparent })
      const [without, within] = yield* server.audit
      assert.deepStrictEqual(Object.keys(without!.event), ["type", "details", "requestId"])
      assert.deepStrictEqual(Object.keys(within!.event), ["type", "details", "requestId", "traceId", "spanId"])
      assert.strictEqual(within!.event.traceId, traceId)
      // What the handler calls is told this one.
      assert.strictEqual(within!.event.spanId, body)
    })
  )

  it.scopedLive("has the trace that a tracer makes for it, wherever that is provided", () =>
    Effect.gen(function* () {
      const tracer = Layer.setTracer(collecting({ traceId, spanId }))
      for (const served of [
        Layer.provide(Registrar.serve(app, { disableListenLog: true }), tracer),
        Registrar.serve(Layer.provide(app, tracer), { disableListenLog: true })
      ]) {
        const server = yield* Http.start(served)
        yield* server.request("GET", "/")
        const [record] = yield* server.audit
        assert.deepStrictEqual([record!.event.traceId, record!.event.spanId], [traceId, spanId])
      }
    })
  )

  it.scopedLive("has none of a span that only the application wanted", () =>
    Effect.gen(function* () {
      const server = yield* Http.start(Registrar.serve(app, { disableListenLog: true, spans: "always" }))
      const { body } = yield* server.request("GET", "/")
      assert.match(body, /^[0-9a-f]{16}$/)
      assert.notProperty((yield* server.audit)[0]!.event, "traceId")
    })
  )
})
