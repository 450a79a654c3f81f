/** Random errors, from the server over the wire to the client: the same class, the same fields, in both forms. */
import {
  FetchHttpClient,
  HttpApiClient,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpClient,
  HttpClientRequest,
  HttpLayerRouter
} from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Either, Layer, Schema } from "effect"
import fc from "fast-check"
import * as ApiError from "../src/ApiError.js"
import * as Extension from "../src/Extension.js"
import * as RegisteredApi from "../src/RegisteredApi.js"
import * as Registrar from "../src/Registrar.js"
import * as Http from "./support/http.js"

/** Fields of many kinds; those that transform are not on the wire what they are in the program. */
const kinds: ReadonlyArray<Schema.Struct.Field> = [
  Schema.String,
  Schema.Int,
  Schema.Boolean,
  Schema.NumberFromString,
  Schema.ValidDateFromSelf.pipe(Schema.encodedSchema, () => Schema.Date.pipe(Schema.validDate())),
  Schema.Literal("a", "b", 3, null),
  Schema.NullOr(Schema.String),
  Schema.Array(Schema.Struct({ a: Schema.String, b: Schema.Int })),
  Schema.Record({ key: Schema.String, value: Schema.Int }),
  Schema.Tuple(Schema.String, Schema.Int),
  Schema.Option(Schema.String),
  Schema.BigInt,
  Schema.Uint8ArrayFromBase64,
  Schema.optional(Schema.String),
  Schema.optionalWith(Schema.Int, { exact: true }),
  Schema.NonEmptyTrimmedString
]

/** Among them those that problem details have themselves, and what objects have. */
const names = [
  "type",
  "title",
  "status",
  "detail",
  "instance",
  "details",
  "error",
  "id",
  "constructor",
  "ip",
  "größe",
  "a b"
]

interface Declared {
  readonly error: ApiError.Any & (new (fields: object) => ApiError.ApiError<string, {}>)
  readonly values: ReadonlyArray<object>
}

const declared: fc.Arbitrary<Declared> = fc
  .record({
    id: fc.stringMatching(/^round-[a-z0-9]{1,5}(-[a-z0-9]{1,3}){0,2}$/),
    status: fc.integer({ min: 400, max: 599 }),
    fields: fc.dictionary(fc.constantFrom(...names), fc.constantFrom(...kinds), { maxKeys: 5 })
  })
  .chain(({ fields, id, status }) => {
    const message = Object.keys(fields)
      .map((name) => `{${name}}`)
      .join(" ")
    // What is made at run time has the type of anything declared.
    const error = ApiError.make()(id, { status, message, fields }) as unknown as Declared["error"]
    const value = Arbitrary.make(Schema.typeSchema(Schema.Struct(fields)) as Schema.Schema<object>)
    return fc.array(value, { minLength: 1, maxLength: 3 }).map((values) => ({ error, values }))
  })

const accepts = ["application/json", "application/problem+json"]

type Fails = Effect.Effect<never, ApiError.ApiError<string, {}>>

/** What a client of the api is given, and a client that only reads bodies, for each value and form. */
const outcomes = ({ error, values }: Declared) =>
  Effect.gen(function* () {
    let failing: Fails = Effect.never
    const Api = RegisteredApi.make("round").add(
      HttpApiGroup.make("trip").add(
        HttpApiEndpoint.get("fail", "/api").addError(error as unknown as Schema.Schema<ApiError.ApiError<string, {}>>)
      )
    )
    const fails: Fails = Effect.suspend(() => failing)
    const Trip = RegisteredApi.group(Api, "trip", (handlers) => handlers.handle("fail", () => fails))
    const Round = Extension.make("round", { errors: [error] })
    const app = Layer.mergeAll(
      RegisteredApi.layer(Api).pipe(Layer.provide(Trip)),
      HttpLayerRouter.add("GET", "/route", fails)
    ).pipe(Layer.provide(Round.layer))
    const server = yield* Http.startInProcess(Registrar.serve(app as Layer.Layer<never>, { disableListenLog: true }))
    const fetch: typeof globalThis.fetch = (input, init) => Effect.runPromise(server.request(new Request(input, init)))
    const http = Layer.provide(FetchHttpClient.layer, Layer.succeed(FetchHttpClient.Fetch, fetch))
    const read = Schema.decodeUnknownEither(error as unknown as Schema.Schema<unknown>)

    const roundTrips = values.flatMap((value) =>
      accepts.map((accept) =>
        Effect.gen(function* () {
          const sent = new error(value)
          failing = Effect.fail(sent)
          const client = yield* HttpApiClient.make(Api, {
            baseUrl: "http://localhost",
            transformClient: HttpClient.mapRequest(HttpClientRequest.setHeader("accept", accept))
          })
          const byClient = yield* Effect.flip(client.trip.fail({}))
          const response = yield* HttpClient.get("http://localhost/route", { headers: { accept } })
          assert.deepStrictEqual([response.status, response.headers["content-type"]], [error.status, accept])
          const bySchema = Either.getOrThrow(read(yield* response.json))
          return { accept, error, sent, received: [byClient, bySchema] }
        })
      )
    )
    return yield* Effect.provide(Effect.all(roundTrips), http)
  }).pipe(Effect.scoped)

/** On the wire, what is `undefined` is not there. */
const fieldsOf = (error: object) => Object.fromEntries(Object.entries(error).filter(([, value]) => value !== undefined))

describe("an error", () => {
  it.live(
    "comes back as an instance of its class with its fields, for random classes, in both forms, through HttpApi and routes",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(declared, async (given) => {
            for (const { accept, error, received, sent } of await Effect.runPromise(outcomes(given))) {
              for (const each of received) {
                assert.instanceOf(each, error, accept)
                assert.deepStrictEqual(fieldsOf(each as object), fieldsOf(sent), accept)
                assert.strictEqual((each as Error).message, sent.message, accept)
              }
            }
          }),
          { numRuns: 100 }
        )
      ),
    120_000
  )
})
