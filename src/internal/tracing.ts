/**
 * Spans of requests are made only where somebody collects them. The platform makes one for each request, a quarter of what the
 * request costs, also where the tracer is Effect's own, which keeps none.
 */
import { HttpMiddleware, HttpTraceContext, type HttpServerRequest } from "@effect/platform"
import { Effect, Layer, Option } from "effect"
import { withoutCollector } from "./trace.js"

/** Calls that the handler makes go on with the trace that the request belongs to (W3C Trace Context, B3). */
const isTraced = ({ headers }: HttpServerRequest.HttpServerRequest): boolean =>
  ("traceparent" in headers || "b3" in headers || "x-b3-traceid" in headers) &&
  Option.isSome(HttpTraceContext.fromHeaders(headers))

/** What is served inside makes no span for a request, unless there is a tracer, or the request belongs to a trace. */
export const onlyWhereCollected = <A, E, R>(served: Layer.Layer<A, E, R>): Layer.Layer<A, E, R> =>
  Layer.unwrapEffect(
    Effect.map(Effect.tracer, (tracer) =>
      tracer === withoutCollector
        ? Layer.locallyWith(
            served,
            HttpMiddleware.currentTracerDisabledWhen,
            (isDisabled) => (request) => isDisabled(request) || !isTraced(request)
          )
        : served
    )
  )
