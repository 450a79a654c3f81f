/**
 * An `HttpApi` whose errors are registered, and are the only ones that it answers with.
 *
 * Four functions stand in the place of the platform's: `make` for `HttpApi.make`, `group` for `HttpApiBuilder.group`, `layer`
 * for `HttpLayerRouter.addHttpApi`, and `middleware` for the Layer of an `HttpApiMiddleware`. Everything else is the platform's:
 * endpoints, `addError`, `HttpApiClient`, `OpenApi`.
 *
 * - A failure that the endpoint declares is answered as everywhere: status, headers, body. Any other one, and a response that
 *   does not encode, is an exception: the client learns nothing of it.
 * - A request that does not decode is `bad-request` with a list of what is wrong; a body of a kind that the endpoint does not
 *   take is `unsupported-media-type`.
 * - `layer` registers every error that the api declares, and proves it to the compiler.
 *
 * @example
 * import { HttpApiEndpoint, HttpApiGroup } from "@effect/platform"
 * import { ApiError, RegisteredApi, Registrar } from "effect-registrar"
 * import { Effect, Layer, Schema } from "effect"
 *
 * class NoBadger extends ApiError.make<NoBadger>()("zoo-no-badger", { status: 404, message: "There is no badger" }) {}
 *
 * const Badgers = HttpApiGroup.make("badgers").add(
 *   HttpApiEndpoint.get("get", "/badgers").addSuccess(Schema.String).addError(NoBadger)
 * )
 * class Zoo extends RegisteredApi.make("zoo").add(Badgers) {}
 *
 * const badgers = RegisteredApi.group(Zoo, "badgers", (handlers) => handlers.handle("get", () => new NoBadger()))
 *
 * const server = Registrar.serve(RegisteredApi.layer(Zoo).pipe(Layer.provide(badgers)))
 */
import { HttpApi, HttpApiError, HttpApiSchema, HttpLayerRouter, HttpServerResponse, OpenApi } from "@effect/platform"
import type {
  Etag,
  FileSystem,
  HttpApiBuilder,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpPlatform,
  HttpRouter,
  Path
} from "@effect/platform"
import { Cause, Context, Effect, Either, Layer, Option, Record, SchemaAST as AST } from "effect"
import type { Schema, Scope } from "effect"
import * as ApiError from "./ApiError.js"
import { forgettingOnFailure, type AuditContext } from "./AuditContext.js"
import { BadRequest, isBuiltIn, UnsupportedMediaType, type BuiltIn } from "./BuiltInErrors.js"
import { Aborted, ErrorRegistry } from "./ErrorRegistry.js"
import * as ApiGroup from "./internal/apiGroup.js"
import type { AnyApi, AnyEndpoint, Handler } from "./internal/apiGroup.js"
import { issuesOf } from "./internal/issues.js"
import { transform } from "./internal/openApi.js"
import { Undecodable } from "./internal/undecodable.js"
import { membersOf } from "./internal/union.js"
import { report } from "./Registration.js"
import type { ErrorProof, InvalidDefinition, Refusal, RegistrationConflict } from "./Registration.js"

/**
 * Starts an api, as `HttpApi.make` does. Its clients get a `BadRequest` where the request does not decode.
 *
 * @category constructors
 */
export const make = <const Id extends string>(
  id: Id
): HttpApi.HttpApi<Id, never, BadRequest, ServeItWithRegisteredApiLayer> => {
  const api = HttpApi.make(id).annotate(ApiId, id).annotate(OpenApi.Transform, transform)
  // The platform has no way to make one without its own error. What is derived from it takes the Schema along. The requirement
  // exists for the compiler alone.
  return Object.assign(api, { errorSchema: BadRequest }) as unknown as HttpApi.HttpApi<
    Id,
    never,
    BadRequest,
    ServeItWithRegisteredApiLayer
  >
}

/**
 * What an api requires until `layer` serves it: with `HttpLayerRouter.addHttpApi` nothing would hold of what this module
 * promises. It has the form of a middleware, which clients do not need. It exists for the compiler alone.
 *
 * @category type-level
 */
export interface ServeItWithRegisteredApiLayer {
  readonly _: unique symbol
  readonly [HttpApiMiddleware.TypeId]: { readonly provides: never }
}

