/**
 * Why a request does not fit its Schema, for the one who sent it: where, and what belongs there, in plain words. The Schemas
 * are the server's, and the values may be secrets: neither the names of types nor what was received is told.
 */
import { Effect, Option, Predicate, SchemaAST as AST } from "effect"
import type { ParseResult } from "effect"
import { cut, visible } from "./visible.js"

/** A part of a request. */
export type Part = "path" | "query" | "headers" | "body"

export interface Issue {
  readonly in?: Part
  /** Leads to the place, as in `items[0].name`; empty for the whole. */
  readonly path: string
  /** Goes on where the path ends: `is missing`. */
  readonly reason: string
}

/** No more than this are told of one request. */
export const atMost = 20

/** Of a path, or of a reason. In columns. */
const longest = 200

/**
 * What is wrong, in the order in which the Schema finds it. What an author wrote for people counts first: the `message` and
 * `missingMessage` annotations, what a filter returns, the `description` of a filter.
 */
export const issuesOf = (issue: ParseResult.ParseIssue, part?: Part): ReadonlyArray<Issue> => {
  const around: Around = { parameters: part === undefined || part === "body" ? undefined : issue.actual }
  return take(findings(issue, [], around), atMost).map(({ path, reason }) => ({
    ...(part === undefined ? {} : { in: part }),
    path: cut(visible(pathText(path)), longest),
    reason: cut(visible(beginning(sentence(reason)).replace(/\s+/g, " ")), longest)
  }))
}

/** More than is told of a text. What is made of the rest could take long. */
const beginning = (text: string): string => text.slice(0, 4 * longest)

interface Finding {
  readonly path: ReadonlyArray<PropertyKey>
  readonly reason: Reason
}

/** What surrounds an issue. */
interface Around {
  /** Where it is within these: the path, the query or the headers, as they were sent. */
  readonly parameters: unknown
  /** The filter whose own words these are, if they are. */
  readonly filter?: AST.AST | undefined
  /** Inside of something Redacted. What belongs there may be the secret itself. */
  readonly isSecret?: boolean
  /** The union whose form is looked for. */
  readonly union?: AST.AST | undefined
}

/** A whole reason, or what belongs there instead: literals, and things. */
type Reason = string | Expected

interface Expected {
  readonly literals: ReadonlyArray<string>
  readonly things: ReadonlyArray<string>
}

const sentence = (reason: Reason): string => {
  if (typeof reason === "string") return reason
  const { literals, things } = reason
  if (things.length === 0 && literals.length > 1) return `must be one of ${literals.join(", ")}`
  const all = [...things, ...literals]
  return all.length === 0
    ? notValid
    : `must be ${all.slice(0, -1).join(", ")}${all.length > 1 ? " or " : ""}${all.at(-1)}`
}

/** Lazily: a large body may have a million of them. */
function* findings(
  issue: ParseResult.ParseIssue,
  path: ReadonlyArray<PropertyKey>,
  outside: Around
): Generator<Finding> {
  const around =
    "ast" in issue && issue._tag !== "Missing" && isRedacted(issue.ast) ? { ...outside, isSecret: true } : outside
  const said = messageOf(issue)
  if (said !== undefined) return yield { path, reason: said }
  if (isRepeated(issue, path, around)) return yield { path, reason: "is given more than once" }
  switch (issue._tag) {
    case "Missing":
      return yield { path, reason: missing(issue) }
    case "Unexpected":
      return yield { path, reason: around.isSecret ? notValid : "is not expected" }
    case "Forbidden":
      return yield { path, reason: notValid }
    case "Type": {
      const returned = around.filter === issue.ast ? issue.message : undefined
      return yield { path, reason: returned ?? (around.isSecret ? notValid : expected(issue.ast)) }
    }
    case "Pointer": {
      const isSecret =
        around.isSecret || (around.union !== undefined && isSecretIn(around.union, several(issue.path)[0]!))
      return yield* findings(issue.issue, path.concat(issue.path), { ...around, isSecret, union: undefined })
    }
    case "Refinement":
      return yield* findings(issue.issue, path, {
        ...around,
        filter: issue.kind === "Predicate" ? issue.ast : undefined
      })
    case "Transformation":
      return yield* findings(issue.issue, path, { ...around, filter: isFilter(issue.ast) ? issue.ast : undefined })
    case "Composite": {
      const issues = several(issue.issues)
      const inside = AST.isUnion(issue.ast) ? { ...around, union: around.union ?? issue.ast } : around
      if (AST.isUnion(issue.ast) && issues.length > 1) return yield* ofUnion(issues, path, inside)
      for (const each of issues) yield* findings(each, path, inside)
    }
  }
}

const notValid = "is not valid"

