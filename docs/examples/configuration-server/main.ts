/**
 * Starts the server, and says in one sentence if it cannot. Ctrl-C finishes the requests that run and writes both logs.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import * as Server from "./Server.js"
import * as StartError from "./StartError.js"

Layer.launch(Server.layer).pipe(
  Effect.tapError((error) => Console.error(StartError.sentence(error))),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
