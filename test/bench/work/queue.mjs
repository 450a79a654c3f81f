// The memory of events that wait, while the sink is held up. It takes `--expose-gc`.
import { Effect, Layer } from "effect"
import { AuditLog, AuditSink } from "../../../dist/index.js"
import { Listed } from "../servers/registered.mjs"
import { repeat, runWith } from "./effect.mjs"

const heap = () => {
  globalThis.gc()
  return process.memoryUsage().heapUsed
}

/** `kind` makes the sink what the queue keeps whole records for, or no more than lines. */
const queued = (count, kind) => () => async () => {
  let release
  const held = new Promise((resolve) => (release = resolve))
  let characters = 0
  const write = (batch) => {
    for (const { line } of batch) characters += line.length
    return Effect.promise(() => held)
  }
  const sink = Layer.succeed(AuditSink.AuditSink, kind({ write, sync: Effect.void }))
  const program = Effect.gen(function* () {
    const audit = yield* AuditLog.AuditLog
    const before = heap()
    const start = performance.now()
    yield* repeat(count, (files) => audit.add(Listed, { files }))
    const seconds = (performance.now() - start) / 1000
    const bytes = (heap() - before) / count
    release()
    yield* audit.flush
    return { count, seconds, bytes, characters: characters / count }
  })
  return runWith(program, {
    sink,
    capacity: { records: 2 * count, characters: 1e9 },
    waitAtMost: "1 hour"
  })
}

/** As an application makes one. */
const ofRecords = (sink) => sink
/** The mark of the file and the console: a real file cannot be held up. */
const { ofLines } = AuditSink

export const contestants = {
  lines1000: queued(1_000, ofLines),
  lines10000: queued(10_000, ofLines),
  lines100000: queued(100_000, ofLines),
  records1000: queued(1_000, ofRecords),
  records10000: queued(10_000, ofRecords),
  records100000: queued(100_000, ofRecords)
}
