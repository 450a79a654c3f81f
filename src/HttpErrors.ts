/**
 * Any failure of a handler to its registered JSON response.
 *
 * Expected failures answer for themselves; exceptions, failures of other classes and defects alike, answer with what their
 * class is registered for, else with `internal-server-error`. The client learns nothing of an exception's cause: that goes,
 * once, to the application log, with the trace and the id that the response carries as `x-request-id`. The framework's own
 * failures (unknown path, wrong method, malformed or oversized request) have their registered answers too.
 *
 * `layer` does this for `HttpLayerRouter`, `handle` for a plain pipeline. A response that a handler made itself is left alone.
 *
 * @example
 * import { ApiError, ErrorRegistry, Extension, HttpErrors } from "effect-registrar"
 * import { HttpServerResponse } from "@effect/platform"
 * import { Effect, Layer } from "effect"
 *
 * class NoBadger extends ApiError.make<NoBadger>()("zoo-no-badger", { status: 404, message: "There is no badger" }) {}
 *
 * const handler: Effect.Effect<HttpServerResponse.HttpServerResponse, NoBadger> = new NoBadger()
 *
 * // `NoBadger` is gone from the failures, and asked for as a proof that the layer of `Zoo` provides.
 * const app = HttpErrors.handle(handler)
 *
 * const Zoo = Extension.make("zoo", { errors: [NoBadger] })
 */
import {
  HttpBody,
  HttpLayerRouter,
  HttpServerError,
  HttpServerRequest,
  HttpServerResponse,
  Multipart
} from "@effect/platform"
import type { HttpApp } from "@effect/platform"
import { Cause, Chunk, Effect, HashSet, Layer, Option, ParseResult, Stream } from "effect"
import * as ApiError from "./ApiError.js"
import {
  BadRequest,
  builtIns,
  ContentTooLarge,
  InternalServerError,
  MethodNotAllowed,
  NotFound,
  ServiceUnavailable,
  type BuiltIn
} from "./BuiltInErrors.js"
import { Aborted, ErrorRegistry } from "./ErrorRegistry.js"
import * as Sending from "./HttpErrors/Answer.js"
import * as Answer from "./internal/answer.js"
import * as BoundedRequest from "./internal/boundedRequest.js"
import { safeHeaders, unsafeName } from "./internal/headers.js"
import { issuesOf } from "./internal/issues.js"
import type { IsLiteral } from "./internal/literal.js"
import * as RouteTable from "./internal/routeTable.js"
import * as Say from "./internal/say.js"
import * as ServerErrors from "./internal/serverErrors.js"
import { isErrorStatus, phraseId, reasonPhrase } from "./internal/status.js"
import type { Registered } from "./Registration.js"

/**
 * Failures that have an answer without being registered: the framework's, the built-in errors, and `abort`.
 *
 * A `ParseError` counts as a malformed request. Where data of your own does not decode, that is an exception: `Effect.orDie`.
 *
 * @category type-level
 */
export type Answered =
  | HttpServerError.RouteNotFound
  | HttpServerError.RequestError
  | HttpServerError.ResponseError
  | HttpBody.HttpBodyError
  | Multipart.MultipartError
  | ParseResult.ParseError
  | Aborted
  | BuiltIn

/**
 * The failures among `E` that have to be registered. An ApiError whose id is known only at run time is looked up then.
 *
 * @category type-level
 */
export type MustBeRegistered<E> = E extends Answered
  ? never
  : E extends ApiError.ApiError<infer Id, {}>
    ? IsLiteral<Id> extends true
      ? E
      : never
    : E

/**
 * The proofs that a pipeline asks for.
 *
 * @category type-level
 */
export type Proofs<E> =
  MustBeRegistered<E> extends infer Left ? (Left extends unknown ? Registered<Left> : never) : never

/**
 * How errors are sent.
 *
 * @category models
 */
export interface AnswerOptions extends Sending.Options {}

/**
 * @category models
 */
export interface Options extends AnswerOptions {
  /** Bodies larger than this are answered with `content-too-large`. In bytes; default: 10 MiB. */
  readonly maxBodySize?: number | undefined
}