/** The platform does not keep the identifier of an api at run time. */
class ApiId extends Context.Tag("effect-registrar/RegisteredApi/ApiId")<ApiId, string>() {}

/**
 * The handlers of a group, built. `layer` asks for those of each group of its api.
 *
 * @category models
 */
export interface Group<Id extends string, Name extends string> {
  readonly _: unique symbol
  readonly api: Id
  readonly name: Name
}

/**
 * The handlers of a group, as with `HttpApiBuilder.group`. They may add audit events.
 *
 * @category layers
 */
export const group = <
  Id extends string,
  Groups extends HttpApiGroup.HttpApiGroup.Any,
  E,
  R,
  const Name extends HttpApiGroup.HttpApiGroup.Name<Groups>,
  Return
>(
  api: HttpApi.HttpApi<Id, Groups, E, R>,
  name: Name,
  build: (
    handlers: HttpApiBuilder.Handlers.FromGroup<E, R, HttpApiGroup.HttpApiGroup.WithName<Groups, Name>>
  ) => HttpApiBuilder.Handlers.ValidateReturn<Return>
): Layer.Layer<
  Group<Id, Name>,
  HttpApiBuilder.Handlers.Error<Return>,
  OfRequest<
    Exclude<
      HttpApiBuilder.Handlers.Context<Return> | HttpApiGroup.HttpApiGroup.MiddlewareWithName<Groups, Name>,
      Scope.Scope | ServeItWithRegisteredApiLayer
    >
  >
> =>
  // The platform's own signature has checked the types of the endpoints. Behind it they are erased.
  buildGroup(api as unknown as AnyApi, name, build as unknown as ApiGroup.Build) as never

const buildGroup = (api: AnyApi, name: string, build: ApiGroup.Build) =>
  ApiGroup.layer(idOf(api), name, api.groups[name]!, build)

/**
 * Requirements as a Layer for routes has them: the context of a request comes with the request.
 *
 * @category type-level
 */
export type OfRequest<R> = R extends AuditContext ? HttpLayerRouter.Request<"Requires", AuditContext> : R

/**
 * @category models
 */
export interface Options {
  /** Where the OpenAPI document is served. Nowhere, if it is left out. */
  readonly openapiPath?: `/${string}` | undefined
}

/**
 * Adds the api to the router, and registers the errors that it declares. Asks for the handlers of every group.
 *
 * @category layers
 */
export const layer = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R> & ApiError.Check<Problem<Declared<Groups, E>>>,
  options?: Options
): Layer.Layer<
  ErrorProof<Exclude<Declared<Groups, E>, BuiltIn>>,
  RegistrationConflict | InvalidDefinition,
  | ErrorRegistry
  | HttpLayerRouter.HttpRouter
  | GroupsOf<Id, Groups>
  | Exclude<R, ServeItWithRegisteredApiLayer>
  | Etag.Generator
  | FileSystem.FileSystem
  | HttpPlatform.HttpPlatform
  | Path.Path
> =>
  // What the layer proves exists for the compiler alone.
  Layer.fresh(Layer.effectDiscard(addApi(api as unknown as AnyApi, options ?? {}, new WeakSet()))) as never

const addApi = (api: AnyApi, options: Options, added: WeakSet<HttpLayerRouter.HttpRouter>) =>
  Effect.gen(function* () {
    const router = yield* HttpLayerRouter.HttpRouter
    // Fresh layers are built wherever they are provided. A route can be added once.
    if (added.has(router)) return
    added.add(router)

    const id = idOf(api)
    const { refuse, refusals } = refusalsOf(id)
    if (Option.isNone(Context.getOption(api.annotations, ApiId))) refuse(id, madeByThePlatform)
    else if (idIsTaken(router, api)) refuse(id, "another api of this id is in the router: give each its own")

    const context = yield* Effect.context<never>()
    const outermost = yield* ApiGroup.applying(api.middlewares)
    const declarations = declarationsOf(api, refuse)
    const routes: Array<HttpLayerRouter.Route> = []
    for (const { declared, endpoint, group, name } of declarations) {
      const built = yield* ApiGroup.tagOf(id, name)
      const label = `${name}.${endpoint.name}`
      const form = ApiGroup.formOf(group, endpoint)
      const found = built.find((each) => ApiGroup.isStillThe(each.form, form))
      if (found === undefined) {
        refuse(label, "it has changed since its handlers were built: give 'group' the api that 'layer' gets")
      } else {
        const handler = Effect.mapErrorCause(outermost(found.handler), answerable(`${id}.${label}`, declared)).pipe(
          Effect.mapInputContext((given: Context.Context<never>) => Context.merge(context, given))
        )
        routes.push(routeOf(endpoint, handler, found.uninterruptible))
      }
    }
    yield* router.addAll(routes)
    if (options.openapiPath !== undefined) {
      const document = yield* Effect.either(documentOf(api))
      if (Either.isLeft(document)) refuse(options.openapiPath, document.left)
      else yield* router.add("GET", options.openapiPath, document.right)
    }

    const registry = yield* ErrorRegistry
    const refused = yield* registry.register({ owner: id, errors: ownErrorsOf(declarations) })
    yield* report([...refusals.values(), ...refused])
  })

