import { HttpServerError, HttpServerRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Effect, Either, FiberId, Logger, ParseResult, Redacted, Schema } from "effect"
import fc from "fast-check"
import { ErrorRegistry } from "../../src/index.js"
import { BadRequest, builtIns } from "../../src/BuiltInErrors.js"
import { hostileProxy } from "../support/hostile.js"
import * as Http from "../support/http.js"
import { corpus } from "./corpus.js"
import { Broken, NoItem, Shop, SoldOut, surfaces, type Failing, type Surface } from "./surfaces.js"

const all = Object.keys(surfaces) as ReadonlyArray<Surface>

/** Every id that may be answered with, and the statuses that it has. */
const registered = new Set(
  [...builtIns, ...Shop.errors, ...Shop.exceptions.map(({ error }) => error)].map(({ id, status }) => `${status} ${id}`)
)
/** What the server refuses before it is a request has the id of its status. */
const ofParser = [
  "408 request-timeout",
  "417 expectation-failed",
  "431 request-header-fields-too-large",
  "501 not-implemented"
]

const parse = (received: string) => {
  const [head = "", ...rest] = received.split("\r\n\r\n")
  const [line = "", ...fields] = head.split("\r\n")
  const headers = Object.fromEntries(
    fields.map((field) => [
      field.slice(0, field.indexOf(":")).toLowerCase(),
      field.slice(field.indexOf(":") + 1).trim()
    ])
  )
  return { status: Number(line.split(" ")[1]), headers, body: rest.join("\r\n\r\n") }
}

const never: Failing = Effect.never

it("the corpus has at least 200 requests, each with a name of its own", () => {
  assert.isAtLeast(corpus.length, 200)
  const names = corpus.map(({ name }) => name)
  assert.deepStrictEqual(
    names.filter((name, at) => names.indexOf(name) !== at),
    []
  )
})

