/**
 * The records of a spool in the order of its chain, while they are written.
 *
 * No record is given out that is not durable: a line that is written and not synced may be cut off again, and another one
 * written in its place. So nothing that was read before it was durable is believed.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import { Array as Arr, Effect, ExecutionStrategy, Exit, Scope } from "effect"
import * as LogSegment from "./logSegment.js"
import type { LogFileError } from "./logFileError.js"
import type { Cursor } from "./spoolCursor.js"
import type { Files } from "./spoolFiles.js"
import * as Say from "./say.js"
import {
  openFile,
  type OpenFile,
  type Reader as LineReader,
  readerOf,
  TrailError,
  type TrailFile
} from "./trailFiles.js"

/** What a line says of its place in the chain. */
export interface Place extends Cursor {
  /** The hash of the record before it. */
  readonly prev: string
}

export interface Options<A> {
  /** Of the active file. */
  readonly path: string
  readonly files: Files
  /** Nothing where the line is not what was written. */
  readonly placeOf: (line: Uint8Array) => Place | undefined
  readonly recordOf: (line: Uint8Array) => A | undefined
  /** What is taken at once. A larger record is taken alone. */
  readonly most: { readonly records: number; readonly bytes: number }
}

export interface Taken<A> {
  /** In their order, and without a gap. */
  readonly records: Arr.NonEmptyReadonlyArray<A>
  /** The last of them. */
  readonly last: Cursor
  /** Their bytes, and how many bytes of all files lie before what comes next. */
  readonly bytes: number
  readonly passed: number
}

export interface Reader<A> {
  /** Goes on after the record. Where the chain does not have that in its place, it begins with the oldest that there is. */
  readonly goTo: (cursor: Cursor) => Effect.Effect<"Found" | "NotFound", Failure>
  /**
   * The records that come next, of those up to `durable`; nothing where there are none. A failure takes nothing away: the next
   * time they are given out.
   */
  readonly take: (durable: number) => Effect.Effect<Taken<A> | undefined, Failure>
  /** The sequence number of the last record that was given out, or left behind. */
  readonly last: () => number
}

export type Failure = TrailError | LogFileError

interface Current {
  readonly opened: OpenFile
  readonly scope: Scope.CloseableScope
  /** Where the line begins that comes next. */
  offset: number
  reader: LineReader | undefined
  /** Whether nothing was passed of what the reader has read, which is so only where it has read in the same call. */
  isFresh: boolean
  lines: Iterator<Uint8Array> | undefined
  next: Uint8Array | undefined
  /** What was durable before these lines were read. */
  durable: number
}

/** So many records are read without a turn of the event loop: a write of the program must not wait for hundreds of them. */
const mostAtOnce = 64

/** For the oldest record that there is, whichever that may be. */
const nowhere: Cursor = { seq: 0, hash: "" }

