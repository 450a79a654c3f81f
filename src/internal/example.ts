/**
 * A value that a Schema describes, for documents: the one that its author gives as an example, or else the plainest that fits.
 * It is never a reason to fail, and never takes long: where nothing plain fits, there is none.
 */
import {
  BigDecimal,
  Chunk,
  DateTime,
  Duration,
  Either,
  HashMap,
  HashSet,
  List,
  Option,
  ParseResult,
  Redacted,
  Schema,
  SchemaAST as AST
} from "effect"
import type { Fields } from "./fields.js"

/** A value of the Schema's type, not of its encoded form. */
export const exampleOf = (schema: Schema.Schema.All): Option.Option<unknown> => exampleOfAst(schema.ast)

/** Values of the fields' types. What is optional is there as well; a field is missing where nothing was found that fits. */
export const exampleFields = (fields: Fields): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) => {
      const example = exampleOfField(field)
      return Option.isSome(example) ? [[name, example.value]] : []
    })
  )

const exampleOfField = (field: Schema.Struct.Field): Option.Option<unknown> => {
  const { ast } = field
  if (ast._tag === "PropertySignatureDeclaration") return exampleOfProperty(ast)
  if (ast._tag === "PropertySignatureTransformation") return exampleOfProperty(ast.to)
  return exampleOfAst(ast)
}

const exampleOfProperty = (property: AST.OptionalType): Option.Option<unknown> =>
  Option.orElse(fitting(property.type, examplesAt(property)), () => exampleOfAst(property.type))

const exampleOfAst = (ast: AST.AST): Option.Option<unknown> => {
  // Schemas run the application's own functions.
  try {
    return find(ast, { isInside: false, budget: { nodes: 2000 } })
  } catch {
    return Option.none()
  }
}

interface Search {
  /** Whether this is a part of something recursive, which need not go deeper. */
  readonly isInside: boolean
  /** What all of one search may take together. */
  readonly budget: { nodes: number }
}

const find = (ast: AST.AST, search: Search): Option.Option<unknown> => {
  if (search.budget.nodes-- <= 0) return Option.none()
  return Option.orElse(fitting(ast, examplesAt(ast)), () => fitting(ast, candidates(ast, search)))
}

const examplesAt = (annotated: AST.Annotated): ReadonlyArray<unknown> => {
  const examples = AST.getExamplesAnnotation(annotated)
  return Option.isSome(examples) && Array.isArray(examples.value) ? examples.value : []
}

/** The first that the Schema accepts. */
const fitting = (ast: AST.AST, values: Iterable<unknown>): Option.Option<unknown> => {
  const accepts = ParseResult.is(Schema.make(ast))
  for (const value of values) {
    try {
      if (accepts(value)) return Option.some(value)
    } catch {
      // A filter of the application that does not expect this value.
    }
  }
  return Option.none()
}

const day = "2024-01-31"
const moment = `${day}T12:00:00.000Z`

const texts = [
  "text",
  "1",
  "a",
  "A",
  "",
  " ",
  moment,
  day,
  "12:00:00",
  "a3bb189e-8bf9-4c4a-a6d5-3c7f6f1e8a11",
  "01HNFX0W00Z6Q6Q6Q6Q6Q6Q6Q6",
  "https://example.com/",
  "name@example.com",
  "example.com",
  "192.0.2.7",
  "/path",
  "dGV4dA==",
  "74657874",
  "true",
  "{}",
  "[]"
]

const numbers = [1, 0, 2, 10, 100, 0.5, -1, 1024, 8080]

/** What is declared by others, and has no parts that would have to be found first. */
const things = (): ReadonlyArray<unknown> => [
  new Date(moment),
  new Date("2124-01-31T12:00:00.000Z"),
  DateTime.unsafeMake(moment),
  DateTime.unsafeMakeZoned(moment, { timeZone: "UTC" }),
  Duration.minutes(1),
  new URL("https://example.com/"),
  new TextEncoder().encode("text"),
  BigDecimal.unsafeFromString("1"),
  DateTime.zoneUnsafeMakeNamed("UTC"),
  new Error("text"),
  /text/,
  "text",
  1,
  {}
]

