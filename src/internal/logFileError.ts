/**
 * Why lines could not be stored: the operating system's error codes, in sentences for whoever has to mend it.
 */
import type { PlatformError, SystemErrorReason } from "@effect/platform/Error"
import { Data, Predicate } from "effect"

/**
 * `reason` is for decisions, as in `AuditSinkError`.
 */
export class LogFileError extends Data.TaggedError("LogFileError")<{
  readonly reason: "Full" | "Unwritable" | "Unavailable" | "Claimed" | "Misconfigured"
  /** The file that failed: the log, one of its segments, or what holds its torn lines. */
  readonly path: string
  readonly description: string
  /** How many of the lines that were to be appended are safe all the same: always the first ones. */
  readonly written: number
  readonly cause?: unknown
}> {
  override get message() {
    return this.description
  }
}

export const fromPlatform =
  (path: string) =>
  (cause: PlatformError): LogFileError => {
    const code = codeOf(cause)
    const [reason, problem] = problemByCode[code] ?? ["Unavailable", `could not be used (${cause.message})`]
    return new LogFileError({ reason, path, description: `'${path}' ${problem}`, written: 0, cause })
  }

const problemByCode: Record<string, readonly [LogFileError["reason"], string]> = {
  ENOSPC: ["Full", "cannot grow because its disk is full: free some space"],
  EDQUOT: ["Full", "cannot grow because the disk quota is used up: free some space or raise the quota"],
  EFBIG: ["Full", "is as large as a file may be here: raise that limit, or let the log rotate with a lower 'maxBytes'"],
  EACCES: ["Unwritable", "may not be written: give this program's user write access to the file and its folder"],
  EPERM: ["Unwritable", "may not be written: give this program's user write access to the file and its folder"],
  EROFS: ["Unwritable", "is on a read-only file system: mount it writable, or choose another path"],
  ENOENT: ["Unwritable", "cannot be created because its folder does not exist: create the folder, or correct the path"],
  EISDIR: ["Unwritable", "is a folder: give the path of a file inside it"],
  ENOTDIR: ["Unwritable", "cannot be created because a part of its path is no folder: correct the path"],
  ELOOP: ["Unwritable", "goes round in symbolic links: correct the path"],
  ENAMETOOLONG: ["Unwritable", "is too long a name: choose a shorter path"],
  EINVAL_PATH: ["Unwritable", "is not a path: correct it"],
  EMFILE: ["Unavailable", "cannot be opened because this program has too many files open: raise its limit"],
  ENFILE: ["Unavailable", "cannot be opened because the system has too many files open: raise its limit"]
}

/** The errno, or the nearest one on a platform that does not tell. */
export const codeOf = (error: PlatformError): string => {
  if (!("reason" in error)) return "EINVAL_PATH"
  const { cause, reason } = error
  if (Predicate.hasProperty(cause, "code") && typeof cause.code === "string") return cause.code
  return codeByReason[reason] ?? reason
}

const codeByReason: { readonly [Reason in SystemErrorReason]?: string } = {
  NotFound: "ENOENT",
  PermissionDenied: "EACCES",
  BadResource: "EISDIR"
}

export const withWritten = ({ reason, path, description, cause }: LogFileError, written: number): LogFileError =>
  new LogFileError({ reason, path, description, cause, written })
