/**
 * One file of whole lines, open for appending.
 *
 * Opening mends what a crash or a failed append left behind, so a segment always starts out ending where a line ends.
 */
import type { FileSystem } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { Effect, Exit, Option, Scope } from "effect"
import * as Folder from "./folder.js"
import { fromPlatform, LogFileError } from "./logFileError.js"
import * as Say from "./say.js"

export interface Segment {
  readonly file: FileSystem.File
  /** A terminal or the like: it can be written, but not cut, synced or renamed. */
  readonly isDevice: boolean
  readonly torn: Torn | undefined
  /** When it was last written to, in milliseconds. */
  readonly writtenAt: number | undefined
  readonly dev: number
  readonly ino: number | undefined
  /** The bytes known to be safe; what is beyond them belongs to an append that has not succeeded. */
  size: number
  readonly close: Effect.Effect<void>
}

/** What was safe in a segment that had to be closed. */
export type Left = Pick<Segment, "dev" | "ino" | "size">

/** What stood after the last whole line, and where it is now. */
export interface Torn {
  readonly bytes: number
  readonly keptIn: string
}

/** What tells a line from what a loss of power has made of one: it may be zeros, or anything. */
export interface Soundness {
  readonly isSound: (line: Uint8Array) => boolean
  /** The log was closed with the line: everything before it was synced. */
  readonly isEnd: (line: Uint8Array) => boolean
  /** The line was synced before any that comes after the next such line was written. */
  readonly isCheckpoint: (line: Uint8Array) => boolean
}

/**
 * Opens the file, creating it where it is missing (not its folder), and cuts off what follows the last whole line: without a
 * trace where `left` says that it is a failed append, which its caller repeats, and otherwise keeping it in `<path>.torn`.
 */
export const open = (
  fs: FileSystem.FileSystem,
  path: string,
  soundness: Soundness,
  left?: Left | undefined
): Effect.Effect<Segment, LogFileError> =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    // What is closed has been synced or has failed already: closing it tells nothing new.
    const close = ignoreAll(Scope.close(scope, Exit.void))
    const opened = Effect.gen(function* () {
      const file = yield* fs.open(path, { flag: "a+", mode: 0o600 }).pipe(Scope.extend(scope))
      const info = yield* file.stat
      const found = {
        file,
        close,
        dev: info.dev,
        ino: Option.getOrUndefined(info.ino),
        writtenAt: Option.getOrUndefined(info.mtime)?.getTime()
      }
      if (info.type !== "File") return { ...found, isDevice: true, torn: undefined, size: 0 }

      const length = Number(info.size)
      const isLeft = left !== undefined && left.dev === found.dev && left.ino === found.ino && left.size <= length
      const size = isLeft ? left.size : yield* endOfSound(file, length, soundness)
      if (isLeft) {
        if (size < length) yield* file.truncate(size)
        // For the cut alone, which may have been made before: of what was not safe nothing is left.
        yield* ignoreAll(file.sync)
      }
      const torn = !isLeft && size < length ? yield* moveTorn(fs, path, file, size, length) : undefined
      if (size === 0) yield* Folder.sync(fs, path)
      return { ...found, isDevice: false, torn, size }
    })
    return yield* opened.pipe(
      Effect.mapError((error) => (error instanceof LogFileError ? error : fromPlatform(path)(error))),
      Effect.onError(() => close)
    )
  })

const chunkSize = 65_536

/** No more characters than these may be written between two syncs, but for a single line. */
export const longestAppend = 8 * 1024 * 1024

/** The bytes of that at most: what lies before was synced before the last append began. */
const lastAppend = 4 * longestAppend

/**
 * Where the sound lines end. Damage can only be in what was not synced, and whole lines may lie behind it. Everything before
 * the last checkpoint but one is left alone: what is unsound there was not made so by a crash, and is for a verifier to find.
 */
const endOfSound = (
  file: FileSystem.File,
  length: number,
  soundness: Soundness
): Effect.Effect<number, PlatformError> =>
  Effect.gen(function* () {
    if (yield* isClosed(file, length, soundness)) return length
    const from = Math.max(0, length - lastAppend)
    const bytes = yield* read(file, from, length)
    const ends: Array<number> = []
    for (let end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, end + 1)) ends.push(end)
    // One line that is longer than all that was read.
    if (ends.length === 0 && from > 0) return yield* endOfLines(file, from)

    const line = (index: number) => bytes.subarray(index === 0 ? 0 : ends[index - 1]! + 1, ends[index])
    // The first one may begin before what was read.
    const first = from === 0 ? 0 : 1
    let index = ends.length
    for (let checkpoints = 0; index > first && checkpoints < 2; index--) {
      if (soundness.isCheckpoint(line(index - 1))) checkpoints++
    }
    while (index < ends.length && soundness.isSound(line(index))) index++
    return index === 0 ? 0 : from + ends[index - 1]! + 1
  })

/** Whether the log was closed, which its last line tells: then nothing else has to be read. */
const isClosed = (file: FileSystem.File, length: number, { isEnd }: Soundness): Effect.Effect<boolean, PlatformError> =>
  Effect.gen(function* () {
    const from = Math.max(0, length - chunkSize)
    const bytes = yield* read(file, from, length)
    if (bytes.at(-1) !== lineFeed) return false
    const start = bytes.lastIndexOf(lineFeed, -2) + 1
    return (start > 0 || from === 0) && isEnd(bytes.subarray(start, -1))
  })

/** Where the last line ends that is whole. Reads backwards: the file may be huge, and what is torn is seldom long. */
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

/** The last of the lines, without its line feed; nothing where there is none. */
export const lastLine = ({ file, size }: Segment): Effect.Effect<string | undefined, PlatformError> =>
  Effect.gen(function* () {
    if (size === 0) return undefined
    const start = yield* endOfLines(file, size - 1)
    return new TextDecoder().decode(yield* read(file, start, size - 1))
  })

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

export const tornPathOf = (path: string): string => `${path}.torn`

const moveTorn = (fs: FileSystem.FileSystem, path: string, file: FileSystem.File, from: number, to: number) =>
  Effect.gen(function* () {
    const tornPath = tornPathOf(path)
    // Safe there before it is cut off here: a crash in between keeps it twice, never not at all.
    yield* keepTorn(fs, tornPath, file, from, to)
    yield* file.truncate(from)
    yield* file.sync
    const bytes = to - from
    yield* Say.warning(
      `'${path}' did not end with a whole line, as after a crash: its last ${bytes} bytes are now in '${tornPath}'`
    )
    return { bytes, keptIn: tornPath }
  })

/** Appends these bytes of the file to those that were torn off, and makes them safe there. */
export const keepTorn = (
  fs: FileSystem.FileSystem,
  tornPath: string,
  file: FileSystem.File,
  from: number,
  to: number
): Effect.Effect<void, LogFileError> =>
  Effect.gen(function* () {
    const torn = yield* fs.open(tornPath, { flag: "a", mode: 0o600 })
    for (let at = from; at < to; at += chunkSize)
      yield* torn.writeAll(yield* read(file, at, Math.min(to, at + chunkSize)))
    yield* torn.writeAll(Uint8Array.of(lineFeed))
    yield* torn.sync
  }).pipe(Effect.scoped, Effect.mapError(fromPlatform(tornPath)), Effect.zipRight(Folder.sync(fs, tornPath)))

export const ignoreAll = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<void, never, R> =>
  Effect.catchAllCause(Effect.asVoid(effect), () => Effect.void)
