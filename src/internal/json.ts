/**
 * Any value to its JSON form, totally: no input throws, loops or leaks a secret. `JSON.stringify` does none of the three.
 */
import { Encoding, Redacted } from "effect"

export type Json = string | number | boolean | null | ReadonlyArray<Json> | { readonly [key: string]: Json }

/** Deep enough for any real value, shallow enough for every stack. */
const maxDepth = 64

/** Values in one conversion. A graph in which members are shared can grow exponentially when it is written out as a tree. */
const maxValues = 1_000_000

/**
 * A deep copy that has a JSON form. What JSON lacks gets a readable stand-in: `NaN`, bigint, Date and symbols as text,
 * Map and Set as arrays, bytes as base64, errors as name and message, `Redacted` as `<redacted>`, cycles and what throws as
 * `<circular>` and `<unreadable>`. Functions and `undefined` members are left out, as JSON does.
 */
export const toJson = (value: unknown): Json => convert(value, { ancestors: [], values: 0 }) ?? null

/** A value inside a message: what has the form of text as it is, everything else as JSON. */
export const toText = (value: unknown): string => {
  const json = toJson(value)
  return typeof json === "string" ? json : stringify(json)
}

/**
 * JSON on one line in every reader's eyes: line and paragraph separators, C1 controls and bidirectional overrides are
 * escaped, which JSON does not ask for but terminals and line splitters need. `JSON.parse` gives the same value back.
 */
export const stringify = (value: Json): string => JSON.stringify(value).replace(unsafe, escape)

// eslint-disable-next-line no-control-regex
const unsafe = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g
const escape = (char: string) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0")

/** Sets an own member even where the key is `__proto__`, which plain assignment would swallow. */
export const setMember = (target: Record<string, Json>, key: string, value: Json): void => {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  } else {
    target[key] = value
  }
}

interface Walk {
  /** The objects between the root and here: one that comes again is a cycle. */
  readonly ancestors: Array<object>
  values: number
}

const convert = (value: unknown, walk: Walk): Json | undefined => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "number":
      return Number.isFinite(value) ? value : String(value)
    case "bigint":
    case "symbol":
      return value.toString()
    case "object":
      return value === null ? null : convertObject(value, walk)
    default:
      return undefined
  }
}

const convertObject = (value: object, walk: Walk): Json | undefined => {
  if (walk.ancestors.includes(value)) return "<circular>"
  if (walk.ancestors.length >= maxDepth) return "<too deep>"
  walk.ancestors.push(value)
  // Getters, proxies and toJSON are the application's code: whatever they throw stays here.
  try {
    return convertKnown(value, walk)
  } catch {
    return "<unreadable>"
  } finally {
    walk.ancestors.pop()
  }
}

const convertKnown = (value: object, walk: Walk): Json | undefined => {
  if (Redacted.isRedacted(value)) return "<redacted>"
  if (Array.isArray(value) || value instanceof Set || value instanceof Map) return convertItems(value, walk)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString()
  if (value instanceof Error) return { name: String(value.name), message: String(value.message) }
  if (value instanceof ArrayBuffer) return Encoding.encodeBase64(new Uint8Array(value))
  if (ArrayBuffer.isView(value)) {
    return Encoding.encodeBase64(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  }
  if ("toJSON" in value && typeof value.toJSON === "function") return convert(value.toJSON(), walk)
  return convertMembers(value, walk)
}

const convertItems = (items: Iterable<unknown>, walk: Walk): Json => {
  const out: Array<Json> = []
  for (const item of items) {
    if (++walk.values > maxValues) return [...out, "<too large>"]
    out.push(convert(item, walk) ?? null)
  }
  return out
}

const convertMembers = (value: object, walk: Walk): Json => {
  const out: Record<string, Json> = {}
  for (const key of Object.keys(value)) {
    if (++walk.values > maxValues) {
      setMember(out, key, "<too large>")
      return out
    }
    const member = readMember(value, key, walk)
    if (member !== undefined) setMember(out, key, member)
  }
  return out
}

const readMember = (value: object, key: string, walk: Walk): Json | undefined => {
  let member: unknown
  try {
    member = (value as Record<string, unknown>)[key]
  } catch {
    return "<unreadable>"
  }
  return convert(member, walk)
}
