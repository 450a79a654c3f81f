// Handlers without the library.
import { HttpServerResponse } from "@effect/platform"
import { Data, Effect } from "effect"
import { randomBytes } from "node:crypto"

export const ok = Effect.sync(() => HttpServerResponse.unsafeJson({ status: "ok", files: 3 }))

class RateLimited extends Data.TaggedError("RateLimited") {}

export const limited = Effect.suspend(() => new RateLimited({ ip: "192.0.2.7", minutes: 15 })).pipe(
  Effect.catchTag("RateLimited", ({ ip, minutes }) =>
    Effect.succeed(
      HttpServerResponse.unsafeJson(
        {
          error: {
            id: "bench-rate-limited",
            message: `Too many requests from ${ip}, try again in ${minutes} minutes`,
            details: { ip, minutes }
          }
        },
        { status: 429, headers: { vary: "accept", "x-request-id": randomBytes(8).toString("hex") } }
      )
    )
  )
)
