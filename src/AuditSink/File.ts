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
import * as AuditFile from "../AuditFile.js"
import * as AuditSeals from "../AuditSeals.js"
import { AuditSink, AuditSinkError, type Service } from "../AuditSink.js"
import * as AuditTrail from "../AuditTrail.js"
import type * as LogFile from "../internal/logFile.js"

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
    const sealer = seals === undefined ? undefined : yield* AuditSeals.make(`file ${path}`, seals)
    const isChained = chain === true || sealer !== undefined
    return yield* isChained
      ? AuditFile.open(options, AuditTrail.chained({ sealer }))
      : AuditFile.open(options, AuditTrail.unchained)
  })

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
