/**
 * Any remote sink behind a durable local file.
 *
 * A record is acknowledged once it is durable in the spool, and forwarded as soon as the remote sink takes it: at once, or hours
 * and restarts later. A remote sink that hangs, fails or dies is tried again for as long as it takes, and slows nobody down;
 * one that is not there when the program starts is opened when it is. What was forwarded is removed from the disk.
 *
 * The spool is a chained trail, and its records have their place in the chain from the moment that they are durable. A remote
 * sink that keeps trails (`AuditSink/Sql`, `AuditSink/Nats`) stores them as they are, each once; others get each at least once.
 *
 * @example
 * import { NodeContext } from "@effect/platform-node"
 * import { SqliteClient } from "@effect/sql-sqlite-node"
 * import { AuditRecord, AuditSink } from "effect-registrar"
 * import * as Spool from "effect-registrar/AuditSink/Spool"
 * import * as SqlSink from "effect-registrar/AuditSink/Sql"
 * import { Effect, Layer } from "effect"
 *
 * const trail = SqlSink.layer({ instance: "web-1" }).pipe(
 *   // Inside, so that the program starts without the database.
 *   Layer.provide(SqliteClient.layer({ filename: "audit.db" })),
 *   Spool.through({ path: "audit.spool.jsonl", instance: "web-1" }),
 *   Layer.provide(NodeContext.layer)
 * )
 *
 * const record = AuditRecord.make({
 *   level: "INFO",
 *   date: "2024-01-31T12:00:00.000Z",
 *   message: "ada has read the key a",
 *   event: { type: "keys-read", details: { user: "ada", id: "a" } },
 *   source: "keys"
 * })
 *
 * const program = Effect.gen(function* () {
 *   const sink = yield* AuditSink.AuditSink
 *   yield* sink.write([record])
 *   yield* sink.sync
 *   const spool = yield* Spool.Spool
 *   yield* spool.forwarded
 *   console.log(yield* spool.lag) // { records: 0, bytes: 0, seconds: 0 }
 * })
 *
 * Effect.runPromise(Effect.provide(program, trail))
 */
import { FileSystem } from "@effect/platform"
import {
  Array as Arr,
  Cause,
  Context,
  DateTime,
  Duration,
  Effect,
  Either,
  ExecutionStrategy,
  Exit,
  Layer,
  Option,
  Scope
} from "effect"
import * as AuditChain from "../AuditChain.js"
import * as AuditFile from "../AuditFile.js"
import { SpooledInstance } from "../AuditLedger.js"
import * as AuditRecord from "../AuditRecord.js"
import * as AuditSeals from "../AuditSeals.js"
import { AuditSink, AuditSinkError, ofLines, type Service as Sink } from "../AuditSink.js"
import { problemOfInstance } from "../AuditStore.js"
import * as AuditTrail from "../AuditTrail.js"
import * as Claim from "../internal/claim.js"
import * as LogFile from "../internal/logFile.js"
import * as Cursor from "../internal/spoolCursor.js"
import * as Forwarder from "../internal/spoolForwarder.js"
import * as SpoolMetrics from "../internal/spoolMetrics.js"
import * as Remote from "../internal/spoolRemote.js"
import * as Tail from "../internal/spoolTail.js"
import { TrailError } from "../internal/trailFiles.js"

/**
 * @category models
 */
