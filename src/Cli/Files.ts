/**
 * The files of a log as an argument, and how they are read.
 */
import * as Args from "@effect/cli/Args"
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import { Effect, type Scope } from "effect"
import * as TrailFiles from "../internal/trailFiles.js"
import * as Address from "./Address.js"
import { CliError } from "./CliError.js"
import { Standard } from "./Standard.js"

export const args = Args.text({ name: "FILES" }).pipe(
  Args.withDescription(
    "The files of one log, from the oldest on. The path of a log stands for its segments and the active file; - is the standard input. Or the address of a store: postgres://HOST/DATABASE, sqlite:PATH or nats://HOST/STREAM"
  ),
  Args.atLeast(1)
)

/** Files, and no address of a store. */
export const open = (
  files: ReadonlyArray<string>
): Effect.Effect<TrailFiles.Trail, CliError | TrailFiles.TrailError, FileSystem.FileSystem | Path.Path | Scope.Scope> =>
  Effect.gen(function* () {
    yield* check(files)
    const address = files.find(Address.isAddress)
    if (address !== undefined) return yield* new CliError({ description: `'${Address.show(address)}' is no file` })
    const { stdin } = yield* Standard
    return yield* TrailFiles.lines(files, stdin)
  })

/** Unknown options come as files. */
export const check = (files: ReadonlyArray<string>): Effect.Effect<void, CliError> => {
  const option = files.find((file) => file.startsWith("-") && file !== "-")
  if (option !== undefined) {
    return new CliError({
      description: `There is no option '${option}' here, or its value is missing: see --help. A file of that name is './${option}'`
    })
  }
  return files.includes("") ? new CliError({ description: "The name of a file is empty" }) : Effect.void
}
