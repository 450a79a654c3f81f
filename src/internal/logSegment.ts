/**
 * One file of whole lines, open for appending.
 *
 * Opening mends what a crash or a failed append left behind, so a segment always starts out ending where a line ends.
 */
import type { FileSystem } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { Effect, Exit, Option, Scope } from "effect"
import { fromPlatform, LogFileError } from "./logFileError.js"

export interface Segment {
  readonly file: FileSystem.File
  /** A terminal or the like: it can be written, but not cut, synced or renamed. */
  readonly isDevice: boolean
  readonly dev: number
  readonly ino: number | undefined
  /** The bytes known to be safe; what is beyond them belongs to an append that has not succeeded. */
  size: number
  readonly close: Effect.Effect<void>
}

/** What was safe in a segment that had to be closed. */
export type Left = Pick<Segment, "dev" | "ino" | "size">

/**
 * Opens the file, creating it where it is missing (not its folder), and cuts off what follows the last line: without a trace
 * where `left` says that it is a failed append, which its caller repeats, and otherwise keeping it in `<path>.torn`.
 */
export const open = (
  fs: FileSystem.FileSystem,
  path: string,
  left?: Left | undefined
): Effect.Effect<Segment, LogFileError> =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    // What is closed has been synced or has failed already: closing it tells nothing new.
    const close = ignoreAll(Scope.close(scope, Exit.void))
    const opened = Effect.gen(function* () {
      const file = yield* fs.open(path, { flag: "a+", mode: 0o600 }).pipe(Scope.extend(scope))
      const info = yield* file.stat
      const found = { file, close, dev: info.dev, ino: Option.getOrUndefined(info.ino) }
      if (info.type !== "File") return { ...found, isDevice: true, size: 0 }

      const length = Number(info.size)
      const isLeft = left !== undefined && left.dev === found.dev && left.ino === found.ino && left.size <= length
      const size = isLeft ? left.size : yield* endOfLines(file, length)
      if (isLeft && size < length) yield* file.truncate(size)
      if (!isLeft && size < length) yield* moveTorn(fs, path, file, size, length)
      if (size === 0) yield* syncFolder(fs, path)
      return { ...found, isDevice: false, size }
    })
    return yield* opened.pipe(
      Effect.mapError((error) => (error instanceof LogFileError ? error : fromPlatform(path)(error))),
      Effect.onError(() => close)
    )
  })

const chunkSize = 65_536

/** Where the last whole line ends. Reads backwards: the file may be huge, and what is torn is seldom long. */
const endOfLines = (file: FileSystem.File, length: number): Effect.Effect<number, PlatformError> =>
  Effect.gen(function* () {
    let end = length
    while (end > 0) {
      // Nearly always the last byte decides.
      const from = end === length ? length - 1 : Math.max(0, end - chunkSize)
      const at = (yield* read(file, from, end)).lastIndexOf(lineFeed)
      if (at !== -1) return from + at + 1
      end = from
    }
    return 0
  })

const lineFeed = 10

const read = (file: FileSystem.File, from: number, to: number): Effect.Effect<Uint8Array, PlatformError> =>
  Effect.gen(function* () {
    const bytes = new Uint8Array(to - from)
    yield* file.seek(from, "start")
    let filled = 0
    while (filled < bytes.length) {
      const count = Number(yield* file.read(bytes.subarray(filled)))
      if (count === 0) break
      filled += count
    }
    return bytes.subarray(0, filled)
  })

const moveTorn = (fs: FileSystem.FileSystem, path: string, file: FileSystem.File, from: number, to: number) =>
  Effect.gen(function* () {
    const tornPath = `${path}.torn`
    // Safe there before it is cut off here: a crash in between keeps it twice, never not at all.
    yield* keepTorn(fs, tornPath, file, from, to).pipe(Effect.scoped, Effect.mapError(fromPlatform(tornPath)))
    yield* file.truncate(from)
    yield* file.sync
    yield* Effect.logWarning(
      `'${path}' ended in the middle of a line, as it does after a crash: its last ${to - from} bytes are now in '${tornPath}'`
    )
  })

const keepTorn = (fs: FileSystem.FileSystem, tornPath: string, file: FileSystem.File, from: number, to: number) =>
  Effect.gen(function* () {
    const torn = yield* fs.open(tornPath, { flag: "a", mode: 0o600 })
    for (let at = from; at < to; at += chunkSize)
      yield* torn.writeAll(yield* read(file, at, Math.min(to, at + chunkSize)))
    yield* torn.writeAll(Uint8Array.of(lineFeed))
    yield* torn.sync
    yield* syncFolder(fs, tornPath)
  })

/** Makes new names in the folder safe. Not every platform lets us, and those that do not keep names safe themselves. */
const syncFolder = (fs: FileSystem.FileSystem, path: string): Effect.Effect<void> =>
  fs.open(path.slice(0, path.lastIndexOf("/") + 1)).pipe(
    Effect.flatMap((folder) => folder.sync),
    Effect.scoped,
    ignoreAll
  )

export const ignoreAll = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<void, never, R> =>
  Effect.catchAllCause(Effect.asVoid(effect), () => Effect.void)
