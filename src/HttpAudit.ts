/**
 * Gives every request its `AuditContext`, with an id that its log lines carry too, and lets its response go once what it added to
 * the audit log is safe.
 *
 * @example
 * import { HttpAudit } from "effect-registrar"
 *
 * // Behind one reverse proxy, which appends the address it was called from to `X-Forwarded-For`.
 * const audit = HttpAudit.layer({ trustedProxies: 1 })
 */
import { HttpLayerRouter, HttpServerRequest } from "@effect/platform"
import type { HttpApp, HttpServerResponse } from "@effect/platform"
import { Context, Effect, Exit, FiberRef, HashMap, Layer, Option } from "effect"
import { AuditContext, make as makeContext } from "./AuditContext.js"
import type { Durability } from "./AuditSink.js"
import { Added } from "./internal/added.js"
import { clientAddress } from "./internal/clientAddress.js"
import * as RequestContext from "./internal/requestContext.js"
import * as RequestId from "./internal/requestId.js"
import { requestPath } from "./internal/requestPath.js"

/**
 * @category models
 */
export interface Options {
  /**
   * How many reverse proxies stand before the server, each of which appends to `X-Forwarded-For`. `ip` is the address that
   * the outermost of them saw; whatever stands before it in the header was written by the client. Default: 0, the address of
   * the connection.
   */
  readonly trustedProxies?: number | undefined
  /**
   * Takes the id of a request from its `X-Request-Id`, or else from its `traceparent` (W3C Trace Context). Only where whoever
   * stands before the server writes these headers itself: a client could choose what it is called in the logs. Default: false,
   * each request is given an id.
   */
  readonly trustRequestId?: boolean | undefined
  /**
   * How safe the events of a request must be before its response goes. Default: `"durable"`. While the sink fails a response
   * goes without waiting, and it never waits longer than the audit log's `waitAtMost`. The events stay in the queue; a handler
   * that must not go on without them uses `require`.
   */
  readonly responseWaitsFor?: Durability | undefined
}

/**
 * Gives every route its `AuditContext`. It belongs outside of what answers failures, so that the events of a failing request
 * are waited for as well: provide it after `HttpErrors.layer`.
 *
 * @category layers
 */
export const layer = (
  options?: Options
): Layer.Layer<
  HttpLayerRouter.Request<"Requires", AuditContext> | HttpLayerRouter.Request<"GlobalRequires", AuditContext>,
  never,
  HttpLayerRouter.HttpRouter
> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const router = yield* HttpLayerRouter.HttpRouter
      const trustedProxies = options?.trustedProxies ?? 0
      const stage = options?.responseWaitsFor ?? "durable"
      const nextId = yield* RequestId.generator

      yield* router.addGlobalMiddleware((app) =>
        Effect.withFiberRuntime<HttpServerResponse.HttpServerResponse, unknown, HttpServerRequest.HttpServerRequest>(
          (fiber) => {
            const request = Context.unsafeGet(fiber.currentContext, HttpServerRequest.HttpServerRequest)
            const given = options?.trustRequestId === true ? RequestId.given(request.headers) : undefined
            const requestId = RequestId.of(fiber, () => given ?? nextId())
            const added: typeof Added.Service = {}
            RequestContext.put(fiber, AuditContext, contextOf(request, trustedProxies, requestId))
            RequestContext.put(fiber, Added, added)
            // For the rest of the fiber, which is the request's own.
            const annotations = HashMap.set(fiber.getFiberRef(FiberRef.currentLogAnnotations), "requestId", requestId)
            const annotated = FiberRef.set(FiberRef.currentLogAnnotations, annotations)
            return Effect.zipRight(annotated, stage === "accepted" ? app : holdingBack(app, added, stage))
          }
        )
      )
    })
    // What the layer provides reaches the routes through the middleware.
  ) as Layer.Layer<never, never, HttpLayerRouter.HttpRouter> as never

/**
 * Also after a failure, a defect or a disconnect. That events failed has been logged where they did. As on a server, only routes
 * are interruptible inside.
 */
const holdingBack = <E, R>(
  app: HttpApp.Default<E, R>,
  added: typeof Added.Service,
  stage: Exclude<Durability, "accepted">
): HttpApp.Default<E, R> => {
  const untilSafe = (exit: Exit.Exit<HttpServerResponse.HttpServerResponse, E>) =>
    added.untilSafe === undefined ? exit : Effect.zipRight(added.untilSafe(stage), exit)
  return Effect.uninterruptible(
    Effect.matchCauseEffect(app, {
      onFailure: (cause) => untilSafe(Exit.failCause(cause)),
      onSuccess: (response) => untilSafe(Exit.succeed(response))
    })
  )
}

const contextOf = (
  request: HttpServerRequest.HttpServerRequest,
  trustedProxies: number,
  requestId: string
): typeof AuditContext.Service => {
  const remoteAddress = Option.getOrUndefined(request.remoteAddress)
  return makeContext({
    ip: clientAddress(remoteAddress, request.headers["x-forwarded-for"], trustedProxies),
    path: requestPath(request.originalUrl),
    requestId
  })
}
