/**
 * An append-only log of lines in a file, which becomes a segment of its own (`internal/segments`) when it is large or old
 * enough, and a new file takes its place.
 *
 * Lines are written as a whole or not at all: what a failed write or sync left in the file is cut off before anything else is
 * written. Only a crash can leave more, and whole lines at that: those that were being written.
 *
 * What is stored is a matter of the format, which may link the lines and add lines of its own where something happens to the
 * file.
 */
import { FileSystem } from "@effect/platform"
import { Clock, Duration, Effect, ExecutionStrategy, Exit, Option, Runtime, Schedule, Scope } from "effect"
import * as Claim from "./claim.js"
import * as Folder from "./folder.js"
import { codeOf, fromPlatform, LogFileError, withWritten } from "./logFileError.js"
import { isJsonText } from "./jsonText.js"
import * as LogSegment from "./logSegment.js"
import * as Segments from "./segments.js"
import * as Say from "./say.js"

export { LogFileError } from "./logFileError.js"

/** Those that programs wait for and that mean nothing else. */
export const signals = ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const

export type Signal = (typeof signals)[number]

export interface Options {
  /**
   * Its folder has to exist. A link is followed, and the segments lie beside the file it leads to. A terminal or the like is
   * only written to.
   */
  readonly path: string
  /** A line that would make the file larger than this goes into a new one. Left out, the size does not matter. */
  readonly maxBytes?: number | undefined
  /**
   * A new file is begun with each such period: `"1 day"` is from midnight to midnight. Periods are counted from 1970-01-01 00:00
   * UTC. Left out, the time does not matter.
   */
  readonly rotateEvery?: Duration.DurationInput | undefined
  /**
   * How much of the past is kept: the number of segments, the bytes of all files together, how long ago a segment was last
   * written to. What goes beyond any of them is removed, the oldest first. Left out, everything is kept.
   */
  readonly keep?:
    | {
        readonly files?: number | undefined
        readonly bytes?: number | undefined
        readonly for?: Duration.DurationInput | undefined
      }
    | undefined
  /** Compresses segments with gzip. */
  readonly compress?: boolean | undefined
  /**
   * The signal after which the file is looked for at its path again, as logrotate sends one. It is looked for twice a second
   * anyway; but this signal would end the program if nobody waited for it.
   */
  readonly reopenOn?: Signal | undefined
}

/** What happens to the file, for a format that has something to say about it. */
export type Occasion =
  | { readonly _tag: "Opened"; readonly torn: LogSegment.Torn | undefined }
  /** A while has passed: at most a second since the last time. */
  | { readonly _tag: "Tick" }
  /** The format asked for it, with `isNoteDue`. */
  | { readonly _tag: "Due" }
  /** The file is about to become an old one. */
  | { readonly _tag: "Retiring" }
  /** Somebody else has done something to the file. */
  | { readonly _tag: "Continued"; readonly reason: "moved" | "deleted" | "truncated" | "changed" }
  /** Segments are about to be removed. `next` is the first line that is left. */
  | { readonly _tag: "Trimming"; readonly files: ReadonlyArray<string>; readonly next: string | undefined }
  | { readonly _tag: "Closing" }

/** The first and the last line of the newest file that has any. */
export interface Ends {
  readonly first: string | undefined
  readonly last: string | undefined
}

export interface Resumed<S> {
  readonly state: S
  readonly needsNewFile: boolean
  /** Why the log must not go on in this format, to follow its path in a sentence. */
  readonly objection?: string | undefined
}

/** How lines are stored. Pure, because what it has said may be cut off again: then its former state counts. */
export interface Format<S> extends LogSegment.Soundness {
  /** The state after the last line that is stored, and whether that is of another format, so that a new file is needed. */
  readonly resume: (ends: Ends) => Resumed<S>
  /** The text for a line, which comes without its line feed and is given one. */
  readonly line: (state: S, line: string, now: number) => readonly [text: string, state: S]
  /** Whether the format has something to say before it takes another line. */
  readonly isNoteDue: (state: S) => boolean
  /** The text for what has happened, whole lines or nothing. It is synced before anything else is written. */
  readonly note: (state: S, occasion: Occasion, now: number) => readonly [text: string, state: S]
  /** Everything up to this state is durable. */
  readonly settled: (state: S) => Effect.Effect<void>
}

/** Lines of JSON as they are given, and nothing else. */
export const plain: Format<void> = {
  isSound: isJsonText,
  isEnd: () => false,
  isCheckpoint: () => false,
  resume: () => ({ state: undefined, needsNewFile: false }),
  line: (_, line) => [line + "\n", undefined],
  isNoteDue: () => false,
  note: () => ["", undefined],
  settled: () => Effect.void
}

