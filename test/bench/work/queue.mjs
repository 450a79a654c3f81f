// The memory of events that wait, while the sink is held up. It takes `--expose-gc`.
import { Effect, Layer } from "effect"
import { AuditLog, AuditSink } from "../../../dist/index.js"
import { Listed } from "../servers/registered.mjs"
import { repeat, runWith } from "./effect.mjs"

const heap = () => {
  globalThis.gc()
  return process.memoryUsage().heapUsed
}

const queued = (count) => () => async () => {
  let release
  const held = new Promise((resolve) => (release = resolve))
  let characters = 0
  const write = (batch) => {
    for (const { line } of batch) characters += line.length
    return Effect.promise(() => held)
  }
  const sink = Layer.succeed(AuditSink.AuditSink, { write, sync: Effect.void })
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

export const contestants = { 1000: queued(1_000), 10000: queued(10_000), 100000: queued(100_000) }
