import { ApiError } from "effect-registrar"
import { Context, Data, Effect, Option, Schema } from "effect"
import { describe, expect, test } from "tstyche"

class Locked extends ApiError.make<Locked>()("auth-locked", { status: 423, message: "The account is locked" }) {}
class Limited extends ApiError.make<Limited>()("auth-limited", {
  status: 429,
  message: "{ip} tries again in {minutes} minutes",
  fields: { ip: Schema.String, minutes: Schema.NumberFromString, note: Schema.optional(Schema.String) }
}) {}
class NotThere extends ApiError.make<NotThere>()("files-not-there", {
  status: 404,
  message: "{path} is not there, {{but}} {other:>8} is"
}) {}

class Database extends Context.Tag("Database")<Database, { readonly size: number }>() {}
class Stored extends Schema.transformOrFail(Schema.String, Schema.String, {
  decode: (key) => Effect.as(Database, key),
  encode: (value) => Effect.as(Database, value)
}) {}

declare const anyText: string
declare const anyStatus: number
declare const anyFields: Schema.Struct.Fields

describe("the status", () => {
  test("is an error status", () => {
    // @ts-expect-error The status 200 is not an error status: use 400 to 599
    ApiError.make()("id", { status: 200, message: "" })
    // @ts-expect-error The status 399 is not an error status: use 400 to 599
    ApiError.make()("id", { status: 399, message: "" })
    // @ts-expect-error The status 600 is not an error status: use 400 to 599
    ApiError.make()("id", { status: 600, message: "" })
    // @ts-expect-error The status 404.5 is not an error status: use 400 to 599
    ApiError.make()("id", { status: 404.5, message: "" })
  })

  test("may be the first and the last of them", () => {
    expect(ApiError.make()("id", { status: 400, message: "" }).status).type.toBe<400>()
    expect(ApiError.make()("id", { status: 599, message: "" }).status).type.toBe<599>()
  })
})

describe("the template", () => {
  test("closes its braces", () => {
    // @ts-expect-error The template has a '{' that is never closed: write '{{' for a literal brace
    ApiError.make()("id", { status: 404, message: "There is no {path" })
    // @ts-expect-error The template has a stray '}': write '}}' for a literal brace
    ApiError.make()("id", { status: 404, message: "There is no path}" })
  })

  test("names its parameters", () => {
    // @ts-expect-error The template has a parameter without a name
    ApiError.make()("id", { status: 404, message: "There is no {}" })
    // @ts-expect-error The template has a '{' inside the parameter '{the {path}'
    ApiError.make()("id", { status: 404, message: "There is no {the {path}}" })
    // @ts-expect-error The parameter name 'file.path' must not contain '.', '[', ']' or '!'
    ApiError.make()("id", { status: 404, message: "There is no {file.path}" })
  })

  test("names fields only", () => {
    // @ts-expect-error The message names '{path}', which is not one of the fields
    ApiError.make()("id", { status: 404, message: "There is no {path}", fields: { file: Schema.String } })
  })

  test("is checked where the class is declared", () => {
    // @ts-expect-error The template has a '{' that is never closed: write '{{' for a literal brace
    class Broken extends ApiError.make<Broken>()("id", { status: 404, message: "There is no {path" }) {}
    return void Broken
  })
})