export interface LogFile {
  /**
   * Succeeds once the operating system has the lines, which come without line ends. After a failure the first `written` of
   * them are durable, and the others are cut off again, at the latest before anything else is written.
   */
  readonly write: (lines: ReadonlyArray<string>) => Effect.Effect<void, LogFileError>
  /**
   * Succeeds once everything written is on stable storage. After a failure only the first `written` of the lines written last
   * are, and the others are cut off again.
   */
  readonly sync: Effect.Effect<void, LogFileError>
}

/** Opens the log, for this program alone, until the scope is closed. */
export const open = <S>(
  options: Options,
  format: Format<S>
): Effect.Effect<LogFile, LogFileError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    yield* check(options)
    const fs = yield* FileSystem.FileSystem
    const { path, isDevice } = yield* create(fs, options.path)
    // Of its own, so that nothing is left of an attempt that fails, and the next one does not run into it.
    const scope = yield* Effect.flatMap(Effect.scope, (scope) => Scope.fork(scope, ExecutionStrategy.sequential))
    return yield* Effect.zipRight(
      isDevice ? Effect.void : Claim.make(fs, path),
      make(fs, { ...options, path }, format)
    ).pipe(
      Scope.extend(scope),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
    )
  })

const make = <S>(
  fs: FileSystem.FileSystem,
  options: Options,
  format: Format<S>
): Effect.Effect<LogFile, LogFileError, Scope.Scope> =>
  Effect.gen(function* () {
    const { path, maxBytes = Infinity } = options
    const period = options.rotateEvery === undefined ? Infinity : Duration.toMillis(options.rotateEvery)
    const periodOf = (millis: number) => Math.floor(millis / period)

    // Touched by one fiber at a time, under the lock.
    let segment: LogSegment.Segment | undefined
    /** When the file was last written to. */
    let writtenAt = 0
    /** How many of the lines written last are safe. */
    let safeLines = 0
    /** Why the lines written last are not there any more. */
    let lost: LogFileError | undefined
    /** What was safe in the file when it was closed before its time. */
    let left: LogSegment.Left | undefined
    /** Whether nothing more may go into the file, so that it becomes an old one first. */
    let isOver = false
    /** Whether segments may have become too many since they were last looked at. */
    let isCrowded = false
    /** What was not said yet about the file. */
    let unsaid: Occasion | undefined
    let phase: "opening" | "open" | "closed" = "opening"

    const lock = Effect.unsafeMakeSemaphore(1).withPermits(1)
    const locked = <A, E>(effect: Effect.Effect<A, E>) => lock(Effect.uninterruptible(effect))

    const reopen = Effect.gen(function* () {
      if (phase === "closed") return yield* closedError(path)
      const opened = yield* LogSegment.open(fs, path, format, left)
      segment = opened
      left = undefined
      written = { size: opened.size, state: safe }
      return opened
    })

    const release = Effect.suspend(() => {
      const { close = Effect.void } = segment ?? {}
      segment = undefined
      return close
    })

    /** Closes a file before its time; it is cut back to what was safe when it is opened again. */
    const abandon = ({ dev, ino, size }: LogSegment.Segment) =>
      Effect.suspend(() => {
        left = { dev, ino, size }
        return release
      })

    /** The file that may be written to. */
    const acquire: Effect.Effect<LogSegment.Segment, LogFileError> = Effect.suspend(() =>
      // As with nearly each batch.
      segment !== undefined && !isOver ? Effect.succeed(segment) : replace
    )

    const replace: Effect.Effect<LogSegment.Segment, LogFileError> = Effect.gen(function* () {
      const current = segment ?? (yield* reopen)
      if (isOver && current.size > 0) {
        yield* abandon(current)
        yield* Segments.retire(fs, path)
        isCrowded = true
        yield* reopen
      }
      isOver = false
      return segment ?? current
    })

    const lose = (current: LogSegment.Segment, error: LogFileError) => {
      if (written.size > current.size) lost = error
      written = { size: current.size, state: safe }
    }

    const put = (current: LogSegment.Segment, text: string, state: S) =>
      Effect.suspend(() => {
        const bytes = encoder.encode(text)
        return current.file.writeAll(bytes).pipe(
          Effect.mapError(fromPlatform(path)),
          Effect.tapErrorCause(() => Effect.catchAllCause(current.file.truncate(current.size), () => abandon(current))),
          Effect.tapError((error) => Effect.sync(() => lose(current, error))),
          Effect.zipRight(Clock.currentTimeMillis),
          Effect.map((now) => {
            written = { size: written.size + bytes.length, state }
            writtenAt = now
          })
        )
      })

    const sync: Effect.Effect<void, LogFileError> = Effect.suspend(() => {
      const current = segment
      if (current === undefined || written.size === current.size) return Effect.void
      const synced = current.isDevice ? Effect.void : current.file.sync
      return synced.pipe(
        Effect.mapError(fromPlatform(path)),
        // The caller repeats these lines: they go even if nothing is ever written again.
        Effect.tapErrorCause(() => LogSegment.ignoreAll(current.file.truncate(current.size))),
        Effect.tapErrorCause(() => abandon(current)),
        Effect.tapError((error) =>
          Effect.sync(() => {
            lose(current, error)
            // Nobody knows which pages of it have reached the disk, so the next lines go into another one. What was safe in it
            // still is: where nothing was, it is written from its beginning.
            isOver = true
          })
        ),
        Effect.zipRight(
          Effect.suspend(() => {
            current.size = written.size
            safe = written.state
            return format.settled(safe)
          })
        )
      )
    })

    /** Says what has happened, where the format has something to say. */
    const note = (occasion: Occasion) =>
      Effect.gen(function* () {
        const current = yield* acquire
        const [text, state] = format.note(written.state, occasion, yield* Clock.currentTimeMillis)
        if (text === "") return
        yield* put(current, text, state)
        yield* sync
      })

    /** The file that may be written to, once all is said and done that should be before. */
    const ready: Effect.Effect<LogSegment.Segment, LogFileError> = Effect.flatMap(acquire, (current) =>
      unsaid === undefined && !isCrowded ? Effect.succeed(current) : prepare
    )

    const prepare = Effect.gen(function* () {
      if (unsaid !== undefined) {
        yield* note(unsaid)
        unsaid = undefined
      }
      if (isCrowded) {
        isCrowded = false
        yield* trim
        housekeeping.unsafeOpen()
      }
      return yield* acquire
    })

    /** After it, everything in the file is safe. */
    const finish = Effect.zipRight(
      Effect.suspend(() => note({ _tag: "Retiring" })),
      sync
    )

    const begin = Effect.suspend(() => {
      isOver = true
      return ready
    })

    const isDue = (current: LogSegment.Segment, now: number) =>
      period !== Infinity && current.size > 0 && periodOf(writtenAt) !== periodOf(now)

    const write = (lines: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        safeLines = 0
        lost = undefined
        const now = yield* Clock.currentTimeMillis
        if (isDue(yield* ready, now)) yield* Effect.zipRight(finish, begin)
        let from = 0
        let isNew = false
        while (from < lines.length) {
          const current = yield* acquire
          const taken = fitting(lines, from, current.isDevice ? Infinity : maxBytes, isNew, now)
          if (taken.end > from) {
            yield* put(current, taken.text, taken.state)
            isNew = false
          }
          from = taken.end
          if (from === lines.length) return
          const isNoteDue = format.isNoteDue(written.state)
          yield* isNoteDue ? note({ _tag: "Due" }) : taken.isLong ? sync : finish
          safeLines = from
          if (isNoteDue || taken.isLong) continue
          yield* begin
          isNew = true
        }
      })

    /** As many of the lines as the file takes. An empty or a new one takes any line. */
    const fitting = (lines: ReadonlyArray<string>, from: number, limit: number, isNew: boolean, now: number) => {
      let { size, state } = written
      let text = ""
      let isLong = false
      let end = from
      for (; end < lines.length && !format.isNoteDue(state); end++) {
        const [next, after] = format.line(state, lines[end]!, now)
        isLong = end > from && text.length + next.length > LogSegment.longestAppend
        if (isLong) break
        if (limit !== Infinity) {
          const grown = size + sizeOf(next)
          if (grown > limit && size > 0 && !(isNew && end === from)) break
          size = grown
        }
        text += next
        state = after
      }
      return { text, state, end, isLong }
    }

    const trim = Effect.suspend(() => {
      const { files, bytes } = options.keep ?? {}
      const millis = options.keep?.for === undefined ? undefined : Duration.toMillis(options.keep.for)
      if (files === undefined && bytes === undefined && millis === undefined) return Effect.void
      return Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const { removed, kept } = yield* Segments.beyond(fs, path, { files, bytes, millis }, now)
        if (removed.length === 0) return
        const next = kept[0] === undefined ? yield* firstLine : yield* Segments.firstLine(fs, kept[0])
        const names = removed.map((old) => Folder.nameOf(old.path))
        // Said before it is done: a crash in between leaves more than is said, which nobody takes for a theft.
        if (format.isNoteDue(written.state)) yield* note({ _tag: "Due" })
        yield* note({ _tag: "Trimming", files: names, next: Option.getOrUndefined(next) })
        yield* Effect.forEach(removed, (old) => Segments.remove(fs, old))
      })
    }).pipe(Effect.catchAll((error) => Say.warning(`Old files of the log '${path}' cannot be removed`, error)))

    const firstLine = Segments.firstLine(fs, { number: 0, path, isCompressed: false })

    const compressOld = Effect.gen(function* () {
      const old = yield* Segments.list(fs, path)
      yield* Effect.forEach(
        old.filter((each) => !each.isCompressed),
        (each) =>
          Effect.catchAll(Segments.compress(fs, each, locked), (error) =>
            Say.warning(`'${each.path}' cannot be compressed`, error)
          )
      )
    }).pipe(Effect.catchAll((error) => Say.warning(`Old files of the log '${path}' cannot be compressed`, error)))

    /** What somebody else has done to the file, if anything. */
    const interference = (current: LogSegment.Segment) =>
      Effect.gen(function* () {
        if (current.isDevice) return undefined
        const found = yield* fs.stat(path).pipe(
          Effect.asSome,
          Effect.catchIf(
            (error) => codeOf(error) === "ENOENT",
            () => Effect.succeedNone
          )
        )
        const isThere = Option.exists(
          found,
          ({ dev, ino }) => dev === current.dev && Option.getOrUndefined(ino) === current.ino
        )
        if (Option.isNone(found) || !isThere) {
          const { nlink } = yield* current.file.stat
          return Option.contains(nlink, 0) ? "deleted" : "moved"
        }
        const size = Number(found.value.size)
        return size < written.size ? "truncated" : size > written.size ? "changed" : undefined
      })

    const look = Effect.gen(function* () {
      const current = segment
      if (current === undefined) return
      const reason = yield* Effect.mapError(interference(current), fromPlatform(path))
      if (reason === undefined) return
      yield* Say.warning(`'${path}' was ${reason} by somebody else: the log goes on in a new file`)
      // What is in a file that still exists is safe; what was in another one is not, and is written again.
      if (reason === "moved" || reason === "changed") yield* Effect.ignore(sync)
      else lose(current, interferedError(path, reason))
      // What is left of lines that are written again goes.
      yield* reason === "truncated" ? abandon(current) : release
      // Whole lines or the rest of them may be there: they are kept, but what follows does not belong to them.
      isOver = true
      unsaid = { _tag: "Continued", reason }
    })

    const tick = Effect.gen(function* () {
      if (phase !== "open") return
      yield* look
      const current = yield* ready
      if (isDue(current, yield* Clock.currentTimeMillis)) yield* Effect.zipRight(finish, begin)
      else yield* note({ _tag: "Tick" })
    }).pipe(
      // Whoever writes next is told.
      Effect.catchAll((error) => Say.debug(`'${path}' cannot be looked after`, error))
    )

    const housekeeping = Effect.unsafeMakeLatch(true)
    const keepHouse = Effect.gen(function* () {
      yield* housekeeping.await
      housekeeping.unsafeClose()
      yield* compressOld
    })

    const close = Effect.gen(function* () {
      if (phase === "open") {
        yield* Effect.catchAll(Effect.zipRight(ready, note({ _tag: "Closing" })), (error) =>
          Say.warning(`The end of the log could not be written to '${path}'`, error)
        )
      }
      phase = "closed"
      yield* release
    })

    // A crash may have left a torn line: that is dealt with before anything starts.
    const opened = yield* Effect.acquireRelease(LogSegment.open(fs, path, format), () =>
      // A write that hangs holds the lock for ever; it must not hold up the end of the program.
      lock(close).pipe(Effect.interruptible, Effect.timeoutOption("5 seconds"), Effect.asVoid)
    )
    const resumed = format.resume(yield* endsOf(fs, path, opened))
    if (resumed.objection !== undefined) return yield* misconfigured(path, `'${path}' ${resumed.objection}`)
    let safe = resumed.state
    let written = { size: opened.size, state: safe }
    segment = opened
    writtenAt = opened.writtenAt ?? 0
    isOver = resumed.needsNewFile || isDue(opened, yield* Clock.currentTimeMillis)
    yield* locked(note({ _tag: "Opened", torn: opened.torn }))
    isCrowded = true
    phase = "open"

    if (!opened.isDevice) {
      yield* Effect.ignore(Segments.removeUnfinished(fs, path))
      yield* Effect.forkScoped(Effect.repeat(locked(tick), everyTick))
      if (options.keep?.for !== undefined) {
        yield* Effect.forkScoped(Effect.repeat(locked(trim), everyMinute))
      }
      if (options.compress === true) yield* Effect.forkScoped(Effect.forever(keepHouse))
    }
    if (options.reopenOn !== undefined) yield* onSignal(options.reopenOn, locked(tick))

    return {
      write: (lines) => locked(Effect.mapError(write(lines), (error) => withWritten(error, safeLines))),
      sync: locked(
        Effect.mapError(
          Effect.suspend(() => lost ?? sync),
          (error) => withWritten(error, safeLines)
        )
      )
    }
  })

