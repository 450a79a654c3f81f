/**
 * Marks on Schemas: annotations that say what becomes of a value where it is written. To everything else the Schema is what it was.
 */
import { SchemaAST as AST } from "effect"

export type Mark =
  | { readonly how: "omit" | "hmac" }
  /** All but so many characters at the end. */
  | { readonly how: "mask"; readonly keepLast: number }

/** The annotation. Each application of a mark has a value of its own, by which it is known again in Schemas made of it. */
export const MarkId = Symbol.for("effect-registrar/Privacy/Mark")

/** The mark of what is annotated, itself. Only `Privacy` puts something there. */
const markOf = ({ annotations }: AST.Annotated): Mark | undefined => annotations[MarkId] as Mark | undefined

/** Whether the mark is on the Schema, and not only inside of it. */
export const isMarkedItself = (annotated: AST.Annotated): boolean => markOf(annotated) !== undefined

export const wholeMask: Mark = { how: "mask", keepLast: 0 }

/** The mark that counts for all that a Schema describes: the outermost one. */
export const outermost = (ast: AST.AST, seen = new Set<AST.AST>()): Mark | undefined => {
  const mark = markOf(ast)
  if (mark !== undefined || seen.has(ast)) return mark
  seen.add(ast)
  switch (ast._tag) {
    case "Refinement":
      return outermost(ast.from, seen)
    case "Transformation":
      return outermost(ast.from, seen) ?? outermost(ast.to, seen)
    case "Suspend":
      return outermost(ast.f(), seen)
    default:
      return undefined
  }
}

/** That of the only member of a Struct. */
export const markOfMember = (struct: AST.AST): Mark | undefined =>
  AST.isTransformation(struct)
    ? (markOfMember(struct.from) ?? markOfMember(struct.to))
    : AST.isTypeLiteral(struct)
      ? struct.propertySignatures.map(markOfProperty)[0]
      : undefined

export const markOfProperty = (property: AST.PropertySignature): Mark | undefined =>
  markOf(property) ?? outermost(property.type)

/** All marks in a Schema, at any depth. */
export const marksIn = (ast: AST.AST): ReadonlySet<Mark> => {
  const marks = new Set<Mark>()
  const seen = new Set<AST.AST>()
  const visit = (part: AST.AST) => {
    if (seen.has(part)) return
    seen.add(part)
    look(part)
    for (const inner of partsOf(part)) {
      if ("_tag" in inner) visit(inner)
      else {
        look(inner)
        visit(inner.type)
      }
    }
  }
  const look = (annotated: AST.Annotated) => {
    const mark = markOf(annotated)
    if (mark !== undefined) marks.add(mark)
  }
  visit(ast)
  return marks
}

const partsOf = (ast: AST.AST): ReadonlyArray<AST.AST | (AST.Annotated & { readonly type: AST.AST })> => {
  switch (ast._tag) {
    case "Declaration":
      return ast.typeParameters
    case "TypeLiteral":
      return [...ast.propertySignatures, ...ast.indexSignatures.flatMap(({ parameter, type }) => [parameter, type])]
    case "TupleType":
      return [...ast.elements, ...ast.rest]
    case "Union":
      return ast.types
    case "Refinement":
      return [ast.from]
    case "Suspend":
      return [ast.f()]
    case "Transformation":
      return [ast.from, ast.to]
    case "TemplateLiteral":
      return ast.spans.map(({ type }) => type)
    default:
      return []
  }
}

export const isMarked = (ast: AST.AST): boolean => marksIn(ast).size > 0

export const holdsPseudonyms = (marks: ReadonlySet<Mark>): boolean => [...marks].some(({ how }) => how === "hmac")
