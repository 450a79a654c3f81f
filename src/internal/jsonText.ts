/**
 * JSON as text: on one line in every reader's eyes, and put together from parts where that is cheaper than `JSON.stringify`.
 */
import { toJson, type Json } from "./json.js"

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

/** The same of an object, member by member: there is seldom anything to escape in what the members are. */
export const stringifyMembers = (members: { readonly [name: string]: Json }): string => {
  let text = ""
  for (const name of Object.keys(members)) {
    const value = members[name]
    // As JSON does.
    if (value === undefined) continue
    text += (text === "" ? "{" : ",") + stringify(name) + ":" + stringify(value)
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

/**
 * The same text, in one piece: what was put together is kept as its parts, which take three times the memory, until somebody
 * looks at one of its characters.
 */
export const inOnePiece = (text: string): string => (text.charCodeAt(0) >= 0 ? text : "")

// `undefined` is no JSON, but nothing here may throw.
const escaped = (value: Json): string => (JSON.stringify(value) ?? "null").replace(unsafe, escape)

/** C1 controls, marks of direction and ends of lines. JSON leaves them as they are. */
const unseen = "\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff"
const unsafe = new RegExp(`[${unseen}]`, "g")
/** What either of the two escapes: JSON escapes surrogates that stand alone, and so none is let through. */
const hasEscapes = new RegExp(`["\\\\\\u0000-\\u001f\\ud800-\\udfff${unseen}]`)
const escape = (char: string) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0")

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
