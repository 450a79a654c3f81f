/**
 * The last audit records, in memory, beside the log that keeps them all.
 */
import { Context, Effect, Layer, Ref } from "effect"
import { AuditSink, type AuditRecord } from "effect-registrar"

type Records = ReadonlyArray<AuditRecord.AuditRecord>

export class RecentRecords extends Context.Tag("configuration-server/RecentRecords")<
  RecentRecords,
  {
    readonly remember: (records: Records) => Effect.Effect<void>
    /** The last of them first. */
    readonly last: (count: number) => Effect.Effect<Records>
  }
>() {}

export const kept = 100

export const layer: Layer.Layer<RecentRecords> = Layer.effect(
  RecentRecords,
  Effect.map(Ref.make<Records>([]), (recent) => ({
    remember: (records) => Ref.update(recent, (known) => [...known, ...records].slice(-kept)),
    last: (count) => Effect.map(Ref.get(recent), (known) => known.slice(-count).toReversed())
  }))
)

/** To be combined with a sink that keeps them. */
export const sink: Layer.Layer<AuditSink.AuditSink, never, RecentRecords> = Layer.effect(
  AuditSink.AuditSink,
  Effect.map(RecentRecords, ({ remember }) => ({ write: remember, sync: Effect.void }))
)
