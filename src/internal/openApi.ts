/**
 * What the OpenAPI document of the platform does not say of errors: every one of a status in words, with an example, their
 * bodies under names of their own, and the same as problem details.
 */
import * as Answer from "./answer.js"
import { isJson, type Json } from "./json.js"
import { stringify } from "./jsonText.js"

type Members = { readonly [name: string]: Json }

/** Done again, it changes nothing. What has another shape than our errors stays as it is. */
export const transform = (spec: Record<string, unknown>): Record<string, unknown> => {
  // Of an api within another, the platform hands over the tags of its groups.
  if (!isMembers(spec) || !isMembers(spec["paths"])) return spec
  const components = at(spec, "components")
  const schemas = makeSchemas(withoutIds(components["schemas"] ?? {}))
  const ofOperation = (operation: Json): Json => {
    if (!isMembers(operation) || !isMembers(operation["responses"])) return operation
    const responses = mapMembers(operation["responses"], (response, status) =>
      ofStatus(response, Number(status), schemas)
    )
    const { security, ...rest } = operation
    return { ...rest, ...(security === undefined || takesBack(security) ? {} : { security }), responses }
  }
  // To OpenAPI, an empty list at an operation takes back what the whole api demands; to the platform it adds nothing to it.
  const isDemanding = (security: Json | undefined) => Array.isArray(security) && security.length > 0
  const takesBack = (security: Json) => isDemanding(spec["security"]) && !isDemanding(security)
  const paths = mapMembers(withoutIds(spec["paths"]), (path) => mapMembers(path, ofOperation))
  return { ...spec, paths, components: { ...components, schemas: schemas.all } }
}

/** To the platform, what may be anything has an `$id`, and each time the same, which no document may have twice. */
const withoutIds = (schema: Json): Json => {
  if (Array.isArray(schema)) return schema.map(withoutIds)
  if (!isMembers(schema)) return schema
  const isPlaceholder = ([name, value]: readonly [string, Json]) =>
    name === "$id" && typeof value === "string" && value.startsWith("/schemas/")
  return Object.fromEntries(
    Object.entries(schema)
      .filter((member) => !isPlaceholder(member))
      // Values are not Schemas.
      .map(([name, member]) => [name, /^(?:examples?|default|enum|const)$/.test(name) ? member : withoutIds(member)])
  )
}

const ofStatus = (response: Json, status: number, schemas: Schemas): Json => {
  const content = at(response, "content")
  const media = at(content, json)
  const members = membersOf(media["schema"]).map((schema) => ({ schema, error: errorOf(schemas.resolve(schema)) }))
  const errors = members.flatMap(({ error }) => (error === undefined ? [] : [error]))
  if (!isMembers(response) || status < 400 || errors.length === 0) return response

  const own = members.map(({ schema, error }) =>
    error === undefined ? schema : schemas.name(error.id, status, error.schema)
  )
  const problems = errors.map((error) => schemas.name(`${error.id}-problem`, status, problemOf(error, status)))
  return {
    ...response,
    description: lines(members.map(({ schema, error }) => lineOf(schema, error, schemas))),
    headers: { ...requestId, ...at(response, "headers") },
    content: {
      ...content,
      [json]: { ...media, schema: anyOf(own), ...examplesOf(errors, ({ example }) => example) },
      [problemJson]: { schema: anyOf(problems), ...examplesOf(errors, ({ problem }) => problem(status)) }
    }
  }
}

/** What every error is sent with. */
const requestId: Members = {
  "x-request-id": {
    description: "Stands in the log and in the audit records of the request as well: tell it when you report the error",
    schema: { type: "string" }
  }
}

const json = "application/json"
const problemJson = "application/problem+json"

/** One of our errors, as its Schema says. */
interface ErrorSchema {
  readonly id: string
  readonly schema: Members
  readonly details: Members | undefined
  readonly needsDetails: boolean
  readonly description: string
  readonly example: Json | undefined
  readonly problem: (status: number) => Json | undefined
}

const errorOf = (schema: Json): ErrorSchema | undefined => {
  if (!isMembers(schema)) return undefined
  const body = at(at(schema, "properties"), "error")
  const { id: idSchema, message, details } = at(body, "properties")
  const ids = at(idSchema, "enum")
  const id: Json | undefined = Array.isArray(ids) && ids.length === 1 ? ids[0] : undefined
  if (typeof id !== "string" || message === undefined) return undefined
  const example = firstOf(schema["examples"])
  return {
    id,
    schema,
    details: isMembers(details) ? details : undefined,
    needsDetails: textsAt(body, "required").includes("details"),
    description: typeof schema["description"] === "string" ? schema["description"] : "",
    example,
    problem: (status) => exampleOfProblem(id, status, example)
  }
}

const exampleOfProblem = (id: string, status: number, example: Json | undefined): Json | undefined => {
  const { message, details } = at(example, "error")
  if (typeof message !== "string") return undefined
  const parts = { id, status, message, details: isMembers(details) ? details : undefined, headers: {}, problems: [] }
  const problem: unknown = JSON.parse(Answer.toProblem(parts, {}))
  return isJson(problem) ? problem : undefined
}

