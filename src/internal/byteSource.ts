/**
 * Bytes that are read piece by piece into memory of the reader's own: of a file, of a stream, decompressed where they are
 * gzip.
 */
// From their own modules: a program that loads all of the platform takes 20 MB more.
import type { PlatformError } from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import { Data, Effect, Fiber, Option, type Scope, Stream } from "effect"

/**
 * @category errors
 */
export class GzipError extends Data.TaggedError("GzipError")<{ readonly description: string }> {}

export type ReadError = PlatformError | GzipError

export interface ByteSource {
  /** Fills the beginning of `into` with what comes next. 0 bytes at the end, which a file that grows leaves behind again. */
  readonly read: (into: Uint8Array) => Effect.Effect<number, ReadError>
  /** How many bytes were taken so far: compressed ones, where they are. */
  readonly taken: () => number
}

/** The file from the given place on. */
export const fromFile = (file: FileSystem.File, from = 0): Effect.Effect<ByteSource> =>
  Effect.as(
    file.seek(from, "start"),
    counted(from, (into) => Effect.map(file.read(into), Number))
  )

/** What comes is given out at once, as somebody may wait for it. */
export const fromStream = (
  stream: Stream.Stream<Uint8Array, PlatformError>
): Effect.Effect<ByteSource, never, Scope.Scope> =>
  Effect.map(Stream.toPull(stream), (pull) => {
    let pieces: ReadonlyArray<Uint8Array> = []
    const more = pull.pipe(
      Effect.tap((pulled) => void (pieces = [...pieces, ...pulled].filter((piece) => piece.length > 0))),
      Effect.as(true),
      Effect.catchAll(Option.match({ onNone: () => Effect.succeed(false), onSome: (error) => Effect.fail(error) }))
    )
    return counted(0, (into) =>
      Effect.gen(function* () {
        while (pieces.length === 0) if (!(yield* more)) return 0
        const [first, ...others] = pieces
        const count = Math.min(first!.length, into.length)
        into.set(first!.subarray(0, count))
        pieces = count === first!.length ? others : [first!.subarray(count), ...others]
        return count
      })
    )
  })

const longestMagic = 2

const isMagic = (start: Uint8Array) => start[0] === 0x1f && start[1] === 0x8b

/** Whether what comes begins as gzip does, and no JSON can. Takes that beginning. */
export const isGzip = (source: ByteSource): Effect.Effect<boolean, ReadError> =>
  Effect.map(startOf(source, longestMagic), isMagic)

/** The first bytes, fewer where there are no more. */
export const startOf = (source: ByteSource, length: number): Effect.Effect<Uint8Array, ReadError> =>
  Effect.gen(function* () {
    const start = new Uint8Array(length)
    let filled = 0
    while (filled < length) {
      const count = yield* source.read(start.subarray(filled))
      if (count === 0) break
      filled += count
    }
    return start.subarray(0, filled)
  })

/** What gzip holds where that is what comes, and the source itself otherwise. */
export const decompressed = (source: ByteSource): Effect.Effect<ByteSource, ReadError, Scope.Scope> =>
  Effect.gen(function* () {
    let start = yield* startOf(source, longestMagic)
    const whole: ByteSource = {
      taken: source.taken,
      read: (into) => {
        if (start.length === 0) return source.read(into)
        const count = Math.min(start.length, into.length)
        into.set(start.subarray(0, count))
        start = start.subarray(count)
        return Effect.succeed(count)
      }
    }
    return isMagic(start) ? yield* gunzip(whole) : whole
  })

/** Reads the next piece while the one before is worked on. For what does not grow while it is read, as it looks ahead. */
export const readAhead = (source: ByteSource): Effect.Effect<ByteSource, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    let spare = new Uint8Array(0)
    let reading: Fiber.Fiber<number, ReadError> | undefined
    let rest = new Uint8Array(0)
    // A file is not closed in the middle of a read.
    const begin = (length: number) =>
      Effect.map(
        Effect.suspend(() => {
          if (spare.length < length) spare = new Uint8Array(length)
          return source.read(spare.subarray(0, length))
        }).pipe(Effect.uninterruptible, Effect.forkIn(scope)),
        (fiber) => void (reading = fiber)
      )
    const read = (into: Uint8Array) =>
      Effect.gen(function* () {
        if (rest.length === 0) {
          if (reading === undefined) yield* begin(into.length)
          const count = yield* Fiber.join(reading!)
          rest = spare.subarray(0, count)
          reading = undefined
        }
        const count = Math.min(rest.length, into.length)
        into.set(rest.subarray(0, count))
        rest = rest.subarray(count)
        if (rest.length === 0 && count > 0) yield* begin(into.length)
        return count
      })
    return { read, taken: source.taken }
  })

const compressedPiece = 65_536

export const gunzip = (source: ByteSource): Effect.Effect<ByteSource, never, Scope.Scope> =>
  Effect.gen(function* () {
    // Written to by hand: `pipeThrough` keeps a hundred megabytes waiting.
    const stream = new DecompressionStream("gzip")
    const writer = stream.writable.getWriter()
    const reader = stream.readable.getReader()
    let readError: ReadError | undefined
    yield* Effect.addFinalizer(() => Effect.promise(() => reader.cancel().catch(() => undefined)))

    const feed: Effect.Effect<void, ReadError> = Effect.gen(function* () {
      for (;;) {
        const piece = new Uint8Array(compressedPiece)
        const count = yield* source.read(piece)
        if (count === 0) return yield* written(() => writer.close())
        yield* written(() => writer.ready.then(() => writer.write(piece.subarray(0, count))))
      }
    })
    yield* feed.pipe(
      Effect.catchAll((error) => {
        readError = error
        return written(() => writer.abort(error))
      }),
      Effect.forkScoped
    )
    let piece = new Uint8Array(0)
    // Full, as the pieces are small.
    const fill = async (into: Uint8Array): Promise<number> => {
      let filled = 0
      while (filled < into.length) {
        if (piece.length === 0) {
          const { done, value } = await reader.read()
          if (done) break
          piece = value
        }
        const count = Math.min(piece.length, into.length - filled)
        into.set(piece.subarray(0, count), filled)
        piece = piece.subarray(count)
        filled += count
      }
      return filled
    }
    const read = (into: Uint8Array) =>
      Effect.tryPromise({
        try: () => fill(into),
        catch: (cause) => readError ?? new GzipError({ description: messageOf(cause) })
      })
    return { read, taken: source.taken }
  })

/** What is wrong with the bytes, the reader is told. */
const written = (write: () => Promise<void>) => Effect.promise(() => write().catch(() => undefined))

const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))

const counted = (from: number, read: ByteSource["read"]): ByteSource => {
  let taken = from
  return { taken: () => taken, read: (into) => Effect.tap(read(into), (count) => void (taken += count)) }
}
