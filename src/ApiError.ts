/**
 * Errors an application can answer with, each declared once: an id, a status, a message template, and optionally typed
 * fields and headers.
 *
 * A declaration is a class. Its instances are Effect failures; the class is also a Schema whose encoded form is the body on
 * the wire, `{"error":{"id","message","details"}}`. Instances capture no stack: they are answers that are expected, and the
 * stack would be nearly all of their cost.
 *
 * @example
 * import { ApiError } from "effect-registrar"
 * import { Schema } from "effect"
 *
 * class RateLimited extends ApiError.make<RateLimited>()("auth-rate-limited", {
 *   status: 429,
 *   message: "Too many failed logins from {ip}, try again in {minutes} minutes",
 *   fields: { ip: Schema.String, minutes: Schema.Int },
 *   headers: (error) => ({ "retry-after": String(error.minutes * 60) })
 * }) {}
 *
 * console.log(new RateLimited({ ip: "192.0.2.7", minutes: 15 }).message)
 * // Too many failed logins from 192.0.2.7, try again in 15 minutes
 */
import { Data, Either, Pipeable, Predicate, Schema, SchemaAST as AST } from "effect"
import { globalValue } from "effect/GlobalValue"
import type { Cause, Types } from "effect"
import { givenOrAny, makeEncoder, pick, type Encoder, type Fields, type ServiceProblem } from "./internal/fields.js"
import * as Answer from "./internal/answer.js"
import * as BodySchema from "./internal/bodySchema.js"
import { safeHeaders } from "./internal/headers.js"
import type { Json } from "./internal/json.js"
import { makeHide, makeShown } from "./internal/markedFields.js"
import * as MessageTemplate from "./MessageTemplate.js"

/**
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("effect-registrar/ApiError")

/**
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * Whether a value is an instance of a declared error, registered or not.
 *
 * @category guards
 */
export const isApiError = (u: unknown): u is ApiError<string, {}> => Predicate.hasProperty(u, TypeId)

/**
 * The body on the wire.
 *
 * @category models
 */
export interface Body<Id extends string = string, Details = unknown> {
  readonly error: {
    readonly id: Id
    readonly message: string
    readonly details?: Details
  }
}

/**
 * An instance: an Effect failure that holds the error's fields. `message` is the rendered template.
 *
 * @category models
 */
export type ApiError<Id extends string, FieldValues> = Cause.YieldableError & {
  readonly _tag: Id
  readonly [TypeId]: TypeId
} & Readonly<FieldValues>

/**
 * A declared error.
 *
 * @category models
 */
export interface Class<Self, Id extends string, Status extends number, F extends Fields> extends Schema.Schema<
  Self,
  Body<Id, Schema.Struct.Encoded<F>>
> {
  new (
    ...fields: Types.Equals<F, {}> extends true
      ? []
      : {} extends Schema.Struct.Type<F>
        ? [fields?: Readonly<Schema.Struct.Type<F>>]
        : [fields: Readonly<Schema.Struct.Type<F>>]
  ): ApiError<Id, Schema.Struct.Type<F>>
  readonly id: Id
  readonly status: Status
  /** The message template as it was written. */
  readonly text: string
  /** The same parsed, or what is wrong with it. A malformed template fails the registration, not the declaration. */
  readonly template: Either.Either<MessageTemplate.MessageTemplate, MessageTemplate.MalformedTemplate>
  readonly fields: F
  readonly description: string | undefined
  readonly since: string | undefined
  readonly deprecated: string | undefined
  /** @internal */
  readonly answer: Answerer
}

/**
 * The answer for an instance, in the words of the declaration or of another template with the same parameters.
 *
 * @internal
 */
export type Answerer = (error: object, template?: MessageTemplate.MessageTemplate) => Answer.Answer

/**
 * Any declared error.
 *
 * @category models
 */
export interface Any {
  // Constructors are contravariant in their arguments: `never` is what every declared error's constructor accepts.
  new (...args: never): ApiError<string, {}>
  readonly prototype: object
  readonly id: string
  readonly status: number
  readonly text: string
  readonly template: Either.Either<MessageTemplate.MessageTemplate, MessageTemplate.MalformedTemplate>
  readonly fields: Fields
  readonly description: string | undefined
  readonly since: string | undefined
  readonly deprecated: string | undefined
  /** @internal */
  readonly answer: Answerer
}

/**
 * The field Schemas that a template asks for where none are given: each parameter takes any JSON value.
 *
 * @category type-level
 */
export type FieldsOf<Text extends string> = {
  readonly [Name in MessageTemplate.Parameters<Text>]: Schema.Schema<Json>
}

/**
 * The fields as given, or as the template asks for them.
 *
 * @category type-level
 */
export type Given<Text extends string, F extends Fields> = [keyof F] extends [never] ? FieldsOf<Text> : F

/**
 * What `make` takes besides the id.
 *
 * @category models
 */
