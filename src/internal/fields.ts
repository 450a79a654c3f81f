/**
 * Typed fields of errors and events to their JSON form. Every field is encoded by its own Schema, one that fails does not
 * take the others with it, and what is `Redacted` stays so: encoding a `Schema.Redacted` would give the secret away. What is
 * marked (`internal/marks`) is written as its mark says, and the value itself is in nothing that comes out of here.
 */
import { Either, ParseResult, Redacted, Schema, SchemaAST as AST } from "effect"
import { checkOf, type Check } from "./asItIs.js"
import { holds } from "./holds.js"
import { makeAllowance, setMember, toJson, type Json } from "./json.js"
import { concealed, maskedWhole } from "./concealed.js"
import { holdsPseudonyms, isMarked, isMarkedItself, markOfMember, marksIn, type Mark } from "./marks.js"
import { redacted, type Hmac } from "./pseudonym.js"

/** Schemas by field name. */
export type Fields = Readonly<Record<string, Schema.Struct.Field>>

/** The Schemas that are given or, where none are, one for each name, which takes any value. */
export const givenOrAny = (given: Fields | undefined, names: ReadonlyArray<string>): Fields =>
  given !== undefined && Object.keys(given).length > 0
    ? given
    : Object.fromEntries(names.map((name) => [name, Schema.Unknown]))

/** The members of these names that are its own: every object inherits a `constructor`. */
export const pick = (from: object, names: ReadonlyArray<string>): Record<string, unknown> => {
  const picked: Record<string, unknown> = {}
  for (const name of names) {
    if (Object.hasOwn(from, name)) setMember(picked, name, (from as Readonly<Record<string, unknown>>)[name])
  }
  return picked
}

/** A sentence, or `never`. Of fields known only at run time nobody knows what they need: then, what cannot be encoded is a misfit. */
export type ServiceProblem<F extends Fields> = string extends keyof F
  ? never
  : [Schema.Struct.Context<F>] extends [never]
    ? never
    : "The Schemas of the fields must not need services"

export interface Encoded {
  readonly details: Record<string, Json>
  /** The fields that do not fit their Schema, and why. */
  readonly problems: ReadonlyArray<{ readonly field: string; readonly problem: string }>
  /** What a message says of the fields that are left out, by their names; where there are any. */
  readonly omitted?: Readonly<Record<string, string>> | undefined
  /** Whether something is masked that should be a pseudonym, because there is no key. */
  readonly isUnkeyed?: boolean
}

/** What becomes of a value that does not fit: its JSON form is kept, or the field is left out. */
export type OnMisfit = "keep" | "omit"

/** The details go into those that are given, where any are. The key is that of the pseudonyms. */
export type Encoder = (
  values: Readonly<Record<string, unknown>>,
  onMisfit: OnMisfit,
  details?: Record<string, Json>,
  key?: Hmac
) => Encoded

/**
 * Fields without a Schema are taken in their JSON form. The details come in the order of the Schemas, then of the values;
 * those with a reserved name are left out.
 */
export const makeEncoder = (fields: Fields, isReserved: (name: string) => boolean = () => false): Encoder => {
  // Each field is a Schema of its own, so that optional and renamed fields work as they do in a Struct.
  const encoders = Object.entries(fields).map(([field, schema]) => makeFieldEncoder(field, schema))
  const marked = encoders.filter(({ marks }) => marks.size > 0)
  const facts = marked.length === 0 ? undefined : factsOf(marked)
  // Whoever gives a value under the name on the wire has not given the field, and must not get around its mark.
  const taken = new Set(marked.map(({ written }) => written))

  return (given, onMisfit, details = {}, key) => {
    const { values, count } = snapshot(given)
    const allowance = makeAllowance()
    let problems = noProblems
    const put = (name: string, value: unknown) => {
      // As JSON has it: `null` is something else.
      if (value === undefined) return
      const json = toJson(value, allowance)
      if (!isReserved(name)) setMember(details, name, json)
    }

    let declared = 0
    for (const { field, check, encode, isLeftOut, isSecret } of encoders) {
      const isGiven = Object.hasOwn(values, field)
      if (isGiven) declared++
      if (isGiven && isAsItIs(check, values[field])) {
        put(field, values[field])
        continue
      }
      const encoded = encode(values, key)
      if (Either.isRight(encoded)) {
        for (const [name, value] of Object.entries(encoded.right)) put(name, value)
      } else {
        problems = [...problems, { field, problem: encoded.left }]
        // What was meant to be a secret is one even where it did not come as a `Redacted`.
        if (onMisfit === "keep" && isGiven && !isLeftOut) put(field, isSecret ? redacted : (values[field] ?? null))
      }
    }
    if (declared < count) {
      for (const field of Object.keys(values)) {
        if (!Object.hasOwn(fields, field) && !taken.has(field)) put(field, values[field] ?? null)
      }
    }
    return facts === undefined
      ? { details, problems }
      : { details, problems, omitted: facts.omitted, isUnkeyed: facts.needsKey && key === undefined }
  }
}

