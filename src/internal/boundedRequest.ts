/**
 * Requests whose body has a limit, and is text only where it is UTF-8.
 *
 * The platform limits bodies by destroying the socket, which leaves the client without an answer, and replaces bytes that are
 * no UTF-8 silently. Here a body that is too large, or no text, is a `RequestError` that can be answered.
 */
import { HttpServerError, HttpServerRequest, UrlParams } from "@effect/platform"
import type { HttpApp } from "@effect/platform"
import { Deferred, Effect, Stream } from "effect"
import type { Cause } from "effect"

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
      if (length === undefined && request.headers["transfer-encoding"] === undefined) return app
      if (Number(length) > maxBytes) return Effect.fail(failure(request, new BodyTooLarge()))
      return Effect.provideService(app, HttpServerRequest.HttpServerRequest, bound(request, maxBytes))
    }
  )

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

  // Everything else is the request's own: the platform's implementations look into their own objects.
  return Object.create(request, {
    text: { value: text },
    json: { value: parsed((body): unknown => (body === "" ? null : JSON.parse(body))) },
    urlParamsBody: { value: parsed((body) => UrlParams.fromInput(new URLSearchParams(body))) },
    arrayBuffer: { value: Effect.map(bytes, ({ buffer }) => buffer) },
    stream: { value: Stream.mapAccumEffect(request.stream, 0, count(request, maxBytes)) },
    modify: {
      value: (options: Parameters<typeof request.modify>[0]) => bound(request.modify(options), maxBytes, bytes)
    }
  }) as HttpServerRequest.HttpServerRequest
}

const count =
  (request: HttpServerRequest.HttpServerRequest, maxBytes: number) => (before: number, chunk: Uint8Array) => {
    const size = before + chunk.length
    return size > maxBytes ? Effect.fail(failure(request, new BodyTooLarge())) : Effect.succeed([size, chunk] as const)
  }

/**
 * The whole body. A stream that is left early destroys its socket, and with it the answer: so beyond the limit the rest is
 * read on in the background, and thrown away, until the connection is closed after the answer.
 */
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