export interface Options {
  /** The file of the spool, which nothing else uses. Its folder has to exist. */
  readonly path: string
  /**
   * The name of this writer, the same as in the remote sink where that has one. It belongs to the spool and its disk: where these
   * are lost, the chain is, and a new one needs a new name.
   */
  readonly instance: string
  /**
   * What all files of the spool may hold together. Where that is reached, `write` fails with the reason `"Full"` until something
   * was forwarded. What the trail says of itself may go a little beyond. Default: 1,000,000,000.
   */
  readonly maxBytes?: number | undefined
  /**
   * The size of one of these files, at most a quarter of `maxBytes`. What was forwarded is removed a file at a time, so that about
   * two of them always stay. Default: 8,000,000, or an eighth of `maxBytes` where that is less.
   */
  readonly segmentBytes?: number | undefined
  /** Signs the chain. Not to be given to the remote sink as well, which stores what is sealed already. */
  readonly seals?: AuditSeals.Seals | undefined
  /** What is given to the remote sink at once: records (1,000) and bytes of their lines (1,000,000). A larger record goes alone. */
  readonly maxBatch?: { readonly records?: number | undefined; readonly bytes?: number | undefined } | undefined
  /** How long the remote sink may take to open, and for a batch. Then it is closed, and opened anew. Default: 30 seconds. */
  readonly timeout?: Duration.DurationInput | undefined
  /**
   * How long closing waits until everything was forwarded. What was not stays in the spool, and is when it is opened again.
   * Default: 5 seconds.
   */
  readonly closeWithin?: Duration.DurationInput | undefined
}

/**
 * What is durable in the spool and not forwarded yet: how many records, the bytes that they take, and the age of the oldest.
 *
 * @category models
 */
export interface Lag extends Forwarder.Lag {}

/**
 * @category models
 */
export interface Service {
  /** The same numbers are Effect Metrics. */
  readonly lag: Effect.Effect<Lag>
  /** Resumes once everything that is durable now was forwarded, however long that takes. */
  readonly forwarded: Effect.Effect<void>
}

/**
 * How far the spool of this program is.
 *
 * @category services
 */
export class Spool extends Context.Tag("effect-registrar/AuditSink/Spool")<Spool, Service>() {}

/**
 * Opens the spool until the scope is closed, and forwards to the remote sink from then on. Fails when the file cannot be written
 * to or another spool has it, and never because of the remote sink.
 *
 * @category constructors
 */
export const make = <E, R>(
  remote: Layer.Layer<AuditSink, E, R>,
  options: Options
): Effect.Effect<
  { readonly sink: Sink; readonly spool: Service },
  AuditSinkError,
  R | FileSystem.FileSystem | Scope.Scope
> =>
  Effect.gen(function* () {
    // Of its own, so that nothing is left of an attempt that fails, and the next one does not run into it.
    const scope = yield* Effect.flatMap(Effect.scope, (scope) => Scope.fork(scope, ExecutionStrategy.sequential))
    return yield* open(remote, options).pipe(
      Scope.extend(scope),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
    )
  })

/**
 * Puts the spool in front of a remote sink. That one is built by the spool, with all that was provided to it before: a database
 * that is provided to the result has to be there when the program starts, and one that is provided to the remote sink has not.
 *
 * @category layers
 */
export const through =
  (options: Options) =>
  <E, R>(
    remote: Layer.Layer<AuditSink, E, R>
  ): Layer.Layer<AuditSink | Spool, AuditSinkError, R | FileSystem.FileSystem> =>
    Layer.scopedContext(
      Effect.map(make(remote, options), ({ sink, spool }) =>
        Context.make(AuditSink, sink).pipe(Context.add(Spool, spool))
      )
    )

