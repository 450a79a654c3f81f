/**
 * What the package says of itself, where that can still be found.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { Effect, Option, Schema } from "effect"

const Manifest = Schema.parseJson(
  Schema.Struct({
    version: Schema.String,
    peerDependencies: Schema.Record({ key: Schema.String, value: Schema.String })
  })
)

export const manifest: Effect.Effect<
  Option.Option<typeof Manifest.Type>,
  never,
  FileSystem.FileSystem | Path.Path
> = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = yield* path.fromFileUrl(new URL("../../package.json", import.meta.url))
  return yield* Schema.decode(Manifest)(yield* fs.readFileString(file))
}).pipe(Effect.option)
