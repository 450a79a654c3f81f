import { ApiError, BuiltInErrors, ErrorRegistry, type Registration } from "effect-registrar"
import { Effect, type Layer, Schema } from "effect"
import { describe, expect, test } from "tstyche"

class NoSuchPage extends ApiError.make<NoSuchPage>()("not-found", {
  status: 404,
  message: "There is no page '{page}'",
  fields: { page: Schema.String }
}) {}
class Teapot extends ApiError.make<Teapot>()("shop-teapot", { status: 418, message: "This is a teapot" }) {}

declare const name: string
declare const status: number

describe("abort", () => {
  test("fails with what needs no registration, and asks for nothing", () => {
    expect(ErrorRegistry.abort(418)).type.toBe<Effect.Effect<never, ErrorRegistry.Aborted>>()
    expect(ErrorRegistry.abort(status, { id: name, description: name, fields: { any: "thing" } })).type.toBe<
      Effect.Effect<never, ErrorRegistry.Aborted>
    >()
  })

  test("takes the id in its options", () => {
    // @ts-expect-error Type '"zoo-no-badger"' has no properties in common with type
    ErrorRegistry.abort(404, "zoo-no-badger")
    // @ts-expect-error Object literal may only specify known properties, and 'message' does not exist in type
    ErrorRegistry.abort(404, { message: "There is no badger" })
  })
})

describe("override", () => {
  test("proves what it overrides with, and needs the registry alone", () => {
    expect(ErrorRegistry.override(NoSuchPage, Teapot)).type.toBe<
      Layer.Layer<
        Registration.ErrorProof<NoSuchPage> | Registration.ErrorProof<Teapot>,
        Registration.RegistrationConflict | Registration.InvalidDefinition,
        ErrorRegistry.ErrorRegistry
      >
    >()
  })

  test("takes classes", () => {
    // @ts-expect-error is missing the following properties from type 'Any'
    ErrorRegistry.override(new Teapot())
  })

  test("proves nothing that is known only at run time", () => {
    const dynamic = ErrorRegistry.override(ApiError.make()(name, { status: 404, message: name }))
    expect<Layer.Layer.Success<typeof dynamic>>().type.toBe<never>()
  })
})

describe("the built-in errors", () => {
  test("are the nine of the framework's own failures, and audit-unavailable", () => {
    expect<BuiltInErrors.BuiltIn["_tag"]>().type.toBe<
      | "bad-request"
      | "unauthenticated"
      | "unauthorized"
      | "not-found"
      | "method-not-allowed"
      | "content-too-large"
      | "unsupported-media-type"
      | "internal-server-error"
      | "service-unavailable"
      | "audit-unavailable"
    >()
  })
})

describe("register", () => {
  test("never fails, and returns what was refused", () => {
    const registry: typeof ErrorRegistry.ErrorRegistry.Service = Effect.runSync(ErrorRegistry.make)
    expect(registry.register({ owner: name, errors: [Teapot], overrides: [NoSuchPage] })).type.toBe<
      Effect.Effect<ReadonlyArray<Registration.Refusal>>
    >()
    // @ts-expect-error Property 'owner' is missing
    registry.register({ errors: [Teapot] })
  })
})

describe("translation", () => {
  class Locked extends ApiError.make<Locked>()("auth-locked", { status: 423, message: "{user} is locked" }) {}
  class Plain extends ApiError.make<Plain>()("auth-plain", { status: 423, message: "It is locked" }) {}
  const errors = [Locked, Plain] as const

  test("has the parameters of the error", () => {
    expect(ErrorRegistry.translation("de", errors, { "auth-locked": "{user} ist gesperrt" })).type.toBe<
      Layer.Layer<
        never,
        Registration.RegistrationConflict | Registration.InvalidDefinition,
        ErrorRegistry.ErrorRegistry
      >
    >()
    ErrorRegistry.translation("de", errors, { "auth-locked": "gesperrt", "auth-plain": "gesperrt" })
    // @ts-expect-error The message names '{usr}', which is not one of the fields
    ErrorRegistry.translation("de", errors, { "auth-locked": "{usr} ist gesperrt" })
    // @ts-expect-error The message names '{user}', which is not one of the fields
    ErrorRegistry.translation("de", errors, { "auth-locked": "{user} ist gesperrt", "auth-plain": "{user}" })
  })

  test("is a template", () => {
    // @ts-expect-error The template has a '{' that is never closed: write '{{' for a literal brace
    ErrorRegistry.translation("de", errors, { "auth-locked": "{user ist gesperrt" })
  })

  test("is of one of the errors", () => {
    // @ts-expect-error No error with the id 'auth-loked' is among those that are translated
    ErrorRegistry.translation("de", errors, { "auth-loked": "{user} ist gesperrt" })
  })

  test("may be known only at run time", () => {
    ErrorRegistry.translation(name, errors, {} as Record<string, string>)
    ErrorRegistry.translation(name, [ApiError.make()(name, { status: 404, message: name })], { [name]: name })
  })
})