/** Groups are found by the id of their api, so two of one id would answer with each other's handlers. */
const idIsTaken = (router: HttpLayerRouter.HttpRouter, api: AnyApi): boolean => {
  // A router with a prefix is a copy of the other one. This function they have in common.
  const key = router.addGlobalMiddleware
  const apis = apisByRouter.get(key) ?? new Map<string, AnyApi>()
  apisByRouter.set(key, apis)
  const first = apis.get(idOf(api)) ?? api
  apis.set(idOf(api), first)
  return first !== api
}

const apisByRouter = new WeakMap<HttpLayerRouter.HttpRouter["addGlobalMiddleware"], Map<string, AnyApi>>()

/** Of some Schemas there is no JSON Schema. */
const documentOf = (api: AnyApi) =>
  Effect.try({
    // An annotation of the application may have taken the place of ours.
    try: () => HttpServerResponse.unsafeJson(transform({ ...OpenApi.fromApi(api) })),
    catch: (thrown) => `the document cannot be made: ${String(thrown)}`
  })

const madeByThePlatform = "the api was made with HttpApi.make: make it with RegisteredApi.make"

/** Each is told once. */
const refusalsOf = (owner: string) => {
  const refusals = new Map<string, Refusal>()
  const refuse = (name: string, problem: string) =>
    refusals.set(`${name} ${problem}`, { _tag: "Invalid", owner, name, problem })
  return { refuse, refusals }
}

type Refuse = ReturnType<typeof refusalsOf>["refuse"]

/** Every endpoint with what it may fail with: its own errors, those of its group, and of the api. */
const declarationsOf = (api: AnyApi, refuse: Refuse) => {
  const ofApi = declaredBy(api.errorSchema, refuse)
  return Object.entries(api.groups).flatMap(([name, group]) => {
    const ofGroup = declaredBy(group.errorSchema, refuse)
    return Object.values(group.endpoints).map((endpoint) => ({
      name,
      group,
      endpoint,
      declared: [...declaredBy(endpoint.errorSchema, refuse), ...ofGroup, ...ofApi]
    }))
  })
}

/** Each once, in the order in which they are registered: the first error of a status is its default. */
const ownErrorsOf = (declarations: ReturnType<typeof declarationsOf>): ReadonlyArray<ApiError.Any> =>
  [...new Set(declarations.flatMap(({ declared }) => declared))].filter((error) => !isBuiltIn(error))

/** The error classes of a Schema. What is none is refused. */
const declaredBy = (schema: Schema.Schema.All, refuse: Refuse) =>
  membersOf(schema.ast).flatMap((ast) => {
    const error = ApiError.classOf(ast)
    if (error === undefined) {
      if (ast === HttpApiError.HttpApiDecodeError.ast) refuse("HttpApiDecodeError", madeByThePlatform)
      else refuse(nameOf(ast), "it is no ApiError: declare it with ApiError.make")
      return []
    }
    const status = HttpApiSchema.getStatusErrorAST(ast)
    if (status !== error.status) {
      refuse(error.id, `the api gives it the status ${status}, but its own is ${error.status}`)
    }
    return [error]
  })

const nameOf = (ast: AST.AST): string => {
  const { annotations } = AST.isTransformation(ast) ? ast.to : ast
  return String(annotations[AST.IdentifierAnnotationId] ?? annotations[AST.TitleAnnotationId] ?? "an error")
}

