/**
 * What a client prefers: the headers `Accept` and `Accept-Language` (RFC 9110, section 12.5).
 */

interface Choice {
  readonly value: string
  readonly quality: number
}

/** In lower case, in the order in which they stand. What makes no sense is left out. */
const parse = (header: string): ReadonlyArray<Choice> =>
  header.split(",").flatMap((part) => {
    const [value = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase())
    const weight = parameters.find((parameter) => parameter.startsWith("q="))
    const quality = weight === undefined ? 1 : Number(weight.slice(2))
    return value === "" || !(quality >= 0 && quality <= 1) ? [] : [{ value, quality }]
  })

/** The weight of a type that is named itself; 0, where it is not. */
const weightOf = (choices: ReadonlyArray<Choice>, type: string): number =>
  choices.find(({ value }) => value === type)?.quality ?? 0

const json = "application/json"
const problem = "application/problem+json"

/**
 * Whether problem details are preferred to plain JSON. Whoever names them, and not as the lesser choice, does: what is named
 * together with plain JSON at the same weight is for errors, since nothing else comes in that form.
 */
export const prefersProblem = (accept: string | undefined): boolean => {
  // Nearly every request, at the cost of one look.
  if (accept === undefined || !/problem\+json/i.test(accept)) return false
  const choices = parse(accept)
  const wanted = weightOf(choices, problem)
  return wanted > 0 && wanted >= weightOf(choices, json)
}

/** Whether JSON is preferred to a page. */
export const prefersJson = (accept = ""): boolean => {
  const choices = parse(accept)
  return weightOf(choices, json) > weightOf(choices, "text/html")
}

/**
 * The language among those available that is preferred (RFC 4647, section 3.4: lookup), or the default. Tags are compared
 * without regard to case, and a range that is not there falls back to the same without its last part.
 */
export const lookupLanguage = (
  acceptLanguage: string | undefined,
  available: Pick<ReadonlySet<string>, "has" | "size">,
  defaultLanguage: string
): string => {
  if (acceptLanguage === undefined || available.size === 0) return defaultLanguage
  const isDefault = (range: string) => {
    const tag = defaultLanguage.toLowerCase()
    return tag === range || tag.startsWith(`${range}-`)
  }
  const byWeight = parse(acceptLanguage)
    // No language has a longer tag, and each part of a range costs a look at the whole of it.
    .filter(({ quality, value }) => quality > 0 && value.length <= 100)
    .sort((one, other) => other.quality - one.quality)
  for (const { value } of byWeight) {
    if (value === "*") return defaultLanguage
    for (let range = value; range !== ""; range = withoutLast(range)) {
      if (available.has(range)) return range
      if (isDefault(range)) return defaultLanguage
    }
  }
  return defaultLanguage
}

/** A single letter, as in `de-x-private`, does not end a range. */
const withoutLast = (range: string): string => range.replace(/(?:^|-)[^-]*$/, "").replace(/-[^-]$/, "")

/** A language tag (BCP 47) in its usual spelling. */
export const canonicalLanguage = (tag: string): string | undefined => {
  try {
    return Intl.getCanonicalLocales(tag)[0]
  } catch {
    return undefined
  }
}
