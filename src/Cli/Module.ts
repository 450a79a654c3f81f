/**
 * The extensions that a module of the application exports.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { Effect, Either } from "effect"
import type * as Extension from "../Extension.js"
import { CliError } from "./CliError.js"
import { resolveFrom } from "./Node.js"

/** A module that waits for something when it is loaded may wait for ever. */
const loadWithin = "30 seconds"

/** In the order in which the module has them: exports by name, the members of a list as they stand there. Each counts once. */
export const extensionsOf = (
  module: string
): Effect.Effect<ReadonlyArray<Extension.Any>, CliError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function* () {
    const { address, isPackage } = yield* locate(module)
    const loaded = yield* Effect.tryPromise({
      try: (): Promise<unknown> => import(/* @vite-ignore */ address),
      catch: (cause) => new CliError({ description: reasonOf(module, { isPackage, cause }), cause })
    }).pipe(
      Effect.timeoutFail({
        duration: loadWithin,
        onTimeout: () =>
          new CliError({
            description: `'${module}' is still not loaded after ${loadWithin}: give a module that only declares`
          })
      })
    )
    const found = [...new Set(collect(loaded, maxDepth))]
    if (found.length > 0) return found
    return yield* new CliError({
      description: `'${module}' exports no extension: what Extension.make returns, by itself or in a list`
    })
  })

const locate = (module: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const file = path.resolve(module)
    const info = yield* Effect.either(fs.stat(file))
    if (Either.isRight(info) && info.right.type !== "Directory") {
      const url = yield* Effect.orDie(path.toFileUrl(file))
      return { address: url.href, isPackage: false }
    }
    if (module.startsWith(".") || path.isAbsolute(module)) {
      const what = Either.isRight(info) ? "is a folder" : "is not there"
      return yield* new CliError({ description: `The module '${module}' ${what}` })
    }
    // A package, as the application has it, or else as this one does.
    return { address: resolveFrom(path.resolve("."), module) ?? module, isPackage: true }
  })

const reasonOf = (module: string, given: { readonly isPackage: boolean; readonly cause: unknown }): string => {
  const { cause, isPackage } = given
  const message = cause instanceof Error ? cause.message : String(cause)
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined
  if (isPackage && code === "ERR_MODULE_NOT_FOUND" && message.includes(`'${module}'`)) {
    return `There is neither a file '${module}' here, nor a package of that name`
  }
  const isNotUnderstood = cause instanceof SyntaxError || (typeof code === "string" && isMisunderstood.test(code))
  const hint =
    /\.[cm]?tsx?$/.test(module) && isNotUnderstood
      ? `. It is TypeScript: give what it compiles to, or set NODE_OPTIONS="--import tsx"`
      : ""
  return `'${module}' cannot be loaded: ${firstLine(message)}${hint}`
}

/** What Node says of a TypeScript file, by itself or in vain, and of its imports, which name what they compile to. */
const isMisunderstood = /^ERR_(UNKNOWN_FILE_EXTENSION|MODULE_NOT_FOUND|.*TYPE(SCRIPT|_STRIPPING).*)$/

const firstLine = (text: string): string => text.split("\n", 1)[0]?.replace(/\.$/, "") ?? ""

/** The exports, what stands in a list or an object among them, and the same in a module that is exported whole. */
const maxDepth = 3

const collect = (value: unknown, depth: number): ReadonlyArray<Extension.Any> => {
  if (isExtension(value)) return [value]
  return depth === 0 ? [] : membersOf(value).flatMap((member) => collect(member, depth - 1))
}

const membersOf = (value: unknown): ReadonlyArray<unknown> => {
  if (typeof value !== "object" || value === null) return []
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== null && prototype !== Object.prototype) return []
  return Object.keys(value).map((key) => memberOf(value, key))
}

/** What a stranger's object does when it is read must not end the program. */
const memberOf = (value: object, key: string): unknown => {
  try {
    return (value as Readonly<Record<string, unknown>>)[key]
  } catch {
    return undefined
  }
}

/** By its form: it may come from another copy of the library. */
const isExtension = (value: unknown): value is Extension.Any => {
  if (typeof value !== "object" || value === null) return false
  try {
    const { name, errors, exceptions, auditEvents, layer } = value as { readonly [key: string]: unknown }
    return (
      typeof name === "string" &&
      typeof layer === "object" &&
      layer !== null &&
      isListOf(errors, isError) &&
      isListOf(exceptions, (u) => typeof u === "object" && u !== null && "error" in u && isError(u.error)) &&
      isListOf(auditEvents, (u) => typeof u === "object" && u !== null && "type" in u && "level" in u && "text" in u)
    )
  } catch {
    return false
  }
}

const isListOf = (value: unknown, isMember: (u: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(isMember)

const isError = (u: unknown): boolean => typeof u === "function" && "id" in u && "status" in u && "answer" in u
