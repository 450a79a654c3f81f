/**
 * What differs between two logs, or the files of a log.
 */
import {
  compareAny,
  compareAsBag,
  compareClassName,
  compareEach,
  compareOrder,
  compareSentence,
  differ,
  isObject,
  type Compare
} from "./compareJson.js"

export const compareLog: Compare = (expected, actual, at, terms) => {
  if (!isObject(expected) || !isObject(actual)) return compareAny(expected, actual, at, terms)
  const compareLines = terms.anyOrder ? compareAsBag(compareLine) : compareEach(compareLine)
  const [expectedConsole, actualConsole] = [expected["console"], actual["console"]]
  return [
    ...compareLines(expected["file"], actual["file"], `${at}.file`, terms),
    ...(isObject(expectedConsole) && isObject(actualConsole)
      ? [
          ...compareAny(expectedConsole["stream"], actualConsole["stream"], `${at}.console.stream`, terms),
          ...compareLines(expectedConsole["lines"], actualConsole["lines"], `${at}.console.lines`, terms)
        ]
      : compareAny(expectedConsole, actualConsole, `${at}.console`, terms))
  ]
}

const compareLine: Compare = (expected, actual, at, terms) => {
  if (!isObject(expected) || !isObject(actual) || "$raw" in expected || "$raw" in actual) {
    return compareAny(expected, actual, at, terms)
  }
  // What else is known of a line of the application log comes after the members of the original.
  const { annotations: _, spans: __, ...members } = actual
  const isBuiltin = isObject(expected["message"])
  const compareMember = (name: string): Compare => {
    if (name === "errorType") return compareClassName
    if (name === "errorInfo") return compareErrorInfo
    if (name === "message" && terms.language && typeof expected[name] === "string") return compareWording
    if (name === "event") return compareEvent
    // The logger that the library itself writes to.
    return name === "module" && isBuiltin ? compareSentence : compareAny
  }
  const order = compareOrder(expected, members, at)
  if (order.length > 0) return order
  return Object.keys(expected).flatMap((name) =>
    compareMember(name)(expected[name], members[name], `${at}.${name}`, terms)
  )
}

/** The details are what was recorded, whatever the language: only messages are worded. */
const compareEvent: Compare = (expected, actual, at, terms) => {
  if (!isObject(expected) || !isObject(actual)) return compareAny(expected, actual, at, terms)
  // The original does not number its requests.
  const { requestId: _, ...members } = actual
  const order = compareOrder(expected, members, at)
  return order.length > 0 ? order : compareAny(expected, members, at, { ...terms, language: false })
}

const compareErrorInfo: Compare = (expected, actual, at, terms) => {
  const trace = isObject(expected) && isObject(expected["$traceback"]) ? expected["$traceback"] : undefined
  if (trace === undefined) return compareAny(expected, actual, at, terms)
  const last = isObject(trace["last"]) ? trace["last"] : {}
  const isOwn = typeof last["type"] === "string" && terms.classNames.has(last["type"])
  const said = typeof last["message"] === "string" ? last["message"] : ""
  return typeof actual === "string" &&
    (actual.includes("\n") || actual.includes(String(last["type"]))) &&
    (!isOwn || actual.includes(said))
    ? []
    : [differ(at, "the error with its trace", actual)]
}

/** Worded as the language does: only that it is text. */
const compareWording: Compare = (expected, actual, at) =>
  typeof actual === "string" ? [] : [differ(at, expected, actual)]

/** Names, numbers and order of the records; their length is that of our JSON, so only its steps are compared. */
export const compareFiles: Compare = (expected, actual, at, terms) => {
  if (!Array.isArray(expected)) return compareAny(expected, actual, at, terms)
  return compareEach((one, other, where, inner) => {
    if (!isObject(one) || !isObject(other)) return compareAny(one, other, where, inner)
    return Object.keys(one)
      .filter((name) => name !== "bytes")
      .flatMap((name) =>
        name === "line_bytes"
          ? compareAny(steps(one[name]), steps(other[name]), `${where}.steps of line_bytes`, inner)
          : compareAny(one[name], other[name], `${where}.${name}`, inner)
      )
  })(expected, actual, at, terms)
}

const steps = (lengths: unknown) =>
  Array.isArray(lengths) ? lengths.map((length) => Number(length) - Number(lengths[0])) : lengths
