/**
 * What the commands end with when they do not succeed.
 */
import { Data } from "effect"

/** What was looked at is not as it should be. The report, which says why, has been printed. */
export class NotValid extends Data.TaggedError("NotValid")<{}> {
  override get message() {
    return "It is not valid"
  }
}

/** What was asked for makes no sense, or cannot be done. */
export class CliError extends Data.TaggedError("CliError")<{ readonly description: string; readonly cause?: unknown }> {
  override get message() {
    return this.description
  }
}
