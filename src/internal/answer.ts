/**
 * What an error looks like to the client, in both of its forms: the library's own, `{"error":{"id","message","details"}}`, and
 * problem details (RFC 9457), whose extension members are the fields.
 */
import { segment } from "./anchors.js"
import { type Json } from "./json.js"
import { framed, stringify, stringifyMembers } from "./jsonText.js"

export interface Parts {
  readonly id: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly message: string
  /** The fields in their JSON form; none, where there is nothing in them. */
  readonly details: Readonly<Record<string, Json>> | undefined
  /** What had to be left out. */
  readonly problems: ReadonlyArray<string>
}

export class Answer implements Parts {
  readonly id: string
  readonly status: number
  readonly headers: Parts["headers"]
  readonly message: string
  readonly details: Parts["details"]
  readonly problems: Parts["problems"]
  #body: string | undefined

  constructor({ id, status, headers, message, details, problems }: Parts) {
    this.id = id
    this.status = status
    this.headers = headers
    this.message = message
    this.details = details
    this.problems = problems
  }

  /** The body in the library's own form. Made when it is asked for, and once. */
  get body(): string {
    return (this.#body ??= toBody(this))
  }
}

export const make = (parts: Parts): Answer => new Answer(parts)

/** A body with its media type: as problem details, or in the library's own form. */
export const inForm = (
  answer: Answer,
  isProblem: boolean,
  given: ProblemOptions = {}
): { readonly contentType: string; readonly body: string } =>
  isProblem
    ? { contentType: "application/problem+json", body: toProblem(answer, given) }
    : { contentType: "application/json", body: answer.body }

const toBody = ({ id, message, details }: Parts): string =>
  `${withId(id)}${stringify(message)}${details === undefined ? "" : `,"details":${stringifyMembers(details)}`}}}`

const withId = framed('{"error":{"id":', ',"message":')

/** The members that problem details have themselves. Fields with these names, and with this one, stand in `details`. */
export const standard = ["type", "title", "status", "detail", "instance", "details"]

export interface ProblemOptions {
  /** What `type` begins with. */
  readonly problemTypes?: string | undefined
  readonly instance?: string | undefined
}

export const toProblem = ({ id, status, message, details = {} }: Parts, given: ProblemOptions): string => {
  const isStandard = ([name]: readonly [string, Json]) => standard.includes(name)
  const taken = Object.entries(details).filter(isStandard)
  const extensions = Object.entries(details).filter((member) => !isStandard(member))
  return stringify({
    type: `${given.problemTypes ?? defaultProblemTypes}${segment(id)}`,
    title: titleOf(id),
    status,
    detail: message,
    ...(given.instance === undefined ? {} : { instance: given.instance }),
    ...Object.fromEntries(extensions),
    ...(taken.length === 0 ? {} : { details: Object.fromEntries(taken) })
  })
}

const defaultProblemTypes = "/errors/"

/** `auth-rate-limited` becomes `Auth rate limited`. */
export const titleOf = (id: string): string => {
  const words = id.replaceAll("-", " ")
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** Either form as the library's own; anything else as it is. */
export const fromWire = (body: unknown): unknown => {
  if (!isProblem(body)) return body
  const taken = typeof body.details === "object" ? body.details : undefined
  const extensions = Object.entries(body).filter(([name]) => !standard.includes(name))
  const details = { ...Object.fromEntries(extensions), ...taken }
  const error = { id: lastSegment(body.type), message: body.detail }
  return { error: Object.keys(details).length === 0 ? error : { ...error, details } }
}

const isProblem = (
  body: unknown
): body is { readonly type: string; readonly detail: string; readonly details?: unknown } =>
  typeof body === "object" &&
  body !== null &&
  "type" in body &&
  typeof body.type === "string" &&
  "detail" in body &&
  typeof body.detail === "string"

const lastSegment = (uri: string): string => {
  const last = uri.slice(Math.max(uri.lastIndexOf("/"), uri.lastIndexOf("#")) + 1)
  try {
    return decodeURIComponent(last)
  } catch {
    return last
  }
}
