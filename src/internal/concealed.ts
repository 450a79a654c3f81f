/**
 * Schemas that encode what is marked as its mark says: left out, masked, or replaced by a pseudonym.
 *
 * A mark counts for the whole encoded form of what carries it, whatever is done to that Schema afterwards: refined, made optional,
 * put into another one. Where the application's own function makes one value of what is marked and what is not, nobody knows
 * what it has put where, and the whole is masked.
 */
import { Option, ParseResult, Schema, SchemaAST as AST } from "effect"
import { isMarked, isMarkedItself, MarkId, markOfProperty, marksIn, outermost, wholeMask, type Mark } from "./marks.js"
import { pseudonymOf, redacted, reveal, type Hmac } from "./pseudonym.js"

/**
 * The same Schema, in which what is marked is encoded as its mark says. Without a key, what should be a pseudonym is masked.
 * It decodes whatever was written.
 */
export const concealed = (root: AST.AST, key: Hmac | undefined): AST.AST => {
  const suspended = new Map<AST.Suspend, AST.Suspend>()

  const conceal = (ast: AST.AST): AST.AST => {
    if (!isMarked(ast)) return ast
    const mark = outermost(ast)
    if (mark !== undefined) return written(ast, mark, key)
    switch (ast._tag) {
      case "TypeLiteral":
        return ofTypeLiteral(ast)
      case "TupleType":
        return new AST.TupleType(
          ast.elements.map((e) => new AST.OptionalType(conceal(e.type), e.isOptional, e.annotations)),
          ast.rest.map(({ annotations, type }) => new AST.Type(conceal(type), annotations)),
          ast.isReadonly,
          ast.annotations
        )
      case "Union":
        return AST.Union.make(ast.types.map(conceal), ast.annotations)
      case "Refinement":
        return new AST.Refinement(conceal(ast.from), ast.filter, ast.annotations)
      case "Declaration":
        return isContainer(ast)
          ? new AST.Declaration(
              ast.typeParameters.map(conceal),
              ast.decodeUnknown,
              ast.encodeUnknown,
              undocumented(ast.annotations)
            )
          : maskedWhole(ast)
      case "Suspend":
        return ofSuspend(ast)
      case "Transformation":
        return ofTransformation(ast)
      default:
        return maskedWhole(ast)
    }
  }

  const ofTypeLiteral = (ast: AST.TypeLiteral, markOfOther?: MarkOfOther): AST.AST =>
    // Keys are not encoded.
    ast.indexSignatures.some(({ parameter }) => isMarked(parameter))
      ? maskedWhole(ast)
      : new AST.TypeLiteral(
          ast.propertySignatures.map((property) => ofProperty(property, markOfOther)),
          ast.indexSignatures.map((s) => new AST.IndexSignature(s.parameter, conceal(s.type), s.isReadonly)),
          undocumented(ast.annotations)
        )

  const ofProperty = (property: AST.PropertySignature, markOfOther: MarkOfOther = () => undefined) => {
    const { annotations, isOptional, isReadonly, name, type } = property
    const mark = markOfProperty(property) ?? markOfOther(property)
    const concealedType = mark === undefined ? conceal(type) : written(type, mark, key)
    return new AST.PropertySignature(name, concealedType, isOptional || mark?.how === "omit", isReadonly, annotations)
  }

  /** Once per node, or a recursive Schema would be rewritten again at each level of the data. */
  const ofSuspend = (ast: AST.Suspend): AST.Suspend => {
    const known = suspended.get(ast)
    if (known !== undefined) return known
    const rewritten = new AST.Suspend(() => conceal(ast.f()), ast.annotations)
    suspended.set(ast, rewritten)
    return rewritten
  }

  const ofTransformation = (ast: AST.Transformation): AST.AST => {
    const { from, to, transformation } = ast
    const between = (from: AST.AST, to: AST.AST) =>
      new AST.Transformation(from, to, transformation, undocumented(ast.annotations))
    if (AST.isTypeLiteralTransformation(transformation) && AST.isTypeLiteral(from) && AST.isTypeLiteral(to)) {
      return between(ofTypeLiteral(from, markOfTypeSide(to, transformation)), withoutMarked(to))
    }
    if (isWithin(to, from)) return between(conceal(from), to)
    // Text that holds JSON: it is made of what is left.
    if (AST.isComposeTransformation(transformation) && AST.isUnknownKeyword(AST.typeAST(from))) {
      return between(conceal(from), conceal(to))
    }
    return maskedWhole(ast)
  }

  return conceal(root)
}

/** Whether each mark in the one is in the other as well: Schemas of types are made of those that describe the encoded form. */
const isWithin = (inner: AST.AST, outer: AST.AST): boolean => {
  const known = marksIn(outer)
  return [...marksIn(inner)].every((mark) => known.has(mark))
}

/** A mark that a property has elsewhere. */
type MarkOfOther = (property: AST.PropertySignature) => Mark | undefined

/** What is said of a property that has a default, or another name, is said of its type. */
const markOfTypeSide = (to: AST.TypeLiteral, { propertySignatureTransformations }: AST.TypeLiteralTransformation) => {
  const nameOf = new Map(propertySignatureTransformations.map(({ from, to }) => [from, to]))
  return (from: AST.PropertySignature): Mark | undefined => {
    const name = nameOf.get(from.name) ?? from.name
    const property = to.propertySignatures.find((other) => other.name === name)
    if (property === undefined) return undefined
    return markOfProperty(property) ?? (isWithin(property.type, from.type) ? undefined : wholeMask)
  }
}

