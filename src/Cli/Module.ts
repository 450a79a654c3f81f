/**
 * What a module of the application exports: extensions, and apis with registered errors.
 */
import type { HttpApi } from "@effect/platform"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { Context, Effect, Either } from "effect"
import type * as Extension from "../Extension.js"
import { CliError } from "./CliError.js"
import { resolveFrom } from "./Node.js"

/** A module that waits for something when it is loaded may wait for ever. */
const loadWithin = "30 seconds"

/** In the order in which the module has them: exports by name, the members of a list as they stand there. Each counts once. */
export interface Exports {
  readonly extensions: ReadonlyArray<Extension.Any>
  readonly apis: ReadonlyArray<HttpApi.HttpApi.Any>
}

export interface Located {
  readonly name: string
  readonly address: string
  /** Where links have led to, unless it is no file. */
  readonly file: string | undefined
  readonly isPackage: boolean
}

/** A file, or a package as the application has it. */
export const locate = (name: string): Effect.Effect<Located, CliError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const realPath = (file: string) => Effect.orElseSucceed(fs.realPath(file), () => undefined)
    const file = path.resolve(name)
    const info = yield* Effect.either(fs.stat(file))
    if (Either.isRight(info) && info.right.type !== "Directory") {
      const url = yield* Effect.orDie(path.toFileUrl(file))
      return { name, address: url.href, file: yield* realPath(file), isPackage: false }
    }
    if (name.startsWith(".") || path.isAbsolute(name)) {
      const what = Either.isRight(info) ? "is a folder" : "is not there"
      return yield* new CliError({ description: `The module '${name}' ${what}` })
    }
    // As the application has it, or else as this package does.
    const address = resolveFrom(path.resolve("."), name)
    const found = address?.startsWith("file:")
      ? yield* Effect.flatMap(Effect.orDie(path.fromFileUrl(new URL(address))), realPath)
      : undefined
    return { name, address: address ?? name, file: found, isPackage: true }
  })

export const load = (located: Located): Effect.Effect<Exports, CliError> =>
  Effect.gen(function* () {
    const loaded = yield* Effect.tryPromise({
      try: (): Promise<unknown> => import(/* @vite-ignore */ located.address),
      catch: (cause) => new CliError({ description: reasonOf(located, cause), cause })
    }).pipe(
      Effect.timeoutFail({
        duration: loadWithin,
        onTimeout: () =>
          new CliError({
            description: `'${located.name}' is still not loaded after ${loadWithin}: give a module that only declares`
          })
      })
    )
    const found = collect(loaded)
    if (found.extensions.length > 0 || found.apis.length > 0) return found
    return yield* new CliError({
      description: `'${located.name}' exports neither an extension nor an api made with RegisteredApi.make, by itself or in a list`
    })
  })

const reasonOf = ({ name, isPackage }: Located, cause: unknown): string => {
  const message = cause instanceof Error ? cause.message : String(cause)
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined
  if (isPackage && isMissing(name, { code, message })) {
    return looksLikeFile.test(name)
      ? `There is neither a file '${name}' here, nor a package that has it`
      : `There is neither a file '${name}' here, nor a package of that name`
  }
  const isNotUnderstood = cause instanceof SyntaxError || (typeof code === "string" && isMisunderstood.test(code))
  const hint =
    /\.[cm]?tsx?$/.test(name) && isNotUnderstood
      ? `. It is TypeScript: give what it compiles to, or set NODE_OPTIONS="--import tsx"`
      : ""
  return `'${name}' cannot be loaded: ${firstLine(message)}${hint}`
}

/** Itself, and not something that it imports. */
const isMissing = (name: string, { code, message }: { readonly code: unknown; readonly message: string }): boolean => {
  if (code === "ERR_INVALID_MODULE_SPECIFIER") return message.includes(name)
  // Where a package has exports, and this is none of them.
  if (code === "ERR_PACKAGE_PATH_NOT_EXPORTED") return looksLikeFile.test(name)
  const packageName = /^(?:@[^\\/]+[\\/])?[^\\/]+/.exec(name)?.[0] ?? name
  return (
    code === "ERR_MODULE_NOT_FOUND" &&
    [`'${name}'`, `package '${packageName}'`, `/node_modules/${name}'`].some((missing) => message.includes(missing))
  )
}

