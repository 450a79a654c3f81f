import { AuditEvent } from "effect-registrar"
import { Context, Effect, Schema } from "effect"
import { describe, expect, test } from "tstyche"

class Database extends Context.Tag("Database")<Database, { readonly size: number }>() {}
class Stored extends Schema.transformOrFail(Schema.String, Schema.String, {
  decode: (key) => Effect.as(Database, key),
  encode: (value) => Effect.as(Database, value)
}) {}

declare const anyText: string
declare const anyLevel: AuditEvent.Level
declare const anyFields: Schema.Struct.Fields

describe("the template", () => {
  test("closes its braces", () => {
    // @ts-expect-error The template has a '{' that is never closed: write '{{' for a literal brace
    AuditEvent.make("type", { level: "Info", message: "{user has come" })
    // @ts-expect-error The template has a stray '}': write '}}' for a literal brace
    AuditEvent.make("type", { level: "Info", message: "user} has come" })
  })

  test("names its parameters", () => {
    // @ts-expect-error The template has a parameter without a name
    AuditEvent.make("type", { level: "Info", message: "{} has come" })
    // @ts-expect-error The template has a '{' inside the parameter '{the {user}'
    AuditEvent.make("type", { level: "Info", message: "{the {user}} has come" })
    // @ts-expect-error The parameter name 'user.name' must not contain '.', '[', ']' or '!'
    AuditEvent.make("type", { level: "Info", message: "{user.name} has come" })
  })

  test("names fields, or what comes from the context", () => {
    // @ts-expect-error The message names '{reason}', which is not one of the fields
    AuditEvent.make("type", { level: "Info", message: "{reason}", fields: { cause: Schema.String } })
    const event = AuditEvent.make("type", {
      level: "Info",
      message: "{user} {ip} {path} {n}",
      fields: { n: Schema.Int }
    })
    expect<AuditEvent.Params<typeof event>>().type.toBe<Readonly<{ readonly n: number }>>()
  })
})

describe("fields", () => {
  test("do not have the names that come from the context", () => {
    // @ts-expect-error The field 'ip' comes from AuditContext and cannot be declared
    AuditEvent.make("type", { level: "Info", message: "", fields: { ip: Schema.String } })
    // @ts-expect-error The field 'path' comes from AuditContext and cannot be declared
    AuditEvent.make("type", { level: "Info", message: "", fields: { path: Schema.String } })
    // @ts-expect-error The field 'user' comes from AuditContext and cannot be declared
    AuditEvent.make("type", { level: "Info", message: "", fields: { user: Schema.String } })
  })

  test("need no services", () => {
    // @ts-expect-error The Schemas of the fields must not need services
    AuditEvent.make("type", { level: "Info", message: "", fields: { key: Stored } })
  })

  test("are the parameters of the message where none are given", () => {
    const event = AuditEvent.make("type", { level: "Info", message: "'{user}' came from {ip}: {reason}, {n:03d}" })
    expect<keyof AuditEvent.Params<typeof event>>().type.toBe<"reason" | "n">()
  })
})

describe("collapsing", () => {
  test("is by fields, or by what comes from the context", () => {
    expect(AuditEvent.make).type.toBeCallableWith("type", {
      level: "Info",
      message: "{user} {n}",
      fields: { n: Schema.Int, m: Schema.Int },
      collapse: { within: "1 minute", by: ["ip", "path", "user", "m"] }
    })
    AuditEvent.make("type", { level: "Info", message: "{n}", collapse: { within: 1_000, by: ["n"] } })
    // @ts-expect-error The events collapse by 'o', which is neither a field nor 'ip', 'path' or 'user'
    AuditEvent.make("type", { level: "Info", message: "{n}", collapse: { within: "1 minute", by: ["n", "o"] } })
    AuditEvent.make("type", {
      level: "Info",
      message: "",
      fields: { n: Schema.Int },
      // @ts-expect-error Type '"1 fortnight"' is not assignable
      collapse: { within: "1 fortnight", by: ["n"] }
    })
    // @ts-expect-error The events collapse by 'o', which is neither a field nor 'ip', 'path' or 'user'
    AuditEvent.make("type", {
      level: "Info",
      message: "",
      fields: { n: Schema.Int },
      collapse: { within: 1, by: ["o"] }
    })
  })

  test("may be known only at run time", () => {
    AuditEvent.make("type", { level: "Info", message: "{n}", collapse: { within: 1_000, by: [anyText] } })
    AuditEvent.make("type", { level: "Info", message: anyText, collapse: { within: 1_000, by: [anyText] } })
    AuditEvent.make("type", { level: "Info", message: "", fields: anyFields, collapse: { within: 1, by: ["n"] } })
  })

  test("leaves the type of the event as it is", () => {
    const event = AuditEvent.make("type", { level: "Info", message: "{n}", collapse: { within: 1, by: ["n"] } })
    const plain = AuditEvent.make("type", { level: "Info", message: "{n}" })
    expect(event).type.toBe<typeof plain>()
  })
})

describe("the level", () => {
  test("is one of Effect's names", () => {
    // @ts-expect-error Type '"WARNING"' is not assignable to type '"Debug" | "Info" | "Warning" | "Error" | "Fatal"'. Did you mean '"Warning"'?
    AuditEvent.make("type", { level: "WARNING", message: "" })
  })
})

describe("an event", () => {
  test("knows its declaration as literals", () => {
    const event = AuditEvent.make("auth-left", { level: "Info", message: "{user} has left" })
    expect(event.type).type.toBe<"auth-left">()
    expect(event.text).type.toBe<"{user} has left">()
    expect(event).type.toBe<AuditEvent.AuditEvent<"auth-left", "{user} has left", {}>>()
  })

  test("needs a context where it names the address or the path", () => {
    const withAddress = AuditEvent.make("type", { level: "Info", message: "{ip}" })
    const withPath = AuditEvent.make("type", { level: "Info", message: "{path:>20}" })
    const withUser = AuditEvent.make("type", { level: "Info", message: "{user} {{ip}}" })
    expect<AuditEvent.NeedsContext<typeof withAddress>>().type.toBe<true>()
    expect<AuditEvent.NeedsContext<typeof withPath>>().type.toBe<true>()
    expect<AuditEvent.NeedsContext<typeof withUser>>().type.toBe<false>()
    expect<AuditEvent.NeedsContext<AuditEvent.Any>>().type.toBe<false>()
  })
})

describe("what is known only at run time", () => {
  test("is accepted, and widens the types", () => {
    const dynamic = AuditEvent.make(anyText, { level: anyLevel, message: anyText, fields: anyFields })
    expect(dynamic.type).type.toBe<string>()
    expect(dynamic.text).type.toBe<string>()
    expect(dynamic).type.toBeAssignableTo<AuditEvent.Any>()
  })

  test("may be each part alone", () => {
    expect(AuditEvent.make(anyText, { level: "Info", message: "{a}" }).type).type.toBe<string>()
    expect(AuditEvent.make("type", { level: "Info", message: anyText }).text).type.toBe<string>()
    expect(AuditEvent.make("type", { level: "Info", message: "{a}", fields: anyFields }).type).type.toBe<"type">()
    expect(
      AuditEvent.make("type", { level: "Info", message: anyText, fields: { n: Schema.Int } }).type
    ).type.toBe<"type">()
  })
})
