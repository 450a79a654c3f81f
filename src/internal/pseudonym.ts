/**
 * Pseudonyms: equal values have the same one under one key, and nobody who lacks the key can tell the value from it.
 */
import { Encoding, Option, Redacted } from "effect"
import { makeAllowance, toJson } from "./json.js"

/** HMAC-SHA-256 under one key: of the UTF-8 of a text, in hexadecimal. */
export interface Hmac {
  /** Tells keys apart: values under different ones are not compared. */
  readonly id: string
  readonly hmac: (text: string) => string
}

/** What stands in the place of a secret. */
export const redacted = "<redacted>"

/**
 * `hmac-sha256:<id of the key>:<HMAC>`, of a text itself, and of anything else as canonical JSON. What is too large for that, or
 * cannot be read, is masked: half of a value would be equal to what it is not.
 */
export const pseudonymOf = (key: Hmac, value: unknown): string => {
  // Getters, proxies and toJSON are the application's code.
  try {
    const text = textOf(value)
    return text === undefined ? redacted : `hmac-sha256:${key.id}:${key.hmac(text)}`
  } catch {
    return redacted
  }
}

/** What is to become a pseudonym, or its last characters: in a `Redacted` all values would be the same. */
export const reveal = (value: unknown): unknown => (Redacted.isRedacted(value) ? reveal(Redacted.value(value)) : value)

const textOf = (value: unknown): string | undefined => {
  const form = formOf(value)
  if (typeof form === "string") return form
  const walk: Walk = { ...makeAllowance(), isCut: false }
  const text = canonical(form, walk, 0)
  return walk.isCut ? undefined : text
}

interface Walk {
  /** What it may still take. A graph in which members are shared grows exponentially when it is written out as a tree. */
  values: number
  characters: number
  isCut: boolean
}

/** No value is deeper, unless it holds itself. */
const maxDepth = 64

/** As RFC 8785 has it: names in the order of their UTF-16, and no blanks. */
const canonical = (value: unknown, walk: Walk, depth: number): string => {
  if (depth > maxDepth || walk.values-- <= 0) walk.isCut = true
  if (walk.isCut) return ""
  if (typeof value !== "object" || value === null) return leaf(value, walk)
  const inner = (part: unknown) => canonical(formOf(part), walk, depth + 1)
  if (Array.isArray(value)) return `[${value.map(inner).join()}]`
  const members = Object.keys(value)
    .toSorted()
    .flatMap((name) => {
      const member = (value as Readonly<Record<string, unknown>>)[name]
      return member === undefined || typeof member === "function" ? [] : [`${leaf(name, walk)}:${inner(member)}`]
    })
  return `{${members.join()}}`
}

const leaf = (value: unknown, walk: Walk): string => {
  const text = JSON.stringify(value ?? null)
  walk.characters -= text.length
  if (walk.characters < 0) walk.isCut = true
  return text
}

/** What `toJson` makes of a value, except for its parts: with nothing taken away, and with what a `Redacted` holds. */
const formOf = (given: unknown): unknown => {
  const value = reveal(given)
  if (typeof value === "string") return value
  if (typeof value === "bigint" || typeof value === "symbol") return value.toString()
  if (typeof value !== "object" || value === null) return toJson(value)
  if (Option.isOption(value)) return formOf(Option.getOrNull(value))
  if (value instanceof Set || value instanceof Map) return Array.from<unknown>(value)
  if (value instanceof Date) return toJson(value)
  if (value instanceof Error) return { name: String(value.name), message: String(value.message) }
  if (value instanceof ArrayBuffer) return Encoding.encodeBase64(new Uint8Array(value))
  if (ArrayBuffer.isView(value)) {
    return Encoding.encodeBase64(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  }
  return !Array.isArray(value) && "toJSON" in value && typeof value.toJSON === "function"
    ? formOf(value.toJSON())
    : value
}
