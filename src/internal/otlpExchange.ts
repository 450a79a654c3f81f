/**
 * One request to a collector and its answer, within a time, whatever becomes of it. What goes wrong is told without the errors of the
 * client, which hold the headers.
 */
import {
  FetchHttpClient,
  HttpBody,
  type HttpClient,
  HttpClientRequest,
  type HttpClientError,
  type HttpClientResponse
} from "@effect/platform"
import { Cause, Duration, Effect, Option, Predicate, Stream } from "effect"
import { safely, typeOf } from "./cause.js"

export interface Options {
  readonly client: HttpClient.HttpClient
  /** All of it but the body. */
  readonly request: HttpClientRequest.HttpClientRequest
  readonly compress: boolean
  readonly timeout: Duration.DurationInput
}

export interface Answer {
  readonly status: number
  readonly isSuccess: boolean
  readonly retryAfter: string | undefined
  /** Not there where it is longer than any collector's answer. */
  readonly body: string | undefined
}

/** Why there is no answer. `reason` is for decisions, as in `AuditSinkError`. */
export interface Failure {
  readonly reason: "Misconfigured" | "Unavailable"
  readonly description: string
}

export const make = ({ client, compress, request, timeout }: Options) => {
  const longest = Duration.decode(timeout)
  const slow: Failure = {
    reason: "Unavailable",
    description: `the collector has not answered within ${Duration.format(longest)}: it is tried again`
  }
  const compressed = HttpClientRequest.setHeader("content-encoding", "gzip")

  return (body: string): Effect.Effect<Answer, Failure> =>
    Effect.flatMap(bytesOf(body, compress), (bytes) =>
      client.execute(
        HttpClientRequest.setBody(
          compress ? compressed(request) : request,
          HttpBody.uint8Array(bytes, "application/json")
        )
      )
    ).pipe(
      // A client may be made to fail with what is no success.
      Effect.catchIf(isOfStatus, ({ response }) => Effect.succeed(response)),
      Effect.flatMap(answerOf),
      Effect.catchAllCause((cause) => (Cause.isInterrupted(cause) ? Effect.interrupt : Effect.fail(failureOf(cause)))),
      // Otherwise it could not end in time where the caller cannot be interrupted.
      Effect.interruptible,
      Effect.timeoutFail({ duration: longest, onTimeout: () => slow }),
      // A span would show the headers, and be one more thing to send.
      Effect.withTracerEnabled(false),
      notRedirected
    )
}

/** `fetch` would follow as a GET without the records, take the answer for theirs, and send the headers to another host. */
const notRedirected = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.serviceOption(FetchHttpClient.RequestInit), (given) =>
    Effect.provideService(effect, FetchHttpClient.RequestInit, {
      ...Option.getOrElse(given, () => ({})),
      redirect: "manual"
    })
  )

const bytesOf = (body: string, compress: boolean): Effect.Effect<Uint8Array> => {
  const bytes = new TextEncoder().encode(body)
  if (!compress) return Effect.succeed(bytes)
  return Effect.promise(async () => {
    const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))
    return new Uint8Array(await new Response(stream).arrayBuffer())
  })
}

const isOfStatus = (error: HttpClientError.HttpClientError): error is HttpClientError.ResponseError =>
  error._tag === "ResponseError" && error.reason === "StatusCode"

const answerOf = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<Answer, HttpClientError.ResponseError> => {
  const { headers, status } = response
  const isSuccess = status >= 200 && status < 300
  // What says no is clear without its reasons.
  const text = isSuccess ? textOf(response) : Effect.orElseSucceed(textOf(response), () => undefined)
  return Effect.map(text, (body) => ({ status, isSuccess, retryAfter: headers["retry-after"], body }))
}

/** In characters. Of a web site, for example, no more is read. */
const longestAnswer = 64 * 1024

const textOf = ({ stream }: HttpClientResponse.HttpClientResponse) =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    return Stream.runFoldWhile(
      stream,
      "",
      (text) => text.length < longestAnswer,
      (text, bytes) => text + decoder.decode(bytes, { stream: true })
    )
  }).pipe(
    Effect.map((text) => (text.length < longestAnswer ? text : undefined)),
    Effect.catchIf(
      ({ reason }) => reason === "EmptyBody",
      () => Effect.succeed("")
    )
  )

const failureOf = (cause: Cause.Cause<HttpClientError.HttpClientError>): Failure => {
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  const code = codeOf(error)
  const which = code === undefined ? "" : ` (${code})`
  if (error === undefined) {
    return { reason: "Unavailable", description: `the HTTP client has a defect (${typeOf(cause)}): it is tried again` }
  }
  if (error._tag === "ResponseError") {
    const description = `the answer of the collector breaks off${which}: what it was sent is sent again`
    return { reason: "Unavailable", description }
  }
  if (code !== undefined && /CERT|SELF_SIGNED|SSL|TLS|UNABLE_TO/.test(code)) {
    const description = `there is no secure connection to the collector${which}: correct its certificate, or the URL`
    return { reason: "Misconfigured", description }
  }
  const description = `the collector cannot be reached${which}: see that it runs, and that the URL is right`
  return { reason: "Unavailable", description }
}

/** The operating system's word for what went wrong, however deep a client hides it. */
const codeOf = (error: unknown): string | undefined => {
  const code = safely(() => {
    let at = error
    for (let depth = 0; depth < 5 && Predicate.isRecord(at); depth++) {
      if (typeof at["code"] === "string") return at["code"]
      at = at["cause"]
    }
    return ""
  })
  return /^[A-Z][A-Z0-9_]{2,50}$/.test(code) ? code : undefined
}
