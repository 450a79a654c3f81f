/**
 * Audit records in a file, one line of JSON each.
 *
 * `write` succeeds once the whole batch is written and fsynced: an acknowledged record survives a crash of the program and
 * a loss of power, as far as the disk keeps what it confirms. A batch that fails is cut off the file again, so that its
 * records, when they are given again, are stored once. What a crash leaves of a line is moved to `<path>.torn` when the file
 * is next opened.
 *
 * With `maxBytes` the file is rotated: `<path>.1` is the newest of the old files, `<path>.5` the oldest that is kept unless
 * `backups` says otherwise.
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
 *   const sink = yield* FileSink.make({ path, maxBytes: 10_000_000, backups: 20 })
 *   yield* sink.write([record])
 *   console.log((yield* fs.readFileString(path)) === record.line + "\n") // true
 * })
 *
 * Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))
 */
import type { FileSystem } from "@effect/platform"
import { Effect, Layer, type Scope } from "effect"
import type { AuditRecord } from "../AuditRecord.js"
import { AuditSink, AuditSinkError, type Service } from "../AuditSink.js"
import * as LogFile from "../internal/logFile.js"

/**
 * @category models
 */
export interface Options extends LogFile.Options {}

/**
 * Opens the file until the scope is closed. Fails when it cannot be written to.
 *
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Service, AuditSinkError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.map(Effect.mapError(LogFile.open(options), toSinkError(options)), (file) => {
    // A failed batch may be stored in part, where it went over the end of a file, and is given again as a whole.
    const stored = new WeakSet<AuditRecord>()
    return {
      write: (batch) =>
        Effect.suspend(() => {
          const missing = batch.filter((record) => !stored.has(record))
          const remember = (count: number) =>
            Effect.sync(() => missing.slice(0, count).forEach((record) => stored.add(record)))
          return file.append(missing.map((record) => record.line)).pipe(
            Effect.tapError((error) => remember(error.written)),
            Effect.zipLeft(remember(missing.length)),
            Effect.mapError(toSinkError(options))
          )
          // Interrupted before it remembers, it would store these records twice.
        }).pipe(Effect.uninterruptible),
      // Until the file tells the two steps apart.
      sync: Effect.void
    }
  })

/**
 * The sink as a Layer, open for as long as the Layer is.
 *
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<AuditSink, AuditSinkError, FileSystem.FileSystem> =>
  Layer.scoped(AuditSink, make(options))

const toSinkError =
  ({ path }: Options) =>
  ({ reason, description, cause }: LogFile.LogFileError) =>
    new AuditSinkError({ sink: `file ${path}`, reason, description, cause })
