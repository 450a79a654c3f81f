/** Opens the log at the path it is given, and holds it until it is killed. */
import { NodeFileSystem } from "@effect/platform-node"
import { Effect } from "effect"
import * as LogFile from "../../src/internal/logFile.js"

const program = Effect.gen(function* () {
  yield* LogFile.open({ path: process.argv[2]! }, LogFile.plain)
  process.stdout.write("open\n")
  yield* Effect.never
})

void Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))
