/**
 * Requests whose body has a limit, and is text only where it is UTF-8.
 *
 * The platform limits bodies by destroying the socket, which leaves the client without an answer, and replaces bytes that are
 * no UTF-8 silently. Here a body that is too large, or no text, is a `RequestError` that can be answered, and one whose parts
 * cannot be told apart a `MultipartError`.
 */
import { HttpIncomingMessage, HttpServerError, HttpServerRequest, Multipart, UrlParams } from "@effect/platform"
import type { HttpApp } from "@effect/platform"
import { Context, Deferred, Effect, Exit, FiberId, Mailbox, Option, Predicate, Stream } from "effect"
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
  Effect.withFiberRuntime((fiber) => {
    const request = Context.unsafeGet(
      fiber.currentContext as Context.Context<HttpServerRequest.HttpServerRequest>,
      HttpServerRequest.HttpServerRequest
    )
    // A body is announced by one of these headers (RFC 9112, section 6).
    const length = request.headers["content-length"]
    const isAnnounced = length !== undefined || request.headers["transfer-encoding"] !== undefined
    if (!isAnnounced && (request.method === "GET" || request.method === "HEAD")) return app
    if (Number(length) > maxBytes) return Effect.fail(failure(request, new BodyTooLarge()))
    return Effect.provideService(app, HttpServerRequest.HttpServerRequest, bound(request, maxBytes))
  })

const isTooLarge = ({ cause }: HttpServerError.RequestError) => cause instanceof BodyTooLarge

const failure = (request: HttpServerRequest.HttpServerRequest, cause: unknown) =>
  new HttpServerError.RequestError({ request, reason: "Decode", cause })

/** The same request, with what is read of its body bounded. */
const bound = (
  request: HttpServerRequest.HttpServerRequest,
  maxBytes: number,
  body = new Body(request, maxBytes)
): HttpServerRequest.HttpServerRequest =>
  // Everything else is the request's own: the platform's implementations look into their own objects.
  Object.create(request, {
    text: { get: () => body.text },
    json: { get: () => body.parsed(parseJson) },
    urlParamsBody: { get: () => body.parsed((text) => UrlParams.fromInput(new URLSearchParams(text))) },
    arrayBuffer: { get: () => Effect.map(body.bytes, ({ buffer }) => buffer) },
    stream: { get: () => body.stream },
    multipart: { get: () => body.multipart },
    multipartStream: { get: () => body.parts },
    modify: {
      value: (options: Parameters<typeof request.modify>[0]) => bound(request.modify(options), maxBytes, body)
    }
  }) as HttpServerRequest.HttpServerRequest

/** Made for every request with a body, whether that is read or not: so nothing of it exists before it is asked for. */
class Body {
  #bytes: Deferred.Deferred<Bytes, HttpServerError.RequestError> | undefined
  #multipart: ReturnType<typeof Parts.persisted> | undefined

  readonly request: HttpServerRequest.HttpServerRequest
  readonly maxBytes: number

  constructor(request: HttpServerRequest.HttpServerRequest, maxBytes: number) {
    this.request = request
    this.maxBytes = maxBytes
  }

  /** Read once, by whoever asks first. */
  get bytes(): Effect.Effect<Bytes, HttpServerError.RequestError> {
    return Effect.uninterruptibleMask((restore) => {
      if (this.#bytes !== undefined) return restore(Deferred.await(this.#bytes))
      const done = (this.#bytes = Deferred.unsafeMake<Bytes, HttpServerError.RequestError>(FiberId.none))
      const reading = Effect.suspend(() => readInto(done, this.request, this.maxBytes))
      return Effect.zipRight(Effect.forkDaemon(reading), restore(Deferred.await(done)))
    })
  }

  get text() {
    return this.parsed((text) => text)
  }

  parsed<A>(parse: (text: string) => A): Effect.Effect<A, HttpServerError.RequestError> {
    return Effect.flatMap(this.bytes, (bytes) =>
      Effect.try({ try: () => parse(utf8.decode(bytes)), catch: (cause) => failure(this.request, cause) })
    )
  }

  get stream() {
    return streamed(this.request, this.maxBytes)
  }

  get parts() {
    return Stream.mapError(Parts.parts(this.stream, this.request.headers), (error) =>
      error._tag === "MultipartError"
        ? error
        : new Multipart.MultipartError({ reason: isTooLarge(error) ? "BodyTooLarge" : "Parse", cause: error })
    )
  }

  get multipart() {
    return (this.#multipart ??= Effect.runSync(Effect.cached(Parts.persisted(this.parts))))
  }
}

type Bytes = Uint8Array<ArrayBuffer>

const utf8 = new TextDecoder("utf-8", { fatal: true })

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
const readInto = (
  done: Deferred.Deferred<Bytes, HttpServerError.RequestError>,
  request: HttpServerRequest.HttpServerRequest,
  maxBytes: number
) => {
  if (isReadAtOnce(request, maxBytes)) {
    return request.arrayBuffer.pipe(
      // Its limit could not be answered, and a smaller one is none of the application's here.
      Effect.provideService(HttpIncomingMessage.MaxBodySize, Option.none()),
      Effect.exit,
      Effect.flatMap((exit) => Deferred.done(done, Exit.map(exit, toBytes)))
    )
  }
  let chunks: Array<Uint8Array> = []
  let size = 0
  return request.stream.pipe(
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
      onSuccess: () => Deferred.sync(done, () => concat(chunks, size))
    })
  )
}

/**
 * Where the body is announced with its length, comes from a stream of Node, whose parser reads no more than that, and has not been read
 * or cut off: the platform would wait for its end for ever.
 */
const isReadAtOnce = ({ headers, source }: HttpServerRequest.HttpServerRequest, maxBytes: number): boolean =>
  Predicate.hasProperty(source, "readable") &&
  source.readable === true &&
  headers["transfer-encoding"] === undefined &&
  Number(headers["content-length"]) <= Math.min(maxBytes, atOnce)

/** The platform copies what it has with each chunk that comes, which is cheaper than a stream only as long as that is little. */
const atOnce = 64 * 1024

/** A buffer of its own: on Node, the platform has a part of one that others share, whatever its types say. */
const toBytes = (body: ArrayBuffer): Bytes => new Uint8Array(body)

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
