// Events that grow, in a chained file.
import { Effect } from "effect"
import { join } from "node:path"
import { AuditEvent, AuditLog, Extension } from "../../../dist/index.js"
import { fileSink, repeat, runWith, timed } from "./effect.mjs"

const Uploaded = AuditEvent.make("bench-uploaded", { level: "Info", message: "{user} has uploaded {text}" })
const extension = Extension.make("bench", { auditEvents: [Uploaded] })

/** Characters of the value. It stands in the message and in the details: the event is twice as long. */
const sized = (bytes) => (folder) => {
  let run = 0
  return async () => {
    const count = Math.max(60, Math.min(30_000, Math.round(60e6 / bytes)))
    const text = "x".repeat(bytes / 2)
    const path = join(folder, `audit-${run++}`)
    const program = Effect.flatMap(AuditLog.AuditLog, (audit) =>
      timed(
        count,
        Effect.zipRight(
          repeat(count, () => audit.add(Uploaded, { text })),
          audit.flush
        )
      )
    )
    const result = await runWith(program, { sink: fileSink({ path, chain: true }), extension })
    return { ...result, megabytes: (count * bytes) / 1e6 / result.seconds }
  }
}

export const contestants = {
  100: sized(100),
  1000: sized(1_000),
  10000: sized(10_000),
  100000: sized(100_000),
  1000000: sized(1_000_000)
}
