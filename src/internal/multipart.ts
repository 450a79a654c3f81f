/**
 * The parts of a `multipart/form-data` body (RFC 7578). The platform's parser waits without end, at full speed, for the end of a
 * body that was cut off, and does not recognise an end that arrives in two pieces. Here the end always comes, in one piece;
 * where it was not the client's, the parts fail after it.
 */
import { Multipart } from "@effect/platform"
import type { FileSystem, Path } from "@effect/platform"
import { Cause, Chunk, Context, Effect, Option, Stream } from "effect"
import type { Scope } from "effect"

const malformed = (cause: unknown) => new Multipart.MultipartError({ reason: "Parse", cause })

export const parts = <E>(
  body: Stream.Stream<Uint8Array, E>,
  headers: Readonly<Record<string, string>>
): Stream.Stream<Multipart.Part, E | Multipart.MultipartError> =>
  Stream.suspend(() => {
    const boundary = boundaryOf(headers["content-type"])
    if (boundary === undefined) return Stream.fail(malformed("The boundary is missing, or is none"))
    let failure: E | Multipart.MultipartError | undefined
    const whole = body.pipe(
      Stream.catchAll((error) => {
        failure = error
        return Stream.empty
      }),
      endWith(boundary, () => (failure ??= malformed("The body ends before its last part does")))
    )
    // In the one spelling that all parsers understand alike.
    const contentType = `multipart/form-data; boundary="${boundary}"`
    return Stream.pipeThroughChannel(whole, Multipart.makeChannel({ ...headers, "content-type": contentType })).pipe(
      Stream.catchSomeCause((cause) => Option.map(encodedWrongly(cause), (error) => Stream.fail(error))),
      Stream.concat(Stream.suspend(() => (failure === undefined ? Stream.empty : Stream.fail(failure)))),
      Stream.mapInputContext(limitParts)
    )
  })

/** Where the application has set no limit. A part costs far more than its bytes: a file of its own, for example. */
const maxParts = 1000

const limitParts = (context: Context.Context<never>): Context.Context<never> =>
  Option.isSome(Context.get(context, Multipart.MaxParts))
    ? context
    : Context.add(context, Multipart.MaxParts, Option.some(maxParts))

/** All parts, the files among them in a temporary folder that the scope removes. */
export const persisted = (
  parts: Stream.Stream<Multipart.Part, Multipart.MultipartError>
): Effect.Effect<Multipart.Persisted, Multipart.MultipartError, FileSystem.FileSystem | Path.Path | Scope.Scope> =>
  Effect.catchSomeCause(Multipart.toPersisted(parts), (cause) =>
    Option.map(encodedWrongly(cause), (error) => Effect.fail(error))
  )

/** The parser throws where the name of a file is encoded wrongly. */
const encodedWrongly = (cause: Cause.Cause<unknown>): Option.Option<Multipart.MultipartError> =>
  Option.map(
    Option.filter(Cause.dieOption(cause), (defect) => defect instanceof URIError),
    malformed
  )

/** RFC 2046, section 5.1.1. */
const boundaryOf = (contentType = ""): string | undefined => {
  const found = [...contentType.matchAll(/;\s*boundary=(?:"([^"\\]*)"|([^\s";,]*))/gi)]
  const boundary = found[0]?.[1] ?? found[0]?.[2] ?? ""
  return found.length === 1 && /^[\w'()+,\-./:=? ]{0,69}[\w'()+,\-./:=?]$/.test(boundary) ? boundary : undefined
}

/**
 * The same bytes up to the end of the last part, which is made where there is none. Chunks are cut so that what ends the parts is
 * never divided.
 */
const endWith = (boundary: string, onCutOff: () => void) => {
  // Nothing follows it: the parser would go on with headers that were cut off.
  const end = latin1(`\r\n--${boundary}--`)
  // The first boundary follows no line end of its own.
  let kept = latin1("\r\n")
  let ended = false

  const take = (chunk: Uint8Array): Chunk.Chunk<Uint8Array> => {
    if (ended) return Chunk.empty()
    const waiting = concat(kept, chunk)
    const at = indexOf(waiting, end)
    ended = at !== -1
    if (ended) return nonEmpty(waiting.subarray(0, at), end)
    const cut = Math.max(0, waiting.length - end.length + 1)
    kept = waiting.subarray(cut)
    return nonEmpty(waiting.subarray(0, cut))
  }

  return <E>(body: Stream.Stream<Uint8Array, E>): Stream.Stream<Uint8Array, E> =>
    Stream.concat(
      Stream.mapConcatChunk(body, take),
      Stream.suspend(() => {
        if (ended) return Stream.empty
        onCutOff()
        return Stream.fromChunk(nonEmpty(kept, end))
      })
    )
}

const nonEmpty = (...chunks: ReadonlyArray<Uint8Array>) => Chunk.fromIterable(chunks.filter(({ length }) => length > 0))

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0))

const concat = (one: Uint8Array, other: Uint8Array): Uint8Array => {
  const both = new Uint8Array(one.length + other.length)
  both.set(one)
  both.set(other, one.length)
  return both
}

const indexOf = (bytes: Uint8Array, needle: Uint8Array): number => {
  for (let at = bytes.indexOf(needle[0]!); at !== -1; at = bytes.indexOf(needle[0]!, at + 1)) {
    if (at + needle.length > bytes.length) return -1
    if (needle.every((byte, n) => bytes[at + n] === byte)) return at
  }
  return -1
}
