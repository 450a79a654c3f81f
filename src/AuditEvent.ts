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
import { Array as Arr, Duration, Either, Option, Schema } from "effect"
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
  readonly collapse: Collapse | undefined
  readonly description: string | undefined
  readonly since: string | undefined
  readonly deprecated: string | undefined
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
 * How events of one type that repeat become one record: `within` this time, where they are the same in `by`, or else in all
 * details.
 *
 * @category models
 */
export interface Collapse {
  readonly within: Duration.Duration
  readonly by: ReadonlyArray<string> | undefined
}

/**
 * What `make` takes besides the type.
 *
 * @category models
 */
export interface Options<Text extends string, F extends Fields, By extends string = string> {
  readonly level: Level
  /** A message template. Every parameter but `{ip}`, `{path}`, `{user}` is one of `fields`; without `fields`, parameters take any JSON value. */
  readonly message: Text
  /** What is given with the event, and stands in its details. There may be more than the message names. */
  readonly fields?: F
  /**
   * Against floods: the first event is recorded as it is; others inside the window that it opens, with the same values of `by`
   * (fields, `ip`, `path`, `user`; by default all details), are only counted. When the window ends, a
   * `registrar-events-collapsed` record tells how many they were. What is only counted is lost if the program is killed.
   * `require` and `around` record each event.
   */
  readonly collapse?: { readonly within: Duration.DurationInput; readonly by?: ReadonlyArray<By> | undefined }
  /** For documents: when it is recorded, and what it tells. */
  readonly description?: string
  /** For documents: the version of the application that it came with. */
  readonly since?: string
  /** For documents: that it is not recorded any more, and what is instead. */
  readonly deprecated?: string
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
  const F extends Fields = {},
  const By extends string = never
>(
  type: Type,
  options: Options<Text, F, By> & Check<OptionsProblem<Text, Given<Text, F>, By>>
): AuditEvent<Type, Text, Given<Text, F>> => {
  const given: Options<Text, F, By> = options
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
    collapse: given.collapse
      ? {
          // What is no duration is found when the event is registered.
          within: Option.getOrElse(Duration.decodeUnknown(given.collapse.within), () => Duration.zero),
          by: given.collapse.by && Arr.ensure(given.collapse.by)
        }
      : undefined,
    description: given.description,
    since: given.since,
    deprecated: given.deprecated,
    encode: (values, onMisfit, details, key) =>
      (encoder ??= makeEncoder(fields, isContextName))(values, onMisfit, details, key)
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
  ...problemsOfCollapse(event),
  // Schemas swallow it.
  ...(Object.hasOwn(event.fields, "__proto__") ? ["a field cannot have the name '__proto__'"] : [])
]

const problemsOfCollapse = ({ collapse, fields }: Any): ReadonlyArray<string> => {
  if (collapse === undefined) return []
  const { within, by = [] } = collapse
  const millis = Duration.toMillis(within)
  return [
    ...(millis >= 1 && Number.isFinite(millis) ? [] : ["the events collapse within no time that ends"]),
    ...by
      .filter((name) => !isContextName(name) && !Object.hasOwn(fields, name))
      .map((name) => `the events collapse by '${String(name)}', which is neither a field nor 'ip', 'path' or 'user'`)
  ]
}

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
export type OptionsProblem<Text extends string, F extends Fields, By extends string = never> = [
  MessageTemplate.Malformed<Text>
] extends [never]
  ? | TakenField<keyof F>
    | MessageTemplate.Missing<Text, keyof F | ContextName>
    | ServiceProblem<F>
    | StrayKind<By, keyof F | ContextName>
  : MessageTemplate.Malformed<Text>

type TakenField<Name> = string extends Name
  ? never
  : Name extends ContextName
    ? `The field '${Name}' comes from AuditContext and cannot be declared`
    : never

type StrayKind<By extends string, Name> = string extends Name
  ? never
  : By extends unknown
    ? IsLiteral<By> extends true
      ? By extends Name
        ? never
        : `The events collapse by '${By}', which is neither a field nor 'ip', 'path' or 'user'`
      : never
    : never