/** It has an extension, or is in a folder. The scope of a package is none. */
const looksLikeFile = /^[^@][^\\/]*[\\/]|^@[^\\/]+[\\/][^\\/]+[\\/]|\.[cm]?[jt]sx?$/

/** What Node says of a TypeScript file, by itself or in vain, and of its imports, which name what they compile to. */
const isMisunderstood = /^ERR_(UNKNOWN_FILE_EXTENSION|MODULE_NOT_FOUND|.*TYPE(SCRIPT|_STRIPPING).*)$/

const firstLine = (text: string): string => text.split("\n", 1)[0]?.replace(/\.$/, "") ?? ""

/** The exports, what stands in a list or an object among them, and the same in a module that is exported whole. */
const maxDepth = 3

/** Beside what is looked for, a module may export anything: tables of data, or what refers to itself. */
const maxVisited = 100_000

/** What is longer is a table of data. */
const maxLength = 10_000

interface Place {
  readonly value: unknown
  /** Where it stands in each of the values around it. */
  readonly path: ReadonlyArray<number>
}

/** Level by level, so that a large value does not hide what stands beside it. */
const collect = (loaded: unknown): Exports => {
  const extensions: Array<Place & { readonly value: Extension.Any }> = []
  const apis: Array<Place & { readonly value: HttpApi.HttpApi.Any }> = []
  const opened = new Set<unknown>()
  let left = maxVisited
  let level: ReadonlyArray<Place> = [{ value: loaded, path: [] }]
  for (let depth = 0; depth <= maxDepth; depth++) {
    const next: Array<Place> = []
    for (const { value, path } of level) {
      if (isExtension(value)) extensions.push({ value, path })
      else if (isApi(value)) apis.push({ value, path })
      else if (depth < maxDepth && !opened.has(value)) {
        opened.add(value)
        const members = membersOf(value, left)
        left -= members.length
        for (const [at, member] of members.entries()) next.push({ value: member, path: [...path, at] })
      }
    }
    level = next
  }
  return { extensions: inOrder(extensions), apis: inOrder(apis) }
}

const inOrder = <A>(places: ReadonlyArray<Place & { readonly value: A }>): ReadonlyArray<A> => [
  ...new Set(places.toSorted((a, b) => comparePaths(a.path, b.path)).map(({ value }) => value))
]

const comparePaths = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => {
  const at = a.findIndex((index, nth) => index !== b[nth])
  return at === -1 ? a.length - b.length : (a[at] ?? -1) - (b[at] ?? -1)
}

/** Of lists, plain objects and modules. What a stranger's object does when it is read must not end the program. */
const membersOf = (value: unknown, atMost: number): ReadonlyArray<unknown> => {
  if (typeof value !== "object" || value === null || atMost <= 0) return []
  try {
    if (Array.isArray(value)) {
      const length = value.length > maxLength ? 0 : Math.min(value.length, atMost)
      return Array.from({ length }, (_, index) => memberOf(value, String(index)))
    }
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== null && prototype !== Object.prototype) return []
    const keys = Object.keys(value)
    return keys.length > maxLength ? [] : keys.slice(0, atMost).map((key) => memberOf(value, key))
  } catch {
    return []
  }
}

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

/** By what RegisteredApi.make leaves on it. Apis are functions, and classes that extend them. */
const isApi = (value: unknown): value is HttpApi.HttpApi.Any => {
  if (typeof value !== "function") return false
  try {
    const { annotations, groups, errorSchema } = value as unknown as { readonly [key: string]: unknown }
    return (
      Context.isContext(annotations) &&
      annotations.unsafeMap.has("effect-registrar/RegisteredApi/ApiId") &&
      typeof groups === "object" &&
      groups !== null &&
      typeof errorSchema === "function"
    )
  } catch {
    return false
  }
}