const everyTick = Schedule.spaced("500 millis")
const everyMinute = Schedule.spaced("1 minute")

const check = ({ path, maxBytes = 1, rotateEvery = 1, keep = {} }: Options): Effect.Effect<void, LogFileError> => {
  const wrong = (description: string) => misconfigured(path, description)
  if (path === "") return wrong("The path is empty: give the path of a file")
  const whole = { maxBytes, "keep.files": keep.files ?? 1, "keep.bytes": keep.bytes ?? 1 }
  for (const [name, value] of Object.entries(whole)) {
    if (!Number.isInteger(value) || value < 0 || (value === 0 && name !== "keep.files")) {
      return wrong(`${name} must be a whole number${name === "keep.files" ? "" : " above 0"}, not ${value}`)
    }
  }
  for (const [name, value] of Object.entries({ rotateEvery, "keep.for": keep.for ?? 1 })) {
    if (Option.isNone(Duration.decodeUnknown(value)) || Duration.toMillis(value) <= 0) {
      return wrong(`${name} must be a duration such as "1 day", not ${String(value)}`)
    }
  }
  return Effect.void
}

/** Creates the file where it is missing, so that its real path can be told. */
export const create = (fs: FileSystem.FileSystem, path: string) =>
  Effect.gen(function* () {
    const file = yield* fs.open(path, { flag: "a+", mode: 0o600 })
    const { type } = yield* file.stat
    if (type === "File" || type === "CharacterDevice") {
      return { path: yield* fs.realPath(path), isDevice: type !== "File" }
    }
    const description = `'${path}' keeps nothing that is written to it: give the path of a file`
    return yield* new LogFileError({ reason: "Unwritable", path, description, written: 0 })
  }).pipe(
    Effect.scoped,
    Effect.mapError((error) => (error instanceof LogFileError ? error : fromPlatform(path)(error)))
  )