interface FieldEncoder {
  readonly field: string
  /** Its name in the encoded form. */
  readonly written: string
  readonly check: Check | undefined
  readonly marks: ReadonlySet<Mark>
  readonly isLeftOut: boolean
  readonly isSecret: boolean
  readonly encode: (
    values: Readonly<Record<string, unknown>>,
    key: Hmac | undefined
  ) => Either.Either<Readonly<Record<string, unknown>>, string>
}

const makeFieldEncoder = (field: string, schema: Schema.Struct.Field): FieldEncoder => {
  const { ast } = Schema.Struct({ [field]: schema })
  const marks = marksIn(ast)
  const encodeUnder = forEachKey((key) => encodeField(field, withoutSecrets(ast, key)))
  const encode = marks.size > 0 ? undefined : encodeUnder(undefined)
  return {
    field,
    written: writtenName(field, ast),
    check: checkOfMember(ast, field),
    marks,
    isLeftOut: markOfMember(ast)?.how === "omit",
    isSecret: marks.size > 0 || holdsSecrets(ast),
    encode: encode ?? ((values, key) => encodeUnder(key)(values))
  }
}

/** Once for each key. An application has one, and its Schemas are compiled for it. */
const forEachKey = <A extends object>(make: (key: Hmac | undefined) => A): ((key: Hmac | undefined) => A) => {
  const made = new WeakMap<object, A>()
  return (key) => {
    const known = made.get(key ?? noKey)
    if (known !== undefined) return known
    const fresh = make(key)
    made.set(key ?? noKey, fresh)
    return fresh
  }
}

const noKey = {}

/** What stands in a message in the place of a field that is left out. */
const omitted = "<omitted>"

const factsOf = (marked: ReadonlyArray<FieldEncoder>) => {
  const leftOut: Record<string, string> = {}
  for (const { field, isLeftOut, written } of marked) {
    if (!isLeftOut) continue
    setMember(leftOut, field, omitted)
    setMember(leftOut, written, omitted)
  }
  return {
    omitted: Object.keys(leftOut).length === 0 ? undefined : leftOut,
    needsKey: marked.some(({ marks }) => holdsPseudonyms(marks))
  }
}

const noProblems: Encoded["problems"] = []

/** Of the only member of a Struct, where that stands in its encoded form under the same name. */
const checkOfMember = (ast: AST.AST, field: string): Check | undefined => {
  const member = AST.isTypeLiteral(ast) ? ast.propertySignatures.find(({ name }) => name === field) : undefined
  return member === undefined || isMarkedItself(member) ? undefined : checkOf(member.type)
}

const writtenName = (field: string, ast: AST.AST): string => {
  const from = AST.isTransformation(ast) ? ast.from : ast
  const [member] = AST.isTypeLiteral(from) ? from.propertySignatures : []
  return member === undefined ? field : String(member.name)
}

const isAsItIs = (check: Check | undefined, value: unknown): boolean => {
  try {
    return check?.(value) === true
  } catch {
    return false
  }
}

const encodeField = (field: string, ast: AST.AST) => {
  const encode = Schema.encodeUnknownEither(Schema.make<unknown, Readonly<Record<string, unknown>>>(ast))

  return (values: Readonly<Record<string, unknown>>): Either.Either<Readonly<Record<string, unknown>>, string> => {
    // Schemas run the application's own functions.
    try {
      const value = Object.hasOwn(values, field) ? { [field]: values[field] } : {}
      return Either.mapLeft(encode(value), (error) =>
        ParseResult.ArrayFormatter.formatErrorSync(error).map(say).join("; ")
      )
    } catch {
      return Either.left("it could not be encoded")
    }
  }
}

/** The path and the kind of what is wrong, without the value: it may be a secret. */
const say = ({ path, _tag }: ParseResult.ArrayFormatterIssue) => `${path.map(String).join(".")}: ${_tag}`

