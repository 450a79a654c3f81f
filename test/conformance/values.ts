/**
 * Values of a case: JSON, and `{"$name": …}` for what JSON does not have.
 */
import { Predicate } from "effect"

/** What values may refer to. */
export interface Names {
  /** The number of the request within the case. */
  readonly index: number
  /** What `let` has named. */
  readonly named: ReadonlyMap<string, unknown>
}

export const evaluate = (value: unknown, names: Names): unknown => {
  if (Array.isArray(value)) return value.map((item) => evaluate(item, names))
  if (!Predicate.isRecord(value)) return value
  const [name] = Object.keys(value)
  if (name?.startsWith("$") === true && Object.keys(value).length === 1) return special(name, value[name], names)
  return evaluateMembers(value, names)
}

/** As text, where only text makes sense. */
export const evaluateText = (value: unknown, names: Names): string => {
  const evaluated = evaluate(value, names)
  return typeof evaluated === "string" ? evaluated : JSON.stringify(evaluated)
}

const evaluateMembers = (value: Readonly<Record<PropertyKey, unknown>>, names: Names): Record<string, unknown> => {
  const members: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) {
    // `__proto__` is a name like any other here.
    Object.defineProperty(members, key, {
      value: evaluate(member, names),
      enumerable: true,
      configurable: true,
      writable: true
    })
  }
  return members
}

const special = (name: string, argument: unknown, names: Names): unknown => {
  switch (name) {
    case "$ref":
      return names.named.get(String(argument))
    case "$request_index":
      return names.index
    case "$repeat": {
      const { text, times } = argument as { readonly text: unknown; readonly times: number }
      return evaluateText(text, names).repeat(times)
    }
    case "$float":
      return toFloat(String(argument))
    case "$datetime":
      return toDate(String(argument))
    case "$bytes":
      return Uint8Array.from(Buffer.from(String(argument), "hex"))
    case "$tuple":
      return evaluate(argument, names)
    case "$set":
      return new Set(evaluate(argument, names) as Iterable<unknown>)
    case "$object":
      return Object.assign(Object.create(ownClass) as object, evaluate(argument, names))
    case "$int_keys":
      return toIntKeys(argument, names)
    case "$circular":
      return circular()
    case "$uncopyable":
      return new Uncopyable()
    case "$char":
      return String.fromCodePoint(typeof argument === "number" ? argument : hex(String(argument)))
    default:
      throw new Error(`There is no value '${name}'`)
  }
}

const toFloat = (text: string) => {
  const [, sign, word] = /^([+-]?)(nan|inf(?:inity)?)$/i.exec(text.trim()) ?? []
  if (word === undefined) return Number(text)
  return word.toLowerCase() === "nan" ? NaN : sign === "-" ? -Infinity : Infinity
}

/** The original's dates without a zone are UTC. */
const toDate = (text: string) => new Date(/T[^Z+-]*$/.test(text) ? `${text}Z` : text)

const hex = (text: string) => Number.parseInt(text.replace(/^(?:U\+|0x|\\u)/i, ""), 16)

/** An object's keys are text in JavaScript, so the map with integer keys that is written down as one is an object. */
const toIntKeys = (argument: unknown, names: Names) =>
  Array.isArray(argument)
    ? Object.fromEntries(evaluate(argument, names) as ReadonlyArray<readonly [number, unknown]>)
    : evaluate(argument, names)

const circular = () => {
  const value: { self?: unknown } = {}
  value.self = value
  return value
}

/** What an object of an application's own class inherits from. */
const ownClass = { describe: () => "an object" }

/** Whoever looks into it to copy it is refused. */
class Uncopyable {
  constructor() {
    Object.defineProperty(this, "inside", { enumerable: true, get: this.refuse })
  }
  toJSON() {
    return this.refuse()
  }
  private refuse(): never {
    throw new TypeError("This cannot be copied")
  }
}
