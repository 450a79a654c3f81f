/**
 * The files of a spool in the order of its chain, and where a record stands in them.
 *
 * A file is known by the sequence number that it begins with. A segment never changes, and is read for it once.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import { Effect, Option, type Scope } from "effect"
import type { LogFileError } from "./logFileError.js"
import * as Segments from "./segments.js"
import {
  openFile,
  type OpenFile,
  readerOf,
  segmentsOf,
  type Snapshot,
  type TrailError,
  type TrailFile
} from "./trailFiles.js"

export interface Files {
  readonly list: Effect.Effect<Snapshot, TrailError, Scope.Scope>
  readonly oldest: (snapshot: Snapshot) => TrailFile | undefined
  /** The last file of those that begin with the record or before it; nothing where the oldest begins after it. */
  readonly holding: (snapshot: Snapshot, seq: number) => Effect.Effect<TrailFile | undefined, TrailError>
  /** The file that follows the opened one, which was read up to the record `seq`; nothing where that is the last. */
  readonly following: (
    snapshot: Snapshot,
    opened: OpenFile,
    seq: number
  ) => Effect.Effect<TrailFile | undefined, TrailError>
  /** The bytes of all files, or of those before the given one. */
  readonly size: (snapshot: Snapshot, before?: TrailFile) => Effect.Effect<number>
  /**
   * Removes the segments before the file that holds the record, and says how many bytes they had. The newest one always stays: the
   * chain goes on from there where the active file has nothing durable, and the next number from its number, so that it is higher
   * than those of the removed ones, which a loss of power may bring back.
   */
  readonly removeBefore: (seq: number) => Effect.Effect<number, TrailError | LogFileError>
}

export const make = (
  fs: FileSystem.FileSystem,
  path: string,
  seqOf: (line: Uint8Array) => number | undefined
): Files => {
  /** With what tells a segment from another one that has its name later, where somebody has taken the first one away. */
  const firsts = new Map<string, { readonly identity: string; readonly seq: number }>()
  const withFiles = Effect.provideService(FileSystem.FileSystem, fs)

  const list = withFiles(segmentsOf(path))

  const all = ({ active, segments }: Snapshot) => (active === undefined ? segments : [...segments, active.file])

  /** Of its first record that has one. */
  const readFirst = (opened: OpenFile) =>
    Effect.gen(function* () {
      const { next } = yield* readerOf(opened)
      const step = yield* next
      if (step?._tag !== "Lines") return undefined
      for (const line of step.lines) {
        const seq = seqOf(line)
        if (seq !== undefined) return seq
      }
      return undefined
    }).pipe(Effect.scoped)

  const firstOf = ({ active }: Snapshot, file: TrailFile) =>
    Effect.gen(function* () {
      if (active?.file === file) return yield* readFirst(active)
      const identity = yield* Effect.match(fs.stat(file.path), { onFailure: () => undefined, onSuccess: identityOf })
      const known = firsts.get(file.path)
      if (known !== undefined && known.identity === identity) return known.seq
      const seq = yield* withFiles(Effect.scoped(Effect.flatMap(openFile(file), readFirst)))
      if (seq !== undefined && identity !== undefined) firsts.set(file.path, { identity, seq })
      return seq
    })

  // From the oldest on, and not further than to what begins after the record: a file that somebody has put among them, with
  // records from long ago, must not pass for the one that comes after all of them.
  const holding: Files["holding"] = (snapshot, seq) =>
    Effect.gen(function* () {
      let found: TrailFile | undefined
      for (const file of all(snapshot)) {
        const first = yield* firstOf(snapshot, file)
        if (first === undefined) continue
        if (first > seq) break
        found = file
      }
      return found
    })

  const numberOf = (segment: TrailFile): number => Number(segment.path.slice(path.length + 1))

  const following: Files["following"] = ({ active, segments }, { file, info }, seq) =>
    Effect.gen(function* () {
      const isIt = (other: FileSystem.File.Info) => inodeOf(other) === inodeOf(info)
      if (file.kind === "active" && active !== undefined && isIt(active.info)) return undefined
      // What was the active file when it was opened is a segment now, and most likely the newest.
      const renamed = Effect.findFirst(segments.toReversed(), (segment) =>
        Effect.match(fs.stat(segment.path), { onFailure: () => false, onSuccess: isIt })
      )
      const segment = file.kind === "segment" ? Option.some(file) : yield* renamed
      // Somebody has taken it away.
      if (Option.isNone(segment)) return yield* holding({ active, segments }, seq + 1)
      return segments.find((later) => numberOf(later) > numberOf(segment.value)) ?? active?.file
    })

  const sizeOf = (file: TrailFile) =>
    fs.stat(file.path).pipe(
      Effect.orElse(() => fs.stat(`${file.path}.gz`)),
      Effect.match({ onFailure: () => 0, onSuccess: ({ size }) => Number(size) })
    )

  const size: Files["size"] = (snapshot, before) => {
    const files = all(snapshot)
    const counted = before === undefined ? files : files.slice(0, files.indexOf(before))
    return Effect.reduce(counted, 0, (total, file) => Effect.map(sizeOf(file), (bytes) => total + bytes))
  }

  const removeBefore: Files["removeBefore"] = (seq) =>
    Effect.gen(function* () {
      const snapshot = yield* list
      const kept = yield* holding(snapshot, seq)
      let removed = 0
      for (const segment of kept === undefined ? [] : snapshot.segments.slice(0, -1)) {
        if (segment === kept) break
        const bytes = yield* sizeOf(segment)
        yield* Segments.remove(fs, { number: numberOf(segment), path: segment.path, isCompressed: false })
        firsts.delete(segment.path)
        removed += bytes
      }
      return removed
    }).pipe(Effect.scoped)

  return { list, oldest: (snapshot) => all(snapshot)[0], holding, following, size, removeBefore }
}

const inodeOf = ({ dev, ino }: FileSystem.File.Info): string => `${dev} ${Option.getOrUndefined(ino)}`

const identityOf = (info: FileSystem.File.Info): string =>
  `${inodeOf(info)} ${info.size} ${Option.getOrUndefined(info.mtime)?.getTime()}`
