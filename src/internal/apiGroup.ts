/**
 * The handlers of one group of an `HttpApi`, built by the platform, but without what it does around them: there only the
 * request is decoded, handled, and the response encoded.
 */
import { HttpApi, HttpApiBuilder, HttpMethod, HttpServerRequest } from "@effect/platform"
import type { HttpApiEndpoint, HttpApiGroup, HttpApiMiddleware, HttpServerResponse } from "@effect/platform"
import { Context, Effect, Layer, Option, Record, Schema } from "effect"
import type { Part } from "./issues.js"
import { readerFor } from "./mediaType.js"
import { watched } from "./undecodable.js"

export type AnyApi = HttpApi.HttpApi.AnyWithProps
export type AnyGroup = HttpApiGroup.HttpApiGroup.AnyWithProps
export type AnyEndpoint = HttpApiEndpoint.HttpApiEndpoint.AnyWithProps
export type Handler = Effect.Effect<HttpServerResponse.HttpServerResponse, unknown>

/** What answers an endpoint, behind the middleware of the endpoint and its group. */
export interface Built {
  readonly form: Form
  readonly handler: Handler
  readonly uninterruptible: boolean
}

/** A group is told apart by its name and the id of its api. */
export const tagOf = (api: string, name: string) =>
  // Both may have any characters in them.
  Context.GenericTag<never, ReadonlyArray<Built>>(`effect-registrar/RegisteredApi/Group/${JSON.stringify([api, name])}`)

export type Handlers = HttpApiBuilder.Handlers<unknown, never, unknown>
export type Build = (handlers: unknown) => Handlers | Effect.Effect<Handlers>

/** Fresh, because the platform collects the routes of all groups in one router, and nothing says whose they are. */
export const layer = (api: string, name: string, group: AnyGroup, build: Build) =>
  Layer.fresh(
    Layer.suspend(() => {
      // Bare: there the platform only decodes, handles and encodes.
      const bare = { endpoints: Record.map(group.endpoints, bareEndpoint), middlewares: new Set() }
      const view = Object.assign(HttpApi.make(api), { groups: { [name]: bare } })
      let built: Handlers | undefined
      const remember = (handlers: Handlers) => (built = handlers)
      const routes = platformGroup(view, name, (empty) => {
        const made = build(empty)
        return Effect.isEffect(made) ? Effect.map(made, remember) : remember(made)
      })

      const collect = Effect.gen(function* () {
        const { routes } = yield* HttpApiBuilder.Router.router
        const items = Array.from(built?.handlers ?? [])
        return yield* Effect.forEach(Array.from(routes), ({ handler, uninterruptible }, index) =>
          Effect.gen(function* () {
            const { endpoint, withFullRequest } = items[index]!
            const original = group.endpoints[endpoint.name]!
            const behind = yield* applying([...group.middlewares, ...original.middlewares])
            return {
              form: formOf(group, original),
              handler: behind(withFullRequest ? (handler as Handler) : reading(original, handler as Handler)),
              uninterruptible
            }
          })
        )
      })
      return Layer.effect(tagOf(api, name), collect).pipe(
        Layer.provide(Layer.merge(routes, HttpApiBuilder.Router.Live))
      )
    })
  )

// The platform's, with the types erased: of the views that are made here, it sees only what they are.
const platformGroup = HttpApiBuilder.group as unknown as (
  api: HttpApi.HttpApi.Any,
  name: string,
  build: (handlers: unknown) => unknown
) => Layer.Layer<never>
const platformMiddleware = HttpApiBuilder.buildMiddleware as unknown as (
  api: HttpApi.HttpApi.Any
) => Effect.Effect<(handler: Handler) => Handler>

const bareEndpoint = (endpoint: AnyEndpoint): AnyEndpoint => {
  const decoding = (schema: Option.Option<Schema.Schema.All>, part: Part) =>
    Option.map(schema, (schema) => watched(schema, part))
  // A copy, as the platform makes one itself where it offers no way to.
  return Object.assign(endpoint.annotateContext(Context.empty()), {
    pathSchema: decoding(endpoint.pathSchema, "path"),
    urlParamsSchema: decoding(endpoint.urlParamsSchema, "query"),
    headersSchema: decoding(endpoint.headersSchema, "headers"),
    payloadSchema: decoding(endpoint.payloadSchema, HttpMethod.hasBody(endpoint.method) ? "body" : "query"),
    middlewares: new Set()
  })
}

/** The body is of a kind that the endpoint takes, or it is not read at all. */
const reading = ({ payloadSchema }: AnyEndpoint, handler: Handler): Handler => {
  if (Option.isNone(payloadSchema)) return handler
  const read = readerFor(payloadSchema.value.ast)
  return Effect.flatMap(request, (given) => {
    const readable = read(given)
    if (readable === undefined) return Effect.die(new UnsupportedBody())
    return readable === given ? handler : Effect.provideService(handler, HttpServerRequest.HttpServerRequest, readable)
  })
}

/** The body is of a kind that the endpoint does not take. */
export class UnsupportedBody {
  readonly _tag = "UnsupportedBody"
}

// Routes have their request.
const request = HttpServerRequest.HttpServerRequest as unknown as Effect.Effect<HttpServerRequest.HttpServerRequest>

/** The first is the innermost. The platform would also encode errors there: it is told that there are none. */
export const applying = (middlewares: Iterable<HttpApiMiddleware.TagClassAny>) => {
  const all = new Set(middlewares)
  if (all.size === 0) return Effect.succeed((handler: Handler) => handler)
  return platformMiddleware(Object.assign(HttpApi.make("middlewares"), { middlewares: all, errorSchema: Schema.Never }))
}

/** What the handler of an endpoint was built for. */
export interface Form {
  readonly path: string
  readonly parts: ReadonlyArray<unknown>
}

export const formOf = (group: AnyGroup, endpoint: AnyEndpoint): Form => ({
  path: endpoint.path,
  parts: [
    endpoint.name,
    endpoint.method,
    endpoint.pathSchema,
    endpoint.urlParamsSchema,
    endpoint.headersSchema,
    endpoint.payloadSchema,
    endpoint.successSchema,
    ...group.middlewares,
    ...endpoint.middlewares
  ]
})

/** The api may have been given prefixes since. Below one, `/` is nothing. */
export const isStillThe = (built: Form, { path, parts }: Form): boolean =>
  (built.path === "/" || path.endsWith(built.path)) &&
  parts.length === built.parts.length &&
  parts.every((part, index) => part === built.parts[index])
