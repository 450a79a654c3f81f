/**
 * The older files of a log: `<path>.000001`, `<path>.000002`, … A new one has a higher number than all there are, so a segment
 * keeps its name for as long as it exists. A compressed one has `.gz` after its number.
 */
import type { FileSystem } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { Array as Arr, Effect, Option, Order, Stream } from "effect"
import * as Folder from "./folder.js"
import { fromPlatform, LogFileError } from "./logFileError.js"

export interface Segment {
  readonly number: number
  readonly path: string
  readonly isCompressed: boolean
}

const byNumber = Order.mapInput(Order.number, (segment: Segment) => segment.number)

/** Oldest first. */
export const list = (fs: FileSystem.FileSystem, path: string): Effect.Effect<ReadonlyArray<Segment>, LogFileError> =>
  Effect.map(Effect.mapError(Folder.beside(fs, path), fromPlatform(path)), (found) => {
    const segments = found.flatMap((file): ReadonlyArray<Segment> => {
      const [, digits, gz] = /^\.(\d{6,15})(\.gz)?$/.exec(file.suffix) ?? []
      return digits === undefined ? [] : [{ number: Number(digits), path: file.path, isCompressed: gz !== undefined }]
    })
    // Compressed, and not removed yet: a crash came between.
    const plain = new Set(segments.filter((segment) => !segment.isCompressed).map((segment) => segment.number))
    return Arr.sort(
      segments.filter((segment) => !segment.isCompressed || !plain.has(segment.number)),
      byNumber
    )
  })

/** Of as many digits as are looked for. */
const highest = 999_999_999_999_999

/** The newest that is a file. */
export const newest = (fs: FileSystem.FileSystem, path: string): Effect.Effect<Option.Option<Segment>, LogFileError> =>
  Effect.flatMap(list(fs, path), (segments) =>
    Effect.findFirst(segments.toReversed(), (segment) =>
      Effect.mapBoth(fs.stat(segment.path), {
        onFailure: fromPlatform(segment.path),
        onSuccess: ({ type }) => type === "File"
      })
    )
  )

export const pathOf = (path: string, number: number): string => `${path}.${String(number).padStart(6, "0")}`

/** Makes the active file the newest segment. Its name is safe when this succeeds. */
export const retire = (fs: FileSystem.FileSystem, path: string): Effect.Effect<void, LogFileError> =>
  Effect.gen(function* () {
    const newest = (yield* list(fs, path)).at(-1)?.number ?? 0
    const next = pathOf(path, newest + 1)
    // A rename would replace it without a word.
    if (newest + 1 > highest || (yield* Effect.mapError(fs.exists(next), fromPlatform(next)))) {
      return yield* new LogFileError({
        reason: "Unwritable",
        path,
        description: `'${path}' cannot be rotated, because no number is left after '${pathOf(path, newest)}': move that file away`,
        written: 0
      })
    }
    yield* Effect.mapError(fs.rename(path, next), fromPlatform(path))
    yield* Folder.sync(fs, path)
  })

/** The bytes of a segment as they were written. */
export const read = (fs: FileSystem.FileSystem, segment: Segment): Stream.Stream<Uint8Array, LogFileError> => {
  const stored = Stream.mapError(fs.stream(segment.path), fromPlatform(segment.path))
  return segment.isCompressed ? through(segment.path, stored, new DecompressionStream("gzip")) : stored
}

/**
 * Compresses a segment. Its own file goes only when the compressed one is safe, and has its time. It may be removed meanwhile,
 * as long as that does not happen within `swapping`.
 */
export const compress = (
  fs: FileSystem.FileSystem,
  segment: Segment,
  swapping: <A, E>(swap: Effect.Effect<A, E>) => Effect.Effect<A, E>
): Effect.Effect<void, PlatformError | LogFileError> => {
  const compressed = compressedPathOf(segment)
  const partial = compressed + unfinished
  const write = Effect.gen(function* () {
    const { mtime } = yield* fs.stat(segment.path)
    const file = yield* fs.open(partial, { flag: "w", mode: 0o600 })
    const bytes = through(segment.path, read(fs, segment), new CompressionStream("gzip"))
    yield* Stream.runForEach(bytes, (chunk) => file.writeAll(chunk))
    if (Option.isSome(mtime)) yield* fs.utimes(partial, mtime.value, mtime.value)
    yield* file.sync
  })
  const swap = Effect.gen(function* () {
    if (!(yield* fs.exists(segment.path))) return yield* fs.remove(partial)
    yield* fs.rename(partial, compressed)
    yield* Folder.sync(fs, segment.path)
    yield* fs.remove(segment.path)
  })
  return Effect.scoped(write).pipe(
    Effect.zipRight(swapping(swap)),
    // On a full disk above all it must not stay.
    Effect.onError(() => Effect.ignore(fs.remove(partial))),
    Effect.catchAll((error) =>
      Effect.flatMap(fs.exists(segment.path), (exists) => (exists ? Effect.fail(error) : Effect.void))
    )
  )
}

