/**
 * What is registered, as entries of a catalogue.
 */
import { Duration } from "effect"
import type * as ApiError from "../ApiError.js"
import type * as AuditRegistry from "../AuditRegistry.js"
import type * as ErrorRegistry from "../ErrorRegistry.js"
import { titleOf } from "../internal/answer.js"
import { exampleFields } from "../internal/example.js"
import type { Json } from "../internal/json.js"
import * as JsonSchema from "../internal/jsonSchema.js"
import { toWire } from "../internal/level.js"
import { reasonPhrase } from "../internal/status.js"
import * as Data from "./Data.js"

export const catalogue = (
  errors: ReadonlyArray<ErrorRegistry.Definition>,
  auditEvents: ReadonlyArray<AuditRegistry.Definition>
): Data.Catalogue => ({
  format: Data.format,
  version: Data.version,
  errors: byOwner(errors, (a, b) => a.error.status - b.error.status || compare(a.error.id, b.error.id)).map(errorEntry),
  auditEvents: byOwner(auditEvents, (a, b) => compare(a.event.type, b.event.type)).map(eventEntry)
})

/** Owners in the order in which they registered first, and last the library, whose definitions every application has. */
const byOwner = <D extends { readonly owner: string }>(
  definitions: ReadonlyArray<D>,
  order: (a: D, b: D) => number
): ReadonlyArray<D> => {
  const owners = [...new Set(definitions.map(({ owner }) => owner))]
  const rank = (owner: string) => (owner === "effect-registrar" ? owners.length : owners.indexOf(owner))
  return definitions.toSorted((a, b) => rank(a.owner) - rank(b.owner) || order(a, b))
}

/** The same order in every locale. */
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const errorEntry = ({ error, owner, isDefault, exceptions }: ErrorRegistry.Definition): Data.ErrorEntry => {
  const answer = exampleAnswer(error)
  return {
    id: error.id,
    status: error.status,
    reason: reasonPhrase(error.status),
    title: titleOf(error.id),
    message: error.text,
    isDefault,
    exceptions,
    ...about(error, owner, jsonSchemaOf),
    headers: answer?.headers ?? {},
    ...(answer === undefined ? {} : { example: answer.body })
  }
}

const eventEntry = ({ event, owner }: AuditRegistry.Definition): Data.EventEntry => ({
  type: event.type,
  level: toWire(event.level),
  title: titleOf(event.type),
  message: event.text,
  ...about(event, owner, jsonSchemaOfRecord),
  ...(event.collapse === undefined
    ? {}
    : {
        collapse: {
          withinMillis: Duration.toMillis(event.collapse.within),
          ...(event.collapse.by === undefined ? {} : { by: event.collapse.by })
        }
      })
})

const about = (
  { description, since, deprecated, fields }: Pick<ApiError.Any, "description" | "since" | "deprecated" | "fields">,
  extension: string,
  schemaOf: (fields: ApiError.Any["fields"]) => JsonSchema.JsonObject
) => ({
  extension,
  ...(description === undefined ? {} : { description }),
  ...(since === undefined ? {} : { since }),
  ...(deprecated === undefined ? {} : { deprecated }),
  fields: schemaOf(fields)
})

/** Declarations do not change, and their descriptions are asked for with each page. */
const once = <K extends object, V>(make: (key: K) => V): ((key: K) => V) => {
  const made = new WeakMap<K, { readonly value: V }>()
  return (key) => {
    const known = made.get(key) ?? { value: make(key) }
    made.set(key, known)
    return known.value
  }
}

const jsonSchemaOf = once(JsonSchema.make)
const jsonSchemaOfRecord = once(JsonSchema.makeOfRecord)

interface Example {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Json
}

/** As the error itself answers. */
const exampleAnswer = once((error: ApiError.Any): Example | undefined => {
  const fields = exampleFields(error.fields)
  // The constructor, the headers and the Schemas are the application's code.
  try {
    // What every declared error's constructor takes.
    const instance = new error(...([fields] as never))
    const { headers, body } = error.answer(instance)
    return { headers, body: JSON.parse(body) as Json }
  } catch {
    return undefined
  }
})
