/**
 * Why the server does not start, in one sentence for whoever has to mend it.
 */
import type { HttpServerError } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { ConfigError, Data } from "effect"

export class StartError extends Data.TaggedError("StartError")<{
  readonly subject: string
  readonly problem: string
}> {
  override get message() {
    return `${this.subject} ${this.problem}`
  }
}

export const fromPlatform =
  (what: string) =>
  (error: PlatformError): StartError =>
    new StartError({ subject: `${what} '${pathOf(error)}'`, problem: problemOf(error) })

const pathOf = (error: PlatformError): string =>
  error._tag === "SystemError" ? String(error.pathOrDescriptor ?? "") : ""

const problemOf = (error: PlatformError): string => {
  if (error._tag === "BadArgument") return `is not a path: ${error.message}`
  switch (error.reason) {
    case "NotFound":
      return "does not exist"
    case "PermissionDenied":
      return "may not be used by this program: give its user the permission"
    case "BadResource":
    case "AlreadyExists":
      return "is of the wrong kind: there is a file in place of a folder, or a folder in place of a file"
    default:
      return `cannot be used: ${error.message}`
  }
}

/** The sentence for anything that the Layers of the server fail with. */
export const sentence = (error: Error | ConfigError.ConfigError | HttpServerError.ServeError): string => {
  if (ConfigError.isConfigError(error)) return configProblems(error).join("; ")
  if ("_tag" in error && error._tag === "ServeError") return `The server cannot listen: ${causeOf(error)}`
  return error.message
}

const causeOf = ({ cause }: { readonly cause?: unknown }): string => {
  const text = cause instanceof Error ? cause.message : String(cause)
  const problem = text.replace(/^listen \w+: /, "")
  if (text.includes("EADDRINUSE")) return `${problem}; stop what runs there, or set another PORT`
  if (text.includes("EACCES")) return `${problem}; set a PORT above 1023`
  return `${problem}; set another HOST`
}

const configProblems = (error: ConfigError.ConfigError): ReadonlyArray<string> =>
  ConfigError.isAnd(error) || ConfigError.isOr(error)
    ? [...configProblems(error.left), ...configProblems(error.right)]
    : [`The setting ${error.path.join(".")} is wrong: ${error.message}`]
