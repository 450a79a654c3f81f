/**
 * Registrations of a case, each made alone: at the start, and by `register` while a request is handled.
 */
import { ApiError, AuditEvent, AuditRegistry, ErrorRegistry, Registration } from "effect-registrar"
import { Data, Effect } from "effect"
import * as Classes from "./classes.js"
import type * as Format from "./stepFormat.js"
import { eventLevel } from "./levels.js"

/** The id stands for no error that an exception could be linked to. */
export class UnknownErrorId extends Data.TaggedError("UnknownErrorId")<{ readonly id: string }> {
  override get message() {
    return `There is no error '${this.id}' for 500, and no message to make one`
  }
}

export type Refused = Registration.RegistrationConflict | Registration.InvalidDefinition | UnknownErrorId

export type Register = (
  registration: Format.Registration
) => Effect.Effect<void, Refused, ErrorRegistry.ErrorRegistry | AuditRegistry.AuditRegistry>

const owner = "the case"

/** The original defines nothing for these statuses: its first own error becomes their default. Here that is an override. */
const definedHereOnly: ReadonlyArray<unknown> = [404, 413, 415, 503]

export const make = (classes: Classes.Classes): Register => {
  const overriddenBy = new Map<unknown, unknown>()

  const registerError = Effect.fnUntraced(function* (code: unknown, id: unknown, message: unknown) {
    const registry = yield* ErrorRegistry.ErrorRegistry
    const error = declareError(code, id, message)
    const overrides = definedHereOnly.includes(code) && (!overriddenBy.has(code) || overriddenBy.get(code) === id)
    if (!overrides) return yield* settled(registry.register({ owner, errors: [error] }))
    yield* settled(registry.register({ owner, overrides: [error] }))
    overriddenBy.set(code, id)
  })

  const registerException = Effect.fnUntraced(function* (name: string, id: string, message: unknown) {
    const registry = yield* ErrorRegistry.ErrorRegistry
    const exception = Classes.get(classes, name).constructor
    if (message !== undefined) {
      const made = ApiError.fromException(exception, { id, message: plain(message) })
      return yield* settled(registry.register({ owner, exceptions: [made] }))
    }
    const known = registry.errorFor(500, id)
    if (known === undefined) return yield* new UnknownErrorId({ id })
    yield* settled(registry.register({ owner, exceptions: [ApiError.fromException(exception, known)] }))
  })

  const registerEvent = Effect.fnUntraced(function* (type: string, level: unknown, template: unknown) {
    const registry = yield* AuditRegistry.AuditRegistry
    // Cases also give what is no level and no text. The library is asked to refuse it.
    const event = AuditEvent.make(type, { level: eventLevel(level), message: template as string })
    yield* settled(registry.register({ owner, auditEvents: [event] }))
  })

  return (registration) => {
    switch (registration.op) {
      case "error":
        return registerError(registration.code, registration.id, registration.message)
      case "exception":
        return registerException(registration.exception, registration.id as string, registration.message)
      case "audit":
        return registerEvent(registration.type as string, registration.level, registration.template)
    }
  }
}

const settled = (refusals: Effect.Effect<ReadonlyArray<Registration.Refusal>>) =>
  Effect.flatMap(refusals, Registration.settle)

/** Of any type, as the case has it: the library is asked to refuse what it cannot take. */
const declareError = (code: unknown, id: unknown, message: unknown): ApiError.Any =>
  ApiError.make()(id as string, { status: code as number, message: plain(message) })

/** The original's messages are plain text, ours are templates. */
const plain = (message: unknown): string =>
  typeof message === "string" ? message.replaceAll(/[{}]/g, "$&$&") : (message as string)
