/**
 * Where a command writes: the standard output, or a file.
 */
import * as Options from "@effect/cli/Options"
import * as FileSystem from "@effect/platform/FileSystem"
import { Effect, Option, type Scope } from "effect"
import { visible } from "../internal/visible.js"
import { CliError } from "./CliError.js"
import { type OutputError, print } from "./Standard.js"

export const option = Options.text("output").pipe(
  Options.withAlias("o"),
  Options.withDescription("The file to write, instead of the standard output"),
  Options.optional
)

export type Write = (text: string) => Effect.Effect<void, CliError | OutputError>

/** The file is emptied. `mode` says who may read it, unless it was there before. */
export const open = (
  output: Option.Option<string>,
  options?: { readonly mode: number }
): Effect.Effect<Write, CliError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    if (Option.isNone(output)) return print
    const fs = yield* FileSystem.FileSystem
    const failed = (cause: Error) =>
      new CliError({ description: `'${output.value}' cannot be written: ${visible(cause.message)}`, cause })
    const file = yield* Effect.mapError(fs.open(output.value, { flag: "w", ...options }), failed)
    const encoder = new TextEncoder()
    return (text: string) => Effect.mapError(file.writeAll(encoder.encode(text)), failed)
  })
