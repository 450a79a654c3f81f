import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import type { ByteSource } from "../../src/internal/byteSource.js"
import * as LineReader from "../../src/internal/lineReader.js"

/** Gives the bytes in pieces of these lengths, over and over, with an end now and then that is none. */
const sourceOf = (bytes: Uint8Array, lengths: ReadonlyArray<number>): ByteSource => {
  let at = 0
  let nth = 0
  return {
    taken: () => at,
    read: (into) =>
      Effect.sync(() => {
        const count = Math.min(lengths[nth++ % lengths.length]!, into.length, bytes.length - at)
        into.set(bytes.subarray(at, at + count))
        at += count
        return count
      })
  }
}

const readAll = (bytes: Uint8Array, lengths: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const source = sourceOf(bytes, lengths)
    const reader = LineReader.make(source)
    const found: Array<string> = []
    for (;;) {
      const step = yield* reader.next
      if (step === undefined) {
        if (source.taken() === bytes.length) return { found, rest: reader.rest() }
      } else if (step._tag === "TooLong") found.push(`<${step.length}>`)
      else for (const line of step.lines) found.push(new TextDecoder().decode(line))
    }
  })

describe("make", () => {
  it.effect("gives the same lines however the bytes come", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.constantFrom("", "a", "line", "x".repeat(300_000), "y".repeat(600_000)), { maxLength: 8 }),
          fc.array(fc.constantFrom(0, 1, 5, 262_143, 262_144, 1_000_000), { minLength: 1, maxLength: 5 }),
          fc.boolean(),
          async (texts, lengths, isTorn) => {
            // Single bytes alone would take for ever.
            const pieces = [...lengths, 100_000]
            const torn = isTorn ? "torn" : ""
            const bytes = new TextEncoder().encode(texts.map((text) => text + "\n").join("") + torn)
            const { found, rest } = await Effect.runPromise(readAll(bytes, pieces))
            assert.deepStrictEqual(found, texts)
            assert.strictEqual(new TextDecoder().decode(rest.bytes), torn)
            assert.strictEqual(rest.length, torn.length)
          }
        ),
        { numRuns: 50 }
      )
    )
  )

  it.effect("counts what is longer than any record, and goes on after it", () =>
    Effect.gen(function* () {
      const length = LineReader.maxLine + 12_345
      const bytes = new Uint8Array(length + 8).fill(0x61)
      bytes.set(new TextEncoder().encode("\nnext\nto"), length)
      const { found, rest } = yield* readAll(bytes, [1_000_000])
      assert.deepStrictEqual(found, [`<${length}>`, "next"])
      assert.strictEqual(rest.length, 2)
    })
  )
})