const open = <E, R>(remote: Layer.Layer<AuditSink, E, R>, options: Options) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const { instance, seals } = options
    const name = `spool ${options.path}`
    const misconfigured = (description: string) =>
      new AuditSinkError({ sink: name, reason: "Misconfigured", description })
    const { maxBytes, segmentBytes, ...settings } = yield* Either.mapLeft(settingsOf(options), misconfigured)

    const { isDevice, path } = yield* Effect.mapError(LogFile.create(fs, options.path), AuditFile.toSinkError(name))
    if (isDevice) return yield* misconfigured(`'${options.path}' keeps nothing: give the path of a file`)
    // Longer than that of the file itself, which is closed before everything was forwarded.
    yield* Effect.mapError(Claim.make(fs, Cursor.pathOf(path)), AuditFile.toSinkError(name))
    const found = yield* Cursor.read(fs, path)
    if (found._tag === "Found" && found.instance !== instance) {
      return yield* misconfigured(
        `'${path}' is the spool of '${found.instance}', as '${Cursor.pathOf(path)}' says: give '${instance}' a path of its own`
      )
    }

    const sealer = seals === undefined ? undefined : yield* AuditSeals.make(name, seals)
    const chained = AuditTrail.chained({ sealer, instance })
    let from: Cursor.Cursor | string = ""
    const tail = Tail.make({
      ...chained,
      resume: (ends) => {
        const resumed = resume(chained.resume(ends), ends, found)
        from = resumed.from
        return resumed
      }
    })
    const unsafeDurable = () => {
      const { bytes = 0, state } = tail.unsafeDurable() ?? {}
      return { seq: state?.head.seq ?? 0, bytes }
    }

    // Before the file, so that it ends after it: the end of the trail is forwarded too.
    const forwarder = yield* Forwarder.make(fs, {
      ...settings,
      path,
      instance,
      from: () => from,
      unsafeDurable,
      until: tail.until,
      placeOf: (line) => Option.getOrUndefined(AuditChain.linkOf(line)),
      recordOf,
      timeOf: ({ date }) =>
        Option.match(DateTime.make(date), { onNone: () => Infinity, onSome: DateTime.toEpochMillis }),
      adviceOn,
      metrics: SpoolMetrics.make(options.path),
      remote: Remote.make({ open: openRemote(remote, instance), timeout: settings.timeout })
    })
    const file = yield* AuditFile.open({ path, maxBytes: segmentBytes }, tail.format, name)
    yield* forwarder.start
    const { forwarded, lag } = forwarder
    return { sink: bounded(file, forwarder, name, maxBytes), spool: { forwarded, lag } }
  })

const settingsOf = (options: Options) => {
  const { closeWithin = "5 seconds", instance, maxBytes = 1_000_000_000, timeout = "30 seconds" } = options
  const { segmentBytes = Math.min(8_000_000, Math.floor(maxBytes / 8)) } = options
  const most = { records: options.maxBatch?.records ?? 1000, bytes: options.maxBatch?.bytes ?? 1_000_000 }
  if (options.path === "") return Either.left("the path is empty: give the path of a file")
  const problem = problemOfInstance(instance)
  if (problem !== undefined) return Either.left(problem)
  const counts = { maxBytes, segmentBytes, "maxBatch.records": most.records, "maxBatch.bytes": most.bytes }
  for (const [name, value] of Object.entries(counts)) {
    if (!Number.isSafeInteger(value) || value < 1)
      return Either.left(`${name} must be a whole number above 0, not ${value}`)
  }
  if (segmentBytes > maxBytes / 4) {
    return Either.left(
      `segmentBytes must be at most a quarter of maxBytes, ${maxBytes}, and not ${segmentBytes}: room is made a file at a time`
    )
  }
  for (const [name, value] of Object.entries({ timeout, closeWithin })) {
    if (Option.isNone(Duration.decodeUnknown(value)) || (name === "timeout" && Duration.toMillis(value) <= 0)) {
      return Either.left(`${name} must be a duration such as "30 seconds", not ${String(value)}`)
    }
  }
  return Either.right({ closeWithin, maxBytes, most, segmentBytes, timeout })
}

/** Where the chain goes on, and where forwarding begins. */
const resume = (
  resumed: LogFile.Resumed<AuditTrail.Chained>,
  { last }: LogFile.Ends,
  found: Cursor.Found
): LogFile.Resumed<AuditTrail.Chained> & { readonly from: Cursor.Cursor | string } => {
  const { objection, needsNewFile, state } = resumed
  if (objection === undefined && needsNewFile) {
    return { ...resumed, from: "", objection: "is no spool, as it is not chained: give the spool a path of its own" }
  }
  if (found._tag === "Unusable") return { ...resumed, from: found.problem }
  if (found._tag === "Missing") return { ...resumed, from: last === undefined ? AuditChain.genesis : "is missing" }
  const { cursor } = found
  if (cursor.seq <= state.head.seq) return { ...resumed, from: cursor }
  // Those numbers are taken where the records went.
  const from = `names record ${cursor.seq}, and the spool ends with record ${state.head.seq}`
  return { ...resumed, state: { ...state, head: cursor }, from }
}

