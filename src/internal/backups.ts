/**
 * The numbered backups of a file: `<path>.1` is the newest, and numbers grow with age.
 *
 * Files numbered higher than rotation keeps, from a time when it kept more, are left alone.
 */
import type { FileSystem } from "@effect/platform"
import { Effect } from "effect"
import { fromPlatform, type LogFileError } from "./logFileError.js"

/** Makes the file its newest backup; the oldest one goes where there are `count` already. */
export const rotate = (fs: FileSystem.FileSystem, path: string, count: number): Effect.Effect<void, LogFileError> =>
  Effect.gen(function* () {
    const last = (yield* freeNumber(fs, path, count)) ?? count
    // From the oldest down: a crash in between leaves a gap, which the next rotation fills, and loses nothing.
    for (let number = last - 1; number >= 1; number--) yield* rename(fs, `${path}.${number}`, `${path}.${number + 1}`)
    yield* rename(fs, path, `${path}.1`)
  })

/** The lowest number without a backup, if one is left. */
export const freeNumber = (
  fs: FileSystem.FileSystem,
  path: string,
  count: number
): Effect.Effect<number | undefined, LogFileError> =>
  Effect.gen(function* () {
    for (let number = 1; number <= count; number++) {
      const backup = `${path}.${number}`
      if (!(yield* fs.exists(backup).pipe(Effect.mapError(fromPlatform(backup))))) return number
    }
    return undefined
  })

const rename = (fs: FileSystem.FileSystem, from: string, to: string) =>
  fs.rename(from, to).pipe(Effect.mapError(fromPlatform(from)))
