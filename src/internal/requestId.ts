/**
 * The id of a request: what it is called in its answer, in the application log and in the trail.
 */
import { Effect, Random } from "effect"

const idBySource = new WeakMap<object, string>()

/** The id of the request with this source, the server's own object: as it was first given, or else made. */
export const of = (source: unknown, given?: string): Effect.Effect<string> =>
  Effect.suspend(() => {
    const id = given === undefined ? make : Effect.succeed(given)
    if (typeof source !== "object" || source === null) return id
    const known = idBySource.get(source)
    return known === undefined
      ? Effect.tap(id, (id) => Effect.sync(() => idBySource.set(source, id)))
      : Effect.succeed(known)
  })

/** 64 random bits, as text. */
const make: Effect.Effect<string> = Effect.zipWith(
  Random.nextIntBetween(0, 2 ** 32),
  Random.nextIntBetween(0, 2 ** 32),
  (high, low) => hex(high) + hex(low)
)

const hex = (half: number) => half.toString(16).padStart(8, "0")

/** What the headers say, where it can be said on in headers and logs: `X-Request-Id`, or the trace of `traceparent` (W3C Trace Context). */
export const given = (headers: Readonly<Record<string, string | undefined>>): string | undefined => {
  const id = headers["x-request-id"]
  if (id !== undefined && /^[\w.:+/=@-]{1,128}$/.test(id)) return id
  const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/.exec(headers["traceparent"] ?? "")?.[1]
  return trace === "0".repeat(32) ? undefined : trace
}