function* candidates(ast: AST.AST, search: Search): Iterable<unknown> {
  switch (ast._tag) {
    case "Literal":
      return yield ast.literal
    case "UniqueSymbol":
      return yield ast.symbol
    case "UndefinedKeyword":
    case "VoidKeyword":
      return yield undefined
    case "StringKeyword":
    case "UnknownKeyword":
    case "AnyKeyword":
      return yield "text"
    case "NumberKeyword":
      return yield 1
    case "BooleanKeyword":
      return yield true
    case "BigIntKeyword":
      return yield 1n
    case "SymbolKeyword":
      return yield Symbol.for("text")
    case "ObjectKeyword":
      return yield {}
    case "Enums":
      return yield ast.enums[0]?.[1]
    case "TemplateLiteral":
      return yield (
        ast.head + ast.spans.map(({ type, literal }) => String(orElse(find(type, search), "text")) + literal).join("")
      )
    case "TypeLiteral":
      return yield* struct(ast, search)
    case "TupleType":
      return yield* tuple(ast, search, 1)
    case "Union":
      return yield* union(ast, search)
    case "Refinement":
      return yield* refined(ast, search)
    case "Suspend":
      return search.isInside ? undefined : yield* some(find(ast.f(), { ...search, isInside: true }))
    case "Declaration":
      return yield* declared(ast, search)
    case "Transformation":
      yield* some(fitting(ast.to, [...examplesAt(ast.to), ...candidates(ast.to, search)]))
      return yield* decoded(ast, search)
  }
}

const some = (value: Option.Option<unknown>): ReadonlyArray<unknown> => Option.toArray(value)

const orElse = (value: Option.Option<unknown>, other: unknown): unknown => Option.getOrElse(value, () => other)

function* struct(ast: AST.TypeLiteral, search: Search): Iterable<unknown> {
  const members: Array<readonly [PropertyKey, unknown]> = []
  for (const { parameter, type } of ast.indexSignatures) {
    const key = find(parameter, search)
    const value = find(type, search)
    if (Option.isSome(key) && Option.isSome(value)) members.push([key.value as PropertyKey, value.value])
  }
  for (const property of ast.propertySignatures) {
    const value = Option.orElse(fitting(property.type, examplesAt(property)), () => find(property.type, search))
    if (Option.isSome(value)) members.push([property.name, value.value])
    else if (!property.isOptional) return
  }
  yield Object.fromEntries(members)
}

/** An example of an array has one member, or as many as it must have. */
function* tuple(ast: AST.TupleType, search: Search, length: number): Iterable<unknown> {
  const head: Array<unknown> = []
  for (const { type, isOptional } of ast.elements) {
    const value = find(type, search)
    if (Option.isSome(value)) head.push(value.value)
    else if (isOptional) return yield head
    else return
  }
  const [rest, ...tail] = ast.rest.map(({ type }) => find(type, search))
  const end = tail.flatMap(some)
  if (end.length < tail.length) return
  const repeated = Array.from({ length: Math.max(0, length - head.length) }, () => rest).flatMap((one) =>
    one === undefined ? [] : some(one)
  )
  yield [...head, ...repeated, ...end]
  yield [...head, ...end]
}

/** Something rather than nothing. */
function* union(ast: AST.Union, search: Search): Iterable<unknown> {
  const isNothing = (member: AST.AST) =>
    AST.isUndefinedKeyword(member) || AST.isVoidKeyword(member) || (AST.isLiteral(member) && member.literal === null)
  for (const member of [...ast.types.filter((m) => !isNothing(m)), ...ast.types.filter(isNothing)]) {
    yield* some(find(member, search))
  }
}

/** Longer than this, an example is none. */
const maxLength = 100

