/**
 * The trace that something happens in, as far as somebody collects it.
 */
import { Context, DefaultServices, Tracer } from "effect"
import type { Fiber } from "effect"

/** In the form of W3C Trace Context. */
export interface Trace {
  readonly traceId: string
  readonly spanId: string
}

/** Effect's own tracer, which keeps no span: their ids lead nowhere. */
export const withoutCollector = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/** That of a fiber: of a tracer that is installed, or one that came from outside and goes on here. */
export const of = ({ currentSpan, currentTracer }: Fiber.RuntimeFiber<unknown, unknown>): Trace | undefined =>
  currentSpan === undefined ? undefined : traceOf(currentSpan, currentTracer)

const traceOf = (span: Tracer.AnySpan, tracer: Tracer.Tracer): Trace | undefined => {
  // A span may be the application's code: whatever it throws stays here.
  try {
    if (tracer === withoutCollector && !isFromOutside(span)) return undefined
    const { spanId, traceId } = span
    return isTraceId(traceId) && isSpanId(spanId) ? { traceId, spanId } : undefined
  } catch {
    return undefined
  }
}

const isFromOutside = (span: Tracer.AnySpan): boolean => {
  let at = span
  while (at._tag === "Span") {
    if (at.parent._tag === "None") return false
    at = at.parent.value
  }
  return true
}

/** Not all zeros, which stand for no id at all. */
export const isTraceId = (id: unknown): id is string => typeof id === "string" && /^(?!0+$)[0-9a-f]{32}$/.test(id)

export const isSpanId = (id: unknown): id is string => typeof id === "string" && /^(?!0+$)[0-9a-f]{16}$/.test(id)
