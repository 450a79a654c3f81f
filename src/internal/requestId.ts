/**
 * The id of a request: what it is called in its answer, in the application log and in the trail.
 */
import { HttpServerRequest } from "@effect/platform"
import { Clock, Context, Effect, Random, Utils, type Fiber } from "effect"
import * as RequestContext from "./requestContext.js"

class RequestId extends Context.Tag("effect-registrar/internal/RequestId")<
  RequestId,
  // Of which request it is: a context that is handed on to another one must not hand on its id.
  { readonly source: unknown; readonly id: string }
>() {}

type RuntimeFiber = Fiber.RuntimeFiber<unknown, unknown>

const find = (fiber: RuntimeFiber): string | undefined => {
  const known = RequestContext.get(fiber, RequestId)
  return known !== undefined && known.source === sourceOf(fiber) ? known.id : undefined
}

/** The server's own object of the request. */
const sourceOf = (fiber: RuntimeFiber): unknown =>
  RequestContext.get(fiber, HttpServerRequest.HttpServerRequest)?.source

/** The id of the request that the fiber runs for. One that has none yet is given this one. */
export const of = (fiber: RuntimeFiber, given: () => string): string => {
  const known = find(fiber)
  if (known !== undefined) return known
  const id = given()
  const source = sourceOf(fiber)
  if (source !== undefined) RequestContext.put(fiber, RequestId, { source, id })
  return id
}

/** Finds the id of the request that a fiber runs for, and makes one where it has none. */
export const finder = () => {
  let next: (() => string) | undefined
  return <A, E, R>(fiber: RuntimeFiber, use: (id: string) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    // Where there is an id, no seed is drawn.
    const known = find(fiber)
    if (known !== undefined) return use(known)
    if (next !== undefined) return use(of(fiber, next))
    return Effect.flatMap(generator, (made) => use(of(fiber, (next = made))))
  }
}

/**
 * Makes ids: 64 random bits, as text. Only its seed is drawn from `Random`: every request pays for its id, and two effects would
 * cost more than all the rest of it. The time is a part of the seed, because Effect's `Random` starts from only 32 bits, and
 * two servers that draw the same seed would give out the same ids.
 */
export const generator: Effect.Effect<() => string> = Effect.zipWith(
  Random.nextIntBetween(0, 2 ** 32),
  Clock.currentTimeMillis,
  (drawn, millis) => {
    const random = new Utils.PCGRandom(drawn, millis)
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
