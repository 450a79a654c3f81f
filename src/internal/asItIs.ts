/**
 * The values that a Schema encodes to themselves, told without its parser, which costs ten times as much.
 *
 * That is text, numbers, truth values and literals, refinements and unions of them, and anything where anything is allowed. For
 * other Schemas, and for what is refused here, the parser has the last word: it says what is wrong.
 */
import { Option, SchemaAST as AST } from "effect"
import { isMarkedItself } from "./marks.js"

/** Whether the Schema accepts the value, and encodes it to itself. It may throw: filters are the application's code. */
export type Check = (value: unknown) => boolean

/** The same one for the same Schema: events share theirs, and what is shared stays in the processor's caches. */
export const checkOf = (ast: AST.AST): Check | undefined => {
  if (!known.has(ast)) known.set(ast, makeCheck(ast))
  return known.get(ast)
}

const known = new WeakMap<AST.AST, Check | undefined>()

const makeCheck = (ast: AST.AST): Check | undefined => {
  // It is not encoded to itself.
  if (isMarkedItself(ast)) return undefined
  // They would be handed to filters.
  if (Option.isSome(AST.getParseOptionsAnnotation(ast))) return undefined
  switch (ast._tag) {
    case "StringKeyword":
      return (value) => typeof value === "string"
    case "NumberKeyword":
      return (value) => typeof value === "number"
    case "BooleanKeyword":
      return (value) => typeof value === "boolean"
    case "UndefinedKeyword":
      return (value) => value === undefined
    case "UnknownKeyword":
    case "AnyKeyword":
      return () => true
    case "Literal":
      return (value) => value === ast.literal
    case "Refinement":
      return checkOfRefinement(ast)
    case "Union":
      return checkOfUnion(ast)
    default:
      return undefined
  }
}

const checkOfRefinement = (ast: AST.Refinement): Check | undefined => {
  const from = checkOf(ast.from)
  return from && ((value) => from(value) && Option.isNone(ast.filter(value, AST.defaultParseOption, ast)))
}

/** All of them, because one that is not told here could come first, and encode the value to another one. */
const checkOfUnion = ({ types }: AST.Union): Check | undefined => {
  const checks = types.map(checkOf)
  return checks.every((check) => check !== undefined) ? (value) => checks.some((check) => check(value)) : undefined
}
