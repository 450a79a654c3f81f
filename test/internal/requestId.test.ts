import { HttpServerRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Random } from "effect"
import * as RequestId from "../../src/internal/requestId.js"

describe("given", () => {
  const trace = "0af7651916cd43dd8448eb211c80319c"
  const cases: ReadonlyArray<readonly [headers: Record<string, string>, id: string | undefined]> = [
    [{}, undefined],
    [{ "x-request-id": "a-1_2.3:4+5/6=@" }, "a-1_2.3:4+5/6=@"],
    [{ "x-request-id": "a", traceparent: `00-${trace}-b7ad6b7169203331-01` }, "a"],
    [{ "x-request-id": "a b", traceparent: `00-${trace}-b7ad6b7169203331-01` }, trace],
    [{ "x-request-id": "" }, undefined],
    [{ "x-request-id": "a\nb" }, undefined],
    [{ "x-request-id": "x".repeat(129) }, undefined],
    [{ "x-request-id": "<script>" }, undefined],
    [{ traceparent: `00-${trace}-b7ad6b7169203331-01` }, trace],
    [{ traceparent: `cc-${trace}-b7ad6b7169203331-01-what-comes-later` }, trace],
    [{ traceparent: `00-${"0".repeat(32)}-b7ad6b7169203331-01` }, undefined],
    [{ traceparent: "00-short-b7ad6b7169203331-01" }, undefined]
  ]
  for (const [headers, id] of cases) {
    it(`is ${String(id)} for ${JSON.stringify(headers)}`, () => assert.strictEqual(RequestId.given(headers), id))
  }
})

describe("the id of a request", () => {
  const idOf = (given?: string) =>
    Effect.withFiberRuntime<string>((fiber) =>
      given === undefined ? RequestId.finder()(fiber, Effect.succeed) : Effect.succeed(RequestId.of(fiber, () => given))
    )
  const inRequest = Effect.provideServiceEffect(
    HttpServerRequest.HttpServerRequest,
    Effect.sync(() => HttpServerRequest.fromWeb(new Request("http://localhost/")))
  )

  it.effect("is always the same for one request, and another for each", () =>
    Effect.gen(function* () {
      const both = Effect.all([idOf(), Effect.fork(idOf("too-late")).pipe(Effect.flatMap(Fiber.join))])
      const [id, again] = yield* inRequest(both)
      assert.match(id, /^[0-9a-f]{16}$/)
      assert.strictEqual(again, id)
      assert.notStrictEqual(yield* inRequest(idOf()), id)
      assert.strictEqual(yield* inRequest(idOf("given")), "given")
    })
  )

  it.effect("is another each time where there is no request", () =>
    Effect.gen(function* () {
      assert.notStrictEqual(yield* idOf(), yield* idOf())
      assert.strictEqual(yield* idOf("given"), "given")
    })
  )

  it.effect("is drawn at random: none comes twice, in one generator or in two", () =>
    Effect.gen(function* () {
      const generators = [yield* RequestId.generator, yield* RequestId.generator]
      const ids = generators.flatMap((next) => Array.from({ length: 50_000 }, next))
      assert.strictEqual(new Set(ids).size, ids.length)
      for (const id of ids) assert.match(id, /^[0-9a-f]{16}$/)
    })
  )

  it.effect("is the same where chance is the same", () =>
    Effect.gen(function* () {
      const [first, second] = [Random.make("seed"), Random.make("seed")]
      const next = yield* Effect.withRandom(RequestId.generator, first)
      const same = yield* Effect.withRandom(RequestId.generator, second)
      assert.strictEqual(next() + next(), same() + same())
    })
  )
})
