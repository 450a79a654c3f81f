/**
 * Response headers as HTTP allows them (RFC 9110, section 5): a name or value that no server may send is left out, since
 * the platform answers it with an empty 500 otherwise.
 */
export const safeHeaders = (given: Readonly<Record<string, unknown>>) => {
  const headers: Record<string, string> = {}
  const problems: Array<string> = []
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "string" && isSafe(name, value)) {
      headers[name.toLowerCase()] = value
    } else {
      problems.push(`the header ${JSON.stringify(name)} cannot be sent`)
    }
  }
  return { headers, problems }
}

/** The first name that is unsafe, or has an unsafe value. */
export const unsafeName = (headers: Readonly<Record<string, string>>): string | undefined => {
  for (const name of Object.keys(headers)) if (!isSafe(name, headers[name] ?? "")) return name
  return undefined
}

const isSafe = (name: string, value: string): boolean => isName.test(name) && isValue.test(value)

const isName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/i
const isValue = /^[\t\x20-\x7e\x80-\xff]*$/
