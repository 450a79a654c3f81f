/**
 * Any value to its JSON form, totally: no input throws, loops or leaks a secret. `JSON.stringify` does none of the three.
 */
import { Encoding, Option, Redacted } from "effect"

export type Json = string | number | boolean | null | ReadonlyArray<Json> | { readonly [key: string]: Json }

/** Deep enough for any real value, shallow enough for every stack. */
const maxDepth = 64

/**
 * What one conversion, or several with the same allowance, may still take. A graph in which members are shared grows
 * exponentially when it is written out as a tree, and a text that is shared many times grows beyond all memory.
 */
export interface Allowance {
  values: number
  characters: number
}

export const makeAllowance = (): Allowance => ({ values: 100_000, characters: 2 * 1024 * 1024 })

/**
 * A deep copy that has a JSON form. What JSON lacks gets a readable stand-in: `NaN`, bigint, Date and symbols as text,
 * Map and Set as arrays, an Option as what it holds, bytes as base64, errors as name and message, `Redacted` as `<redacted>`, cycles and what throws as
 * `<circular>` and `<unreadable>`, what is beyond the allowance as `<too large>`. Functions and `undefined` members are left out, as JSON does.
 */
export const toJson = (value: unknown, allowance: Allowance = makeAllowance()): Json =>
  (isObject(value) ? convertObject(value, { ancestors: [], allowance }) : convertPlain(value, allowance)) ?? null

/** A value inside a message: what has the form of text as it is, everything else as JSON. */
export const toText = (value: unknown): string => {
  const json = toJson(value)
  return typeof json === "string" ? json : stringify(json)
}

/**
 * JSON on one line in every reader's eyes: line and paragraph separators, C1 controls and bidirectional overrides are
 * escaped, which JSON does not ask for but terminals and line splitters need. `JSON.parse` gives the same value back.
 */
export const stringify = (value: Json): string => {
  switch (typeof value) {
    case "string":
      return hasEscapes.test(value) ? escaped(value) : `"${value}"`
    case "number":
      // Negative zero, too, is the same in both.
      return Number.isFinite(value) ? String(value) : "null"
    default:
      return escaped(value)
  }
}

/** The same of an object, member by member: its names are known, and there is seldom anything to escape in what they stand for. */
export const stringifyMembers = (members: { readonly [name: string]: Json }): string => {
  let text = ""
  for (const name of Object.keys(members)) {
    const value = members[name]
    // As JSON does.
    if (value === undefined) continue
    text += text === "" ? firstName(name) : nextName(name)
    text += stringify(value)
  }
  return text === "" ? "{}" : text + "}"
}

/** The same of texts of which there are only so many, between two others that never change: each is put together once. */
export const framed = (before: string, after: string): ((text: string) => string) => {
  const known = new Map<string, string>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    const made = before + stringify(text) + after
    // They may come from outside.
    if (known.size < maxKnown && made.length <= longestKnown) known.set(text, made)
    return made
  }
}

const maxKnown = 20_000
const longestKnown = 200

const firstName = framed("{", ":")
const nextName = framed(",", ":")

/**
 * The same text, in one piece: what was put together is kept as its parts, which take three times the memory, until somebody
 * looks at one of its characters.
 */
export const inOnePiece = (text: string): string => (text.charCodeAt(0) >= 0 ? text : "")

// `undefined` is no JSON, but nothing here may throw.
const escaped = (value: Json): string => (JSON.stringify(value) ?? "null").replace(unsafe, escape)

/** Anything but what both leave as it is; JSON escapes surrogates that stand alone, and so none is let through. */
const hasEscapes =
  /[^ !#-[\]-~\u00a0-\u061b\u061d-\u200d\u2010-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\uffff]/
const unsafe = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g
const escape = (char: string) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0")

/** Whether a value is its own JSON form. */
export const isJson = (value: unknown): value is Json => {
  const left = [value]
  const seen = new Set<unknown>()
  while (left.length > 0) {
    const at = left.pop()
    if (typeof at === "object" && at !== null && !seen.has(at)) {
      if (!Array.isArray(at) && Object.getPrototypeOf(at) !== Object.prototype) return false
      seen.add(at)
      for (const member of Object.values(at)) left.push(member)
    } else if (!["string", "boolean", "object"].includes(typeof at) && !Number.isFinite(at)) {
      return false
    }
  }
  return true
}

/** Sets an own member even where the key is `__proto__`, which plain assignment would swallow. */
export const setMember = <A>(target: Record<string, A>, key: string, value: A): void => {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  } else {
    target[key] = value
  }
}

interface Walk {
  /** The objects between the root and here: one that comes again is a cycle. */
  readonly ancestors: Array<object>
  readonly allowance: Allowance
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

const convert = (value: unknown, walk: Walk): Json | undefined =>
  isObject(value) ? convertObject(value, walk) : convertPlain(value, walk.allowance)

const convertPlain = (value: unknown, allowance: Allowance): Json | undefined => {
  switch (typeof value) {
    case "string":
      return takeText(value, allowance)
    case "boolean":
      return value
    case "number":
      // Negative zero has no JSON form.
      return Number.isFinite(value) ? value + 0 : String(value)
    case "bigint":
    case "symbol":
      return takeText(value.toString(), allowance)
    case "object":
      return null
    default:
      return undefined
  }
}

const tooLarge = "<too large>"

const takeText = (text: string, allowance: Allowance): string => {
  // A short text always fits, or one value that is too large would take all the others with it.
  if (text.length > Math.max(100, allowance.characters)) return tooLarge
  allowance.characters -= text.length
  return text
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
  if (Option.isOption(value)) return Option.isSome(value) ? convert(value.value, walk) : null
  if (Array.isArray(value) || value instanceof Set || value instanceof Map) return convertItems(value, walk)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString()
  if (value instanceof Error) {
    return {
      name: takeText(String(value.name), walk.allowance),
      message: takeText(String(value.message), walk.allowance)
    }
  }
  if (value instanceof ArrayBuffer) return convertBytes(new Uint8Array(value), walk)
  if (ArrayBuffer.isView(value)) {
    return convertBytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength), walk)
  }
  if ("toJSON" in value && typeof value.toJSON === "function") return convert(value.toJSON(), walk)
  return convertMembers(value, walk)
}

const convertBytes = (bytes: Uint8Array, walk: Walk): Json =>
  bytes.length > walk.allowance.characters ? tooLarge : takeText(Encoding.encodeBase64(bytes), walk.allowance)

const convertItems = (items: Iterable<unknown>, walk: Walk): Json => {
  const out: Array<Json> = []
  for (const item of items) {
    if (walk.allowance.values-- <= 0) return [...out, tooLarge]
    out.push(convert(item, walk) ?? null)
  }
  return out
}

const convertMembers = (value: object, walk: Walk): Json => {
  const out: Record<string, Json> = {}
  for (const key of Object.keys(value)) {
    if (walk.allowance.values-- <= 0 || takeText(key, walk.allowance) !== key) {
      setMember(out, tooLarge, tooLarge)
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

/** Whether the bytes are one JSON text, in UTF-8. */
export const isJsonText = (bytes: Uint8Array): boolean => {
  try {
    JSON.parse(utf8.decode(bytes))
    return true
  } catch {
    return false
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true })
