// The same as an `HttpApi` of the platform.
import {
  HttpApi,
  HttpApiBuilder,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiSchema,
  HttpLayerRouter
} from "@effect/platform"
import { Effect, Layer, Schema } from "effect"
import { files } from "./byHand.mjs"
import { launch } from "./launch.mjs"

class RateLimited extends Schema.TaggedError()(
  "RateLimited",
  { ip: Schema.String, minutes: Schema.Int, message: Schema.String },
  HttpApiSchema.annotations({ status: 429 })
) {}

const Files = HttpApiGroup.make("files")
  .add(HttpApiEndpoint.get("ok", "/ok").addSuccess(Schema.Struct({ status: Schema.String, files: Schema.Int })))
  .add(HttpApiEndpoint.get("limited", "/limited").addSuccess(Schema.String).addError(RateLimited))

class Api extends HttpApi.make("bench").add(Files) {}

const fail = ({ ip, minutes }) =>
  new RateLimited({ ip, minutes, message: `Too many requests from ${ip}, try again in ${minutes} minutes` })

const handlers = HttpApiBuilder.group(Api, "files", (handlers) =>
  handlers
    .handle("ok", () => Effect.succeed(files))
    .handle("limited", () => Effect.suspend(() => fail({ ip: "192.0.2.7", minutes: 15 })))
)

const routes = HttpLayerRouter.addHttpApi(Api).pipe(Layer.provide(handlers))

launch(HttpLayerRouter.serve(routes, { disableLogger: true, disableListenLog: true }))