/** The members of a union fail each for itself. What was meant is told by the one whose outermost part fits, if it is one. */
function* ofUnion(
  issues: ReadonlyArray<ParseResult.ParseIssue>,
  path: ReadonlyArray<PropertyKey>,
  around: Around
): Generator<Finding> {
  const members = issues
    .filter((issue) => issue._tag !== "Type" || !AST.isUndefinedKeyword(issue.ast))
    .map((issue) => take(findings(issue, path, { ...around, filter: undefined }), atMost))
  const inside = members.filter((found) => found.some((finding) => finding.path.length > path.length))
  if (inside.length === 1) return yield* inside[0]!
  if (inside.length > 1) {
    return yield { path, reason: around.isSecret ? notValid : "fits none of the forms that are allowed" }
  }
  const reasons = members.flatMap((found) => found.map(({ reason }) => reason))
  const said = reasons.find((reason) => typeof reason === "string")
  yield { path, reason: said ?? anyOf(reasons.filter((reason) => typeof reason !== "string")) }
}

/** The platform hands over a parameter that was sent several times as an array. In what is decoded from it there may be others. */
const isRepeated = (
  issue: ParseResult.ParseIssue,
  path: ReadonlyArray<PropertyKey>,
  { parameters }: Around
): boolean => {
  const name = path[0]
  return (
    issue._tag === "Type" &&
    path.length === 1 &&
    Array.isArray(issue.actual) &&
    Predicate.isRecord(parameters) &&
    parameters[name as string] === issue.actual
  )
}

const isRedacted = (ast: AST.AST): boolean =>
  AST.isTransformation(ast)
    ? isRedacted(ast.to)
    : Option.exists(AST.getTypeConstructorAnnotation(ast), ({ _tag }) => _tag === "effect/Redacted")

/** Effect looks for the member of a union by the encoded literals, and forgets what they are encoded from. */
const isSecretIn = (ast: AST.AST, key: PropertyKey, depth = 0): boolean => {
  if (depth > 8) return false
  const of = (inner: AST.AST) => isSecretIn(inner, key, depth + 1)
  switch (ast._tag) {
    case "TypeLiteral":
      return ast.propertySignatures.some(({ name, type }) => name === key && holdsSecret(type))
    case "TupleType":
      return ast.elements.some(({ type }, at) => at === key && holdsSecret(type))
    case "Union":
      return ast.types.some(of)
    case "Suspend":
      return of(ast.f())
    case "Refinement":
      return of(ast.from)
    case "Transformation":
      return isRedacted(ast) || of(ast.from)
    case "Declaration":
      return Option.exists(AST.getSurrogateAnnotation(ast), of)
    default:
      return false
  }
}

/** A single literal does, somewhere on its way. */
const holdsSecret = (ast: AST.AST): boolean =>
  isRedacted(ast) ||
  (AST.isRefinement(ast) && holdsSecret(ast.from)) ||
  (AST.isTransformation(ast) && (holdsSecret(ast.from) || holdsSecret(ast.to)))

const several = <A>(one: A | ReadonlyArray<A>): ReadonlyArray<A> => (Array.isArray(one) ? one : [one as A])

const take = <A>(from: Iterable<A>, count: number): ReadonlyArray<A> => {
  const taken: Array<A> = []
  for (const each of from) {
    taken.push(each)
    if (taken.length === count) break
  }
  return taken
}

const thing = (name: string): Expected => ({ literals: [], things: [name] })

const literal = (value: AST.LiteralValue | number): Expected => ({
  literals: [typeof value === "bigint" ? String(value) : JSON.stringify(value)],
  things: []
})

const nothing: Expected = { literals: [], things: [] }

/** Where one of them cannot be named, the others alone would be a lie. */
const anyOf = (all: ReadonlyArray<Expected>): Expected =>
  all.some((each) => each.literals.length + each.things.length === 0)
    ? nothing
    : {
        literals: [...new Set(all.flatMap(({ literals }) => literals))],
        things: [...new Set(all.flatMap(({ things }) => things))]
      }

/** What belongs to where a Schema did not fit. */
const expected = (ast: AST.AST, depth = 0): Expected => {
  // Of a Schema that holds itself.
  if (depth > 8) return nothing
  const of = (inner: AST.AST) => expected(inner, depth + 1)
  switch (ast._tag) {
    case "Literal":
      return literal(ast.literal)
    case "Enums":
      return anyOf(ast.enums.map(([, value]) => literal(value)))
    case "StringKeyword":
      return thing("a string")
    case "NumberKeyword":
      return thing("a number")
    case "BigIntKeyword":
      return thing("a whole number")
    case "BooleanKeyword":
      return thing("true or false")
    case "TypeLiteral":
    case "ObjectKeyword":
      return thing("an object")
    case "TupleType":
      return thing("an array")
    case "Union":
      return anyOf(ast.types.filter((type) => !AST.isUndefinedKeyword(type)).map(of))
    case "Suspend":
      return of(ast.f())
    case "Refinement":
      return described(ast) ?? nothing
    case "Transformation":
      return described(ast) ?? ofEncoded(ast.from) ?? (isFilter(ast) ? nothing : of(ast.to))
    case "Declaration":
      return described(ast) ?? nothing
    default:
      return nothing
  }
}

