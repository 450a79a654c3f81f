/**
 * Services for the rest of one request, put into the context that it runs in already.
 *
 * A server makes a context for each request, since that is where the request itself stands: nothing else sees what is put
 * there. Providing a service sets the context of the fiber twice, before and after, which costs more than the service does.
 */
import { HttpServerRequest } from "@effect/platform"
import type { Context, Fiber as EffectFiber } from "effect"

type Fiber = EffectFiber.RuntimeFiber<unknown, unknown>

export const get = <I, S>(fiber: Fiber, tag: Context.Tag<I, S>): S | undefined =>
  fiber.currentContext.unsafeMap.get(tag.key)

/** Nothing, where there is no request: such a context may be anybody's. */
export const put = <I, S>(fiber: Fiber, tag: Context.Tag<I, S>, service: S): void => {
  const { unsafeMap } = fiber.currentContext
  if (unsafeMap.has(HttpServerRequest.HttpServerRequest.key)) unsafeMap.set(tag.key, service)
}