describe("fields", () => {
  test("do not have the names that an error has already", () => {
    // @ts-expect-error The field name 'message' is taken by every error
    ApiError.make()("id", { status: 404, message: "", fields: { message: Schema.String } })
    // @ts-expect-error The field name '_tag' is taken by every error
    ApiError.make()("id", { status: 404, message: "", fields: { _tag: Schema.String } })
    // @ts-expect-error The field name 'name' is taken by every error
    ApiError.make()("id", { status: 404, message: "", fields: { name: Schema.String } })
    // @ts-expect-error The field name 'stack' is taken by every error
    ApiError.make()("id", { status: 404, message: "", fields: { stack: Schema.String } })
    // @ts-expect-error The field name 'cause' is taken by every error
    ApiError.make()("id", { status: 404, message: "", fields: { cause: Schema.Unknown } })
    // @ts-expect-error The field name 'message' is taken by every error
    ApiError.make()("id", { status: 404, message: "It says {message}" })
  })

  test("need no services", () => {
    // @ts-expect-error The Schemas of the fields must not need services
    ApiError.make()("id", { status: 404, message: "", fields: { key: Stored } })
  })

  test("reach the function that makes headers, with their types", () => {
    ApiError.make()("id", {
      status: 429,
      message: "",
      fields: { minutes: Schema.Int },
      headers: (fields) => {
        expect(fields).type.toBe<Readonly<{ readonly minutes: number }>>()
        return { "retry-after": String(fields.minutes * 60) }
      }
    })
    const fields = { minutes: Schema.Int }
    // @ts-expect-error Property 'seconds' does not exist on type 'Readonly<{ readonly minutes: number; }>'
    ApiError.make()("id", { status: 429, message: "", fields, headers: (e) => ({ "retry-after": `${e.seconds}` }) })
    // @ts-expect-error Type 'number' is not assignable to type 'string'
    ApiError.make()("id", { status: 429, message: "", fields, headers: (e) => ({ "retry-after": e.minutes }) })
  })
})

describe("the constructor", () => {
  test("takes nothing where there are no fields", () => {
    expect(Locked).type.toBeConstructableWith()
    // @ts-expect-error Expected 0 arguments, but got 1
    void new Locked({ ip: "192.0.2.1" })
  })

  test("takes the fields", () => {
    expect(Limited).type.toBeConstructableWith({ ip: "192.0.2.1", minutes: 15 })
    expect(Limited).type.toBeConstructableWith({ ip: "192.0.2.1", minutes: 15, note: "the last time" })
    // @ts-expect-error Expected 1 arguments, but got 0
    void new Limited()
    // @ts-expect-error Property 'minutes' is missing in type '{ ip: string; }'
    void new Limited({ ip: "192.0.2.1" })
    // @ts-expect-error Did you mean to write 'minutes'?
    void new Limited({ ip: "192.0.2.1", minute: 15 })
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    void new Limited({ ip: "192.0.2.1", minutes: "15" })
  })

  test("takes an Option where the field was declared as one", () => {
    const note = Schema.optionalWith(Schema.String, { as: "Option" })
    class Noted extends ApiError.make<Noted>()("id", {
      status: 404,
      message: "{path} is not there",
      fields: { path: Schema.String, note },
      headers: ({ path }) => ({ "x-path": path })
    }) {}
    expect(Noted).type.toBeConstructableWith({ path: "/etc", note: Option.none() })
  })

  test("takes JSON for the parameters where no fields are given", () => {
    expect(NotThere).type.toBeConstructableWith({ path: "/etc", other: [1, null, { a: true }] })
    // @ts-expect-error Property 'other' is missing in type '{ path: string; }'
    void new NotThere({ path: "/etc" })
    // @ts-expect-error Type 'Date' is not assignable to type 'Json'
    void new NotThere({ path: new Date(), other: "" })
  })
})

describe("an instance", () => {
  const limited = new Limited({ ip: "192.0.2.1", minutes: 15 })

  test("has its fields, its id as a tag, and a message", () => {
    expect(limited.minutes).type.toBe<number>()
    expect(limited._tag).type.toBe<"auth-limited">()
    expect(limited.message).type.toBe<string>()
    // @ts-expect-error Cannot assign to 'minutes' because it is a read-only property
    limited.minutes = 16
  })

  test("is an Effect that fails with its class", () => {
    expect(
      Effect.gen(function* () {
        return yield* limited
      })
    ).type.toBe<Effect.Effect<never, Limited>>()
    expect(Effect.catchTag(Effect.asVoid(limited), "auth-limited", () => Effect.void)).type.toBe<Effect.Effect<void>>()
  })
})

