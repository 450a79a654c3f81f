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