/** Until the scope is closed. */
export const make = <A>(
  fs: FileSystem.FileSystem,
  { path, files, placeOf, recordOf, most }: Options<A>
): Effect.Effect<Reader<A>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (outer) => {
    let current: Current | undefined
    /** The last record that was passed. */
    let last = nowhere
    let passed = 0
    /** Passed, and not given out yet. */
    let taken: Array<A> = []
    let takenBytes = 0

    const open = (file: TrailFile) =>
      Effect.gen(function* () {
        const scope = yield* Scope.fork(outer, ExecutionStrategy.sequential)
        const opened = yield* openFile(file).pipe(
          Scope.extend(scope),
          Effect.provideService(FileSystem.FileSystem, fs),
          Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
        )
        if (current !== undefined) yield* Scope.close(current.scope, Exit.void)
        current = {
          opened,
          scope,
          offset: 0,
          reader: undefined,
          isFresh: true,
          lines: undefined,
          next: undefined,
          durable: 0
        }
      })

    /** What was read ahead is read again. */
    const forget = (file: Current) => {
      if (file.opened.isCompressed) {
        passed -= file.offset
        file.offset = 0
      }
      file.reader = undefined
      file.isFresh = true
      file.lines = undefined
      file.next = undefined
    }

    const again = (file: Current) => Effect.sync(() => forget(file))

    const peek = (file: Current): Uint8Array | undefined => {
      if (file.next === undefined) {
        const step = file.lines?.next()
        file.next = step?.done === false ? step.value : undefined
      }
      return file.next
    }

    const pass = (file: Current, length: number) => {
      file.next = undefined
      file.isFresh = false
      file.offset += length + 1
      passed += length + 1
    }

    /** Reads more lines, or says how long the next one is, which is longer than any record. */
    const readOn = (file: Current, durable: number) =>
      Effect.gen(function* () {
        file.lines = undefined
        file.reader ??= yield* Scope.extend(readerOf(file.opened, file.offset), file.scope)
        const step = yield* file.reader.next
        file.durable = durable
        if (step?._tag === "TooLong") return step.length
        if (step?._tag === "Lines") {
          file.lines = step.lines[Symbol.iterator]()
          return "Lines"
        }
        const wasFresh = file.isFresh
        const isEnd = file.reader.rest().length === 0
        if (!isEnd) forget(file)
        file.isFresh = true
        // The beginning of a line may have been cut off since it was read.
        return isEnd || wasFresh ? "End" : "Lines"
      })

    /** Of the next lines of which none can be forwarded, which may be thousands. */
    const lengthOfDamaged = (file: Current): number => {
      let length = -1
      for (let line = peek(file); line !== undefined && recordAt(line) === undefined; line = peek(file)) {
        length += line.length + 1
        file.next = undefined
      }
      return length
    }

    const recordAt = (line: Uint8Array) => (placeOf(line) === undefined ? undefined : recordOf(line))

    /** Keeps what cannot be forwarded, before it is passed. */
    const setAside = (file: Current, length: number) =>
      Effect.gen(function* () {
        const { handle, isCompressed } = file.opened
        const { name } = file.opened.file
        if (isCompressed) {
          const description = `'${name}' is damaged after record ${last.seq}: restore the file, or move it away`
          return yield* new TrailError({ reason: "Unreadable", description })
        }
        const torn = LogSegment.tornPathOf(path)
        yield* LogSegment.keepTorn(fs, torn, handle, file.offset, file.offset + length)
        yield* Say.error(
          `'${name}' holds ${length} bytes after record ${last.seq} that are damaged, or were never written by the spool: they are not forwarded, and are now in '${torn}'`
        )
        pass(file, length)
        // The copy was made through the handle that it reads from.
        forget(file)
      })

    const enter = (choose: Effect.Effect<TrailFile | undefined, TrailError, Scope.Scope>) =>
      Effect.gen(function* () {
        const file = yield* Effect.scoped(choose)
        if (file === undefined) return false
        yield* open(file)
        return true
      })

    const goOn = Effect.suspend(() =>
      enter(
        Effect.flatMap(files.list, (snapshot) =>
          current === undefined
            ? Effect.succeed(files.oldest(snapshot))
            : files.following(snapshot, current.opened, last.seq)
        )
      )
    )

    const begin = Effect.gen(function* () {
      if (current !== undefined) yield* Scope.close(current.scope, Exit.void)
      current = undefined
      last = nowhere
      passed = 0
    })

    /** Passes everything up to the record, where that is linked to what comes next, or nothing comes next. */
    const seek = (file: Current, cursor: Cursor) =>
      Effect.gen(function* () {
        let after = { offset: file.offset, passed }
        for (;;) {
          const line = peek(file)
          if (line === undefined) {
            const step = yield* readOn(file, 0)
            if (typeof step === "number") pass(file, step)
            if (step !== "End") continue
          }
          const place = line === undefined ? undefined : placeOf(line)
          if (line === undefined || (place !== undefined && place.seq > cursor.seq)) {
            const isLinked =
              place === undefined
                ? last.seq === cursor.seq && last.hash === cursor.hash
                : place.seq === cursor.seq + 1 && place.prev === cursor.hash
            last = cursor
            // What was read was read before anybody said that it is durable.
            file.offset = after.offset
            passed = after.passed
            forget(file)
            return isLinked
          }
          pass(file, line.length)
          if (place === undefined) continue
          last = place
          after = { offset: file.offset, passed }
        }
      })

    const goTo: Reader<A>["goTo"] = (cursor) =>
      Effect.gen(function* () {
        yield* begin
        const find = Effect.gen(function* () {
          const snapshot = yield* files.list
          const file = yield* files.holding(snapshot, cursor.seq + 1)
          passed = file === undefined ? 0 : yield* files.size(snapshot, file)
          return file
        })
        if ((yield* enter(find)) && current !== undefined && (yield* seek(current, cursor))) return "Found"
        yield* begin
        return "NotFound"
      })

    const take: Reader<A>["take"] = (durable) =>
      Effect.gen(function* () {
        let rested = 0
        for (;;) {
          const file = current
          const line = file === undefined ? undefined : peek(file)
          if (last.seq >= durable) return handOver()
          if (file === undefined || line === undefined) {
            const step = file === undefined ? "End" : yield* readOn(file, durable)
            if (file !== undefined && typeof step === "number") yield* file.isFresh ? setAside(file, step) : again(file)
            if (step === "End" && (taken.length > 0 || !(yield* goOn))) return handOver()
            continue
          }
          const place = placeOf(line)
          if (place !== undefined && place.seq > file.durable) {
            const isLater = file.durable < durable
            forget(file)
            if (isLater) continue
            return handOver()
          }
          const record = place === undefined ? undefined : recordOf(line)
          if (place === undefined || record === undefined) {
            // Read in parts, before it was durable and after, it may look like that.
            if (file.isFresh && taken.length === 0) yield* setAside(file, lengthOfDamaged(file))
            forget(file)
            if (taken.length > 0) return handOver()
            continue
          }
          if (place.seq <= last.seq) {
            pass(file, line.length)
            continue
          }
          const problem = gapBefore(place)
          if (taken.length > 0 && (problem !== undefined || isFull(line.length))) return handOver()
          if (problem !== undefined) yield* Say.error(`${problem}: what comes after it is forwarded all the same`)
          taken.push(record)
          takenBytes += line.length + 1
          last = { seq: place.seq, hash: place.hash }
          pass(file, line.length)
          if (taken.length >= rested + mostAtOnce) {
            rested = taken.length
            yield* turn
          }
        }
      })

    const isFull = (bytes: number) => taken.length >= most.records || takenBytes + bytes > most.bytes

    const gapBefore = ({ prev, seq }: Place): string | undefined => {
      if (last === nowhere) return undefined
      if (seq > last.seq + 1) return `Records ${last.seq + 1} to ${seq - 1} are missing in the spool '${path}'`
      return prev === last.hash
        ? undefined
        : `Record ${seq} in the spool '${path}' does not follow the one before it: one of them was exchanged`
    }

    const handOver = (): Taken<A> | undefined => {
      if (!Arr.isNonEmptyArray(taken)) return undefined
      const given = { records: taken, last, bytes: takenBytes, passed }
      taken = []
      takenBytes = 0
      return given
    }

    return { goTo, take, last: () => last.seq }
  })

const turn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
