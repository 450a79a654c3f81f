import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
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

describe("of", () => {
  it.effect("is always the same for one request, and another for each", () =>
    Effect.gen(function* () {
      const [one, other] = [{}, {}]
      const id = yield* RequestId.of(one)
      assert.match(id, /^[0-9a-f]{16}$/)
      assert.strictEqual(yield* RequestId.of(one, "too-late"), id)
      assert.notStrictEqual(yield* RequestId.of(other), id)
      assert.strictEqual(yield* RequestId.of({}, "given"), "given")
    })
  )

  it.effect("is made for what is no request", () =>
    Effect.gen(function* () {
      assert.match(yield* RequestId.of(undefined), /^[0-9a-f]{16}$/)
    })
  )
})
