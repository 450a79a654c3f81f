/** The members of a union of Schemas, at all depths. Of any other Schema, itself. */
import { SchemaAST as AST } from "effect"

export const membersOf = (ast: AST.AST): ReadonlyArray<AST.AST> => {
  if (AST.isUnion(ast)) return ast.types.flatMap(membersOf)
  return AST.isNeverKeyword(ast) ? [] : [ast]
}
