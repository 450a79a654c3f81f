/**
 * The audit events of one application, as a service. Extensions register theirs while the application is built. What is
 * registered is plain data for documents.
 */
import { Context, Effect, Layer } from "effect"
import * as AuditEvent from "./AuditEvent.js"
import { builtIns } from "./BuiltInEvents.js"
import type { Refusal } from "./Registration.js"

/**
 * What one owner registers.
 *
 * @category models
 */
export interface Registration {
  /** Who registers, for messages: the name of an extension. */
  readonly owner: string
  readonly auditEvents: ReadonlyArray<AuditEvent.Any>
}

/**
 * A registered event. The declaration itself is plain data: its type, level, template and field Schemas are read from it.
 *
 * @category models
 */
export interface Definition {
  readonly event: AuditEvent.Any
  readonly owner: string
}

/**
 * @category models
 */
export interface Service {
  /** Registers what can be registered, also while the application runs, and returns what was refused. */
  readonly register: (registration: Registration) => Effect.Effect<ReadonlyArray<Refusal>>
  /** The event of this type. */
  readonly eventOf: (type: string) => AuditEvent.Any | undefined
  /** Everything registered, in order of registration. */
  readonly definitions: Effect.Effect<ReadonlyArray<Definition>>
}

/**
 * @category services
 */
export class AuditRegistry extends Context.Tag("effect-registrar/AuditRegistry")<AuditRegistry, Service>() {}

/**
 * A registry with the built-in events.
 *
 * @category constructors
 */
export const make: Effect.Effect<Service> = Effect.sync(() => {
  const entryByType = new Map<string, Definition>()

  const add = (owner: string, event: AuditEvent.Any): ReadonlyArray<Refusal> => {
    const known = entryByType.get(event.type)
    if (known?.event === event) return []
    if (known !== undefined) {
      return [{ _tag: "Conflict", conflict: { kind: "audit event", name: event.type, owners: [known.owner, owner] } }]
    }
    const problems = AuditEvent.problemsOf(event)
    if (problems.length === 0) entryByType.set(event.type, { owner, event })
    return problems.map((problem) => ({ _tag: "Invalid", owner, name: event.type, problem }))
  }

  for (const event of builtIns) add("effect-registrar", event)

  return {
    register: ({ owner, auditEvents }) => Effect.sync(() => auditEvents.flatMap((event) => add(owner, event))),
    eventOf: (type) => entryByType.get(type)?.event,
    definitions: Effect.sync(() => [...entryByType.values()])
  }
})

/**
 * @category layers
 */
export const layer: Layer.Layer<AuditRegistry> = Layer.effect(AuditRegistry, make)