describe("the class", () => {
  test("knows its declaration as literals", () => {
    expect(Limited.id).type.toBe<"auth-limited">()
    expect(Limited.status).type.toBe<429>()
  })

  test("is a Schema of its instances, encoded as the body on the wire", () => {
    expect<Schema.Schema.Type<typeof Limited>>().type.toBe<Limited>()
    type Details = { readonly ip: string; readonly minutes: string; readonly note?: string | undefined }
    expect<Schema.Schema.Encoded<typeof Limited>>().type.toBeAssignableTo<ApiError.Body<"auth-limited", Details>>()
    expect<Schema.Schema.Encoded<typeof Limited>>().type.toBeAssignableFrom<ApiError.Body<"auth-limited", Details>>()
    expect<Schema.Schema.Context<typeof Limited>>().type.toBe<never>()
    expect(Locked).type.toBeAssignableTo<Schema.Schema<Locked, ApiError.Body<"auth-locked", {}>>>()
  })

  test("without a name of its own has plain instances", () => {
    const Unnamed = ApiError.make()("id", { status: 404, message: "{n}", fields: { n: Schema.Int } })
    expect(new Unnamed({ n: 1 })).type.toBe<ApiError.ApiError<"id", { readonly n: number }>>()
  })
})

describe("an exception", () => {
  class DiskFull extends Data.TaggedError("DiskFull")<{ readonly path: string }> {}

  test("has a message without parameters", () => {
    expect(ApiError.fromException(DiskFull, { id: "files-full", message: "There is no {{room}}" })).type.toBe<
      ApiError.Exception<DiskFull, "files-full">
    >()
    // @ts-expect-error The message of an exception has no parameters, but it names '{path}'
    ApiError.fromException(DiskFull, { id: "files-full", message: "There is no room in {path}" })
    // @ts-expect-error The template has a '{' that is never closed: write '{{' for a literal brace
    ApiError.fromException(DiskFull, { id: "files-full", message: "There is no room in {path" })
  })

  test("may answer with a declared error", () => {
    class Full extends ApiError.make<Full>()("files-full", { status: 507, message: "There is no room" }) {}
    expect(ApiError.fromException(DiskFull, Full)).type.toBe<ApiError.Exception<DiskFull, "files-full">>()
  })

  test("is given as a class", () => {
    // @ts-expect-error is not assignable to parameter of type 'abstract new (...args: never) => unknown'
    ApiError.fromException(new DiskFull({ path: "/" }), { id: "files-full", message: "There is no room" })
  })
})

describe("what is known only at run time", () => {
  test("is accepted, and widens the types", () => {
    const Dynamic = ApiError.make()(anyText, { status: anyStatus, message: anyText, fields: anyFields })
    expect(Dynamic.id).type.toBe<string>()
    expect(Dynamic.status).type.toBe<number>()
    expect(Dynamic).type.toBeConstructableWith({ any: "thing" })
  })

  test("may be each part alone", () => {
    expect(ApiError.make()(anyText, { status: 404, message: "none" }).id).type.toBe<string>()
    expect(ApiError.make()("id", { status: anyStatus, message: "none" }).status).type.toBe<number>()
    expect(ApiError.make()("id", { status: 404, message: anyText })).type.toBeConstructableWith({ any: "thing" })
    expect(ApiError.make()("id", { status: 404, message: `no ${anyText}` })).type.toBeConstructableWith({ any: 1 })
    expect(ApiError.make()("id", { status: 404, message: "{x}", fields: anyFields })).type.toBeConstructableWith({
      x: 1
    })
    expect(
      ApiError.make()("id", { status: 404, message: anyText, fields: { x: Schema.Int } })
    ).type.toBeConstructableWith({ x: 1 })
    expect(ApiError.fromException(Error, { id: anyText, message: anyText })).type.toBe<
      ApiError.Exception<Error, string>
    >()
  })
})
