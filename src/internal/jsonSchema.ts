/**
 * JSON Schemas of fields in their encoded form: how they are made, compared, and said in a few words.
 */
import { JSONSchema, Schema, SchemaAST as AST } from "effect"
import { keyword, type Concealed } from "./concealed.js"
import { withoutSecrets, type Fields } from "./fields.js"
import { setMember, toJson, type Json } from "./json.js"
import { stringify } from "./jsonText.js"
import type { Hmac } from "./pseudonym.js"

export type JsonObject = { readonly [key: string]: Json }

/** Of the details. A field whose Schema has no JSON Schema may be anything. */
export const make = (fields: Fields): JsonObject => makeUnder(fields)

/** Of those of a record, in which there are pseudonyms. */
export const makeOfRecord = (fields: Fields): JsonObject => makeUnder(fields, exampleKey)

/** For the pseudonyms of examples. */
const exampleKey: Hmac = { id: "0".repeat(8), hmac: () => "0".repeat(64) }

const makeUnder = (fields: Fields, key?: Hmac): JsonObject => {
  const properties: Record<string, Json> = {}
  const definitions: Record<string, Json> = {}
  const required: Array<string> = []
  for (const [name, schema] of Object.entries(fields)) {
    const made = ofField(name, schema, key)
    for (const [key, value] of Object.entries(objectAt(made, "properties"))) setMember(properties, key, value)
    for (const [key, value] of Object.entries(objectAt(made, "$defs"))) setMember(definitions, key, value)
    required.push(...textsAt(made, "required"))
  }
  return {
    type: "object",
    properties,
    required,
    ...(Object.keys(definitions).length === 0 ? {} : { $defs: definitions })
  }
}

const ofField = (name: string, field: Schema.Struct.Field, key: Hmac | undefined): JsonObject => {
  const made = jsonSchemaOf(name, field, key)
  return made === undefined ? anything(name, field) : asObject(toJson(made))
}

/** Schemas run the application's own functions, and may have no JSON Schema at all. */
const jsonSchemaOf = (name: string, field: Schema.Struct.Field, key?: Hmac) => {
  try {
    return JSONSchema.make(Schema.make(withoutSecrets(Schema.Struct({ [name]: field }).ast, key)))
  } catch {
    return undefined
  }
}

/** The same fields, in which each that has no JSON Schema may be anything. */
export const describable = (fields: Fields): Fields =>
  Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      jsonSchemaOf(name, field) === undefined ? Schema.Unknown : field
    ])
  )

const anything = (name: string, field: Schema.Struct.Field): JsonObject => {
  const [encoded, isOptional] = encodedName(name, field)
  const properties: Record<string, Json> = {}
  setMember(properties, encoded, {})
  return { properties, required: isOptional ? [] : [encoded] }
}

/** What the field is called on the wire, and whether it may be missing there. */
const encodedName = (name: string, field: Schema.Struct.Field): readonly [name: string, isOptional: boolean] => {
  try {
    const ast = AST.encodedAST(Schema.Struct({ [name]: field }).ast)
    const [property] = AST.isTypeLiteral(ast) ? ast.propertySignatures : []
    return property === undefined ? [name, false] : [String(property.name), property.isOptional]
  } catch {
    return [name, false]
  }
}

export interface Property {
  readonly name: string
  readonly schema: Json
  readonly isRequired: boolean
}

/** The fields, in their order. */
export const propertiesOf = (schema: JsonObject): ReadonlyArray<Property> => {
  const required = new Set(textsAt(schema, "required"))
  return Object.entries(objectAt(schema, "properties")).map(([name, property]) => ({
    name,
    schema: property,
    isRequired: required.has(name)
  }))
}

/** Whether a value may be there or not: what is left out never is. */
export const isOptional = ({ isRequired, schema }: Omit<Property, "name">): boolean =>
  !isRequired && concealedIn(asObject(schema)) !== "omitted"

/** What becomes of a marked value. The keyword may come from elsewhere. */
const concealedIn = (schema: JsonObject): Concealed | undefined =>
  allConcealed.find((concealed) => concealed === schema[keyword])

const allConcealed: ReadonlyArray<Concealed> = ["omitted", "masked", "pseudonymised"]

/** What its author says about a field. The names and sentences that Effect gives its own Schemas say nothing more than the type. */
export const descriptionOf = (schema: Json): string | undefined => {
  const description = asObject(schema)["description"]
  return typeof description === "string" && !isOfEffect(description) ? description : undefined
}

const isOfEffect = (description: string): boolean =>
  /^(a|an) (non empty |positive |negative |non-negative |non-positive )?(string|number|integer|finite number|boolean|bigint)\b/i.test(
    description
  )

// In words

/** `integer`, `"a" or "b"`, `list of text`: enough for whoever reads the answer. */
export const describe = (root: JsonObject, schema: Json): string =>
  say(schema, { root, depth: 0, budget: { left: 200 } })

interface Saying {
  readonly root: JsonObject
  readonly depth: number
  /** Definitions that refer to one another grow beyond all measure when they are written out. */
  readonly budget: { left: number }
}

const maxDepth = 4