const routeOf = ({ method, path }: AnyEndpoint, handler: Handler, uninterruptible: boolean): HttpLayerRouter.Route =>
  // The router takes HEAD as well, and whatever the handler fails with is answered.
  HttpLayerRouter.route(method as "GET", path, handler as Effect.Effect<HttpServerResponse.HttpServerResponse>, {
    uninterruptible
  })

/** Leaves what the endpoint may fail with as failures. Everything else is an exception. */
const answerable =
  (endpoint: string, declared: ReadonlyArray<ApiError.Any>) =>
  (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
    Cause.match(cause, {
      onEmpty: Cause.empty as Cause.Cause<unknown>,
      onFail: (failure) =>
        declared.some((error) => failure instanceof error)
          ? Cause.fail(failure)
          : Cause.die(asException(failure, `'${endpoint}' has failed with what it does not declare`)),
      onDie: (defect) => {
        if (defect instanceof Undecodable) {
          return Cause.fail(new BadRequest({ issues: issuesOf(defect.issue, defect.part) }))
        }
        if (defect instanceof ApiGroup.UnsupportedBody) return Cause.fail(new UnsupportedMediaType())
        return Cause.die(
          asException(defect, `'${endpoint}' has died with an error, which only a failure is answered with`)
        )
      },
      onInterrupt: Cause.interrupt,
      onSequential: Cause.sequential,
      onParallel: Cause.parallel
    })

/** Errors would answer for themselves. */
const asException = (thrown: unknown, said: string): unknown =>
  ApiError.isApiError(thrown) || thrown instanceof Aborted
    ? new Error(`${said}: ${thrown.message}`, { cause: thrown })
    : thrown

/**
 * The errors that an api declares: for all of it, for its groups, in its endpoints, and through middleware, each once. What is
 * built in is not among them. These are what `layer` registers, to be read without building anything.
 *
 * @example
 * import { HttpApiEndpoint, HttpApiGroup } from "@effect/platform"
 * import { ApiError, RegisteredApi } from "effect-registrar"
 *
 * class NoBadger extends ApiError.make<NoBadger>()("zoo-no-badger", { status: 404, message: "There is no badger" }) {}
 *
 * const Badgers = HttpApiGroup.make("badgers").add(HttpApiEndpoint.get("get", "/badgers").addError(NoBadger))
 * class Zoo extends RegisteredApi.make("zoo").add(Badgers) {}
 *
 * console.log(RegisteredApi.errorsOf(Zoo).map(({ id }) => id)) // [ 'zoo-no-badger' ]
 *
 * @category getters
 */
export const errorsOf = (api: HttpApi.HttpApi.Any): ReadonlyArray<ApiError.Any> => registrationOf(api).errors

/**
 * What `layer` registers, under which name, and what it would refuse before that.
 *
 * @internal
 */
export const registrationOf = (
  given: HttpApi.HttpApi.Any
): {
  readonly owner: string
  readonly errors: ReadonlyArray<ApiError.Any>
  readonly refusals: ReadonlyArray<Refusal>
} => {
  // Every api has these properties; the platform's type leaves them out.
  const api = given as unknown as AnyApi
  const owner = idOf(api)
  const { refuse, refusals } = refusalsOf(owner)
  const errors = ownErrorsOf(declarationsOf(api, refuse))
  return { owner, errors, refusals: [...refusals.values()] }
}

/**
 * The Layer of an `HttpApiMiddleware`, whose functions may need what the request or the Layer provides: to add audit events, for
 * example. With `Layer.effect` they could need nothing but the request itself.
 *
 * @example
 * import { HttpApiMiddleware, HttpApiSecurity } from "@effect/platform"
 * import { AuditContext, AuditEvent, AuditLog, BuiltInErrors, RegisteredApi } from "effect-registrar"
 * import { Effect, Redacted } from "effect"
 *
 * const LoginFailed = AuditEvent.make("auth-login-failed", { level: "Warning", message: "Login from {ip} failed" })
 *
 * class Authenticated extends HttpApiMiddleware.Tag<Authenticated>()("Authenticated", {
 *   failure: BuiltInErrors.Unauthenticated,
 *   security: { token: HttpApiSecurity.bearer }
 * }) {}
 *
 * const authenticated = RegisteredApi.middleware(
 *   Authenticated,
 *   Effect.gen(function* () {
 *     const audit = yield* AuditLog.AuditLog
 *     return {
 *       token: (token: Redacted.Redacted) =>
 *         Effect.gen(function* () {
 *           if (Redacted.value(token) === "correct horse") return yield* AuditContext.identify("ada")
 *           yield* audit.add(LoginFailed)
 *           return yield* new BuiltInErrors.Unauthenticated()
 *         })
 *     }
 *   })
 * )
 *
 * @category layers
 */
export const middleware = <
  Id extends HttpApiMiddleware.HttpApiMiddleware.AnyId,
  Service,
  Given extends Needing<Service>,
  E = never,
  R = never
>(
  tag: Context.Tag<Id, Service>,
  make: Effect.Effect<Given, E, R>
): Layer.Layer<Id, E, OfRequest<Exclude<R, Scope.Scope> | Exclude<NeedsOf<Given>, HttpRouter.HttpRouter.Provided>>> =>
  // The type of the service has checked the functions. What they need is asked of the Layer.
  bindMiddleware(
    tag as unknown as Context.Tag<never, AnyService>,
    make as unknown as Effect.Effect<AnyService>
  ) as never

type AnyService = Checking | Readonly<Record<string, (credential: never) => Checking>>
/** What it needs is in the context of the Layer, or of the request. */
type Checking = Effect.Effect<unknown, unknown>

const bindMiddleware = (tag: Context.Tag<never, AnyService>, make: Effect.Effect<AnyService>) =>
  Layer.scoped(
    tag,
    Effect.gen(function* () {
      const context = yield* Effect.context<never>()
      const bind = (check: Checking): Checking =>
        Effect.mapInputContext(forgettingOnFailure(check), (request: Context.Context<never>) =>
          Context.merge(context, request)
        )
      const service = yield* make
      return Effect.isEffect(service)
        ? bind(service)
        : Record.map(service, (check) => (credential: never) => bind(check(credential)))
    })
  )

/**
 * The service of a middleware, with requirements of its own.
 *
 * @category type-level
 */
export type Needing<Service> =
  Service extends Effect.Effect<infer A, infer E, infer _>
    ? Effect.Effect<A, E, unknown>
    : {
        readonly [Name in keyof Service]: Service[Name] extends (
          credential: infer Credential
        ) => Effect.Effect<infer A, infer E, infer _>
          ? (credential: Credential) => Effect.Effect<A, E, unknown>
          : never
      }

type NeedsOf<Given> =
  Given extends Effect.Effect<infer _A, infer _E, infer R>
    ? R
    : Given[keyof Given] extends (credential: never) => Effect.Effect<infer _A, infer _E, infer R>
      ? R
      : never

/**
 * What an api can fail with, wherever it is declared.
 *
 * @category type-level
 */
export type Declared<Groups extends HttpApiGroup.HttpApiGroup.Any, E> =
  | E
  | HttpApiGroup.HttpApiGroup.Error<Groups>
  | HttpApiEndpoint.HttpApiEndpoint.Error<HttpApiGroup.HttpApiGroup.Endpoints<Groups>>

type GroupsOf<Id extends string, Groups> = Groups extends { readonly identifier: infer Name extends string }
  ? Group<Id, Name>
  : never

/**
 * The sentence that says what is wrong with the errors of an api, or `never`.
 *
 * @category type-level
 */
export type Problem<E> = unknown extends E
  ? "The api declares an error of unknown type: declare it with ApiError.make"
  : [Extract<E, HttpApiError.HttpApiDecodeError>] extends [never]
    ? Foreign<E>
    : "The api was made with HttpApi.make: make it with RegisteredApi.make"

type Foreign<E> =
  E extends ApiError.ApiError<string, {}>
    ? never
    : E extends { readonly _tag: infer Tag extends string }
      ? `The api declares the error '${Tag}', which is no ApiError: declare it with ApiError.make`
      : "The api declares an error without a _tag, which is no ApiError: declare it with ApiError.make"

const idOf = (api: AnyApi): string => Context.getOrElse(api.annotations, ApiId, () => "an api")
