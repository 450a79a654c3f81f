/**
 * The Schema of a declared error: between its instances and their body, which is read in both of its forms. Documents see the
 * library's own form, with an example.
 */
import { HttpApiSchema } from "@effect/platform"
import { Option, ParseResult, Schema, SchemaAST as AST } from "effect"
import * as Answer from "./answer.js"
import { exampleFields } from "./example.js"
import { pick, withoutSecrets, type Fields } from "./fields.js"
import { describable } from "./jsonSchema.js"
import { markedNames } from "./markedFields.js"

interface Declared {
  new (fields: Record<string, unknown>): Error
  readonly id: string
  readonly status: number
  readonly text: string
  readonly fields: Fields
  readonly description: string | undefined
}

interface Body {
  readonly error: { readonly id: string; readonly message: string; readonly details?: unknown }
}

/** The Schema, and that of the instances alone, which leads back to the class. */
export const make = (self: Declared): { readonly ast: AST.AST; readonly instance: AST.AST } => {
  const names = Object.keys(self.fields)
  const Instance = Schema.declare((u: unknown): u is Error => u instanceof self, {
    identifier: self.id,
    title: self.id,
    ...(self.description === undefined ? {} : { description: self.description })
  })
  const encode = (instance: Error) => {
    const error = { id: self.id, message: instance.message }
    const details = pick(instance, names)
    return { error: Object.keys(details).length === 0 ? error : { ...error, details } }
  }
  const schema = Schema.transform(eitherForm(self), Instance, {
    strict: false,
    decode: ({ error }) => saying(error.message, new self((error.details ?? {}) as Record<string, unknown>)),
    encode
  }).annotations(HttpApiSchema.annotations({ status: self.status }))
  return { ast: schema.ast, instance: Instance.ast }
}

/** In the words in which it came: those of another language, for example. */
const saying = (message: string, instance: Error): Error =>
  instance.message === message
    ? instance
    : Object.defineProperty(instance, "message", { value: message, configurable: true, writable: true })

const ownForm = (id: string, fields: Fields): AST.AST => {
  const Details: Schema.Schema.All = Schema.make(withoutSecrets(Schema.Struct(fields).ast))
  // Where each field may be absent, all of them may.
  const mayBeEmpty = Option.isSome(Schema.decodeUnknownOption(Schema.make<unknown>(AST.encodedAST(Details.ast)))({}))
  return Schema.Struct({
    error: Schema.Struct({
      id: Schema.Literal(id),
      message: Schema.String,
      ...(Object.keys(fields).length === 0 ? {} : { details: mayBeEmpty ? Schema.optional(Details) : Details })
    })
  }).ast
}

/** What is marked may have lost its type on the way. An error that says less is better than one that cannot be read. */
const looseForm = (id: string) =>
  Schema.Struct({
    error: Schema.Struct({ id: Schema.Literal(id), message: Schema.String, details: Schema.optional(Schema.Unknown) })
  })

/** A body in either form on the wire. To documents it is the library's own. */
const eitherForm = (self: Declared): Schema.Schema<Body> => {
  let documented: AST.AST | undefined
  return Schema.make(
    new AST.Declaration(
      [ownForm(self.id, self.fields)],
      (own) => {
        const decode = ParseResult.decodeUnknown(Schema.make(own!))
        const decodeLoosely = ParseResult.decodeUnknown(looseForm(self.id))
        return (given, options) => {
          const input = Answer.fromWire(given)
          return ParseResult.orElse(decode(input, options), (issue) =>
            markedNames(self.fields).length > 0 ? decodeLoosely(input, options) : ParseResult.fail(issue)
          )
        }
      },
      (own) => {
        const encode = ParseResult.encodeUnknown(Schema.make(own!))
        return (input, options) => encode(input, options)
      },
      {
        // Made when a document is: a program that only answers, or asks, has no use for it.
        get [AST.SurrogateAnnotationId]() {
          return (documented ??= documentedForm(self))
        }
      }
    )
  )
}

/** With an example, and with anything in the place of what has no JSON Schema. */
const documentedForm = (self: Declared): AST.AST =>
  Schema.make<Body>(ownForm(self.id, describable(self.fields))).annotations({
    title: self.id,
    description: self.description ?? self.text,
    ...examplesOf(self)
  }).ast

const examplesOf = (self: Declared): { readonly examples?: readonly [Body] } => {
  // The constructor may be the application's own.
  try {
    const example = new self(exampleFields(self.fields))
    const details = pick(example, Object.keys(self.fields))
    return { examples: [{ error: { id: self.id, message: example.message, details } }] }
  } catch {
    return {}
  }
}