export interface Options<Status extends number, Text extends string, F extends Fields> {
  /** 400 to 599. */
  readonly status: Status
  /** A message template. Every parameter is one of `fields`; without `fields`, parameters take any JSON value. */
  readonly message: Text
  /** What the instance carries, and the `details` of the body. */
  readonly fields?: F
  /** Headers of the response, from `fields`. */
  readonly headers?: (fields: Readonly<Schema.Struct.Type<F>>) => Readonly<Record<string, string>>
  /** For documents: what it means, and what its receiver can do. */
  readonly description?: string
  /** For documents: the version of the application that it came with. */
  readonly since?: string
  /** For documents: that it should not be used any more, and what to use instead. */
  readonly deprecated?: string
}

/**
 * Declares an error. `Self` is the class being declared, as in `Schema.Class`.
 *
 * A mistake in literals is a compile error. Values known only at run time are checked when the error is registered, and fail
 * the Layer with `InvalidDefinition`.
 *
 * @category constructors
 */
export const make =
  <Self = never>() =>
  <
    const Id extends string,
    const Status extends number,
    const Text extends string,
    // A default that is made of Schemas would take part in the inference of a Schema that is made in place.
    const F extends Fields = {}
  >(
    id: Id,
    options: Options<Status, Text, F> & Check<OptionsProblem<Status, Text, Given<Text, F>>>
  ): Class<
    [Self] extends [never] ? ApiError<Id, Schema.Struct.Type<Given<Text, F>>> : Self,
    Id,
    Status,
    Given<Text, F>
  > => {
    // The erased boundary of this module: behind it, fields are a record of Schemas and the class is built member by member.
    const given: Options<Status, Text, F> = options
    return declare(id, given as unknown as ErasedOptions) as never
  }

type ErasedOptions = Options<number, string, Fields>

const declare = (id: string, options: ErasedOptions) => {
  const template = MessageTemplate.parse(options.message)
  const fields = givenOrAny(options.fields, MessageTemplate.parametersOf(template))
  const names = Object.keys(fields).filter((name) => !isReserved(name))
  const render = renderer(id, options, template, fields, names)
  const hide = makeHide(fields)

  class Declared extends Data.TaggedError(id)<Record<string, unknown>> {
    static readonly id = id
    static readonly status = options.status
    static readonly text = options.message
    static readonly template = template
    static readonly fields = fields
    static readonly description = options.description
    static readonly since = options.since
    static readonly deprecated = options.deprecated
    static readonly answer = render.answer

    constructor(given?: Record<string, unknown>) {
      const own = pick(given ?? {}, names)
      const limit = Error.stackTraceLimit
      Error.stackTraceLimit = 0
      try {
        super(own)
      } finally {
        Error.stackTraceLimit = limit
      }
      // Loggers print the members of an error along with it, and its JSON form is made of what it was given.
      hide(this)
      hide(own)
    }

    override get message() {
      return render.message(this)
    }

    // Not an own member: it would be copied into logs.
    get [TypeId](): TypeId {
      return TypeId
    }

    // A Schema, statically: so the class that extends this one is the Schema of its own instances.
    static readonly [Schema.TypeId] = Schema.Never[Schema.TypeId]

    static get ast() {
      const known = astByClass.get(this)
      if (known !== undefined) return known
      const { ast, instance } = BodySchema.make(this)
      astByClass.set(this, ast)
      classByInstance.set(instance, this)
      return ast
    }

    static annotations(annotations: Schema.Annotations.Schema<Declared>) {
      return Schema.make<Declared, Body>(this.ast).annotations(annotations)
    }

    static pipe() {
      return Pipeable.pipeArguments(this, arguments)
    }
  }
  return Declared
}

const astByClass = new WeakMap<object, Schema.Schema.All["ast"]>()
/** Shared with other copies of the library: one reads what an application has declared with another. */
const classByInstance = globalValue("effect-registrar/ApiError/classByInstance", () => new WeakMap<AST.AST, Any>())

/**
 * The class that a Schema is, or is an annotated copy of.
 *
 * @internal
 */
export const classOf = (ast: AST.AST): Any | undefined =>
  AST.isTransformation(ast) ? classByInstance.get(ast.to) : undefined

/** Members that an error has already. */
const reserved = ["_tag", "name", "message", "stack", "cause", "__proto__"] as const

const isReserved = (name: string) => (reserved as ReadonlyArray<string>).includes(name)

/**
 * What is wrong with a declaration, as far as it can be seen without the other ones.
 *
 * @internal
 */
export const problemsOf = (error: Any): ReadonlyArray<string> => [
  ...(Number.isInteger(error.status) && error.status >= 400 && error.status <= 599
    ? []
    : [`the status ${String(error.status)} is not an error status: use 400 to 599`]),
  ...(Either.isLeft(error.template)
    ? [error.template.left.message]
    : error.template.right.parameters
        .filter((name) => !Object.hasOwn(error.fields, name))
        .map((name) => `the message names '{${name}}', which is not one of the fields`)),
  ...Object.keys(error.fields)
    .filter(isReserved)
    .map((name) => `the field name '${name}' is taken by every error`)
]

