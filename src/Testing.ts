/**
 * Both logs, recorded: for tests that assert on what was written.
 *
 * @example
 * import { AuditEvent, AuditLog, Extension, Registrar } from "effect-registrar"
 * import * as Testing from "effect-registrar/Testing"
 * import { Effect, Layer } from "effect"
 *
 * const Cleaned = AuditEvent.make("cleanup-done", { level: "Info", message: "{count} files were removed" })
 * const Cleanup = Extension.make("cleanup", { auditEvents: [Cleaned] })
 *
 * const test = Effect.gen(function* () {
 *   const audit = yield* AuditLog.AuditLog
 *   yield* audit.add(Cleaned, { count: 3 })
 *   const recorded = yield* Testing.Recorded
 *   return (yield* recorded.audit).map((record) => record.message)
 * })
 *
 * const layers = Cleanup.layer.pipe(Layer.provideMerge(Registrar.layer()), Layer.provideMerge(Testing.layer()))
 * Effect.runPromise(Effect.provide(test, layers)).then(console.log) // [ '3 files were removed' ]
 */
import { Context, Effect, Layer, Logger, Option, Ref } from "effect"
import * as AppLog from "./AppLog.js"
import { AuditLog } from "./AuditLog.js"
import type { AuditRecord } from "./AuditRecord.js"
import * as AuditSink from "./AuditSink.js"

/**
 * @category services
 */
export class Recorded extends Context.Tag("effect-registrar/Testing/Recorded")<
  Recorded,
  {
    /** Every audit record so far, in order. Where there is an `AuditLog`, it is given the time to write what was added. */
    readonly audit: Effect.Effect<ReadonlyArray<AuditRecord>>
    /** Every line of the application log so far, in order. */
    readonly application: Effect.Effect<ReadonlyArray<AppLog.Line>>
  }
>() {}

/**
 * An audit sink and a logger that record. By default the application log is recorded from `Debug` on.
 *
 * @category layers
 */
export const layer = (options?: AppLog.Options): Layer.Layer<Recorded | AuditSink.AuditSink> =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      const records = yield* Ref.make<ReadonlyArray<AuditRecord>>([])
      const lines: Array<AppLog.Line> = []
      const flush = Effect.flatMap(
        Effect.serviceOption(AuditLog),
        Option.match({ onNone: () => Effect.void, onSome: (audit) => Effect.ignore(audit.flush) })
      )
      return Layer.mergeAll(
        Layer.succeed(Recorded, {
          audit: Effect.zipRight(flush, Ref.get(records)),
          application: Effect.sync(() => [...lines])
        }),
        AuditSink.memory(records),
        Logger.remove(Logger.defaultLogger),
        AppLog.layer(
          Effect.succeed((line) => lines.push(line)),
          { level: "Debug", ...options }
        )
      )
    })
  )
