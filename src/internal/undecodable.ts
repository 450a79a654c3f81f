/**
 * Schemas of requests that say apart what no failure of the handler can be taken for: a request that does not fit them is a
 * defect of a class of its own.
 */
import { HttpApiSchema } from "@effect/platform"
import { Effect, Either, ParseResult, Predicate, Schema, SchemaAST as AST } from "effect"
import { holds } from "./holds.js"
import type { Part } from "./issues.js"

/** The request does not fit its Schema. */
export class Undecodable {
  readonly _tag = "Undecodable"
  readonly part: Part
  readonly issue: ParseResult.ParseIssue

  constructor(part: Part, issue: ParseResult.ParseIssue) {
    this.part = part
    this.issue = issue
  }
}

/** The same Schema, for decoding a part of a request. It looks for everything that is wrong, where that has an end. */
export const watched = (schema: Schema.Schema.All, part: Part): Schema.Schema.All => {
  const undecodable = (issue: ParseResult.ParseIssue) => Effect.die(new Undecodable(part, issue))
  // The platform wraps single parameters of a query by the form of its Schema, so that has to stay visible.
  return Schema.make(part === "body" ? bounded(schema.ast, undecodable) : suspended(schema.ast, undecodable))
}

type OnIssue = (issue: ParseResult.ParseIssue) => Effect.Effect<never>

const suspended = (ast: AST.AST, onIssue: OnIssue): AST.AST =>
  new AST.Suspend(() => ast, {
    ...multipartOf(ast),
    [AST.ParseOptionsAnnotationId]: { errors: holdsItself(ast) ? "first" : "all" },
    [AST.DecodingFallbackAnnotationId]: onIssue
  })

/** Everything that is wrong in a large body may be larger than the body. */
const bounded = (ast: AST.AST, onIssue: OnIssue): AST.AST => {
  const decode = ParseResult.decodeUnknown(Schema.make<unknown, unknown>(ast))
  const encode = ParseResult.encodeUnknown(Schema.make<unknown>(ast))
  const isRecursive = holdsItself(ast)
  return new AST.Declaration(
    [],
    () => (input, options) => {
      const decoded = decode(input, { ...options, errors: !isRecursive && isSmall(input) ? "all" : "first" })
      return Either.isEither(decoded) && Either.isRight(decoded) ? decoded : Effect.catchAll(decoded, onIssue)
    },
    () => (value, options) => encode(value, options),
    multipartOf(ast)
  )
}

/** What the platform looks for at the outside of a payload. */
const multipartOf = (ast: AST.AST): AST.Annotations => {
  const multipart = HttpApiSchema.getMultipart(ast)
  const stream = HttpApiSchema.getMultipartStream(ast)
  return {
    ...(multipart === undefined ? {} : { [HttpApiSchema.AnnotationMultipart]: multipart }),
    ...(stream === undefined ? {} : { [HttpApiSchema.AnnotationMultipartStream]: stream })
  }
}

/** In values, at all depths. */
const isSmall = (input: unknown): boolean => {
  let left = 1000
  const rest = [input]
  while (rest.length > 0) {
    const value = rest.pop()
    if (!Predicate.isObject(value) || ArrayBuffer.isView(value)) continue
    const members = Object.values(value)
    left -= members.length
    if (left < 0) return false
    rest.push(...members)
  }
  return true
}

/** It may: of a union that holds itself, everything that is wrong doubles with each level of the input. */
const holdsItself = (ast: AST.AST): boolean => holds(ast, AST.isSuspend)