const renderer = (
  id: string,
  options: ErasedOptions,
  template: Any["template"],
  fields: Fields,
  names: ReadonlyArray<string>
) => {
  let encode: Encoder | undefined
  let show: ReturnType<typeof makeShown> | undefined
  let always: Answer.Answer | undefined

  const rendered = (wording: MessageTemplate.MessageTemplate, error: object): string =>
    MessageTemplate.render(wording, (show ??= makeShown(fields))(error) as Record<string, unknown>)

  const message = (error: object): string =>
    Either.isRight(template) ? rendered(template.right, error) : options.message

  const answer: Answerer = (error, wording) => {
    if (always !== undefined && wording === undefined) return always
    const { details, problems } = (encode ??= makeEncoder(fields))(pick(error, names), "omit")
    const headers = makeHeaders(options.headers, error)
    const made = Answer.make({
      id,
      status: options.status,
      headers: headers.headers,
      message: wording === undefined ? message(error) : rendered(wording, error),
      details: Object.keys(details).length === 0 ? undefined : details,
      problems: [
        ...problems.map(({ field, problem }) => `the field '${field}' does not fit its Schema (${problem})`),
        ...headers.problems
      ]
    })
    // Without fields it is always the same answer.
    if (names.length === 0 && options.headers === undefined && wording === undefined) always = made
    return made
  }

  return { message, answer }
}

const makeHeaders = (make: ErasedOptions["headers"], error: object) => {
  if (make === undefined) return { headers: {}, problems: [] }
  try {
    return safeHeaders(make(error as Record<string, unknown>))
  } catch {
    return { headers: {}, problems: ["its headers could not be made"] }
  }
}

/**
 * An exception that answers with a registered error: every failure or defect that is an instance of `exception`.
 *
 * @category models
 */
export interface Exception<E, Id extends string> {
  readonly exception: (abstract new (...args: never) => E) & { readonly prototype: object; readonly name: string }
  readonly error: Any & { readonly id: Id }
}

/**
 * Lets instances of a class, the application's own or another library's, answer with a 500 of the given id and message. Where
 * several registered classes match, the most specific one counts. To let several classes share one answer, or to choose a
 * 5xx status other than 500, declare the error with `make` and give the class of it.
 *
 * @example
 * import { ApiError, Extension } from "effect-registrar"
 *
 * class DiskFull extends Error {}
 *
 * const Storage = Extension.make("storage", {
 *   exceptions: [ApiError.fromException(DiskFull, { id: "storage-full", message: "There is no room left" })]
 * })
 *
 * @category constructors
 */
export const fromException = <E, const Id extends string, const Text extends string = "">(
  exception: abstract new (...args: never) => E,
  answer: ((Any & { readonly id: Id }) | { readonly id: Id; readonly message: Text }) & Check<ExceptionProblem<Text>>
): Exception<E, Id> => {
  // The check is a type only.
  const given: (Any & { readonly id: Id }) | { readonly id: Id; readonly message: Text } = answer
  if ("answer" in given) return { exception, error: given }
  const declared: Any = declare(given.id, { status: 500, message: given.message, fields: {} })
  return { exception, error: declared as Any & { readonly id: Id } }
}

/**
 * A sentence where there is a problem, nothing otherwise. Meant to be intersected with a parameter's type.
 *
 * @category type-level
 */
export type Check<Problem> = [Problem] extends [never] ? unknown : Problem

/**
 * The sentence that says what is wrong with the options of `make`, or `never`.
 *
 * @category type-level
 */
export type OptionsProblem<Status extends number, Text extends string, F extends Fields> = [
  MessageTemplate.Malformed<Text>
] extends [never]
  ? StatusProblem<Status> | ReservedProblem<keyof F> | MessageTemplate.Missing<Text, keyof F> | ServiceProblem<F>
  : MessageTemplate.Malformed<Text>

type StatusProblem<Status extends number> = number extends Status
  ? never
  : `${Status}` extends `${4 | 5}${Digit}${Digit}`
    ? never
    : `The status ${Status} is not an error status: use 400 to 599`

type Digit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9

type ReservedProblem<Name> = Name extends (typeof reserved)[number]
  ? `The field name '${Name}' is taken by every error`
  : never

type ExceptionProblem<Text extends string> = [MessageTemplate.Malformed<Text>] extends [never]
  ? MessageTemplate.Parameters<Text> extends infer Name extends string
    ? string extends Name
      ? never
      : `The message of an exception has no parameters, but it names '{${Name}}'`
    : never
  : MessageTemplate.Malformed<Text>
