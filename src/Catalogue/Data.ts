/**
 * The form of a catalogue, in memory and as JSON. Its own version says whether a program can read it.
 */
import { Either, ParseResult, Schema } from "effect"
import { isJson, type Json } from "../internal/json.js"
import { wireLevels } from "../internal/level.js"

const JsonValue: Schema.Schema<Json> = Schema.declare(isJson, { identifier: "Json", jsonSchema: {} })

/** Of the JSON form of the details: an object with a property for each field. References stay inside it. */
const JsonSchema = Schema.Record({ key: Schema.String, value: JsonValue })

const orNothing = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const about = {
  /** Who registers it: the name of an extension, `the application` for an override, `effect-registrar` for what is built in. */
  extension: Schema.String,
  description: orNothing(Schema.String),
  since: orNothing(Schema.String),
  deprecated: orNothing(Schema.String),
  /** A JSON Schema of the details. `x-privacy` in it says what becomes of a marked value: `omitted`, `masked`, `pseudonymised`. */
  fields: JsonSchema
}

export const ErrorEntry = Schema.Struct({
  id: Schema.String,
  status: Schema.Int,
  /** What the status is called: `Too Many Requests`. */
  reason: Schema.String,
  /** The id as words: `Auth rate limited`. */
  title: Schema.String,
  /** The message template as it was written. */
  message: Schema.String,
  /** Whether it answers for its status where no id is given. */
  isDefault: Schema.Boolean,
  /** The names of the exception classes that answer with it. */
  exceptions: Schema.Array(Schema.String),
  ...about,
  /** The headers of the example, by name. */
  headers: Schema.Record({ key: Schema.String, value: Schema.String }),
  /** A whole body, as a client gets it. Missing where it could not be made. */
  example: orNothing(JsonValue)
})

export interface ErrorEntry extends Schema.Schema.Type<typeof ErrorEntry> {}

export const EventEntry = Schema.Struct({
  type: Schema.String,
  /** As it stands on the line. */
  level: Schema.Literal(...wireLevels),
  /** The type as words. */
  title: Schema.String,
  /** The message template as it was written. */
  message: Schema.String,
  ...about,
  /** How events that repeat become one record. */
  collapse: orNothing(Schema.Struct({ withinMillis: Schema.Number, by: orNothing(Schema.Array(Schema.String)) }))
})

export interface EventEntry extends Schema.Schema.Type<typeof EventEntry> {}

export const format = "effect-registrar/catalogue"
export const version = 1

export const Catalogue = Schema.Struct({
  format: Schema.Literal(format),
  /** Of the format. Another one cannot be read by who knows only this. */
  version: Schema.Literal(version),
  errors: Schema.Array(ErrorEntry),
  auditEvents: Schema.Array(EventEntry)
})

export interface Catalogue extends Schema.Schema.Type<typeof Catalogue> {}

/** Or why it is none, in one sentence. */
export const parse = (text: string): Either.Either<Catalogue, string> => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return Either.left("it is no JSON")
  }
  if (isDeep(json)) return Either.left(`it is nested deeper than ${maxDepth} levels`)
  if (!isObject(json) || json["format"] !== format) return Either.left("it is no catalogue of errors and audit events")
  if (json["version"] !== version) {
    return Either.left(
      `its format has the version ${JSON.stringify(json["version"])}, and only ${version} is known here`
    )
  }
  const decoded = decode(json)
  if (Either.isLeft(decoded)) {
    const [first] = ParseResult.ArrayFormatter.formatErrorSync(decoded.left)
    return Either.left(damaged(first?.path ?? [], first?.message ?? "it does not fit"))
  }
  const catalogue = decoded.right
  const error = repeated(catalogue.errors, ({ id, status }) => `${status} ${id}`)
  if (error !== undefined) {
    return Either.left(damaged(["errors", error.at], `'${error.entry.id}' with ${error.entry.status} is there twice`))
  }
  const event = repeated(catalogue.auditEvents, ({ type }) => type)
  if (event !== undefined) {
    return Either.left(damaged(["auditEvents", event.at], `'${event.entry.type}' is there twice`))
  }
  return Either.right(catalogue)
}

const damaged = (path: ReadonlyArray<PropertyKey>, problem: string): string =>
  `the catalogue is damaged at '${path.map(String).join(".")}': ${problem}`

/** The first that has the key of an earlier one. */
const repeated = <E>(entries: ReadonlyArray<E>, keyOf: (entry: E) => string) => {
  const keys = new Set<string>()
  for (const [at, entry] of entries.entries()) {
    const key = keyOf(entry)
    if (keys.has(key)) return { at, entry }
    keys.add(key)
  }
  return undefined
}

/** More than any catalogue has that was made here, and little enough for every stack. */
const maxDepth = 256

/** By levels: what looks for depth must not need it. */
const isDeep = (json: unknown): boolean => {
  let level: ReadonlyArray<unknown> = [json]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) return true
    level = level.flatMap((value) => (typeof value === "object" && value !== null ? Object.values(value) : []))
  }
  return false
}

const decode = Schema.decodeUnknownEither(Catalogue)

const isObject = (u: unknown): u is Readonly<Record<string, unknown>> =>
  typeof u === "object" && u !== null && !Array.isArray(u)
