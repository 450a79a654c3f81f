/**
 * The path of a request, decoded once and in one place: what is allowed and what is served must be the same path.
 */
import { normalize } from "node:path/posix"

/** The decoded segments. A slash or a dot that was encoded stays within its segment. */
export const segmentsOf = (url: string): ReadonlyArray<string> => {
  // The target may be given with its host: RFC 9112, section 3.2.2.
  const [path = ""] = url.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, "").split("?", 1)
  return path.split("/").slice(1).map(decode)
}

/** What path patterns are matched against: without `.` and `..`, which must not lead out of what they allow. */
export const normalized = (url: string): string => normalize(`/${segmentsOf(url).join("/").replaceAll("\\", "/")}`)

/** The router answers for broken percent-encoding, so this one is only total. */
const decode = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
