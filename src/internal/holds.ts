/** Whether a Schema, or any part of it at any depth, passes a test. What passes is not looked into. */
import { SchemaAST as AST } from "effect"

export const holds = (ast: AST.AST, test: (part: AST.AST) => boolean, seen = new Set<AST.AST>()): boolean => {
  if (seen.has(ast)) return false
  seen.add(ast)
  if (test(ast)) return true
  const inside = (part: AST.AST) => holds(part, test, seen)
  switch (ast._tag) {
    case "Declaration":
      return ast.typeParameters.some(inside)
    case "TypeLiteral":
      return [...ast.propertySignatures, ...ast.indexSignatures].some(({ type }) => inside(type))
    case "TupleType":
      return [...ast.elements, ...ast.rest].some(({ type }) => inside(type))
    case "Union":
      return ast.types.some(inside)
    case "Refinement":
      return inside(ast.from)
    case "Suspend":
      return inside(ast.f())
    case "Transformation":
      return inside(ast.from) || inside(ast.to)
    default:
      return false
  }
}
