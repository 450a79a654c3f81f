/**
 * An append-only file of lines, rotated by size.
 *
 * A line is never split over two files, and a file grows to `maxBytes` only by a single line that is longer than that.
 * Lines are appended as a whole or not at all: what a failed append left in the file is cut off before anything else is
 * written. Only a crash can leave more, and whole lines at that: those that were being appended.
 */
import { FileSystem } from "@effect/platform"
import { Effect, type Scope } from "effect"
import * as Backups from "./backups.js"
import { fromPlatform, LogFileError, withWritten } from "./logFileError.js"
import * as LogSegment from "./logSegment.js"

export { LogFileError } from "./logFileError.js"

export interface Options {
  /**
   * Its folder has to exist. A link is followed, and the backups lie beside the file it leads to. A terminal or the like is
   * only written to.
   */
  readonly path: string
  /** A line that would make the file this large goes into a fresh one. Left out, the file is never rotated. */
  readonly maxBytes?: number | undefined
  /** How many full files rotation keeps, 5 unless said otherwise. With 0 it is never rotated: its lines would be lost. */
  readonly backups?: number | undefined
}

export interface LogFile {
  /**
   * Succeeds once the lines, which come without line ends, are on stable storage: written and fsynced. After a failure the
   * first `written` of them are, and the others are cut off again, at the latest before anything else is appended.
   */
  readonly append: (lines: ReadonlyArray<string>) => Effect.Effect<void, LogFileError>
}

/** Opens the file, for this program alone, until the scope is closed. */
export const open = (options: Options): Effect.Effect<LogFile, LogFileError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.acquireRelease(make(options), ({ close }) => close)

const make = (options: Options) =>
  Effect.gen(function* () {
    yield* check(options)
    const { backups = 5 } = options
    const maxBytes = backups === 0 ? Infinity : (options.maxBytes ?? Infinity)
    const fs = yield* FileSystem.FileSystem
    const path = yield* create(fs, options.path).pipe(
      Effect.mapError((error) => (error instanceof LogFileError ? error : fromPlatform(options.path)(error)))
    )

    // Touched by one fiber at a time, under the lock.
    let segment: LogSegment.Segment | undefined
    let left: (LogSegment.Left & { readonly syncFailed: boolean }) | undefined
    let isClosed = false

    const acquire: Effect.Effect<LogSegment.Segment, LogFileError> = Effect.gen(function* () {
      if (isClosed) return yield* closedError(path)
      if (segment !== undefined) return segment
      const opened = yield* LogSegment.open(fs, path, left)
      const { syncFailed = false } = left ?? {}
      segment = opened
      left = undefined
      return syncFailed ? yield* replace(opened) : opened
    })

    const release = Effect.suspend(() => {
      const { close = Effect.void } = segment ?? {}
      segment = undefined
      return close
    })

    const append = (lines: ReadonlyArray<string>) =>
      Effect.suspend(() => {
        let written = 0
        return Effect.gen(function* () {
          while (written < lines.length) {
            const current = yield* acquire
            const end = current.isDevice ? lines.length : fitting(lines, written, current.size, maxBytes)
            if (end === written) yield* rotate(current)
            else yield* write(current, lines.slice(written, end))
            written = end
          }
        }).pipe(Effect.mapError((error) => withWritten(error, written)))
      })

    const write = (current: LogSegment.Segment, lines: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const bytes = encoder.encode(lines.join("\n") + "\n")
        const cutBack = current.file.truncate(current.size)
        yield* current.file.writeAll(bytes).pipe(
          Effect.tapErrorCause(() => Effect.catchAllCause(cutBack, () => abandon(current, false))),
          Effect.mapError(fromPlatform(path))
        )
        yield* sync(current)
        current.size += bytes.length
      })

    const rotate = (current: LogSegment.Segment) =>
      sync(current).pipe(Effect.zipRight(release), Effect.zipRight(Backups.rotate(fs, path, backups)))

    const sync = (current: LogSegment.Segment) => {
      if (current.isDevice) return Effect.void
      return current.file.sync.pipe(
        // The caller repeats these lines: they go even if nothing is ever appended again.
        Effect.tapErrorCause(() => LogSegment.ignoreAll(current.file.truncate(current.size))),
        Effect.tapErrorCause(() => abandon(current, true)),
        Effect.mapError(fromPlatform(path))
      )
    }

    /** Closes a segment that cannot be trusted any more; it is cut back to what was safe when it is opened again. */
    const abandon = ({ dev, ino, size }: LogSegment.Segment, syncFailed: boolean) =>
      Effect.suspend(() => {
        left = { dev, ino, size, syncFailed }
        return release
      })

    /**
     * After a failed fsync nobody knows which pages of the file have reached the disk, so the next lines go into another
     * one. Not at the price of a backup, though: a failing disk would rotate the whole log away. Where no number is free,
     * the file itself has to do, cut back and under a new handle.
     */
    const replace = (reopened: LogSegment.Segment) =>
      Effect.gen(function* () {
        if (maxBytes === Infinity || reopened.size === 0) return reopened
        const free = yield* Effect.orElseSucceed(Backups.freeNumber(fs, path, backups), () => undefined)
        if (free === undefined) return reopened
        yield* sync(reopened)
        yield* release
        yield* Effect.ignore(Backups.rotate(fs, path, backups))
        return yield* acquire
      })

    const close = Effect.suspend(() => {
      isClosed = true
      return release
    })

    // A crash may have left a torn line: it is dealt with before anything starts.
    yield* acquire
    const lock = Effect.unsafeMakeSemaphore(1).withPermits(1)
    return {
      append: (lines: ReadonlyArray<string>) => lock(Effect.uninterruptible(append(lines))),
      // An append that hangs holds the lock for ever; it must not hold up the end of the program.
      close: lock(close).pipe(Effect.interruptible, Effect.timeoutOption("5 seconds"), Effect.asVoid)
    }
  })

