/**
 * Audit events an application can record, each declared once: a type, a level, a message template, and optionally typed
 * fields. A declaration is a value.
 *
 * `{ip}`, `{path}` and `{user}` are filled in from the `AuditContext` and are never asked for, nor can a field overwrite
 * them. The other parameters are given where the event is added.
 *
 * @example
 * import { AuditEvent } from "effect-registrar"
 *
 * const LoginFailed = AuditEvent.make("auth-login-failed", {
 *   level: "Warning",
 *   message: "User '{user}' failed to log in from {ip}: {reason}"
 * })
 *
 * console.log(LoginFailed.type) // auth-login-failed
 */
import { Either, Schema } from "effect"
import type { Check, FieldsOf } from "./ApiError.js"
import { givenOrAny, makeEncoder, type Encoder, type Fields, type ServiceProblem } from "./internal/fields.js"
import { levels, type Level } from "./internal/level.js"
import type { IsLiteral } from "./internal/literal.js"
import * as MessageTemplate from "./MessageTemplate.js"

export type {
  /**
   * The levels of an event, lowest first.
   *
   * @category models
   */
  Level
}

/**
 * A declared event.
 *
 * @category models
 */
export interface AuditEvent<Type extends string, Text extends string, F extends Fields> extends Any {
  readonly type: Type
  readonly text: Text
  readonly fields: F
}

/**
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("effect-registrar/AuditEvent")

/**
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * Any declared event. Only `make` declares one.
 *
 * @category models
 */
export interface Any {
  readonly [TypeId]: TypeId
  readonly type: string
  readonly level: Level
  /** The message template as it was written. */
  readonly text: string
  /** The same parsed, or what is wrong with it. A malformed template fails the registration, not the declaration. */
  readonly template: Either.Either<MessageTemplate.MessageTemplate, MessageTemplate.MalformedTemplate>
  readonly fields: Fields
  readonly description: string | undefined
  /** @internal */
  readonly encode: Encoder
}

/**
 * The names that come from the `AuditContext`.
 *
 * @category models
 */
export type ContextName = "ip" | "path" | "user"

/** @internal */
export const contextNames: ReadonlyArray<ContextName> = ["ip", "path", "user"]

/** @internal */
export const isContextName = (name: string): name is ContextName =>
  (contextNames as ReadonlyArray<string>).includes(name)

/**
 * The fields as given, or as the template asks for them.
 *
 * @category type-level
 */
export type Given<Text extends string, F extends Fields> = [keyof F] extends [never]
  ? { readonly [Name in Exclude<MessageTemplate.Parameters<Text>, ContextName>]: FieldsOf<Text>[Name] }
  : F

/**
 * What `make` takes besides the type.
 *
 * @category models
 */
export interface Options<Text extends string, F extends Fields> {
  readonly level: Level
  /** A message template. Every parameter but `{ip}`, `{path}`, `{user}` is one of `fields`; without `fields`, parameters take any JSON value. */
  readonly message: Text
  /** What is given with the event, and stands in its details. There may be more than the message names. */
  readonly fields?: F
  /** For documents. */
  readonly description?: string
}

/**
 * Declares an event.
 *
 * A mistake in literals is a compile error. Values known only at run time are checked when the event is registered, and fail
 * the Layer with `InvalidDefinition`.
 *
 * @category constructors
 */
export const make = <
  const Type extends string,
  const Text extends string,
  // A default that is made of Schemas would take part in the inference of a Schema that is made in place.
  const F extends Fields = {}
>(
  type: Type,
  options: Options<Text, F> & Check<OptionsProblem<Text, Given<Text, F>>>
): AuditEvent<Type, Text, Given<Text, F>> => {
  const given: Options<Text, F> = options
  const template = MessageTemplate.parse(given.message)
  const asked = MessageTemplate.parametersOf(template).filter((name) => !isContextName(name))
  // What the type says as well: without fields, those that the template asks for.
  const fields = givenOrAny(given.fields, asked) as Given<Text, F>
  let encoder: Encoder | undefined
  return {
    [TypeId]: TypeId,
    type,
    level: given.level,
    text: given.message,
    template,
    fields,
    description: given.description,
    encode: (values, onMisfit) => (encoder ??= makeEncoder(fields))(values, onMisfit)
  }
}

/**
 * What is wrong with a declaration, as far as it can be seen without the other ones.
 *
 * @internal
 */
export const problemsOf = (event: Any): ReadonlyArray<string> => [
  ...((levels as ReadonlyArray<string>).includes(event.level)
    ? []
    : [`the level '${String(event.level)}' is none of ${levels.join(", ")}`]),
  ...(Either.isLeft(event.template)
    ? [event.template.left.message]
    : event.template.right.parameters
        .filter((name) => !isContextName(name) && !Object.hasOwn(event.fields, name))
        .map((name) => `the message names '{${name}}', which is not one of the fields`)),
  ...Object.keys(event.fields)
    .filter(isContextName)
    .map((name) => `the field '${name}' comes from AuditContext and cannot be declared`),
  // Schemas swallow it.
  ...(Object.hasOwn(event.fields, "__proto__") ? ["a field cannot have the name '__proto__'"] : [])
]

/**
 * What is given with an event.
 *
 * @category type-level
 */
export type Params<E extends Any> = Readonly<Schema.Struct.Type<E["fields"]>>

/**
 * Whether the message names `{ip}` or `{path}`, which only an `AuditContext` knows. For a template known only at run time it
 * does not: there, what is unknown is rendered as `null`.
 *
 * @category type-level
 */
export type NeedsContext<E extends Any> =
  IsLiteral<E["text"]> extends false
    ? false
    : MessageTemplate.Parameters<E["text"]> & ("ip" | "path") extends never
      ? false
      : true

/**
 * The sentence that says what is wrong with the options of `make`, or `never`.
 *
 * @category type-level
 */
export type OptionsProblem<Text extends string, F extends Fields> = [MessageTemplate.Malformed<Text>] extends [never]
  ? TakenField<keyof F> | MessageTemplate.Missing<Text, keyof F | ContextName> | ServiceProblem<F>
  : MessageTemplate.Malformed<Text>

type TakenField<Name> = string extends Name
  ? never
  : Name extends ContextName
    ? `The field '${Name}' comes from AuditContext and cannot be declared`
    : never
