/**
 * One small application, three times: as an `HttpApi`, as routes, and as a plain pipeline. Each knows the same paths.
 */
import {
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiSchema,
  HttpLayerRouter,
  HttpRouter,
  HttpServerRequest,
  HttpServerResponse,
  Multipart
} from "@effect/platform"
import { Effect, Layer, Option, Schema } from "effect"
import {
  ApiError,
  BuiltInErrors,
  ErrorRegistry,
  Extension,
  HttpErrors,
  RegisteredApi,
  Registrar
} from "../../src/index.js"
import { maxBody, maxFile } from "./corpus.js"

export class NoItem extends ApiError.make<NoItem>()("shop-no-item", {
  status: 404,
  message: "There is no item {id}",
  fields: { id: Schema.Int },
  headers: ({ id }) => ({ "x-item": String(id) })
}) {}

export class SoldOut extends ApiError.make<SoldOut>()("shop-sold-out", {
  status: 409,
  message: "{item} is sold out",
  fields: { item: Schema.String, token: Schema.Redacted(Schema.String) }
}) {}

export class Broken extends Error {}

export const Shop = Extension.make("shop", {
  errors: [NoItem, SoldOut],
  exceptions: [ApiError.fromException(Broken, { id: "shop-broken", message: "The shop is broken" })]
})

const Item = Schema.Struct({ name: Schema.NonEmptyString, count: Schema.Int })
const Id = Schema.Struct({ id: Schema.NumberFromString.pipe(Schema.int()) })

interface Tree {
  readonly child: Tree | null
}
/** Two members that only their ends tell apart, and names that the client chooses. */
const Leafy = Schema.Struct({ leaf: Schema.Int, child: Schema.suspend((): Schema.Schema<Tree> => AnyTree) })
const Bare = Schema.Struct({ bare: Schema.Int, child: Schema.suspend((): Schema.Schema<Tree> => AnyTree) })
const AnyTree = Schema.Union(Leafy, Bare, Schema.Struct({ child: Schema.Null })) as unknown as Schema.Schema<Tree>
const Forest = Schema.Record({ key: Schema.String, value: AnyTree })

const Upload = Schema.Struct({ file: Multipart.SingleFileSchema })

const show = ({ id }: typeof Id.Type) => (id === 404 ? new NoItem({ id }) : Effect.succeed({ id }))
const secret = "hunter2"
const boom = Effect.die(new Error(`the password is ${secret}`))

const plant = Effect.as(HttpServerRequest.schemaBodyJson(Forest), HttpServerResponse.empty({ status: 200 }))

const German = Layer.merge(
  ErrorRegistry.translation("de", Shop.errors, { "shop-no-item": "{id} gibt es nicht" }),
  ErrorRegistry.translation("de", BuiltInErrors.builtIns, { "not-found": "Das gibt es nicht" })
)

/** What a handler of each surface does with the causes of a test. */
export type Failing = Effect.Effect<never, NoItem | SoldOut>

const withLimits = Multipart.withLimits({ maxFileSize: Option.some(maxFile) })

const makeApi = (failing: Failing) => {
  const Api = RegisteredApi.make("shop").add(
    HttpApiGroup.make("items")
      .add(HttpApiEndpoint.get("show", "/items/:id").setPath(Id).addSuccess(Id).addError(NoItem))
      .add(HttpApiEndpoint.post("add", "/items").setPayload(Item).addSuccess(Item))
      .add(
        HttpApiEndpoint.post("upload", "/upload")
          .setPayload(HttpApiSchema.Multipart(Upload, { maxFileSize: Option.some(maxFile) }))
          .addSuccess(Schema.Void, { status: 200 })
      )
      .add(HttpApiEndpoint.post("plant", "/forest").setPayload(Forest).addSuccess(Schema.Void, { status: 200 }))
      .add(HttpApiEndpoint.get("boom", "/boom").addSuccess(Schema.Void))
      .add(HttpApiEndpoint.get("failing", "/failing").addError(NoItem).addError(SoldOut))
  )
  const Items = RegisteredApi.group(Api, "items", (handlers) =>
    handlers
      .handle("show", ({ path }) => show(path))
      .handle("add", ({ payload }) => Effect.succeed(payload))
      .handle("upload", () => Effect.void)
      .handle("plant", () => Effect.void)
      .handle("boom", () => boom)
      .handle("failing", () => failing)
  )
  return RegisteredApi.layer(Api).pipe(Layer.provide(Items), Layer.provide([Shop.layer, German]))
}

const makeRoutes = (failing: Failing) =>
  Layer.mergeAll(
    HttpLayerRouter.add(
      "GET",
      "/items/:id",
      Effect.map(Effect.flatMap(HttpLayerRouter.schemaPathParams(Id), show), HttpServerResponse.unsafeJson)
    ),
    HttpLayerRouter.add(
      "POST",
      "/items",
      Effect.map(HttpServerRequest.schemaBodyJson(Item), HttpServerResponse.unsafeJson)
    ),
    HttpLayerRouter.add(
      "POST",
      "/upload",
      withLimits(Effect.as(HttpServerRequest.schemaBodyMultipart(Upload), HttpServerResponse.empty({ status: 200 })))
    ),
    HttpLayerRouter.add("POST", "/forest", plant),
    HttpLayerRouter.add("GET", "/boom", boom),
    HttpLayerRouter.add("GET", "/failing", failing)
  ).pipe(Layer.provide([Shop.layer, German]))

/** All of it is one handler, with the router of plain pipelines inside. */
const makePipeline = (failing: Failing) => {
  const app = HttpRouter.empty.pipe(
    HttpRouter.get(
      "/items/:id",
      Effect.map(Effect.flatMap(HttpRouter.schemaPathParams(Id), show), HttpServerResponse.unsafeJson)
    ),
    HttpRouter.post("/items", Effect.map(HttpServerRequest.schemaBodyJson(Item), HttpServerResponse.unsafeJson)),
    HttpRouter.post(
      "/upload",
      withLimits(Effect.as(HttpServerRequest.schemaBodyMultipart(Upload), HttpServerResponse.empty({ status: 200 })))
    ),
    HttpRouter.post("/forest", plant),
    HttpRouter.get("/boom", boom),
    HttpRouter.get("/failing", failing)
  )
  return Layer.effectDiscard(
    Effect.gen(function* () {
      const registry = yield* ErrorRegistry.ErrorRegistry
      const router = yield* HttpLayerRouter.HttpRouter
      const handled = Effect.provideService(HttpErrors.handle(app), ErrorRegistry.ErrorRegistry, registry)
      yield* router.addGlobalMiddleware(() => handled as never)
    })
  ).pipe(Layer.provide([Shop.layer, German]))
}

const options: Registrar.Options = { disableListenLog: true, maxBodySize: maxBody, source: "hostile" }

export const surfaces = {
  api: (failing: Failing) => Registrar.serve(makeApi(failing), options),
  router: (failing: Failing) => Registrar.serve(makeRoutes(failing), options),
  // The proofs are those of the same errors, given to a middleware.
  pipeline: (failing: Failing) => Registrar.serve(makePipeline(failing) as Layer.Layer<never>, options)
}

export type Surface = keyof typeof surfaces