const say = (schema: Json, { root, depth, budget }: Saying): string => {
  const at = asObject(schema)
  const inner = (part: Json) => say(part, { root, depth: depth + 1, budget })
  if (depth > maxDepth || budget.left-- <= 0) return "…"
  const reference = at["$ref"]
  if (typeof reference === "string") {
    const target = resolve(root, reference)
    return target === undefined ? "anything" : inner(target)
  }
  const concealed = concealedIn(at)
  if (concealed !== undefined) return concealed === "omitted" ? "left out" : `text, ${concealed}`
  const { enum: values, anyOf, oneOf, allOf, items, prefixItems, format } = at
  if (Array.isArray(values)) return alternatives(values.map((value) => stringify(value)))
  if ("const" in at) return stringify(at["const"] ?? null)
  const choices = anyOf ?? oneOf
  if (Array.isArray(choices)) return alternatives(choices.map(inner))
  switch (at["type"]) {
    case "string":
      return typeof format === "string" ? `text (${format})` : "text"
    case "integer":
      return "whole number"
    case "number":
      return "number"
    case "boolean":
      return "true or false"
    case "null":
      return "null"
    case "array": {
      if (Array.isArray(prefixItems ?? items)) return "list"
      const item = items === undefined ? "anything" : inner(items)
      return item === "anything" ? "list" : `list of ${item}`
    }
    case "object": {
      const members = propertiesOf(at)
      if (members.length === 0) return "object"
      const shown = members.map(
        ({ name, schema, ...member }) => `${name}${isOptional({ schema, ...member }) ? "?" : ""}: ${inner(schema)}`
      )
      return `{ ${shown.join(", ")} }`
    }
  }
  if (Array.isArray(allOf) && allOf.length > 0) return inner(allOf[0] ?? {})
  return "anything"
}

const alternatives = (choices: ReadonlyArray<string>): string =>
  choices.length === 0 ? "nothing" : [...new Set(choices)].join(" or ")

// Compared

/** How many parts of Schemas may still be looked at. Definitions that refer to one another have more of them than can be counted. */
export interface Budget {
  left: number
}

/** For all comparisons of two catalogues. */
export const makeBudget = (): Budget => ({ left: 200_000 })

/**
 * Equal texts for Schemas that accept the same, as far as that can be seen: without what is only said about them. None where
 * the Schema is too deep, or the budget is used up.
 */
export const canonical = (root: JsonObject, schema: Json, budget: Budget): string | undefined => {
  const state = { root, path: [], depth: 0, budget, isCut: false }
  const text = stringify(normal(schema, { ...state, cut: () => (state.isCut = true) }))
  return state.isCut ? undefined : text
}

interface Normalising {
  readonly root: JsonObject
  /** The references on the way here. */
  readonly path: ReadonlyArray<string>
  readonly depth: number
  readonly budget: Budget
  /** Called where a part is left out. */
  readonly cut: () => void
}

/** Also through references. Written out, the Schema must fit on every stack. */
const maxNesting = 500

/** What is said about a value, and does not change which values there are. */
const remarks = ["$id", "$comment", "$schema", "title", "description", "default", "examples", "deprecated"]

const normal = (schema: Json, outer: Normalising): Json => {
  const state = { ...outer, depth: outer.depth + 1 }
  if (state.budget.left-- <= 0 || state.depth > maxNesting) {
    state.cut()
    return null
  }
  if (Array.isArray(schema)) return schema.map((part: Json) => normal(part, state))
  if (typeof schema !== "object" || schema === null) return schema
  const at = asObject(schema)
  const reference = at["$ref"]
  if (typeof reference === "string") {
    const { root, path } = state
    const target = resolve(root, reference)
    // A recursive one is named by how far up it begins.
    if (path.includes(reference)) return { $ref: path.length - path.indexOf(reference) }
    if (target === undefined) return { $ref: reference }
    return normal(target, { ...state, path: [...path, reference] })
  }
  const entries = Object.entries(at).filter(([key]) => !remarks.includes(key) && key !== "$defs")
  const members: Record<string, Json> = {}
  for (const [key, value] of entries.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    setMember(members, key, normalMember(key, value, state))
  }
  const { allOf, ...others } = members
  // Effect wraps a reference that something is said about.
  return Array.isArray(allOf) && allOf.length === 1 && Object.keys(others).length === 0 ? (allOf[0] ?? {}) : members
}

const normalMember = (key: string, value: Json, state: Normalising): Json => {
  // Names of properties are no keywords.
  if (key === "properties" || key === "patternProperties") {
    const members: Record<string, Json> = {}
    for (const [name, property] of Object.entries(asObject(value)).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      setMember(members, name, normal(property, state))
    }
    return members
  }
  if (key === "enum" || key === "const") return unordered(key, value)
  return unordered(key, normal(value, state))
}

/** Alternatives and names have no order. */
const unordered = (key: string, value: Json): Json =>
  ["enum", "anyOf", "oneOf", "allOf", "required", "type"].includes(key) && Array.isArray(value)
    ? value
        .map((part: Json) => [stringify(part), part] as const)
        .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
        .map(([, part]) => part)
    : value

/** `#/$defs/Name`. */
const resolve = (root: JsonObject, reference: string): Json | undefined => {
  const prefix = "#/$defs/"
  if (!reference.startsWith(prefix)) return undefined
  const name = reference.slice(prefix.length).replaceAll("~1", "/").replaceAll("~0", "~")
  const definitions = objectAt(root, "$defs")
  return Object.hasOwn(definitions, name) ? definitions[name] : undefined
}

const asObject = (value: Json | undefined): JsonObject =>
  // Arrays are the only other objects among JSON values.
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}

const objectAt = (object: JsonObject, key: string): JsonObject =>
  asObject(Object.hasOwn(object, key) ? object[key] : undefined)

const textsAt = (object: JsonObject, key: string): ReadonlyArray<string> => {
  const value = Object.hasOwn(object, key) ? object[key] : undefined
  return Array.isArray(value) ? value.filter((text): text is string => typeof text === "string") : []
}