function* refined(ast: AST.Refinement, search: Search): Iterable<unknown> {
  const bounds = boundsOf(ast)
  const base = baseOf(ast)
  // The examples of what it refines may fit as well.
  for (let at: AST.AST = ast.from; ; at = at.from) {
    yield* examplesAt(at)
    if (!AST.isRefinement(at)) break
  }
  if (AST.isStringKeyword(base)) {
    const { minLength = 0, maxLength: longest = maxLength } = bounds
    if (minLength <= maxLength) yield "text".repeat(Math.ceil(minLength / 4) || 1).slice(0, Math.max(minLength, 4))
    yield "text".slice(0, longest)
    yield* texts
  } else if (AST.isNumberKeyword(base)) {
    const { minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf } = bounds
    yield* numbers
    for (const bound of [minimum, maximum, multipleOf]) if (bound !== undefined) yield bound
    if (exclusiveMinimum !== undefined) yield exclusiveMinimum + 1
    if (exclusiveMaximum !== undefined) yield exclusiveMaximum - 1
    const [low, high] = [minimum ?? exclusiveMinimum, maximum ?? exclusiveMaximum]
    if (low !== undefined && high !== undefined) yield (low + high) / 2
  } else if (AST.isBigIntKeyword(base)) {
    yield* [1n, 0n, 10n, 100n, -1n]
  } else if (AST.isTupleType(base)) {
    if ((bounds.minItems ?? 0) <= maxLength) yield* tuple(base, search, Math.max(1, bounds.minItems ?? 1))
  } else {
    yield* candidates(base, search)
  }
}

const baseOf = (ast: AST.Refinement): AST.AST => {
  let at: AST.AST = ast
  while (AST.isRefinement(at)) at = at.from
  return at
}

const boundNames = [
  "minLength",
  "maxLength",
  "minimum",
  "exclusiveMinimum",
  "maximum",
  "exclusiveMaximum",
  "multipleOf",
  "minItems"
] as const

type Bounds = { [Name in (typeof boundNames)[number]]?: number }

/** As the JSON Schemas of all its refinements say. */
const boundsOf = (ast: AST.Refinement): Bounds => {
  const bounds: Bounds = {}
  for (let at: AST.AST = ast; AST.isRefinement(at); at = at.from) {
    const annotation: unknown = Option.getOrUndefined(AST.getJSONSchemaAnnotation(at))
    if (typeof annotation !== "object" || annotation === null) continue
    for (const name of boundNames) {
      const bound = (annotation as Record<string, unknown>)[name]
      if (typeof bound !== "number") continue
      const known = bounds[name]
      const stricter = name === "maxLength" || name.endsWith("aximum") ? Math.min : Math.max
      bounds[name] = known === undefined ? bound : stricter(known, bound)
    }
  }
  return bounds
}

function* declared(ast: AST.Declaration, search: Search): Iterable<unknown> {
  if (ast.typeParameters.length === 0) return yield* things()
  const inner = ast.typeParameters.map((parameter) => find(parameter, search))
  const [first, second] = inner.flatMap(some)
  if (inner.some(Option.isNone)) return
  yield Option.some(first)
  yield Redacted.make(first)
  yield [first]
  yield new Set([first])
  yield new Map([[first, second]])
  yield Chunk.of(first)
  yield List.of(first)
  yield HashSet.make(first)
  yield HashMap.make([first, second])
  yield Either.right(first)
}

/** From the plainest of what the transformation starts from, where it can make a value of it. */
function* decoded({ from, to, transformation }: AST.Transformation, search: Search): Iterable<unknown> {
  const start = AST.typeAST(from)
  const decode = ParseResult.decodeUnknownOption(
    Schema.make<unknown>(new AST.Transformation(start, to, transformation))
  )
  for (const form of AST.isStringKeyword(start) ? texts : some(find(from, search))) {
    try {
      yield* some(decode(form))
    } catch {
      // A function of the application that does not expect this value.
    }
  }
}
