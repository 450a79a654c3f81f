/**
 * What programs ask the server about itself: an `HttpApi` with the same users, errors and audit log as the configurations.
 */
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Effect, Layer, Schema } from "effect"
import { RegisteredApi } from "effect-registrar"
import * as Auth from "./Auth.js"
import { kept, RecentRecords } from "./RecentRecords.js"

const Me = Schema.Struct({
  name: Schema.String,
  networks: Schema.Array(Schema.String),
  paths: Schema.Array(Schema.String)
}).annotations({ identifier: "Me" })

const Recorded = Schema.Struct({
  date: Schema.String,
  level: Schema.String,
  type: Schema.String,
  message: Schema.String,
  requestId: Schema.optional(Schema.String)
}).annotations({ identifier: "Recorded" })

const Limit = Schema.NumberFromString.pipe(
  Schema.int(),
  Schema.between(1, kept, { description: `a whole number from 1 to ${kept}` })
)

const users = HttpApiGroup.make("users").add(HttpApiEndpoint.get("me", "/users/me").addSuccess(Me))

const audit = HttpApiGroup.make("audit").add(
  HttpApiEndpoint.get("recent", "/audit/recent")
    .setUrlParams(Schema.Struct({ limit: Schema.optionalWith(Limit, { default: () => 20 }) }))
    .addSuccess(Schema.Array(Recorded))
)

export class Api extends RegisteredApi.make("api")
  .add(users)
  .add(audit)
  .middleware(Auth.Authenticated)
  .prefix("/api")
  .annotate(OpenApi.Title, "Configuration server")
  .annotate(OpenApi.Version, "1.0.0") {}

const usersLayer = RegisteredApi.group(Api, "users", (handlers) =>
  handlers.handle("me", () =>
    Effect.map(Auth.CurrentUser, ({ name, networks, paths }) => ({ name, networks: networks.map(String), paths }))
  )
)

const auditLayer = RegisteredApi.group(Api, "audit", (handlers) =>
  handlers.handle("recent", ({ urlParams: { limit } }) =>
    Effect.gen(function* () {
      const recent = yield* RecentRecords
      const records = yield* recent.last(limit)
      return records.map(({ date, event: { requestId, type }, level, message }) => ({
        date,
        level,
        type,
        message,
        requestId
      }))
    })
  )
)

export const routes = RegisteredApi.layer(Api, { openapiPath: "/openapi.json" }).pipe(
  Layer.provide([usersLayer, auditLayer])
)
