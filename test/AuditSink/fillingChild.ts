/** Stores records at the path it is given until that fails, tells how many are durable, and ends as if it were killed. */
import { NodeFileSystem } from "@effect/platform-node"
import { Effect, Either } from "effect"
import * as FileSink from "../../src/AuditSink/File.js"
import { record, store } from "./testRecords.js"

const program = Effect.gen(function* () {
  const sink = yield* FileSink.make({ path: process.argv[2]!, chain: true })
  for (let number = 1; ; number++) {
    const result = yield* Effect.either(store(sink, [record(number)]))
    if (Either.isRight(result)) continue
    process.stdout.write(JSON.stringify({ acknowledged: number - 1, reason: result.left.reason }))
    return yield* Effect.sync(() => process.kill(process.pid, "SIGKILL"))
  }
})

void Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))
