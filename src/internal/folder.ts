/**
 * Names in folders, as safe as they can be made.
 */
import type { FileSystem } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { Effect } from "effect"
import { codeOf, fromPlatform, type LogFileError } from "./logFileError.js"

/** The folder of a path, with its separator; nothing for a bare name. */
const prefixOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1)

const folderOf = (path: string): string => prefixOf(path) || "."

export const nameOf = (path: string): string => path.slice(prefixOf(path).length)

/** The paths in the same folder whose names begin with that of the given one, and what follows it in each. */
export const beside = (
  fs: FileSystem.FileSystem,
  path: string
): Effect.Effect<ReadonlyArray<{ readonly path: string; readonly suffix: string }>, PlatformError> =>
  Effect.map(fs.readDirectory(folderOf(path)), (names) => {
    const own = nameOf(path)
    return names
      .filter((name) => name.startsWith(own))
      .map((name) => ({ path: prefixOf(path) + name, suffix: name.slice(own.length) }))
  })

/**
 * Makes new and changed names in the folder of the path safe. Not every platform lets us, and those that do not keep names
 * safe themselves.
 */
export const sync = (fs: FileSystem.FileSystem, path: string): Effect.Effect<void, LogFileError> =>
  fs.open(folderOf(path)).pipe(
    Effect.flatMap((folder) => folder.sync),
    Effect.scoped,
    Effect.catchAll((error) => (unsupported.includes(codeOf(error)) ? Effect.void : fromPlatform(path)(error)))
  )

const unsupported = ["EINVAL", "EISDIR", "EPERM", "EACCES", "ENOTSUP", "EBADF"]