const check = ({ path, maxBytes = 1, backups = 0 }: Options): Effect.Effect<void, LogFileError> => {
  const wrong = (description: string) => new LogFileError({ reason: "Unwritable", path, description, written: 0 })
  if (path === "") return wrong("The path is empty: give the path of a file")
  if (!Number.isInteger(maxBytes) || maxBytes < 1)
    return wrong(`maxBytes must be a whole number above 0, not ${maxBytes}`)
  if (!Number.isInteger(backups) || backups < 0) return wrong(`backups must be a whole number, not ${backups}`)
  return Effect.void
}

/** Creates the file where it is missing, so that its real path can be told. */
const create = (fs: FileSystem.FileSystem, path: string) =>
  Effect.gen(function* () {
    const file = yield* fs.open(path, { flag: "a+", mode: 0o600 })
    const { type } = yield* file.stat
    if (type === "File" || type === "CharacterDevice") return yield* fs.realPath(path)
    const description = `'${path}' keeps nothing that is written to it: give the path of a file`
    return yield* new LogFileError({ reason: "Unwritable", path, description, written: 0 })
  }).pipe(Effect.scoped)

/** The end of the lines that go into a file of the given size: `from` itself where it takes not even the first. */
const fitting = (lines: ReadonlyArray<string>, from: number, size: number, maxBytes: number): number => {
  if (maxBytes === Infinity) return lines.length
  let end = from
  let total = size
  while (end < lines.length) {
    total += encoder.encode(lines[end]).length + 1
    if (total >= maxBytes && (size > 0 || end > from)) break
    end += 1
  }
  return end
}

const encoder = new TextEncoder()

const closedError = (path: string) => {
  const description = `'${path}' is closed: the program is ending`
  return new LogFileError({ reason: "Unavailable", path, description, written: 0 })
}