/**
 * Answers every failure of a handler. What the handler fails with is asked for as a proof of registration.
 *
 * Interruption by the client passes through, so that it stays a 499; any other interruption is a `service-unavailable`.
 *
 * @category combinators
 */
export const handle = <E, R>(
  handler: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
  options?: AnswerOptions
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R | ErrorRegistry | Proofs<E>> => {
  const answererByRegistry = new WeakMap<Registry, ReturnType<typeof answerer>>()
  return Effect.catchAllCause(handler, (cause) =>
    Effect.flatMap(ErrorRegistry, (registry) => {
      const known = answererByRegistry.get(registry) ?? answerer(registry, options)
      answererByRegistry.set(registry, known)
      return known.answerCause(cause)
    })
  )
}

/**
 * Answers everything that fails in the router: routes, middleware, and the router itself. Provide it to the routes.
 *
 * @category layers
 */
export const layer = (
  options?: Options
): Layer.Layer<
  | HttpLayerRouter.HttpRouter
  | HttpLayerRouter.Request.From<"Error", Answered>
  | HttpLayerRouter.Request.From<"GlobalError", Answered>,
  never,
  HttpLayerRouter.HttpRouter | ErrorRegistry
> =>
  Layer.effect(
    HttpLayerRouter.HttpRouter,
    Effect.gen(function* () {
      const router = yield* HttpLayerRouter.HttpRouter
      const registry = yield* ErrorRegistry
      const table = RouteTable.make(yield* HttpLayerRouter.RouterConfig)
      const limit = options?.maxBodySize ?? 10 * 1024 * 1024
      const serverErrors = yield* Effect.serviceOption(ServerErrors.ServerErrors)
      if (Option.isSome(serverErrors)) serverErrors.value.answer = serverAnswer(registry, options)
      const answers = answerer(registry, options, table.methodsOf)
      const middleware = (app: HttpApp.Default<unknown>) =>
        Effect.matchCauseEffect(BoundedRequest.limit(app, limit), {
          onFailure: answers.answerCause,
          onSuccess: answers.passOn
        })
      // The types let a middleware handle only failures that it names. This one handles whatever there is.
      yield* router.addGlobalMiddleware(middleware as never)
      return RouteTable.watch(router, table)
    })
    // What the layer proves exists for the compiler alone.
  ) as Layer.Layer<HttpLayerRouter.HttpRouter, never, HttpLayerRouter.HttpRouter | ErrorRegistry> as never

/**
 * For `serve({ middleware })`: answers what fails after the router, in a pre-response handler for example, which the platform
 * would answer with an empty 500.
 *
 * @category combinators
 */
export const lastResort = (registry: typeof ErrorRegistry.Service, options?: AnswerOptions) => {
  const { answerCause } = answerer(registry, options)
  return <E, R>(app: HttpApp.Default<E, R>): HttpApp.Default<never, R> =>
    Effect.catchAllCause(app, (cause) => Effect.tap(answerCause(cause), abandon))
}

const abandonWhere = (isMeant: (request: HttpServerRequest.HttpServerRequest) => boolean) =>
  Effect.gen(function* () {
    const request = Option.filter(yield* Effect.serviceOption(HttpServerRequest.HttpServerRequest), isMeant)
    const errors = yield* Effect.serviceOption(ServerErrors.ServerErrors)
    if (Option.isSome(request) && Option.isSome(errors)) errors.value.abandon(request.value)
  })

/** The platform takes a response for sent once it has tried to: one that could not be sent is left to the server. */
const abandon = abandonWhere((request) => handledSymbol in request)

/** A response that has begun to be sent. */
const cutOff = abandonWhere(() => true)

/** The platform's mark on a request that it has answered, or tried to. */
const handledSymbol = Symbol.for("@effect/platform/HttpApp/handled")

/**
 * The answers of a registry, or of the built-in definitions, to requests that never reach a handler.
 *
 * @internal
 */
export const serverAnswer =
  (registry?: Pick<Registry, "errorFor">, options?: AnswerOptions) =>
  (status: ServerErrors.Status): ServerErrors.Answer => {
    const error = registry?.errorFor(status) ?? builtIns.find((builtIn) => builtIn.status === status)
    const answer = error === undefined ? Answer.make(partsOf(status)) : error.answer({})
    return { status, headers: answer.headers, ...Answer.inForm(answer, options?.problemDetails === "always", options) }
  }

/** Of a status that has no definition. */
const partsOf = (status: number): Answer.Parts => ({
  id: phraseId(status),
  status,
  headers: {},
  message: reasonPhrase(status),
  details: undefined,
  problems: []
})

type Registry = typeof ErrorRegistry.Service

/** What answers for the status of a built-in error, after overrides. */
const current = (registry: Registry, builtIn: ApiError.Any): ApiError.Any =>
  registry.errorFor(builtIn.status) ?? builtIn

type MethodsOf = (url: string) => ReadonlyArray<string>
type Response = Effect.Effect<HttpServerResponse.HttpServerResponse>

/** What answers the causes of one application. */
const answerer = (registry: Registry, options?: AnswerOptions, methodsOf: MethodsOf = () => []) => {
  const { logException, send, sendParts } = Sending.make(registry, options)

  const answerCause = (cause: Cause.Cause<unknown>): Response => {
    // A proxy may throw when it is only looked at.
    try {
      return answerReadable(cause)
    } catch {
      return answerException(undefined, cause)
    }
  }

  const answerReadable = (cause: Cause.Cause<unknown>): Response => {
    // Nearly every failure, without a walk over the tree that a cause may be.
    if (Cause.isFailType(cause)) return answerExpected(cause.error, false) ?? answerException(cause.error, cause)
    if (Cause.isInterruptedOnly(cause) && !Cause.isEmpty(cause)) {
      // Passed on with nothing but the interruption in it.
      if (isClientAbort(cause)) return Effect.failCause(cause as Cause.Cause<never>)
      return send(current(registry, ServiceUnavailable))
    }
    // The platform's way out of a handler: a response thrown as a defect is a response.
    const thrown = Chunk.findFirst(Cause.defects(cause), HttpServerResponse.isServerResponse)
    if (Option.isSome(thrown)) return Effect.succeed(thrown.value)

    const failure = Cause.failureOption(cause)
    const isDefect = Option.isNone(failure)
    const primary = Option.getOrUndefined(Option.orElse(failure, () => Cause.dieOption(cause)))
    const expected = answerExpected(primary, isDefect)
    if (expected === undefined) return answerException(primary, cause)
    // Defects beside an expected failure, of a finalizer for example, answer nothing, but must not vanish either.
    const defects = Cause.keepDefects(cause)
    return isDefect || Option.isNone(defects) ? expected : Effect.tap(expected, logException(defects.value))
  }

  /** Failures that belong to the conversation with the client, and are no concern of the application log. */
  const answerExpected = (failure: unknown, isDefect: boolean): Response | undefined => {
    if (failure instanceof Aborted) return answerAborted(failure)
    if (failure instanceof HttpServerError.RouteNotFound) return answerNotFound(failure.request)
    if (failure instanceof HttpServerError.RequestError) {
      if (failure.cause instanceof BoundedRequest.BodyTooLarge) return sendLast(current(registry, ContentTooLarge))
      return send(current(registry, BadRequest), failure.cause instanceof SyntaxError ? malformedJson : {})
    }
    if (failure instanceof Multipart.MultipartError && failure.reason !== "InternalError") {
      return failure.reason === "Parse"
        ? send(current(registry, BadRequest))
        : sendLast(current(registry, ContentTooLarge))
    }
    // As a failure it is a request that did not decode; whoever makes it a defect says that it was not the client's doing.
    if (ParseResult.isParseError(failure) && !isDefect) {
      return send(current(registry, BadRequest), { issues: issuesOf(failure.issue) })
    }
    if (ApiError.isApiError(failure)) {
      const error = registry.errorOf(failure)
      if (error !== undefined) return send(error, failure)
    }
    return undefined
  }

  const answerException = (exception: unknown, cause: Cause.Cause<unknown>): Response =>
    Effect.tap(send(registry.errorOf(exception) ?? current(registry, InternalServerError)), logException(cause))

  const answerNotFound = (request: HttpServerRequest.HttpServerRequest): Response => {
    const allow = methodsOf(request.url).join(", ")
    if (allow === "") return send(current(registry, NotFound))
    if (request.method === "OPTIONS")
      return Effect.succeed(HttpServerResponse.empty({ status: 200, headers: { allow } }))
    return Effect.map(send(current(registry, MethodNotAllowed)), HttpServerResponse.setHeader("allow", allow))
  }

  const answerAborted = ({ status, id, description, headers, fields = {} }: Aborted): Response => {
    if (!isErrorStatus(status)) {
      const answered = send(current(registry, InternalServerError))
      return saying(`abort was given ${String(status)}, which is not an error status`, answered)
    }
    const found = id === undefined ? undefined : registry.errorFor(status, id)
    const error = found ?? registry.errorFor(status)
    const safe = safeHeaders(headers ?? {})
    const parts = partsOf(status)
    const answered = (
      error !== undefined && (found !== undefined || description === undefined)
        ? send(error, found === undefined ? {} : fields)
        : sendParts({ ...parts, id: error?.id ?? parts.id, message: description ?? parts.message })
    ).pipe(Effect.map(HttpServerResponse.setHeaders(safe.headers)))
    const mistakes = [
      ...(id !== undefined && found === undefined
        ? [`abort was given the id '${id}', which is not registered for ${status}`]
        : []),
      ...safe.problems.map((problem) => `abort with ${status}: ${problem}`)
    ]
    return mistakes.length === 0 ? answered : saying(mistakes.join("; "), answered)
  }

  /** The rest of the request will not be read, so the connection cannot be used again. */
  const sendLast = (error: ApiError.Any): Response =>
    Effect.map(send(error), HttpServerResponse.setHeader("connection", "close"))

  /** What a handler has answered itself. */
  const passOn = (response: HttpServerResponse.HttpServerResponse): Response => {
    const problem = unsendable(response)
    if (problem !== undefined) return answerCause(Cause.die(new Cause.RuntimeException(problem)))
    return Effect.succeed(response.body._tag === "Stream" ? watchStream(response, response.body) : response)
  }

  /** A stream that fails has been answered already: it can only be told about, and cut off where the server can do that. */
  const watchStream = (response: HttpServerResponse.HttpServerResponse, body: HttpBody.Stream) => {
    // The platform would end the body as if that were all of it.
    const watched = Stream.tapErrorCause(body.stream, (cause) =>
      Cause.isInterruptedOnly(cause) ? Effect.void : Effect.zipRight(logException(cause)(response), cutOff)
    )
    return HttpServerResponse.setBody(response, HttpBody.stream(watched, body.contentType, body.contentLength))
  }

  return { answerCause, passOn }
}

const malformedJson = { issues: [{ in: "body", path: "", reason: "must be a JSON text" }] }

const isClientAbort = (cause: Cause.Cause<unknown>) =>
  HashSet.has(Cause.interruptors(cause), HttpServerError.clientAbortFiberId)

/** The answer, with a mistake of the program said in the application log. */
const saying = (mistake: string, answered: Response): Response => Effect.zipRight(Say.mistake(mistake), answered)

/** Why a response cannot be sent: the platform would answer with an empty 500. */
const unsendable = ({ headers, status, body }: HttpServerResponse.HttpServerResponse): string | undefined => {
  const unsafe = unsafeName(headers)
  if (unsafe !== undefined) return `The response has a header that cannot be sent: ${unsafe}`
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    return `The response has a status that cannot be sent: ${String(status)}`
  }
  return body._tag === "Raw" && !isRawBody(body.body)
    ? "The response has a raw body that is neither text, bytes nor a stream"
    : undefined
}

/** Plain data is what servers cannot send. What else they take is their own: text, bytes, streams of several kinds. */
const isRawBody = (body: unknown): boolean => {
  if (typeof body !== "object" || body === null) return typeof body === "string" || body === null || body === undefined
  const prototype: unknown = Object.getPrototypeOf(body)
  return prototype !== Object.prototype && prototype !== null && !Array.isArray(body)
}
