/**
 * Two JSON values, the first with the file's stand-ins in it: what differs, one sentence for each difference.
 */
import { Predicate } from "effect"

export type Differences = ReadonlyArray<string>

export interface Terms {
  /** Texts that render values which are no text are worded as the language does. */
  readonly language: boolean
  /** Classes that the case declares keep their names. */
  readonly classNames: ReadonlySet<string>
  /** What the case itself says is no built-in sentence. */
  readonly ownTexts: ReadonlySet<unknown>
  /** Requests were made at once, so lines may come in any order. */
  readonly anyOrder: boolean
}

export type Compare = (expected: unknown, actual: unknown, at: string, terms: Terms) => Differences

/** JSON with the file's stand-ins. The members of an object may come in any order. */
export const compareAny: Compare = (expected, actual, at, terms) => {
  if (isObject(expected)) return compareObject(expected, actual, at, terms)
  if (Array.isArray(expected) && Array.isArray(actual)) return compareEach(compareAny)(expected, actual, at, terms)
  if (expected === actual) return []
  const isPattern = typeof expected === "string" && typeof actual === "string"
  return isPattern && patternOf(expected)?.test(actual) === true ? [] : [differ(at, expected, actual)]
}

const compareObject = (
  expected: Readonly<Record<string, unknown>>,
  actual: unknown,
  at: string,
  terms: Terms
): Differences => {
  if ("$builtin" in expected) {
    return isSentence(actual) && !terms.ownTexts.has(actual) ? [] : [differ(at, "a built-in sentence", actual)]
  }
  if (isObject(expected["$long"])) {
    return typeof actual === "string"
      ? compareAny(expected["$long"], shorten(actual), at, terms)
      : [differ(at, expected, actual)]
  }
  if (!isObject(actual)) return [differ(at, expected, actual)]
  const names = compareNames(expected, actual, at)
  if (names.length > 0) return names
  return Object.keys(expected).flatMap((name) => {
    const [one, other] = [expected[name], actual[name]]
    const isWording = terms.language && name === "message" && typeof one === "string" && typeof other === "string"
    return isWording ? [] : compareAny(one, other, `${at}.${name}`, terms)
  })
}

/** The same members, in the same order. */
export const compareOrder = (expected: object, actual: object, at: string): Differences => {
  const [one, other] = [Object.keys(expected).join(", "), Object.keys(actual).join(", ")]
  return one === other ? [] : [`${at}: expected the members ${one}, got ${other}`]
}

const compareNames = (expected: object, actual: object, at: string): Differences => [
  ...Object.entries(expected).flatMap(([name, value]) =>
    Object.hasOwn(actual, name) ? [] : [`${at}.${name}: missing: ${say(value)}`]
  ),
  ...Object.entries(actual).flatMap(([name, value]) =>
    Object.hasOwn(expected, name) ? [] : [`${at}.${name}: in addition: ${say(value)}`]
  )
]

/** Texts with numbers, folders or dates in them that change. A date of its own has been looked at already. */
const patternOf = (expected: string): RegExp | undefined => {
  if (expected === "$date" || !/\$(?:n\b|dir\b|date\b)/.test(expected)) return undefined
  const escaped = expected.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
  return new RegExp(
    `^${escaped
      .replaceAll(/\\\$n\b/g, String.raw`\d+`)
      .replaceAll(/\\\$dir\b/g, ".*")
      .replaceAll(/\\\$date\b/g, String.raw`[\dT:.-]+Z?`)}$`,
    "su"
  )
}

/** The original counts code points. */
const shorten = (text: string) => {
  const chars = Array.from(text)
  return { length: chars.length, starts: chars.slice(0, 40).join(""), ends: chars.slice(-40).join("") }
}

export const compareEach =
  (compareItem: Compare): Compare =>
  (expected, actual, at, terms) => {
    if (!Array.isArray(expected) || !Array.isArray(actual)) return compareAny(expected, actual, at, terms)
    const length = Math.max(expected.length, actual.length)
    return Array.from({ length }, (_, index) => {
      const where = `${at}[${index}]`
      if (index >= expected.length) return [`${where}: in addition: ${say(actual[index])}`]
      if (index >= actual.length) return [`${where}: missing: ${say(expected[index])}`]
      return compareItem(expected[index], actual[index], where, terms)
    }).flat()
  }

export const compareAsBag =
  (compareItem: Compare): Compare =>
  (expected, actual, at, terms) => {
    if (!Array.isArray(expected) || !Array.isArray(actual)) return compareAny(expected, actual, at, terms)
    const left: Array<unknown> = [...actual]
    const missing = expected.filter((item) => {
      const found = left.findIndex((other) => compareItem(item, other, at, terms).length === 0)
      if (found !== -1) left.splice(found, 1)
      return found === -1
    })
    return [
      ...missing.map((item) => `${at}: missing: ${say(item)}`),
      ...left.map((item) => `${at}: in addition: ${say(item)}`)
    ]
  }

/** A class of the case by its name, one of the language or of the library by having one. */
export const compareClassName: Compare = (expected, actual, at, terms) =>
  typeof expected !== "string" || terms.classNames.has(expected)
    ? compareAny(expected, actual, at, terms)
    : compareSentence(expected, actual, at, terms)

export const compareSentence: Compare = (expected, actual, at) =>
  isSentence(actual) ? [] : [differ(at, expected, actual)]

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => Predicate.isRecord(value)

export const isSentence = (value: unknown) => typeof value === "string" && value !== ""

export const differ = (at: string, expected: unknown, actual: unknown) =>
  `${at}: expected ${say(expected)}, got ${say(actual)}`

export const say = (value: unknown): string => {
  const text = value === undefined ? "nothing" : JSON.stringify(value)
  return text.length > 160 ? `${text.slice(0, 159)}…` : text
}
