/**
 * How an error becomes a response: in the form and the language that the client prefers, under the id of its request, counted,
 * and named in its span.
 */
import { HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Effect, Metric, MetricKey } from "effect"
import type { Cause, Tracer } from "effect"
import type * as ApiError from "../ApiError.js"
import type { ErrorRegistry } from "../ErrorRegistry.js"
import { lookupLanguage, prefersProblem } from "../internal/accept.js"
import * as Body from "../internal/answer.js"
import * as RequestContext from "../internal/requestContext.js"
import * as RequestId from "../internal/requestId.js"
import { requestPath } from "../internal/requestPath.js"
import * as Say from "../internal/say.js"

/**
 * @category models
 */
export interface Options {
  /**
   * Whether errors are sent as problem details (RFC 9457) instead of `{"error":{…}}`: to a client whose `Accept` prefers
   * `application/problem+json`, always, or never. Default: `"preferred"`.
   */
  readonly problemDetails?: "preferred" | "always" | "never" | undefined
  /**
   * What the `type` of problem details begins with; the id, encoded for an address, follows at once. Default: `"/errors/"`, where
   * `Catalogue.layer` has a page for each error.
   */
  readonly problemTypes?: string | undefined
  /** The language (BCP 47) of the messages as they are declared. Default: `"en"`. */
  readonly language?: string | undefined
  /** The name of the application: tells the Metrics of several in one process apart. Default: `"app"`. */
  readonly source?: string | undefined
}

type Registry = Pick<typeof ErrorRegistry.Service, "translationsOf">
type Response = Effect.Effect<HttpServerResponse.HttpServerResponse>

/**
 * @category models
 */
export interface Sender {
  readonly send: (error: ApiError.Any, instance?: object) => Response
  /** An answer that no declared error gives. */
  readonly sendParts: (parts: Body.Parts) => Response
  /** Says in the application log what the client must not know, under the id that the response carries, or else the request has. */
  readonly logException: (
    cause: Cause.Cause<unknown>
  ) => (response: HttpServerResponse.HttpServerResponse) => Effect.Effect<void>
}

/**
 * @category constructors
 */
export const make = (registry: Registry, options: Options = {}): Sender => {
  const { problemDetails = "preferred", problemTypes, language = "en", source = "app" } = options
  const count = makeCounter(source)
  const withId = RequestId.finder()
  const byForm = problemDetails === "preferred" ? "accept" : ""
  const byFormAndLanguage = problemDetails === "preferred" ? "accept, accept-language" : "accept-language"

  const asked = <A, E>(use: (conversation: Conversation) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.withFiberRuntime((fiber) => {
      const {
        headers = noHeaders,
        method,
        originalUrl: url
      } = RequestContext.get(fiber, HttpServerRequest.HttpServerRequest) ?? noRequest
      const span = fiber.currentSpan?._tag === "Span" ? fiber.currentSpan : undefined
      return withId(fiber, (requestId) => use({ method, url, headers, requestId, span }))
    })

  const send = (error: ApiError.Any, instance: object = {}) =>
    asked((conversation) => {
      const translations = registry.translationsOf(error)
      if (translations.size === 0) return respond(conversation, error.answer(instance))
      const chosen = lookupLanguage(conversation.headers["accept-language"], translations, language)
      const template = translations.get(chosen)
      return respond(conversation, error.answer(instance, template), template === undefined ? language : chosen)
    })

  const respond = (conversation: Conversation, answer: Body.Answer, language?: string): Response => {
    const { headers, requestId, span, url } = conversation
    count(answer)
    span?.attribute("error.id", answer.id)
    const isProblem =
      problemDetails === "always" || (problemDetails === "preferred" && prefersProblem(headers["accept"]))
    const { vary: own } = answer.headers
    const vary = language === undefined ? byForm : byFormAndLanguage
    const { body, contentType } = Body.inForm(answer, isProblem, {
      problemTypes,
      // Nobody else looks at it.
      instance: isProblem ? instanceOf(url, requestId) : undefined
    })
    const sent: Record<string, string> = { ...answer.headers }
    if (vary !== "") sent["vary"] = own === undefined ? vary : `${own}, ${vary}`
    sent["x-request-id"] = requestId
    if (language !== undefined) sent["content-language"] = language
    const response = textResponse(body, { status: answer.status, contentType, headers: sent })
    if (answer.problems.length === 0) return Effect.succeed(response)
    return Effect.as(Say.mistake(`The answer '${answer.id}' is incomplete: ${answer.problems.join("; ")}`), response)
  }

  return {
    send,
    sendParts: (parts) => asked((conversation) => respond(conversation, Body.make(parts))),
    logException: (cause) => (response) =>
      asked(({ method, url, ...conversation }) => {
        const requestId = response.headers["x-request-id"] ?? conversation.requestId
        const what = url === undefined ? "a request" : `${method} ${requestPath(url)}`
        return Say.error(`Unhandled exception for ${what}`, cause).pipe(
          Effect.annotateLogs({ requestId, module: "effect-registrar" })
        )
      })
  }
}

/** Who asks, and for what. */
interface Conversation {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly requestId: string
  readonly span: Tracer.Span | undefined
}

const noHeaders = {}
const noRequest: Partial<HttpServerRequest.HttpServerRequest> = {}

/** Text that is ASCII goes as it is: a server sends it together with the headers, where bytes are a packet of their own. */
const textResponse = (
  body: string,
  options: HttpServerResponse.Options.WithContentType
): HttpServerResponse.HttpServerResponse =>
  /[\u0080-\uffff]/.test(body)
    ? HttpServerResponse.text(body, options)
    : HttpServerResponse.raw(body, { ...options, contentLength: body.length })

/** One place for each request: its path, with its id as the fragment. Opaque, but a valid reference (RFC 3986). */
const instanceOf = (url: string | undefined, requestId: string): string => {
  const path = url === undefined ? "" : requestPath(url).replace(/%(?![0-9a-f]{2})|[^\w\-.~!$&'()*+,;=:@%/]/giu, encode)
  return `${path.startsWith("//") ? "/." : ""}${path}#${requestId}`
}

const encode = (character: string) => encodeURIComponent(character.toString().replace(/[\ud800-\udfff]/gu, "\ufffd"))

const makeCounter = (source: string) => {
  const counterByKey = new Map<string, Metric.Metric.Counter<number>>()
  return ({ id, status }: Body.Parts): void => {
    const key = `${status} ${id}`
    let counter = counterByKey.get(key)
    if (counter === undefined) {
      const described = MetricKey.counter("registrar_errors", {
        description: "Errors that were answered",
        incremental: true
      })
      const tags = [
        ["source", source],
        ["id", id],
        ["status", String(status)]
      ] as const
      counter = Metric.fromMetricKey(
        tags.reduce((tagged, [name, value]) => MetricKey.tagged(tagged, name, value), described)
      )
      counterByKey.set(key, counter)
    }
    counter.unsafeUpdate(1, [])
  }
}
