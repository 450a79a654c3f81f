/**
 * The command line: `registrar audit verify`, `tail`, `stats` and `export`, `registrar catalogue` and `catalogue diff`.
 * `docs/guides/command-line.md` describes it.
 *
 * An application with a command line of its own mounts `audit` and `catalogue` in it.
 *
 * @example
 * import { Command } from "@effect/cli"
 * import { NodeContext } from "@effect/platform-node"
 * import * as Cli from "effect-registrar/Cli"
 * import { Effect } from "effect"
 *
 * const app = Command.make("my-app").pipe(Command.withSubcommands([Cli.audit]))
 * const main = Command.run(app, { name: "my-app", version: "1.0.0" })
 *
 * const program = Cli.exitCode(main(["node", "my-app", "audit", "verify", "missing.jsonl"]))
 * Effect.runPromise(Effect.provide(program, NodeContext.layer)).then(console.log) // 2
 */
import type { CliApp } from "@effect/cli/CliApp"
import * as Command from "@effect/cli/Command"
import * as ValidationError from "@effect/cli/ValidationError"
import { Cause, Effect, Option } from "effect"
import { CliError, NotValid } from "./Cli/CliError.js"
import * as Catalogue from "./Cli/Catalogue.js"
import * as Export from "./Cli/Export.js"
import { manifest } from "./Cli/Manifest.js"
import { note, OutputError } from "./Cli/Standard.js"
import * as Stats from "./Cli/Stats.js"
import * as Tail from "./Cli/Tail.js"
import * as Verify from "./Cli/Verify.js"
import { TrailError } from "./internal/trailFiles.js"
import { visible } from "./internal/visible.js"

/**
 * `audit` with its subcommands.
 *
 * @category commands
 */
export const audit = Command.make("audit").pipe(
  Command.withDescription("Verifies and reads audit logs, in files and in stores"),
  Command.withSubcommands([Verify.command, Tail.command, Stats.command, Export.command])
)

/**
 * `catalogue` with its subcommand.
 *
 * @category commands
 */
export const catalogue = Catalogue.command

/**
 * `registrar` with all commands.
 *
 * @category commands
 */
export const command = Command.make("registrar").pipe(Command.withSubcommands([audit, catalogue]))

/**
 * What a command tells its caller: 0 for success, 1 for a log that is not valid or changes that break clients, 2 for what cannot
 * be read or makes no sense.
 *
 * @category models
 */
export type ExitCode = 0 | 1 | 2

/**
 * Runs `registrar` with the arguments as `process.argv` has them, of which the first two are not looked at. What goes wrong
 * is printed on the standard error.
 *
 * @category commands
 */
export const run = (args: ReadonlyArray<string>): Effect.Effect<ExitCode, never, CliApp.Environment> =>
  Effect.flatMap(version, (version) =>
    exitCode(Command.run(command, { name: "registrar", version, executable: "registrar" })(withInputLast(args)))
  )

/** @effect/cli takes what follows `-` for files, options too. What follows an option may be its value. */
const withInputLast = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const isInput = (arg: string, at: number) => arg === "-" && !args[at - 1]?.startsWith("-")
  return [...args.filter((arg, at) => !isInput(arg, at)), ...args.filter(isInput)]
}

/**
 * Prints on the standard error why commands failed, and says so with the code to end the process with. Whoever reads the output
 * may stop doing so, which is no failure.
 *
 * @category commands
 */
export const exitCode = <E, R>(commands: Effect.Effect<void, E, R>): Effect.Effect<ExitCode, never, R> =>
  commands.pipe(
    Effect.as<ExitCode>(0),
    Effect.catchAllCause((cause) => {
      if (Cause.isInterrupted(cause)) return Effect.interrupt
      const error = Cause.squash(cause)
      if (error instanceof NotValid) return Effect.succeed<ExitCode>(1)
      if (error instanceof OutputError && error.reason === "Closed") return Effect.succeed<ExitCode>(0)
      // @effect/cli has printed it.
      if (ValidationError.isValidationError(error)) return Effect.succeed<ExitCode>(2)
      const isOurs = [TrailError, CliError, OutputError].some((kind) => error instanceof kind)
      return Effect.as(
        note(isOurs && error instanceof Error ? visible(error.message) : Cause.pretty(cause)),
        2 as const
      )
    })
  )

/** As the package says it, where that can still be found. */
const version = Effect.map(
  manifest,
  Option.match({ onNone: () => "of an unknown version", onSome: ({ version }) => version })
)
