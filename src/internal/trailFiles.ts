/**
 * The files of an audit log, as somebody names them on a command line, and the lines in them.
 *
 * A log is its active file and the segments beside it (see `segments.ts`). The path of the active file stands for all of
 * them, from the oldest on; the path of a segment for that one alone. What else lies beside a log (torn lines, claims,
 * unfinished compressions) is left out, so that `audit.log.jsonl*` means what it looks like.
 */
// From their own modules: a program that loads all of the platform takes 20 MB more.
import { isPlatformError, type PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { Data, Effect, ExecutionStrategy, Exit, Option, Order, Scope, Stream } from "effect"
import * as ByteSource from "./byteSource.js"
import * as LineReader from "./lineReader.js"
import { codeOf, LogFileError } from "./logFileError.js"
import * as Segments from "./segments.js"

export interface TrailFile {
  /** As it is shown: the path as it was given, for a segment with its number. */
  readonly name: string
  /** Where it is, unless it has been renamed or compressed since. */
  readonly path: string
  readonly kind: "active" | "segment" | "input"
}

/** The audit log, or a file of it, cannot be read. */
export class TrailError extends Data.TaggedError("TrailError")<{
  readonly reason: "NotFound" | "Unreadable"
  readonly description: string
  readonly cause?: unknown
}> {
  override get message() {
    return this.description
  }
}

type Needs = FileSystem.FileSystem | Path.Path

// Files

export interface OpenFile {
  readonly file: TrailFile
  readonly handle: FileSystem.File
  readonly info: FileSystem.File.Info
  readonly isCompressed: boolean
}

/** Opens a file that was listed. A segment may have been compressed since. */
export const openFile = (file: TrailFile): Effect.Effect<OpenFile, TrailError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const open = (path: string) =>
      Effect.gen(function* () {
        // Before it is opened: that would wait for somebody at the other end of a pipe.
        const { type } = yield* fs.stat(path)
        if (type === "Directory") return yield* refused(file, "is a folder: give the path of a log in it")
        if (type !== "File" && type !== "CharacterDevice") {
          return yield* refused(file, "is no file: give '-' to read the standard input")
        }
        const handle = yield* fs.open(path)
        const info = yield* handle.stat
        return { file, handle, info, isCompressed: yield* ByteSource.isGzip(yield* ByteSource.fromFile(handle)) }
      }).pipe(Effect.mapError(toTrailError(file)))
    if (file.kind !== "segment") return yield* open(file.path)
    return yield* Effect.catchIf(open(file.path), isNotFound, () => open(`${file.path}.gz`))
  })

export const isNotFound = ({ reason }: TrailError): boolean => reason === "NotFound"

/** Its lines from the given place on, which is 0 for a compressed file. */
export const readerOf = (opened: OpenFile, from = 0): Effect.Effect<Reader, never, Scope.Scope> =>
  Effect.map(bytesOf(opened, from), reader(opened.file))

const fastReaderOf = (opened: OpenFile): Effect.Effect<Reader, never, Scope.Scope> =>
  Effect.map(Effect.flatMap(bytesOf(opened), ByteSource.readAhead), reader(opened.file))

export const bytesOf = (
  { handle, isCompressed }: OpenFile,
  from = 0
): Effect.Effect<ByteSource.ByteSource, never, Scope.Scope> => {
  const stored = ByteSource.fromFile(handle, from)
  return isCompressed ? Effect.flatMap(stored, ByteSource.gunzip) : stored
}

export interface Reader extends Pick<LineReader.LineReader, "rest"> {
  readonly next: Effect.Effect<LineReader.Step | undefined, TrailError>
  readonly taken: () => number
}

const reader =
  (file: TrailFile) =>
  (source: ByteSource.ByteSource): Reader => {
    const { next, rest } = LineReader.make(source)
    return { next: Effect.mapError(next, toTrailError(file)), rest, taken: source.taken }
  }

/** The lines of the standard input. */
const readerOfInput = (
  stdin: Stream.Stream<Uint8Array, PlatformError>
): Effect.Effect<Reader, TrailError, Scope.Scope> =>
  ByteSource.fromStream(stdin).pipe(
    Effect.flatMap(ByteSource.decompressed),
    Effect.mapBoth({ onSuccess: reader(input), onFailure: toTrailError(input) })
  )

