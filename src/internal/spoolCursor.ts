/**
 * Where the forwarding of a spool has got to: a small file beside it, which names the last record that was forwarded.
 *
 * It is written to a file of its own first, and takes its place in one step. Without it nothing is lost: everything that is
 * still there is forwarded again.
 */
import type { FileSystem } from "@effect/platform"
import { Effect, Either, ParseResult, Schema } from "effect"
import * as Folder from "./folder.js"
import { codeOf, fromPlatform, LogFileError } from "./logFileError.js"

/** The last record: its sequence number, 0 before the first, and its hash. */
export interface Cursor {
  readonly seq: number
  readonly hash: string
}

const Stored = Schema.parseJson(
  Schema.Struct({
    v: Schema.Literal(1),
    instance: Schema.String,
    seq: Schema.NonNegativeInt,
    hash: Schema.String.pipe(Schema.pattern(/^[0-9a-f]{64}$/)),
    /** Over all of it: a number that has lost a bit would still be a number. */
    crc32: Schema.String
  })
)

const decode = Schema.decodeEither(Stored)

export type Found =
  | { readonly _tag: "Found"; readonly instance: string; readonly cursor: Cursor }
  | { readonly _tag: "Missing" }
  /** `problem` follows its path in a sentence. */
  | { readonly _tag: "Unusable"; readonly problem: string }

export const pathOf = (path: string): string => `${path}.cursor`

/** More than any cursor takes. */
const longest = 4096

export const read = (fs: FileSystem.FileSystem, path: string): Effect.Effect<Found> =>
  Effect.gen(function* () {
    const { size } = yield* fs.stat(pathOf(path))
    if (Number(size) > longest) return unusable("is no cursor: it is too long")
    return Either.match(decode(yield* fs.readFileString(pathOf(path))), {
      onLeft: (error) =>
        unusable(`is damaged (${ParseResult.TreeFormatter.formatErrorSync(error).split("\n").at(-1)})`),
      onRight: ({ crc32, hash, instance, seq }): Found =>
        crc32 === checksum(instance, { seq, hash })
          ? { _tag: "Found", instance, cursor: { seq, hash } }
          : unusable("is damaged (its checksum is another one)")
    })
  }).pipe(
    Effect.catchAll((error) =>
      Effect.succeed<Found>(
        codeOf(error) === "ENOENT" ? { _tag: "Missing" } : unusable(`cannot be read (${error.message})`)
      )
    )
  )

const unusable = (problem: string): Found => ({ _tag: "Unusable", problem })

/** Succeeds once the cursor is safe. */
export const write = (
  fs: FileSystem.FileSystem,
  path: string,
  instance: string,
  { hash, seq }: Cursor
): Effect.Effect<void, LogFileError> => {
  const cursor = pathOf(path)
  const partial = `${cursor}.partial`
  const crc32 = checksum(instance, { seq, hash })
  const bytes = encoder.encode(Schema.encodeSync(Stored)({ v: 1, instance, seq, hash, crc32 }) + "\n")
  const anew = Effect.scoped(store(fs, partial, bytes, "w")).pipe(
    Effect.zipRight(fs.rename(partial, cursor)),
    Effect.mapError(fromPlatform(cursor)),
    Effect.zipRight(Folder.sync(fs, cursor)),
    Effect.tapError(() => Effect.ignore(fs.remove(partial)))
  )
  // Where the disk is full, room comes back only with the cursor: it is written into the room that it has. A crash in the
  // middle of that may damage it.
  const inPlace = Effect.mapError(Effect.scoped(store(fs, cursor, bytes, "r+")), fromPlatform(cursor))
  return Effect.catchIf(
    anew,
    ({ reason }) => reason === "Full",
    (error) => Effect.mapError(inPlace, () => error)
  )
}

const store = (fs: FileSystem.FileSystem, path: string, bytes: Uint8Array, flag: "w" | "r+") =>
  Effect.gen(function* () {
    const file = yield* fs.open(path, { flag, mode: 0o600 })
    yield* file.writeAll(bytes)
    yield* file.truncate(bytes.length)
    yield* file.sync
  })

const encoder = new TextEncoder()

/** CRC-32 as in IEEE 802.3, in hexadecimal digits. */
const checksum = (instance: string, { hash, seq }: Cursor): string => {
  let crc = ~0
  for (const byte of encoder.encode(`1 ${instance} ${seq} ${hash}`)) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (~crc >>> 0).toString(16).padStart(8, "0")
}