for (const surface of all) {
  describe(surface, () => {
    it.scopedLive(
      "every hostile request gets its status, and every error is registered JSON",
      () =>
        Effect.gen(function* () {
          const server = yield* Http.start(surfaces[surface](never))
          const wrong: Array<string> = []
          for (const { bytes, name, status } of corpus) {
            const received = yield* Effect.timeoutOption(server.raw(bytes), "10 seconds")
            const answer = parse(received._tag === "Some" ? received.value : "")
            const expected = typeof status === "number" ? status : status[surface]
            const isHead = name.startsWith("HEAD ")
            const problems = [
              ...(answer.status === expected ? [] : [`${answer.status} instead of ${expected}`]),
              ...(answer.status < 400 || isHead ? [] : problemsOf(answer)),
              ...(/hunter2|password|node_modules|\bat \w+ \(|Schema|Struct/.test(answer.body)
                ? ["it tells too much"]
                : [])
            ]
            if (problems.length > 0) wrong.push(`${name}: ${problems.join("; ")}: ${answer.body.slice(0, 200)}`)
          }
          assert.deepStrictEqual(wrong, [])
          // It still works.
          assert.strictEqual((yield* server.request("GET", "/items/1")).status, 200)
        }),
      120_000
    )
  })
}

const problemsOf = (answer: ReturnType<typeof parse>): ReadonlyArray<string> => {
  if (answer.body === "") return ["an empty body"]
  const type = answer.headers["content-type"]
  const parsed = Either.try(() => JSON.parse(answer.body))
  if (Either.isLeft(parsed)) return ["no JSON"]
  const error = parsed.right?.error
  const key = `${answer.status} ${String(error?.id)}`
  return [
    ...(type === "application/json" ? [] : [`the content type ${String(type)}`]),
    ...(registered.has(key) || ofParser.includes(key) ? [] : [`'${key}' is not registered`]),
    ...(typeof error?.message === "string" && error.message !== "" ? [] : ["no message"])
  ]
}

const planted = "hunter2"

class Foreign extends Data.TaggedError("Foreign")<{ readonly password: string }> {}

/** Everything that may be thrown or failed with, each with the secret in it. */
const leaves: ReadonlyArray<() => unknown> = [
  () => new Error(planted),
  () => new Error("outer", { cause: new Error(planted) }),
  () => Object.assign(new TypeError("x"), { secret: planted }),
  () => new Broken(planted),
  () => new Foreign({ password: planted }),
  () => new SoldOut({ item: "tea", token: Redacted.make(planted) }),
  () => new NoItem({ id: 404 }),
  () => planted,
  () => ({ _tag: "NotFound", message: planted }),
  () => ({ _tag: "shop-sold-out", item: planted, toString: () => planted }),
  () => ({ _tag: "HttpApiDecodeError", message: planted, issues: [] }),
  () => Symbol(planted),
  () => [planted],
  () => new Map([[planted, planted]]),
  () => hostileProxy,
  () => null,
  () => undefined,
  () => 7n,
  () => new AggregateError([new Error(planted)], planted),
  () => Cause.fail(planted),
  () => new Cause.TimeoutException(planted),
  () => Either.getOrThrow(Either.flip(Schema.decodeUnknownEither(Schema.Int)(planted))),
  () =>
    Either.getOrThrow(
      Either.flip(Schema.decodeUnknownEither(Schema.Struct({ a: Schema.Literal("b") }))({ a: planted }))
    ),
  () => new ParseResult.ParseError({ issue: new ParseResult.Type(Schema.Int.ast, planted, planted) }),
  () => new BadRequest(),
  () => new ErrorRegistry.Aborted({ status: 500, id: "unknown" }),
  () =>
    new HttpServerError.RequestError({
      request: HttpServerRequest.fromWeb(new Request("http://localhost/")),
      reason: "Decode",
      cause: planted
    }),
  () =>
    new HttpServerError.RouteNotFound({
      request: HttpServerRequest.fromWeb(new Request(`http://localhost/${planted}`))
    })
]

/** Numbers stand for the leaves, since fast-check must not look at a proxy that throws. */
type Shape = "interrupt" | "empty" | readonly ["fail" | "die", number] | readonly ["then" | "beside", Shape, Shape]

const at = fc.nat({ max: leaves.length - 1 })

const shapes: fc.Arbitrary<Shape> = fc.letrec<{ shape: Shape }>((tie) => ({
  shape: fc.oneof(
    { maxDepth: 4 },
    fc.tuple(fc.constantFrom("fail" as const, "die" as const), at),
    fc.constantFrom("interrupt" as const, "empty" as const),
    fc.tuple(fc.constantFrom("then" as const, "beside" as const), tie("shape"), tie("shape"))
  )
})).shape

const toCause = (shape: Shape): Cause.Cause<unknown> => {
  if (shape === "interrupt") return Cause.interrupt(FiberId.none)
  if (shape === "empty") return Cause.empty
  switch (shape[0]) {
    case "fail":
      return Cause.fail(leaves[shape[1]]!())
    case "die":
      return Cause.die(leaves[shape[1]]!())
    case "then":
      return Cause.sequential(toCause(shape[1]), toCause(shape[2]))
    case "beside":
      return Cause.parallel(toCause(shape[1]), toCause(shape[2]))
  }
}

const silent = Logger.remove(Logger.defaultLogger)

for (const surface of all) {
  it.scopedLive(
    `${surface}: none of 10,000 random causes shows its secret, and each is registered JSON`,
    () =>
      Effect.gen(function* () {
        let cause: Cause.Cause<unknown> = Cause.empty
        // What the types do not let through happens all the same.
        const failing = Effect.suspend(() => Effect.failCause(cause)) as Failing
        const app = yield* Http.startInProcess(surfaces[surface](failing))
        const wrong: Array<string> = []
        for (const shape of fc.sample(shapes, { numRuns: 10_000, seed: 2026 })) {
          cause = toCause(shape)
          const response = yield* app.request(new Request("http://localhost/failing"))
          const body = yield* Effect.promise(() => response.text())
          const answer = { status: response.status, headers: Object.fromEntries(response.headers), body }
          const everything = JSON.stringify(answer)
          const problems = [
            ...(answer.status < 400 ? [`${answer.status} is no error`] : problemsOf(answer)),
            ...(everything.includes(planted) ? ["the secret is in it"] : [])
          ]
          if (problems.length > 0 && wrong.length < 10) wrong.push(`${problems.join("; ")}: ${everything}`)
        }
        assert.deepStrictEqual(wrong, [])
      }).pipe(Effect.provide(silent)),
    120_000
  )
}