/** Problem details (RFC 9457) as they are sent: the fields stand beside the standard members, unless they are called the same. */
const problemOf = ({ id, details, needsDetails, description, problem }: ErrorSchema, status: number): Members => {
  const fields = Object.entries(at(details, "properties"))
  const required = textsAt(details, "required")
  const isTaken = ([name]: readonly [string, Json]) => Answer.standard.includes(name)
  const taken = fields.filter(isTaken)
  const neededOf = (some: typeof fields) => required.filter((name) => some.some(([field]) => field === name))
  const extensions = fields.filter((field) => !isTaken(field))
  const isNeeded = needsDetails && neededOf(taken).length > 0
  const example = problem(status)
  return {
    type: "object",
    required: [
      "type",
      "title",
      "status",
      "detail",
      ...(isNeeded ? ["details"] : []),
      ...(needsDetails ? neededOf(extensions) : [])
    ],
    properties: {
      type: { type: "string", format: "uri-reference", description: `Ends with \`/${id}\`` },
      title: { type: "string", enum: [Answer.titleOf(id)] },
      status: { type: "integer", enum: [status] },
      detail: { type: "string" },
      instance: { type: "string", format: "uri-reference" },
      ...Object.fromEntries(extensions),
      ...(taken.length === 0
        ? {}
        : { details: { type: "object", required: neededOf(taken), properties: Object.fromEntries(taken) } })
    },
    title: Answer.titleOf(id),
    ...(description === "" ? {} : { description }),
    ...(example === undefined ? {} : { examples: [example] })
  }
}

const examplesOf = (errors: ReadonlyArray<ErrorSchema>, valueOf: (error: ErrorSchema) => Json | undefined): Members => {
  const examples = errors.flatMap((error) => {
    const value = valueOf(error)
    return value === undefined ? [] : [[error.id, { value }] as const]
  })
  return examples.length === 0 ? {} : { examples: Object.fromEntries(examples) }
}

/** What is not ours has a name, or at least a description. */
const lineOf = (schema: Json, error: ErrorSchema | undefined, schemas: Schemas): string => {
  const resolved = schemas.resolve(schema)
  const { title, description } = isMembers(resolved) ? resolved : {}
  const name = error?.id ?? refOf(schema) ?? (typeof title === "string" ? title : "another error")
  const text = error?.description ?? (typeof description === "string" ? description : "")
  return `\`${name}\`${text === "" ? "" : `: ${text.replace(/\s+/g, " ")}`}`
}

const lines = (all: ReadonlyArray<string>): string =>
  all.length === 1 ? all[0]! : all.map((line) => `- ${line}`).join("\n")

interface Schemas {
  readonly all: Members
  /** The Schema that a reference leads to; any other as it is. */
  readonly resolve: (schema: Json) => Json
  /** A reference to the Schema, under a name made from an id. */
  readonly name: (id: string, status: number, schema: Members) => Json
}

const makeSchemas = (given: Json): Schemas => {
  const all: Record<string, Json> = isMembers(given) ? { ...given } : {}
  const text = (name: string) => (Object.hasOwn(all, name) ? stringify(all[name]!) : undefined)
  return {
    all,
    resolve: (schema) => {
      const name = refOf(schema)
      return name !== undefined && Object.hasOwn(all, name) ? all[name]! : schema
    },
    name: (id, status, schema) => {
      // An id may stand for several statuses, and the api may have a Schema of this name.
      const base = nameOf(id)
      const wanted = stringify(schema)
      let name = base
      for (let n = 1; text(name) !== undefined && text(name) !== wanted; n++)
        name = `${base}${status}${n === 1 ? "" : `_${n}`}`
      all[name] = schema
      return { $ref: `${pointer}${name}` }
    }
  }
}

const pointer = "#/components/schemas/"

const refOf = (schema: Json): string | undefined => {
  const ref = isMembers(schema) ? schema["$ref"] : undefined
  return typeof ref === "string" && ref.startsWith(pointer) ? ref.slice(pointer.length) : undefined
}

/** `auth-rate-limited` becomes `AuthRateLimited`. Names of components are letters, digits, dots, dashes and underscores. */
const nameOf = (id: string): string =>
  id
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("") || "Error"

const membersOf = (schema: Json | undefined): ReadonlyArray<Json> => {
  if (schema === undefined) return []
  const members = at(schema, "anyOf")
  return Array.isArray(members) ? members.flatMap(membersOf) : [schema]
}

const anyOf = (schemas: ReadonlyArray<Json>): Json => {
  const distinct = [...new Map(schemas.map((schema) => [stringify(schema), schema])).values()]
  return distinct.length === 1 ? distinct[0]! : { anyOf: distinct }
}

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** A member, if there is one; nothing has no members. */
const at = (value: unknown, name: string): Members => {
  const member: unknown = isMembers(value) && Object.hasOwn(value, name) ? value[name] : undefined
  return (typeof member === "object" && member !== null ? member : {}) as Members
}

const firstOf = (list: Json | undefined): Json | undefined =>
  Array.isArray(list) ? (list as ReadonlyArray<Json>)[0] : undefined

const textsAt = (value: unknown, name: string): ReadonlyArray<string> => {
  const list: unknown = at(value, name)
  return Array.isArray(list) ? list.filter((each) => typeof each === "string") : []
}

const mapMembers = (members: Json, change: (member: Json, name: string) => Json): Json =>
  isMembers(members)
    ? Object.fromEntries(Object.entries(members).map(([name, member]) => [name, change(member, name)]))
    : members
