import type { HttpBody, HttpLayerRouter, HttpServerError, HttpServerResponse, Multipart } from "@effect/platform"
import { ApiError, BuiltInErrors, ErrorRegistry, Extension, HttpErrors, type Registration } from "effect-registrar"
import { Context, Data, Effect, type Layer, type ParseResult, Schema } from "effect"
import { describe, expect, test } from "tstyche"

class Locked extends ApiError.make<Locked>()("auth-locked", { status: 423, message: "The account is locked" }) {}
class Limited extends ApiError.make<Limited>()("auth-limited", {
  status: 429,
  message: "Try again in {minutes} minutes",
  fields: { minutes: Schema.Int }
}) {}
class UpstreamDown extends Data.TaggedError("UpstreamDown")<{}> {}
class Database extends Context.Tag("Database")<Database, { readonly size: number }>() {}

const Auth = Extension.make("auth", { errors: [Locked, Limited] })

type Response = HttpServerResponse.HttpServerResponse
declare const handler: <E, R = never>() => Effect.Effect<Response, E, R>
declare const name: string

type Handled<R> = Effect.Effect<Response, never, ErrorRegistry.ErrorRegistry | R>

describe("handle", () => {
  test("leaves no failure, and asks for the registry", () => {
    expect(HttpErrors.handle(handler<never>())).type.toBe<Handled<never>>()
  })

  test("asks for the proof of exactly what fails", () => {
    expect(HttpErrors.handle(handler<Locked>())).type.toBe<Handled<Registration.Registered<Locked>>>()
    expect(HttpErrors.handle(handler<Locked | Limited | UpstreamDown>())).type.toBe<
      Handled<
        Registration.Registered<Locked> | Registration.Registered<Limited> | Registration.Registered<UpstreamDown>
      >
    >()
  })

  test("asks for nothing where the answer is built in", () => {
    expect(HttpErrors.handle(handler<BuiltInErrors.BuiltIn | ErrorRegistry.Aborted>())).type.toBe<Handled<never>>()
    type OfTheFramework =
      | HttpServerError.RouteNotFound
      | HttpServerError.RequestError
      | HttpServerError.ResponseError
      | HttpBody.HttpBodyError
      | Multipart.MultipartError
      | ParseResult.ParseError
    expect(HttpErrors.handle(handler<OfTheFramework>())).type.toBe<Handled<never>>()
  })

  test("asks for nothing where the id is known only at run time", () => {
    const Dynamic = ApiError.make()(name, { status: 404, message: name })
    expect(HttpErrors.handle(handler<InstanceType<typeof Dynamic>>())).type.toBe<Handled<never>>()
  })

  test("keeps what the handler requires", () => {
    expect(HttpErrors.handle(handler<Locked, Database>())).type.toBe<
      Handled<Database | Registration.Registered<Locked>>
    >()
  })

  test("is proved by the layer of the extension", () => {
    const handled = HttpErrors.handle(handler<Locked | Limited>())
    type Failure = Registration.RegistrationConflict | Registration.InvalidDefinition
    expect(handled.pipe(Effect.provide(Auth.layer), Effect.provide(ErrorRegistry.layer))).type.toBeAssignableTo<
      Effect.Effect<Response, Failure, unknown>
    >()
    expect<
      Exclude<Effect.Effect.Context<typeof handled>, Layer.Layer.Success<typeof Auth.layer>>
    >().type.toBe<ErrorRegistry.ErrorRegistry>()
  })

  test("cannot be run without the proof", () => {
    const handled = HttpErrors.handle(handler<Locked>()).pipe(Effect.provide(ErrorRegistry.layer))
    // @ts-expect-error Type 'Registered<Locked>' is not assignable to type 'never'
    Effect.runPromise(handled)
  })
})

describe("layer", () => {
  test("proves what is answered without being registered", () => {
    expect<
      HttpLayerRouter.Request.From<"Error", BuiltInErrors.NotFound> extends Layer.Layer.Success<
        ReturnType<typeof HttpErrors.layer>
      >
        ? true
        : false
    >().type.toBe<true>()
    expect<
      HttpLayerRouter.Request.From<"Error", Locked> extends Layer.Layer.Success<ReturnType<typeof HttpErrors.layer>>
        ? true
        : false
    >().type.toBe<false>()
  })
})
