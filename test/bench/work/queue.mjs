// The memory of events that wait, while the sink is held up. It takes `--expose-gc`.
import { Console, Effect, Layer } from "effect"
import { AuditLog, AuditSink } from "../../../dist/index.js"
import { Listed } from "../servers/registered.mjs"
import { repeat, runWith } from "./effect.mjs"

const heap = () => {
  globalThis.gc()
  return process.memoryUsage().heapUsed
}

/** As an application makes a sink of its own. */
const ofRecords = (hold) =>
  Layer.succeed(AuditSink.AuditSink, { write: (batch) => hold(batch.map(({ line }) => line)), sync: Effect.void })

/** The console's, in place of a file's: both are given no more than lines, and a file cannot be held up. */
const ofLines = (hold) => {
  const held = Console.consoleWith((console) =>
    Effect.succeed({ ...console, log: (text) => Effect.suspend(() => hold(text.split("\n"))) })
  )
  return Layer.provide(AuditSink.console, Layer.unwrapEffect(Effect.map(held, Console.setConsole)))
}

const queued = (count, sinkOf) => () => async () => {
  let release
  const held = new Promise((resolve) => (release = resolve))
  let characters = 0
  const sink = sinkOf((lines) => {
    for (const line of lines) characters += line.length
    return Effect.promise(() => held)
  })
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

export const contestants = {
  lines1000: queued(1_000, ofLines),
  lines10000: queued(10_000, ofLines),
  lines100000: queued(100_000, ofLines),
  records1000: queued(1_000, ofRecords),
  records10000: queued(10_000, ofRecords),
  records100000: queued(100_000, ofRecords)
}
