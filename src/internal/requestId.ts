/**
 * The id of a request: what it is called in its answer, in the application log and in the trail.
 */
import { Context, Effect, Random, Utils, type Fiber } from "effect"
import * as RequestContext from "./requestContext.js"

class RequestId extends Context.Tag("effect-registrar/internal/RequestId")<RequestId, string>() {}

type RuntimeFiber = Fiber.RuntimeFiber<unknown, unknown>

/** The id of the request that the fiber runs for. One that has none yet is given this one. */
export const settle = (fiber: RuntimeFiber, given: () => string): string => {
  const known = RequestContext.get(fiber, RequestId)
  if (known !== undefined) return known
  const id = given()
  RequestContext.put(fiber, RequestId, id)
  return id
}

/** Finds the id of the request that a fiber runs for, and makes one where it has none. */
export const finder = () => {
  let next: (() => string) | undefined
  return <A, E, R>(fiber: RuntimeFiber, use: (id: string) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const known = RequestContext.get(fiber, RequestId)
    if (known !== undefined) return use(known)
    if (next !== undefined) return use(settle(fiber, next))
    return Effect.flatMap(generator, (made) => use(settle(fiber, (next = made))))
  }
}

/**
 * Makes ids: 64 random bits, as text. Only its seed is drawn from `Random`: every request pays for its id, and two effects would
 * cost more than all the rest of it.
 */
export const generator: Effect.Effect<() => string> = Effect.zipWith(
  Random.nextIntBetween(0, 2 ** 32),
  Random.nextIntBetween(0, 2 ** 32),
  (high, low) => {
    const random = new Utils.PCGRandom(high, low)
    const half = () => {
      const bits = Math.floor(random.number() * 2 ** 32)
      return byte[bits >>> 24]! + byte[(bits >>> 16) & 255]! + byte[(bits >>> 8) & 255]! + byte[bits & 255]!
    }
    return () => half() + half()
  }
)

const byte = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"))

/** What the headers say, where it can be said on in headers and logs: `X-Request-Id`, or the trace of `traceparent` (W3C Trace Context). */
export const given = (headers: Readonly<Record<string, string | undefined>>): string | undefined => {
  const id = headers["x-request-id"]
  if (id !== undefined && /^[\w.:+/=@-]{1,128}$/.test(id)) return id
  const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/.exec(headers["traceparent"] ?? "")?.[1]
  return trace === "0".repeat(32) ? undefined : trace
}
