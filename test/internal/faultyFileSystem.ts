/**
 * A file system with failures where a test wants them.
 */
import { FileSystem } from "@effect/platform"
import { SystemError, type PlatformError, type SystemErrorReason } from "@effect/platform/Error"
import { Effect } from "effect"

export const operations = [
  "open",
  "stat",
  "read",
  "write",
  "sync",
  "truncate",
  "rename",
  "remove",
  "access",
  "realPath",
  "readDirectory",
  "utimes",
  "readFile",
  "writeFile"
] as const

export type Operation = (typeof operations)[number]

export interface Fault {
  readonly code: string
  /** How much of the operation happens before it fails; `"half"` is a write that breaks off. */
  readonly done?: "nothing" | "half" | "all"
}

/** Asked before every operation, in turn; answers whether and how it fails. */
export type Decide = (operation: Operation, path: string) => Fault | undefined

export const wrap = (fs: FileSystem.FileSystem, decide: Decide): FileSystem.FileSystem => {
  const guard = guardWith(decide)
  // Made anew, so that what is built on other operations goes through them.
  return FileSystem.make({
    ...fs,
    open: (path, options) =>
      guard("open", path)(Effect.map(fs.open(path, options), (file) => wrapFile(path, file, decide))),
    stat: (path) => guard("stat", path)(fs.stat(path)),
    rename: (from, to) => guard("rename", from)(fs.rename(from, to)),
    remove: (path, options) => guard("remove", path)(fs.remove(path, options)),
    access: (path, options) => guard("access", path)(fs.access(path, options)),
    realPath: (path) => guard("realPath", path)(fs.realPath(path)),
    readDirectory: (path, options) => guard("readDirectory", path)(fs.readDirectory(path, options)),
    utimes: (path, atime, mtime) => guard("utimes", path)(fs.utimes(path, atime, mtime)),
    readFile: (path) => guard("readFile", path)(fs.readFile(path)),
    writeFile: (path, data, options) =>
      guard("writeFile", path)(fs.writeFile(path, data, options), fs.writeFile(path, halfOf(data), options))
  })
}

export const wrapFile = (path: string, file: FileSystem.File, decide: Decide): FileSystem.File => {
  const guard = guardWith(decide)
  return {
    [FileSystem.FileTypeId]: FileSystem.FileTypeId,
    fd: file.fd,
    stat: guard("stat", path)(file.stat),
    seek: (offset, from) => file.seek(offset, from),
    sync: guard("sync", path)(file.sync),
    read: (buffer) => guard("read", path)(file.read(buffer)),
    readAlloc: (size) => guard("read", path)(file.readAlloc(size)),
    truncate: (length) => guard("truncate", path)(file.truncate(length)),
    write: (buffer) => guard("write", path)(file.write(buffer)),
    writeAll: (buffer) => guard("write", path)(file.writeAll(buffer), file.writeAll(halfOf(buffer)))
  }
}

const guardWith =
  (decide: Decide) =>
  (operation: Operation, path: string) =>
  <A, R>(effect: Effect.Effect<A, PlatformError, R>, half: Effect.Effect<unknown, PlatformError, R> = Effect.void) =>
    Effect.suspend(() => {
      const fault = decide(operation, path)
      if (fault === undefined) return effect
      const before = fault.done === "all" ? effect : fault.done === "half" ? half : Effect.void
      return Effect.zipRight(Effect.ignore(before), Effect.fail(failure(operation, path, fault.code)))
    })

const halfOf = (bytes: Uint8Array) => bytes.subarray(0, Math.ceil(bytes.length / 2))

/** As @effect/platform-node reports it. */
const failure = (operation: Operation, path: string, code: string) =>
  new SystemError({
    module: "FileSystem",
    method: operation,
    reason: reasonByCode[code] ?? "Unknown",
    pathOrDescriptor: path,
    syscall: operation,
    description: `${code}: injected, ${operation} '${path}'`,
    cause: Object.assign(new Error(`${code}: injected`), { code, syscall: operation })
  })

const reasonByCode: Record<string, SystemErrorReason> = {
  ENOENT: "NotFound",
  EACCES: "PermissionDenied",
  EISDIR: "BadResource",
  ENOTDIR: "BadResource"
}
