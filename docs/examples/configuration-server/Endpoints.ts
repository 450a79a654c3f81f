/**
 * The files that are served: everything in one folder, but nothing outside of it, no dot files, and no env files.
 */
import { FileSystem } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { Context, Effect, Layer, Option } from "effect"
import * as StartError from "./StartError.js"

export interface Endpoint {
  /** Its path in the folder: `public/motd.txt`. */
  readonly name: string
  readonly text: string
}

export class Endpoints extends Context.Tag("configuration-server/Endpoints")<
  Endpoints,
  {
    /** The file of this name, if it is there and may be served. A disk that fails is a defect. */
    readonly find: (segments: ReadonlyArray<string>) => Effect.Effect<Option.Option<Endpoint>>
    /** All that can be found. */
    readonly all: Effect.Effect<ReadonlyArray<Endpoint>, PlatformError>
  }
>() {}

export const envFileSuffix = ".scs-env.yaml"

export const layer = (folder: string): Layer.Layer<Endpoints, StartError.StartError, FileSystem.FileSystem> =>
  Layer.effect(
    Endpoints,
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const root = yield* fs.realPath(folder)

      const find = (segments: ReadonlyArray<string>) =>
        Effect.gen(function* () {
          const name = segments.join("/")
          if (!segments.every(isPlain) || isEnvFile(name)) return Option.none()
          // Links are followed, and what counts is where they lead.
          const path = yield* resolve(`${root}/${name}`)
          if (Option.isNone(path) || !isInside(root, path.value) || isEnvFile(path.value)) return Option.none()
          if ((yield* fs.stat(path.value)).type !== "File") return Option.none()
          return Option.some({ name, text: yield* fs.readFileString(path.value) })
        })

      /** Whatever the name is: too long, or going on behind a file, it is simply not there. */
      const resolve = (path: string) =>
        fs.realPath(path).pipe(
          Effect.map(Option.some),
          Effect.catchTag("SystemError", (error) =>
            error.reason === "PermissionDenied" ? Effect.fail(error) : Effect.succeedNone
          )
        )

      const all = fs.readDirectory(root, { recursive: true }).pipe(
        Effect.flatMap(Effect.forEach((name) => find(name.split(/[\\/]/)))),
        Effect.map((found) => found.flatMap(Option.toArray))
      )
      return Endpoints.of({ find: (segments) => Effect.orDie(find(segments)), all })
    }).pipe(Effect.mapError(StartError.fromPlatform("The folder of the endpoints")))
  )

const isPlain = (segment: string): boolean => segment !== "" && !segment.startsWith(".") && !/[\\/\0]/.test(segment)

const isEnvFile = (name: string): boolean => name.toLowerCase().endsWith(envFileSuffix)

const isInside = (root: string, path: string): boolean =>
  /[\\/]/.test(path.charAt(root.length)) && path.startsWith(root)