const compressedPathOf = (segment: Segment): string => (segment.isCompressed ? segment.path : `${segment.path}.gz`)

/** Removes a segment, and what a crash may have left beside it: compressed, it would be a segment again. */
export const remove = (fs: FileSystem.FileSystem, segment: Segment): Effect.Effect<void, LogFileError> =>
  Effect.forEach(
    new Set([compressedPathOf(segment), segment.path]),
    (path) => Effect.mapError(fs.remove(path, { force: true }), fromPlatform(path)),
    { discard: true }
  )

const unfinished = ".partial"

/** Removes what a crash left of a compression. */
export const removeUnfinished = (fs: FileSystem.FileSystem, path: string): Effect.Effect<void, PlatformError> =>
  Effect.flatMap(Folder.beside(fs, path), (found) =>
    Effect.forEach(
      found.filter((file) => /^\.\d{6,15}\.gz\.partial$/.test(file.suffix)),
      (file) => fs.remove(file.path),
      { discard: true }
    )
  )

const through = (
  path: string,
  bytes: Stream.Stream<Uint8Array, LogFileError>,
  transform: CompressionStream | DecompressionStream
): Stream.Stream<Uint8Array, LogFileError> =>
  Stream.fromReadableStream({
    // The types of the platform do not know that it takes bytes of any buffer.
    evaluate: () =>
      Stream.toReadableStream(bytes).pipeThrough(transform as ReadableWritablePair<Uint8Array, Uint8Array>),
    onError: (cause) => (cause instanceof LogFileError ? cause : damaged(path, cause))
  })

const damaged = (path: string, cause: unknown) =>
  new LogFileError({
    reason: "Unwritable",
    path,
    description: `'${path}' is damaged: ${String(cause)}`,
    written: 0,
    cause
  })

export interface Retention {
  /** Most segments, without the active file. */
  readonly files?: number | undefined
  /** Most bytes of all files of the log together. */
  readonly bytes?: number | undefined
  /** Most milliseconds since a segment was last written to. */
  readonly millis?: number | undefined
}

/** The segments that retention does not keep: always the oldest ones, without a gap. */
export const beyond = (
  fs: FileSystem.FileSystem,
  path: string,
  keep: Retention,
  now: number
): Effect.Effect<{ readonly removed: ReadonlyArray<Segment>; readonly kept: ReadonlyArray<Segment> }, LogFileError> =>
  Effect.gen(function* () {
    const infoOf = (each: string) => Effect.mapError(fs.stat(each), fromPlatform(each))
    const named = yield* Effect.forEach(yield* list(fs, path), (segment) =>
      Effect.map(infoOf(segment.path), (info) => ({ segment, info }))
    )
    // Somebody may have made a folder of such a name.
    const found = named.filter(({ info }) => info.type === "File")
    const segments = found.map(({ segment }) => segment)
    const { files = Infinity, bytes = Infinity, millis = Infinity } = keep
    let total = Number((yield* infoOf(path)).size)
    let from = segments.length
    while (from > 0) {
      const { info } = found[from - 1]!
      total += Number(info.size)
      const age = now - Option.match(info.mtime, { onNone: () => now, onSome: (date) => date.getTime() })
      if (segments.length - from >= files || total > bytes || age > millis) break
      from--
    }
    return { removed: segments.slice(0, from), kept: segments.slice(from) }
  })

/**
 * The first and the last whole line, decompressed as need be. A stream that ends early waits for what reads ahead of it, which
 * only an interruption ends.
 */
export const firstLine = (fs: FileSystem.FileSystem, segment: Segment) =>
  Effect.interruptible(Stream.runHead(lines(fs, segment)))

export const lastLine = (fs: FileSystem.FileSystem, segment: Segment) =>
  Effect.interruptible(Stream.runLast(lines(fs, segment)))

const lines = (fs: FileSystem.FileSystem, segment: Segment) =>
  read(fs, segment).pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filter((line) => line !== "")
  )
