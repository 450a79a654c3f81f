#!/usr/bin/env node
/** The program `registrar`. */
import { createRequire } from "node:module"
import { setFlagsFromString } from "node:v8"

/** As the shell counts signals. */
const codeBySignal = { SIGINT: 130, SIGTERM: 143 }

/**
 * The program should need little memory beside that of the log's writer. Loading modules makes the young generation of the
 * heap grow to 48 MB, which nothing needs afterwards, and compiles what runs once.
 */
setFlagsFromString("--semi-space-growth-factor=1")
setFlagsFromString("--optimize-for-size")

const main = async () => {
  const [{ run }, NodeContext, NodeRuntime, { Cause, Effect, Exit }] = await Promise.all([
    import("./Cli.js"),
    import("@effect/platform-node/NodeContext"),
    import("@effect/platform-node/NodeRuntime"),
    import("effect")
  ])
  let code = 2
  let interrupted = codeBySignal.SIGINT
  process.once("SIGTERM", () => (interrupted = codeBySignal.SIGTERM))
  run(process.argv).pipe(
    Effect.tap((found) => Effect.sync(() => (code = found))),
    Effect.provide(NodeContext.layer),
    NodeRuntime.runMain({
      teardown: (exit, onExit) => {
        if (Exit.isFailure(exit)) return onExit(Cause.isInterruptedOnly(exit.cause) ? interrupted : 2)
        // A module that was loaded may have started something, which goes on, prints, and ends with a code of its own.
        Promise.all([printed(process.stdout), printed(process.stderr)]).finally(() => process.exit(code))
      }
    })
  )
}

/** Everything that was written before is out of the program's hands, or cannot get out. */
const printed = (stream: NodeJS.WriteStream) =>
  new Promise<void>((resolve) => {
    stream.on("error", () => resolve())
    stream.write("", () => resolve())
  })

/** The packages of the command line are optional: an application that only records does not need them. */
const explain = (error: unknown) => {
  const missing = /^Cannot find package '([^']+)'/.exec(error instanceof Error ? error.message : "")?.[1]
  const manifest: { readonly peerDependencies: Readonly<Record<string, string>> } = createRequire(import.meta.url)(
    "../package.json"
  )
  // Not 1, which says that a log is not valid.
  process.exitCode = 2
  if (missing === undefined || !Object.hasOwn(manifest.peerDependencies, missing)) return console.error(error)
  // Those of stores are asked for when somebody gives the address of one.
  const packages = Object.entries(manifest.peerDependencies)
    .filter(([name]) => !/^@effect\/(?:experimental|sql)|^@nats-io\//.test(name))
    .map(([name, range]) => `"${name}@${range}"`)
  console.error(
    `registrar needs the package ${missing}, which is not installed. Install all that it needs with:\n\n  npm install ${packages.join(" ")}\n`
  )
}

main().catch(explain)
