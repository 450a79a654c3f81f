/**
 * What registering means, for errors and audit events alike: the proof that something was registered, and the two ways in
 * which a registration can be refused.
 */
import type { HttpLayerRouter } from "@effect/platform"
import { Context, Data, Effect } from "effect"
import type { ApiError } from "./ApiError.js"
import type { IsLiteral } from "./internal/literal.js"

/**
 * The proof that `X` was registered. It stands in the requirements of an Effect that fails with the error or adds the event
 * `X`, and the layer of the extension that registers `X` provides it. It exists for the compiler alone.
 *
 * @category type-level
 */
export interface Registered<in out X> {
  readonly registered: (x: X) => X
}

/**
 * What a registration Layer provides for an error: the proof itself, and the same in the terms of `HttpLayerRouter`. Nothing
 * where it would prove other errors too: for an id known only at run time, and for a class that adds nothing to `Error`, which
 * to the compiler is `Error`.
 *
 * @category type-level
 */
export type ErrorProof<E> = E extends unknown
  ? ProvesOthers<E> extends true
    ? never
    : Proof<E> | HttpLayerRouter.Request<"Error", E> | HttpLayerRouter.Request<"GlobalError", E>
  : never

type ProvesOthers<E> =
  ApiError<string, {}> extends E
    ? true
    : E extends { readonly _tag: infer Tag extends string }
      ? IsLiteral<Tag> extends true
        ? false
        : true
      : false

/**
 * What a registration Layer provides for an audit event. Nothing for a type known only at run time.
 *
 * @category type-level
 */
export type EventProof<Event> = Event extends { readonly type: infer Type extends string }
  ? IsLiteral<Type> extends true
    ? Proof<Event>
    : never
  : never

type Proof<X> =
  | Registered<X>
  | HttpLayerRouter.Request<"Requires", Registered<X>>
  | HttpLayerRouter.Request<"GlobalRequires", Registered<X>>

/**
 * Two registrations that exclude each other.
 *
 * @category models
 */
export interface Conflict {
  readonly kind: "error" | "override" | "exception" | "translation" | "audit event"
  /** What was registered twice: `auth-rate-limited (429)`, the name of a class, or an event's type. */
  readonly name: string
  /** Who registered it first, and who wanted to register it again. */
  readonly owners: readonly [first: string, second: string]
}

/**
 * The same thing was registered twice, differently. Lists every conflict that is known.
 *
 * @category errors
 */
export class RegistrationConflict extends Data.TaggedError("RegistrationConflict")<{
  readonly conflicts: ReadonlyArray<Conflict>
}> {
  override get message() {
    const lines = this.conflicts.map(
      ({ kind, name, owners: [first, second] }) =>
        `- the ${kind} '${name}' is registered by ${first === second ? `two that are called '${first}'` : `'${first}' and by '${second}'`}`
    )
    return `Registrations exclude each other:\n${lines.join("\n")}`
  }
}

/**
 * Definitions that are wrong in themselves: a malformed template, a status that is no error, an id outside the extension's
 * prefix. The compiler finds these where they are literals. Lists every one that is known.
 *
 * @category errors
 */
export class InvalidDefinition extends Data.TaggedError("InvalidDefinition")<{
  readonly definitions: ReadonlyArray<{ readonly owner: string; readonly name: string; readonly problem: string }>
}> {
  override get message() {
    const lines = this.definitions.map(({ owner, name, problem }) => `- '${name}' of '${owner}': ${problem}`)
    return `Definitions are invalid:\n${lines.join("\n")}`
  }
}

/**
 * What a registry refused. Everything else of the same registration is registered.
 *
 * @category models
 */
export type Refusal =
  | { readonly _tag: "Conflict"; readonly conflict: Conflict }
  | { readonly _tag: "Invalid"; readonly owner: string; readonly name: string; readonly problem: string }

/**
 * Fails when anything was refused.
 *
 * @category refusals
 */
export const settle = (
  refusals: ReadonlyArray<Refusal>
): Effect.Effect<void, RegistrationConflict | InvalidDefinition> => {
  const definitions = refusals.flatMap((refusal) => (refusal._tag === "Invalid" ? [refusal] : []))
  if (definitions.length > 0) return new InvalidDefinition({ definitions })
  const conflicts = refusals.flatMap((refusal) => (refusal._tag === "Conflict" ? [refusal.conflict] : []))
  return conflicts.length > 0 ? new RegistrationConflict({ conflicts }) : Effect.void
}

/**
 * Gathers refusals, where many Layers register and one failure should tell about all of them, as `Registrar.serve` does.
 * Without it, each Layer that registers fails for itself.
 *
 * @category refusals
 */
export class Refusals extends Context.Tag("effect-registrar/Registration/Refusals")<Refusals, Array<Refusal>>() {}

/**
 * Hands refusals to `Refusals` if somebody gathers them, and fails otherwise.
 *
 * @category refusals
 */
export const report = (
  refusals: ReadonlyArray<Refusal>
): Effect.Effect<void, RegistrationConflict | InvalidDefinition> =>
  Effect.flatMap(Effect.serviceOption(Refusals), (gathered) => {
    if (gathered._tag === "None") return settle(refusals)
    gathered.value.push(...refusals)
    return Effect.void
  })