const recordOf = (line: Uint8Array): AuditRecord.AuditRecord | undefined => {
  const text = Buffer.from(line.buffer, line.byteOffset, line.length).toString()
  // With bytes that are no UTF-8 it would not be the line that was chained.
  return Buffer.from(text).equals(line) ? Option.getOrUndefined(Either.getRight(AuditRecord.fromLine(text))) : undefined
}

const openRemote = <E, R>(remote: Layer.Layer<AuditSink, E, R>, instance: string) =>
  Layer.build(remote).pipe(
    Effect.map((context) => Context.get(context, AuditSink)),
    Effect.provideService(SpooledInstance, instance)
  )

/** What goes away by itself needs none. */
const adviceOn = (cause: Cause.Cause<unknown>): string | undefined => {
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  if (error instanceof TrailError || error instanceof LogFile.LogFileError) return "its files have to be put right"
  if (!(error instanceof AuditSinkError)) return error === undefined ? "the remote sink has a defect" : undefined
  switch (error.reason) {
    case "Full":
    case "Unavailable":
      return undefined
    case "Claimed":
      return "that does not end by itself. Where this spool is new, because the old disk is lost, give it a new instance"
    case "Misconfigured":
    case "Unwritable":
      return "that does not end by itself"
  }
}

/** More than a chain adds to a line. */
const longestLink = 256

/** The file within its bound. */
const bounded = (
  file: AuditFile.OfLines,
  forwarder: Pick<Forwarder.Forwarder<unknown>, "findRoom" | "unsafeHasLag" | "unsafeSize">,
  name: string,
  maxBytes: number
): Sink => {
  type Records = Parameters<typeof file.write>[0]
  type Record = Records[number]
  /** Those of a batch for which there was room. It is given again as a whole. */
  const stored = new Set<Record>()
  /** The bytes that were written since the last sync. */
  let unsynced = 0

  const sizeOf = ({ line }: Record) => Buffer.byteLength(line) + longestLink

  /** As many of the records as there is room for. One that is larger than the bound is taken when nothing else waits. */
  const fitting = (records: ReadonlyArray<Record>): ReadonlyArray<Record> => {
    let room = maxBytes - forwarder.unsafeSize() - unsynced
    let count = 0
    for (; count < records.length; count++) {
      room -= sizeOf(records[count]!)
      if (room < 0) break
    }
    return records.slice(0, count === 0 && unsynced === 0 && !forwarder.unsafeHasLag() ? 1 : count)
  }

  const put = (records: ReadonlyArray<Record>) => {
    if (!Arr.isNonEmptyReadonlyArray(records)) return Effect.void
    for (const record of records) unsynced += sizeOf(record)
    return Effect.tapErrorCause(file.write(records), () => settled)
  }

  /** What was written is durable, or cut off again. */
  const settled = Effect.sync(() => void (unsynced = 0))

  const sync = Effect.ensuring(file.sync, settled)

  const failure = (reason: AuditSinkError["reason"], description: string) =>
    new AuditSinkError({ sink: name, reason, description })

  return ofLines(
    {
      write: (batch) =>
        Effect.gen(function* () {
          const missing = batch.filter((record) => !stored.has(record))
          if (!missing.every(({ line }) => isRecord(line))) {
            return yield* failure(
              "Misconfigured",
              "it keeps records as they are: give a format to the remote sink, before 'Spool.through'"
            )
          }
          if (fitting(missing).length < missing.length) yield* forwarder.findRoom(unsynced)
          const first = fitting(missing)
          yield* put(first)
          if (first.length === missing.length) return
          yield* sync
          for (const record of first) stored.add(record)
          return yield* failure(
            "Full",
            `it holds as much as it may, ${maxBytes} bytes, which wait for the remote sink: put that right, or raise 'maxBytes'`
          )
        }).pipe(Effect.uninterruptible),
      sync: Effect.map(sync, () => stored.clear())
    },
    "records"
  )
}

/** What is forwarded has to be read again. Nearly each line begins as the library writes it. */
const isRecord = (line: string): boolean => line.startsWith('{"level":"') || Either.isRight(AuditRecord.fromLine(line))