/** A filter that is an Effect is a transformation into the same. */
const isFilter = (ast: AST.Transformation): boolean => AST.typeAST(ast.from) === ast.to

/** The description, where it goes on after `must be`. */
const described = (ast: AST.AST): Expected | undefined => {
  const description = ast.annotations[AST.DescriptionAnnotationId]
  if (typeof description !== "string" || isOfTypes(description)) return undefined
  const text = plainWords[description] ?? description
  return thing(/^(?:an?|one|at) /i.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : `of this kind: ${text}`)
}

/** Effect describes what a text is decoded into at the text. */
const ofEncoded = (ast: AST.AST): Expected | undefined => {
  const description = String(ast.annotations[AST.DescriptionAnnotationId])
  const encoded = /^A string that is interpreted as being (\w+)-encoded /.exec(description)?.[1]
  if (encoded !== undefined) return thing(`a string encoded as ${encoded}`)
  const decoded = / to be decoded into (.*)$/.exec(description)?.[1]
  const text = decoded === undefined ? undefined : (plainWords[decoded] ?? decoded)
  return text === undefined || !/^an? (?:[a-z][\w ]*|[A-Z]+(?: text)?)$/.test(text) ? undefined : thing(text)
}

/** What Effect's own Schemas are described with is, for some, the name of a type. */
const isOfTypes = (description: string): boolean =>
  /^\w+[<(].*[>)]$|^an instance of |Encoded(?:<.*)?$/.test(description) ||
  (description.endsWith(" instance") && plainWords[description] === undefined)

const plainWords: Readonly<Record<string, string>> = {
  "an integer": "a whole number",
  "a bigint": "a whole number",
  "a BigDecimal": "a number",
  JSON: "a JSON text",
  "a Date": "a date",
  "a valid Date": "a date",
  "a valid Date instance": "a date",
  "a potentially invalid Date instance": "a date",
  "a DateTime.Utc": "a date",
  "a DateTime.Utc instance": "a date",
  "a DateTime.Zoned": "a date with its time zone",
  "a DateTime.Zoned instance": "a date with its time zone",
  "a TimeZone": "a time zone",
  "a TimeZone.Named": "a time zone",
  "a TimeZone.Offset": "a time zone"
}

/**
 * The `message` annotation. As in Effect's own formatters, what is said of a whole does not hide what is said of its parts,
 * unless it overrides them.
 */
const messageOf = (issue: ParseResult.ParseIssue): string | undefined => {
  if (!("ast" in issue) || issue._tag === "Missing") return undefined
  const annotation = AST.getMessageAnnotation(issue.ast)
  if (annotation._tag === "None") return undefined
  const made = safely(() => annotation.value(issue))
  const { message, override } =
    typeof made === "object" && "override" in made ? made : { message: made, override: false }
  const hasParts =
    issue._tag === "Composite" ||
    (issue._tag === "Refinement" && issue.kind === "From") ||
    (issue._tag === "Transformation" && issue.kind !== "Transformation")
  return hasParts && !override ? undefined : textOf(message)
}

const missing = (issue: ParseResult.Missing): string => {
  const annotation = AST.getMissingMessageAnnotation(issue.ast)
  const made = annotation._tag === "None" ? undefined : safely(annotation.value)
  return textOf(made) ?? "is missing"
}

const textOf = (message: string | Effect.Effect<string> | undefined): string | undefined => {
  const text = Effect.isEffect(message) ? safely(() => Effect.runSync(message)) : message
  return typeof text === "string" && text !== "" ? text : undefined
}

/** Annotations are the application's own functions. */
const safely = <A>(look: () => A): A | undefined => {
  try {
    return look()
  } catch {
    return undefined
  }
}

const pathText = (path: ReadonlyArray<PropertyKey>): string => {
  let text = ""
  for (const key of path) {
    // Keys are as long as who sends them likes.
    const name = (typeof key === "symbol" ? (key.description ?? "") : String(key)).slice(0, longest + 1)
    if (/^\d+$/.test(name)) text += `[${name}]`
    else if (!/^[\w$][\w$-]*$/.test(name)) text += `[${JSON.stringify(name)}]`
    else text += text === "" ? name : `.${name}`
    if (text.length > 4 * longest) break
  }
  return text
}