/** What is marked is checked where it is concealed. Here it would be described once more, with its examples. */
const withoutMarked = (to: AST.TypeLiteral): AST.TypeLiteral =>
  new AST.TypeLiteral(
    to.propertySignatures.map((property) =>
      !isMarkedItself(property) && !isMarked(property.type)
        ? property
        : new AST.PropertySignature(
            property.name,
            anything,
            property.isOptional,
            property.isReadonly,
            said(property.annotations)
          )
    ),
    to.indexSignatures,
    to.annotations
  )

const said = (annotations: AST.Annotations): AST.Annotations => {
  const description = annotations[AST.DescriptionAnnotationId]
  return description === undefined ? {} : { [AST.DescriptionAnnotationId]: description }
}

/** Without a title, which documents would take for one of the property. */
const anything = Schema.Unknown.annotations({ jsonSchema: { type: "string" } }).ast

/** They encode what is in them by its own Schema, and nothing else. */
const isContainer = (ast: AST.Declaration): boolean =>
  Option.exists(AST.getTypeConstructorAnnotation(ast), ({ _tag }) => containers.has(_tag))

const containers: ReadonlySet<unknown> = new Set([
  "ReadonlyMap",
  "ReadonlySet",
  "effect/Chunk",
  "effect/Chunk.NonEmptyChunk",
  "effect/Either",
  "effect/HashMap",
  "effect/HashSet",
  "effect/List",
  "effect/Option",
  "effect/SortedSet"
])

/** Without what documents would look at in place of the Schema. */
const undocumented = (annotations: AST.Annotations): AST.Annotations => {
  const { [AST.JSONSchemaAnnotationId]: _, [AST.SurrogateAnnotationId]: __, ...others } = annotations
  return others
}

/** Encodes what the Schema accepts as the mark says. Why it accepts nothing else is not told: the value is a secret. */
const written = (ast: AST.AST, mark: Mark, key: Hmac | undefined): AST.AST => {
  const schema = Schema.make<unknown>(ast)
  const write = writer(mark, key)
  // Nobody needs to see the encoded form of what is not shown at all.
  const look = write.needsForm ? ParseResult.encodeUnknown(schema) : ParseResult.validate(schema)
  return Schema.declare(
    [],
    {
      decode: () => ParseResult.succeed,
      encode: () => (value, options, self) =>
        ParseResult.mapBoth(look(value, options), {
          onSuccess: write.form,
          onFailure: () => new ParseResult.Type(self, value)
        })
    },
    // The mark is seen again by who looks for secrets in what surrounds it.
    { [MarkId]: mark, jsonSchema: documented(ast, mark, key) }
  ).ast
}

/** Encodes nothing of it. */
export const maskedWhole = (ast: AST.AST): AST.AST => written(ast, wholeMask, undefined)

const writer = (
  mark: Mark,
  key: Hmac | undefined
): { readonly needsForm: boolean; readonly form: (value: unknown) => unknown } => {
  // What is not there is not shown either.
  const unless = (form: (value: unknown) => unknown) => (value: unknown) =>
    value === undefined ? undefined : form(value)
  if (mark.how === "omit") return { needsForm: false, form: () => undefined }
  if (mark.how === "hmac" && key !== undefined) {
    return { needsForm: true, form: unless((value) => pseudonymOf(key, value)) }
  }
  // What another version has put there is a mask.
  return mark.how === "mask" && mark.keepLast > 0
    ? { needsForm: true, form: unless((value) => masked(reveal(value), mark.keepLast)) }
    : { needsForm: false, form: unless(() => redacted) }
}

/**
 * Text with its last characters, as readers count them, where these are no more than a quarter of it: of something shorter they
 * would tell too much.
 */
const masked = (value: unknown, keepLast: number): string => {
  if (typeof value !== "string") return redacted
  // It takes long to find the characters, and texts may be long as well.
  const characters = charactersOf(value.slice(-1000))
  const kept = characters.slice(-keepLast).join("")
  return characters.length >= 4 * keepLast && value.length >= 4 * kept.length ? redacted + kept : redacted
}

const charactersOf = (text: string): ReadonlyArray<string> =>
  /^[ -~]*$/.test(text)
    ? text.split("")
    : Array.from((segmenter ??= new Intl.Segmenter("en")).segment(text), ({ segment }) => segment)

/** Made when it is needed: not every browser that shares a Schema has one. */
let segmenter: Intl.Segmenter | undefined

/** The keyword of JSON Schemas that says what becomes of the value. */
export const keyword = "x-privacy"

export type Concealed = "omitted" | "masked" | "pseudonymised"

const documented = (ast: AST.AST, mark: Mark, key: Hmac | undefined) => {
  const becomes: Concealed =
    mark.how === "omit" ? "omitted" : mark.how === "hmac" && key !== undefined ? "pseudonymised" : "masked"
  const description = ast.annotations[AST.DescriptionAnnotationId]
  return {
    // What is left out is `null` where it cannot be missing.
    type: mark.how === "omit" ? "null" : "string",
    ...(typeof description === "string" && !isOfType.test(description) ? { description } : {}),
    [keyword]: becomes
  }
}

/** What Effect says of its own Schemas tells their type, which is not that of what is written. */
const isOfType =
  /^an? (string|number|boolean|integer|bigint|finite|valid|potentially|instance|non[ -]|positive|negative)|^\w+[<(].*[>)]$/