const input: TrailFile = { name: "standard input", path: "-", kind: "input" }

const refused = (file: TrailFile, problem: string, cause?: unknown) =>
  new TrailError({ reason: "Unreadable", description: `'${file.name}' ${problem}`, cause })

const toTrailError =
  (file: TrailFile) =>
  (error: ByteSource.ReadError | TrailError): TrailError => {
    if (error instanceof TrailError) return error
    if (error instanceof ByteSource.GzipError) {
      return refused(file, `is compressed, and damaged: ${error.description}`, error)
    }
    const code = codeOf(error)
    if (code === "ENOENT" || code === "ENOTDIR") {
      return new TrailError({ reason: "NotFound", description: `There is no file '${file.name}'`, cause: error })
    }
    return refused(file, problemByCode[code] ?? `could not be read (${error.message})`, error)
  }

const problemByCode: Record<string, string> = {
  EACCES: "may not be read: become a user who may",
  EPERM: "may not be read: become a user who may",
  ELOOP: "goes round in symbolic links",
  ENAMETOOLONG: "is too long a name",
  EINVAL_PATH: "is not a path",
  EMFILE: "cannot be opened because this program has too many files open: raise its limit"
}

// Logs

export interface Snapshot {
  /** Oldest first. */
  readonly segments: ReadonlyArray<TrailFile>
  /** Nothing where there is none, as in the middle of a rotation. */
  readonly active: OpenFile | undefined
}

/**
 * The segments of a log as they are when its active file, which is open, is the active one. Rotation renames that, and takes
 * nothing away from who has it open.
 */
export const segmentsOf = (
  path: string,
  name = path
): Effect.Effect<Snapshot, TrailError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const file: TrailFile = { name, path, kind: "active" }
    const list = Segments.list(fs, path).pipe(
      Effect.map((listed) => listed.map(({ number }) => segment(file, number))),
      Effect.catchAll(({ cause }: LogFileError) =>
        isPlatformError(cause) ? toTrailError(file)(cause) : Effect.die(cause)
      )
    )
    const outer = yield* Effect.scope
    for (;;) {
      const before = yield* list
      const scope = yield* Scope.fork(outer, ExecutionStrategy.sequential)
      const active = yield* openFile(file).pipe(
        Effect.catchIf(isNotFound, () => Effect.succeed(undefined)),
        Scope.extend(scope)
      )
      const segments = yield* list
      // Otherwise what was opened may have become a segment since, and be there twice.
      if (segments.at(-1)?.path === before.at(-1)?.path) return { segments, active }
      yield* Scope.close(scope, Exit.void)
    }
  })

export const segment = (active: Pick<TrailFile, "name" | "path">, number: number): TrailFile => ({
  name: Segments.pathOf(active.name, number),
  path: Segments.pathOf(active.path, number),
  kind: "segment"
})

// Lines

export type Content = LineReader.Step | Torn

export interface Torn {
  readonly _tag: "Torn"
  readonly length: number
  readonly bytes: Uint8Array
}

export type TrailStep = Content & {
  readonly file: TrailFile
  /** The number of the first line. */
  readonly line: number
}

export interface Trail {
  readonly files: ReadonlyArray<TrailFile>
  /** The bytes that will be taken, as far as that is known. */
  readonly size: number
  readonly taken: () => number
  readonly steps: Stream.Stream<TrailStep, TrailError>
}

/**
 * The files that are named, each once, and their lines from the oldest on. The segments of one log come in their order, and
 * where several files are no segments, in that in which they are named.
 */
export const lines = (
  files: ReadonlyArray<string>,
  stdin: Stream.Stream<Uint8Array, PlatformError>
): Effect.Effect<Trail, TrailError, Needs | Scope.Scope> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const parts = yield* expand(files)
    let done = 0
    let current: Reader | undefined
    const steps = Stream.fromIterable(parts).pipe(
      Stream.flatMap((part) =>
        Stream.unwrapScoped(
          Effect.gen(function* () {
            const reader = yield* part.file.kind === "input"
              ? readerOfInput(stdin)
              : Effect.flatMap(part.opened ?? stillThere(part.file), fastReaderOf)
            done += current?.taken() ?? 0
            current = reader
            return stepsOf(part.file, reader)
          })
        )
      ),
      Stream.provideService(FileSystem.FileSystem, fs)
    )
    return {
      files: parts.map(({ file }) => file),
      size: parts.reduce((total, part) => total + part.size, 0),
      taken: () => done + (current?.taken() ?? 0),
      steps
    }
  })

