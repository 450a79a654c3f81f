/**
 * Requests whose body has a limit, and is text only where it is UTF-8.
 *
 * The platform limits bodies by destroying the socket, which leaves the client without an answer, and replaces bytes that are
 * no UTF-8 silently. Here a body that is too large, or no text, is a `RequestError` that can be answered, and one whose parts
 * cannot be told apart a `MultipartError`.
 */
import { HttpServerError, HttpServerRequest, Multipart, UrlParams } from "@effect/platform"
import type { HttpApp } from "@effect/platform"
import { Deferred, Effect, Mailbox, Stream } from "effect"
import type { Cause } from "effect"
import * as Parts from "./multipart.js"

/** The `cause` of a `RequestError` for a body beyond the limit. */
export class BodyTooLarge {
  readonly _tag = "BodyTooLarge"
}

/** Refuses at once what says itself that it is too large, and bounds what is read of the rest. */
export const limit = <E, R>(
  app: HttpApp.Default<E, R>,
  maxBytes: number
): HttpApp.Default<E | HttpServerError.RequestError, R> =>
  Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    (request): HttpApp.Default<E | HttpServerError.RequestError, R> => {
      // A body is announced by one of these headers (RFC 9112, section 6).
      const length = request.headers["content-length"]
      const isAnnounced = length !== undefined || request.headers["transfer-encoding"] !== undefined
      if (!isAnnounced && (request.method === "GET" || request.method === "HEAD")) return app
      if (Number(length) > maxBytes) return Effect.fail(failure(request, new BodyTooLarge()))
      return Effect.provideService(app, HttpServerRequest.HttpServerRequest, bound(request, maxBytes))
    }
  )

const isTooLarge = ({ cause }: HttpServerError.RequestError) => cause instanceof BodyTooLarge

const failure = (request: HttpServerRequest.HttpServerRequest, cause: unknown) =>
  new HttpServerError.RequestError({ request, reason: "Decode", cause })

const bound = (
  request: HttpServerRequest.HttpServerRequest,
  maxBytes: number,
  bytes = Effect.runSync(Effect.cached(read(request, maxBytes)))
): HttpServerRequest.HttpServerRequest => {
  const text = Effect.flatMap(bytes, (body) =>
    Effect.try({
      try: () => new TextDecoder("utf-8", { fatal: true }).decode(body),
      catch: (cause) => failure(request, cause)
    })
  )
  const parsed = <A>(parse: (body: string) => A) =>
    Effect.flatMap(text, (body) => Effect.try({ try: () => parse(body), catch: (cause) => failure(request, cause) }))

  const stream = streamed(request, maxBytes)
  const parts = Stream.mapError(Parts.parts(stream, request.headers), (error) =>
    error._tag === "MultipartError"
      ? error
      : new Multipart.MultipartError({ reason: isTooLarge(error) ? "BodyTooLarge" : "Parse", cause: error })
  )
  const multipart = Effect.runSync(Effect.cached(Parts.persisted(parts)))

  // Everything else is the request's own: the platform's implementations look into their own objects.
  return Object.create(request, {
    text: { value: text },
    json: { value: parsed(parseJson) },
    urlParamsBody: { value: parsed((body) => UrlParams.fromInput(new URLSearchParams(body))) },
    arrayBuffer: { value: Effect.map(bytes, ({ buffer }) => buffer) },
    stream: { value: stream },
    multipart: { value: multipart },
    multipartStream: { value: parts },
    modify: {
      value: (options: Parameters<typeof request.modify>[0]) => bound(request.modify(options), maxBytes, bytes)
    }
  }) as HttpServerRequest.HttpServerRequest
}

// A stream of the platform that is left early destroys its socket, and with it the answer: so what nobody wants, beyond the
// limit for example, is read on in the background, and thrown away, until the connection is closed after the answer.

/** The body as it comes, no faster than it is read. */
const streamed = (request: HttpServerRequest.HttpServerRequest, maxBytes: number) =>
  Effect.gen(function* () {
    const mailbox = yield* Mailbox.make<Uint8Array, HttpServerError.RequestError>(16)
    let size = 0
    const pump = request.stream.pipe(
      Stream.runForEach((chunk) => {
        size += chunk.length
        return size > maxBytes ? mailbox.fail(failure(request, new BodyTooLarge())) : mailbox.offer(chunk)
      }),
      Effect.matchCauseEffect({ onFailure: mailbox.failCause, onSuccess: () => mailbox.end })
    )
    yield* Effect.forkDaemon(pump)
    yield* Effect.addFinalizer(() => mailbox.shutdown)
    return Mailbox.toStream(mailbox)
  }).pipe(Stream.unwrapScoped)

/** The whole body. */
const read = (request: HttpServerRequest.HttpServerRequest, maxBytes: number) =>
  Effect.gen(function* () {
    const done = yield* Deferred.make<Uint8Array<ArrayBuffer>, HttpServerError.RequestError>()
    let chunks: Array<Uint8Array> = []
    let size = 0
    const pump = request.stream.pipe(
      Stream.runForEach((chunk) => {
        size += chunk.length
        if (size > maxBytes) {
          chunks = []
          return Effect.asVoid(Deferred.fail(done, failure(request, new BodyTooLarge())))
        }
        chunks.push(chunk)
        return Effect.void
      }),
      Effect.matchCauseEffect({
        onFailure: (cause: Cause.Cause<HttpServerError.RequestError>) => Deferred.failCause(done, cause),
        onSuccess: () =>
          Deferred.complete(
            done,
            Effect.sync(() => concat(chunks, size))
          )
      })
    )
    yield* Effect.forkDaemon(pump)
    return yield* Deferred.await(done)
  })

const concat = (chunks: ReadonlyArray<Uint8Array>, size: number) => {
  const whole = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

/** Deeper than any real value. What walks over it later, a Schema for example, has a stack that ends. */
const maxDepth = 256

const parseJson = (body: string): unknown => {
  if (body === "") return null
  const value: unknown = JSON.parse(body)
  if (isDeeper(value, maxDepth)) throw new Error(`The JSON is nested more than ${maxDepth} levels deep`)
  return value
}

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === "object" &&
  value !== null &&
  (levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1)))
