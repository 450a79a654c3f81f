/**
 * Audit records in a file, one line of JSON each.
 *
 * `write` succeeds once the operating system has the whole batch, `sync` once it is fsynced: an acknowledged record survives a
 * crash of the program and a loss of power, as far as the disk keeps what it confirms. A batch that fails is cut off the file
 * again, so that its records, when they are given again, are stored once. What a crash leaves of a line is moved to
 * `<path>.torn` when the file is next opened. One program at a time has the file.
 *
 * The file is a trail: it records when it is opened and closed, and what happened to it (`BuiltInEvents`). With `maxBytes` or
 * `rotateEvery` it is rotated: its segments are `<path>.000001`, `<path>.000002`, … and stay until `keep` says otherwise. With
 * `chain` each record is linked to the one before it, through rotation and restarts, and with `seals` the chain is signed.
 *
 * @example
 * import { FileSystem } from "@effect/platform"
 * import { NodeFileSystem } from "@effect/platform-node"
 * import * as AuditRecord from "effect-registrar/AuditRecord"
 * import { AuditSink } from "effect-registrar/AuditSink"
 * import * as FileSink from "effect-registrar/AuditSink/File"
 * import { Effect } from "effect"
 *
 * const record = AuditRecord.make({
 *   level: "INFO",
 *   date: "2024-01-31T12:00:00.000Z",
 *   message: "The backup is complete",
 *   event: { type: "backup-complete", details: {} },
 *   source: "backup"
 * })
 *
 * const program = Effect.gen(function* () {
 *   const fs = yield* FileSystem.FileSystem
 *   const path = `${yield* fs.makeTempDirectoryScoped()}/audit.log.jsonl`
 *   const sink = yield* FileSink.make({ path, maxBytes: 10_000_000, keep: { files: 20 }, chain: true })
 *   yield* sink.write([record])
 *   yield* sink.sync
 *   console.log((yield* fs.readFileString(path)).includes("The backup is complete")) // true
 * })
 *
 * Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))
 */
import type { FileSystem } from "@effect/platform"
import { Effect, Layer, type Scope } from "effect"
import * as AuditSeals from "../AuditSeals.js"
import { AuditSink, AuditSinkError, ofLines, type Service } from "../AuditSink.js"
import * as AuditTrail from "../AuditTrail.js"
import * as LogFile from "../internal/logFile.js"

/**
 * @category models
 */
export interface Options extends LogFile.Options {
  /** Links each record to the one before it: see `AuditChain`. Default: only where there are `seals`. */
  readonly chain?: boolean | undefined
  /** Signs the chain. */
  readonly seals?: Seals | undefined
}

/**
 * How the chain is sealed.
 *
 * @category models
 */
export type Seals = AuditSeals.Seals

/**
 * Opens the file until the scope is closed. Fails when it cannot be written to, or when another program has it open.
 *
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Service, AuditSinkError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    const { chain, path, seals } = options
    if (chain === false && seals !== undefined) return yield* sealsNeedChain(path)
    const sealer = seals === undefined ? undefined : yield* AuditSeals.make(path, seals)
    const isChained = chain === true || sealer !== undefined
    const file = yield* isChained
      ? LogFile.open(options, AuditTrail.chained(sealer))
      : LogFile.open(options, AuditTrail.unchained)

    // A failed batch may be stored in part, where it went over the end of a file, and is given again as a whole.
    const stored = new Set<object>()
    let given: ReadonlyArray<{ readonly line: string }> = []
    // Interrupted before it remembers, it would store records twice.
    const remember = (storing: Effect.Effect<void, LogFile.LogFileError>) =>
      Effect.tapError(storing, (error) =>
        Effect.sync(() => given.slice(0, error.written).forEach((record) => stored.add(record)))
      ).pipe(Effect.mapError(toSinkError(options.path)), Effect.uninterruptible)

    return ofLines({
      write: (batch) =>
        Effect.suspend(() => {
          given = stored.size === 0 ? batch : batch.filter((record) => !stored.has(record))
          return remember(file.write(given.map(({ line }) => line)))
        }),
      // What is durable is not given again.
      sync: remember(Effect.map(file.sync, () => stored.clear()))
    })
  }).pipe(Effect.mapError((error) => (error instanceof AuditSinkError ? error : toSinkError(options.path)(error))))

/**
 * The sink as a Layer, open for as long as the Layer is.
 *
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<AuditSink, AuditSinkError, FileSystem.FileSystem> =>
  Layer.scoped(AuditSink, make(options))

const sealsNeedChain = (path: string) =>
  new AuditSinkError({
    sink: `file ${path}`,
    reason: "Misconfigured",
    description: "seals are given, but chain is false: leave 'chain' out, or the seals"
  })

const toSinkError =
  (path: string) =>
  ({ reason, description, cause }: LogFile.LogFileError) =>
    new AuditSinkError({ sink: `file ${path}`, reason, description, cause })
