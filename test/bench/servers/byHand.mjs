// Handlers without the library.
import { HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Data, Effect, Option } from "effect"
import { randomBytes } from "node:crypto"

export const files = { status: "ok", files: 3 }

export const ok = Effect.sync(() => HttpServerResponse.unsafeJson(files))

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

/** What an audit event tells, as an application writes it into its log. */
export const lineOf = (ip, path, count) => ({
  message: `${ip} has listed ${count} files of ${path}`,
  fields: { ip, path, event: { type: "bench-listed", details: { files: count } } }
})

export const logged = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ remoteAddress, url }) => {
  const { fields, message } = lineOf(Option.getOrUndefined(remoteAddress), url, 3)
  return Effect.zipRight(Effect.log(message, fields), ok)
})
