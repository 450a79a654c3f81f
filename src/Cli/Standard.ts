/**
 * The standard streams of the process: `Terminal` has no bytes, no standard error, and does not tell when a reader is gone.
 */
import { SystemError, type PlatformError } from "@effect/platform/Error"
import { fromReadable } from "@effect/platform-node/NodeStream"
import { Config, Context, Data, Effect, type Stream } from "effect"
import { type Json } from "../internal/json.js"
import { stringify } from "../internal/jsonText.js"
import { visibleJson } from "../internal/visible.js"

export interface Output {
  /** Succeeds when the text is out of the program's hands. */
  readonly write: (text: string) => Effect.Effect<void, OutputError>
  readonly isTerminal: boolean
  /** Of the terminal, as it is now. */
  readonly columns: () => number | undefined
}

/** The reader of the output is `Closed`, as that of `head` is after ten lines, or it `Failed`, as on a full disk. */
export class OutputError extends Data.TaggedError("OutputError")<{
  readonly reason: "Closed" | "Failed"
  readonly cause: Error
}> {
  override get message() {
    return `The output cannot be written: ${this.cause.message}`
  }
}

interface Service {
  readonly stdin: Stream.Stream<Uint8Array, PlatformError>
  readonly stdout: Output
  readonly stderr: Output
}

/** Those of this process unless others are provided. */
export class Standard extends Context.Reference<Standard>()("effect-registrar/Cli/Standard", {
  defaultValue: (): Service => ({
    stdin: fromReadable(
      () => process.stdin,
      (cause) =>
        new SystemError({ module: "Stream", method: "read", reason: "Unknown", pathOrDescriptor: "stdin", cause })
    ),
    stdout: output(process.stdout),
    stderr: output(process.stderr)
  })
}) {}

const output = (stream: NodeJS.WriteStream): Output => {
  // What fails is told to who writes; without a listener it would end the program as well.
  stream.on("error", () => undefined)
  return {
    isTerminal: stream.isTTY,
    columns: () => stream.columns,
    write: (text) =>
      Effect.async((resume) => {
        stream.write(text, (cause) => {
          if (cause === undefined || cause === null) return resume(Effect.void)
          const isClosed = "code" in cause && (cause.code === "EPIPE" || cause.code === "ERR_STREAM_DESTROYED")
          resume(new OutputError({ reason: isClosed ? "Closed" : "Failed", cause }))
        })
      })
  }
}

/** To the standard output. */
export const print = (text: string): Effect.Effect<void, OutputError> =>
  Effect.flatMap(Standard, ({ stdout }) => stdout.write(text))

/** As one line of JSON, in which a terminal finds nothing to obey. */
export const printJson = (value: Json): Effect.Effect<void, OutputError> => print(visibleJson(stringify(value)) + "\n")

/** A line to the standard error. That nobody reads it is no reason to stop. */
export const note = (text: string): Effect.Effect<void> =>
  Effect.flatMap(Standard, ({ stderr }) => Effect.ignore(stderr.write(`${text}\n`)))

/** See https://no-color.org. */
export const hasColour: Effect.Effect<boolean> = Effect.gen(function* () {
  const { stdout } = yield* Standard
  const noColour = yield* Effect.orElseSucceed(Config.string("NO_COLOR"), () => "")
  return stdout.isTerminal && noColour === ""
})

/** How wide what is printed may be. */
export const columns: Effect.Effect<number> = Effect.map(Standard, ({ stdout }) => stdout.columns() || 80)