const stillThere = (file: TrailFile) =>
  Effect.catchIf(openFile(file), isNotFound, (error) =>
    refused(file, "was removed while the log was read: start again", error)
  )

const stepsOf = (file: TrailFile, reader: Reader): Stream.Stream<TrailStep, TrailError> => {
  let line = 1
  const next = Effect.flatMap(Effect.mapError(reader.next, Option.some), (step) => {
    if (step === undefined) return Effect.fail(Option.none())
    const at = line
    line += step._tag === "Lines" ? step.lines.length : 1
    return Effect.succeed<TrailStep>({ ...step, file, line: at })
  })
  const torn = Stream.suspend(() => {
    const rest = reader.rest()
    return rest.length === 0 ? Stream.empty : Stream.succeed<TrailStep>({ _tag: "Torn", ...rest, file, line })
  })
  return Stream.concat(Stream.repeatEffectOption(next), torn)
}

interface Part {
  readonly file: TrailFile
  readonly size: number
  /** Where it has to be open from the beginning. */
  readonly opened?: Effect.Effect<OpenFile>
}

/** What an argument names. */
export interface Named {
  readonly name: string
  /** Of the active file, `-` for the standard input. */
  readonly path: string
  /** Of a segment. */
  readonly number: number | undefined
}

export const named = (file: string): Effect.Effect<Named, never, Needs> =>
  Effect.gen(function* () {
    if (file === "-") return { name: file, path: file, number: undefined }
    const fs = yield* FileSystem.FileSystem
    const paths = yield* Path.Path
    const [, active = file, digits] = /^(.+)\.(\d{6}|[1-9]\d{6,14})(?:\.gz)?$/s.exec(file) ?? []
    // Through links, because the segments lie beside the file that is written.
    const path = yield* Effect.orElseSucceed(fs.realPath(active), () => paths.resolve(active))
    const isLink = yield* Effect.isSuccess(fs.readLink(active))
    return { path, name: isLink ? path : active, number: digits === undefined ? undefined : Number(digits) }
  })

const expand = (files: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const logs = new Map<string, Array<Named>>()
    for (const file of files.filter((file) => !isBeside.test(file))) {
      const found = yield* named(file)
      logs.set(found.path, [...(logs.get(found.path) ?? []), found])
    }
    if (logs.size === 0) {
      const given = files.map((file) => `'${file}'`).join(", ")
      const description = `${given} is no part of a log: give the path of the log, or of a segment of it`
      return yield* new TrailError({ reason: "NotFound", description })
    }
    return (yield* Effect.forEach(logs.values(), partsOf)).flat()
  })

/** What lies beside a log and is no part of it. */
const isBeside = /\.(?:torn|partial|lock-[^/\\]*)$/

const partsOf = (
  log: ReadonlyArray<Named>
): Effect.Effect<ReadonlyArray<Part>, TrailError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    const { name, path } = log[0]!
    if (path === "-") return [{ file: input, size: 0 }]
    const numbers = log.flatMap(({ number }) => (number === undefined ? [] : [number]))
    if (numbers.length === log.length) {
      const chosen = [...new Set(numbers)].sort(Order.number)
      return yield* Effect.forEach(chosen, (number) => closedPart(segment(log[0]!, number)))
    }
    const { segments, active } = yield* segmentsOf(path, name)
    if (active === undefined && segments.length === 0) {
      return yield* new TrailError({ reason: "NotFound", description: `There is no file '${name}'` })
    }
    const closed = yield* Effect.forEach(segments, closedPart)
    if (active === undefined) return closed
    return [...closed, { file: active.file, size: Number(active.info.size), opened: Effect.succeed(active) }]
  })

const closedPart = (file: TrailFile) =>
  Effect.scoped(Effect.map(openFile(file), ({ info }): Part => ({ file, size: Number(info.size) })))
