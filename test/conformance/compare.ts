/**
 * What differs between what the original did and what was observed here, as one sentence for each difference.
 *
 * Compared are structure, ids, statuses, headers, order and members. The wording of built-in sentences, the names of the
 * classes of either language and the white space of stored JSON are not part of the contract. `README.md` says it in full.
 */
import {
  compareAny,
  compareAsBag,
  compareClassName,
  compareEach,
  differ,
  isObject,
  isSentence,
  say,
  type Compare,
  type Differences,
  type Terms
} from "./compareJson.js"
import { compareFiles, compareLog } from "./compareLog.js"
import { isConcurrent, type Case, type Observed } from "./format.js"

export const compare = (given: Case, observed: Observed): Differences => {
  const declared = [...(given.setup.exceptions ?? []), ...(given.other_app?.exceptions ?? [])]
  const terms: Terms = {
    language: given.quirk?.includes("language") === true,
    classNames: new Set(declared.map(({ name }) => name)),
    ownTexts: new Set(ownTexts([given.setup, given.other_app])),
    anyOrder: isConcurrent(given.requests)
  }
  const names = [...new Set([...Object.keys(given.observed), ...Object.keys(observed)])]
  return names.flatMap((name) => {
    const expected = given.observed[name]
    const actual = observed[name]
    if (name === "startup") return compareOutcome(expected, actual, name, terms)
    if (name === "responses") return compareResponses(given)(expected, actual, name, terms)
    if (name === "files") return compareFiles(expected, actual, name, terms)
    if (name.endsWith("registrations")) return compareEach(compareOutcome)(expected, actual, name, terms)
    return /(?:audit|application)$/.test(name)
      ? compareLog(expected, actual, name, terms)
      : compareAny(expected, actual, name, terms)
  })
}

/** The texts that a case gives to its errors. */
const ownTexts = (value: unknown): ReadonlyArray<unknown> =>
  typeof value !== "object" || value === null
    ? []
    : Object.entries(value).flatMap(([name, member]) =>
        ["description", "message", "text"].includes(name) ? [member] : ownTexts(member)
      )

/** Registrations and the start: refused or not, and with a sentence where refused. */
const compareOutcome: Compare = (expected, actual, at, terms) => {
  if (!isObject(expected) || !isObject(actual)) return compareAny(expected, actual, at, terms)
  if (expected["ok"] !== actual["ok"]) {
    return [`${at}: expected ${say(expected["ok"] === true ? "success" : "refusal")}, got ${say(actual)}`]
  }
  if (expected["ok"] === true) return []
  const raised = isObject(actual["raised"]) ? actual["raised"] : {}
  return isSentence(raised["type"]) && isSentence(raised["message"])
    ? []
    : [`${at}: the refusal has no type or sentence: ${say(actual)}`]
}

const compareResponses =
  ({ requests }: Case): Compare =>
  (expected, actual, at, terms) =>
    compareEach((one, other, where, inner) => {
      const index = Number(/\d+(?=\]$)/.exec(where)?.[0])
      const isHead = requests[index]?.method === "HEAD"
      const compareOne = compareResponse(isHead)
      if (!isObject(one) || !isObject(other) || !("distinct" in one)) return compareOne(one, other, where, inner)
      return [
        ...compareAny(one["times"], other["times"], `${where}.times`, inner),
        ...compareAsBag(compareOne)(one["distinct"], other["distinct"], `${where}.distinct`, inner)
      ]
    })(expected, actual, at, terms)

const compareResponse =
  (isHead: boolean): Compare =>
  (expected, actual, at, terms) => {
    if (!isObject(expected) || !isObject(actual) || "no_answer" in actual) {
      return compareAny(expected, actual, at, terms)
    }
    // What is empty is of no type.
    const isEmpty = expected["body"] === null && actual["body"] === null && !isHead
    return [
      ...compareAny(expected["status"], actual["status"], `${at}.status`, terms),
      ...(isEmpty || mediaType(expected["content_type"]) === mediaType(actual["content_type"])
        ? []
        : [differ(`${at}.content_type`, expected["content_type"], actual["content_type"])]),
      ...compareAny(expected["headers"], actual["headers"], `${at}.headers`, terms),
      ...compareBody(expected["body"], actual["body"], `${at}.body`, terms)
    ]
  }

const mediaType = (contentType: unknown) =>
  typeof contentType === "string" ? contentType.split(";", 1)[0]?.trim() : contentType

const compareBody: Compare = (expected, actual, at, terms) => {
  const expectedCaught = caughtOf(expected)
  const actualCaught = caughtOf(actual)
  if (expectedCaught === undefined || actualCaught === undefined) return compareAny(expected, actual, at, terms)
  return compareEach(compareClassName)(expectedCaught, actualCaught, `${at}.caught`, terms)
}

/** The names of the failures that the handler swallowed. */
const caughtOf = (body: unknown): unknown => {
  const json = isObject(body) ? body["json"] : undefined
  return isObject(json) && json["ok"] === true ? json["caught"] : undefined
}
