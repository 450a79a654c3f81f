/**
 * The real file system, which ends the program at a chosen operation.
 */
import { FileSystem } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { Effect } from "effect"
import { existsSync, linkSync } from "node:fs"
import { basename, join } from "node:path"
import type { Target } from "./protocol.js"

export interface Options {
  /** Files are named after their place beside these; the longest one that fits counts. */
  readonly names: ReadonlyArray<readonly [name: string, path: string]>
  readonly stage: () => string
  readonly target: Target | undefined
  /** Told about the first operation at each place. */
  readonly onPlace: (place: string) => void
  readonly onEnd: () => void
  /** Segments that are removed are kept here as well. */
  readonly removed: string
}

export const wrap = (fs: FileSystem.FileSystem, options: Options): FileSystem.FileSystem => {
  const { target } = options
  const seen = new Map<string, number>()

  const end = Effect.suspend(() => {
    options.onEnd()
    return Effect.sync(() => process.kill(process.pid, "SIGKILL")).pipe(
      Effect.delay(target?.pauseMillis ?? 0),
      // Nothing after this operation happens here, whatever else goes on during the pause.
      Effect.zipRight(Effect.never)
    )
  })

  const mortal =
    (operation: string, path: string, what = "") =>
    <A, R>(
      effect: Effect.Effect<A, PlatformError, R>,
      half: Effect.Effect<unknown, PlatformError, R> = Effect.void
    ): Effect.Effect<A, PlatformError, R> =>
      Effect.suspend(() => {
        const place = `${options.stage()}: ${operation} ${nameOf(path)}${what}`
        const occurrence = (seen.get(place) ?? 0) + 1
        seen.set(place, occurrence)
        if (occurrence === 1) options.onPlace(place)
        if (target?.place !== place || target.occurrence !== occurrence) return effect
        if (target.moment === "before") return end
        return Effect.zipRight(target.moment === "half" ? half : effect, end)
      })

  const nameOf = (path: string): string => {
    for (const [name, begin] of options.names) {
      if (path === begin) return name
      if (!path.startsWith(begin)) continue
      const suffix = path.slice(begin.length)
      if (suffix.startsWith(".lock-")) return `claim of ${name}`
      if (suffix.endsWith(".torn")) return `torn lines of ${name}`
      if (suffix.endsWith(".gz.partial")) return `unfinished gz of ${name}`
      if (suffix.endsWith(".gz")) return `gz of ${name}`
      return `segment of ${name}`
    }
    return "folder"
  }

  const wrapFile = (path: string, file: FileSystem.File): FileSystem.File => {
    const write = <A>(
      buffer: Uint8Array,
      writing: (buffer: Uint8Array) => Effect.Effect<A, PlatformError>
    ): Effect.Effect<A, PlatformError> =>
      Effect.suspend(() => {
        const half = buffer.subarray(0, buffer.length >> 1)
        const what = includes(buffer, '"seal":{') ? " with a seal" : ""
        return mortal("write", path, what)(writing(buffer), half.length === 0 ? Effect.void : file.writeAll(half))
      })
    return {
      [FileSystem.FileTypeId]: FileSystem.FileTypeId,
      fd: file.fd,
      stat: file.stat,
      seek: (offset, from) => file.seek(offset, from),
      sync: mortal("sync", path)(file.sync),
      read: (buffer) => file.read(buffer),
      readAlloc: (size) => file.readAlloc(size),
      truncate: (length) => mortal("truncate", path)(file.truncate(length)),
      write: (buffer) => write(buffer, (bytes) => file.write(bytes)),
      writeAll: (buffer) => write(buffer, (bytes) => file.writeAll(bytes))
    }
  }

  return {
    ...fs,
    open: (path, settings) => mortal("open", path)(Effect.map(fs.open(path, settings), (file) => wrapFile(path, file))),
    rename: (from, to) => mortal("rename", to)(fs.rename(from, to)),
    remove: (path, settings) =>
      Effect.suspend(() => {
        if (!segment.test(path)) return mortal("remove", path)(fs.remove(path, settings))
        keep(path, options.removed)
        const isForGood = path.endsWith(".gz") || !existsSync(`${path}.gz`)
        return mortal("remove", path, isForGood ? " for good" : "")(fs.remove(path, settings))
      }),
    utimes: (path, atime, mtime) => mortal("utimes", path)(fs.utimes(path, atime, mtime)),
    writeFileString: (path, text, settings) =>
      mortal("create", path)(
        fs.writeFileString(path, text, settings),
        fs.writeFileString(path, text.slice(0, text.length >> 1), settings)
      )
  }
}

const segment = /\.\d{6,15}(?:\.gz)?$/

const keep = (path: string, folder: string) => {
  const kept = join(folder, basename(path))
  if (existsSync(path) && !existsSync(kept)) linkSync(path, kept)
}

const includes = (bytes: Uint8Array, text: string) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(text)
