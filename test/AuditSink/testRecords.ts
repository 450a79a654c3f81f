/** Records, for tests and for the programs that they start. */
import { Array as Arr, Effect } from "effect"
import * as AuditRecord from "../../src/AuditRecord.js"
import type { Batch, Service } from "../../src/AuditSink.js"

export const record = (number: number) =>
  AuditRecord.make({
    level: "INFO",
    date: "2024-01-31T12:00:00.000Z",
    message: `Event ${number} has happened`,
    event: { type: "test-event", details: { number } },
    source: "test"
  })

export const records = (from: number, to: number): Batch => Arr.map(Arr.range(from, to), record)

/** As the audit log does it. */
export const store = (sink: Service, batch: Batch) => Effect.zipRight(sink.write(batch), sink.sync)