/** Those of the file or, where it is empty, of the newest segment. */
const endsOf = (fs: FileSystem.FileSystem, path: string, opened: LogSegment.Segment) =>
  Effect.gen(function* () {
    if (opened.isDevice) return { first: undefined, last: undefined }
    const last = yield* Effect.mapError(LogSegment.lastLine(opened), fromPlatform(path))
    const active = { number: 0, path, isCompressed: false }
    const newest = last === undefined ? Option.getOrUndefined(yield* Segments.newest(fs, path)) : active
    if (newest === undefined) return { first: undefined, last: undefined }
    const first = Option.getOrUndefined(yield* Segments.firstLine(fs, newest))
    return { first, last: last ?? Option.getOrUndefined(yield* Segments.lastLine(fs, newest)) }
  })

/** Runs the effect at each such signal, until the scope is closed. */
const onSignal = (signal: Signal, effect: Effect.Effect<void>) =>
  Effect.flatMap(Effect.runtime(), (runtime) => {
    const run = () => void Runtime.runFork(runtime)(effect)
    return Effect.acquireRelease(
      Effect.sync(() => process.on(signal, run)),
      () => Effect.sync(() => process.off(signal, run))
    )
  })

const encoder = new TextEncoder()

const sizeOf = (text: string): number => Buffer.byteLength(text)

const misconfigured = (path: string, description: string) =>
  new LogFileError({ reason: "Misconfigured", path, description, written: 0 })

const closedError = (path: string) => {
  const description = `'${path}' is closed: the program is ending`
  return new LogFileError({ reason: "Unavailable", path, description, written: 0 })
}

const interferedError = (path: string, reason: string) => {
  const description = `'${path}' was ${reason} by somebody else before it was synced`
  return new LogFileError({ reason: "Unavailable", path, description, written: 0 })
}
