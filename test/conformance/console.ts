/**
 * A console that keeps what is written to it, with the stream that it would have gone to.
 */
import { Console, Effect } from "effect"
import { format } from "node:util"

export interface ConsoleLine {
  readonly stream: "stdout" | "stderr"
  readonly text: string
}

export const capturing = (lines: Array<ConsoleLine>): Console.Console => {
  const write = (stream: ConsoleLine["stream"], args: ReadonlyArray<unknown>) => {
    for (const text of format(...args).split("\n")) lines.push({ stream, text })
  }
  const out = (...args: ReadonlyArray<unknown>) => write("stdout", args)
  const err = (...args: ReadonlyArray<unknown>) => write("stderr", args)
  const outLater = (...args: ReadonlyArray<unknown>) => Effect.sync(() => write("stdout", args))
  const errLater = (...args: ReadonlyArray<unknown>) => Effect.sync(() => write("stderr", args))

  // The other methods are those of the real console: nothing here calls them.
  const base = Effect.runSync(Effect.console)
  const unsafe = Object.create(base.unsafe) as Console.UnsafeConsole
  Object.assign(unsafe, { log: out, info: out, debug: out, error: err, warn: err, trace: err })
  return {
    ...base,
    unsafe,
    log: outLater,
    info: outLater,
    debug: outLater,
    error: errLater,
    warn: errLater,
    trace: errLater
  }
}
