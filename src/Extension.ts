/**
 * A part of an application: a name, and the errors, exceptions and audit events that it registers under that name, as one
 * Layer. Ids and types start with the name and a dash.
 *
 * The layer is what proves to the compiler that they are registered: a route that fails with `RateLimited` cannot be served
 * without the layer of the extension that registers `RateLimited`.
 *
 * @example
 * import { ApiError, AuditEvent, Extension } from "effect-registrar"
 *
 * class Locked extends ApiError.make<Locked>()("auth-locked", { status: 423, message: "The account is locked" }) {}
 *
 * const LoginFailed = AuditEvent.make("auth-login-failed", { level: "Warning", message: "Login from {ip} failed" })
 *
 * const Auth = Extension.make("auth", { errors: [Locked], auditEvents: [LoginFailed] })
 *
 * console.log(Auth.name) // auth
 */
import { Effect, Layer } from "effect"
import type * as ApiError from "./ApiError.js"
import type * as AuditEvent from "./AuditEvent.js"
import { AuditRegistry } from "./AuditRegistry.js"
import { isBuiltIn, type BuiltIn } from "./BuiltInErrors.js"
import { ErrorRegistry } from "./ErrorRegistry.js"
import type { IsLiteral } from "./internal/literal.js"
import { report, settle } from "./Registration.js"
import type { ErrorProof, EventProof, InvalidDefinition, Refusal, RegistrationConflict } from "./Registration.js"

/**
 * What an extension registers.
 *
 * @category models
 */
export interface Contents {
  readonly errors?: ReadonlyArray<ApiError.Any>
  readonly exceptions?: ReadonlyArray<ApiError.Exception<unknown, string>>
  readonly auditEvents?: ReadonlyArray<AuditEvent.Any>
}

/**
 * @category models
 */
export interface Extension<Name extends string, C extends Contents> extends Any {
  readonly name: Name
  readonly errors: List<C["errors"]>
  readonly exceptions: List<C["exceptions"]>
  readonly auditEvents: List<C["auditEvents"]>
  /**
   * Registers everything, and provides the proof of it. Building it again for the same registries changes nothing.
   */
  readonly layer: Layer.Layer<
    Proofs<C>,
    RegistrationConflict | InvalidDefinition,
    ErrorRegistry | ([Member<C["auditEvents"]>] extends [never] ? never : AuditRegistry)
  >
}

/**
 * Any extension, as plain data.
 *
 * @category models
 */
export interface Any {
  readonly name: string
  readonly errors: ReadonlyArray<ApiError.Any>
  readonly exceptions: ReadonlyArray<ApiError.Exception<unknown, string>>
  readonly auditEvents: ReadonlyArray<AuditEvent.Any>
}

type List<T> = T extends ReadonlyArray<unknown> ? T : readonly []

/**
 * Declares an extension.
 *
 * @category constructors
 */
export const make = <const Name extends string, const C extends Contents>(
  name: Name,
  contents: C & ApiError.Check<Problem<Name, C>>
): Extension<Name, C> => {
  const { errors = [], exceptions = [], auditEvents = [] }: Contents = contents
  const extension: Any = { name, errors, exceptions, auditEvents }
  const layer = Layer.fresh(Layer.effectDiscard(Effect.flatMap(registerAll(extension), report)))
  // The lists keep their types, and the proof exists for the compiler alone.
  return { ...extension, layer } as unknown as Extension<Name, C>
}

/**
 * Registers an extension that is known only at run time, a plug-in for example, while the application runs. What is not
 * refused is registered even when the Effect fails.
 *
 * @category registration
 */
export const register = (
  extension: Contents & { readonly name: string }
): Effect.Effect<void, RegistrationConflict | InvalidDefinition, ErrorRegistry | AuditRegistry> =>
  Effect.flatMap(registerAll(extension), settle)

/**
 * The same, with what is refused as its result.
 *
 * @internal
 */
export const registerAll = ({
  name: owner,
  errors = [],
  exceptions = [],
  auditEvents = []
}: Contents & { readonly name: string }) =>
  Effect.gen(function* () {
    const strays: Array<Refusal> = []
    const own = (id: string) => {
      if (id.startsWith(`${owner}-`)) return true
      strays.push({ _tag: "Invalid", owner, name: id, problem: `the id does not start with '${owner}-'` })
      return false
    }
    const refusedErrors = yield* (yield* ErrorRegistry).register({
      owner,
      errors: errors.filter((error) => own(error.id)),
      exceptions: exceptions.filter(({ error }) => isBuiltIn(error) || errors.includes(error) || own(error.id))
    })
    const ownEvents = auditEvents.filter((event) => own(event.type))
    if (ownEvents.length === 0) return [...strays, ...refusedErrors]
    const refusedEvents = yield* (yield* AuditRegistry).register({ owner, auditEvents: ownEvents })
    return [...strays, ...refusedErrors, ...refusedEvents]
  })

/**
 * Everything that the layer proves. The error that an exception answers with is proved only as one of `errors`.
 *
 * @category type-level
 */
export type Proofs<C extends Contents> =
  | ErrorProof<InstanceOf<Member<C["errors"]>>>
  | ErrorProof<Thrown<Member<C["exceptions"]>>>
  | EventProof<Member<C["auditEvents"]>>

type Member<T> = T extends ReadonlyArray<infer M> ? M : never
type InstanceOf<C> = C extends ApiError.Any ? InstanceType<C> : never
type Thrown<X> = X extends ApiError.Exception<infer E, infer _> ? E : never
type AnswerOf<X> = X extends { readonly error: infer Answer } ? Answer : never

/**
 * The sentence that says what is wrong with the contents, or `never`.
 *
 * @category type-level
 */
export type Problem<Name extends string, C extends Contents> =
  | Strays<
      Name,
      | IdOf<Member<C["errors"]>>
      | Exclude<IdOf<AnswerOf<Member<C["exceptions"]>>>, BuiltIn["_tag"]>
      | TypeOf<Member<C["auditEvents"]>>
    >
  | Twice<C["errors"]>
  | Twice<C["auditEvents"]>

type IdOf<C> = C extends ApiError.Any ? C["id"] : never
type TypeOf<E> = E extends AuditEvent.Any ? E["type"] : never

type Strays<Name extends string, Id extends string> =
  IsLiteral<Name> extends false
    ? never
    : Id extends unknown
      ? IsLiteral<Id> extends false
        ? never
        : Id extends `${Name}-${string}`
          ? never
          : `The id '${Id}' does not start with '${Name}-'`
      : never

/** With what it has found as a parameter: the compiler follows 1,000 steps where they come last, and else not even 50. */
type Twice<T, Seen = never, Found = never> = T extends readonly [infer Head, ...infer Rest]
  ? Twice<
      Rest,
      Seen | Label<Head>,
      | Found
      | ([Label<Head>] extends [never] ? never : Label<Head> extends Seen ? `The ${Label<Head>} is given twice` : never)
    >
  : Found

/** One id may stand for two statuses. What is known only at run time has no label, and is compared then. */
type Label<T> = T extends ApiError.Any
  ? IsLiteral<T["id"]> extends false
    ? never
    : `id '${T["id"]}' (${T["status"]})`
  : T extends AuditEvent.Any
    ? IsLiteral<T["type"]> extends false
      ? never
      : `audit event '${T["type"]}'`
    : never
