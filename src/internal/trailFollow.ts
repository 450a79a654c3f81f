/**
 * What is appended to a log from now on, through rotation: each line once.
 *
 * The active file stays open when it is renamed, and is read to its end. What has come between it and the file that is active
 * then are new segments: all that were not there before but the one that it became.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import { Effect, ExecutionStrategy, Exit, Option, Scope, Stream } from "effect"
import * as ByteSource from "./byteSource.js"
import {
  type Content,
  isNotFound,
  type OpenFile,
  openFile,
  type Reader,
  bytesOf,
  readerOf,
  segmentsOf,
  type Snapshot,
  type TrailError,
  type TrailFile
} from "./trailFiles.js"

const interval = "200 millis"

interface Current {
  readonly opened: OpenFile
  readonly reader: Reader
}

export interface Options {
  readonly path: string
  readonly name: string
  /** The log as it was when the reading of its active file began. */
  readonly snapshot: Snapshot
  /** Of that file. */
  readonly reader: Reader | undefined
  /** Told to the reader: what cannot be shown. */
  readonly onNotice: (notice: string) => Effect.Effect<void>
}

export const follow = (options: Options): Stream.Stream<Content, TrailError, FileSystem.FileSystem> =>
  Stream.unwrapScoped(Effect.map(make(options), Stream.repeatEffect))

const make = ({ path, name, snapshot, reader, onNotice }: Options) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const outer = yield* Effect.scope
    let known = new Set(snapshot.segments.map((segment) => segment.path))
    let active: Current | undefined = snapshot.active && reader ? { opened: snapshot.active, reader } : undefined
    // Read before the active file: segments that came and went while nobody looked.
    let missed: ReadonlyArray<TrailFile> = []
    let missing: { readonly value: Reader; readonly close: Effect.Effect<void> } | undefined
    let closeActive: Effect.Effect<void> = Effect.void
    let isRenamed = false

    const inScope = <A, E>(open: Effect.Effect<A, E, FileSystem.FileSystem | Scope.Scope>) =>
      Effect.gen(function* () {
        const scope = yield* Scope.fork(outer, ExecutionStrategy.sequential)
        const close = Scope.close(scope, Exit.void)
        const value = yield* Effect.onError(Scope.extend(open, scope), () => close)
        return { value, close }
      })

    const begin = (opened: OpenFile) => Effect.map(readerOf(opened), (reader): Current => ({ opened, reader }))

    const nextMissed: Effect.Effect<Content | undefined, TrailError, FileSystem.FileSystem> = Effect.gen(function* () {
      for (;;) {
        if (missing === undefined) {
          const [file, ...others] = missed
          if (file === undefined) return undefined
          missed = others
          missing = yield* inScope(Effect.flatMap(openFile(file), (opened) => readerOf(opened))).pipe(
            Effect.catchIf(isNotFound, () =>
              Effect.as(onNotice(`'${file.name}' was removed before it was read`), undefined)
            )
          )
          continue
        }
        const { value: reader, close } = missing
        const step = yield* reader.next
        if (step !== undefined) return step
        missing = undefined
        const torn = tornOf(reader)
        yield* close
        if (torn !== undefined) return torn
      }
    })

    /** After the active file was replaced and read to its end: goes over to the new one. */
    const goOn = Effect.gen(function* () {
      const { value: found, close } = yield* inScope(segmentsOf(path, name))
      const added = found.segments.filter((segment) => !known.has(segment.path))
      missed = active === undefined ? added : yield* without(added, active.opened)
      known = new Set(found.segments.map((segment) => segment.path))
      yield* closeActive
      closeActive = close
      isRenamed = false
      active = found.active && (yield* Scope.extend(begin(found.active), outer))
    })

    const next: Effect.Effect<Content, TrailError, FileSystem.FileSystem> = Effect.gen(function* () {
      for (;;) {
        const step = (yield* nextMissed) ?? (active && (yield* active.reader.next))
        if (step !== undefined) return step
        if (isRenamed) {
          const torn = active && tornOf(active.reader)
          yield* goOn
          if (torn !== undefined) return torn
          continue
        }
        const now = Option.getOrUndefined(yield* Effect.option(fs.stat(path)))
        if (now !== undefined && (active === undefined || !isSame(now, active.opened.info))) {
          // An empty one says nothing: the writer may still be adding to the old one.
          isRenamed = active === undefined || now.size > 0
          if (isRenamed) continue
        } else if (now !== undefined && active !== undefined && Number(now.size) < active.reader.taken()) {
          yield* onNotice(`'${name}' was cut off: what it has now is shown from the beginning`)
          active = yield* Scope.extend(begin(active.opened), outer)
          continue
        }
        yield* Effect.sleep(interval)
      }
    })
    return next
  })

const tornOf = (reader: Reader): Content | undefined => {
  const rest = reader.rest()
  return rest.length === 0 ? undefined : { _tag: "Torn", ...rest }
}

const isSame = (a: FileSystem.File.Info, b: FileSystem.File.Info) =>
  a.dev === b.dev && Option.getOrUndefined(a.ino) === Option.getOrUndefined(b.ino)

/** Without the segment that the file became. Compressed, it is another file that begins in the same way. */
const without = (segments: ReadonlyArray<TrailFile>, { handle, info }: OpenFile) =>
  Effect.gen(function* () {
    const start = yield* Effect.flatMap(ByteSource.fromFile(handle), startOf)
    const isIt = (segment: TrailFile) =>
      Effect.gen(function* () {
        const opened = yield* openFile(segment)
        if (isSame(opened.info, info)) return true
        if (start.length === 0) return false
        const found = yield* startOf(yield* bytesOf(opened))
        return start.every((byte, at) => byte === found[at])
      }).pipe(
        Effect.scoped,
        Effect.orElseSucceed(() => false)
      )
    for (const segment of segments) {
      if (yield* isIt(segment)) return segments.filter((other) => other !== segment)
    }
    return segments
  })

/** Enough to tell two segments from one another: a record has its time, and a chained one its number. */
const startOf = (source: ByteSource.ByteSource) =>
  Effect.orElseSucceed(ByteSource.startOf(source, 1024), () => new Uint8Array(0))
