/**
 * What a collector's answer to an OTLP/HTTP request means.
 */
import { cut, visible } from "./visible.js"

/** What a collector says of a request that it has taken. */
export interface Verdict {
  readonly rejected: number
  /** Why some were rejected or, where none were, a warning. */
  readonly message: string
}

/**
 * The verdict in an `ExportLogsServiceResponse`; nothing where the answer is too long for one, or a page for people. Collectors that
 * answer with nothing, or with a word, have taken everything.
 */
export const verdictOf = (body: string | undefined): Verdict | undefined => {
  if (body === undefined || body.trimStart().startsWith("<")) return undefined
  const partial = member(parsed(body), "partialSuccess", "partial_success")
  const rejected = Number(member(partial, "rejectedLogRecords", "rejected_log_records") ?? 0)
  return { rejected: rejected > 0 ? rejected : 0, message: textOf(member(partial, "errorMessage", "error_message")) }
}

/** `reason` is for decisions, as in `AuditSinkError`. */
export interface Refusal {
  readonly reason: "Misconfigured" | "Unwritable" | "Unavailable"
  /** What the collector does, and what there is to do. */
  readonly problem: string
  /** What the collector says to that, as far as it may be shown. */
  readonly message: string
}

/** What a status that is no success means. */
export const refusalOf = (status: number, body: string | undefined): Refusal => {
  const [reason, problem] = problemByStatus[status] ?? problemOfClass(status)
  // Whoever does not like a token may quote it.
  return { reason, problem, message: status === 401 || status === 403 ? "" : textOf(member(parsed(body), "message")) }
}

const problemByStatus: Readonly<Record<number, readonly [Refusal["reason"], string]>> = {
  400: ["Misconfigured", "cannot read what is sent to it: see that this URL takes OTLP logs as JSON"],
  401: ["Misconfigured", "does not know who sends this: correct the headers"],
  403: ["Misconfigured", "does not let this sender write: correct the headers, or have it grant the right"],
  404: ["Misconfigured", "has nothing at this URL: correct it; as a rule it ends with /v1/logs"],
  405: ["Misconfigured", "takes no logs at this URL: correct it; as a rule it ends with /v1/logs"],
  408: ["Unavailable", "is too slow: it is tried again"],
  413: ["Unwritable", "takes no request that is as large: raise its limit, or lower 'maxBatch'"],
  415: [
    "Misconfigured",
    "does not take JSON, or not compressed: choose one that takes OTLP as JSON, or leave out 'compress'"
  ],
  429: ["Unavailable", "takes no more for now: it is tried again"]
}

const problemOfClass = (status: number): readonly [Refusal["reason"], string] => {
  if (status >= 500) return ["Unavailable", "fails: it is tried again"]
  if (status >= 400) return ["Unwritable", "refuses what is sent to it: look into its log"]
  return ["Misconfigured", "sends elsewhere: give the URL that it leads to"]
}

/** How many milliseconds the collector wants to be left alone (RFC 9110, section 10.2.3). */
export const retryAfterOf = (header: string | undefined, now: number): number => {
  if (header === undefined) return 0
  if (/^\d+$/.test(header)) return Number(header) * 1000
  const millis = httpDate.test(header) ? Date.parse(header) - now : 0
  return millis > 0 ? millis : 0
}

/** `Date.parse` takes more than HTTP does. */
const httpDate = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/

/** What a collector says, for a message: on one line, not too long, and without what it was told in confidence. */
export const quoted = (message: string, secrets: ReadonlyArray<string>): string => {
  const told = secrets.reduce((text, secret) => text.replaceAll(secret, "<redacted>"), message)
  return cut(visible(told.slice(0, 10_000)), 300)
}

/** What of the headers must not be shown: their values, and the words of them, where they are as long as a secret. */
export const secretsOf = (texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  texts
    .flatMap((value) => [value, ...value.split(/\s+/).filter((word) => word.length >= 8)])
    .filter((secret) => secret.length >= 4)
    .sort((a, b) => b.length - a.length)

const parsed = (body: string | undefined): unknown => {
  try {
    return body && JSON.parse(body)
  } catch {
    return undefined
  }
}

const member = (value: unknown, ...names: ReadonlyArray<string>): unknown => {
  if (typeof value !== "object" || value === null) return undefined
  return Object.entries(value).find(([name]) => names.includes(name))?.[1]
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "")
