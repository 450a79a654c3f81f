import { ApiError, AuditEvent } from "effect-registrar"
import * as Privacy from "effect-registrar/Privacy"
import { Redacted, Schema } from "effect"
import { describe, expect, test } from "tstyche"

class User extends Schema.Class<User>("User")({ name: Schema.String }) {}

describe("a mark", () => {
  test("keeps the type of a Schema, and what can be done with it", () => {
    expect(Schema.String.pipe(Privacy.omit)).type.toBe<Schema.SchemaClass<string>>()
    expect(Privacy.mask(Schema.Int)).type.toBe<ReturnType<typeof Schema.Int.annotations>>()
    expect(Schema.NumberFromString.pipe(Privacy.hmac)).type.toBe<
      ReturnType<typeof Schema.NumberFromString.annotations>
    >()
    expect(Schema.Redacted(Schema.String).pipe(Privacy.keepLast(4))).type.toBe<Schema.Redacted<typeof Schema.String>>()
    expect(Schema.Struct({ a: Schema.Int }).pipe(Privacy.omit).fields).type.toBe<Readonly<{ a: typeof Schema.Int }>>()
    expect(User.pipe(Privacy.omit)).type.toBe<Schema.SchemaClass<User, { readonly name: string }>>()
  })

  test("keeps that of an optional field", () => {
    expect(Schema.optional(Schema.String).pipe(Privacy.omit)).type.toBe<Schema.optional<typeof Schema.String>>()
    const defaulted = Schema.optionalWith(Schema.Int, { default: () => 1 })
    expect(defaulted.pipe(Privacy.hmac)).type.toBe(defaulted)
  })

  test("is put on Schemas alone", () => {
    expect(Privacy.omit).type.not.toBeCallableWith("text")
    expect(Privacy.keepLast).type.not.toBeCallableWith({ last: 4 })
  })
})

describe("marked fields", () => {
  test("are the parameters of an event as they were", () => {
    const event = AuditEvent.make("type", {
      level: "Info",
      message: "{email} {pin}",
      fields: {
        email: Schema.String.pipe(Privacy.hmac),
        pin: Schema.Redacted(Schema.NumberFromString).pipe(Privacy.omit),
        note: Schema.optional(Schema.String).pipe(Privacy.mask)
      }
    })
    expect<AuditEvent.Params<typeof event>>().type.toBe<
      Readonly<{ readonly email: string; readonly pin: Redacted.Redacted<number>; readonly note?: string | undefined }>
    >()
    // @ts-expect-error The message names '{mail}', which is not one of the fields
    AuditEvent.make("type", { level: "Info", message: "{mail}", fields: { email: Schema.String.pipe(Privacy.hmac) } })
  })

  test("are the members of an error as they were", () => {
    class Denied extends ApiError.make<Denied>()("denied", {
      status: 403,
      message: "{pin}",
      fields: { pin: Schema.Int.pipe(Privacy.mask) }
    }) {}
    expect(new Denied({ pin: 1 }).pin).type.toBe<number>()
    expect(Denied).type.not.toBeConstructableWith({ pin: "1" })
  })
})