/** Reads each member once. A getter or a proxy is the application's code, and may throw. */
const snapshot = (given: Readonly<Record<string, unknown>>) => {
  const values: Record<string, unknown> = {}
  let count = 0
  try {
    for (const field of Object.keys(given)) {
      setMember(values, field, readMember(given, field))
      count++
    }
  } catch {
    // A proxy without keys has no members.
  }
  return { values, count }
}

const readMember = (values: Readonly<Record<string, unknown>>, field: string): unknown => {
  try {
    return values[field]
  } catch {
    return "<unreadable>"
  }
}

/** Encodes nothing that is secret: neither what is marked nor what is `Redacted`, which has the encoded form `<redacted>`. */
export const withoutSecrets = (ast: AST.AST, key?: Hmac): AST.AST => withoutRedacted(concealed(ast, key))

/** Replaces what would take a value out of its `Redacted`. */
const withoutRedacted = (ast: AST.AST): AST.AST => {
  switch (ast._tag) {
    case "Transformation":
      return withoutRedactedBetween(ast)
    case "TypeLiteral":
      return new AST.TypeLiteral(
        ast.propertySignatures.map(
          (p) => new AST.PropertySignature(p.name, withoutRedacted(p.type), p.isOptional, p.isReadonly, p.annotations)
        ),
        ast.indexSignatures.map((s) => new AST.IndexSignature(s.parameter, withoutRedacted(s.type), s.isReadonly)),
        ast.annotations
      )
    case "TupleType":
      return new AST.TupleType(
        ast.elements.map((e) => new AST.OptionalType(withoutRedacted(e.type), e.isOptional, e.annotations)),
        ast.rest.map((type) => new AST.Type(withoutRedacted(type.type), type.annotations)),
        ast.isReadonly,
        ast.annotations
      )
    case "Union":
      return AST.Union.make(ast.types.map(withoutRedacted), ast.annotations)
    case "Refinement":
      return new AST.Refinement(withoutRedacted(ast.from), ast.filter, ast.annotations)
    case "Declaration":
      return ast.typeParameters.length === 0 || isRedacted(ast)
        ? ast
        : new AST.Declaration(
            ast.typeParameters.map(withoutRedacted),
            ast.decodeUnknown,
            ast.encodeUnknown,
            ast.annotations
          )
    case "Suspend":
      return suspend(ast)
    default:
      return ast
  }
}

const withoutRedactedBetween = (ast: AST.Transformation): AST.AST => {
  if (isRedacted(ast.to)) return masked
  const to = withoutRedacted(ast.to)
  // The application's own function would be handed the `Redacted`, and could take the value out.
  if (ast.transformation._tag === "FinalTransformation" && holdsSecrets(AST.encodedAST(to))) {
    return isMarked(ast) ? maskedWhole(ast) : plainForm(ast)
  }
  return new AST.Transformation(withoutRedacted(ast.from), to, ast.transformation, ast.annotations)
}

/** Encodes to the JSON form of the value, in which secrets have none. */
const plainForm = (ast: AST.Transformation): AST.AST =>
  Schema.transformOrFail(Schema.Unknown, Schema.make<unknown>(AST.typeAST(ast.to)), {
    strict: true,
    decode: (input) => ParseResult.decodeUnknown(Schema.make<unknown>(ast))(input),
    encode: (value) => ParseResult.succeed<unknown>(toJson(value))
  }).ast

/** Whether a `Redacted` is somewhere in the values that a Schema describes. */
const holdsSecrets = (ast: AST.AST): boolean => holds(ast, (part) => AST.isDeclaration(part) && isRedacted(part))

const masked = Schema.transform(Schema.String, Schema.declare(Redacted.isRedacted), {
  strict: true,
  decode: (text): Redacted.Redacted<unknown> => Redacted.make(text),
  encode: () => redacted
}).ast

const suspended = new WeakMap<AST.Suspend, AST.Suspend>()

/** Once per node, or a recursive Schema would be rewritten again at each level of the data. */
const suspend = (ast: AST.Suspend): AST.Suspend => {
  const known = suspended.get(ast)
  if (known !== undefined) return known
  const rewritten = new AST.Suspend(() => withoutRedacted(ast.f()), ast.annotations)
  suspended.set(ast, rewritten)
  return rewritten
}

const isRedacted = (ast: AST.AST): boolean => {
  const constructor = ast.annotations[AST.TypeConstructorAnnotationId]
  return (
    typeof constructor === "object" &&
    constructor !== null &&
    "_tag" in constructor &&
    constructor._tag === "effect/Redacted"
  )
}
