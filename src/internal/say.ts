/**
 * What the library itself says in the application log. A logger is the application's code: where it throws, or cannot show an
 * error, what was going on goes on all the same.
 */
import { Cause, Effect, LogLevel } from "effect"
import { readable } from "./cause.js"

const at =
  (level: LogLevel.LogLevel) =>
  (message: string, error?: unknown): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (error === undefined) return Effect.logWithLevel(level, message)
      return Effect.logWithLevel(level, message, readable(Cause.isCause(error) ? error : Cause.fail(error)))
    }).pipe(Effect.catchAllCause(() => Effect.void))

export const debug = at(LogLevel.Debug)
export const info = at(LogLevel.Info)
export const warning = at(LogLevel.Warning)
export const error = at(LogLevel.Error)
export const fatal = at(LogLevel.Fatal)

/** A mistake of the program, in the name of the library. */
export const mistake = (text: string): Effect.Effect<void> =>
  Effect.annotateLogs(error(text), "module", "effect-registrar")
