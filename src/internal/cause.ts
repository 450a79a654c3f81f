/**
 * Errors and causes as text, for logs. They are the application's own objects: even to look at one may throw.
 */
import { Cause } from "effect"
import { toText } from "./jsonText.js"

/** The tag or class of an error, or of what a cause tells first. */
export const typeOf = (error: unknown): string =>
  safely(() => {
    const thrown = Cause.isCause(error) ? Cause.squash(error) : error
    if (typeof thrown !== "object" || thrown === null) return typeof thrown
    if ("_tag" in thrown && typeof thrown._tag === "string") return thrown._tag
    return thrown.constructor.name
  })

/** The error with its trace, and the causes behind it. */
export const infoOf = (error: unknown): string =>
  safely(() => Cause.pretty(Cause.isCause(error) ? error : Cause.fail(error), { renderErrorCause: true }))

/** What looking gives, or a stand-in where it throws. */
export const safely = (look: () => string): string => {
  try {
    return String(look())
  } catch {
    return "<unreadable>"
  }
}

/** Without what loggers cannot render, Effect's own among them: a logger that throws would take the answer with it. */
export const readable = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> => {
  if (isReadable(cause)) return cause
  const orText = (thrown: unknown) => (isReadable(Cause.fail(thrown)) ? thrown : toText(thrown))
  return Cause.match(cause, {
    onEmpty: Cause.empty,
    onFail: (failure) => Cause.fail(orText(failure)),
    onDie: (defect) => Cause.die(orText(defect)),
    onInterrupt: Cause.interrupt,
    onSequential: Cause.sequential,
    onParallel: Cause.parallel
  })
}

const isReadable = (cause: Cause.Cause<unknown>): boolean => {
  try {
    return Cause.pretty(cause, { renderErrorCause: true }) !== undefined
  } catch {
    return false
  }
}
